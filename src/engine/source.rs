//! Where an engine's frames come from: ears for audio, a player for notes. Both shape them by the settings.

use super::gate::{Gate, GateGains};
use super::settings::{Settings, offset_loudness};
use crate::analysis::{AnalysisError, Analyzer, LowestPitch};
use crate::frame::Frame;
use crate::performer::{EventKind, Mono, NoteAddress, Profile};

/// The frame that a voice shall play and how loud its parts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    pub frame: Frame,
    pub gains: GateGains,
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
        Wanted { gains: self.gate.next(&self.heard), frame: shaped(&self.heard, settings) }
    }
}

/// Notes to wanted frames.
pub struct Player {
    mono: Mono,
    profile: Profile,
}

/// What an event means for the voice.
pub enum Heard {
    /// Nothing, or a sounding voice changes its course: the next tick, at most 4 ms later, begins the ramp there. A ramp
    /// of its own could be so short that it clicks.
    Nothing,
    /// A sound begins out of silence at the event's sample.
    NewSound(NoteAddress),
    /// The voice stops at once.
    Silence,
}

impl Player {
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { mono: Mono::new(sample_rate_hz), profile: Profile::default() }
    }

    pub fn reset(&mut self) {
        // Samples count from 0 again: whatever sounded is over.
        self.mono.all_sound_off();
        self.mono.bend(0.0);
        self.mono.set_profile(self.profile);
    }

    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
        self.mono.set_profile(profile);
    }

    pub fn is_silent(&self, sample: u64) -> bool {
        self.mono.is_silent(sample)
    }

    pub fn happen(&mut self, sample: u64, event: &EventKind) -> Heard {
        match *event {
            EventKind::NoteOn { note, velocity } => {
                if self.mono.note_on(sample, note, velocity) {
                    Heard::NewSound(note)
                } else {
                    Heard::Nothing
                }
            }
            EventKind::NoteOff { note } => {
                self.mono.note_off(sample, note);
                Heard::Nothing
            }
            EventKind::PitchBend { value, .. } => {
                self.mono.bend(value);
                Heard::Nothing
            }
            EventKind::AllNotesOff => {
                self.mono.all_notes_off(sample);
                Heard::Nothing
            }
            EventKind::AllSoundOff => {
                self.mono.all_sound_off();
                Heard::Silence
            }
        }
    }

    /// The voice at `sample`.
    pub fn wanted(&self, sample: u64, settings: &Settings) -> Wanted {
        let voice = self.mono.frame_at(sample);
        Wanted { frame: shaped(&voice.frame, settings), gains: GateGains { harmonic: voice.level, noise: voice.level } }
    }
}

fn shaped(frame: &Frame, settings: &Settings) -> Frame {
    Frame {
        f0_hz: frame.f0_hz * (settings.transpose / 12.0).exp2(),
        loudness_db: offset_loudness(frame.loudness_db, settings.loudness_offset),
        voicing: frame.voicing,
    }
}
