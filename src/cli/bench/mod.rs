//! `retort bench`: how many times faster than real time this machine plays, per instrument and per part.
//!
//! Everything runs on one core at 48 kHz, on frames that move as music does. Times are processor times, medians of
//! several runs; those of single blocks are the least of seven equal renders.

mod parts;
mod sounds;
mod time;
mod voices;

use std::path::PathBuf;

use serde::Serialize;

use crate::analysis::LowestPitch;
use crate::engine::Source;
use crate::library::Library;
use crate::synth::SynthSpec;

use super::arguments::Bench;
use super::error::CliError;
use super::model_choice;
use super::print;
use super::progress::Progress;
use parts::{DecoderSpeed, PartSpeed};
use voices::{BlockSpeed, IdleSpeed, VoiceSpeed};

const RATE_HZ: u32 = 48_000;

/// Seconds of sound in each run.
const RUN_S: f64 = 4.0;

/// The same where many voices sound.
const CHORD_S: f64 = 1.0;

/// Notes that sound at a time in the measurements of chords.
const CHORDS: [usize; 2] = [8, 16];

/// Block length of the voices, in samples: a small one that hosts really use.
const BLOCK: usize = 64;

/// What `--full` measures besides: blocks of these lengths, and chords of so many notes.
const BLOCKS: [usize; 6] = [32, 64, 128, 256, 512, LONGEST_BLOCK];
const LONGEST_BLOCK: usize = 1024;
const VOICES: [usize; 5] = [1, 2, 4, 8, 16];

/// All that is measured. The names are fixed; programs read them.
#[derive(Default, Serialize)]
struct Report {
    decoder: Vec<DecoderSpeed>,
    voice: Vec<VoiceSpeed>,
    /// With `--full` only.
    blocks: Vec<BlockSpeed>,
    idle: Vec<IdleSpeed>,
    synth: Vec<PartSpeed>,
    /// One of 100 partials.
    ns_per_oscillator_sample: Option<f64>,
    /// The worst 64 samples of a room of 1 s by their mean.
    room_worst_by_mean: Option<f64>,
    analysis: Vec<PartSpeed>,
}

/// Measures all models or one, and the parts that they share.
pub fn run(arguments: &Bench) -> Result<(), CliError> {
    let library = model_choice::library(arguments.models.as_deref())?;
    let models: Vec<(String, Option<PathBuf>)> = library
        .list()
        .into_iter()
        .filter(|entry| arguments.model.as_ref().is_none_or(|id| *id == entry.id))
        .map(|entry| (entry.id, entry.path))
        .collect();
    // One that is not in the list is reported by whoever loads it.
    let unknown = arguments.model.clone().filter(|_| models.is_empty()).map(|id| (id, None));
    let models: Vec<_> = models.into_iter().chain(unknown).collect();
    let report =
        if arguments.decoder { decoders(&library, &models)? } else { measure(&library, &models, arguments.full)? };
    if arguments.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| CliError::Usage(error.to_string()))?;
        return print(&(json + "\n"));
    }
    print(&table(&report))
}

fn decoders(library: &Library, models: &[(String, Option<PathBuf>)]) -> Result<Report, CliError> {
    let measured = models.iter().map(|(id, file)| parts::decoder(&model_choice::by_id(library, id)?, file.as_deref()));
    Ok(Report { decoder: measured.collect::<Result<_, _>>()?, ..Report::default() })
}

