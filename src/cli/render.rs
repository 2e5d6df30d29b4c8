//! `retort render`: a recording or a MIDI file in, the same music on another instrument out.
//!
//! The engine is the one that plays live. Here its latency is taken off, so that the output lies under the input, and
//! what still sounds after the input's end is kept.

use std::path::Path;

use crate::analysis::LowestPitch;
use crate::engine::{Engine, EngineConfig, Event, Instrument, Settings, Source, gain_from_db};
use crate::frame::Frame;
use crate::model::Metadata;
use crate::preset::Preset;

use super::arguments::{Match, Render};
use super::audio_file;
use super::error::CliError;
use super::listening::listen;
use super::matching::{self, Learned, Matching};
use super::midi_file::{self, Score};
use super::model_choice::{self, Chosen};
use super::output_file;
use super::presets;
use super::progress::{Progress, note};
use super::resample::resample;

/// Samples that are rendered between two looks at the clock.
const BLOCK: usize = 4_096;

/// The output's rate where the input has none of its own, in Hz.
const MIDI_RATE_HZ: u32 = 48_000;

/// An engine at this rate hears all that the analysis uses.
const FULL_HEARING_HZ: u32 = 32_000;

/// Renders one file.
pub fn run(arguments: &Render) -> Result<(), CliError> {
    let Render { input, output, .. } = arguments;
    if output_file::is_same_file(input, output) {
        return Err(CliError::SameFile(input.clone()));
    }
    output_file::check_wav_name(output)?;
    output_file::check(output)?;
    let preset = arguments.preset.as_deref().map(presets::find).transpose()?;
    let model = arguments.model.as_deref().or_else(|| {
        let named = preset.as_ref().filter(|_| arguments.model_file.is_none());
        named.map(|preset| preset.model.as_str())
    });
    let chosen = model_choice::choose(model, arguments.model_file.as_deref(), arguments.models.as_deref())?;
    let job = Job { arguments, chosen: &chosen, settings: chosen_settings(arguments, preset.as_ref()) };
    if let Some(preset) = preset.as_ref().filter(|_| job.settings.mix < 1.0) {
        note(&preset.name, "its dry/wet is left out: the output holds the instrument alone");
    }
    for text in &chosen.notes {
        note(&chosen.id(), text);
    }
    let (mut samples, rate_hz) = if is_midi(input) { play(&job)? } else { transfer(&job)? };

    let gain = gain_from_db(job.settings.output_gain);
    samples.iter_mut().for_each(|sample| *sample *= gain);
    output_file::write_wav(output, &samples, rate_hz)?;

    let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    if peak > 1.0 {
        let over_db = 20.0 * peak.log10();
        note(&output.display(), &format!("peaks {over_db:.1} dB above full scale; --gain lowers it"));
    }
    Ok(())
}

fn is_midi(input: &Path) -> bool {
    input
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("mid") || extension.eq_ignore_ascii_case("midi"))
}

/// What to render with.
struct Job<'a> {
    arguments: &'a Render,
    chosen: &'a Chosen,
    /// Before matching.
    settings: Settings,
}

/// The preset's settings where there is one, with what the command line says beside it.
fn chosen_settings(arguments: &Render, preset: Option<&Preset>) -> Settings {
    let mut settings = preset.map_or_else(Settings::default, |preset| preset.settings(&Settings::default()));
    settings.transpose = arguments.transpose.unwrap_or(settings.transpose);
    settings.room = arguments.room.unwrap_or(settings.room);
    settings.output_gain = arguments.gain.unwrap_or(settings.output_gain);
    settings
}

/// Timbre transfer: a recording's pitch and loudness, played by the instrument. Returns samples and their rate.
fn transfer(job: &Job<'_>) -> Result<(Vec<f32>, u32), CliError> {
    let Job { arguments, chosen, .. } = job;
    let recording = audio_file::read(&arguments.input)?;
    for text in &recording.notes {
        note(&arguments.input.display(), text);
    }
    let out_rate_hz = arguments.rate.unwrap_or(recording.sample_rate_hz);
    let lowest_pitch = arguments.lowest_pitch.into();
    let matching = match arguments.matching {
        Match::None => Matching::default(),
        Match::Auto => {
            let frames = listen(&recording, lowest_pitch)?;
            let matching = matching::find(&frames, &learned(&chosen.model.metadata));
            tell(&arguments.input, &matching, &frames);
            matching
        }
    };
    let settings = matched(&job.settings, &matching);

    // Analysis needs its bandwidth: an output of a lower rate is made at the recording's and resampled at the end.
    let engine_rate_hz =
        if out_rate_hz >= FULL_HEARING_HZ { out_rate_hz } else { out_rate_hz.max(recording.sample_rate_hz) };
    let heard = resample(&recording.samples, recording.sample_rate_hz, engine_rate_hz);
    let mut engine = engine(chosen, engine_rate_hz, Source::Audio, lowest_pitch, arguments.seed)?;
    // The tail counts from the input's end to the output's, latency included.
    let length = heard.len() + engine.tail_samples() as usize;
    let mut rendered = Vec::with_capacity(length);
    let progress = Progress::new("rendering", length);
    let mut block = [0.0; BLOCK];
    while rendered.len() < length {
        let start = rendered.len();
        let len = BLOCK.min(length - start);
        let mut input = [0.0; BLOCK];
        let sounding = heard.get(start..).unwrap_or_default();
        let sounding = &sounding[..sounding.len().min(len)];
        input[..sounding.len()].copy_from_slice(sounding);
        engine.process(&input[..len], &mut block[..len], &[], &settings);
        rendered.extend_from_slice(&block[..len]);
        progress.set(rendered.len());
    }
    drop(progress);
    rendered.drain(..engine.latency_samples() as usize);
    Ok((resample(&rendered, engine_rate_hz, out_rate_hz), out_rate_hz))
}

