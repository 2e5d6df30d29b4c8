//! A recording or a MIDI file in, the samples of the same music on another instrument out.
//!
//! The engine is the one that plays live. Here its latency is taken off, so that the output lies under the input, and
//! what still sounds after the input's end is kept.

use std::path::Path;

use crate::analysis::LowestPitch;
use crate::engine::{Engine, EngineConfig, Event, Settings, Source, gain_from_db};
use crate::frame::Frame;
use crate::library::{Choice, LoadedModel};
use crate::model::Metadata;

use super::audio_file;
use super::listening::listen;
use super::matching::{self, Learned, Matching};
use super::midi_file::{self, Score};
use super::output_file;
use super::resample::resample;
use super::{Observer, OfflineError, Stage};

/// Samples that are rendered between two reports.
const BLOCK: usize = 4_096;

/// The output's rate where the input has none of its own, in Hz.
const MIDI_RATE_HZ: u32 = 48_000;

/// An engine at this rate hears all that the analysis uses.
const FULL_HEARING_HZ: u32 = 32_000;

/// What is to be rendered, and how.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub input: &'a Path,
    /// Named in errors only; nothing is written.
    pub output: &'a Path,
    pub loaded: &'a LoadedModel,
    /// A second model, and how keys are tuned.
    pub choice: Choice<'a>,
    /// What the matching finds is added to transposition and loudness.
    pub settings: Settings,
    /// Whether octave and level are moved into the range that the instrument has learned.
    pub is_matched: bool,
    /// Sample rate of the output in Hz; `None` is the recording's, or 48 kHz for a MIDI file.
    pub rate_hz: Option<u32>,
    /// Of recordings.
    pub lowest_pitch: LowestPitch,
    /// Number that the noise grows from; the same number gives the same samples.
    pub seed: u64,
}

/// One channel of sound; full scale is 1, but it may peak above.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
    /// How the input was moved; `None` where that was not asked for.
    pub matching: Option<Found>,
}

/// What matching an input to an instrument has led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub matching: Matching,
    /// False where the input has no pitch at all.
    pub is_pitched: bool,
}

impl Rendered {
    /// Highest level over full scale in dB, if there is one.
    #[must_use]
    pub fn over_db(&self) -> Option<f32> {
        let peak = self.samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        (peak > 1.0).then(|| 20.0 * peak.log10())
    }
}

/// Whether `path` is called like a MIDI file.
#[must_use]
pub fn is_midi(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("mid") || extension.eq_ignore_ascii_case("midi"))
}

/// Renders one file: notes of a MIDI file are played, the pitch and loudness of anything else are followed.
///
/// `found` hears what the matching has led to, before the rendering begins.
///
/// # Errors
/// The input cannot be read or is too long, or the observer ends the work.
pub fn render(
    job: &Job<'_>,
    observer: &mut dyn Observer,
    found: &mut dyn FnMut(&Found),
) -> Result<Rendered, OfflineError> {
    let mut rendered = if is_midi(job.input) { play(job, observer, found)? } else { transfer(job, observer, found)? };
    let gain = gain_from_db(job.settings.output_gain);
    rendered.samples.iter_mut().for_each(|sample| *sample *= gain);
    Ok(rendered)
}

