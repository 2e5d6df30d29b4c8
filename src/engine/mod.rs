//! Puts the rooms in a row: frames come from audio or notes, a model turns them into controls, the synthesiser into sound.

mod gate;
mod meters;
mod mix;
mod settings;

pub use meters::Meters;
pub use mix::DryWet;
pub use settings::{Setting, SettingSpec, Settings, Source, Unit, gain_from_db, offset_loudness};

pub use crate::performer::{Event, EventKind, NoteAddress};
