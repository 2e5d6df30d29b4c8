//! Retort on a small Linux board, with the core alone: a sound or frames come in on standard input, the instrument goes out on
//! standard output. No thread, no file but the model's and its room's, no allocation after the start.
//!
//!     cargo build --release --no-default-features --example embedded
//!     arecord -t raw -f FLOAT_LE -c 1 -r 48000 | embedded models/violin/reduced.safetensors | aplay -t raw -f FLOAT_LE -c 1 -r 48000
//!     printf '440 -20\n%.0s' $(seq 250) | embedded models/violin/reduced.safetensors --frames > a_second.f32
//!
//! Audio is raw, 32-bit float, little-endian, mono, at the rate of `--rate`. Frames are lines of a pitch in Hz and a loudness
//! in dB, 250 a second. Each block, or frame, is written as soon as it has been read; when the input ends, what still sounds is
//! played to its end. What model, voice and room take of the memory is told on standard error. Exit codes: 0 success (also if
//! nobody listens any more), 1 something failed, 2 wrong usage. `docs/boards.md` has more.

use std::error::Error;
use std::io::{self, BufRead, Read, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;

use retort::analysis::LowestPitch;
use retort::engine::{
    Engine, EngineConfig, EngineError, Instrument, InstrumentParts, SAMPLE_RATES_HZ, Settings, Source, profile,
};
use retort::frame::FRAME_RATE_HZ;
use retort::model::{Model, RoomResponse};
use retort::simd::Simd;
use retort::synth::{PartGains, Room, SynthSpec, VoiceSynth};
use retort::{Controls, Frame, FrameClock};

const USAGE: &str = "\
Usage: embedded MODEL.safetensors [OPTIONS] < IN > OUT

IN and OUT are raw audio: 32-bit float, little-endian, mono.

Options:
  --rate HZ    The sample rate, 8000 to 384000 [default: 48000]
  --frames     IN is lines of a pitch in Hz and a loudness in dB, 250 a second
  --lowest HZ  The lowest pitch to listen for, 40, 80 or 160: the higher, the less delay [default: 80]
  --dry        Without the room, room.safetensors beside the model
  --help       This text";

/// Samples that are read, played and written at once.
const BLOCK: usize = 64;

struct Arguments {
    model: String,
    rate_hz: u32,
    lowest_pitch: LowestPitch,
    frames: bool,
    dry: bool,
}

/// `None` if only the usage is wanted.
fn arguments(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut found = Arguments {
        model: String::new(),
        rate_hz: 48_000,
        lowest_pitch: LowestPitch::default(),
        frames: false,
        dry: false,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--frames" => found.frames = true,
            "--dry" => found.dry = true,
            "--rate" => {
                found.rate_hz = number("--rate", words.next())?;
                if !SAMPLE_RATES_HZ.contains(&found.rate_hz) {
                    return Err(EngineError::SampleRate(found.rate_hz).to_string());
                }
            }
            "--lowest" => {
                found.lowest_pitch = match number("--lowest", words.next())? {
                    40 => LowestPitch::Hz40,
                    80 => LowestPitch::Hz80,
                    160 => LowestPitch::Hz160,
                    other => return Err(format!("--lowest is 40, 80 or 160, not {other}")),
                }
            }
            _ if found.model.is_empty() && !word.is_empty() && !word.starts_with('-') => found.model = word,
            _ => return Err(format!("'{word}' is not an option; --help shows those that there are")),
        }
    }
    if found.model.is_empty() {
        return Err(format!("no model is named\n\n{USAGE}"));
    }
    Ok(Some(found))
}

