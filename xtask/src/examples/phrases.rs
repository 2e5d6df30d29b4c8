//! The MIDI phrases that examples play, made here: a list of messages at times in seconds, and the file that holds them.

/// Ticks of a quarter note; at the tempo that files have by default, one of them lasts half a second.
const TICKS: u16 = 480;
const TICKS_PER_S: f64 = 2.0 * TICKS as f64;

/// A phrase that examples play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// A melody that grows from soft to loud and ends on a long note.
    Melody,
    /// Keys that overlap, up and down by steps and leaps.
    Bound,
    /// Three chords of four keys.
    Chords,
    /// A bass line.
    Low,
    /// The same key, from a touch to a blow.
    Touches,
    /// Long notes with the pitch wheel, then with growing pressure.
    Wheels,
    /// Long notes with the modulation wheel, then with controller 74 down and up.
    Controllers,
    /// Two notes at a time; each bends on its own MIDI channel.
    EachItsOwn,
}

/// A message of two data bytes, or one, and when it is sent, in seconds.
type Message = (f64, [u8; 3]);

impl Phrase {
    pub const ALL: [Self; 8] = [
        Self::Melody,
        Self::Bound,
        Self::Chords,
        Self::Low,
        Self::Touches,
        Self::Wheels,
        Self::Controllers,
        Self::EachItsOwn,
    ];

    /// The file's name without its ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Melody => "melody",
            Self::Bound => "bound-notes",
            Self::Chords => "chords",
            Self::Low => "low-notes",
            Self::Touches => "touches",
            Self::Wheels => "wheels",
            Self::Controllers => "controllers",
            Self::EachItsOwn => "each-its-own",
        }
    }

    /// The phrase as a standard MIDI file of format 0.
    pub fn file(self) -> Vec<u8> {
        let mut messages = self.messages();
        // Stable: of one moment, what was written first is sent first.
        messages.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut track = Vec::new();
        let mut now = 0;
        for (time_s, message) in messages {
            let tick = (time_s * TICKS_PER_S).round() as u32;
            push_length(&mut track, tick - now);
            now = tick;
            // Channel pressure has one data byte.
            track.extend(&message[..if message[0] >> 4 == 0xd { 2 } else { 3 }]);
        }
        push_length(&mut track, 0);
        track.extend([0xff, 0x2f, 0x00]);
        let mut file = b"MThd\0\0\0\x06\0\0\0\x01".to_vec();
        file.extend(TICKS.to_be_bytes());
        file.extend(b"MTrk");
        file.extend((track.len() as u32).to_be_bytes());
        file.extend(track);
        file
    }

    fn messages(self) -> Vec<Message> {
        let mut all = Vec::new();
        match self {
            Self::Melody => {
                let keys = [(67, 0.4), (69, 0.4), (71, 0.4), (74, 0.8), (72, 0.4), (69, 0.4), (67, 2.4)];
                let mut at = 0.1;
                for (index, (key, length)) in keys.into_iter().enumerate() {
                    note(&mut all, 0, key, 55 + 9 * index as u8, [at, at + 0.92 * length]);
                    at += length;
                }
            }
            Self::Bound => {
                let keys = [(64, 0.7), (69, 0.7), (67, 0.5), (74, 0.9), (72, 0.5), (64, 1.2)];
                let mut at = 0.1;
                for (key, length) in keys {
                    note(&mut all, 0, key, 90, [at, at + length + 0.08]);
                    at += length;
                }
            }
            Self::Chords => {
                for (index, keys) in [[60, 64, 67, 72], [60, 65, 69, 72], [59, 62, 67, 74]].into_iter().enumerate() {
                    let at = 0.1 + 1.5 * index as f64;
                    keys.into_iter().for_each(|key| note(&mut all, 0, key, 80, [at, at + 1.4]));
                }
            }
            Self::Low => {
                for (index, key) in [40, 47, 45, 43, 40].into_iter().enumerate() {
                    let at = 0.1 + 0.7 * index as f64;
                    note(&mut all, 0, key, 85, [at, at + 0.6]);
                }
            }
            Self::Touches => {
                for (index, velocity) in [8, 25, 45, 65, 85, 105, 127].into_iter().enumerate() {
                    let at = 0.1 + 0.6 * index as f64;
                    note(&mut all, 0, 69, velocity, [at, at + 0.5]);
                }
            }
            Self::Wheels => {
                note(&mut all, 0, 67, 80, [0.1, 2.4]);
                // Up by all of the wheel's way, down by all of it, and back.
                for step in 0..=60u32 {
                    let way = (2.0 * std::f64::consts::PI * f64::from(step) / 60.0).sin();
                    bend(&mut all, 0, 0.5 + f64::from(step) * 0.025, way);
                }
                note(&mut all, 0, 71, 40, [2.6, 5.4]);
                for step in 0..=40u8 {
                    all.push((3.0 + f64::from(step) * 0.05, [0xd0, step * 3, 0]));
                }
            }
            Self::Controllers => {
                note(&mut all, 0, 67, 80, [0.1, 2.6]);
                for step in 0..=40u8 {
                    all.push((0.6 + f64::from(step) * 0.04, [0xb0, 1, step * 3]));
                }
                all.push((2.7, [0xb0, 1, 0]));
                note(&mut all, 0, 71, 80, [2.8, 5.6]);
                for step in 0..=60u32 {
                    let way = (2.0 * std::f64::consts::PI * f64::from(step) / 60.0).sin();
                    all.push((3.2 + f64::from(step) * 0.035, [0xb0, 74, (63.5 - 63.5 * way).round() as u8]));
                }
            }
            Self::EachItsOwn => {
                note(&mut all, 1, 62, 85, [0.1, 3.6]);
                note(&mut all, 2, 69, 85, [0.1, 3.6]);
                // The lower one rises by two semitones of MPE's 48, while the upper one stays.
                for step in 0..=40u8 {
                    bend(&mut all, 1, 1.0 + f64::from(step) * 0.04, 2.0 / 48.0 * f64::from(step) / 40.0);
                }
            }
        }
        all
    }
}

