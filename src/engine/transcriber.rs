//! Notes out of what is heard: frames in; keys that begin and end, with the bend between, out. So a voice can play another
//! instrument, or be written down.
//!
//! A key begins once the pitch has been steady for 20 ms: earlier would send the slide before it as notes of their own. The
//! bend follows the pitch around the key, so that vibrato and slides stay what they are. A new key begins where the pitch
//! settles nearer to it, or where the same one is struck again.

use crate::frame::{FRAME_RATE_HZ, Frame};

/// Range of the bend, in semitones up and down: what General MIDI starts with.
pub const BEND_RANGE_SEMITONES: f32 = 2.0;

const fn frames(ms: u32) -> u32 {
    FRAME_RATE_HZ * ms / 1000
}

/// Over this time a pitch must be steady to be a note.
const STEADY: usize = frames(20) as usize;
/// Widest spread of a steady pitch, in semitones.
const STEADY_SPREAD: f32 = 0.6;
/// A pitch this far from the sounding key is another note, in semitones.
const OTHER_KEY: f32 = 0.65;
/// A pitch must stay away this long: vibrato comes back sooner.
const STAYS_AWAY: u32 = frames(100);
/// A note outlasts gaps in its pitch of this length.
const LONGEST_GAP: u32 = frames(48);
/// A sound that gets this much louder within [`STRIKE`] is struck again, in dB.
const STRIKE_DB: f32 = 9.0;
const STRIKE: usize = frames(60) as usize;
/// Loudness of the least and the greatest velocity, in dB.
const VELOCITY_DB: [f32; 2] = [-50.0, -12.0];
/// Smallest change of the bend that is told, in semitones.
const BEND_STEP: f32 = 0.01;

/// What a transcriber tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeardNote {
    /// `key` 0 to 127, `velocity` above 0, to 1.
    On {
        key: u8,
        velocity: f32,
    },
    Off {
        key: u8,
    },
    /// Semitones above the key, within [`BEND_RANGE_SEMITONES`].
    Bend {
        semitones: f32,
    },
}

/// Frames to notes, one voice.
#[derive(Clone, Debug)]
pub struct Transcriber {
    /// The last pitches (MIDI note numbers) and loudnesses, the newest last.
    pitches: [f32; STEADY],
    loudness_db: [f32; STRIKE],
    /// Frames in a row with a pitch.
    voiced: u32,
    /// Frames in a row without.
    gap: u32,
    /// Frames in a row away from the key.
    away: u32,
    /// Frames since the key began.
    age: u32,
    key: Option<u8>,
    bend: f32,
}

impl Default for Transcriber {
    fn default() -> Self {
        Self {
            pitches: [0.0; STEADY],
            loudness_db: [f32::INFINITY; STRIKE],
            voiced: 0,
            gap: 0,
            away: 0,
            age: 0,
            key: None,
            bend: 0.0,
        }
    }
}

impl Transcriber {
    /// Takes the next frame. `open`: it has a pitch that is meant to be heard. `tell` is called up to three times.
    pub fn next(&mut self, frame: &Frame, open: bool, mut tell: impl FnMut(HeardNote)) {
        self.loudness_db.rotate_left(1);
        self.loudness_db[STRIKE - 1] = frame.loudness_db;
        if !open {
            self.voiced = 0;
            self.gap += 1;
            if self.gap > LONGEST_GAP {
                self.end(&mut tell);
            }
            return;
        }
        self.gap = 0;
        self.voiced = self.voiced.saturating_add(1);
        self.age = self.age.saturating_add(1);
        let pitch = 69.0 + 12.0 * (frame.f0_hz / 440.0).log2();
        self.pitches.rotate_left(1);
        self.pitches[STEADY - 1] = pitch;
        if !self.is_steady() {
            self.follow(pitch, &mut tell);
            return;
        }
        let nearest = pitch.round().clamp(0.0, 127.0) as u8;
        let begins = match self.key {
            None => true,
            Some(key) => {
                let is_away = (pitch - f32::from(key)).abs() > OTHER_KEY;
                self.away = if is_away { self.away + 1 } else { 0 };
                self.away >= STAYS_AWAY || self.is_struck()
            }
        };
        if begins {
            self.begin(nearest, frame.loudness_db, &mut tell);
        }
        self.follow(pitch, &mut tell);
    }

    /// Ends what sounds, as when nobody listens any more.
    pub fn end(&mut self, mut tell: impl FnMut(HeardNote)) {
        if let Some(key) = self.key.take() {
            tell(HeardNote::Off { key });
        }
        self.away = 0;
    }

    fn begin(&mut self, key: u8, loudness_db: f32, tell: &mut impl FnMut(HeardNote)) {
        // The new key first: who plays one voice binds it to the old one then.
        let before = self.key.replace(key);
        if before == Some(key) {
            tell(HeardNote::Off { key });
        }
        let [softest, loudest] = VELOCITY_DB;
        let velocity = ((loudness_db - softest) / (loudest - softest)).clamp(1.0 / 127.0, 1.0);
        tell(HeardNote::On { key, velocity });
        if let Some(before) = before.filter(|before| *before != key) {
            tell(HeardNote::Off { key: before });
        }
        self.away = 0;
        self.age = 0;
    }

