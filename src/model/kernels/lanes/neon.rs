//! NEON. The methods are inlined into kernels; every aarch64 processor has the set.

use std::arch::aarch64::*;

use half::{bf16, f16};

use super::Lanes;

/// NEON.
#[derive(Clone, Copy)]
pub(in super::super) struct Neon(float32x4_t);

impl Lanes for Neon {
    const N: usize = 4;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; the pointer need not be aligned to more than its values.
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: the caller's promise; widening f16 is part of NEON, and its intrinsic is not stable yet.
        unsafe {
            let halves = vld1_u16(from.cast());
            let wide: float32x4_t;
            std::arch::asm!(
                "fcvtl {wide:v}.4s, {halves:v}.4h",
                wide = out(vreg) wide,
                halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags),
            );
            Self(wide)
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: the caller's promise; a bf16 is the upper half of the f32 that it stands for.
        Self(unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from.cast()))) })
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller's promise; the load is of 4 bytes.
        unsafe {
            let bytes = vcreate_s8(u64::from(from.cast::<u32>().read_unaligned()));
            Self(vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes)))))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above, for writing.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        Self(unsafe { vfmaq_f32(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add(self, a: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vaddq_f32(self.0, a.0) })
    }

    #[inline(always)]
    fn times(self, a: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vmulq_f32(self.0, a.0) })
    }
}