/// Timbre transfer: a recording's pitch and loudness, played by the instrument.
fn transfer(
    job: &Job<'_>,
    observer: &mut dyn Observer,
    tell: &mut dyn FnMut(&Found),
) -> Result<Rendered, OfflineError> {
    let recording = audio_file::read(job.input)?;
    recording.notes.iter().for_each(|text| observer.note(text));
    let out_rate_hz = job.rate_hz.unwrap_or(recording.sample_rate_hz);
    let matching = if job.is_matched {
        let frames = listen(&recording, job.lowest_pitch, observer)?;
        let found = Found::new(matching::find(&frames, &learned(&job.loaded.model.metadata)), &frames);
        tell(&found);
        Some(found)
    } else {
        None
    };
    let settings = job.matched_settings(matching);

    // Analysis needs its bandwidth: an output of a lower rate is made at the recording's and resampled at the end.
    let engine_rate_hz =
        if out_rate_hz >= FULL_HEARING_HZ { out_rate_hz } else { out_rate_hz.max(recording.sample_rate_hz) };
    let heard = resample(&recording.samples, recording.sample_rate_hz, engine_rate_hz);
    let mut engine = job.engine(engine_rate_hz, Source::Audio)?;
    // The tail counts from the input's end to the output's, latency included.
    let length = heard.len() + engine.tail_samples() as usize;
    let mut rendered = in_blocks(Stage::Rendering, length, observer, |start, block| {
        let mut input = [0.0; BLOCK];
        let sounding = heard.get(start..).unwrap_or_default();
        let sounding = &sounding[..sounding.len().min(block.len())];
        input[..sounding.len()].copy_from_slice(sounding);
        engine.process(&input[..block.len()], block, &[], &settings);
    })?;
    rendered.drain(..engine.latency_samples() as usize);
    mix_in(&mut rendered, &heard, settings.mix);
    let samples = resample(&rendered, engine_rate_hz, out_rate_hz);
    Ok(Rendered { samples, rate_hz: out_rate_hz, matching })
}

/// Plays a MIDI file.
fn play(job: &Job<'_>, observer: &mut dyn Observer, tell: &mut dyn FnMut(&Found)) -> Result<Rendered, OfflineError> {
    let score = midi_file::read(job.input)?;
    score.notices.iter().for_each(|text| observer.note(text));
    let rate_hz = job.rate_hz.unwrap_or(MIDI_RATE_HZ);
    let matching = job.is_matched.then(|| {
        let frames = frames_of(&score);
        let found = matching::find(&frames, &learned(&job.loaded.model.metadata));
        // Velocity is already a place in the instrument's own range of loudness.
        let found = Found::new(Matching { offset_db: 0.0, ..found }, &frames);
        tell(&found);
        found
    });
    let settings = job.matched_settings(matching);
    let mut engine = job.engine(rate_hz, Source::Notes)?;
    let seconds = score.end_s + f64::from(engine.tail_samples()) / f64::from(rate_hz);
    if seconds * f64::from(rate_hz) > output_file::MAX_WAV_SAMPLES as f64 {
        return Err(OfflineError::TooLong { path: job.output.into(), seconds, rate_hz });
    }
    let length = (seconds * f64::from(rate_hz)).ceil() as usize;
    let mut events =
        score.events.iter().map(|&(time_s, kind)| ((time_s * f64::from(rate_hz)).round() as usize, kind)).peekable();
    let samples = in_blocks(Stage::Playing, length, observer, |start, block| {
        let mut now = Vec::new();
        while let Some((sample, kind)) = events.next_if(|(sample, _)| *sample < start + block.len()) {
            now.push(Event { offset: (sample - start) as u32, kind });
        }
        engine.process(&[], block, &now, &settings);
    })?;
    Ok(Rendered { samples, rate_hz, matching })
}

/// `length` samples, filled block by block by `fill`, which gets each block's first sample's number.
fn in_blocks(
    stage: Stage,
    length: usize,
    observer: &mut dyn Observer,
    mut fill: impl FnMut(usize, &mut [f32]),
) -> Result<Vec<f32>, OfflineError> {
    let mut rendered = Vec::with_capacity(length);
    let mut block = [0.0; BLOCK];
    observer.begin(stage, length);
    while rendered.len() < length {
        let start = rendered.len();
        let block = &mut block[..BLOCK.min(length - start)];
        fill(start, block);
        rendered.extend_from_slice(block);
        if observer.advance(rendered.len()).is_break() {
            observer.end();
            return Err(OfflineError::Cancelled);
        }
    }
    observer.end();
    Ok(rendered)
}

