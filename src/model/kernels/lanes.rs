//! One register of each instruction set behind one trait, so that the matrix kernel is written once.

use half::f16;

use crate::simd::mul_add;

/// A register of f32 values.
pub(super) trait Lanes: Copy {
    /// Values in a register.
    const N: usize;

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

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! The methods are inlined into kernels that are compiled for the set, which is what makes the intrinsics sound.

    use std::arch::x86_64::*;

    use half::f16;

    use super::Lanes;

    /// AVX2 with FMA and F16C.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    impl Lanes for Avx2 {
        const N: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: only kernels compiled for AVX2 use this type.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller's promise; unaligned loads are allowed.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const f16) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) })
        }

        #[inline(always)]
        unsafe fn load_i8(from: *const i8) -> Self {
            // SAFETY: as above; the load is of 8 bytes.
            Self(unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, for writing.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: only kernels compiled for AVX2 and FMA use this type.
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        fn add(self, a: Self) -> Self {
            // SAFETY: only kernels compiled for AVX2 use this type.
            Self(unsafe { _mm256_add_ps(self.0, a.0) })
        }

        #[inline(always)]
        fn times(self, a: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_mul_ps(self.0, a.0) })
        }
    }

    /// AVX-512 F.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    impl Lanes for Avx512 {
        const N: usize = 16;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: only kernels compiled for AVX-512 use this type.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller's promise; unaligned loads are allowed.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const f16) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
        }

        #[inline(always)]
        unsafe fn load_i8(from: *const i8) -> Self {
            // SAFETY: as above; the load is of 16 bytes.
            Self(unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, for writing.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: only kernels compiled for AVX-512 use this type.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        fn add(self, a: Self) -> Self {
            // SAFETY: only kernels compiled for AVX-512 use this type.
            Self(unsafe { _mm512_add_ps(self.0, a.0) })
        }

        #[inline(always)]
        fn times(self, a: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mul_ps(self.0, a.0) })
        }
    }
}