fn measure(library: &Library, models: &[(String, Option<PathBuf>)], full: bool) -> Result<Report, CliError> {
    let block_figures = if full { (VOICES.len() + 1) * BLOCKS.len() } else { 0 };
    let progress = Progress::new("measuring", (5 + CHORDS.len() + block_figures) * models.len() + 6);
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress.set(done);
    };
    let (mut decoder, mut voice, mut blocks, mut idle) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, file) in models {
        let chosen = model_choice::by_id(library, id)?;
        decoder.push(parts::decoder(&chosen, file.as_deref())?);
        step();
        for source in [Source::Notes, Source::Audio] {
            voice.push(voices::voice(&chosen, source)?);
            step();
            idle.push(voices::idle(&chosen, source)?);
            step();
        }
        for notes in CHORDS {
            voice.push(voices::chord(&chosen, notes)?);
            step();
        }
        if full {
            let notes = VOICES.into_iter().map(|voices| (Source::Notes, voices));
            for (source, voices) in notes.chain([(Source::Audio, 1)]) {
                for block in BLOCKS {
                    blocks.push(voices::blocks(&chosen, source, voices, block)?);
                    step();
                }
            }
        }
    }
    let spec = SynthSpec {
        sample_rate_hz: 32_000,
        bandwidth_hz: 15_500.0,
        n_harmonics: 80,
        n_noise_bands: 65,
        noise_fir_ms: 4.0,
    };
    let part = |name: &str, x_realtime| PartSpeed { name: name.into(), x_realtime };
    let mut synth = vec![part("harmonics and noise, 80 partials", parts::synth(&spec))];
    step();
    let (room_x_realtime, room_worst_by_mean) = parts::room();
    synth.push(part("room of 1 s", room_x_realtime));
    step();
    let ns_per_oscillator_sample = Some(parts::ns_per_oscillator_sample());
    step();
    let mut analysis = Vec::new();
    for lowest in [LowestPitch::Hz40, LowestPitch::Hz80, LowestPitch::Hz160] {
        analysis.push(part(&format!("lowest pitch {} Hz", lowest.hz()), parts::analysis(lowest)?));
        step();
    }
    let room_worst_by_mean = Some(room_worst_by_mean);
    Ok(Report { decoder, voice, blocks, idle, synth, ns_per_oscillator_sample, room_worst_by_mean, analysis })
}

fn table(report: &Report) -> String {
    let mut text = format!("At {} kHz on one core; x is times real time.\n\n", f64::from(RATE_HZ) / 1e3);
    for line in &report.decoder {
        let DecoderSpeed { id, us_per_frame, us_per_step, us_per_added_voice, us_per_step_cold, cold_mib, .. } = line;
        text += &format!(
            "decoder   {id:24}  {:8.1} x  {us_per_frame:8.2} us per frame, {us_per_added_voice:.2} more for each more voice; \
             {us_per_step:.2} us per step, {us_per_step_cold:.1} after {cold_mib} MiB of other memory; {}, {}\n",
            line.x_realtime, line.simd, line.precision
        );
        let model_ms = line.load.model_ms.map_or_else(String::new, |ms| format!("file to weights {ms:.1} ms, "));
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        text += &format!(
            "load      {id:24}  {model_ms}weights to instrument {:.1} ms; weights {:.0} KiB, each voice {:.1} KiB, room {:.0} KiB\n",
            line.load.instrument_ms,
            kib(line.memory.weights),
            kib(line.memory.state),
            kib(line.memory.room)
        );
    }
    for line in &report.voice {
        let VoiceSpeed { id, source, voices, x_realtime, cpu_share, worst_block_share } = line;
        let (share, worst) = (100.0 * cpu_share, 100.0 * worst_block_share);
        let what = if *voices == 1 { "voice".to_owned() } else { format!("{voices} voices") };
        text += &format!(
            "{what:9} {id:24}  {x_realtime:8.1} x  {share:5.2} % of a core, from {source}; slowest block of {BLOCK} takes {worst:.1} % of its time\n"
        );
    }
    for IdleSpeed { id, source, cpu_share } in &report.idle {
        let what = if *source == "notes" { "no note" } else { "silence to listen to" };
        text += &format!("at rest   {id:24}  {:.3} % of a core, {what}\n", 100.0 * cpu_share);
    }
    for BlockSpeed { id, source, voices, block, shares } in &report.blocks {
        let [mean, p99, p999, worst] =
            [shares.mean_share, shares.p99_share, shares.p999_share, shares.worst_share].map(|share| 100.0 * share);
        text += &format!(
            "blocks    {id:24}  {voices:2} from {source}, {block:4} samples: mean {mean:.2} %, p99 {p99:.2} %, p99.9 {p999:.2} %, worst {worst:.2} %\n"
        );
    }
    for (part, lines) in [("synth", &report.synth), ("analysis", &report.analysis)] {
        for PartSpeed { name, x_realtime } in lines {
            text += &format!("{part:8}  {name:32}  {x_realtime:8.1} x\n");
        }
    }
    if let Some(ns) = report.ns_per_oscillator_sample {
        text += &format!("synth     one of 100 partials               {ns:8.3} ns a sample\n");
    }
    if let Some(ratio) = report.room_worst_by_mean {
        text += &format!("synth     worst 64 samples of the room      {ratio:8.2} times their mean\n");
    }
    text
}
