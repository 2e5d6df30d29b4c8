//! Notes in, [`Frame`]s out: what a player of the model's instrument would do with these keys.
//!
//! The engine hands over each event at its sample and asks for the frame of any later sample. Envelopes are closed
//! formulas of the time since the event, so that asking more or less often changes nothing. No latency: a frame can be
//! asked for ahead of time, since only events change the course.

mod envelope;
mod event;
mod mono;

pub use envelope::Profile;
pub use event::{Event, EventKind, NoteAddress};
pub use mono::Mono;

use crate::frame::Frame;

/// A voice at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceFrame {
    pub frame: Frame,
    /// Linear gain of the whole voice, 0 to 1: closes the end of a release, where models have learned nothing.
    pub level: f32,
}

impl VoiceFrame {
    pub const SILENCE: Self = Self { frame: Frame::SILENCE, level: 0.0 };
}
