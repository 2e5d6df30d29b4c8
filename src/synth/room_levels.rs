//! The stages of the room's convolution: taps one by one, and equal partitions in the frequency domain.
//!
//! Partitioned overlap-save with a frequency-domain delay line, as in Gardner, "Efficient convolution without
//! input-output delay" (1995), and Wefers, "Partitioned convolution algorithms for real-time auralization" (2015).

use realfft::num_complex::Complex32;

use super::real_fft::FftPlan;
use crate::simd::{Simd, mul_add};
use crate::simd_dispatch;

/// Samples between two steps of work, and taps of the direct stage.
pub(super) const STEP: usize = 64;
/// Samples that the direct stage computes together.
const LANES: usize = 16;

/// The first taps, without any delay.
pub(super) struct DirectTaps {
    taps: [f32; STEP],
    /// The last step's input, this step's, and zeros for lanes beyond it.
    input: [f32; 2 * STEP + LANES],
}

impl DirectTaps {
    /// The first [`STEP`] taps of `response`.
    #[must_use]
    pub(super) fn new(response: &[f32]) -> Self {
        let mut taps = [0.0; STEP];
        taps.iter_mut().zip(response).for_each(|(tap, &x)| *tap = x);
        Self { taps, input: [0.0; 2 * STEP + LANES] }
    }

    pub(super) fn reset(&mut self) {
        self.input.fill(0.0);
    }

    /// The step's input so far.
    pub(super) fn step_input(&self) -> &[f32] {
        &self.input[STEP..2 * STEP]
    }

    /// Takes the samples from `at` of the current step on, and writes the response of this stage to them.
    pub(super) fn process(&mut self, simd: Simd, at: usize, input: &[f32], out: &mut [f32]) {
        self.input[STEP + at..STEP + at + input.len()].copy_from_slice(input);
        for (chunk, out) in out.chunks_mut(LANES).enumerate() {
            // Lanes beyond the chunk read old samples; nobody hears them. Every sample's sum has the same order anywhere.
            let start = at + chunk * LANES + 1;
            let mut sums = [0.0; LANES];
            direct_sums(simd, &mut sums, &self.taps, &self.input[start..start + STEP + LANES - 1]);
            out.copy_from_slice(&sums[..out.len()]);
        }
    }

    /// Begins the next step.
    pub(super) fn advance(&mut self) {
        self.input.copy_within(STEP..2 * STEP, 0);
    }
}

simd_dispatch!(
    /// `sums[i] = sum_j taps[j] input[i + STEP - 1 - j]`, within 1e-6 of the sum of the absolute products.
    fn direct_sums(sums: &mut [f32; LANES], taps: &[f32; STEP], input: &[f32]) = direct_sums_body
);

#[inline(always)]
fn direct_sums_body<const F: bool>(sums: &mut [f32; LANES], taps: &[f32; STEP], input: &[f32]) {
    let mut local = [0.0_f32; LANES];
    for (&tap, window) in taps.iter().rev().zip(input.windows(LANES)) {
        for (sum, &x) in local.iter_mut().zip(window) {
            *sum = mul_add::<F>(tap, x, *sum);
        }
    }
    *sums = local;
}

/// Equal partitions of a response, convolved in the frequency domain, one block of input at a time.
pub(super) struct Partitions {
    block: usize,
    fft: FftPlan,
    n_partitions: usize,
    /// Spectra of the partitions, `[n_partitions, 2, stride]`, real parts then imaginary ones.
    filters: Vec<f32>,
    /// Spectra of the newest blocks of input, a ring of the same shape.
    history: Vec<f32>,
    newest: usize,
    stride: usize,
    /// Sum of products, `[2, stride]`.
    sum: Vec<f32>,
    /// The last block of input and this one, `[2 block]`.
    input: Vec<f32>,
    signal: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Partitions {
    /// Partitions of `block` taps over all of `response`.
    #[must_use]
    pub(super) fn new(response: &[f32], block: usize) -> Self {
        let fft = FftPlan::new(2 * block);
        let stride = fft.bins().next_multiple_of(16);
        let n_partitions = response.len().div_ceil(block);
        let mut stage = Self {
            block,
            n_partitions,
            filters: vec![0.0; n_partitions * 2 * stride],
            history: vec![0.0; n_partitions * 2 * stride],
            newest: 0,
            stride,
            sum: vec![0.0; 2 * stride],
            input: vec![0.0; 2 * block],
            signal: vec![0.0; 2 * block],
            spectrum: vec![Complex32::ZERO; fft.bins()],
            scratch: fft.scratch(),
            fft,
        };
        let scale = 1.0 / (2 * block) as f32;
        for (taps, filter) in response.chunks(block).zip(stage.filters.chunks_exact_mut(2 * stride)) {
            stage.signal.fill(0.0);
            stage.signal.iter_mut().zip(taps).for_each(|(x, &tap)| *x = tap * scale);
            stage.fft.forward(&mut stage.signal, &mut stage.spectrum, &mut stage.scratch);
            split_parts(&stage.spectrum, filter, stride);
        }
        stage
    }

    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
        self.input.fill(0.0);
        self.sum.fill(0.0);
        self.newest = 0;
    }

    #[must_use]
    pub(super) fn memory_bytes(&self) -> usize {
        let floats = [&self.filters, &self.history, &self.sum, &self.input, &self.signal];
        let floats: usize = floats.into_iter().map(|values| size_of_val(&values[..])).sum();
        floats + size_of_val(&self.spectrum[..]) + size_of_val(&self.scratch[..])
    }

