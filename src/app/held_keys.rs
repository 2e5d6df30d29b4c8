//! Which keys are held, whoever plays them: MIDI ports, the computer's keys and the mouse write, the window reads.

use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::engine::EventKind;

/// Keys of a MIDI keyboard.
const N_KEYS: usize = 128;

/// One bit for each channel of each key, so that a key that two channels hold is held until both have let go.
#[derive(Debug)]
pub struct HeldKeys([AtomicU16; N_KEYS]);

impl Default for HeldKeys {
    fn default() -> Self {
        Self([const { AtomicU16::new(0) }; N_KEYS])
    }
}

impl HeldKeys {
    /// Takes note of what `event` presses or lets go.
    pub fn follow(&self, event: &EventKind) {
        match event {
            EventKind::NoteOn { note, .. } => {
                if let Some(channels) = self.0.get(usize::from(note.key)) {
                    channels.fetch_or(bit(note.channel), Relaxed);
                }
            }
            EventKind::NoteOff { note } | EventKind::Choke { note } => {
                if let Some(channels) = self.0.get(usize::from(note.key)) {
                    channels.fetch_and(!bit(note.channel), Relaxed);
                }
            }
            EventKind::AllNotesOff { channel: None } | EventKind::AllSoundOff { channel: None } => self.clear(),
            EventKind::AllNotesOff { channel: Some(channel) } | EventKind::AllSoundOff { channel: Some(channel) } => {
                self.0.iter().for_each(|channels| _ = channels.fetch_and(!bit(*channel), Relaxed));
            }
            _ => {}
        }
    }

    /// Nothing is held any more.
    pub fn clear(&self) {
        self.0.iter().for_each(|channels| channels.store(0, Relaxed));
    }

    /// The keys that are held, one bit each; bit 0 is key 0.
    pub fn snapshot(&self) -> u128 {
        let held = |key: usize| u128::from(self.0[key].load(Relaxed) != 0);
        (0..N_KEYS).fold(0, |keys, key| keys | held(key) << key)
    }
}

fn bit(channel: u8) -> u16 {
    1 << (channel % 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NoteAddress;

    fn on(channel: u8, key: u8) -> EventKind {
        EventKind::NoteOn { note: NoteAddress { note_id: None, channel, key }, velocity: 0.5 }
    }

    fn off(channel: u8, key: u8) -> EventKind {
        EventKind::NoteOff { note: NoteAddress { note_id: None, channel, key } }
    }

    #[test]
    fn a_key_is_held_until_every_channel_has_let_go() {
        let held = HeldKeys::default();
        [on(0, 60), on(3, 60), on(0, 127), off(0, 60)].iter().for_each(|event| held.follow(event));
        assert_eq!(held.snapshot(), 1 << 60 | 1 << 127);
        [off(3, 60), off(3, 60)].iter().for_each(|event| held.follow(event));
        assert_eq!(held.snapshot(), 1 << 127);
        [on(3, 60), on(4, 60), on(3, 61)].iter().for_each(|event| held.follow(event));
        held.follow(&EventKind::AllNotesOff { channel: Some(3) });
        assert_eq!(held.snapshot(), 1 << 60 | 1 << 127);
        held.follow(&EventKind::AllNotesOff { channel: None });
        assert_eq!(held.snapshot(), 0);
    }

    #[test]
    fn keys_that_do_not_exist_do_no_harm() {
        let held = HeldKeys::default();
        held.follow(&on(200, 200));
        held.follow(&on(200, 1));
        assert_eq!(held.snapshot(), 2);
    }
}
