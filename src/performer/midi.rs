//! MIDI 1.0 messages as they come from ports and files, in the performer's terms.

use super::{EventKind, Expression, NoteAddress, cc};

/// The event of a message: status byte and data. `None` for what the performer has no use for, and for broken messages.
#[must_use]
pub fn from_midi(message: &[u8]) -> Option<EventKind> {
    let (status, data) = message.split_first()?;
    let channel = status & 0x0f;
    let byte = |index: usize| data.get(index).copied().filter(|byte| *byte < 0x80);
    let part = |index: usize| Some(f32::from(byte(index)?) / 127.0);
    let note = |key| NoteAddress { note_id: None, channel, key };
    Some(match status & 0xf0 {
        0x90 if byte(1)? > 0 => EventKind::NoteOn { note: note(byte(0)?), velocity: part(1)? },
        0x80 | 0x90 => EventKind::NoteOff { note: note(byte(0)?) },
        0xa0 => EventKind::Expression { note: note(byte(0)?), expression: Expression::Pressure, value: part(1)? },
        0xb0 => match byte(0)? {
            cc::ALL_SOUND_OFF => EventKind::AllSoundOff { channel: Some(channel) },
            // What follows on "all notes off" changes modes and implies it.
            cc::ALL_NOTES_OFF.. => EventKind::AllNotesOff { channel: Some(channel) },
            number => EventKind::Controller { channel, number, value: part(1)? },
        },
        0xd0 => EventKind::ChannelPressure { channel, value: part(0)? },
        0xe0 => EventKind::PitchBend { channel, value: bend_from_midi(u16::from(byte(0)?) | u16::from(byte(1)?) << 7) },
        _ => return None,
    })
}

/// A bend of -1 to 1 from MIDI's 0 to 16383, whose middle is 8192: both ends and the middle are reached exactly.
#[must_use]
pub fn bend_from_midi(value: u16) -> f32 {
    let value = f32::from(value.min(16_383)) - 8_192.0;
    value / if value < 0.0 { 8_192.0 } else { 8_191.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_begin_and_end_on_their_channel() {
        let note = NoteAddress { note_id: None, channel: 2, key: 60 };
        assert_eq!(from_midi(&[0x92, 60, 127]), Some(EventKind::NoteOn { note, velocity: 1.0 }));
        assert_eq!(from_midi(&[0x92, 60, 0]), Some(EventKind::NoteOff { note }));
        assert_eq!(from_midi(&[0x82, 60, 64]), Some(EventKind::NoteOff { note }));
    }

    #[test]
    fn a_bend_reaches_both_ends_and_the_middle() {
        let bend = |low, high| match from_midi(&[0xe0, low, high]) {
            Some(EventKind::PitchBend { value, .. }) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!((bend(0, 0), bend(0, 64), bend(127, 127)), (-1.0, 0.0, 1.0));
    }

    #[test]
    fn controllers_and_pressure_are_parts_of_one() {
        assert_eq!(
            from_midi(&[0xb3, 64, 127]),
            Some(EventKind::Controller { channel: 3, number: cc::SUSTAIN, value: 1.0 })
        );
        assert_eq!(from_midi(&[0xd1, 0]), Some(EventKind::ChannelPressure { channel: 1, value: 0.0 }));
        assert!(matches!(from_midi(&[0xa0, 60, 127]), Some(EventKind::Expression { value: 1.0, .. })));
        assert_eq!(from_midi(&[0xb2, 123, 0]), Some(EventKind::AllNotesOff { channel: Some(2) }));
        assert_eq!(from_midi(&[0xb2, 120, 0]), Some(EventKind::AllSoundOff { channel: Some(2) }));
    }

    #[test]
    fn broken_and_foreign_messages_are_left_alone() {
        for message in [&[][..], &[0x90], &[0x90, 60], &[0x90, 200, 1], &[0xf8], &[0xc0, 5], &[0xe0, 1]] {
            assert_eq!(from_midi(message), None, "{message:?}");
        }
    }
}
