//! Every factory preset and every model is played as a player would: it sounds, it does not clip, and what leaves it is a number.

use std::f32::consts::TAU;
use std::path::Path;
use std::sync::Arc;

use retort::analysis::LowestPitch;
use retort::engine::{DryWet, Engine, EngineConfig, Event, EventKind, NoteAddress, Settings, Source};
use retort::library::{Choice, Library, LibraryError, LoadedModel};
use retort::preset::{Preset, factory};

const RATE_HZ: u32 = 48_000;
const BLOCK: usize = 512;
/// Notes are held for so long, and heard for as long again, in seconds.
const HELD_S: f32 = 1.6;
/// The loudest twentieth of a second is at least this loud, in dBFS.
const LEAST_DB: f32 = -30.0;

fn library() -> Library {
    Library::with_folders(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("models")])
}

/// The preset's model; `None` in a copy of the project without its models.
fn load(library: &Library, id: &str) -> Option<Arc<LoadedModel>> {
    match library.load(id) {
        Err(LibraryError::Unknown { available, .. }) if available.len() <= 1 => None,
        loaded => Some(loaded.unwrap_or_else(|error| panic!("{error}"))),
    }
}

/// Highest sample and loudest twentieth of a second, in dBFS; not a number where a sample is none.
fn levels(output: &[f32]) -> (f32, f32) {
    if !output.iter().all(|x| x.is_finite()) {
        return (f32::NAN, f32::NAN);
    }
    let peak = output.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let rms_db = |x: &[f32]| 10.0 * (x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32).log10();
    (20.0 * peak.log10(), output.chunks(RATE_HZ as usize / 20).map(rms_db).fold(f32::NEG_INFINITY, f32::max))
}

/// Whether something is heard and nothing clips.
fn is_well((peak_db, loudest_db): (f32, f32)) -> bool {
    peak_db <= 0.0 && loudest_db >= LEAST_DB
}

/// A tone with the harmonics, vibrato and swell of a voice; peak about 0.35.
fn sung(n_samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    let tone = |n: usize| {
        let time_s = n as f32 / RATE_HZ as f32;
        let f0_hz = 262.0 * (1.0 + 0.006 * (TAU * 5.5 * time_s).sin());
        phase = (phase + f0_hz / RATE_HZ as f32).fract();
        let partials: f32 = (1..=12u8).map(|k| (TAU * f32::from(k) * phase).sin() / f32::from(k).powf(1.3)).sum();
        let swell = (time_s / 0.08).min(1.0) * ((n_samples - n) as f32 / 4_800.0).min(1.0);
        0.2 * swell * partials
    };
    (0..n_samples).map(tone).collect()
}

/// A chord for voices of their own, else one note; deep for a bass.
fn keys(preset: &Preset, settings: &Settings) -> Vec<u8> {
    let root = if preset.category == "Bass" { 48 } else { 60 };
    let chord = [0, 7, 16, 12];
    let n_keys = if settings.mode < 0.5 { chord.len().min(settings.voices as usize) } else { 1 };
    chord[..n_keys].iter().map(|step| root + step).collect()
}