fn number(option: &str, word: Option<String>) -> Result<u32, String> {
    let word = word.ok_or_else(|| format!("{option} needs a number of Hz"))?;
    word.parse().map_err(|_| format!("{option} needs a whole number of Hz, not '{word}'"))
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("embedded: {message}");
            return ExitCode::from(2);
        }
    };
    match play(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever listened has gone, as `head` does: no reason to complain.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn play(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let path = Path::new(&arguments.model);
    let bytes = read(path)?;
    let model = Model::from_bytes(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let file_bytes = bytes.len();
    drop(bytes);
    let room_path = path.with_file_name("room.safetensors");
    let room = if arguments.dry || !room_path.exists() {
        None
    } else {
        let room = RoomResponse::from_bytes(&read(&room_path)?);
        Some(room.map_err(|error| format!("{}: {error}", room_path.display()))?)
    };
    let tell_memory = |room_bytes: usize| {
        eprintln!(
            "{}: file {file_bytes} bytes, weights {}, each voice's state {}, room {room_bytes}; {}",
            model.metadata.id,
            model.decoder.memory_bytes(),
            model.decoder.new_state().memory_bytes(),
            Simd::detect().name(),
        );
    };
    if arguments.frames {
        play_frames(&model, room.as_ref(), arguments.rate_hz, tell_memory)
    } else {
        play_audio(&model, room.as_ref(), arguments, tell_memory)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What is heard is played with the engine, which listens, holds back noise, and is late by a constant time.
fn play_audio(
    model: &Model,
    room: Option<&RoomResponse>,
    arguments: &Arguments,
    tell_memory: impl Fn(usize),
) -> Result<(), Box<dyn Error>> {
    let &Arguments { rate_hz: sample_rate_hz, lowest_pitch, .. } = arguments;
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
    tell_memory(if room.is_some() { instrument.room_memory_bytes() } else { 0 });
    // The first instrument replaces none.
    drop(engine.set_instrument(Box::new(instrument)));
    let tail = engine.tail_samples() as usize;
    eprintln!("late by {} samples, and {tail} more follow the end of the input", engine.latency_samples());
    let settings = Settings::default();
    let (mut input, mut output) = (io::stdin().lock(), Output::new(BLOCK));
    let mut bytes = [0; 4 * BLOCK];
    let (mut heard, mut played) = ([0.0; BLOCK], [0.0; BLOCK]);
    loop {
        let len = fill(&mut input, &mut bytes)? / 4;
        if len == 0 {
            break;
        }
        for (sample, bytes) in heard.iter_mut().zip(bytes.as_chunks().0) {
            *sample = f32::from_le_bytes(*bytes);
        }
        engine.process(&heard[..len], &mut played[..len], &[], &settings);
        output.write(&played[..len])?;
    }
    for start in (0..tail).step_by(BLOCK) {
        let len = BLOCK.min(tail - start);
        engine.process(&[], &mut played[..len], &[], &settings);
        output.write(&played[..len])?;
    }
    Ok(())
}

/// The parts by themselves: decoder, synthesiser, room. What is still heard after the last frame is a frame's ramp to silence,
/// the noise filter and the room.
fn play_frames(
    model: &Model,
    room: Option<&RoomResponse>,
    rate_hz: u32,
    tell_memory: impl Fn(usize),
) -> Result<(), Box<dyn Error>> {
    let decoder = &model.decoder;
    let spec = decoder.spec();
    let mut room = room.map(|room| Room::new(&room.impulse_response, room.sample_rate_hz, rate_hz));
    tell_memory(room.as_ref().map_or(0, Room::memory_bytes));
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
    let mut silence = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    let longest = rate_hz.div_ceil(FRAME_RATE_HZ) as usize;
    let (mut sound, mut output) = (vec![0.0; longest], Output::new(longest));
    let tail = longest + voice.tail_samples() + room.as_ref().map_or(0, Room::tail_samples);
    let mut segment = |controls: &Controls, len: usize| {
        let sound = &mut sound[..len];
        voice.begin_segment(controls, len, PartGains::default());
        voice.render(sound);
        if let Some(room) = &mut room {
            room.process(sound, 1.0);
        }
        output.write(sound)
    };
    let clock = FrameClock::new(rate_hz, FRAME_RATE_HZ);
    let mut input = io::stdin().lock();
    let mut line = String::with_capacity(256);
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
        segment(&controls[0], (clock.start(k + 1) - clock.start(k)) as usize)?;
    }
    silence.f0_hz = controls[0].f0_hz;
    for start in (0..tail).step_by(longest) {
        segment(&silence, longest.min(tail - start))?;
    }
    Ok(())
}

/// Standard output as samples.
struct Output {
    stdout: StdoutLock<'static>,
    bytes: Vec<u8>,
}

impl Output {
    fn new(most_samples: usize) -> Self {
        Self { stdout: io::stdout().lock(), bytes: Vec::with_capacity(4 * most_samples) }
    }

    /// Whoever listens has all of `sound` after this: standard output would keep it back, until a byte happens to be a line's end.
    fn write(&mut self, sound: &[f32]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(sound.iter().flat_map(|sample| sample.to_le_bytes()));
        self.stdout.write_all(&self.bytes)?;
        self.stdout.flush()
    }
}

/// Reads until `bytes` is full or the input ends.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < bytes.len() {
        match input.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            // A signal, such as that of a window whose size has changed.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
