//! Notes on their way to the audio thread: MIDI bytes and computer keys become events with the time of their arrival.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use egui::Key;
use rtrb::Producer;

use crate::engine::{EventKind, NoteAddress};

/// An event and when it came in.
#[derive(Clone, Copy, Debug)]
pub struct TimedEvent {
    pub at: Instant,
    pub kind: EventKind,
}

/// The entrance that all MIDI ports and the computer keyboard share. The lock is between them alone: the audio thread
/// reads the other end of the queue, which has none.
#[derive(Clone, Default)]
pub struct EventSink(Arc<Mutex<Option<Producer<TimedEvent>>>>);

impl EventSink {
    /// Sends events to another queue from now on; `None` drops them.
    pub fn connect(&self, queue: Option<Producer<TimedEvent>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = queue;
    }

    /// Passes `kind` on. What finds the queue full is lost: it holds seconds of the densest playing.
    pub fn send(&self, kind: EventKind) {
        if let Some(queue) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = queue.push(TimedEvent { at: Instant::now(), kind });
        }
    }
}

/// The event of one complete MIDI 1.0 channel message, or `None` if it means nothing here.
pub fn from_midi(message: &[u8]) -> Option<EventKind> {
    let (status, data) = message.split_first()?;
    let channel = status & 0x0f;
    let byte = |index: usize| data.get(index).copied().filter(|byte| *byte < 0x80);
    let note = |key| NoteAddress { note_id: None, channel, key };
    Some(match status & 0xf0 {
        0x90 => match (byte(0)?, byte(1)?) {
            (key, 0) => EventKind::NoteOff { note: note(key) },
            (key, velocity) => EventKind::NoteOn { note: note(key), velocity: f32::from(velocity) / 127.0 },
        },
        0x80 => EventKind::NoteOff { note: note(byte(0)?) },
        0xb0 => match byte(0)? {
            120 => EventKind::AllSoundOff,
            123 => EventKind::AllNotesOff,
            _ => return None,
        },
        0xe0 => {
            let value = i32::from(byte(0)?) | (i32::from(byte(1)?) << 7);
            // 0 to 8192 to 16383: both ends are reached exactly.
            let value = (value - 8_192) as f32 / if value < 8_192 { 8_192.0 } else { 8_191.0 };
            EventKind::PitchBend { channel, value }
        }
        _ => return None,
    })
}

/// The keys of the computer keyboard that play, from C upwards, laid out like a piano's.
const KEYS: [Key; 18] = [
    Key::A,
    Key::W,
    Key::S,
    Key::E,
    Key::D,
    Key::F,
    Key::T,
    Key::G,
    Key::Y,
    Key::H,
    Key::U,
    Key::J,
    Key::K,
    Key::O,
    Key::L,
    Key::P,
    Key::Semicolon,
    Key::Quote,
];
const VELOCITY: f32 = 0.75;

/// Turns the computer's keyboard into a small piano. Z and X move it by octaves.
pub struct ComputerKeys {
    /// The note of key A; 60 is middle C.
    base: u8,
    /// What each of [`KEYS`] is playing.
    held: [Option<u8>; KEYS.len()],
}

impl Default for ComputerKeys {
    fn default() -> Self {
        Self { base: 60, held: [None; KEYS.len()] }
    }
}

impl ComputerKeys {
    /// What pressing or releasing `key` does. Keys that the system repeats do nothing.
    pub fn press(&mut self, key: Key, pressed: bool) -> Option<EventKind> {
        match key {
            Key::Z if pressed => self.base = self.base.saturating_sub(12).max(24),
            Key::X if pressed => self.base = (self.base + 12).min(96),
            _ => {}
        }
        let index = KEYS.iter().position(|&k| k == key)?;
        let note = |key| NoteAddress { note_id: None, channel: 0, key };
        match (pressed, self.held[index]) {
            (true, None) => {
                let key = self.base + index as u8;
                self.held[index] = Some(key);
                Some(EventKind::NoteOn { note: note(key), velocity: VELOCITY })
            }
            (false, Some(key)) => {
                self.held[index] = None;
                Some(EventKind::NoteOff { note: note(key) })
            }
            _ => None,
        }
    }

    /// Lets go of everything, for a window that loses the keyboard. Gives whether a key was held.
    pub fn release_all(&mut self) -> bool {
        let held = self.held.iter().any(Option::is_some);
        self.held = [None; KEYS.len()];
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(channel: u8, key: u8) -> NoteAddress {
        NoteAddress { note_id: None, channel, key }
    }

    #[test]
    fn midi_notes_have_channel_key_and_velocity() {
        let on = EventKind::NoteOn { note: note(3, 69), velocity: 1.0 };
        assert_eq!(from_midi(&[0x93, 69, 127]), Some(on));
        assert_eq!(from_midi(&[0x93, 69, 0]), Some(EventKind::NoteOff { note: note(3, 69) }));
        assert_eq!(from_midi(&[0x83, 69, 64]), Some(EventKind::NoteOff { note: note(3, 69) }));
    }

    #[test]
    fn midi_bend_reaches_both_ends_and_rests_in_the_middle() {
        let bend = |low, high| match from_midi(&[0xe0, low, high]) {
            Some(EventKind::PitchBend { value, .. }) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!((bend(0, 0), bend(0, 64), bend(127, 127)), (-1.0, 0.0, 1.0));
    }

    #[test]
    fn broken_midi_is_ignored() {
        for message in [&[][..], &[0x90], &[0x90, 60], &[0x90, 200, 100], &[0xf8], &[0xb0, 1, 64], &[60, 100]] {
            assert_eq!(from_midi(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_held_computer_key_plays_once_and_ends_where_it_began() {
        let mut keys = ComputerKeys::default();
        let on = |key| Some(EventKind::NoteOn { note: note(0, key), velocity: VELOCITY });
        assert_eq!(keys.press(Key::H, true), on(69));
        assert_eq!(keys.press(Key::H, true), None);
        assert_eq!(keys.press(Key::X, true), None);
        assert_eq!(keys.press(Key::H, false), Some(EventKind::NoteOff { note: note(0, 69) }));
        assert_eq!(keys.press(Key::H, true), on(81));
        assert!(keys.release_all());
        assert_eq!(keys.press(Key::H, false), None);
    }
}
