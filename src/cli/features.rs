//! `retort features`: a recording's pitch, voicing and loudness as a table. Training reads the same tables.

use crate::offline::{audio_file, listening::listen, output_file};

use super::arguments::Features;
use super::error::CliError;
use super::frames_csv;
use super::progress::note;
use super::render::Terminal;

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
    let frames = listen(&recording, arguments.lowest_pitch.into(), &mut Terminal::new(&arguments.input))?;
    Ok(output_file::write(&arguments.output, |out| frames_csv::write(out, &frames))?)
}
