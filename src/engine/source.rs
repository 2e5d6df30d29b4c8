//! Where an engine's frames come from: ears for audio, a player for notes. Both shape them by the settings.

use super::gate::{Gate, GateGains};
use super::settings::{Settings, gain_from_db, map_loudness};
use super::shape::Shape;
use super::transcriber::{HeardNote, Transcriber};
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
    /// Share of the second model, 0 to 1.
    pub blend: f32,
}

/// Audio to wanted frames.
pub struct Listener {
    analyzer: Analyzer,
    heard: Frame,
    gate: Gate,
    /// Octaves by which what is heard is moved into the instrument's pitches.
    octaves: f32,
    transcriber: Transcriber,
    /// Whether the last frame had a pitch that the gate let pass.
    open: bool,
}

/// A pitch may lie this far outside of the instrument's before it is moved by an octave, as a ratio: a semitone and a half.
const OCTAVE_SLACK: f32 = 1.09;

impl Listener {
    pub fn new(sample_rate_hz: u32, lowest_pitch: LowestPitch) -> Result<Self, AnalysisError> {
        let analyzer = Analyzer::new(sample_rate_hz, lowest_pitch)?;
        Ok(Self {
            analyzer,
            heard: Frame::SILENCE,
            gate: Gate::default(),
            octaves: 0.0,
            transcriber: Transcriber::default(),
            open: false,
        })
    }

    pub fn reset(&mut self) {
        self.analyzer.reset();
        self.heard = Frame::SILENCE;
        self.gate = Gate::default();
        self.octaves = 0.0;
        self.transcriber = Transcriber::default();
        self.open = false;
    }

    pub fn hear(&mut self, input: &[f32]) {
        let heard = &mut self.heard;
        self.analyzer.push(input, |_, frame| *heard = frame);
    }

    /// Call once a tick: the gate moves on by one frame. It judges what was heard, before the settings move it. `pitch_hz` are
    /// the lowest and highest pitch that the instrument knows.
    pub fn wanted(&mut self, settings: &Settings, pitch_hz: [f32; 2]) -> Wanted {
        let GateGains { harmonic, noise } = self.gate.next(&self.heard, pitch_hz[0]);
        self.open = harmonic > 0.5 && self.heard.voicing >= super::gate::VOICED;
        if settings.octave_match < 0.5 {
            self.octaves = 0.0;
        } else if self.heard.voicing >= super::gate::VOICED {
            self.octaves = matching_octaves(shaped(&self.heard, settings).f0_hz, pitch_hz, self.octaves);
        }
        Wanted {
            gains: part_gains(settings, harmonic, noise),
            frame: shaped(&Frame { f0_hz: self.heard.f0_hz * self.octaves.exp2(), ..self.heard }, settings),
            shape: shape(settings),
            blend: settings.blend,
        }
    }
}

impl Listener {
    /// Tells the notes of the frame that [`Listener::wanted`] has played, as they were heard: nothing is transposed.
    pub fn transcribe(&mut self, settings: &Settings, tell: impl FnMut(HeardNote)) {
        if settings.notes_out >= 0.5 {
            self.transcriber.next(&self.heard, self.open, tell);
        } else {
            self.transcriber.end(tell);
        }
    }
}

/// Notes to wanted frames.
pub struct Player {
    ensemble: Ensemble,
    /// Of every note, by its instrument.
    gain: f32,
}

impl Player {
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { ensemble: Ensemble::new(sample_rate_hz), gain: 1.0 }
    }

    pub fn reset(&mut self, seed: u64) {
        self.ensemble.reset(seed);
    }

    pub fn set_profile(&mut self, profile: Profile) {
        self.ensemble.set_profile(profile);
        self.gain = profile.note_gain();
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

    /// Call at every tick, before its frames are asked for.
    pub fn begin_tick(&mut self, sample: u64, playing: &Playing) {
        self.ensemble.begin_tick(sample, playing);
    }

    /// The voice in `slot` at `sample`.
    pub fn wanted(&self, slot: usize, sample: u64, settings: &Settings, playing: &Playing) -> Option<Wanted> {
        let voice = self.ensemble.frame_at(slot, sample, playing)?;
        let level = voice.level * self.gain;
        let gains = part_gains(settings, level, level);
        let shape = shape(settings).with_brightness(0.5 + (voice.brightness - 0.5) * settings.timbre);
        Some(Wanted { frame: shaped(&voice.frame, settings), gains, shape, blend: settings.blend })
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
        loudness_db: map_loudness(frame.loudness_db, settings.loudness_range, settings.loudness_offset),
        voicing: frame.voicing,
    }
}

/// Whole octaves that bring `f0_hz` into `pitch_hz`; `before` as long as that does. An instrument of less than an octave is left
/// alone.
fn matching_octaves(f0_hz: f32, [lowest_hz, highest_hz]: [f32; 2], before: f32) -> f32 {
    let (lowest_hz, highest_hz) = (lowest_hz / OCTAVE_SLACK, highest_hz * OCTAVE_SLACK);
    if highest_hz < 2.0 * lowest_hz || !f0_hz.is_finite() {
        return 0.0;
    }
    let moved_hz = f0_hz * before.exp2();
    if moved_hz < lowest_hz {
        (lowest_hz / f0_hz).log2().ceil()
    } else if moved_hz > highest_hz {
        (highest_hz / f0_hz).log2().floor()
    } else {
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitches_outside_are_moved_by_octaves_and_stay_moved_while_that_fits() {
        let violin = [196.0, 2_800.0];
        assert_eq!(matching_octaves(440.0, violin, 0.0), 0.0);
        assert_eq!(matching_octaves(98.0, violin, 0.0), 1.0);
        assert_eq!(matching_octaves(41.2, violin, 0.0), 3.0);
        assert_eq!(matching_octaves(4_186.0, violin, 0.0), -1.0);
        assert_eq!(matching_octaves(220.0, violin, 1.0), 1.0, "no leap back in the middle of a phrase");
        assert_eq!(matching_octaves(185.0, violin, 0.0), 0.0, "a semitone below is left alone");
        assert_eq!(matching_octaves(50.0, [100.0, 150.0], 0.0), 0.0);
    }
}