    #[must_use]
    pub(super) fn n_partitions(&self) -> usize {
        self.n_partitions
    }

    /// Puts a step of input at sample `at` of the current block.
    pub(super) fn write_input(&mut self, at: usize, input: &[f32]) {
        self.input[self.block + at..self.block + at + input.len()].copy_from_slice(input);
    }

    /// The block of input is complete: takes its spectrum and begins a sum.
    pub(super) fn transform_input(&mut self) {
        if self.n_partitions == 0 {
            return;
        }
        self.signal.copy_from_slice(&self.input);
        self.input.copy_within(self.block.., 0);
        self.fft.forward(&mut self.signal, &mut self.spectrum, &mut self.scratch);
        self.newest = (self.newest + 1) % self.n_partitions;
        let size = 2 * self.stride;
        split_parts(&self.spectrum, &mut self.history[self.newest * size..][..size], self.stride);
        self.sum.fill(0.0);
    }

    /// Adds the products of some partitions to the sum.
    pub(super) fn multiply(&mut self, simd: Simd, partitions: std::ops::Range<usize>) {
        let size = 2 * self.stride;
        let slot = |p: usize| (self.newest + self.n_partitions - p) % self.n_partitions;
        let x = |p: usize| &self.history[slot(p) * size..][..size];
        let h = |p: usize| &self.filters[p * size..][..size];
        let mut next = partitions.start;
        // Two at a time read and write the sum half as often.
        while next + 1 < partitions.end {
            add_two_products(simd, &mut self.sum, [x(next), h(next), x(next + 1), h(next + 1)]);
            next += 2;
        }
        if next < partitions.end {
            add_product(simd, &mut self.sum, [x(next), h(next)]);
        }
    }

    /// The sum as `[block]` samples: the response to the block of input, delayed by no more than the caller chose.
    pub(super) fn transform_sum(&mut self, out: &mut [f32]) {
        if self.n_partitions == 0 {
            return;
        }
        let (re, im) = self.sum.split_at(self.stride);
        for (bin, (&re, &im)) in self.spectrum.iter_mut().zip(re.iter().zip(im)) {
            *bin = Complex32::new(re, im);
        }
        self.fft.inverse(&mut self.spectrum, &mut self.signal, &mut self.scratch);
        // Overlap-save: the first half is wrapped around and is not used.
        out.copy_from_slice(&self.signal[self.block..]);
    }
}

fn split_parts(spectrum: &[Complex32], parts: &mut [f32], stride: usize) {
    let (re, im) = parts.split_at_mut(stride);
    for (bin, (re, im)) in spectrum.iter().zip(re.iter_mut().zip(im)) {
        *re = bin.re;
        *im = bin.im;
    }
}

simd_dispatch!(
    /// `sum += x h` for spectra, real parts first and imaginary ones after them; within 1e-6 of the sum of what is added, sizes
    /// taken absolutely.
    fn add_product(sum: &mut [f32], x_h: [&[f32]; 2]) = add_product_body
);
simd_dispatch!(
    /// `sum += x0 h0 + x1 h1`, with the same bound.
    fn add_two_products(sum: &mut [f32], x_h_x_h: [&[f32]; 4]) = add_two_products_body
);

#[inline(always)]
fn add_product_body<const F: bool>(sum: &mut [f32], [x, h]: [&[f32]; 2]) {
    let stride = sum.len() / 2;
    let (sum_re, sum_im) = sum.split_at_mut(stride);
    let (x, h) = (Parts::of(x, stride), Parts::of(h, stride));
    for (i, (re, im)) in sum_re.iter_mut().zip(sum_im).enumerate() {
        (*re, *im) = x.times::<F>(&h, i, (*re, *im));
    }
}

#[inline(always)]
fn add_two_products_body<const F: bool>(sum: &mut [f32], [x0, h0, x1, h1]: [&[f32]; 4]) {
    let stride = sum.len() / 2;
    let (sum_re, sum_im) = sum.split_at_mut(stride);
    let (x0, h0) = (Parts::of(x0, stride), Parts::of(h0, stride));
    let (x1, h1) = (Parts::of(x1, stride), Parts::of(h1, stride));
    for (i, (re, im)) in sum_re.iter_mut().zip(sum_im).enumerate() {
        (*re, *im) = x1.times::<F>(&h1, i, x0.times::<F>(&h0, i, (*re, *im)));
    }
}

/// Real and imaginary parts of a spectrum, `[stride]` each.
struct Parts<'a> {
    re: &'a [f32],
    im: &'a [f32],
}

impl<'a> Parts<'a> {
    #[inline(always)]
    fn of(spectrum: &'a [f32], stride: usize) -> Self {
        let (re, im) = spectrum.split_at(stride);
        Self { re, im: &im[..stride] }
    }

    /// `sum` plus the product of the bins `i`.
    #[inline(always)]
    fn times<const F: bool>(&self, other: &Self, i: usize, sum: (f32, f32)) -> (f32, f32) {
        let re = mul_add::<F>(self.re[i], other.re[i], mul_add::<F>(-self.im[i], other.im[i], sum.0));
        let im = mul_add::<F>(self.re[i], other.im[i], mul_add::<F>(self.im[i], other.re[i], sum.1));
        (re, im)
    }
}

#[cfg(test)]
mod tests;
