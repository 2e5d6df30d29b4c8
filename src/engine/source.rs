//! Where an engine's frames come from: ears for audio, a player for notes. Both shape them by the settings.

use super::gate::{Gate, GateGains};
use super::settings::{Settings, gain_from_db, offset_loudness};
use super::shape::Shape;
use crate::analysis::{AnalysisError, Analyzer, LowestPitch};
use crate::frame::Frame;
use crate::performer::{Change, Ensemble, EventKind, Playing, Profile, Tuning};
use crate::synth::PartGains;

/// The frame that a voice shall play and how loud its parts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    pub frame: Frame,
    pub gains: PartGains,
    pub shape: Shape,
}

/// Audio to wanted frames.
pub struct Listener {
    analyzer: Analyzer,
    heard: Frame,
    gate: Gate,
}

impl Listener {
    pub fn new(sample_rate_hz: u32, lowest_pitch: LowestPitch) -> Result<Self, AnalysisError> {
        let analyzer = Analyzer::new(sample_rate_hz, lowest_pitch)?;
        Ok(Self { analyzer, heard: Frame::SILENCE, gate: Gate::default() })
    }

    pub fn reset(&mut self) {
        self.analyzer.reset();
        self.heard = Frame::SILENCE;
        self.gate = Gate::default();
    }

    pub fn hear(&mut self, input: &[f32]) {
        let heard = &mut self.heard;
        self.analyzer.push(input, |_, frame| *heard = frame);
    }

    /// Call once a tick: the gate moves on by one frame. It judges what was heard, before the settings move it.
    pub fn wanted(&mut self, settings: &Settings) -> Wanted {
        let GateGains { harmonic, noise } = self.gate.next(&self.heard);
        Wanted {
            gains: part_gains(settings, harmonic, noise),
            frame: shaped(&self.heard, settings),
            shape: shape(settings),
        }
    }
}

/// Notes to wanted frames.
pub struct Player {
    ensemble: Ensemble,
}

impl Player {
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { ensemble: Ensemble::new(sample_rate_hz) }
    }

    pub fn reset(&mut self, seed: u64) {
        self.ensemble.reset(seed);
    }

    pub fn set_profile(&mut self, profile: Profile) {
        self.ensemble.set_profile(profile);
    }

    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.ensemble.set_tuning(tuning);
    }

    pub fn is_silent(&self, sample: u64) -> bool {
        self.ensemble.is_silent(sample)
    }

    pub fn n_sounding(&self, sample: u64) -> usize {
        self.ensemble.n_sounding(sample)
    }

    pub fn happen(&mut self, sample: u64, event: &EventKind, settings: &Settings) -> Change {
        self.ensemble.happen(sample, event, &settings.playing())
    }

    /// The voices that have ended by `sample` are forgotten.
    pub fn clear_ended(&mut self, sample: u64) {
        self.ensemble.clear_ended(sample);
    }

    /// The voice in `slot` at `sample`.
    pub fn wanted(&self, slot: usize, sample: u64, settings: &Settings, playing: &Playing) -> Option<Wanted> {
        let voice = self.ensemble.frame_at(slot, sample, playing)?;
        let gains = part_gains(settings, voice.level, voice.level);
        let shape = shape(settings).with_brightness(voice.brightness);
        Some(Wanted { frame: shaped(&voice.frame, settings), gains, shape })
    }
}

fn part_gains(settings: &Settings, harmonic: f32, noise: f32) -> PartGains {
    PartGains {
        harmonic: harmonic * gain_from_db(settings.harmonic_gain),
        noise: noise * gain_from_db(settings.noise_gain),
    }
}

fn shape(settings: &Settings) -> Shape {
    Shape { tilt: settings.brightness, odd_even: settings.odd_even }
}

fn shaped(frame: &Frame, settings: &Settings) -> Frame {
    Frame {
        f0_hz: frame.f0_hz * (settings.transpose / 12.0).exp2(),
        loudness_db: offset_loudness(frame.loudness_db, settings.loudness_offset),
        voicing: frame.voicing,
    }
}
