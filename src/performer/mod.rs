//! Notes in, [`Frame`]s out: what a player of the model's instrument would do with these keys.
//!
//! The engine hands over each event at its sample and asks for the frames of any later sample. Envelopes, vibrato and
//! variations are closed formulas of the time since an event, so that asking more or less often changes nothing. No
//! latency: a frame can be asked for ahead of time, since only events change the course.

mod controllers;
mod ensemble;
mod envelope;
mod event;
mod midi;
mod playing;
mod tuning;
mod variation;
mod voice;

pub use controllers::cc;
pub use ensemble::{Change, Ensemble, SLOTS, note_seed};
pub use envelope::Profile;
pub use event::{Event, EventKind, Expression, NoteAddress};
pub use midi::{bend_from_midi, from_midi};
pub use playing::{MAX_VOICES, Mode, Playing};
pub use tuning::{Tuning, TuningError};

use crate::frame::Frame;

/// A voice at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceFrame {
    pub frame: Frame,
    /// Linear gain of the whole voice: closes the end of a release, where models have learned nothing, and carries volume.
    pub level: f32,
    /// 0 (dull) over 0.5 (as the model has it) to 1 (bright).
    pub brightness: f32,
}
