//! What happens at a sample: notes and controllers, with the identity that expression and voices need.

/// Which note is meant. Hosts name notes by id, by channel and key, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteAddress {
    /// The host's own id of this sounding note; `None` where the host or MIDI has none.
    pub note_id: Option<i32>,
    /// MIDI channel, 0 to 15.
    pub channel: u8,
    /// MIDI key, 0 to 127; 60 is middle C, 69 is A4 (440 Hz).
    pub key: u8,
}

impl NoteAddress {
    /// Whether an event for `other` means this note: equal ids decide, else channel and key.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        match (self.note_id, other.note_id) {
            (Some(a), Some(b)) => a == b,
            _ => self.channel == other.channel && self.key == other.key,
        }
    }
}

/// An event at a sample of the block that is being processed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Samples from the block's start; events are sorted by it. Beyond the block's end counts as its last sample.
    pub offset: u32,
    pub kind: EventKind,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// `velocity` above 0, to 1.
    NoteOn { note: NoteAddress, velocity: f32 },
    /// The key is let go: the note's release begins.
    NoteOff { note: NoteAddress },
    /// Channel pitch bend, -1 to 1 of the bend range.
    PitchBend { channel: u8, value: f32 },
    /// A controller of a channel by its MIDI number, 0 to 1.
    Controller { channel: u8, number: u8, value: f32 },
    /// Pressure of a whole channel, 0 to 1.
    ChannelPressure { channel: u8, value: f32 },
    /// Something about one note alone; `note` may name it by its id.
    Expression { note: NoteAddress, expression: Expression, value: f32 },
    /// One note stops at once, without a release.
    Choke { note: NoteAddress },
    /// Every note of a channel is released, whatever pedals hold; `None` means all channels.
    AllNotesOff { channel: Option<u8> },
    /// Every note of a channel stops at once, without a release; `None` means all channels.
    AllSoundOff { channel: Option<u8> },
}

/// What an [`EventKind::Expression`] is about, with the unit of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Semitones, added to the key.
    Tuning,
    /// 0 to 1.
    Pressure,
    /// 0 to 1; 0.5 is the model's own.
    Brightness,
    /// Linear gain, 0 to 4.
    Volume,
    /// 0 to 1 of [`super::Playing::wheel_vibrato_cents`].
    Vibrato,
}
