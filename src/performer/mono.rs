//! One voice: the last key that is held sounds; letting it go returns to the one held before.

use super::{NoteAddress, Profile, VoiceFrame, envelope::Envelope};
use crate::frame::Frame;

/// Keys that can be held at a time; more push out the oldest.
const MAX_HELD: usize = 32;
/// Bend range up and down, in semitones.
const BEND_SEMITONES: f32 = 2.0;

#[derive(Clone, Copy, Debug)]
struct Held {
    note: NoteAddress,
    velocity: f32,
}

#[derive(Clone, Copy, Debug)]
struct Sounding {
    key: u8,
    /// Sample at which its envelope began.
    start: u64,
    envelope: Envelope,
}

/// A monophonic player. Samples are counted on the engine's clock. Nothing here allocates after [`Mono::new`].
#[derive(Clone, Debug)]
pub struct Mono {
    sample_rate_hz: f32,
    profile: Profile,
    held: Vec<Held>,
    sounding: Option<Sounding>,
    bend: f32,
}

impl Mono {
    #[must_use]
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz: sample_rate_hz as f32,
            profile: Profile::default(),
            held: Vec::with_capacity(MAX_HELD),
            sounding: None,
            bend: 0.0,
        }
    }

    /// Another instrument; applies from the next note on.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// A key goes down at `sample`. Returns whether the voice was silent, so that the sound begins here.
    pub fn note_on(&mut self, sample: u64, note: NoteAddress, velocity: f32) -> bool {
        self.held.retain(|held| !held.note.matches(&note));
        if self.held.len() == MAX_HELD {
            self.held.remove(0);
        }
        self.held.push(Held { note, velocity });
        let was_silent = self.is_silent(sample);
        self.play(sample, note.key, velocity);
        was_silent
    }

    /// A key goes up at `sample`. Returns whether anything changed.
    pub fn note_off(&mut self, sample: u64, note: NoteAddress) -> bool {
        let was_top = self.held.last().is_some_and(|held| held.note.matches(&note));
        self.held.retain(|held| !held.note.matches(&note));
        if !was_top {
            return false;
        }
        match self.held.last().copied() {
            Some(Held { note, velocity }) => self.play(sample, note.key, velocity),
            None => self.release(sample),
        }
        true
    }

    /// Every key goes up at `sample`.
    pub fn all_notes_off(&mut self, sample: u64) {
        self.held.clear();
        self.release(sample);
    }

    /// Everything stops at once.
    pub fn all_sound_off(&mut self) {
        self.held.clear();
        self.sounding = None;
    }

    /// -1 to 1 of the bend range.
    pub fn bend(&mut self, value: f32) {
        if value.is_finite() {
            self.bend = value.clamp(-1.0, 1.0);
        }
    }

    /// Whether nothing sounds at `sample`, if no event comes before it.
    #[must_use]
    pub fn is_silent(&self, sample: u64) -> bool {
        self.sounding.is_none_or(|s| s.envelope.is_over(self.seconds(sample - s.start)))
    }

    /// The voice at `sample`, which is at or after the last event.
    #[must_use]
    pub fn frame_at(&self, sample: u64) -> VoiceFrame {
        let Some(sounding) = self.sounding else { return VoiceFrame::SILENCE };
        let time_s = self.seconds(sample - sounding.start);
        let semitones = f32::from(sounding.key) + self.bend * BEND_SEMITONES;
        let f0_hz = 440.0 * ((semitones - 69.0) / 12.0).exp2();
        if sounding.envelope.is_over(time_s) {
            return VoiceFrame { frame: Frame { f0_hz, ..Frame::SILENCE }, level: 0.0 };
        }
        let loudness_db = sounding.envelope.loudness_db(time_s);
        VoiceFrame { frame: Frame { f0_hz, loudness_db, voicing: 1.0 }, level: sounding.envelope.level(time_s) }
    }

    fn play(&mut self, sample: u64, key: u8, velocity: f32) {
        let current_db = (!self.is_silent(sample)).then(|| self.frame_at(sample).frame.loudness_db);
        let envelope = Envelope::begin(&self.profile, velocity, current_db);
        self.sounding = Some(Sounding { key, start: sample, envelope });
    }

    fn release(&mut self, sample: u64) {
        let profile = self.profile;
        if let Some(sounding) = &mut self.sounding {
            sounding.envelope.release(&profile, (sample - sounding.start) as f32 / self.sample_rate_hz);
        }
    }

    fn seconds(&self, samples: u64) -> f32 {
        samples as f32 / self.sample_rate_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: u8) -> NoteAddress {
        NoteAddress { note_id: None, channel: 0, key }
    }

    fn cents(f0_hz: f32, key: f32) -> f32 {
        1200.0 * (f0_hz / (440.0 * ((key - 69.0) / 12.0).exp2())).log2()
    }

    #[test]
    fn letting_go_of_the_last_key_returns_to_the_one_held_before() {
        let mut mono = Mono::new(48_000);
        mono.note_on(0, key(60), 0.8);
        mono.note_on(1_000, key(64), 0.8);
        assert!(cents(mono.frame_at(2_000).frame.f0_hz, 64.0).abs() < 0.1);
        mono.note_off(3_000, key(64));
        assert!(cents(mono.frame_at(4_000).frame.f0_hz, 60.0).abs() < 0.1);
    }

    #[test]
    fn a_full_bend_is_two_semitones() {
        let mut mono = Mono::new(48_000);
        mono.note_on(0, key(69), 0.8);
        mono.bend(-1.0);
        assert!(cents(mono.frame_at(10).frame.f0_hz, 67.0).abs() < 0.1);
    }

    #[test]
    fn harder_is_louder_and_silence_follows_the_release() {
        let mut mono = Mono::new(48_000);
        mono.note_on(0, key(69), 0.2);
        let soft = mono.frame_at(40_000).frame.loudness_db;
        mono.note_off(40_000, key(69));
        assert!(!mono.is_silent(41_000) && mono.is_silent(90_000));
        assert!(mono.note_on(90_000, key(69), 0.9));
        assert!(mono.frame_at(130_000).frame.loudness_db > soft + 10.0);
    }

    #[test]
    fn a_note_is_known_by_its_id_where_hosts_give_one() {
        let mut mono = Mono::new(48_000);
        let note = |id| NoteAddress { note_id: Some(id), channel: 0, key: 60 };
        mono.note_on(0, note(1), 0.8);
        mono.note_on(10, note(2), 0.8);
        assert!(!mono.note_off(20, note(1)), "an older note of the same key goes without a trace");
        assert!(mono.note_off(30, note(2)));
    }
}
