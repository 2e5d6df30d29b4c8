//! The harmonic bank: partial k is a sine at k times one phase, with amplitude and pitch on linear ramps.
//!
//! Sixteen samples are computed side by side. Each gets the sine and cosine of its own phase in f64; partials follow by
//! complex rotation in f32, odd and even ones in chains of their own, so rounding grows only linearly with k.

use super::fade::host_fade;
use super::tables::SynthTables;
use crate::frame::Controls;
use crate::simd::{Simd, mul_add};
use crate::simd_dispatch;

/// Samples that are computed together.
pub(super) const LANES: usize = 16;

/// Amplitude ramps of an odd partial and of the even one above it: start and rise of the odd, start and rise of the even.
type PartialPair = [f32; 4];

/// State of one voice's partials.
pub(super) struct HarmonicBank {
    /// Phase of the last sample before the segment, in cycles / 2^64.
    phase: u64,
    /// Pitch at the end of the last segment; 0 before the first.
    f0_hz: f64,
    /// Amplitudes at the end of the last segment, `[n_harmonics]`.
    last: Vec<f32>,
    /// Ramps of the current segment; the first `active` pairs are not silent.
    pairs: Vec<PartialPair>,
    active: usize,
    sweep: Sweep,
    len: usize,
}

/// Phase over a segment: after sample i, phi = phase + (i + 1) (step + bend i), in cycles.
#[derive(Clone, Copy, Default)]
struct Sweep {
    phase: f64,
    step: f64,
    bend: f64,
}

impl HarmonicBank {
    #[must_use]
    pub(super) fn new(n_harmonics: usize) -> Self {
        Self {
            phase: 0,
            f0_hz: 0.0,
            last: vec![0.0; n_harmonics],
            pairs: vec![[0.0; 4]; n_harmonics.div_ceil(2)],
            active: 0,
            sweep: Sweep::default(),
            len: 0,
        }
    }

    /// Silence at phase 0, without a pitch to glide from.
    pub(super) fn reset(&mut self) {
        self.phase = 0;
        self.f0_hz = 0.0;
        self.last.fill(0.0);
        self.active = 0;
        self.sweep = Sweep::default();
        self.len = 0;
    }

    /// Takes pitch and amplitudes (at gain 1) as those that the last segment ended with.
    pub(super) fn jump_to(&mut self, tables: &SynthTables, controls: &Controls) {
        let fs = f64::from(tables.host_rate_hz);
        self.f0_hz = valid_f0(controls.f0_hz, self.f0_hz, fs);
        for (k, (last, &share)) in (1_u32..).zip(self.last.iter_mut().zip(&controls.harmonics)) {
            *last = amplitude(controls.amplitude, share, 1.0, f64::from(k) * self.f0_hz, fs);
        }
    }

    /// Scales what [`HarmonicBank::jump_to`] took, once the gain at the note's start is known.
    pub(super) fn scale_start(&mut self, gain: f32) {
        for last in &mut self.last {
            *last *= gain;
        }
    }

    /// Ramps over `len` samples to `controls` times `gain`.
    pub(super) fn begin_segment(&mut self, tables: &SynthTables, controls: &Controls, len: usize, gain: f32) {
        let fs = f64::from(tables.host_rate_hz);
        let f0_hz = valid_f0(controls.f0_hz, self.f0_hz, fs);
        let from_hz = if self.f0_hz > 0.0 { self.f0_hz } else { f0_hz };
        let len_f64 = len.max(1) as f64;
        self.sweep = Sweep {
            phase: (self.phase >> 11) as f64 / (1_u64 << 53) as f64,
            step: from_hz / fs,
            bend: (f0_hz - from_hz) / (2.0 * len_f64 * fs),
        };
        self.f0_hz = f0_hz;
        self.len = len;
        self.active = 0;
        for (k, (last, &share)) in (0_usize..).zip(self.last.iter_mut().zip(&controls.harmonics)) {
            let target = amplitude(controls.amplitude, share, gain, (k + 1) as f64 * f0_hz, fs);
            let (pair, side) = (k / 2, k % 2 * 2);
            if side == 0 {
                self.pairs[pair] = [0.0; 4];
            }
            if *last != 0.0 || target != 0.0 {
                self.pairs[pair][side] = *last;
                self.pairs[pair][side + 1] = target - *last;
                self.active = pair + 1;
            }
            *last = target;
        }
        self.advance(len);
    }

