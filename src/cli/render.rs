//! `retort render`: a recording or a MIDI file in, the same music on another instrument out.

use std::ops::ControlFlow;
use std::path::Path;

use crate::engine::Settings;
use crate::library::Choice;
use crate::library::tunings::SavedTuning;
use crate::offline::render::{Found, Job, is_midi, render};
use crate::offline::{Observer, Stage, output_file};
use crate::preset::Preset;

use super::arguments::{Match, Render};
use super::error::CliError;
use super::model_choice;
use super::presets;
use super::progress::{Progress, note};

/// Renders one file.
pub fn run(arguments: &Render) -> Result<(), CliError> {
    let Render { input, output, .. } = arguments;
    if output_file::is_same_file(input, output) {
        return Err(CliError::SameFile(input.clone()));
    }
    check(arguments)?;
    output_file::check_wav_name(output)?;
    output_file::check(output)?;
    let preset = arguments.preset.as_deref().map(presets::find).transpose()?;
    let model = arguments.model.as_deref().or_else(|| {
        let named = preset.as_ref().filter(|_| arguments.model_file.is_none());
        named.map(|preset| preset.model.as_str())
    });
    let chosen = model_choice::choose(model, arguments.model_file.as_deref(), arguments.models.as_deref())?;
    for text in &chosen.notes {
        note(&chosen.id(), text);
    }
    let blend = arguments.blend.as_deref().or(preset.as_ref().and_then(|preset| preset.blend.as_deref()));
    let second = blend.map(|id| model_choice::choose(Some(id), None, arguments.models.as_deref())).transpose()?;
    let tuning = arguments.tuning.as_deref().map(SavedTuning::read).transpose().map_err(CliError::Tuning)?;
    let settings = settings(arguments, preset.as_ref());
    if let Some(preset) = preset.as_ref().filter(|_| settings.mix < 1.0 && arguments.mix.is_none()) {
        note(&preset.name, "its dry/wet is left out: the output holds the instrument alone (--mix changes that)");
    }
    let job = Job {
        input,
        output,
        loaded: &chosen.loaded,
        choice: Choice { blend: second.as_ref().map(|second| &*second.loaded), tuning: tuning.as_ref() },
        // The output holds the instrument alone, unless the command line itself asks for the recording too.
        settings: Settings { mix: arguments.mix.unwrap_or(1.0), ..settings },
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

/// Refuses what would be left out silently.
fn check(arguments: &Render) -> Result<(), CliError> {
    let is_midi = is_midi(&arguments.input);
    let refused = if is_midi && arguments.mix.is_some() {
        "--mix: a MIDI file has no sound of its own to mix in; leave it out"
    } else if !is_midi && arguments.tuning.is_some() {
        "--tuning: a recording is followed as it is tuned; only MIDI files can be tuned"
    } else if arguments.blend_amount.is_some() && arguments.blend.is_none() && arguments.preset.is_none() {
        "--blend-amount: there is no second instrument; name one with --blend"
    } else {
        return Ok(());
    };
    Err(CliError::Usage(refused.into()))
}

/// The preset's settings where there is one, with what the command line says beside it.
fn settings(arguments: &Render, preset: Option<&Preset>) -> Settings {
    let mut settings = preset.map_or_else(Settings::default, |preset| preset.settings(&Settings::default()));
    settings.transpose = arguments.transpose.unwrap_or(settings.transpose);
    settings.room = arguments.room.unwrap_or(settings.room);
    settings.output_gain = arguments.gain.unwrap_or(settings.output_gain);
    // Who names a second model wants to hear it.
    let blend = arguments.blend_amount.or(arguments.blend.as_ref().map(|_| 0.5));
    settings.blend = blend.unwrap_or(settings.blend);
    settings
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
