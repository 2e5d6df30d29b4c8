//! One register of each instruction set behind one trait, so that the matrix kernel is written once.

#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

use half::{bf16, f16};

use crate::simd::mul_add;

/// A register of f32 values.
pub(super) trait Lanes: Copy {
    /// Values in a register.
    const N: usize;
    /// Whether the set has 32 registers; else it has 16.
    const MANY_REGISTERS: bool;

    /// All values equal `value`.
    fn splat(value: f32) -> Self;
    /// # Safety
    /// `from` points to `N` readable values, and the processor has the instruction set.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// As [`Lanes::load`].
    unsafe fn load_f16(from: *const f16) -> Self;
    /// # Safety
    /// As [`Lanes::load`].
    unsafe fn load_bf16(from: *const bf16) -> Self;
    /// # Safety
    /// As [`Lanes::load`].
    unsafe fn load_i8(from: *const i8) -> Self;
    /// # Safety
    /// `to` points to `N` writable values, and the processor has the instruction set.
    unsafe fn store(self, to: *mut f32);
    /// `self + a b`.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// `self + a`.
    fn add(self, a: Self) -> Self;
    /// `self a`, rounded.
    fn times(self, a: Self) -> Self;
}

/// The plain twin, for processors without a set of their own.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 8]);

impl Lanes for Plain {
    const N: usize = 8;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; the pointer need not be aligned for this read.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: as above.
        Self(unsafe { from.cast::<[f16; 8]>().read_unaligned() }.map(f16::to_f32))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: as above.
        Self(unsafe { from.cast::<[bf16; 8]>().read_unaligned() }.map(bf16::to_f32))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: as above.
        Self(unsafe { from.cast::<[i8; 8]>().read_unaligned() }.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above, for writing.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add_product(mut self, a: Self, b: Self) -> Self {
        for i in 0..8 {
            self.0[i] = mul_add::<false>(a.0[i], b.0[i], self.0[i]);
        }
        self
    }

    #[inline(always)]
    fn add(mut self, a: Self) -> Self {
        for i in 0..8 {
            self.0[i] += a.0[i];
        }
        self
    }

    #[inline(always)]
    fn times(mut self, a: Self) -> Self {
        for i in 0..8 {
            self.0[i] *= a.0[i];
        }
        self
    }
}
