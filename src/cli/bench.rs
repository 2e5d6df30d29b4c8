//! `retort bench`: how many times faster than real time this machine plays, per instrument and per part.
//!
//! Everything runs on one core at 48 kHz, on frames that move as music does. Times are processor times, medians of
//! several runs.

use std::f32::consts::TAU;
use std::time::Instant;

use serde::Serialize;

use crate::analysis::{Analyzer, LowestPitch};
use crate::engine::{Engine, EngineConfig, Event, EventKind, NoteAddress, Settings, Source};
use crate::frame::{Controls, FRAME_RATE_HZ, Frame, FrameClock};
use crate::library::Library;
use crate::simd::Simd;
use crate::synth::{PartGains, Room, SynthSpec, VoiceSynth};

use super::arguments::Bench;
use super::bench_time::{RUNS, median_s};
use super::error::CliError;
use super::model_choice::{self, Chosen};
use super::print;
use super::progress::Progress;

const RATE_HZ: u32 = 48_000;

/// Seconds of sound in each run.
const RUN_S: f64 = 4.0;

/// The same where many voices sound.
const CHORD_S: f64 = 1.0;

/// Notes that sound at a time in the measurements of chords.
const CHORDS: [usize; 2] = [8, 16];

/// Block length of the voices, in samples: a small one that hosts really use.
const BLOCK: usize = 64;

/// All that is measured. The names are fixed; programs read them.
#[derive(Serialize)]
struct Report {
    decoder: Vec<DecoderSpeed>,
    voice: Vec<VoiceSpeed>,
    synth: Vec<PartSpeed>,
    analysis: Vec<PartSpeed>,
}

#[derive(Serialize)]
struct DecoderSpeed {
    id: String,
    /// Mean over frames of 4 ms, of which the network of a slower decoder sees only some.
    us_per_frame: f64,
    /// A step of the network with the frames up to the next.
    us_per_step: f64,
    x_realtime: f64,
    simd: &'static str,
    precision: String,
}

/// Everything between events or audio and the output.
#[derive(Serialize)]
struct VoiceSpeed {
    id: String,
    source: &'static str,
    /// Notes that sound at a time.
    voices: usize,
    x_realtime: f64,
    /// Share of one core that all of them take.
    cpu_share: f64,
    /// Time of the slowest block of 64 samples as a share of its 1.33 ms: the least of several runs for each block, so
    /// that what other programs did in one of them does not count.
    worst_block_share: f64,
}

#[derive(Serialize)]
struct PartSpeed {
    name: String,
    x_realtime: f64,
}

/// Measures all models or one, and the parts that they share.
pub fn run(arguments: &Bench) -> Result<(), CliError> {
    let library = model_choice::library(arguments.models.as_deref())?;
    let ids: Vec<String> = match &arguments.model {
        Some(id) => vec![id.clone()],
        None => library.list().into_iter().map(|entry| entry.id).collect(),
    };
    let report = measure(&library, &ids)?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| CliError::Usage(error.to_string()))?;
        return print(&(json + "\n"));
    }
    print(&table(&report))
}

fn measure(library: &Library, ids: &[String]) -> Result<Report, CliError> {
    let progress = Progress::new("measuring", (3 + CHORDS.len()) * ids.len() + 5);
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress.set(done);
    };
    let mut report = Report { decoder: Vec::new(), voice: Vec::new(), synth: Vec::new(), analysis: Vec::new() };
    for id in ids {
        let chosen = model_choice::by_id(library, id)?;
        report.decoder.push(decoder(&chosen));
        step();
        for (source, name) in [(Source::Notes, "notes"), (Source::Audio, "audio")] {
            report.voice.push(voice(&chosen, source, name)?);
            step();
        }
        for voices in CHORDS {
            report.voice.push(chord(&chosen, voices)?);
            step();
        }
    }
    let spec = SynthSpec {
        sample_rate_hz: 32_000,
        bandwidth_hz: 15_500.0,
        n_harmonics: 80,
        n_noise_bands: 65,
        noise_fir_ms: 4.0,
    };
    report.synth.push(PartSpeed { name: "harmonics and noise, 80 partials".into(), x_realtime: synth(&spec) });
    step();
    report.synth.push(PartSpeed { name: "room of 1 s".into(), x_realtime: room() });
    step();
    for lowest in [LowestPitch::Hz40, LowestPitch::Hz80, LowestPitch::Hz160] {
        let name = format!("lowest pitch {} Hz", lowest.hz());
        report.analysis.push(PartSpeed { name, x_realtime: analysis(lowest)? });
        step();
    }
    Ok(report)
}

