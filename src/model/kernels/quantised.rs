//! x += s (W q) + b with 8-bit weights W and 7-bit activations q: sums of integers, so the same bits everywhere.
//!
//! Weights lie in panels of up to 64 outputs; within a panel, four inputs after four inputs, and of these the outputs side
//! by side, four bytes each: what one instruction multiplies and sums. AVX-512's VNNI has it as one instruction; elsewhere
//! products of two neighbours are summed in 16 bits (at most 2 * 127 * 128, which fits), and those of two pairs in 32.

use super::LANES;
use crate::simd::Simd;
use crate::simd_dispatch;

/// Outputs in a full panel.
const PANEL: usize = 64;
/// Neighbouring inputs in a 32-bit lane.
const GROUP: usize = 4;

/// A matrix `[outputs, inputs]` of 8-bit weights with a scale and a bias for each output, packed.
#[derive(Clone, Debug)]
pub struct QuantisedMatrix {
    panels: Vec<i8>,
    /// Padded with zeros to whole registers, as is `bias`.
    scales: Vec<f32>,
    bias: Vec<f32>,
    /// Groups of four inputs.
    groups: usize,
    set: Set,
}

/// What the product is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

/// One voice's activations, and the values that the product is added to.
pub type Added<'a> = (&'a [u8], &'a mut [f32]);