    /// The phase after the segment. Fractions of a cycle are summed as integers, so hours leave no rounding behind.
    fn advance(&mut self, len: usize) {
        if len == 0 {
            return;
        }
        let n = len as f64;
        let cycles = n * (self.sweep.step + self.sweep.bend * (n - 1.0));
        self.phase = self.phase.wrapping_add(((cycles - cycles.floor()) * 2_f64.powi(64)) as u64);
    }

    /// Samples `first..first + LANES` of the segment; those beyond its end have no meaning.
    pub(super) fn render(&self, simd: Simd, first: usize, out: &mut [f32; LANES]) {
        if self.active == 0 {
            out.fill(0.0);
        } else {
            sum_partials(simd, out, &self.pairs[..self.active], self.sweep, first, self.len);
        }
    }
}

/// A pitch that can be played: what is no number holds the last pitch, and above the Nyquist frequency all partials are
/// silent anyway.
fn valid_f0(f0_hz: f32, last_hz: f64, fs: f64) -> f64 {
    if f0_hz.is_finite() && f0_hz > 0.0 { f64::from(f0_hz).min(0.5 * fs) } else { last_hz }
}

/// Amplitude of a partial after gain and fade; what is no number is silent.
fn amplitude(overall: f32, share: f32, gain: f32, partial_hz: f64, fs: f64) -> f32 {
    let product = overall * share * gain * host_fade(partial_hz, fs);
    // The limit is far beyond any control and keeps sums finite.
    if product.is_finite() && product.abs() > 1e-20 { product.clamp(-1e3, 1e3) } else { 0.0 }
}

simd_dispatch!(
    fn sum_partials(out: &mut [f32; LANES], pairs: &[PartialPair], sweep: Sweep, first: usize, len: usize) =
        sum_partials_body
);

#[inline(always)]
fn sum_partials_body<const F: bool>(
    out: &mut [f32; LANES],
    pairs: &[PartialPair],
    sweep: Sweep,
    first: usize,
    len: usize,
) {
    // sin and cos of the odd partial, of the even one above it, and of the step by two partials from each to its next.
    let mut odd = [[0.0_f32; LANES]; 2];
    let mut even = [[0.0_f32; LANES]; 2];
    for lane in 0..LANES {
        let i = (first + lane) as f64;
        let (sin, cos) = sin_cos_cycles(sweep.phase + (i + 1.0) * (sweep.step + sweep.bend * i));
        odd[0][lane] = sin as f32;
        odd[1][lane] = cos as f32;
        even[0][lane] = (2.0 * sin * cos) as f32;
        even[1][lane] = (1.0 - 2.0 * sin * sin) as f32;
    }
    let turn = even;
    let mut at_start = [0.0_f32; LANES];
    let mut rise = [0.0_f32; LANES];
    for &[odd_start, odd_rise, even_start, even_rise] in pairs {
        for lane in 0..LANES {
            at_start[lane] = mul_add::<F>(odd_start, odd[0][lane], at_start[lane]);
            rise[lane] = mul_add::<F>(odd_rise, odd[0][lane], rise[lane]);
            at_start[lane] = mul_add::<F>(even_start, even[0][lane], at_start[lane]);
            rise[lane] = mul_add::<F>(even_rise, even[0][lane], rise[lane]);
            let sin = mul_add::<F>(odd[0][lane], turn[1][lane], odd[1][lane] * turn[0][lane]);
            odd[1][lane] = mul_add::<F>(odd[1][lane], turn[1][lane], -(odd[0][lane] * turn[0][lane]));
            odd[0][lane] = sin;
            let sin = mul_add::<F>(even[0][lane], turn[1][lane], even[1][lane] * turn[0][lane]);
            even[1][lane] = mul_add::<F>(even[1][lane], turn[1][lane], -(even[0][lane] * turn[0][lane]));
            even[0][lane] = sin;
        }
    }
    let per_sample = 1.0 / len as f32;
    for lane in 0..LANES {
        out[lane] = mul_add::<F>((first + lane) as f32 * per_sample, rise[lane], at_start[lane]);
    }
}

