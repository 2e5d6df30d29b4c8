//! One voice before the room: the harmonic bank and the filtered noise, on the same ramps.

use std::sync::Arc;

use super::harmonics::HarmonicBank;
use super::noise::FilteredNoise;
use super::partial_sum::LANES;
use super::tables::{SynthSpec, SynthTables};
use crate::frame::Controls;

/// Linear gains of the two parts of a sound; they ramp like the controls that they scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartGains {
    /// Of the harmonics.
    pub harmonic: f32,
    /// Of the noise.
    pub noise: f32,
}

impl Default for PartGains {
    fn default() -> Self {
        Self { harmonic: 1.0, noise: 1.0 }
    }
}

/// Harmonics and filtered noise of one voice at the host's rate, before the room.
///
/// Call [`VoiceSynth::reset`], then [`VoiceSynth::jump_to`] if the sound does not begin in silence, then for each
/// segment [`VoiceSynth::begin_segment`] and [`VoiceSynth::render`] until it is used up.
pub struct VoiceSynth {
    tables: Arc<SynthTables>,
    harmonics: HarmonicBank,
    noise: FilteredNoise,
    /// A jump waits for the gains of the segment that starts from it.
    jumped: bool,
    len: usize,
    /// Samples of the segment that `render` has handed out.
    done: usize,
    partials: [f32; LANES],
    /// Noise of the current block of the segment, `[block_len]`.
    noise_block: Vec<f32>,
}

impl VoiceSynth {
    /// A silent voice with tables of its own. Allocates.
    #[must_use]
    pub fn new(spec: &SynthSpec, host_rate_hz: u32) -> Self {
        Self::with_tables(Arc::new(SynthTables::new(spec, host_rate_hz)))
    }

    /// A silent voice that shares its tables with others. Allocates.
    #[must_use]
    pub fn with_tables(tables: Arc<SynthTables>) -> Self {
        let mut voice = Self {
            harmonics: HarmonicBank::new(tables.spec.n_harmonics),
            noise: FilteredNoise::new(&tables),
            jumped: false,
            len: 0,
            done: 0,
            partials: [0.0; LANES],
            noise_block: vec![0.0; tables.block_len],
            tables,
        };
        voice.reset(0);
        voice
    }

    /// Silence, phase 0, the noise that belongs to `seed` from its first sample.
    pub fn reset(&mut self, seed: u64) {
        self.harmonics.reset();
        self.noise.reset(seed);
        self.jumped = false;
        self.len = 0;
        self.done = 0;
    }

    /// Sets the current value of every control without a ramp, for a note's own start. Noise that still rings goes on.
    /// The gains are those of the next segment. After `reset` alone the voice starts from silence at its first pitch.
    ///
    /// `controls` has the model's sizes; what is no number counts as silence, or as the last pitch.
    pub fn jump_to(&mut self, controls: &Controls) {
        self.cut();
        self.harmonics.jump_to(&self.tables, controls);
        self.noise.jump_to(controls);
        self.jumped = true;
    }

    /// Begins a segment of `len` samples that ramps from the last target to `controls` and `gains`: the target is reached
    /// at the first sample of the next segment. If not all of the last segment was rendered, it counts as cut short there
    /// (by a note's start, say), and the ramp begins with the values that it had reached.
    pub fn begin_segment(&mut self, controls: &Controls, len: usize, gains: PartGains) {
        debug_assert_eq!(controls.harmonics.len(), self.tables.spec.n_harmonics);
        debug_assert_eq!(controls.noise.len(), self.tables.spec.n_noise_bands);
        self.cut();
        let gains = PartGains { harmonic: finite(gains.harmonic), noise: finite(gains.noise) };
        if self.jumped {
            self.harmonics.scale_start(gains.harmonic);
            self.noise.scale_start(&self.tables, gains.noise);
            self.jumped = false;
        }
        self.harmonics.begin_segment(&self.tables, controls, len, gains.harmonic);
        self.noise.begin_segment(&self.tables, controls, len, gains.noise);
        self.len = len;
        self.done = 0;
    }

    /// Ends the segment where it has been rendered to.
    fn cut(&mut self) {
        if self.done < self.len {
            self.harmonics.cut(&self.tables, self.done);
            self.noise.cut(&self.tables, self.done);
            self.len = self.done;
        }
    }

    /// Overwrites `out` with the segment's next samples. Beyond the end of the segment there is silence.
    ///
    /// Both parts are computed in chunks at fixed positions of the segment, so the split changes nothing.
    pub fn render(&mut self, out: &mut [f32]) {
        debug_assert!(out.len() <= self.len - self.done, "no more than the segment holds");
        let (sounding, beyond) = out.split_at_mut(out.len().min(self.len - self.done));
        beyond.fill(0.0);
        let mut rest = sounding;
        while !rest.is_empty() {
            let in_block = self.done % self.tables.block_len;
            if in_block == 0 {
                let len = self.tables.block_len.min(self.len - self.done);
                self.noise.render_block(&self.tables, self.done, &mut self.noise_block[..len]);
            }
            let lane = self.done % LANES;
            if lane == 0 {
                self.harmonics.render(self.tables.simd, self.done, &mut self.partials);
            }
            let run = rest.len().min(LANES - lane).min(self.tables.block_len - in_block);
            let (now, later) = rest.split_at_mut(run);
            let parts = self.partials[lane..].iter().zip(&self.noise_block[in_block..]);
            for (sample, (&partial, &noise)) in now.iter_mut().zip(parts) {
                *sample = partial + noise;
            }
            self.done += run;
            rest = later;
        }
    }

    /// Samples that still sound after a segment to silence: the noise filter's length.
    #[must_use]
    pub fn tail_samples(&self) -> usize {
        self.tables.n_taps - 1
    }

    /// The tables, to make more voices of the same kind.
    #[must_use]
    pub fn tables(&self) -> &Arc<SynthTables> {
        &self.tables
    }
}

/// A gain that is no number is silence.
fn finite(gain: f32) -> f32 {
    if gain.is_finite() { gain } else { 0.0 }
}