fn decoder(chosen: &Chosen) -> DecoderSpeed {
    let decoder = &chosen.loaded.model.decoder;
    let spec = decoder.spec();
    let frames = frames();
    let mut states = [decoder.new_state()];
    let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
    let seconds = median_s(|| {
        for frame in &frames {
            decoder.step(&mut states, std::slice::from_ref(frame), &mut controls);
        }
        std::hint::black_box(&controls);
    });
    let per_frame_s = seconds / frames.len() as f64;
    DecoderSpeed {
        id: chosen.id(),
        us_per_frame: per_frame_s * 1e6,
        us_per_step: per_frame_s * 1e6 * f64::from(FRAME_RATE_HZ) / f64::from(spec.frame_rate_hz),
        x_realtime: 1.0 / (per_frame_s * f64::from(FRAME_RATE_HZ)),
        simd: Simd::detect().name(),
        precision: chosen.loaded.model.metadata.precision.clone(),
    }
}

fn voice(chosen: &Chosen, source: Source, name: &'static str) -> Result<VoiceSpeed, CliError> {
    // One voice: notes must not overlap while the one before dies away.
    let settings = Settings { mode: 1.0, ..Settings::default() };
    let (x_realtime, worst_block_share) = play(chosen, source, &settings, &melody(), note_events)?;
    Ok(VoiceSpeed {
        id: chosen.id(),
        source: name,
        voices: 1,
        x_realtime,
        cpu_share: 1.0 / x_realtime,
        worst_block_share,
    })
}

/// A chord of `voices` notes, held.
fn chord(chosen: &Chosen, voices: usize) -> Result<VoiceSpeed, CliError> {
    let settings = Settings { voices: voices as f32, ..Settings::default() };
    let keys: Vec<[Event; 1]> = (0..voices).map(|k| [key_on(48 + 2 * k as u8)]).collect();
    let silence = vec![0.0; (CHORD_S * f64::from(RATE_HZ)) as usize / BLOCK * BLOCK];
    let events = |block: usize| keys.get(block).map_or(&[][..], |key| &key[..]);
    let (x_realtime, worst_block_share) = play(chosen, Source::Notes, &settings, &silence, events)?;
    let id = chosen.id();
    Ok(VoiceSpeed { id, source: "notes", voices, x_realtime, cpu_share: 1.0 / x_realtime, worst_block_share })
}

/// Plays `input` in blocks with the events of each: times real time, and what the slowest block takes of its time.
fn play<'a>(
    chosen: &Chosen,
    source: Source,
    settings: &Settings,
    input: &[f32],
    events: impl Fn(usize) -> &'a [Event],
) -> Result<(f64, f64), CliError> {
    let mut engine =
        Engine::new(EngineConfig { sample_rate_hz: RATE_HZ, source, lowest_pitch: LowestPitch::default() })?;
    // The first instrument replaces nothing.
    let _ = engine.set_instrument(Box::new(chosen.instrument(RATE_HZ)?));
    let mut output = [0.0; BLOCK];
    let blocks = || input.chunks_exact(BLOCK).enumerate();
    let seconds = median_s(|| {
        engine.reset();
        for (k, block) in blocks() {
            engine.process(block, &mut output, events(k), settings);
        }
    });
    // Looking at the clock at each block costs time, which the whole must not contain: passes of their own.
    let mut least_s = vec![f64::INFINITY; input.len() / BLOCK];
    for _ in 0..2 * RUNS {
        engine.reset();
        for (k, block) in blocks() {
            let started = Instant::now();
            engine.process(block, &mut output, events(k), settings);
            least_s[k] = least_s[k].min(started.elapsed().as_secs_f64());
        }
    }
    let block_s = BLOCK as f64 / f64::from(RATE_HZ);
    let worst_block_share = least_s.iter().fold(0.0, |worst: f64, &s| worst.max(s)) / block_s;
    Ok((input.len() as f64 / f64::from(RATE_HZ) / seconds, worst_block_share))
}

const fn key_on(key: u8) -> Event {
    let note = NoteAddress { note_id: None, channel: 0, key };
    Event { offset: 17, kind: EventKind::NoteOn { note, velocity: 0.8 } }
}

/// A new note every half second: each block's events, in a loop of keys.
fn note_events(block: usize) -> &'static [Event] {
    static NOTES: [[Event; 1]; 4] = [[key_on(67)], [key_on(71)], [key_on(74)], [key_on(79)]];
    let every = RATE_HZ as usize / 2 / BLOCK;
    if block.is_multiple_of(every) { &NOTES[block / every % NOTES.len()] } else { &[] }
}

