//! The computer's keyboard as a small piano: two rows of keys play, two more move them by octaves.

use egui::Key;

use crate::engine::{EventKind, NoteAddress};

/// The keys that play, from C upwards, laid out like a piano's. These are places on the keyboard, under the names that
/// they have in the United States.
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
const OCTAVE_DOWN: Key = Key::Z;
const OCTAVE_UP: Key = Key::X;
const VELOCITY: f32 = 0.75;
/// The note of the first key while nothing is moved: middle C.
const MIDDLE_C: u8 = 60;
/// Octaves that the keys can be moved in each direction.
const MAX_OCTAVES: i8 = 3;

/// What is held, and in which octave the keys play.
pub struct ComputerKeys {
    octave: i8,
    /// What each of [`KEYS`] is playing.
    held: [Option<u8>; KEYS.len()],
    /// What is printed on each of them, as far as it is known: other countries have other letters there.
    printed: [Key; KEYS.len()],
}

impl Default for ComputerKeys {
    fn default() -> Self {
        Self { octave: 0, held: [None; KEYS.len()], printed: KEYS }
    }
}

impl ComputerKeys {
    /// What pressing or letting go of the key at `place`, on which `printed` is to be read, does. What the system repeats
    /// while a key is held does nothing.
    pub fn press(&mut self, place: Key, printed: Key, is_down: bool) -> Option<EventKind> {
        match place {
            OCTAVE_DOWN if is_down => self.shift(-1),
            OCTAVE_UP if is_down => self.shift(1),
            _ => {}
        }
        let index = KEYS.iter().position(|&key| key == place)?;
        self.printed[index] = printed;
        match (is_down, self.held[index]) {
            (true, None) => {
                let key = self.base() + index as u8;
                self.held[index] = Some(key);
                Some(EventKind::NoteOn { note: note(key), velocity: VELOCITY })
            }
            // It ends the note that it began, whatever octave is chosen by now.
            (false, Some(key)) => {
                self.held[index] = None;
                Some(EventKind::NoteOff { note: note(key) })
            }
            _ => None,
        }
    }

    /// Lets go of everything, for a window that loses the keyboard. Gives the ends of what was held.
    pub fn release_all(&mut self) -> Vec<EventKind> {
        let held = std::mem::replace(&mut self.held, [None; KEYS.len()]);
        held.into_iter().flatten().map(|key| EventKind::NoteOff { note: note(key) }).collect()
    }

    /// Moves all keys by octaves, as far as they go. Notes that sound stay what they are.
    pub fn shift(&mut self, octaves: i8) {
        self.octave = self.octave.saturating_add(octaves).clamp(-MAX_OCTAVES, MAX_OCTAVES);
    }

    /// Whether [`ComputerKeys::shift`] by this would change anything.
    pub fn can_shift(&self, octaves: i8) -> bool {
        (-MAX_OCTAVES..=MAX_OCTAVES).contains(&self.octave.saturating_add(octaves))
    }

    /// The note of the first key, 24 to 96.
    pub fn base(&self) -> u8 {
        MIDDLE_C.saturating_add_signed(12 * self.octave)
    }

    /// What is printed on the key that plays `note` now, if there is one.
    pub fn hint(&self, note: u8) -> Option<&'static str> {
        let index = note.checked_sub(self.base())?;
        Some(match self.printed.get(usize::from(index))? {
            Key::Semicolon => ";",
            Key::Quote => "'",
            key => key.symbol_or_name(),
        })
    }
}

fn note(key: u8) -> NoteAddress {
    NoteAddress { note_id: None, channel: 0, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(key: u8) -> Option<EventKind> {
        Some(EventKind::NoteOn { note: note(key), velocity: VELOCITY })
    }

    fn off(key: u8) -> Option<EventKind> {
        Some(EventKind::NoteOff { note: note(key) })
    }

    #[test]
    fn a_held_computer_key_plays_once_and_ends_where_it_began() {
        let mut keys = ComputerKeys::default();
        assert_eq!(keys.press(Key::H, Key::H, true), on(69));
        assert_eq!(keys.press(Key::H, Key::H, true), None, "a repeat");
        assert_eq!(keys.press(Key::X, Key::X, true), None);
        assert_eq!(keys.press(Key::H, Key::H, false), off(69));
        assert_eq!(keys.press(Key::H, Key::H, true), on(81));
        assert_eq!(keys.release_all().first().copied(), off(81));
        assert_eq!(keys.release_all().len(), 0);
        assert_eq!(keys.press(Key::H, Key::H, false), None);
    }

    #[test]
    fn the_two_rows_are_a_piano_from_c_to_f() {
        let mut keys = ComputerKeys::default();
        for (semitone, key) in KEYS.into_iter().enumerate() {
            assert_eq!(keys.press(key, key, true), on(60 + semitone as u8), "{key:?}");
        }
        let black: Vec<&str> = [61, 63, 66, 68, 70, 73, 75].into_iter().filter_map(|note| keys.hint(note)).collect();
        assert_eq!(black, ["W", "E", "T", "Y", "U", "O", "P"], "the upper row plays the black keys");
        assert_eq!((keys.hint(76), keys.hint(77), keys.hint(78), keys.hint(59)), (Some(";"), Some("'"), None, None));
    }

    #[test]
    fn octaves_end_where_midi_has_keys_left() {
        let mut keys = ComputerKeys::default();
        for _ in 0..9 {
            keys.press(Key::Z, Key::Z, true);
        }
        assert_eq!((keys.base(), keys.can_shift(-1), keys.can_shift(1)), (24, false, true));
        for _ in 0..9 {
            keys.press(Key::X, Key::X, true);
        }
        assert_eq!((keys.base(), keys.can_shift(1)), (96, false));
        assert!(usize::from(keys.base()) + KEYS.len() <= 128);
    }

    #[test]
    fn places_play_and_letters_are_learned() {
        let mut keys = ComputerKeys::default();
        // A French keyboard has a Q where others have their A.
        assert_eq!(keys.press(Key::A, Key::Q, true), on(60));
        assert_eq!(keys.hint(60), Some("Q"));
    }
}