impl QuantisedMatrix {
    /// Packs `weights`, row after row, for `simd`, which this machine must have; VNNI is used where there is AVX-512 too.
    #[must_use]
    pub fn new(weights: &[i8], scales: &[f32], bias: &[f32], simd: Simd) -> Self {
        let set = match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 if is_x86_feature_detected!("avx512vnni") => Set::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => Set::Avx512,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => Set::Avx2,
            _ => Set::Plain,
        };
        Self::with_set(weights, scales, bias, set)
    }

    fn with_set(weights: &[i8], scales: &[f32], bias: &[f32], set: Set) -> Self {
        let (outputs, padded) = (bias.len(), bias.len().next_multiple_of(LANES));
        let inputs = weights.len() / outputs;
        assert_eq!((weights.len(), scales.len()), (inputs * outputs, outputs), "one bias and one scale for each row");
        let groups = inputs.div_ceil(GROUP);
        let weight = |o: usize, i: usize| if o < outputs && i < inputs { weights[o * inputs + i] } else { 0 };
        let mut panels = Vec::with_capacity(padded * groups * GROUP);
        for start in (0..padded).step_by(PANEL) {
            for group in 0..groups {
                for o in start..(start + PANEL).min(padded) {
                    panels.extend((0..GROUP).map(|i| weight(o, group * GROUP + i)));
                }
            }
        }
        let pad = |values: &[f32]| [values, &vec![0.0; padded - outputs]].concat();
        Self { panels, scales: pad(scales), bias: pad(bias), groups, set }
    }

    /// How long a slice of activations must be: the inputs, padded with zeros to a multiple of four.
    #[must_use]
    pub fn padded_inputs(&self) -> usize {
        self.groups * GROUP
    }

    /// How long a slice of values must be: the outputs, padded to whole registers.
    #[must_use]
    pub fn padded_outputs(&self) -> usize {
        self.bias.len()
    }

    /// `x += f32(W q) s + b` for `V` voices (1, 2 or 4), product and sums rounded one by one. Activations are at most 127.
    pub fn add_product<const V: usize>(&self, mut voices: [Added<'_>; V]) {
        for (q, x) in &voices {
            assert!(q.len() >= self.padded_inputs() && x.len() >= self.bias.len(), "slices fit the matrix");
        }
        let qs = voices.each_ref().map(|(q, _)| q.as_ptr());
        let xs = voices.each_mut().map(|(_, x)| x.as_mut_ptr());
        // SAFETY: the slices were just checked, the panels have four bytes for each output and group by construction, and
        // the set is one that this machine has.
        unsafe {
            match self.set {
                Set::Plain => product::<Plain, V>(self, qs, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => avx2(self, qs, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => avx512(self, qs, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512Vnni => avx512_vnni(self, qs, xs),
            }
        }
    }
}

/// A register of 32-bit sums, one for each of `N` outputs.
trait Sums: Copy {
    const N: usize;
    /// All sums 0.
    fn zero() -> Self;
    /// The same four bytes in every lane.
    fn splat(group: [u8; GROUP]) -> Self;
    /// Adds four products in each lane.
    ///
    /// # Safety
    /// `weights` points to `4 N` readable bytes, and the processor has the instruction set.
    unsafe fn add_products(self, weights: *const i8, q: Self) -> Self;
    fn add(self, other: Self) -> Self;
    /// `x += f32(sum) scale + bias`.
    ///
    /// # Safety
    /// All point to `N` values, those of `x` writable, and the processor has the instruction set.
    unsafe fn finish(self, scale: *const f32, bias: *const f32, x: *mut f32);
}

/// The plain twin, for processors without a set of their own.
#[derive(Clone, Copy)]
struct Plain([i32; 8]);

impl Sums for Plain {
    const N: usize = 8;

    #[inline(always)]
    fn zero() -> Self {
        Self([0; 8])
    }

    #[inline(always)]
    fn splat(group: [u8; GROUP]) -> Self {
        Self([i32::from_ne_bytes(group); 8])
    }

    #[inline(always)]
    unsafe fn add_products(mut self, weights: *const i8, q: Self) -> Self {
        // SAFETY: the caller's promise; bytes are always aligned.
        let weights = unsafe { weights.cast::<[[i8; GROUP]; 8]>().read() };
        for ((sum, weights), q) in self.0.iter_mut().zip(weights).zip(q.0) {
            let products = weights.iter().zip(q.to_ne_bytes()).map(|(w, q)| i32::from(*w) * i32::from(q));
            *sum += products.sum::<i32>();
        }
        self
    }

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, other)| *sum += other);
        self
    }

    #[inline(always)]
    unsafe fn finish(self, scale: *const f32, bias: *const f32, x: *mut f32) {
        for (i, sum) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { *x.add(i) += sum as f32 * *scale.add(i) + *bias.add(i) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The methods are inlined into kernels that are compiled for the set, which is what makes the intrinsics sound.

    use std::arch::x86_64::*;

    use super::{GROUP, Sums};

    #[derive(Clone, Copy)]
    pub(super) struct Avx2(__m256i);

    impl Sums for Avx2 {
        const N: usize = 8;

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
        unsafe fn add_products(self, weights: *const i8, q: Self) -> Self {
            // SAFETY: the caller's promise; unaligned loads are allowed.
            unsafe {
                let pairs = _mm256_maddubs_epi16(q.0, _mm256_loadu_si256(weights.cast()));
                Self(_mm256_add_epi32(self.0, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))))
            }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: only kernels compiled for AVX2 use this type.
            Self(unsafe { _mm256_add_epi32(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn finish(self, scale: *const f32, bias: *const f32, x: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe {
                let product = _mm256_mul_ps(_mm256_cvtepi32_ps(self.0), _mm256_loadu_ps(scale));
                let change = _mm256_add_ps(product, _mm256_loadu_ps(bias));
                _mm256_storeu_ps(x, _mm256_add_ps(_mm256_loadu_ps(x), change));
            }
        }
    }

    /// AVX-512 F and BW, and VNNI where it says so.
    #[derive(Clone, Copy)]
    pub(super) struct Avx512<const VNNI: bool>(__m512i);

    impl<const VNNI: bool> Sums for Avx512<VNNI> {
        const N: usize = 16;

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
        unsafe fn add_products(self, weights: *const i8, q: Self) -> Self {
            // SAFETY: the caller's promise; unaligned loads are allowed.
            unsafe {
                let weights = _mm512_loadu_si512(weights.cast());
                if VNNI {
                    return Self(_mm512_dpbusd_epi32(self.0, q.0, weights));
                }
                let pairs = _mm512_maddubs_epi16(q.0, weights);
                Self(_mm512_add_epi32(self.0, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1))))
            }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: only kernels compiled for AVX-512 use this type.
            Self(unsafe { _mm512_add_epi32(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn finish(self, scale: *const f32, bias: *const f32, x: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe {
                let product = _mm512_mul_ps(_mm512_cvtepi32_ps(self.0), _mm512_loadu_ps(scale));
                let change = _mm512_add_ps(product, _mm512_loadu_ps(bias));
                _mm512_storeu_ps(x, _mm512_add_ps(_mm512_loadu_ps(x), change));
            }
        }
    }
}

macro_rules! compile_for {
    ($name:ident, $features:literal, $sums:ty) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $name<const V: usize>(matrix: &QuantisedMatrix, qs: [*const u8; V], xs: [*mut f32; V]) {
            // SAFETY: the caller's promise.
            unsafe { product::<$sums, V>(matrix, qs, xs) }
        }
    };
}
compile_for!(avx2, "avx2,fma,f16c", x86::Avx2);
compile_for!(avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", x86::Avx512<false>);
compile_for!(avx512_vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", x86::Avx512<true>);

/// # Safety
/// Each q has `padded_inputs` bytes of at most 127, each x `padded_outputs` values, and the processor has the instruction
/// set of `S`.
#[inline(always)]
unsafe fn product<S: Sums, const V: usize>(matrix: &QuantisedMatrix, qs: [*const u8; V], xs: [*mut f32; V]) {
    let outputs = matrix.bias.len();
    for start in (0..outputs).step_by(PANEL) {
        let width = PANEL.min(outputs - start);
        let from = Columns { matrix, start, width };
        let registers = width / S::N;
        // SAFETY: the steps divide the width. As many registers at once as the set has room for with two sums each.
        unsafe {
            match V {
                1 if registers.is_multiple_of(4) => from.product::<S, V, 4>(qs, xs),
                1 | 2 if registers.is_multiple_of(2) => from.product::<S, V, 2>(qs, xs),
                _ if S::N == LANES && registers.is_multiple_of(2) => from.product::<S, V, 2>(qs, xs),
                _ => from.product::<S, V, 1>(qs, xs),
            }
        }
    }
}

/// One panel: the outputs from `start` on.
struct Columns<'a> {
    matrix: &'a QuantisedMatrix,
    start: usize,
    width: usize,
}

impl Columns<'_> {
    /// The panel's columns, `R` registers at a time; two sums each, which hides the delay of an instruction.
    ///
    /// # Safety
    /// As [`product`], and `R * S::N` divides the width.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
    unsafe fn product<S: Sums, const V: usize, const R: usize>(&self, qs: [*const u8; V], xs: [*mut f32; V]) {
        let groups = self.matrix.groups;
        for column in (0..self.width).step_by(R * S::N) {
            // SAFETY: panels before this one hold `start * groups` lanes of four bytes, this one `width * groups`; every
            // access is at a group below `groups` and a lane below `width`.
            unsafe {
                let first = self.matrix.panels.as_ptr().add(GROUP * (self.start * groups + column));
                let (mut even, mut odd) = ([[S::zero(); R]; V], [[S::zero(); R]; V]);
                for pair in 0..groups / 2 {
                    self.accumulate(&mut even, first, 2 * pair, qs);
                    self.accumulate(&mut odd, first, 2 * pair + 1, qs);
                }
                if !groups.is_multiple_of(2) {
                    self.accumulate(&mut even, first, groups - 1, qs);
                }
                for v in 0..V {
                    for r in 0..R {
                        let lanes = self.start + column + r * S::N;
                        let (scale, bias) = (&self.matrix.scales[lanes..], &self.matrix.bias[lanes..]);
                        even[v][r].add(odd[v][r]).finish(scale.as_ptr(), bias.as_ptr(), xs[v].add(lanes));
                    }
                }
            }
        }
    }

    /// Adds the products of one group of inputs; `first` is the row of group 0.
    ///
    /// # Safety
    /// As [`Columns::product`], and `group` is below the number of groups.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
    unsafe fn accumulate<S: Sums, const V: usize, const R: usize>(
        &self,
        sums: &mut [[S; R]; V],
        first: *const i8,
        group: usize,
        qs: [*const u8; V],
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let row = first.add(GROUP * group * self.width);
            for v in 0..V {
                let q = S::splat(qs[v].cast::<[u8; GROUP]>().add(group).read());
                for r in 0..R {
                    sums[v][r] = sums[v][r].add_products(row.add(GROUP * r * S::N), q);
                }
            }
        }
    }
}

/// Adding this to a small number rounds it to an integer, halves to even, in the low bits.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would let NaN through")]
fn quantise_body<const F: bool>(largest: f32, x: &[f32], out: &mut [u8]) {
    let steps = 127.0 / largest;
    for (out, x) in out.iter_mut().zip(x) {
        // Never fused, whatever `F` is: the product is rounded on its own on every machine.
        let product = x.max(0.0).min(largest) * steps;
        *out = (product + ROUNDER).to_bits() as u8;
    }
}

simd_dispatch!(
    /// Activations in 7 bits: `x`, cut off at 0 and at `largest`, which 127 stands for, times `127 / largest` and rounded to
    /// an integer, halves to even; NaN gives 0.
    pub fn quantise(largest: f32, x: &[f32], out: &mut [u8]) = quantise_body
);

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Vec<Set> {
        let mut sets = vec![Set::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            let best = Simd::detect();
            let vnni = is_x86_feature_detected!("avx512vnni");
            sets.extend((best >= Simd::Avx2).then_some(Set::Avx2));
            sets.extend((best >= Simd::Avx512).then_some(Set::Avx512));
            sets.extend((best >= Simd::Avx512 && vnni).then_some(Set::Avx512Vnni));
        }
        sets
    }

    /// Every value of a byte occurs, the extremes often: sums of 16 bits would overflow if they could.
    fn weight(i: usize) -> i8 {
        if i % 5 < 2 { [-128, 127][i % 2] } else { ((i * 7_919) % 256) as u8 as i8 }
    }

    fn check<const V: usize>(set: Set, inputs: usize, outputs: usize) {
        let weights: Vec<i8> = (0..inputs * outputs).map(weight).collect();
        let scales: Vec<f32> = (0..outputs).map(|o| 1e-4 * (o + 1) as f32 / 7.0).collect();
        let bias: Vec<f32> = (0..outputs).map(|o| 0.3 - 0.07 * o as f32).collect();
        let matrix = QuantisedMatrix::with_set(&weights, &scales, &bias, set);
        let activation = |v: usize, i: usize| if i.is_multiple_of(3) { 127 } else { ((i * 31 + v * 17) % 128) as u8 };
        let qs: [Vec<u8>; V] = std::array::from_fn(|v| {
            (0..matrix.padded_inputs()).map(|i| if i < inputs { activation(v, i) } else { 0 }).collect()
        });
        let before: Vec<f32> = (0..matrix.padded_outputs()).map(|o| 1.0 / (o + 1) as f32).collect();
        let mut xs: [Vec<f32>; V] = std::array::from_fn(|_| before.clone());
        let mut q = qs.iter();
        matrix.add_product(xs.each_mut().map(|x| (&q.next().unwrap()[..], &mut x[..])));
        for (q, x) in qs.iter().zip(&xs) {
            for (o, row) in weights.chunks_exact(inputs).enumerate() {
                let sum: i64 = row.iter().zip(q).map(|(w, q)| i64::from(*w) * i64::from(*q)).sum();
                let expected = before[o] + (sum as f32 * scales[o] + bias[o]);
                assert_eq!(x[o].to_bits(), expected.to_bits(), "{set:?}, {V} voices, {outputs} x {inputs}, output {o}");
            }
        }
    }

    #[test]
    fn every_set_gives_the_bits_of_the_exact_sum() {
        for set in sets() {
            for (outputs, inputs) in [(1, 1), (8, 24), (16, 48), (17, 5), (48, 36), (96, 12), (128, 384), (160, 384)] {
                check::<1>(set, inputs, outputs);
                check::<2>(set, inputs, outputs);
                check::<4>(set, inputs, outputs);
            }
        }
    }

    #[test]
    fn activations_are_rounded_to_the_nearest_of_128_steps_and_halves_to_even() {
        let step = 6.0 / 127.0;
        let x = [f32::NAN, -1.0, 0.0, 0.49 * step, 0.51 * step, 3.0, 5.99, 6.0, 1e9, f32::INFINITY];
        for simd in [Simd::Plain, Simd::detect()] {
            let mut q = [255; 10];
            quantise(simd, 6.0, &x, &mut q);
            assert_eq!(q, [0, 0, 0, 0, 1, 64, 127, 127, 127, 127], "{}: 63.5 becomes 64", simd.name());
            let mut q = [255; 20_001];
            let x: Vec<f32> = (0..20_001).map(|i| i as f32 * 3.1e-4 - 0.1).collect();
            quantise(simd, 6.0, &x, &mut q);
            for (x, q) in x.iter().zip(q) {
                assert_eq!(f32::from(q), (x.clamp(0.0, 6.0) * (127.0 / 6.0)).round_ties_even(), "{x}, {}", simd.name());
            }
        }
    }
}