/// Lays the recording under the instrument; `mix` is 0 (recording alone) to 1 (instrument alone).
fn mix_in(wet: &mut [f32], dry: &[f32], mix: f32) {
    if mix == 1.0 {
        return;
    }
    let dry = dry.iter().copied().chain(std::iter::repeat(0.0));
    wet.iter_mut().zip(dry).for_each(|(wet, dry)| *wet = mix * *wet + (1.0 - mix) * dry);
}

impl Job<'_> {
    fn engine(&self, sample_rate_hz: u32, source: Source) -> Result<Engine, OfflineError> {
        let lowest_pitch = match source {
            Source::Audio => self.lowest_pitch,
            Source::Notes => LowestPitch::default(),
        };
        let mut engine = Engine::new(EngineConfig { sample_rate_hz, source, lowest_pitch })?;
        let instrument = self.loaded.instrument(self.choice, sample_rate_hz)?;
        // The first instrument replaces nothing.
        let _ = engine.set_instrument(Box::new(instrument));
        engine.set_seed(self.seed);
        engine.reset();
        Ok(engine)
    }

    fn matched_settings(&self, found: Option<Found>) -> Settings {
        let matching = found.map(|found| found.matching).unwrap_or_default();
        Settings {
            transpose: self.settings.transpose + matching.semitones,
            loudness_offset: self.settings.loudness_offset + matching.offset_db,
            ..self.settings
        }
    }
}

impl Found {
    fn new(matching: Matching, frames: &[Frame]) -> Self {
        Self { matching, is_pitched: frames.iter().any(|frame| frame.voicing >= 0.5) }
    }

    /// By how much the input was moved, in words; `None` if it was left where it is.
    #[must_use]
    pub fn changes(&self) -> Option<String> {
        let mut changes = Vec::new();
        if self.matching.semitones != 0.0 {
            changes.push(format!("{:+.0} semitones", self.matching.semitones).replace('-', MINUS));
        }
        if self.matching.offset_db.abs() >= 0.05 {
            changes.push(format!("{:+.1} dB of loudness", self.matching.offset_db).replace('-', MINUS));
        }
        (!changes.is_empty()).then(|| changes.join(" and "))
    }

    /// What the user has to expect of the result, in words without the file's name; `None` if all is well.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if !self.is_pitched {
            return Some("no pitch was found in it, so there is hardly anything to play".into());
        }
        let percent = 100.0 * (1.0 - self.matching.share_in_range);
        (self.matching.share_in_range < 0.9)
            .then(|| format!("{percent:.0} % of it lies outside the instrument's range and may sound strange"))
    }
}

/// As the panel writes it.
const MINUS: &str = "\u{2212}";

fn learned(metadata: &Metadata) -> Learned {
    let density = &metadata.density;
    let columns = density.counts.first().map_or(0, Vec::len);
    let loudness = (0..columns)
        .map(|column| {
            let middle_db = density.loudness_min_db + (column as f32 + 0.5) * density.loudness_step_db;
            (middle_db, density.counts.iter().map(|row| f64::from(row[column])).sum())
        })
        .collect();
    let [lowest_hz, highest_hz] = metadata.range.f0_hz;
    Learned { f0_hz: (lowest_hz, highest_hz), loudness }
}

/// The notes of a score as frames of equal weight per time, all equally loud.
fn frames_of(score: &Score) -> Vec<Frame> {
    let pitches_hz = score.notes.iter().flat_map(|&(key, seconds)| {
        let f0_hz = 440.0 * ((f32::from(key) - 69.0) / 12.0).exp2();
        // A twentieth of a second is fine enough to weigh notes; ten minutes of one note are enough of it.
        std::iter::repeat_n(f0_hz, (seconds * 20.0).clamp(1.0, 12_000.0) as usize)
    });
    pitches_hz.map(|f0_hz| Frame { f0_hz, loudness_db: 0.0, voicing: 1.0 }).collect()
}

#[cfg(test)]
pub mod tests;