fn synth(spec: &SynthSpec) -> f64 {
    let clock = FrameClock::new(RATE_HZ, FRAME_RATE_HZ);
    let mut voice = VoiceSynth::new(spec, RATE_HZ);
    let mut controls = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    let frames = frames();
    let mut out = vec![0.0; RATE_HZ as usize / FRAME_RATE_HZ as usize + 1];
    let seconds = median_s(|| {
        voice.reset(0);
        for (k, frame) in (0u64..).zip(&frames) {
            controls.f0_hz = frame.f0_hz;
            controls.amplitude = 0.1;
            controls.harmonics.iter_mut().enumerate().for_each(|(i, share)| *share = 0.2 / (1.0 + i as f32));
            controls.noise.fill(0.01 * frame.voicing);
            let len = (clock.start(k + 1) - clock.start(k)) as usize;
            voice.begin_segment(&controls, len, PartGains::default());
            voice.render(&mut out[..len]);
        }
        std::hint::black_box(&out);
    });
    frames.len() as f64 / f64::from(FRAME_RATE_HZ) / seconds
}

fn room() -> f64 {
    let response: Vec<f32> =
        (0..RATE_HZ).map(|n| if n == 0 { 0.0 } else { (-7.0 * n as f32 / RATE_HZ as f32).exp() * 0.01 }).collect();
    let mut room = Room::new(&response, RATE_HZ, RATE_HZ);
    let mut sound = melody();
    let seconds = median_s(|| {
        for block in sound.chunks_mut(BLOCK) {
            room.process(block, 1.0);
            // What comes out goes in again in the next run: kept small, so that it does not grow from run to run.
            block.iter_mut().for_each(|sample| *sample *= 0.5);
        }
    });
    sound.len() as f64 / f64::from(RATE_HZ) / seconds
}

fn analysis(lowest: LowestPitch) -> Result<f64, CliError> {
    let mut analyzer = Analyzer::new(RATE_HZ, lowest)?;
    let sound = melody();
    let mut last = Frame::SILENCE;
    let seconds = median_s(|| {
        analyzer.reset();
        for block in sound.chunks(BLOCK) {
            analyzer.push(block, |_, frame| last = frame);
        }
        std::hint::black_box(&last);
    });
    Ok(sound.len() as f64 / f64::from(RATE_HZ) / seconds)
}

/// Frames with vibrato and swells.
fn frames() -> Vec<Frame> {
    let length = (RUN_S * f64::from(FRAME_RATE_HZ)) as usize;
    (0..length)
        .map(|k| {
            let time_s = k as f32 / FRAME_RATE_HZ as f32;
            Frame { f0_hz: pitch_hz(time_s), loudness_db: -25.0 + 8.0 * (TAU * 0.7 * time_s).sin(), voicing: 0.95 }
        })
        .collect()
}

/// A sound with those frames' pitch, eight partials and a little noise.
fn melody() -> Vec<f32> {
    let length = (RUN_S * f64::from(RATE_HZ)) as usize / BLOCK * BLOCK;
    let (mut phase, mut noise) = (0.0f32, 1u32);
    (0..length)
        .map(|n| {
            phase = (phase + pitch_hz(n as f32 / RATE_HZ as f32) / RATE_HZ as f32).fract();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let partials: f32 = (1..=8u8).map(|k| (TAU * f32::from(k) * phase).sin() / f32::from(k)).sum();
            0.1 * partials + 1e-3 * (noise as f32 / u32::MAX as f32 - 0.5)
        })
        .collect()
}

fn pitch_hz(time_s: f32) -> f32 {
    440.0 * (0.3 * (TAU * 0.25 * time_s).sin() + 0.03 * (TAU * 5.5 * time_s).sin()).exp2()
}

fn table(report: &Report) -> String {
    let mut text = format!("At {} kHz on one core; x is times real time.\n\n", f64::from(RATE_HZ) / 1e3);
    for line in &report.decoder {
        let DecoderSpeed { id, us_per_frame, us_per_step, x_realtime, simd, precision } = line;
        text += &format!(
            "decoder   {id:24}  {x_realtime:8.1} x  {us_per_frame:8.2} us per frame  {us_per_step:8.2} us per step  {simd}, {precision}\n"
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
    for (part, lines) in [("synth", &report.synth), ("analysis", &report.analysis)] {
        for PartSpeed { name, x_realtime } in lines {
            text += &format!("{part:8}  {name:32}  {x_realtime:8.1} x\n");
        }
    }
    text
}
