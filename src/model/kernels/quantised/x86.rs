//! AVX2 and AVX-512, each with VNNI or without. The methods are inlined into kernels that are compiled for the set, which is
//! what makes the intrinsics sound.

use std::arch::x86_64::*;

use super::GROUP;
use super::sums::Sums;
use super::whole::Pairs;

/// AVX2, and AVX-VNNI where it says so.
#[derive(Clone, Copy)]
pub(super) struct Avx2<const VNNI: bool>(__m256i);

impl<const VNNI: bool> Sums for Avx2<VNNI> {
    const N: usize = 8;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: only kernels compiled for AVX2 use this type.
        Self(unsafe { _mm256_setzero_si256() })
    }

    #[inline(always)]
    fn splat(group: [u8; GROUP]) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_set1_epi32(i32::from_ne_bytes(group)) })
    }

    #[inline(always)]
    unsafe fn load(weights: *const i8) -> Self {
        // SAFETY: the caller's promise; unaligned loads are allowed.
        Self(unsafe { _mm256_loadu_si256(weights.cast()) })
    }

    #[inline(always)]
    unsafe fn load_sums(sums: *const i32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_loadu_si256(sums.cast()) })
    }

    #[inline(always)]
    fn add_products(self, weights: Self, q: Self) -> Self {
        // SAFETY: only kernels compiled for AVX2, and for AVX-VNNI if it says so, use this type.
        unsafe {
            if VNNI {
                return Self(_mm256_dpbusd_avx_epi32(self.0, q.0, weights.0));
            }
            let pairs = _mm256_maddubs_epi16(q.0, weights.0);
            Self(_mm256_add_epi32(self.0, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))))
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: only kernels compiled for AVX2 use this type.
        Self(unsafe { _mm256_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_sub_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn times_128(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_slli_epi32::<7>(self.0) })
    }

    #[inline(always)]
    unsafe fn add_to(self, scale: *const f32, bias: *const f32, x: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let product = _mm256_mul_ps(_mm256_cvtepi32_ps(self.0), _mm256_loadu_ps(scale));
            let change = _mm256_add_ps(product, _mm256_loadu_ps(bias));
            _mm256_storeu_ps(x, _mm256_add_ps(_mm256_loadu_ps(x), change));
        }
    }

    #[inline(always)]
    unsafe fn write(self, step: f32, scale: *const f32, bias: *const f32, y: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let scale = _mm256_mul_ps(_mm256_loadu_ps(scale), _mm256_set1_ps(step));
            let product = _mm256_mul_ps(_mm256_cvtepi32_ps(self.0), scale);
            _mm256_storeu_ps(y, _mm256_add_ps(product, _mm256_loadu_ps(bias)));
        }
    }
}

/// AVX-512 F and BW, and VNNI where it says so.
#[derive(Clone, Copy)]
pub(super) struct Avx512<const VNNI: bool>(__m512i);

impl<const VNNI: bool> Sums for Avx512<VNNI> {
    const N: usize = 16;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: only kernels compiled for AVX-512 use this type.
        Self(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    fn splat(group: [u8; GROUP]) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_set1_epi32(i32::from_ne_bytes(group)) })
    }

    #[inline(always)]
    unsafe fn load(weights: *const i8) -> Self {
        // SAFETY: the caller's promise; unaligned loads are allowed.
        Self(unsafe { _mm512_loadu_si512(weights.cast()) })
    }

    #[inline(always)]
    unsafe fn load_sums(sums: *const i32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_loadu_si512(sums.cast()) })
    }

    #[inline(always)]
    fn add_products(self, weights: Self, q: Self) -> Self {
        // SAFETY: only kernels compiled for AVX-512, and for VNNI if it says so, use this type.
        unsafe {
            if VNNI {
                return Self(_mm512_dpbusd_epi32(self.0, q.0, weights.0));
            }
            let pairs = _mm512_maddubs_epi16(q.0, weights.0);
            Self(_mm512_add_epi32(self.0, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1))))
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: only kernels compiled for AVX-512 use this type.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sub_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn times_128(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_slli_epi32::<7>(self.0) })
    }

    #[inline(always)]
    unsafe fn add_to(self, scale: *const f32, bias: *const f32, x: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let product = _mm512_mul_ps(_mm512_cvtepi32_ps(self.0), _mm512_loadu_ps(scale));
            let change = _mm512_add_ps(product, _mm512_loadu_ps(bias));
            _mm512_storeu_ps(x, _mm512_add_ps(_mm512_loadu_ps(x), change));
        }
    }

    #[inline(always)]
    unsafe fn write(self, step: f32, scale: *const f32, bias: *const f32, y: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let scale = _mm512_mul_ps(_mm512_loadu_ps(scale), _mm512_set1_ps(step));
            let product = _mm512_mul_ps(_mm512_cvtepi32_ps(self.0), scale);
            _mm512_storeu_ps(y, _mm512_add_ps(product, _mm512_loadu_ps(bias)));
        }
    }
}

impl Pairs for Avx2<false> {
    #[inline(always)]
    unsafe fn widen(weights: *const i8) -> [Self; 2] {
        // SAFETY: the caller's promise; 16 bytes each.
        unsafe { [0, 16].map(|offset| Self(_mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(offset).cast())))) }
    }

    #[inline(always)]
    fn splat_pairs(group: [i16; GROUP]) -> Self {
        let [a, b, c, d] = group.map(|q| u64::from(q as u16));
        // SAFETY: only kernels compiled for AVX2 use this type.
        Self(unsafe { _mm256_set1_epi64x((a | b << 16 | c << 32 | d << 48) as i64) })
    }

    #[inline(always)]
    fn add_pairs(self, weights: Self, q: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_add_epi32(self.0, _mm256_madd_epi16(weights.0, q.0)) })
    }

    #[inline(always)]
    fn join([first, second]: [Self; 2]) -> Self {
        // SAFETY: as above. What is summed comes out by halves of a register: outputs 0, 1, 4, 5, then 2, 3, 6, 7.
        Self(unsafe { _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(first.0, second.0)) })
    }
}

impl Pairs for Avx512<false> {
    #[inline(always)]
    unsafe fn widen(weights: *const i8) -> [Self; 2] {
        // SAFETY: the caller's promise; 32 bytes each.
        unsafe { [0, 32].map(|offset| Self(_mm512_cvtepi8_epi16(_mm256_loadu_si256(weights.add(offset).cast())))) }
    }

    #[inline(always)]
    fn splat_pairs(group: [i16; GROUP]) -> Self {
        let [a, b, c, d] = group.map(|q| u64::from(q as u16));
        // SAFETY: only kernels compiled for AVX-512 use this type.
        Self(unsafe { _mm512_set1_epi64((a | b << 16 | c << 32 | d << 48) as i64) })
    }

    #[inline(always)]
    fn add_pairs(self, weights: Self, q: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_add_epi32(self.0, _mm512_madd_epi16(weights.0, q.0)) })
    }

    #[inline(always)]
    fn join([first, second]: [Self; 2]) -> Self {
        // SAFETY: as above.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            let [even, odd] = [even, odd].map(|lanes| _mm512_permutex2var_epi32(first.0, lanes, second.0));
            Self(_mm512_add_epi32(even, odd))
        }
    }
}
