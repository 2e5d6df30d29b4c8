//! VST3's note events, from what a test wants to happen and to what a plugin has sent.

use retort::engine::Expression;
use vst3::Steinberg::Vst::*;

use super::{Happening, Sent};

/// The note event of a happening at a sample; `None` for what is a parameter's change in VST3.
pub fn event(at: usize, happening: Happening) -> Option<Event> {
    // SAFETY: all zeros is an event.
    let mut event: Event = unsafe { std::mem::zeroed() };
    event.sampleOffset = at as i32;
    match happening {
        Happening::Param { .. } => return None,
        Happening::Midi([status, key, value]) => {
            let (channel, pitch) = (i16::from(status & 0x0f), key.into());
            let share = f32::from(value) / 127.0;
            match status & 0xf0 {
                0x90 if value > 0 => {
                    event.r#type = Event_::EventTypes_::kNoteOnEvent as u16;
                    event.__field0.noteOn =
                        NoteOnEvent { channel, pitch, tuning: 0.0, velocity: share, length: 0, noteId: -1 };
                }
                0x80 | 0x90 => {
                    event.r#type = Event_::EventTypes_::kNoteOffEvent as u16;
                    event.__field0.noteOff = NoteOffEvent { channel, pitch, velocity: 0.0, noteId: -1, tuning: 0.0 };
                }
                0xa0 => {
                    event.r#type = Event_::EventTypes_::kPolyPressureEvent as u16;
                    event.__field0.polyPressure = PolyPressureEvent { channel, pitch, pressure: share, noteId: -1 };
                }
                _ => return None,
            }
        }
        Happening::NoteOn { key, velocity } => {
            event.r#type = Event_::EventTypes_::kNoteOnEvent as u16;
            event.__field0.noteOn = NoteOnEvent {
                channel: 0,
                pitch: key.into(),
                tuning: 0.0,
                velocity: velocity as f32,
                length: 0,
                noteId: note_id(key),
            };
        }
        Happening::NoteOff { key } => {
            event.r#type = Event_::EventTypes_::kNoteOffEvent as u16;
            event.__field0.noteOff =
                NoteOffEvent { channel: 0, pitch: key.into(), velocity: 0.0, noteId: note_id(key), tuning: 0.0 };
        }
        Happening::Express { key, about: Expression::Pressure, value } => {
            event.r#type = Event_::EventTypes_::kPolyPressureEvent as u16;
            event.__field0.polyPressure =
                PolyPressureEvent { channel: 0, pitch: key.into(), pressure: value as f32, noteId: note_id(key) };
        }
        Happening::Express { key, about, value } => {
            let (type_id, value) = of_a_note(about, value);
            event.r#type = Event_::EventTypes_::kNoteExpressionValueEvent as u16;
            event.__field0.noteExpressionValue =
                NoteExpressionValueEvent { typeId: type_id, noteId: note_id(key), value };
        }
    }
    Some(event)
}

/// The channel, number and value of a message that is a parameter in VST3: controllers, and pressure and bend of a channel.
pub fn controller(message: [u8; 3]) -> Option<(i16, CtrlNumber, f64)> {
    let [status, first, second] = message;
    let channel = i16::from(status & 0x0f);
    match status & 0xf0 {
        0xb0 => Some((channel, first.into(), f64::from(second) / 127.0)),
        0xd0 => Some((channel, 128, f64::from(first) / 127.0)),
        0xe0 => Some((channel, 129, f64::from(u16::from(second) << 7 | u16::from(first)) / 16_383.0)),
        _ => None,
    }
}

fn note_id(key: u8) -> i32 {
    i32::from(key) + 1_000
}

/// The SDK's number of a note expression, and its value: all are 0 to 1 there.
fn of_a_note(about: Expression, value: f64) -> (NoteExpressionTypeID, f64) {
    match about {
        Expression::Volume => (0, value / 4.0),
        Expression::Tuning => (2, value / 240.0 + 0.5),
        Expression::Vibrato => (3, value),
        Expression::Brightness => (5, value),
        Expression::Pressure => unreachable!("it has an event of its own"),
    }
}

/// What an event of the plugin says, with its sample; `None` for what no test asks about.
pub fn read_sent(event: &Event) -> Option<(usize, Sent)> {
    // SAFETY: the event's type says which part of the union it is.
    let sent = unsafe {
        match i32::from(event.r#type) {
            t if t == Event_::EventTypes_::kNoteOnEvent as i32 => {
                Sent::NoteOn { key: event.__field0.noteOn.pitch as u8 }
            }
            t if t == Event_::EventTypes_::kNoteOffEvent as i32 => {
                Sent::NoteOff { key: event.__field0.noteOff.pitch as u8 }
            }
            t if t == Event_::EventTypes_::kLegacyMIDICCOutEvent as i32 => {
                let bend = event.__field0.midiCCOut;
                assert_eq!(bend.controlNumber, 129);
                Sent::Bend((f64::from(i32::from(bend.value2) << 7 | i32::from(bend.value)) - 8_192.0) / 8_192.0)
            }
            _ => return None,
        }
    };
    Some((event.sampleOffset as usize, sent))
}
