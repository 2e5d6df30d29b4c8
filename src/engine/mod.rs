//! Puts the rooms in a row: frames come from audio or notes, a model turns them into controls, the synthesiser into sound.

mod settings;

pub use settings::{Setting, SettingSpec, Settings, Source, Unit, gain_from_db, offset_loudness};