    fn follow(&mut self, pitch: f32, tell: &mut impl FnMut(HeardNote)) {
        let Some(key) = self.key else { return };
        let semitones = (pitch - f32::from(key)).clamp(-BEND_RANGE_SEMITONES, BEND_RANGE_SEMITONES);
        if (semitones - self.bend).abs() >= BEND_STEP {
            self.bend = semitones;
            tell(HeardNote::Bend { semitones });
        }
    }

    fn is_steady(&self) -> bool {
        let lowest = self.pitches.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = self.pitches.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.voiced >= STEADY as u32 && highest - lowest <= STEADY_SPREAD
    }

    /// Whether it has just become much louder, and not only now begun.
    fn is_struck(&self) -> bool {
        let softest = self.loudness_db[..STRIKE - 1].iter().copied().fold(f32::INFINITY, f32::min);
        self.age > STRIKE as u32 && self.loudness_db[STRIKE - 1] - softest > STRIKE_DB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a melody: (MIDI pitch or none, dB) for each frame.
    fn told(frames: impl IntoIterator<Item = (Option<f32>, f32)>) -> Vec<(usize, HeardNote)> {
        let mut transcriber = Transcriber::default();
        let mut told = Vec::new();
        for (k, (pitch, loudness_db)) in frames.into_iter().enumerate() {
            let f0_hz = 440.0 * ((pitch.unwrap_or(69.0) - 69.0) / 12.0).exp2();
            let frame = Frame { f0_hz, loudness_db, voicing: f32::from(u8::from(pitch.is_some())) };
            transcriber.next(&frame, pitch.is_some(), |note| told.push((k, note)));
        }
        told
    }

    fn keys(told: &[(usize, HeardNote)]) -> Vec<(bool, u8)> {
        told.iter()
            .filter_map(|(_, note)| match note {
                HeardNote::On { key, .. } => Some((true, *key)),
                HeardNote::Off { key } => Some((false, *key)),
                HeardNote::Bend { .. } => None,
            })
            .collect()
    }

    fn note(pitch: f32, n: usize) -> impl Iterator<Item = (Option<f32>, f32)> + Clone {
        std::iter::repeat_n((Some(pitch), -20.0), n)
    }

    fn rest(n: usize) -> impl Iterator<Item = (Option<f32>, f32)> + Clone {
        std::iter::repeat_n((None, -80.0), n)
    }

    #[test]
    fn a_note_begins_after_20_ms_and_ends_after_its_gap() {
        let told = told(rest(10).chain(note(60.2, 100)).chain(rest(50)));
        let [
            (on, HeardNote::On { key: 60, velocity }),
            (_, HeardNote::Bend { semitones }),
            (off, HeardNote::Off { key: 60 }),
        ] = told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!(on, 10 + STEADY - 1);
        assert_eq!(off, 110 + LONGEST_GAP as usize);
        assert!((velocity - 30.0 / 38.0).abs() < 1e-6 && (semitones - 0.2).abs() < 1e-3);
    }

    #[test]
    fn a_slide_is_no_scale_and_a_bound_note_begins_before_the_old_one_ends() {
        let slide = (0..25).map(|k| (Some(60.0 + 7.0 * k as f32 / 25.0), -20.0));
        let told = told(note(60.0, 100).chain(slide).chain(note(67.0, 100)).chain(rest(50)));
        assert_eq!(keys(&told), [(true, 60), (true, 67), (false, 60), (false, 67)]);
    }

    #[test]
    fn vibrato_is_a_bend_and_no_trill() {
        let vibrato = (0..500).map(|k| (Some(69.0 + 0.9 * (k as f32 * 0.138).sin()), -20.0));
        let told = told(note(69.0, 50).chain(vibrato).chain(rest(50)));
        assert_eq!(keys(&told), [(true, 69), (false, 69)]);
        let bends = told.iter().filter_map(|(_, note)| match note {
            HeardNote::Bend { semitones } => Some(*semitones),
            _ => None,
        });
        assert!(bends.clone().fold(0.0, f32::max) > 0.85 && bends.fold(0.0, f32::min) < -0.85);
    }

    #[test]
    fn a_repeated_note_is_struck_again_and_a_dropped_frame_is_not() {
        let dip = std::iter::repeat_n((Some(64.0), -34.0), 8);
        let told_of =
            told(note(64.0, 60).chain(dip).chain(note(64.0, 60)).chain([(None, -20.0); 3]).chain(note(64.0, 60)));
        assert_eq!(keys(&told_of), [(true, 64), (false, 64), (true, 64)]);
    }

    #[test]
    fn who_stops_listening_ends_the_note() {
        let mut transcriber = Transcriber::default();
        let frame = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
        (0..20).for_each(|_| transcriber.next(&frame, true, |_| {}));
        let mut told = Vec::new();
        transcriber.end(|note| told.push(note));
        transcriber.end(|note| told.push(note));
        assert_eq!(told, [HeardNote::Off { key: 69 }]);
    }
}
