//! Retort on a small Linux board, with the core alone: a sound or frames come in on standard input, the instrument goes out on
//! standard output. No thread, no file but the model's, no allocation after the start.
//!
//!     cargo build --release --no-default-features --example embedded
//!     arecord -t raw -f FLOAT_LE -c 1 -r 48000 | embedded models/violin/reduced.safetensors | aplay -t raw -f FLOAT_LE -c 1 -r 48000
//!     printf '440 -20\n%.0s' $(seq 250) | embedded models/violin/reduced.safetensors --frames > a_second.f32
//!
//! Audio is raw, 32-bit float, little-endian, mono, at the rate of `--rate` (48000). Frames are lines of a pitch in Hz and a
//! loudness in dB, 250 a second. The room beside the model is played too, unless `--dry` is given. What model, voice and
//! room take of the memory is told on standard error.

use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, Instrument, InstrumentParts, Settings, Source, profile};
use retort::frame::FRAME_RATE_HZ;
use retort::model::{Model, RoomResponse};
use retort::simd::Simd;
use retort::synth::{PartGains, Room, SynthSpec, VoiceSynth};
use retort::{Controls, Frame, FrameClock};

/// Samples that are read, played and written at once.
const BLOCK: usize = 64;

struct Arguments {
    model: String,
    rate_hz: u32,
    frames: bool,
    dry: bool,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments { model: String::new(), rate_hz: 48_000, frames: false, dry: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--frames" => found.frames = true,
            "--dry" => found.dry = true,
            "--rate" => found.rate_hz = words.next().ok_or("--rate needs a number")?.parse()?,
            _ if found.model.is_empty() && !word.starts_with('-') => found.model = word,
            _ => return Err(format!("{word} is unknown").into()),
        }
    }
    if found.model.is_empty() {
        return Err("usage: embedded MODEL.safetensors [--rate HZ] [--frames] [--dry] < IN > OUT".into());
    }
    Ok(found)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let path = Path::new(&arguments.model);
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let model = Model::from_bytes(&bytes)?;
    let room_path = path.with_file_name("room.safetensors");
    let room = if arguments.dry || !room_path.exists() {
        None
    } else {
        Some(RoomResponse::from_bytes(&std::fs::read(&room_path)?)?)
    };
    let played_room =
        |response: &RoomResponse| Room::new(&response.impulse_response, response.sample_rate_hz, arguments.rate_hz);
    eprintln!(
        "{}: file {} bytes, weights {}, each voice's state {}, room {}; {}",
        model.metadata.id,
        bytes.len(),
        model.decoder.memory_bytes(),
        model.decoder.new_state().memory_bytes(),
        room.as_ref().map_or(0, |response| played_room(response).memory_bytes()),
        Simd::detect().name(),
    );
    drop(bytes);
    if arguments.frames {
        play_frames(&model, room.as_ref().map(played_room), arguments.rate_hz)
    } else {
        play_audio(&model, room.as_ref(), arguments.rate_hz)
    }
}

/// What is heard is played with the engine, which listens, holds back noise, and is late by a constant time.
fn play_audio(model: &Model, room: Option<&RoomResponse>, sample_rate_hz: u32) -> Result<(), Box<dyn Error>> {
    let lowest_pitch = LowestPitch::Hz80;
    let mut engine = Engine::new(EngineConfig { sample_rate_hz, source: Source::Audio, lowest_pitch })?;
    let instrument = Instrument::build(&InstrumentParts {
        decoder: model.decoder.clone(),
        room,
        profile: profile(&model.metadata),
        sample_rate_hz,
        blend: None,
        tuning: None,
        voices: 1,
    });
    // The first instrument replaces none.
    drop(engine.set_instrument(Box::new(instrument)));
    eprintln!("late by {} samples", engine.latency_samples());
    let settings = Settings::default();
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut bytes = [0; 4 * BLOCK];
    let (mut heard, mut played) = ([0.0; BLOCK], [0.0; BLOCK]);
    loop {
        let len = fill(&mut input, &mut bytes)? / 4;
        if len == 0 {
            return Ok(output.flush()?);
        }
        for (sample, bytes) in heard.iter_mut().zip(bytes.as_chunks().0) {
            *sample = f32::from_le_bytes(*bytes);
        }
        engine.process(&heard[..len], &mut played[..len], &[], &settings);
        write(&mut output, &played[..len])?;
    }
}

/// The parts by themselves: decoder, synthesiser, room.
fn play_frames(model: &Model, mut room: Option<Room>, rate_hz: u32) -> Result<(), Box<dyn Error>> {
    let decoder = &model.decoder;
    let spec = decoder.spec();
    let mut state = [decoder.new_state()];
    let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
    let mut voice = VoiceSynth::new(
        &SynthSpec {
            sample_rate_hz: spec.sample_rate_hz,
            bandwidth_hz: spec.bandwidth_hz,
            n_harmonics: spec.n_harmonics,
            n_noise_bands: spec.n_noise_bands,
            noise_fir_ms: spec.noise_fir_ms,
        },
        rate_hz,
    );
    let clock = FrameClock::new(rate_hz, FRAME_RATE_HZ);
    let mut sound = vec![0.0; rate_hz.div_ceil(FRAME_RATE_HZ) as usize];
    let mut output = std::io::stdout().lock();
    let mut line = String::new();
    let mut input = std::io::stdin().lock();
    for k in 0.. {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            break;
        }
        let mut numbers = line.split_whitespace().map(str::parse::<f32>);
        let (Some(Ok(f0_hz)), Some(Ok(loudness_db))) = (numbers.next(), numbers.next()) else {
            return Err(format!("line {}: a pitch in Hz and a loudness in dB are needed", k + 1).into());
        };
        decoder.step(&mut state, &[Frame { f0_hz, loudness_db, voicing: 1.0 }], &mut controls);
        let sound = &mut sound[..(clock.start(k + 1) - clock.start(k)) as usize];
        voice.begin_segment(&controls[0], sound.len(), PartGains::default());
        voice.render(sound);
        if let Some(room) = &mut room {
            room.process(sound, 1.0);
        }
        write(&mut output, sound)?;
    }
    Ok(output.flush()?)
}

/// Reads until `bytes` is full or the input ends.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut len = 0;
    while len < bytes.len() {
        match input.read(&mut bytes[len..])? {
            0 => break,
            more => len += more,
        }
    }
    Ok(len)
}

fn write(output: &mut impl Write, sound: &[f32]) -> std::io::Result<()> {
    sound.iter().try_for_each(|sample| output.write_all(&sample.to_le_bytes()))
}