fn note(all: &mut Vec<Message>, channel: u8, key: u8, velocity: u8, [from_s, to_s]: [f64; 2]) {
    all.push((from_s, [0x90 | channel, key, velocity]));
    all.push((to_s, [0x80 | channel, key, 0]));
}

/// The pitch wheel at `way`, -1 to 1 of its own.
fn bend(all: &mut Vec<Message>, channel: u8, at_s: f64, way: f64) {
    let value = (8192.0 + 8191.0 * way).round() as u16;
    all.push((at_s, [0xe0 | channel, (value & 0x7f) as u8, (value >> 7) as u8]));
}

/// A number in groups of seven bits, the highest first.
fn push_length(bytes: &mut Vec<u8>, number: u32) {
    for shift in [21, 14, 7] {
        if number >> shift != 0 {
            bytes.push(0x80 | (number >> shift & 0x7f) as u8);
        }
    }
    bytes.push((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_groups_of_seven_bits() {
        let written = |number| {
            let mut bytes = Vec::new();
            push_length(&mut bytes, number);
            bytes
        };
        assert_eq!(written(0), [0x00]);
        assert_eq!(written(0x7f), [0x7f]);
        assert_eq!(written(0x80), [0x81, 0x00]);
        assert_eq!(written(0x10_0000), [0xc0, 0x80, 0x00]);
    }

    #[test]
    fn every_key_that_is_pressed_is_let_go_and_the_file_says_how_long_it_is() {
        for phrase in Phrase::ALL {
            let messages = phrase.messages();
            let count = |kind: u8| messages.iter().filter(|(_, message)| message[0] >> 4 == kind).count();
            assert!(count(9) > 1 && count(9) == count(8), "{phrase:?}");
            let file = phrase.file();
            let length = u32::from_be_bytes([file[18], file[19], file[20], file[21]]);
            assert_eq!(file.len(), 22 + length as usize, "{phrase:?}");
            assert!(file.ends_with(&[0xff, 0x2f, 0x00]), "{phrase:?}");
        }
    }
}
