//! Products of 8-bit weights with activations that are small integers: sums of integers, so the same bits everywhere.
//!
//! Activations have 7 bits (what a ReLU cut off at a known value needs), or 14 with a sign, as two halves of 7 bits each:
//! `q = 128 high + low - 8192`. Either way the arithmetic is that of bytes from 0 to 127, of which every instruction set
//! has some.
//!
//! Weights lie in panels of up to 64 outputs; within a panel, four inputs after four inputs, and of these the outputs side
//! by side, four bytes each: what one instruction multiplies and sums. VNNI and NEON's dot product have it as one
//! instruction; elsewhere products of two neighbours are summed in 16 bits (at most 2 * 127 * 128, which fits), and those
//! of two pairs in 32.

mod activations;
#[cfg(target_arch = "aarch64")]
mod neon;
mod sums;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod whole;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activations::{quantise, quantise_fine};

use super::LANES;
use crate::simd::{Simd, uses_byte_sums};
use sums::{Plain, Sums};

/// Outputs in a full panel.
const PANEL: usize = 64;
/// Neighbouring inputs in a 32-bit lane.
const GROUP: usize = 4;
/// What the two halves of a 14-bit activation stand for when the activation is 0.
const FINE_ZERO: i32 = 8_192;

/// A matrix `[outputs, inputs]` of 8-bit weights with a scale and a bias for each output, packed.
#[derive(Clone, Debug)]
pub struct QuantisedMatrix {
    panels: Vec<i8>,
    /// Padded with zeros to whole registers, as are `bias` and `zeros`.
    scales: Vec<f32>,
    bias: Vec<f32>,
    /// What 14-bit activations of 0 would give: the sum of an output's weights times [`FINE_ZERO`].
    zeros: Vec<i32>,
    inputs: usize,
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
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

impl Set {
    /// The best form of `simd`, which this machine has.
    fn of(simd: Simd) -> Self {
        let (simd, byte_sums) = (simd.available(), uses_byte_sums());
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 if byte_sums && is_x86_feature_detected!("avx512vnni") => Self::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => Self::Avx512,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 if byte_sums && is_x86_feature_detected!("avxvnni") => Self::Avx2Vnni,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => Self::Avx2,
            #[cfg(target_arch = "aarch64")]
            Simd::Neon if byte_sums && std::arch::is_aarch64_feature_detected!("dotprod") => Self::NeonDot,
            #[cfg(target_arch = "aarch64")]
            Simd::Neon => Self::Neon,
            _ => Self::Plain,
        }
    }
}

/// One voice's 7-bit activations, and the values that the product is added to.
pub type Added<'a> = (&'a [u8], &'a mut [f32]);

/// One voice's 14-bit activations as [`quantise_fine`] wrote them, the step that it returned, and the product.
pub type Fine<'a> = (&'a [u8], f32, &'a mut [f32]);

impl QuantisedMatrix {
    /// The most inputs that a matrix on 14-bit activations may have: their sums fit 32 bits.
    pub const MOST_INPUTS: usize = 2_047;

    /// Packs `weights`, row after row, for `simd` or, if this machine lacks it, for its best set; VNNI or the dot product is
    /// used where the machine has it too and [`uses_byte_sums`] allows it.
    #[must_use]
    pub fn new(weights: &[i8], scales: &[f32], bias: &[f32], simd: Simd) -> Self {
        Self::with_set(weights, scales, bias, Set::of(simd.available()))
    }

    fn with_set(weights: &[i8], scales: &[f32], bias: &[f32], set: Set) -> Self {
        let (outputs, padded) = (bias.len(), bias.len().next_multiple_of(LANES));
        let inputs = weights.len() / outputs;
        assert_eq!((weights.len(), scales.len()), (inputs * outputs, outputs), "one bias and one scale for each row");
        let groups = inputs.div_ceil(GROUP);
        let mut panels = vec![0; padded * groups * GROUP];
        let mut zeros = vec![0; padded];
        for (o, (row, zero)) in weights.chunks_exact(inputs).zip(&mut zeros).enumerate() {
            *zero = row.iter().map(|w| i32::from(*w)).sum::<i32>().wrapping_mul(FINE_ZERO);
            let start = o / PANEL * PANEL;
            let width = PANEL.min(padded - start);
            let panel = &mut panels[start * groups * GROUP..][..width * groups * GROUP];
            for (group, row) in panel.chunks_exact_mut(width * GROUP).zip(row.chunks(GROUP)) {
                group[(o - start) * GROUP..][..row.len()].copy_from_slice(row);
            }
        }
        let pad = |values: &[f32]| [values, &vec![0.0; padded - outputs]].concat();
        Self { panels, scales: pad(scales), bias: pad(bias), zeros, inputs, groups, set }
    }

