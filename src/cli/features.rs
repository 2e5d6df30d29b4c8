//! `retort features`: a recording's pitch, voicing and loudness as a table. Training reads the same tables.

use super::arguments::Features;
use super::audio_file;
use super::error::CliError;
use super::listening::listen;
use super::progress::note;
use super::{frames_csv, output_file};

/// Analyses one file and writes one table.
pub fn run(arguments: &Features) -> Result<(), CliError> {
    if output_file::is_same_file(&arguments.input, &arguments.output) {
        return Err(CliError::SameFile(arguments.input.clone()));
    }
    output_file::check(&arguments.output)?;
    let recording = audio_file::read(&arguments.input)?;
    for text in &recording.notes {
        note(&arguments.input.display(), text);
    }
    let frames = listen(&recording, arguments.lowest_pitch.into())?;
    output_file::write(&arguments.output, |out| frames_csv::write(out, &frames))
}