/// Plays a MIDI file. Returns samples and their rate.
fn play(job: &Job<'_>) -> Result<(Vec<f32>, u32), CliError> {
    let Job { arguments, chosen, .. } = job;
    let score = midi_file::read(&arguments.input)?;
    for text in &score.notices {
        note(&arguments.input.display(), text);
    }
    let rate_hz = arguments.rate.unwrap_or(MIDI_RATE_HZ);
    let matching = match arguments.matching {
        Match::None => Matching::default(),
        Match::Auto => {
            let frames = frames_of(&score);
            let found = matching::find(&frames, &learned(&chosen.model.metadata));
            // Velocity is already a place in the instrument's own range of loudness.
            let matching = Matching { offset_db: 0.0, ..found };
            tell(&arguments.input, &matching, &frames);
            matching
        }
    };
    let settings = matched(&job.settings, &matching);
    let mut engine = engine(chosen, rate_hz, Source::Notes, LowestPitch::default(), arguments.seed)?;
    let seconds = score.end_s + f64::from(engine.tail_samples()) / f64::from(rate_hz);
    if seconds * f64::from(rate_hz) > output_file::MAX_WAV_SAMPLES as f64 {
        return Err(CliError::TooLong { path: arguments.output.clone(), seconds, rate_hz });
    }
    let length = (seconds * f64::from(rate_hz)).ceil() as usize;
    let mut rendered = Vec::with_capacity(length);
    let progress = Progress::new("playing", length);
    let mut block = [0.0; BLOCK];
    let mut events =
        score.events.iter().map(|&(time_s, kind)| ((time_s * f64::from(rate_hz)).round() as usize, kind)).peekable();
    while rendered.len() < length {
        let start = rendered.len();
        let len = BLOCK.min(length - start);
        let mut now = Vec::new();
        while let Some((sample, kind)) = events.next_if(|(sample, _)| *sample < start + len) {
            now.push(Event { offset: (sample - start) as u32, kind });
        }
        engine.process(&[], &mut block[..len], &now, &settings);
        rendered.extend_from_slice(&block[..len]);
        progress.set(rendered.len());
    }
    Ok((rendered, rate_hz))
}

fn engine(
    chosen: &Chosen,
    sample_rate_hz: u32,
    source: Source,
    lowest_pitch: LowestPitch,
    seed: u64,
) -> Result<Engine, CliError> {
    let mut engine = Engine::new(EngineConfig { sample_rate_hz, source, lowest_pitch })?;
    let instrument: Instrument = chosen.instrument(sample_rate_hz);
    // The first instrument replaces nothing.
    let _ = engine.set_instrument(Box::new(instrument));
    engine.set_seed(seed);
    engine.reset();
    Ok(engine)
}

/// The settings moved into the instrument's range.
fn matched(settings: &Settings, matching: &Matching) -> Settings {
    Settings {
        transpose: settings.transpose + matching.semitones,
        loudness_offset: settings.loudness_offset + matching.offset_db,
        ..*settings
    }
}

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

/// Says what was matched, and warns where the instrument cannot follow.
fn tell(input: &Path, matching: &Matching, frames: &[Frame]) {
    if !frames.iter().any(|frame| frame.voicing >= 0.5) {
        note(&input.display(), "no pitch was found in it, so there is hardly anything to play");
        return;
    }
    let mut changes = Vec::new();
    if matching.semitones != 0.0 {
        changes.push(format!("{:+.0} semitones", matching.semitones));
    }
    if matching.offset_db.abs() >= 0.05 {
        changes.push(format!("{:+.1} dB of loudness", matching.offset_db));
    }
    if !changes.is_empty() {
        note(
            &input.display(),
            &format!("matched to the instrument by {} (--match none leaves it)", changes.join(" and ")),
        );
    }
    if matching.share_in_range < 0.9 {
        let percent = 100.0 * (1.0 - matching.share_in_range);
        note(
            &input.display(),
            &format!("{percent:.0} % of it lies outside the instrument's range and may sound strange"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midi_files_are_known_by_their_name() {
        for (name, midi) in [("a.mid", true), ("a.MIDI", true), ("a.wav", false), ("mid", false)] {
            assert_eq!(is_midi(Path::new(name)), midi, "{name}");
        }
    }
}
