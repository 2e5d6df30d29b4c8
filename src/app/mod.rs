//! The application: the panel in a window, sound through the computer's own devices, notes from MIDI and its keys.
//!
//! ```text
//! microphone ─ bridge ─┐
//! MIDI, keys ─ events ─┼─> renderer (audio thread) ──> output
//! loader ─ instruments ┘            └── recorder ──> WAV file
//!
//! dropped files ─ transform (a thread of its own) ──> WAV files
//! ```
//!
//! The window's thread owns everything else and talks to the audio thread through queues and atomics alone. What goes
//! wrong is shown in the window; without any device it opens and is silent.

mod bridge;
mod computer_keys;
mod config;
mod device_bar;
mod device_format;
mod devices;
mod events;
mod files;
mod held_keys;
mod key_layout;
mod keyboard;
mod loader;
mod midi;
mod play_strip;
mod player;
mod preview;
mod recorder;
mod renderer;
mod streams;
mod transform;
mod watch;
mod window;
mod zoom;

use std::path::PathBuf;

use crate::library::Unplayable;

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
    #[error("{0} is not installed. Choose another instrument or size, or put its file back.")]
    NoModel(String),
    #[error("{0} is not installed, so it is not mixed in.")]
    NoBlend(String),
    #[error("{id} cannot be played: {reason}.")]
    Model { id: String, reason: String },
    #[error("The audio output has stopped. Choose another below.")]
    Stuck,
    #[error("{0} is not there. The system's own output plays until it is back.")]
    OutputGone(String),
    #[error("{0} is not there. The system's own input is followed until it is back.")]
    InputGone(String),
    #[error("{0} is not there. All MIDI inputs are heard until it is back.")]
    MidiGone(String),
    #[error("Nothing can be recorded in {folder}: {reason}.")]
    NoRecording { folder: PathBuf, reason: String },
    #[error("The user's folders are not known, so there is no place for a recording.")]
    NoRecordingFolder,
    #[error("The recording has ended: {reason}. What was played before is in {path}.")]
    Recording { path: PathBuf, reason: String },
    #[error("The recording has ended, since the audio devices changed. What was played before is in {path}.")]
    RecordingCut { path: PathBuf },
    #[error("The disk was too slow: {seconds:.1} s of {path} are silent.")]
    RecordingGaps { path: PathBuf, seconds: f64 },
    #[error("{0}")]
    Playback(String),
    #[error("The settings in {path} could not be kept or read: {reason}.")]
    Config { path: PathBuf, reason: String },
    #[error("There is no screen to open a window on. `retort render` and the other commands work without one.")]
    NoScreen,
    #[error("The window cannot be opened: {0}.")]
    Window(String),
}

impl From<Unplayable> for AppError {
    fn from(Unplayable { id, reason, is_missing }: Unplayable) -> Self {
        if is_missing { Self::NoModel(id) } else { Self::Model { id, reason } }
    }
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
