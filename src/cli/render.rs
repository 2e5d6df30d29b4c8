//! `retort render`: a recording or a MIDI file in, the same music on another instrument out.

use std::ops::ControlFlow;
use std::path::Path;

use crate::engine::Settings;
use crate::offline::render::{Found, Job, render};
use crate::offline::{Observer, Stage, output_file};

use super::arguments::{Match, Render};
use super::error::CliError;
use super::model_choice;
use super::progress::{Progress, note};

/// Renders one file.
pub fn run(arguments: &Render) -> Result<(), CliError> {
    let Render { input, output, .. } = arguments;
    if output_file::is_same_file(input, output) {
        return Err(CliError::SameFile(input.clone()));
    }
    output_file::check_wav_name(output)?;
    output_file::check(output)?;
    let chosen =
        model_choice::choose(arguments.model.as_deref(), arguments.model_file.as_deref(), arguments.models.as_deref())?;
    for text in &chosen.notes {
        note(&chosen.id(), text);
    }
    let job = Job {
        input,
        output,
        model: &chosen.model,
        room: chosen.room.as_deref(),
        settings: Settings {
            transpose: arguments.transpose,
            room: arguments.room,
            output_gain: arguments.gain,
            ..Settings::default()
        },
        is_matched: arguments.matching == Match::Auto,
        rate_hz: arguments.rate,
        lowest_pitch: arguments.lowest_pitch.into(),
        seed: arguments.seed,
    };
    let rendered = render(&job, &mut Terminal::new(input), &mut |found| tell(input, found))?;
    output_file::write_wav(output, &rendered.samples, rendered.rate_hz)?;
    if let Some(over_db) = rendered.over_db() {
        note(&output.display(), &format!("peaks {over_db:.1} dB above full scale; --gain lowers it"));
    }
    Ok(())
}

/// Says what was matched, and warns where the instrument cannot follow.
fn tell(input: &Path, found: &Found) {
    if found.is_pitched
        && let Some(changes) = found.changes()
    {
        note(&input.display(), &format!("matched to the instrument by {changes} (--match none leaves it)"));
    }
    if let Some(warning) = found.warning() {
        note(&input.display(), &warning);
    }
}

/// Shows work on a file as a bar on a terminal, and its notes on standard error.
pub struct Terminal<'a> {
    input: &'a Path,
    bar: Option<Progress>,
}

impl<'a> Terminal<'a> {
    pub fn new(input: &'a Path) -> Self {
        Self { input, bar: None }
    }
}

impl Observer for Terminal<'_> {
    fn begin(&mut self, stage: Stage, length: usize) {
        let what = match stage {
            Stage::Listening => "listening",
            Stage::Rendering => "rendering",
            Stage::Playing => "playing",
        };
        self.bar = Some(Progress::new(what, length));
    }

    fn advance(&mut self, done: usize) -> ControlFlow<()> {
        if let Some(bar) = &self.bar {
            bar.set(done);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) {
        self.bar = None;
    }

    fn note(&mut self, text: &str) {
        note(&self.input.display(), text);
    }
}
