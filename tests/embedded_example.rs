//! The example for small boards as its users run it: a process between two pipes.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, Instrument, InstrumentParts, Settings, Source, profile};
use retort::model::{Model, RoomResponse};

const RATE_HZ: usize = 48_000;
/// Samples of a frame.
const FRAME: usize = RATE_HZ / 250;
/// A second.
const FRAMES: usize = 250;

/// How far two instruction sets may be apart, in dB of the whole sound: from frames, and from audio, where the pitch is measured
/// and a phase is the sum of all roundings of the pitch until then.
const FRAMES_AGREE_DB: f64 = -100.0;
const AUDIO_AGREES_DB: f64 = -70.0;

/// The example, which Cargo builds with the tests. `RETORT_EMULATOR` is a command line that runs it if it is for another
/// processor.
fn example() -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join(format!("examples/embedded{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is missing: cargo build --example embedded", program.display());
    let emulator = std::env::var("RETORT_EMULATOR").unwrap_or_default();
    let mut words = emulator.split_whitespace();
    let mut command = Command::new(words.next().map_or(program.as_os_str(), OsStr::new));
    command.args(words);
    if !emulator.is_empty() {
        command.arg(program);
    }
    command.env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn violin(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/violin").join(file)
}

fn on_violin(arguments: &[&str]) -> Command {
    let mut command = example();
    command.arg(violin("reduced.safetensors")).args(arguments);
    command
}

/// Runs it with all of `input`.
fn run(mut command: Command, input: Vec<u8>) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read all, which breaks the pipe.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The sound of a run that succeeds.
#[track_caller]
fn sound(command: Command, input: Vec<u8>) -> Vec<f32> {
    let output = run(command, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    samples(&output.stdout)
}

#[track_caller]
fn samples(bytes: &[u8]) -> Vec<f32> {
    let (samples, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "whole samples");
    samples.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn bytes(sound: &[f32]) -> Vec<u8> {
    sound.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// A note of A with some harmonics, to its last sample.
fn note(len: usize) -> Vec<f32> {
    let partial =
        |k: usize, n: usize| (std::f64::consts::TAU * 440.0 * (k * n) as f64 / RATE_HZ as f64).sin() / k as f64;
    (0..len).map(|n| (1..=6).map(|k| 0.1 * partial(k, n)).sum::<f64>() as f32).collect()
}

/// A swell on a slow slide.
fn phrase() -> Vec<u8> {
    (0..FRAMES).map(|k| format!("{} {}\n", 440.0 + 0.4 * k as f64, -40.0 + 0.1 * k as f64)).collect::<String>().into()
}

fn rms(sound: &[f32]) -> f64 {
    (sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sound.len() as f64).sqrt()
}

/// The level of the difference by that of the second, in dB.
fn error_db(sound: &[f32], want: &[f32]) -> f64 {
    assert_eq!(sound.len(), want.len());
    let error: Vec<f32> = sound.iter().zip(want).map(|(x, y)| x - y).collect();
    20.0 * (rms(&error) / rms(want)).log10()
}

/// How much of a second of `sound` is a sine of `f0_hz`, as an amplitude.
fn level_at(sound: &[f32], f0_hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * f0_hz / RATE_HZ as f64;
    let part = |wave: fn(f64) -> f64| -> f64 {
        sound.iter().enumerate().map(|(n, x)| f64::from(*x) * wave(turn * n as f64)).sum::<f64>() / sound.len() as f64
    };
    2.0 * part(f64::sin).hypot(part(f64::cos))
}

#[test]
fn frames_are_played_for_as_long_as_they_last_and_ring_out() {
    let frames: Vec<u8> = "440 -20\n".repeat(FRAMES).into();
    let played = sound(on_violin(&["--frames"]), frames.clone());
    let dry = sound(on_violin(&["--frames", "--dry"]), frames);
    let end = FRAMES * FRAME;
    let (f0, beside) = (level_at(&played[end / 2..end], 440.0), level_at(&played[end / 2..end], 415.3));
    assert!(f0 > 0.01 && f0 > 30.0 * beside, "440 Hz at {f0}, a semitone below {beside}");
    // After the last frame: a ramp of one frame, the noise filter of 4 ms, the room.
    let room = RoomResponse::from_bytes(&std::fs::read(violin("room.safetensors")).unwrap()).unwrap();
    let room = retort::synth::Room::new(&room.impulse_response, room.sample_rate_hz, RATE_HZ as u32);
    assert_eq!(dry.len(), end + FRAME + RATE_HZ / 250);
    assert_eq!(played.len(), dry.len() + room.tail_samples());
    let ringing = rms(&played[dry.len()..dry.len() + 480]) / rms(&played[end - 480..end]);
    assert!((0.01..1.0).contains(&ringing), "{ringing}");
    assert!(rms(&played[played.len() - 480..]) < 1e-3 * rms(&played[end - 480..end]), "it has rung out");
}

#[test]
fn audio_is_what_the_engine_plays_to_the_end_of_its_tail() {
    // The last block is short, and the note goes on to the last sample.
    let heard = note(RATE_HZ / 2 + 37);
    let played = sound(on_violin(&[]), bytes(&heard));

    let config =
        EngineConfig { sample_rate_hz: RATE_HZ as u32, source: Source::Audio, lowest_pitch: LowestPitch::default() };
    let mut engine = Engine::new(config).unwrap();
    let model = Model::from_bytes(&std::fs::read(violin("reduced.safetensors")).unwrap()).unwrap();
    let room = RoomResponse::from_bytes(&std::fs::read(violin("room.safetensors")).unwrap()).unwrap();
    let instrument = Instrument::build(&InstrumentParts {
        decoder: model.decoder.clone(),
        room: Some(&room),
        profile: profile(&model.metadata),
        sample_rate_hz: config.sample_rate_hz,
        blend: None,
        tuning: None,
        voices: 1,
    });
    assert!(engine.set_instrument(Box::new(instrument)).is_none());
    let mut heard_and_silence = heard.clone();
    heard_and_silence.resize(heard.len() + engine.tail_samples() as usize, 0.0);
    let mut want = vec![0.0; heard_and_silence.len()];
    engine.process(&heard_and_silence, &mut want, &[], &Settings::default());
    assert_eq!(played.len(), want.len());
    assert!(played == want, "all samples are the engine's: {} dB", error_db(&played, &want));

    let (end, latency) = (heard.len(), engine.latency_samples() as usize);
    let before = rms(&played[end - 4_800..end]);
    assert!(before > 0.01, "{before}");
    let late = rms(&played[end..end + latency]);
    assert!(late > 0.5 * before, "what is late is played: {late} after {before}");
    assert!(rms(&played[played.len() - 480..]) < 1e-3 * before, "it has rung out");
}

/// Gives what comes out in pieces of the length that is asked for; a process that holds back fails the test instead of stopping it.
struct Listener {
    child: Child,
    pieces: mpsc::Receiver<Vec<u8>>,
}

impl Listener {
    fn new(mut command: Command, piece: usize) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; piece];
            while stdout.read_exact(&mut bytes).is_ok() && sender.send(bytes.clone()).is_ok() {}
        });
        Self { child, pieces }
    }

    #[track_caller]
    fn answers(&mut self, input: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(input).unwrap();
        stdin.flush().unwrap();
        let answer = self.pieces.recv_timeout(Duration::from_secs(120));
        assert!(answer.is_ok(), "it keeps back what it has played");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn each_block_and_each_frame_is_heard_before_the_next_is_needed() {
    let mut audio = Listener::new(on_violin(&[]), 4 * 64);
    for block in note(64 * 100).chunks(64) {
        audio.answers(&bytes(block));
    }
    let mut frames = Listener::new(on_violin(&["--frames"]), 4 * FRAME);
    for _ in 0..20 {
        frames.answers(b"440 -20\n");
    }
}

#[test]
fn what_is_no_number_in_the_input_is_silence() {
    let whole = note(RATE_HZ / 4);
    let with = |bad: &[f32]| {
        let mut heard = whole.clone();
        heard[4_000..4_000 + bad.len()].copy_from_slice(bad);
        sound(on_violin(&[]), bytes(&heard))
    };
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN];
    let played = with(&bad);
    assert!(played.iter().all(|x| x.is_finite()));
    assert!(rms(&played[RATE_HZ / 5..RATE_HZ / 4]) > 0.01, "it plays on");
    assert!(played == with(&[0.0; 4]));

    let frames = "440 -20\nNaN -20\n440 NaN\ninf inf\n".repeat(20) + "440 -20\n".repeat(100).as_str();
    let played = sound(on_violin(&["--frames"]), frames.into());
    assert!(played.iter().all(|x| x.is_finite() && x.abs() < 4.0));
    assert!(rms(&played[150 * FRAME..180 * FRAME]) > 0.01, "it plays on");
}

#[test]
fn fast_kernels_and_plain_ones_play_the_same() {
    let frames = ["reduced", "full", "cnn", "cnn-q", "cnn-tiny"].map(|file| (file, Some("--frames"), FRAMES_AGREE_DB));
    for (file, frames, most_db) in frames.into_iter().chain([("reduced", None, AUDIO_AGREES_DB)]) {
        let play = |plain: bool| {
            let mut command = example();
            command.arg(violin(file).with_extension("safetensors")).args(frames);
            if plain {
                command.env("RETORT_SIMD", "plain");
            } else {
                command.env_remove("RETORT_SIMD");
            }
            sound(command, if frames.is_some() { phrase() } else { bytes(&note(FRAMES * FRAME)) })
        };
        let (fast, plain) = (play(false), play(true));
        let error = error_db(&fast, &plain);
        println!("{file} {}: {error:.1} dB", frames.unwrap_or("audio"));
        assert!(rms(&plain[..FRAMES * FRAME]) > 0.005, "{file} sounds");
        assert!(error <= most_db, "{file}: {error} dB");
    }
}

/// It ends with `code` and a message that holds all of `words`, without a panic and without a sound.
#[track_caller]
fn fails(command: Command, input: &str, code: i32, words: &[&str]) {
    let output = run(command, input.into());
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for word in words {
        assert!(message.contains(word), "'{word}' is missing in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn wrong_usage_is_told() {
    let wrong = |arguments: &[&str], words: &[&str]| {
        fails(on_violin(arguments), "", 2, words);
    };
    for frames in [&[][..], &["--frames"]] {
        wrong(&[&["--rate", "0"], frames].concat(), &["0 Hz", "8,000 to 384,000 Hz"]);
        wrong(&[&["--rate", "384001"], frames].concat(), &["384001 Hz", "8,000 to 384,000 Hz"]);
    }
    wrong(&["--rate"], &["--rate needs a number"]);
    wrong(&["--rate", "fast"], &["--rate", "'fast'"]);
    wrong(&["--lowest", "100"], &["40, 80 or 160", "100"]);
    wrong(&["--loud"], &["'--loud'", "--help"]);
    wrong(&["another.safetensors"], &["'another.safetensors'"]);
    fails(example(), "", 2, &["no model", "Usage: embedded MODEL"]);
}

#[test]
fn files_and_frames_that_cannot_be_read_are_named() {
    let mut missing = example();
    missing.arg(violin("nothing.safetensors"));
    fails(missing, "", 1, &["nothing.safetensors"]);
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    std::fs::write(&model, "no weights").unwrap();
    let mut no_model = example();
    no_model.arg(&model);
    fails(no_model, "", 1, &["model.safetensors", "not a safetensors file"]);
    std::fs::copy(violin("reduced.safetensors"), &model).unwrap();
    std::fs::write(folder.path().join("room.safetensors"), "no room").unwrap();
    for frames in [None, Some("--frames")] {
        let mut no_room = example();
        no_room.arg(&model).args(frames);
        fails(no_room, "", 1, &["room.safetensors", "not a safetensors file"]);
    }
    fails(on_violin(&["--frames"]), "440 -20\n440\n", 1, &["line 2", "a pitch in Hz and a loudness in dB"]);
    fails(on_violin(&["--frames"]), "a4 loud\n", 1, &["line 1"]);
}

#[test]
fn when_nobody_listens_any_more_it_ends_quietly() {
    for arguments in [&[][..], &["--frames"]] {
        let mut child = on_violin(arguments).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = if arguments.is_empty() { bytes(&note(64)) } else { b"440 -20\n".to_vec() };
        let mut play = || (0..40).for_each(|_| drop(stdin.write_all(&input)));
        play();
        stdout.read_exact(&mut [0; 4 * 64]).unwrap();
        drop(stdout);
        // It may be gone before it has read these.
        play();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");
        assert!(!message.contains("embedded:") && !message.contains("panicked"), "{message}");
    }
}
