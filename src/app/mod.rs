//! The application: the panel in a window, sound through the computer's own devices, notes from MIDI and its keys.
//!
//! ```text
//! microphone ─ bridge ─┐
//! MIDI, keys ─ events ─┼─> renderer (audio thread) ──> output
//! loader ─ instruments ┘
//! ```
//!
//! The window's thread owns everything else and talks to the audio thread through queues and atomics alone. What goes
//! wrong is shown in the window; without any device it opens and is silent.

mod bridge;
mod config;
mod device_bar;
mod devices;
mod events;
mod loader;
mod midi;
mod player;
mod renderer;
mod streams;
mod watch;
mod window;

use std::path::PathBuf;

pub use window::run;

/// What can go wrong, in words for the window.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("No audio output was found, so nothing can be heard. Plug one in or choose another below.")]
    NoOutput,
    #[error("The audio output does not work: {0}. Choose another below.")]
    Output(String),
    #[error("No audio input was found, so there is nothing to follow. Plug in a microphone or follow notes.")]
    NoInput,
    #[error("The audio input does not work: {0}. Choose another below.")]
    Input(String),
    #[error("The device has samples of a kind that Retort does not know ({0}). Choose another below.")]
    SampleFormat(String),
    #[error("The sound cannot start: {0}.")]
    Engine(String),
    #[error("{id} cannot be played: {reason}.")]
    Model { id: String, reason: String },
    #[error("The audio output has stopped. Choose another below.")]
    Stuck,
    #[error("The settings in {path} could not be kept or read: {reason}.")]
    Config { path: PathBuf, reason: String },
    #[error("The window cannot be opened: {0}.")]
    Window(String),
}

impl AppError {
    fn output(error: cpal::Error) -> Self {
        match error.kind() {
            cpal::ErrorKind::DeviceNotAvailable => Self::NoOutput,
            _ => Self::Output(words(&error)),
        }
    }

    fn input(error: cpal::Error) -> Self {
        match error.kind() {
            cpal::ErrorKind::DeviceNotAvailable => Self::NoInput,
            _ => Self::Input(words(&error)),
        }
    }
}

fn words(error: &cpal::Error) -> String {
    error.to_string().trim_end_matches('.').to_owned()
}
