//! The harmonic bank: partial k is a sine at k times one phase, with amplitude and pitch on linear ramps.
//!
//! This file keeps the controls and the phase; `partial_sum.rs` makes the samples.

use super::fade::HostFade;
use super::partial_sum::{LANES, PartialRamp, Sweep, sum_partials};
use super::tables::SynthTables;
use crate::frame::Controls;
use crate::simd::Simd;

/// State of one voice's partials.
pub(super) struct HarmonicBank {
    /// Phase of the last sample before the segment, in cycles / 2^64.
    phase: u64,
    /// Pitch at the end of the last segment; 0 before the first.
    f0_hz: f64,
    /// Amplitudes at the end of the last segment, `[n_harmonics]`.
    last: Vec<f32>,
    /// Ramps of the current segment, `[n_harmonics]`; from `active` on all are silent.
    ramps: Vec<PartialRamp>,
    active: usize,
    sweep: Sweep,
    /// Phase before the current segment.
    phase_at_start: u64,
    len: usize,
}

impl HarmonicBank {
    #[must_use]
    pub(super) fn new(n_harmonics: usize) -> Self {
        Self {
            phase: 0,
            f0_hz: 0.0,
            last: vec![0.0; n_harmonics],
            ramps: vec![PartialRamp::default(); n_harmonics],
            active: 0,
            sweep: Sweep::default(),
            phase_at_start: 0,
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
            *last = amplitude(controls.amplitude, share, f64::from(k) * self.f0_hz, tables.fade);
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
        let partials = self.last.iter_mut().zip(&mut self.ramps).zip(&controls.harmonics);
        for (k, ((last, ramp), &share)) in (1_usize..).zip(partials) {
            let target = amplitude(controls.amplitude * gain, share, k as f64 * f0_hz, tables.fade);
            *ramp = PartialRamp { start: *last, rise: target - *last };
            if *last != 0.0 || target != 0.0 {
                self.active = k;
            }
            *last = target;
        }
        self.phase_at_start = self.phase;
        self.phase = self.phase_after(len);
    }

    /// Ends the segment after `at` of its samples, with the values that it has reached there.
    pub(super) fn cut(&mut self, tables: &SynthTables, at: usize) {
        let weight = at as f32 / self.len.max(1) as f32;
        for (last, ramp) in self.last.iter_mut().zip(&self.ramps) {
            *last = ramp.start + ramp.rise * weight;
        }
        self.f0_hz = (self.sweep.step + 2.0 * self.sweep.bend * at as f64) * f64::from(tables.host_rate_hz);
        self.phase = self.phase_after(at);
    }

    /// The phase after `n` samples of the segment. Fractions of a cycle are summed as integers, so hours leave no rounding
    /// behind.
    fn phase_after(&self, n: usize) -> u64 {
        let n = n as f64;
        let cycles = n * (self.sweep.step + self.sweep.bend * (n - 1.0));
        self.phase_at_start.wrapping_add(((cycles - cycles.floor()) * 2_f64.powi(64)) as u64)
    }

    /// Samples `first..first + LANES` of the segment; those beyond its end have no meaning.
    pub(super) fn render(&self, simd: Simd, first: usize, out: &mut [f32; LANES]) {
        if self.active == 0 {
            out.fill(0.0);
        } else {
            sum_partials(simd, out, &self.ramps[..self.active], self.sweep, first, self.len);
        }
    }
}

/// A pitch that can be played: what is no number holds the last pitch, and above the Nyquist frequency all partials are
/// silent anyway.
fn valid_f0(f0_hz: f32, last_hz: f64, fs: f64) -> f64 {
    if f0_hz.is_finite() && f0_hz > 0.0 { f64::from(f0_hz).min(0.5 * fs) } else { last_hz }
}

/// Amplitude of a partial after the fade; what is no number is silent.
fn amplitude(overall: f32, share: f32, partial_hz: f64, fade: HostFade) -> f32 {
    let product = overall * share * fade.gain(partial_hz);
    // The limit is far beyond any control and keeps sums finite.
    if product.is_finite() && product.abs() > 1e-20 { product.clamp(-1e3, 1e3) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameClock;
    use crate::synth::SynthSpec;

    fn tables(n_harmonics: usize, host_rate_hz: u32) -> SynthTables {
        let spec = SynthSpec {
            sample_rate_hz: 32_000,
            bandwidth_hz: 15_500.0,
            n_harmonics,
            n_noise_bands: 2,
            noise_fir_ms: 4.0,
        };
        SynthTables::new(&spec, host_rate_hz)
    }

    #[test]
    fn a_440_hz_partial_stays_within_a_cent_for_an_hour() {
        let tables = tables(1, 44_100);
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

    /// Playing from 53 to 231 Hz, where 48 kHz carry a hundred partials: glides over almost two octaves, a vibrato of 36
    /// cents to both sides, and a leap every three seconds.
    fn played_f0_hz(frame: u64) -> f32 {
        let turns = |per_s: f64| std::f64::consts::TAU * per_s * frame as f64 / 250.0;
        let octaves = 0.9 * turns(0.013).sin() + 0.03 * turns(5.5).sin();
        let leap = if frame % 1_500 < 750 { 1.0 } else { 1.1 };
        (110.0 * octaves.exp2() * leap) as f32
    }

    #[test]
    fn a_hundred_partials_follow_a_moving_pitch_for_an_hour_to_less_than_minus_90_db() {
        const PARTIALS: usize = 100;
        const LEN: usize = 192;
        let tables = tables(PARTIALS, 48_000);
        let mut controls = Controls::silent(PARTIALS, 2);
        controls.f0_hz = played_f0_hz(0);
        controls.amplitude = 1.0;
        controls.harmonics.fill(1.0 / 128.0);
        let mut bank = HarmonicBank::new(PARTIALS);
        bank.jump_to(&tables, &controls);
        let sets: Vec<Simd> = Simd::all().collect();
        let (mut power, mut errors) = (0.0, vec![0.0; sets.len()]);
        let mut cycles = 0.0;
        let frames = 3_600 * 250;
        for frame in 1..=frames {
            let from_hz = f64::from(controls.f0_hz);
            controls.f0_hz = played_f0_hz(frame);
            bank.begin_segment(&tables, &controls, LEN, 1.0);
            // The definition: the phase is the sum of the pitches of all samples so far. A segment's are summed on their
            // own, so that an hour's rounding stays far below what is asked for.
            let rise_hz = (f64::from(controls.f0_hz) - from_hz) / LEN as f64;
            let (mut sum_hz, mut phases) = (0.0, [0.0; LEN]);
            for (i, phase) in phases.iter_mut().enumerate() {
                sum_hz += from_hz + rise_hz * i as f64;
                *phase = sum_hz;
            }
            if frame > frames - 250 {
                for (block, sums_hz) in phases.as_chunks::<LANES>().0.iter().enumerate() {
                    let want = sums_hz.map(|sum_hz| {
                        let turns = std::f64::consts::TAU * (cycles + sum_hz / 48_000.0);
                        (1..=PARTIALS).map(|k| (k as f64 * turns).sin() / 128.0).sum::<f64>()
                    });
                    power += want.iter().map(|x| x * x).sum::<f64>();
                    for (simd, errors) in sets.iter().zip(&mut errors) {
                        let mut sound = [0.0; LANES];
                        bank.render(*simd, block * LANES, &mut sound);
                        *errors += sound.iter().zip(want).map(|(x, y)| (f64::from(*x) - y).powi(2)).sum::<f64>();
                    }
                }
            }
            cycles = (cycles + sum_hz / 48_000.0).fract();
        }
        for (simd, errors) in sets.iter().zip(errors) {
            let error_db = 10.0 * (errors / power).log10();
            println!("{}: {error_db:.1} dB", simd.name());
            assert!(error_db < -90.0, "{}: {error_db} dB", simd.name());
        }
    }
}