    /// How long a slice of 7-bit activations must be: the inputs, padded with zeros to a multiple of four. One of 14-bit
    /// activations is twice as long.
    #[must_use]
    pub fn padded_inputs(&self) -> usize {
        self.groups * GROUP
    }

    /// How long a slice of values must be: the outputs, padded to whole registers.
    #[must_use]
    pub fn padded_outputs(&self) -> usize {
        self.bias.len()
    }

    /// Bytes that weights, scales and bias take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.panels.len() + 4 * (self.scales.len() + self.bias.len() + self.zeros.len())
    }

    /// `x += f32(W q) s + b` for `V` voices (1, 2 or 4), product and sums rounded one by one. Activations have 7 bits: a
    /// byte above 127 would count differently from set to set.
    pub fn add_product<const V: usize>(&self, mut voices: [Added<'_>; V]) {
        for (q, x) in &voices {
            assert!(q.len() >= self.padded_inputs() && x.len() >= self.bias.len(), "slices fit the matrix");
            debug_assert!(q[..self.padded_inputs()].iter().all(|q| *q <= 127), "activations have 7 bits");
        }
        let qs = voices.each_ref().map(|(q, _)| q.as_ptr());
        let xs = voices.each_mut().map(|(_, x)| x.as_mut_ptr());
        // SAFETY: the slices were just checked.
        unsafe { self.call::<V, false>(qs, [0.0; V], xs) }
    }

    /// `y = f32(W q) (s step) + b` for `V` voices (1, 2 or 4), products and sum rounded one by one. Activations have 14 bits;
    /// a matrix of more than [`QuantisedMatrix::MOST_INPUTS`] inputs panics.
    pub fn product<const V: usize>(&self, mut voices: [Fine<'_>; V]) {
        assert!(self.inputs <= Self::MOST_INPUTS, "sums fit 32 bits");
        for (q, _, y) in &voices {
            assert!(q.len() >= 2 * self.padded_inputs() && y.len() >= self.bias.len(), "slices fit the matrix");
            debug_assert!(q[..2 * self.padded_inputs()].iter().all(|half| *half <= 127), "halves have 7 bits");
        }
        let qs = voices.each_ref().map(|(q, ..)| q.as_ptr());
        let steps = voices.each_ref().map(|(_, step, _)| *step);
        let ys = voices.each_mut().map(|(.., y)| y.as_mut_ptr());
        // SAFETY: the slices were just checked.
        unsafe { self.call::<V, true>(qs, steps, ys) }
    }

    /// # Safety
    /// Each q has `padded_inputs` bytes of at most 127, twice as many if `FINE`, when there are at most
    /// [`QuantisedMatrix::MOST_INPUTS`] inputs, and each x `padded_outputs` values.
    unsafe fn call<const V: usize, const FINE: bool>(&self, qs: [*const u8; V], steps: [f32; V], xs: [*mut f32; V]) {
        // SAFETY: the caller's promise; the panels have four bytes for each output and group by construction, the set is one
        // that this machine has, and `product` has looked at the number of inputs.
        unsafe {
            match self.set {
                Set::Plain => panels::<Plain, V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 if FINE && V > 1 => whole::avx2(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => avx2::<V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2Vnni => avx2_vnni::<V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 if FINE && V > 1 => whole::avx512(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => avx512::<V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512Vnni => avx512_vnni::<V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "aarch64")]
                Set::Neon => panels::<neon::Neon<false>, V, FINE>(self, qs, steps, xs),
                #[cfg(target_arch = "aarch64")]
                Set::NeonDot => neon_dot::<V, FINE>(self, qs, steps, xs),
            }
        }
    }
}

macro_rules! compile_for {
    ($arch:literal, $name:ident, $features:literal, $sums:ty) => {
        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        unsafe fn $name<const V: usize, const FINE: bool>(
            matrix: &QuantisedMatrix,
            qs: [*const u8; V],
            steps: [f32; V],
            xs: [*mut f32; V],
        ) {
            // SAFETY: the caller's promise.
            unsafe { panels::<$sums, V, FINE>(matrix, qs, steps, xs) }
        }
    };
}
compile_for!("x86_64", avx2, "avx2,fma,f16c", x86::Avx2<false>);
compile_for!("x86_64", avx2_vnni, "avx2,fma,f16c,avxvnni", x86::Avx2<true>);
compile_for!("x86_64", avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", x86::Avx512<false>);
compile_for!("x86_64", avx512_vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", x86::Avx512<true>);
compile_for!("aarch64", neon_dot, "neon,dotprod", neon::Neon<true>);

/// # Safety
/// As [`QuantisedMatrix::call`], and the processor has the instruction set of `S`.
#[inline(always)]
unsafe fn panels<S: Sums, const V: usize, const FINE: bool>(
    matrix: &QuantisedMatrix,
    qs: [*const u8; V],
    steps: [f32; V],
    xs: [*mut f32; V],
) {
    let outputs = matrix.bias.len();
    for start in (0..outputs).step_by(PANEL) {
        let width = PANEL.min(outputs - start);
        let from = Columns { matrix, start, width };
        let registers = width / S::N;
        // SAFETY: the steps divide the width. As many registers at once as the set has room for with two sums each.
        unsafe {
            match V {
                1 if registers.is_multiple_of(4) => from.columns::<S, V, 4, FINE>(qs, steps, xs),
                1 | 2 if registers.is_multiple_of(2) => from.columns::<S, V, 2, FINE>(qs, steps, xs),
                _ if S::MANY_REGISTERS && registers.is_multiple_of(2) => {
                    from.columns::<S, V, 2, FINE>(qs, steps, xs);
                }
                _ => from.columns::<S, V, 1, FINE>(qs, steps, xs),
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
    /// The panel's columns, `R` registers at a time. Two sums each hide the delay of an instruction: those of the halves, or of
    /// even and odd groups.
    ///
    /// # Safety
    /// As [`panels`], and `R * S::N` divides the width.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
    unsafe fn columns<S: Sums, const V: usize, const R: usize, const FINE: bool>(
        &self,
        qs: [*const u8; V],
        steps: [f32; V],
        xs: [*mut f32; V],
    ) {
        let groups = self.matrix.groups;
        for column in (0..self.width).step_by(R * S::N) {
            // SAFETY: panels before this one hold `start * groups` lanes of four bytes, this one `width * groups`; every
            // access is at a group below `groups` and a lane below `width`.
            unsafe {
                let first = self.matrix.panels.as_ptr().add(GROUP * (self.start * groups + column));
                let row = |group: usize| first.add(GROUP * group * self.width);
                let (mut one, mut other) = ([[S::zero(); R]; V], [[S::zero(); R]; V]);
                if FINE {
                    let low_halves = qs.map(|q| q.add(GROUP * groups));
                    for group in 0..groups {
                        let weights = load::<S, R>(row(group));
                        accumulate(&mut one, weights, qs, group);
                        accumulate(&mut other, weights, low_halves, group);
                    }
                } else {
                    for pair in 0..groups / 2 {
                        accumulate(&mut one, load::<S, R>(row(2 * pair)), qs, 2 * pair);
                        accumulate(&mut other, load::<S, R>(row(2 * pair + 1)), qs, 2 * pair + 1);
                    }
                    if !groups.is_multiple_of(2) {
                        accumulate(&mut one, load::<S, R>(row(groups - 1)), qs, groups - 1);
                    }
                }
                for v in 0..V {
                    for r in 0..R {
                        let lanes = self.start + column + r * S::N;
                        let scale = self.matrix.scales.as_ptr().add(lanes);
                        let bias = self.matrix.bias.as_ptr().add(lanes);
                        let x = xs[v].add(lanes);
                        if FINE {
                            let zero = S::load_sums(self.matrix.zeros.as_ptr().add(lanes));
                            let sum = one[v][r].times_128().add(other[v][r]).subtract(zero);
                            sum.write(steps[v], scale, bias, x);
                        } else {
                            one[v][r].add(other[v][r]).add_to(scale, bias, x);
                        }
                    }
                }
            }
        }
    }
}

/// `R` registers of weights.
///
/// # Safety
/// `row` points to `4 R N` readable bytes, and the processor has the instruction set.
#[inline(always)]
unsafe fn load<S: Sums, const R: usize>(row: *const i8) -> [S; R] {
    // SAFETY: the caller's promise.
    std::array::from_fn(|r| unsafe { S::load(row.add(GROUP * r * S::N)) })
}

/// Adds the products of one group of inputs.
///
/// # Safety
/// Each q has `4 (group + 1)` bytes, and the processor has the instruction set.
#[inline(always)]
unsafe fn accumulate<S: Sums, const V: usize, const R: usize>(
    sums: &mut [[S; R]; V],
    weights: [S; R],
    qs: [*const u8; V],
    group: usize,
) {
    for (sums, q) in sums.iter_mut().zip(qs) {
        // SAFETY: the caller's promise; bytes are always aligned.
        let q = S::splat(unsafe { q.cast::<[u8; GROUP]>().add(group).read() });
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = sum.add_products(weights, q);
        }
    }
}
