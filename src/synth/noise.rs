//! Filtered noise: white noise through a FIR whose taps move on linear ramps, by FFT and overlap-add.
//!
//! A sample in the segment from frame t-1 to t with weight w = i / N passes `(1 - w) h[t-1] + w h[t]`. So two copies of
//! the noise, faded out and in, go through the two filters. Work is done in blocks at fixed positions of the segment.

use realfft::num_complex::Complex32;

use super::tables::{SynthTables, TAP_LANES};
use super::white_noise::NoiseSeed;
use crate::frame::Controls;
use crate::simd::mul_add;
use crate::simd_dispatch;

/// One end of a segment: the filter's spectrum, or silence.
struct FilterSpectrum {
    bins: Vec<Complex32>,
    silent: bool,
}

/// State of one voice's noise.
pub(super) struct FilteredNoise {
    seed: NoiseSeed,
    /// Samples of white noise used since the reset.
    counter: u64,
    /// Band magnitudes at the end of the last segment, `[n_noise_bands]`; they change only by `jump_to` and segments.
    bands: Vec<f32>,
    /// Filter at the start and at the end of the segment.
    from: FilterSpectrum,
    to: FilterSpectrum,
    len: usize,
    /// Sum of what blocks so far have left to play, `[fft size]`: the current block, then its tail.
    overlap: Vec<f32>,
    /// How much of `overlap` may be other than 0.
    sounding: usize,
    /// `overlap` and `sounding` before the current block, in case the segment is cut short within it.
    overlap_before: Vec<f32>,
    sounding_before: usize,
    /// Where the current block begins in the segment, and its length.
    block_start: usize,
    block_len: usize,
    signal: Vec<f32>,
    white: Vec<f32>,
    spectrum: Vec<Complex32>,
    sum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl FilteredNoise {
    #[must_use]
    pub(super) fn new(tables: &SynthTables) -> Self {
        let (size, bins) = (tables.fft.size(), tables.fft.bins());
        let filter = || FilterSpectrum { bins: vec![Complex32::ZERO; bins], silent: true };
        Self {
            seed: NoiseSeed::new(0),
            counter: 0,
            bands: vec![0.0; tables.spec.n_noise_bands],
            from: filter(),
            to: filter(),
            len: 0,
            overlap: vec![0.0; size],
            sounding: 0,
            overlap_before: vec![0.0; size],
            sounding_before: 0,
            block_start: 0,
            block_len: 0,
            signal: vec![0.0; size.max(tables.n_taps.next_multiple_of(TAP_LANES))],
            white: vec![0.0; tables.block_len],
            spectrum: vec![Complex32::ZERO; bins],
            sum: vec![Complex32::ZERO; bins],
            scratch: tables.fft.scratch(),
        }
    }

    pub(super) fn reset(&mut self, seed: u64) {
        self.seed = NoiseSeed::new(seed);
        self.counter = 0;
        self.bands.fill(0.0);
        self.from.silent = true;
        self.to.silent = true;
        self.len = 0;
        self.overlap.fill(0.0);
        self.sounding = 0;
        (self.block_start, self.block_len) = (0, 0);
    }

    /// Takes the bands (at gain 1) as those that the last segment ended with; the gain comes with the next segment.
    pub(super) fn jump_to(&mut self, controls: &Controls) {
        for (band, &magnitude) in self.bands.iter_mut().zip(&controls.noise) {
            *band = valid_magnitude(magnitude);
        }
    }

    /// Computes the filter of the bands that [`FilteredNoise::jump_to`] took.
    pub(super) fn scale_start(&mut self, tables: &SynthTables, gain: f32) {
        for band in &mut self.bands {
            *band = valid_magnitude(*band * gain);
        }
        self.filter_from_bands(tables);
    }

    /// Ramps over `len` samples to the bands of `controls` times `gain`.
    pub(super) fn begin_segment(&mut self, tables: &SynthTables, controls: &Controls, len: usize, gain: f32) {
        std::mem::swap(&mut self.from, &mut self.to);
        for (band, &magnitude) in self.bands.iter_mut().zip(&controls.noise) {
            *band = valid_magnitude(magnitude * gain);
        }
        self.filter_from_bands(tables);
        self.len = len;
        (self.block_start, self.block_len) = (0, 0);
    }

    /// Ends the segment after `at` of its samples, with the filter that it has reached there.
    pub(super) fn cut(&mut self, tables: &SynthTables, at: usize) {
        if at < self.block_start + self.block_len {
            // The block was made for more samples than were played: makes it again for those.
            let played = at - self.block_start;
            self.counter -= self.block_len as u64;
            let to_keep = self.sounding_before.max(self.sounding);
            self.overlap[..to_keep].copy_from_slice(&self.overlap_before[..to_keep]);
            self.sounding = self.sounding_before;
            self.advance(tables, self.block_start, played);
            self.shift(played);
        }
        let weight = at as f32 / self.len.max(1) as f32;
        for (to, from) in self.to.bins.iter_mut().zip(&self.from.bins) {
            let start = if self.from.silent { Complex32::ZERO } else { *from };
            let end = if self.to.silent { Complex32::ZERO } else { *to };
            *to = start + (end - start) * weight;
        }
        self.to.silent &= self.from.silent;
        self.block_len = 0;
    }

    /// `to` becomes the spectrum of the filter for `bands`.
    fn filter_from_bands(&mut self, tables: &SynthTables) {
        self.to.silent = self.bands.iter().all(|&band| band == 0.0);
        if self.to.silent {
            return;
        }
        let padded = tables.n_taps.next_multiple_of(TAP_LANES);
        sum_band_taps(tables.simd, &mut self.signal[..padded], &tables.band_taps, &self.bands);
        let signal = &mut self.signal[..tables.fft.size()];
        if let Some(rest) = signal.get_mut(padded..) {
            rest.fill(0.0);
        }
        tables.fft.forward(signal, &mut self.to.bins, &mut self.scratch);
    }

    /// Samples `first..first + out.len()` of the segment, at most a block; blocks must follow one another.
    pub(super) fn render_block(&mut self, tables: &SynthTables, first: usize, out: &mut [f32]) {
        let len = out.len();
        (self.block_start, self.block_len) = (first, len);
        self.sounding_before = self.sounding;
        self.overlap_before.copy_from_slice(&self.overlap);
        self.advance(tables, first, len);
        out.copy_from_slice(&self.overlap[..len]);
        self.shift(len);
    }

    /// Uses `len` samples of white noise.
    fn advance(&mut self, tables: &SynthTables, first: usize, len: usize) {
        if len > 0 && !(self.from.silent && self.to.silent) {
            self.add_block(tables, first, len);
        }
        self.counter += len as u64;
    }

    /// Drops the first `len` samples of `overlap`: they have been played.
    fn shift(&mut self, len: usize) {
        if self.sounding > 0 {
            self.overlap.copy_within(len..self.sounding.max(len), 0);
            let left = self.sounding.saturating_sub(len);
            self.overlap[left..self.sounding].fill(0.0);
            self.sounding = left;
        }
    }

    /// Adds the response to the next `len` samples of white noise to `overlap`.
    fn add_block(&mut self, tables: &SynthTables, first: usize, len: usize) {
        let white = &mut self.white[..len];
        self.seed.fill(tables.simd, self.counter, white);
        let per_sample = 1.0 / self.len as f32;
        let signal = &mut self.signal[..tables.fft.size()];
        let mut summed = false;
        for (filter, rising) in [(&self.from, false), (&self.to, true)] {
            if filter.silent {
                continue;
            }
            for (i, (sample, &noise)) in signal.iter_mut().zip(white.iter()).enumerate() {
                let weight = (first + i) as f32 * per_sample;
                *sample = noise * if rising { weight } else { 1.0 - weight };
            }
            signal[len..].fill(0.0);
            tables.fft.forward(signal, &mut self.spectrum, &mut self.scratch);
            let products = self.spectrum.iter().zip(&filter.bins).map(|(x, h)| x * h);
            if summed {
                self.sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            } else {
                self.sum.iter_mut().zip(products).for_each(|(sum, product)| *sum = product);
            }
            summed = true;
        }
        tables.fft.inverse(&mut self.sum, signal, &mut self.scratch);
        let reach = len + tables.n_taps - 1;
        for (overlap, &sample) in self.overlap.iter_mut().zip(&signal[..reach]) {
            let value = *overlap + sample;
            *overlap = if value.abs() < 1e-20 { 0.0 } else { value };
        }
        self.sounding = self.sounding.max(reach);
    }
}

/// A magnitude that can be played: what is no number is silent, and the limit keeps sums finite.
fn valid_magnitude(magnitude: f32) -> f32 {
    if magnitude.is_finite() && magnitude.abs() > 1e-20 { magnitude.clamp(-1e3, 1e3) } else { 0.0 }
}

simd_dispatch!(
    /// `taps[n] = sum_j bands[j] band_taps[n / TAP_LANES][j][n % TAP_LANES]`, within 1e-6 of the sum of the absolute products.
    fn sum_band_taps(taps: &mut [f32], band_taps: &[f32], bands: &[f32]) = sum_band_taps_body
);

#[inline(always)]
fn sum_band_taps_body<const F: bool>(taps: &mut [f32], band_taps: &[f32], bands: &[f32]) {
    let rows = band_taps.chunks_exact(bands.len() * TAP_LANES);
    for (taps, rows) in taps.chunks_exact_mut(TAP_LANES).zip(rows) {
        let mut sums = [0.0_f32; TAP_LANES];
        for (row, &band) in rows.chunks_exact(TAP_LANES).zip(bands) {
            for (sum, &tap) in sums.iter_mut().zip(row) {
                *sum = mul_add::<F>(band, tap, *sum);
            }
        }
        taps.copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Simd;

    #[test]
    fn a_filters_taps_are_the_exact_sum_on_every_instruction_set() {
        let number = |i: usize| ((i * 7_919) % 10_007) as f32 / 5_003.5 - 1.0;
        for (n_bands, n_taps) in [(2, TAP_LANES), (65, 4 * TAP_LANES), (129, 12 * TAP_LANES)] {
            let band_taps: Vec<f32> = (0..n_bands * n_taps).map(number).collect();
            let bands: Vec<f32> = (0..n_bands).map(|j| 0.1 * number(j + 5_000)).collect();
            for simd in Simd::all() {
                let mut taps = vec![f32::NAN; n_taps];
                sum_band_taps(simd, &mut taps, &band_taps, &bands);
                for (n, tap) in taps.iter().enumerate() {
                    let row = |j: usize| band_taps[(n / TAP_LANES * n_bands + j) * TAP_LANES + n % TAP_LANES];
                    let products = || (0..n_bands).map(|j| f64::from(bands[j]) * f64::from(row(j)));
                    let error = (f64::from(*tap) - products().sum::<f64>()).abs();
                    let bound = 1e-6 * products().map(f64::abs).sum::<f64>();
                    assert!(error <= bound, "{}, {n_bands} bands, tap {n}: {error:e}", simd.name());
                }
            }
        }
    }
}
