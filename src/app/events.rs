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
