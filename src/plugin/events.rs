//! The host's note events in the engine's terms.

use nice_plug::midi::{Channel, Key, VoiceID};
use nice_plug::prelude::NoteEvent;

use crate::engine::{BEND_RANGE_SEMITONES, Event, EventKind, Expression, HeardNote, NoteAddress, bend_from_midi, cc};

/// The engine's event for a host's, or `None` where the engine has no use for it yet.
///
/// `swapped`: the framework hands VST3's brightness over as expression, and its expression as brightness.
///
/// Hosts may release "any key" or "any channel": by the note's id if they name one, else it means all notes of the channel, or of
/// all channels.
#[must_use]
pub fn translate<S>(event: &NoteEvent<S>, swapped: bool) -> Option<EventKind> {
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
                (None, None) => EventKind::AllNotesOff { channel: channel.number() },
            })
        }
        NoteEvent::Choke { voice_id, channel, key, .. } => {
            let named = voice_id.id().map(|id| NoteAddress { note_id: Some(id), channel: 0, key: 0 });
            Some(match address(voice_id, channel, key).or(named) {
                Some(note) => EventKind::Choke { note },
                None => EventKind::AllSoundOff { channel: channel.number() },
            })
        }
        NoteEvent::PolyPressure { voice_id, channel, key, pressure, .. } => {
            expression(voice_id, channel, key, Expression::Pressure, *pressure)
        }
        NoteEvent::PolyTuning { voice_id, channel, key, tuning, .. } => {
            expression(voice_id, channel, key, Expression::Tuning, *tuning)
        }
        NoteEvent::PolyExpression { voice_id, channel, key, expression: brightness, .. } if swapped => {
            expression(voice_id, channel, key, Expression::Brightness, *brightness)
        }
        NoteEvent::PolyBrightness { voice_id, channel, key, brightness, .. } if !swapped => {
            expression(voice_id, channel, key, Expression::Brightness, *brightness)
        }
        NoteEvent::PolyVolume { voice_id, channel, key, gain, .. } => {
            expression(voice_id, channel, key, Expression::Volume, *gain)
        }
        NoteEvent::PolyVibrato { voice_id, channel, key, vibrato, .. } => {
            expression(voice_id, channel, key, Expression::Vibrato, *vibrato)
        }
        NoteEvent::MidiChannelPressure { channel, pressure, .. } => {
            Some(EventKind::ChannelPressure { channel: *channel, value: *pressure })
        }
        // The framework counts bends from 0 to 1, where MIDI's middle is a little more than a half: a wheel at rest shall
        // leave the pitch alone.
        NoteEvent::MidiPitchBend { channel, value, .. } => {
            let of_14_bits = (value.clamp(0.0, 1.0) * 16_383.0).round() as u16;
            Some(EventKind::PitchBend { channel: *channel, value: bend_from_midi(of_14_bits) })
        }
        NoteEvent::MidiCC { channel, cc, value, .. } => Some(match *cc {
            cc::ALL_SOUND_OFF => EventKind::AllSoundOff { channel: Some(*channel) },
            cc::ALL_NOTES_OFF.. => EventKind::AllNotesOff { channel: Some(*channel) },
            number => EventKind::Controller { channel: *channel, number, value: *value },
        }),
        _ => None,
    }
}

/// Recognises a host that sets all parameters of a song it loads, those of the controllers too (Ardour 7.3): all 2,080 come in
/// one block, at the value that the framework gives for them, which is half. No player meant any of it.
pub struct DefaultsFilter {
    /// Which events of the block say what nobody may have meant.
    doubtful: Vec<usize>,
    /// Such a block is running.
    found: bool,
}

impl DefaultsFilter {
    /// More controllers than a player moves in a block, each to exactly the half: in 7 bits there is none.
    const MANY: usize = 24;

    /// For at most `capacity` events at a time.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { doubtful: Vec::with_capacity(capacity), found: false }
    }

    /// Another block begins.
    pub fn begin(&mut self) {
        self.found = false;
    }

    /// `event` becomes the one at `index`.
    pub fn look_at<S>(&mut self, event: &NoteEvent<S>, index: usize) {
        let value = match event {
            NoteEvent::MidiCC { value, .. } => *value,
            NoteEvent::MidiChannelPressure { pressure, .. } => *pressure,
            _ => return,
        };
        if value == 0.5 && self.doubtful.len() < self.doubtful.capacity() {
            self.doubtful.push(index);
        }
    }

    /// Takes out what nobody meant.
    pub fn clean(&mut self, events: &mut Vec<Event>) {
        self.found |= self.doubtful.len() > Self::MANY;
        if self.found {
            let mut doubtful = self.doubtful.iter().copied().peekable();
            let mut index = 0;
            events.retain(|_| {
                let drop = doubtful.next_if_eq(&index).is_some();
                index += 1;
                !drop
            });
        }
        self.doubtful.clear();
    }
}

/// The host's event for a note that was heard, `timing` samples after the block's start; all are on the first channel.
#[must_use]
pub fn told<S>(timing: u32, note: HeardNote) -> NoteEvent<S> {
    let (voice_id, channel) = (VoiceID::Wildcard, Channel::Number(0));
    match note {
        HeardNote::On { key, velocity } => {
            NoteEvent::NoteOn { timing, voice_id, channel, key: Key::Number(key), velocity }
        }
        HeardNote::Off { key } => {
            NoteEvent::NoteOff { timing, voice_id, channel, key: Key::Number(key), velocity: 0.0 }
        }
        HeardNote::Bend { semitones } => {
            NoteEvent::MidiPitchBend { timing, channel: 0, value: 0.5 + 0.5 * semitones / BEND_RANGE_SEMITONES }
        }
    }
}