/// sin and cos of 2 pi `cycles` (0 to 2^40) within 1e-9, without a branch or a library call, so that lanes vectorise.
#[inline(always)]
fn sin_cos_cycles(cycles: f64) -> (f64, f64) {
    // Adding 1.5 * 2^52 rounds to a whole number, whose lowest bit then is the lowest of the mantissa.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let halves = cycles * 2.0 + ROUND;
    let sign = halves.to_bits() << 63;
    let x = (cycles - (halves - ROUND) * 0.5) * std::f64::consts::TAU;
    let y = x * x;
    // Taylor series; at pi / 2 the first terms left out are 7e-10 and 7e-11.
    let sin = 1.0 / 6_227_020_800.0;
    let sin = sin * y - 1.0 / 39_916_800.0;
    let sin = sin * y + 1.0 / 362_880.0;
    let sin = sin * y - 1.0 / 5_040.0;
    let sin = sin * y + 1.0 / 120.0;
    let sin = sin * y - 1.0 / 6.0;
    let sin = (sin * y + 1.0) * x;
    let cos = -1.0 / 87_178_291_200.0;
    let cos = cos * y + 1.0 / 479_001_600.0;
    let cos = cos * y - 1.0 / 3_628_800.0;
    let cos = cos * y + 1.0 / 40_320.0;
    let cos = cos * y - 1.0 / 720.0;
    let cos = cos * y + 1.0 / 24.0;
    let cos = cos * y - 0.5;
    let cos = cos * y + 1.0;
    (f64::from_bits(sin.to_bits() ^ sign), f64::from_bits(cos.to_bits() ^ sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameClock;
    use crate::synth::SynthSpec;

    #[test]
    fn a_440_hz_partial_stays_within_a_cent_for_an_hour() {
        let spec = SynthSpec {
            sample_rate_hz: 32_000,
            bandwidth_hz: 15_500.0,
            n_harmonics: 1,
            n_noise_bands: 2,
            noise_fir_ms: 4.0,
        };
        let tables = SynthTables::new(&spec, 44_100);
        let mut controls = Controls::silent(1, 2);
        (controls.f0_hz, controls.amplitude, controls.harmonics[0]) = (440.0, 1.0, 1.0);
        let mut bank = HarmonicBank::new(1);
        bank.jump_to(&tables, &controls);
        let clock = FrameClock::new(44_100, 250);
        let frames = 3600 * 250;
        // Beginning a segment moves the phase to its end; only the sound after an hour is listened to.
        for t in 0..=frames {
            bank.begin_segment(&tables, &controls, (clock.start(t + 1) - clock.start(t)) as usize, 1.0);
        }
        let mut sound = [0.0; LANES];
        bank.render(tables.simd, 0, &mut sound);
        for (n, x) in (clock.start(frames)..).zip(sound) {
            let cycles = ((n + 1) * 440 % 44_100) as f64 / 44_100.0;
            let want = (std::f64::consts::TAU * cycles).sin();
            // One cent would be 915 cycles by now; this asks for a millionth of a cycle.
            assert!((f64::from(x) - want).abs() < 6e-6, "sample {n}: {x} for {want}");
        }
    }

    #[test]
    fn the_sine_is_exact_at_all_phases() {
        for n in 0..100_000_u32 {
            let cycles = f64::from(n) * 0.001_237;
            let (sin, cos) = sin_cos_cycles(cycles);
            let angle = std::f64::consts::TAU * cycles;
            assert!((sin - angle.sin()).abs() < 1e-9 && (cos - angle.cos()).abs() < 1e-9, "{cycles}");
        }
    }
}
