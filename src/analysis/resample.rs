//! Any host rate to the analysis rate, by a short windowed sinc whose position is counted in integers.
//!
//! Sample `n` of the output is the input at the time `n / ANALYSIS_RATE_HZ`: the filter is symmetric and its delay is made up
//! for by looking [`HALF_WIDTH`] samples ahead, so the result has no delay of its own, only a need for later input.

use super::ANALYSIS_RATE_HZ;
use crate::simd::{Simd, mul_add};
use crate::simd_dispatch;

/// One side of the kernel, in samples of the analysis rate: 1 ms.
pub const HALF_WIDTH: usize = 16;
/// Where the response has fallen by 6 dB; at hosts' rates below the analysis rate it falls with them.
const CUTOFF_HZ: f64 = 7_600.0;
const KAISER_BETA: f64 = 5.0;
/// Rates with a ratio that needs more phases than this get the nearest of so many (an error of time of at most 1/2048
/// of a host's sample, -66 dB at 7 kHz and less below).
const MAX_PHASES: u64 = 1024;
/// Kernels are padded with zeros to a multiple of this, for the vector units.
const LANES: usize = 16;
/// Larger input samples are clipped, so that nothing computed from them overflows.
const CLIP: f32 = 100.0;

/// Makes [`crate::analysis`]'s 16 kHz signal from a host's, in chunks whose ends the caller fixes.
pub struct Resampler {
    simd: Simd,
    /// `[n_phases][taps]`: the kernel at the sub-sample position of each phase.
    kernels: Vec<f32>,
    taps: usize,
    n_phases: u64,
    /// Host samples per output sample: whole part and remainder over [`ANALYSIS_RATE_HZ`].
    step: (u64, u64),
    /// Input that is still needed; `history[0]` is the first sample under the kernel of the next output.
    history: Vec<f32>,
    filled: usize,
    /// Position of the next output's kernel within `history`: whole samples, and a remainder over [`ANALYSIS_RATE_HZ`].
    next: usize,
    remainder: u64,
    start: (usize, u64, usize),
}

impl Resampler {
    /// For chunks of at most `max_chunk` input samples. The first output is sample `-lead` (so many samples before 0).
    pub fn new(simd: Simd, sample_rate_hz: u32, max_chunk: usize, lead: u64) -> Self {
        let fs = u64::from(sample_rate_hz);
        let rate = u64::from(ANALYSIS_RATE_HZ);
        let ratio = fs as f64 / rate as f64;
        let half = HALF_WIDTH as f64 * ratio;
        let reach = half.ceil() as usize;
        let taps = (2 * reach + 1).next_multiple_of(LANES);
        let n_phases = (rate / gcd(fs, rate)).min(MAX_PHASES);
        let cutoff = CUTOFF_HZ.min(0.475 * f64::from(sample_rate_hz)) / f64::from(sample_rate_hz);
        let mut kernels = vec![0.0; n_phases as usize * taps];
        for (phase, kernel) in kernels.chunks_exact_mut(taps).enumerate() {
            let centre = reach as f64 + phase as f64 / n_phases as f64;
            let mut taps_f64: Vec<f64> = (0..taps).map(|i| windowed_sinc(i as f64 - centre, half, cutoff)).collect();
            let sum: f64 = taps_f64.iter().sum();
            taps_f64.iter_mut().for_each(|tap| *tap /= sum);
            kernel.iter_mut().zip(&taps_f64).for_each(|(tap, &exact)| *tap = exact as f32);
        }
        // The first output is at the time -lead / rate, and its kernel begins `reach` samples earlier; the history begins
        // there, filled with the silence before the first sample.
        let behind = lead * fs;
        let whole = behind.div_ceil(rate);
        let remainder = whole * rate - behind;
        let silence = whole as usize + reach;
        let history = vec![0.0; silence + taps + max_chunk + ratio.ceil() as usize * 64];
        Self {
            simd,
            kernels,
            taps,
            n_phases,
            step: (fs / rate, fs % rate),
            history,
            filled: silence,
            next: 0,
            remainder,
            start: (0, remainder, silence),
        }
    }

    pub fn reset(&mut self) {
        self.history.fill(0.0);
        (self.next, self.remainder, self.filled) = self.start;
    }

    /// Takes a chunk of input in. Samples that are not finite count as 0.
    pub fn push(&mut self, input: &[f32]) {
        // Make room by dropping what no later output needs.
        self.history.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
        let free = &mut self.history[self.filled..];
        free[..input.len()]
            .iter_mut()
            .zip(input)
            .for_each(|(slot, &x)| *slot = if x.is_finite() { x.clamp(-CLIP, CLIP) } else { 0.0 });
        // The padding of the kernels reads on: let it read zeros times zeros.
        let end = self.filled + input.len();
        let padded = (end + LANES).min(self.history.len());
        self.history[end..padded].fill(0.0);
        self.filled = end;
    }

    /// Computes the next `output.len()` samples; the caller has pushed what they need.
    pub fn pull(&mut self, output: &mut [f32]) {
        for y in output {
            let phase =
                (self.remainder * self.n_phases + u64::from(ANALYSIS_RATE_HZ) / 2) / u64::from(ANALYSIS_RATE_HZ);
            // Half a phase short of the next sample counts as that sample.
            let (carry, phase) = if phase == self.n_phases { (1, 0) } else { (0, phase as usize) };
            let kernel = &self.kernels[phase * self.taps..][..self.taps];
            *y = dot(self.simd, kernel, &self.history[self.next + carry..][..self.taps]);
            self.next += self.step.0 as usize;
            self.remainder += self.step.1;
            if self.remainder >= u64::from(ANALYSIS_RATE_HZ) {
                self.remainder -= u64::from(ANALYSIS_RATE_HZ);
                self.next += 1;
            }
        }
    }
}

/// `sinc` of the cutoff (in cycles per sample) under a Kaiser window that ends at `half`; 0 beyond.
fn windowed_sinc(t: f64, half: f64, cutoff: f64) -> f64 {
    let inside = 1.0 - (t / half) * (t / half);
    if inside <= 0.0 {
        return 0.0;
    }
    let x = 2.0 * cutoff * t * std::f64::consts::PI;
    let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    sinc * bessel_i0(KAISER_BETA * inside.sqrt())
}

/// The modified Bessel function of the first kind, order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..50 {
        term *= (x / 2.0 / f64::from(k)) * (x / 2.0 / f64::from(k));
        sum += term;
    }
    sum
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

simd_dispatch!(
    /// The sum of products, of whole groups of [`LANES`]; within 1e-6 of the sum of the absolute products.
    fn dot(a: &[f32], b: &[f32]) -> f32 = dot_body
);

#[inline(always)]
fn dot_body<const F: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for i in 0..LANES {
            sums[i] = mul_add::<F>(a[i], b[i], sums[i]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_under_the_kernel_is_exact_on_every_instruction_set() {
        let number = |i: usize| ((i * 7_919) % 10_007) as f32 / 5_003.5 - 1.0;
        // The kernels' lengths at 8, 48 and 384 kHz.
        for len in [32, 112, 784] {
            let a: Vec<f32> = (0..len).map(number).collect();
            let b: Vec<f32> = (0..len).map(|i| number(i + 3_000)).collect();
            let products = || a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let bound = 1e-6 * products().map(f64::abs).sum::<f64>();
            for simd in Simd::all() {
                let error = (f64::from(dot(simd, &a, &b)) - products().sum::<f64>()).abs();
                assert!(error <= bound, "{}, {len} taps: {error:e}, beyond {bound:e}", simd.name());
            }
        }
    }
}
