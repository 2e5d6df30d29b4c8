//! Retort in hosts: a CLAP and a VST3 plugin file with two classes, the instrument `Retort` and the effect `Retort FX`.
//!
//! Hosts call in with audio at their own rate, notes and parameters; out comes audio, late by what is reported. What a
//! song holds is the parameters of [`params`] and the model ids of [`song`], both frozen. All sound is made by
//! [`crate::engine`]; the window shows [`crate::panel`].

mod class;
mod editor;
mod events;
pub mod export;
mod handover;
mod instance;
mod loader;
mod models;
mod panel_host;
pub mod params;
pub mod song;
mod stage;
mod state;
mod status;
mod zoom;

pub use class::{Clap, Class, Effect, Format, Instrument, Vst3};
pub use instance::RetortPlugin;
