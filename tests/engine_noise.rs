//! Noise into every model that is shipped: breath, hum and the noise of a room at -45 dBFS must not be played.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, Instrument, InstrumentParts, Source, profile};
use retort::model::{Model, RoomResponse};
use support::{Noise, render};

const RATE: u32 = 48_000;
/// Seconds of each noise.
const SECONDS: u32 = 3;
/// What a player takes for silence, in dBFS.
const SILENT_DB: f32 = -60.0;

fn model_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
    for folder in folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        files.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| {
            path.extension().is_some_and(|extension| extension == "safetensors")
                && path.file_name().is_some_and(|name| name != "room.safetensors")
        }));
    }
    files.sort();
    files
}

fn instrument(file: &Path) -> Box<Instrument> {
    let model = Model::from_bytes(&std::fs::read(file).unwrap()).unwrap();
    let room = std::fs::read(file.with_file_name("room.safetensors")).ok();
    let room = room.map(|bytes| RoomResponse::from_bytes(&bytes).unwrap());
    Box::new(Instrument::build(&InstrumentParts {
        decoder: Arc::clone(&model.decoder),
        room: room.as_ref(),
        profile: profile(&model.metadata),
        sample_rate_hz: RATE,
        blend: None,
        tuning: None,
        voices: 1,
    }))
}

fn rms_db(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).log10()
}

/// Scales to an RMS of -45 dBFS.
fn faint(mut samples: Vec<f32>) -> Vec<f32> {
    let gain = 10f32.powf((-45.0 - rms_db(&samples)) / 20.0);
    samples.iter_mut().for_each(|x| *x *= gain);
    samples
}

/// One pole of low-pass.
fn below(cutoff_hz: f32, samples: &[f32]) -> Vec<f32> {
    let share = 1.0 - (-std::f32::consts::TAU * cutoff_hz / RATE as f32).exp();
    let mut low = 0.0;
    let mut next = |x: &f32| {
        low += share * (x - low);
        low
    };
    samples.iter().map(&mut next).collect()
}

/// Twelve harmonics that fall as `k^-slope`, with a little noise.
fn hum(f0_hz: f32, slope: f32, noise: &[f32]) -> Vec<f32> {
    let harmonic = |n: usize, k: u32| {
        let cycles = f64::from(f0_hz) * f64::from(k) * n as f64 / f64::from(RATE);
        (std::f64::consts::TAU * cycles.fract()).sin() as f32 / (k as f32).powf(slope)
    };
    noise.iter().enumerate().map(|(n, x)| 0.1 * x + (1..=12).map(|k| harmonic(n, k)).sum::<f32>()).collect()
}

fn noises() -> Vec<(&'static str, Vec<f32>)> {
    let mut random = Noise::new(5);
    let white: Vec<f32> = (0..SECONDS * RATE).map(|_| random.uniform() - 0.5).collect();
    let bright = white.iter().zip(below(2_000.0, &white)).map(|(x, low)| x - low);
    // A sum of one-pole low-passes, an octave or two apart: close to -3 dB an octave.
    let poles = [30.0, 120.0, 480.0, 1_900.0, 7_700.0].map(|cutoff_hz| (cutoff_hz, below(cutoff_hz, &white)));
    let pink = (0..white.len()).map(|n| poles.iter().map(|(cutoff_hz, low)| low[n] / cutoff_hz.sqrt()).sum());
    let named = [
        ("breath, bright", bright.collect()),
        ("breath, pink", pink.collect()),
        ("room noise below 150 Hz", below(150.0, &white)),
        ("room noise below 500 Hz", below(500.0, &below(500.0, &white))),
        ("rumble below 60 Hz", below(60.0, &below(60.0, &white))),
        ("buzzing hum of 50 Hz", hum(50.0, 1.0, &white)),
        ("buzzing hum of 100 Hz", hum(100.0, 1.0, &white)),
    ];
    named.map(|(name, noise)| (name, faint(noise))).into()
}

/// Plays every noise through every model.
fn assert_all_stays_silent(lowest_pitch: LowestPitch) {
    let files = model_files();
    assert!(!files.is_empty(), "there are models");
    let noises = noises();
    let mut loud = Vec::new();
    for file in &files {
        for (name, noise) in &noises {
            let config = EngineConfig { sample_rate_hz: RATE, source: Source::Audio, lowest_pitch };
            let mut engine = Engine::new(config).unwrap();
            assert!(engine.set_instrument(instrument(file)).is_none());
            let output = render(&mut engine, noise, &[], 512);
            let level = rms_db(&output);
            let burst = output.chunks_exact(RATE as usize / 10).map(rms_db).fold(f32::NEG_INFINITY, f32::max);
            let row = format!(
                "{}, lowest {} Hz, {name}: {level:.1} dBFS, loudest tenth of a second {burst:.1} dBFS",
                file.display(),
                lowest_pitch.hz()
            );
            println!("{row}");
            if level.max(burst) >= SILENT_DB {
                loud.push(row);
            }
        }
    }
    assert!(loud.is_empty(), "not silent:\n{}", loud.join("\n"));
}

#[test]
fn breath_hum_and_room_noise_into_every_model_stay_silent_at_160_hz() {
    assert_all_stays_silent(LowestPitch::Hz160);
}

#[test]
fn breath_hum_and_room_noise_into_every_model_stay_silent_at_80_hz() {
    assert_all_stays_silent(LowestPitch::Hz80);
}

#[test]
fn breath_hum_and_room_noise_into_every_model_stay_silent_at_40_hz() {
    assert_all_stays_silent(LowestPitch::Hz40);
}