fn expression(voice_id: &VoiceID, channel: &Channel, key: &Key, about: Expression, value: f32) -> Option<EventKind> {
    let named = voice_id.id().map(|id| NoteAddress { note_id: Some(id), channel: 0, key: 0 });
    let note = address(voice_id, channel, key).or(named)?;
    Some(EventKind::Expression { note, expression: about, value })
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

    fn filtered(sent: &[NoteEvent<()>]) -> Vec<Event> {
        let mut filter = DefaultsFilter::with_capacity(4_096);
        let mut events = Vec::new();
        filter.begin();
        for event in sent {
            filter.look_at(event, events.len());
            events.extend(translate(event, true).map(|kind| Event { offset: event.timing(), kind }));
        }
        filter.clean(&mut events);
        events
    }

    #[test]
    fn all_controllers_at_half_are_a_host_s_doing_and_a_few_a_player_s() {
        let at_half = |channel, cc| NoteEvent::<()>::MidiCC { timing: 0, channel, cc, value: 0.5 };
        let mut sent: Vec<_> = (0..16).flat_map(|channel| (0..128).map(move |cc| at_half(channel, cc))).collect();
        sent.insert(700, on(0.5));
        sent.push(NoteEvent::MidiCC { timing: 0, channel: 0, cc: 64, value: 1.0 });
        let kept = filtered(&sent);
        assert!(matches!(
            kept[..],
            [
                Event { kind: EventKind::NoteOn { .. }, .. },
                Event { kind: EventKind::Controller { number: 64, .. }, .. }
            ]
        ));
        assert_eq!(filtered(&[at_half(0, 1), at_half(0, 7)]).len(), 2);
    }

    #[test]
    fn notes_keep_their_id_channel_and_key() {
        let note = NoteAddress { note_id: Some(7), channel: 2, key: 69 };
        assert_eq!(translate(&on(0.5), false), Some(EventKind::NoteOn { note, velocity: 0.5 }));
    }

    #[test]
    fn a_note_on_without_velocity_ends_the_note() {
        assert!(matches!(translate(&on(0.0), false), Some(EventKind::NoteOff { .. })));
    }

    #[test]
    fn a_note_s_own_expression_keeps_its_unit() {
        let tuning: NoteEvent<()> = NoteEvent::PolyTuning {
            timing: 0,
            voice_id: VoiceID::ID(7),
            channel: Channel::Number(2),
            key: Key::Number(69),
            tuning: -0.5,
        };
        let note = NoteAddress { note_id: Some(7), channel: 2, key: 69 };
        let expected = EventKind::Expression { note, expression: Expression::Tuning, value: -0.5 };
        assert_eq!(translate(&tuning, false), Some(expected));
    }

    #[test]
    fn a_bend_at_rest_is_zero_and_controllers_keep_their_numbers() {
        let bend = |value| translate::<()>(&NoteEvent::MidiPitchBend { timing: 0, channel: 3, value }, false);
        assert_eq!(bend(8_192.0 / 16_383.0), Some(EventKind::PitchBend { channel: 3, value: 0.0 }));
        assert_eq!(bend(0.0), Some(EventKind::PitchBend { channel: 3, value: -1.0 }));
        assert_eq!(bend(1.0), Some(EventKind::PitchBend { channel: 3, value: 1.0 }));
        let pedal: NoteEvent<()> = NoteEvent::MidiCC { timing: 0, channel: 0, cc: 64, value: 1.0 };
        assert_eq!(translate(&pedal, false), Some(EventKind::Controller { channel: 0, number: 64, value: 1.0 }));
    }

    #[test]
    fn brightness_is_brightness_in_both_formats() {
        let (voice_id, channel, key) = (VoiceID::ID(7), Channel::Number(2), Key::Number(69));
        let clap: NoteEvent<()> = NoteEvent::PolyBrightness { timing: 0, voice_id, channel, key, brightness: 0.8 };
        let vst3: NoteEvent<()> = NoteEvent::PolyExpression { timing: 0, voice_id, channel, key, expression: 0.8 };
        assert!(translate(&clap, false).is_some());
        assert_eq!(translate(&clap, false), translate(&vst3, true));
        assert_eq!(translate(&clap, true), None);
    }

    #[test]
    fn choking_a_note_means_that_note() {
        let choke: NoteEvent<()> =
            NoteEvent::Choke { timing: 0, voice_id: VoiceID::ID(7), channel: Channel::Number(0), key: Key::Number(60) };
        assert!(matches!(translate(&choke, false), Some(EventKind::Choke { note }) if note.note_id == Some(7)));
    }

    #[test]
    fn releasing_any_key_releases_all_of_the_channel() {
        let event = |channel| -> NoteEvent<()> {
            NoteEvent::NoteOff { timing: 0, voice_id: VoiceID::Wildcard, channel, key: Key::Wildcard, velocity: 0.0 }
        };
        let released = |channel| translate(&event(channel), false);
        assert_eq!(released(Channel::Number(3)), Some(EventKind::AllNotesOff { channel: Some(3) }));
        assert_eq!(released(Channel::Wildcard), Some(EventKind::AllNotesOff { channel: None }));
    }
}