/// Plays the preset and gives what comes out, left and right being the same but for the input.
fn played(preset: &Preset, loaded: &LoadedModel, second: Option<&LoadedModel>) -> Vec<f32> {
    let settings = preset.settings(&Settings::default());
    let source = preset.source.unwrap_or(Source::Notes);
    let config = EngineConfig { sample_rate_hz: RATE_HZ, source, lowest_pitch: LowestPitch::Hz80 };
    let mut engine = Engine::new(config).unwrap();
    let choice = Choice { blend: second, tuning: None };
    let instrument = loaded.instrument(choice, RATE_HZ).expect("models of the same making can be mixed");
    assert!(engine.set_instrument(Box::new(instrument)).is_none());
    let mut mixer = DryWet::new(RATE_HZ, engine.latency_samples());
    let held = (HELD_S * RATE_HZ as f32) as usize / BLOCK;
    let input = if source == Source::Audio { sung(held * BLOCK) } else { Vec::new() };
    let notes: Vec<NoteAddress> =
        keys(preset, &settings).into_iter().map(|key| NoteAddress { note_id: None, channel: 0, key }).collect();
    let mut output = Vec::new();
    for block in 0..2 * held {
        let start = |kind: &dyn Fn(NoteAddress) -> EventKind| -> Vec<Event> {
            notes.iter().map(|&note| Event { offset: 0, kind: kind(note) }).collect()
        };
        let events = match block {
            _ if source == Source::Audio => Vec::new(),
            0 => start(&|note| EventKind::NoteOn { note, velocity: 0.9 }),
            block if block == held => start(&|note| EventKind::NoteOff { note }),
            _ => Vec::new(),
        };
        let mut left = [0.0; BLOCK];
        if let Some(heard) = input.get(block * BLOCK..(block + 1) * BLOCK) {
            left.copy_from_slice(heard);
        }
        let (mut right, mut wet) = (left, [0.0; BLOCK]);
        engine.process(&left, &mut wet, &events, &settings);
        mixer.process(&mut left, &mut right, &wet, &settings, false);
        output.extend_from_slice(&left);
    }
    output
}

#[test]
fn every_factory_preset_sounds_without_clipping() {
    let library = library();
    let mut n_played = 0;
    let mut failures = Vec::new();
    for preset in factory::presets() {
        let Some(loaded) = load(&library, &preset.model) else {
            println!("{}: {} is not there", preset.name, preset.model);
            continue;
        };
        let second = preset.blend.as_deref().and_then(|id| load(&library, id));
        let output = played(&preset, &loaded, second.as_deref());
        n_played += 1;
        let (peak_db, loudest_db) = levels(&output);
        println!(
            "{:20} {:16} peak {peak_db:6.1} dBFS, loudest {loudest_db:6.1} dBFS",
            preset.name, loaded.model.metadata.id
        );
        if !is_well((peak_db, loudest_db)) {
            failures.push(format!("{}: peak {peak_db:.1}, loudest {loudest_db:.1} dBFS", preset.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    // A copy of the project without its models has nothing to play.
    assert!(n_played > 0 || !retort::library::HAS_EMBEDDED);
}

#[test]
fn every_model_sounds_without_clipping() {
    let library = library();
    let mut failures = Vec::new();
    for entry in library.list() {
        let loaded = library.load(&entry.id).unwrap_or_else(|error| panic!("{error}"));
        let config = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::Hz80 };
        let mut engine = Engine::new(config).unwrap();
        let instrument = loaded.instrument(Choice { blend: None, tuning: None }, RATE_HZ).unwrap();
        assert!(engine.set_instrument(Box::new(instrument)).is_none());
        // The middle of what it knows.
        let [lowest_hz, highest_hz] = entry.metadata.range.f0_hz;
        let key = (69.0 + 6.0 * (lowest_hz * highest_hz / 440.0f32.powi(2)).log2()).round() as u8;
        let note = NoteAddress { note_id: None, channel: 0, key };
        let mut output = vec![0.0; RATE_HZ as usize];
        for (index, block) in output.chunks_mut(BLOCK).enumerate() {
            let start = [Event { offset: 0, kind: EventKind::NoteOn { note, velocity: 1.0 } }];
            let events = if index == 0 { &start[..] } else { &[] };
            engine.process(&[], block, events, &Settings::default());
        }
        let (peak_db, loudest_db) = levels(&output);
        println!("{:24} key {key}: peak {peak_db:6.1} dBFS, loudest {loudest_db:6.1} dBFS", entry.id);
        if !is_well((peak_db, loudest_db)) {
            failures.push(format!("{}: peak {peak_db:.1}, loudest {loudest_db:.1} dBFS", entry.id));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
