//! NEON, with its dot product or without. The methods are inlined into kernels that are compiled for the set, which is what
//! makes the intrinsics sound.

use std::arch::aarch64::*;

use super::GROUP;
use super::sums::Sums;

/// NEON, and the dot product where it says so. Activations of at most 127 are the same numbers with a sign.
#[derive(Clone, Copy)]
pub(super) struct Neon<const DOT: bool>(int32x4_t);

impl<const DOT: bool> Sums for Neon<DOT> {
    const N: usize = 4;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: every aarch64 processor has NEON.
        Self(unsafe { vdupq_n_s32(0) })
    }

    #[inline(always)]
    fn splat(group: [u8; GROUP]) -> Self {
        // SAFETY: as above.
        Self(unsafe { vdupq_n_s32(i32::from_ne_bytes(group)) })
    }

    #[inline(always)]
    unsafe fn load(weights: *const i8) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { vreinterpretq_s32_s8(vld1q_s8(weights)) })
    }

    #[inline(always)]
    unsafe fn load_sums(sums: *const i32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { vld1q_s32(sums) })
    }

    #[inline(always)]
    fn add_products(self, weights: Self, q: Self) -> Self {
        // SAFETY: every aarch64 processor has NEON, and only kernels compiled for the dot product have `DOT` set.
        unsafe {
            if DOT {
                let mut sums = self.0;
                // The intrinsic is not stable yet.
                std::arch::asm!(
                    "sdot {sums:v}.4s, {weights:v}.16b, {q:v}.16b",
                    sums = inout(vreg) sums,
                    weights = in(vreg) weights.0,
                    q = in(vreg) q.0,
                    options(pure, nomem, nostack, preserves_flags),
                );
                return Self(sums);
            }
            let (weights, q) = (vreinterpretq_s8_s32(weights.0), vreinterpretq_s8_s32(q.0));
            let low = vmull_s8(vget_low_s8(weights), vget_low_s8(q));
            let high = vmull_high_s8(weights, q);
            Self(vpadalq_s16(self.0, vpaddq_s16(low, high)))
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: every aarch64 processor has NEON.
        Self(unsafe { vaddq_s32(self.0, other.0) })
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vsubq_s32(self.0, other.0) })
    }

    #[inline(always)]
    fn times_128(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vshlq_n_s32::<7>(self.0) })
    }

    #[inline(always)]
    unsafe fn add_to(self, scale: *const f32, bias: *const f32, x: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let product = vmulq_f32(vcvtq_f32_s32(self.0), vld1q_f32(scale));
            let change = vaddq_f32(product, vld1q_f32(bias));
            vst1q_f32(x, vaddq_f32(vld1q_f32(x), change));
        }
    }

    #[inline(always)]
    unsafe fn write(self, step: f32, scale: *const f32, bias: *const f32, y: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let scale = vmulq_n_f32(vld1q_f32(scale), step);
            let product = vmulq_f32(vcvtq_f32_s32(self.0), scale);
            vst1q_f32(y, vaddq_f32(product, vld1q_f32(bias)));
        }
    }
}
