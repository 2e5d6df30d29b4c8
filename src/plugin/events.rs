//! The host's note events in the engine's terms.

use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::NoteEvent;

use crate::engine::{EventKind, NoteAddress};

/// The engine's event for a host's, or `None` where the engine has no use for it yet.
///
/// Hosts may release "any key" or "any channel": by the note's id if they name one, else with one voice that means all notes.
#[must_use]
pub fn translate<S>(event: &NoteEvent<S>) -> Option<EventKind> {
    match event {
        NoteEvent::NoteOn { voice_id, channel, key, velocity, .. } => {
            let note = address(voice_id, channel, key)?;
            // MIDI's way to say that a note ends.
            Some(if *velocity <= 0.0 {
                EventKind::NoteOff { note }
            } else {
                EventKind::NoteOn { note, velocity: velocity.min(1.0) }
            })
        }
        NoteEvent::NoteOff { voice_id, channel, key, .. } => {
            Some(match (address(voice_id, channel, key), voice_id.id()) {
                (Some(note), _) => EventKind::NoteOff { note },
                // Where both notes have an id, it alone decides.
                (None, Some(id)) => EventKind::NoteOff { note: NoteAddress { note_id: Some(id), channel: 0, key: 0 } },
                (None, None) => EventKind::AllNotesOff,
            })
        }
        NoteEvent::Choke { .. } => Some(EventKind::AllSoundOff),
        _ => None,
    }
}

fn address(voice_id: &VoiceID, channel: &Channel, key: &Key) -> Option<NoteAddress> {
    Some(NoteAddress { note_id: voice_id.id(), channel: channel.number()?, key: key.number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(velocity: f32) -> NoteEvent<()> {
        NoteEvent::NoteOn {
            timing: 5,
            voice_id: VoiceID::ID(7),
            channel: Channel::Number(2),
            key: Key::Number(69),
            velocity,
        }
    }

    #[test]
    fn notes_keep_their_id_channel_and_key() {
        let note = NoteAddress { note_id: Some(7), channel: 2, key: 69 };
        assert_eq!(translate(&on(0.5)), Some(EventKind::NoteOn { note, velocity: 0.5 }));
    }

    #[test]
    fn a_note_on_without_velocity_ends_the_note() {
        assert!(matches!(translate(&on(0.0)), Some(EventKind::NoteOff { .. })));
    }

    #[test]
    fn releasing_any_key_releases_all() {
        let event: NoteEvent<()> = NoteEvent::NoteOff {
            timing: 0,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(0),
            key: Key::Wildcard,
            velocity: 0.0,
        };
        assert_eq!(translate(&event), Some(EventKind::AllNotesOff));
    }
}
