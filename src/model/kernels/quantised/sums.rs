//! A register of 32-bit sums of each instruction set behind one trait, and the plain twin.

use super::GROUP;

/// A register of 32-bit sums, one for each of `N` outputs; a register of weights or activations is the same bits as four
/// bytes a lane.
pub(super) trait Sums: Copy {
    /// Lanes in a register.
    const N: usize;
    /// Whether the set has 32 registers; else it has 16.
    const MANY_REGISTERS: bool;

    /// All sums 0.
    fn zero() -> Self;
    /// The same four bytes in every lane, each at most 127.
    fn splat(group: [u8; GROUP]) -> Self;
    /// # Safety
    /// `weights` points to `4 N` readable bytes, and the processor has the instruction set.
    unsafe fn load(weights: *const i8) -> Self;
    /// # Safety
    /// `sums` points to `N` readable values, and the processor has the instruction set.
    unsafe fn load_sums(sums: *const i32) -> Self;
    /// Adds four products in each lane.
    fn add_products(self, weights: Self, q: Self) -> Self;
    /// Sums wrap around, as do all operations on them.
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn times_128(self) -> Self;
    /// `x += f32(sum) scale + bias`, each operation rounded.
    ///
    /// # Safety
    /// All point to `N` values, those of `x` writable, and the processor has the instruction set.
    unsafe fn add_to(self, scale: *const f32, bias: *const f32, x: *mut f32);
    /// `y = f32(sum) (scale step) + bias`, each operation rounded.
    ///
    /// # Safety
    /// As [`Sums::add_to`].
    unsafe fn write(self, step: f32, scale: *const f32, bias: *const f32, y: *mut f32);
}

/// The plain twin, for processors without a set of their own.
#[derive(Clone, Copy)]
pub(super) struct Plain([i32; 8]);

impl Plain {
    #[inline(always)]
    fn zip(mut self, other: Self, operation: fn(i32, i32) -> i32) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, other)| *sum = operation(*sum, other));
        self
    }
}

impl Sums for Plain {
    const N: usize = 8;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn zero() -> Self {
        Self([0; 8])
    }

    #[inline(always)]
    fn splat(group: [u8; GROUP]) -> Self {
        Self([i32::from_ne_bytes(group); 8])
    }

    #[inline(always)]
    unsafe fn load(weights: *const i8) -> Self {
        // SAFETY: the caller's promise; bytes are always aligned.
        Self(unsafe { weights.cast::<[[u8; GROUP]; 8]>().read() }.map(i32::from_ne_bytes))
    }

    #[inline(always)]
    unsafe fn load_sums(sums: *const i32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { sums.cast::<[i32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    fn add_products(mut self, weights: Self, q: Self) -> Self {
        for ((sum, weights), q) in self.0.iter_mut().zip(weights.0).zip(q.0) {
            for (w, q) in weights.to_ne_bytes().into_iter().zip(q.to_ne_bytes()) {
                *sum += i32::from(w as i8) * i32::from(q);
            }
        }
        self
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, i32::wrapping_add)
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self.zip(other, i32::wrapping_sub)
    }

    #[inline(always)]
    fn times_128(self) -> Self {
        Self(self.0.map(|sum| sum << 7))
    }

    #[inline(always)]
    unsafe fn add_to(self, scale: *const f32, bias: *const f32, x: *mut f32) {
        for (i, sum) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { *x.add(i) += sum as f32 * *scale.add(i) + *bias.add(i) };
        }
    }

    #[inline(always)]
    unsafe fn write(self, step: f32, scale: *const f32, bias: *const f32, y: *mut f32) {
        for (i, sum) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { *y.add(i) = sum as f32 * (*scale.add(i) * step) + *bias.add(i) };
        }
    }
}
