//! Whole files: a recording or a MIDI file in, the same music on another instrument in a WAV file out.
//!
//! The command line and the application render with this. It prints nothing and draws nothing: what it has to say, how
//! far it is and whether it should stop goes through an [`Observer`].

pub mod audio_file;
mod error;
pub mod listening;
pub mod matching;
pub mod midi_file;
pub mod output_file;
pub mod render;
pub mod resample;

use std::ops::ControlFlow;

pub use error::OfflineError;

/// What takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A recording's pitch and loudness are found, to be matched to the instrument.
    Listening,
    /// A recording is played by the instrument.
    Rendering,
    /// A MIDI file is played.
    Playing,
}

/// Whoever waits for a file. Called on the thread that works.
pub trait Observer {
    /// A stage of `length` steps of any kind begins.
    fn begin(&mut self, stage: Stage, length: usize);

    /// `done` steps of the stage lie behind. [`ControlFlow::Break`] ends the work with [`OfflineError::Cancelled`].
    fn advance(&mut self, done: usize) -> ControlFlow<()>;

    /// The stage is over, be it done or not.
    fn end(&mut self);

    /// Something about the input that the user did not ask for in so many words; one sentence, without the file's name.
    fn note(&mut self, text: &str);
}
