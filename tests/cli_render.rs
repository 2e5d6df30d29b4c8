//! `retort render`: where its sound lies in time, what it says, and what it refuses.

mod cli_process;

use std::path::{Path, PathBuf};

use cli_process::{Outcome, command, finish, names_in, read_wav, tone, write_random_model, write_wav};
use tempfile::{TempDir, tempdir};

/// A folder with a model, and names for an input and an output in it.
struct Studio {
    folder: TempDir,
    model: PathBuf,
    input: PathBuf,
    output: PathBuf,
}

impl Studio {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        Self { model: write_random_model(&path("models")), input: path("in.wav"), output: path("out.wav"), folder }
    }

    fn render(&self, options: &[&str]) -> Outcome {
        self.render_file(&self.input, options)
    }

    fn render_file(&self, input: &Path, options: &[&str]) -> Outcome {
        let mut command = command();
        command.arg("render").args([input, &self.output]).arg("--model-file").arg(&self.model).args(options);
        finish(command)
    }

    fn rendered(&self, options: &[&str]) -> Vec<f32> {
        self.render(options).succeeds();
        read_wav(&self.output).0
    }
}

/// Silence around half a second of a tone, in seconds.
fn tone_in_silence(before_s: f64, after_s: f64, rate_hz: u32) -> Vec<f32> {
    let silence = |seconds: f64| vec![0.0; (seconds * f64::from(rate_hz)) as usize];
    [silence(before_s), tone(440.0, rate_hz), silence(after_s)].concat()
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

#[test]
fn the_output_lies_under_the_input_at_every_rate_and_is_longer_by_the_tail() {
    let studio = Studio::new();
    for rate_hz in [8_000, 22_050, 44_100, 48_000, 96_000] {
        write_wav(&studio.input, &tone_in_silence(0.5, 0.5, rate_hz), rate_hz, 1);
        // Without the room nothing smears the beginning and the end.
        studio.render(&["--room", "0"]).succeeds();
        let (samples, out_rate_hz) = read_wav(&studio.output);
        assert_eq!(out_rate_hz, rate_hz);
        let seconds = samples.len() as f64 / f64::from(rate_hz);
        assert!((2.4..3.0).contains(&seconds), "{rate_hz} Hz: {seconds} s");
        let at = |s: f64| (s * f64::from(rate_hz)) as usize;
        let loud = peak(&samples[at(0.6)..at(0.9)]);
        assert!(loud > 1e-3, "{rate_hz} Hz: {loud}");
        let first = samples.iter().position(|sample| sample.abs() > 0.1 * loud).unwrap();
        let first_s = first as f64 / f64::from(rate_hz);
        assert!((0.48..0.53).contains(&first_s), "{rate_hz} Hz: the tone begins at 0.5 s and is heard at {first_s} s");
        let last = samples.iter().rposition(|sample| sample.abs() > 0.1 * loud).unwrap();
        let last_s = last as f64 / f64::from(rate_hz);
        assert!((0.97..2.0).contains(&last_s), "{rate_hz} Hz: the tone ends at 1 s and is heard until {last_s} s");
    }
}

#[test]
fn another_rate_changes_neither_time_nor_level() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone_in_silence(0.25, 0.25, 44_100), 44_100, 1);
    let middle_rms = |rate_hz: u32| {
        studio.render(&["--rate", &rate_hz.to_string()]).succeeds();
        let (samples, out_rate_hz) = read_wav(&studio.output);
        assert_eq!(out_rate_hz, rate_hz);
        let at = |s: f64| (s * f64::from(rate_hz)) as usize;
        let part = &samples[at(0.4)..at(0.6)];
        let seconds = samples.len() as f64 / f64::from(rate_hz);
        (f64::from(part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt(), seconds)
    };
    let (rms, seconds) = middle_rms(44_100);
    for rate_hz in [48_000, 96_000] {
        let (other_rms, other_seconds) = middle_rms(rate_hz);
        assert!((other_seconds - seconds).abs() < 0.01, "{seconds} s and {other_seconds} s");
        let db = 20.0 * (other_rms / rms).log10();
        assert!(db.abs() < 1.0, "{rate_hz} Hz: {db} dB");
    }
    // At lower rates the upper partials have no place, so only time can be compared.
    for rate_hz in [22_050, 8_000] {
        assert!((middle_rms(rate_hz).1 - seconds).abs() < 0.01);
    }
}

#[test]
fn silence_in_gives_silence_out() {
    let studio = Studio::new();
    write_wav(&studio.input, &vec![0.0; 24_000], 48_000, 2);
    studio.render(&[]).succeeds().says("no pitch was found");
    let (samples, _) = read_wav(&studio.output);
    assert!(samples.len() >= 24_000);
    assert!(peak(&samples) < 1e-3, "{}", peak(&samples));
}

#[test]
#[cfg(unix)]
fn a_pipe_gets_a_whole_wav_file() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone_in_silence(0.1, 0.1, 44_100), 44_100, 1);
    let file = studio.rendered(&[]);
    let mut command = command();
    command.arg("render").arg(&studio.input).arg("/dev/stdout").arg("--model-file").arg(&studio.model);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader = hound::WavReader::new(&output.stdout[..]).unwrap();
    let piped: Vec<f32> = reader.samples().map(Result::unwrap).collect();
    assert!(piped == file);
}

#[test]
fn the_same_command_gives_the_same_samples() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone_in_silence(0.1, 0.1, 44_100), 44_100, 1);
    let first = studio.rendered(&["--seed", "7"]);
    assert!(peak(&first) > 1e-3);
    assert!(first == studio.rendered(&["--seed", "7"]));
}

#[test]
fn gain_scales_the_output_and_nothing_else() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone_in_silence(0.1, 0.1, 44_100), 44_100, 1);
    let plain = studio.rendered(&[]);
    let softer = studio.rendered(&["--gain", "-20"]);
    for (a, b) in plain.iter().zip(&softer) {
        assert!((a * 0.1 - b).abs() <= 1e-6 * a.abs() + 1e-9);
    }
    assert_eq!(peak(&studio.rendered(&["--gain", "-60"])), 0.0);
}

#[test]
fn a_low_melody_is_matched_by_octaves_and_the_user_is_told() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone(82.4, 44_100), 44_100, 1);
    let pitch_of = |options: &[&str]| {
        // A trained model: what a random one plays need not have the pitch that it was asked for.
        let mut command = command();
        command.arg("render").args([&studio.input, &studio.output]).args(["--model", "violin/reduced"]).args(options);
        let outcome = finish(command).succeeds();
        let table = studio.folder.path().join("out.csv");
        retort!("features", studio.output, table).succeeds();
        (cli_process::median_cents(&cli_process::read_features(&table), 82.4), outcome)
    };
    let (cents, outcome) = pitch_of(&["--room", "0"]);
    outcome.says("matched to the instrument by +24 semitones");
    assert!((cents - 2_400.0).abs() < 20.0, "{cents} cents");
    let (cents, outcome) = pitch_of(&["--room", "0", "--match", "none"]);
    assert_eq!(outcome.stderr, "");
    assert!(cents.abs() < 20.0, "{cents} cents");
    let (cents, _) = pitch_of(&["--room", "0", "--match", "none", "--transpose", "7"]);
    assert!((cents - 700.0).abs() < 20.0, "{cents} cents");
}

#[test]
fn a_midi_file_is_played_at_its_times() {
    use midly::num::{u4, u7, u15, u28};
    use midly::{Format, Header, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
    let studio = Studio::new();
    let mut song = Smf::new(Header::new(Format::SingleTrack, Timing::Metrical(u15::new(480))));
    let message = |delta: u32, message: MidiMessage| TrackEvent {
        delta: u28::new(delta),
        kind: TrackEventKind::Midi { channel: u4::new(0), message },
    };
    // At 120 beats a minute a quarter lasts half a second: silence, one A, silence for a second, another A.
    let key = u7::new(69);
    song.tracks.push(vec![
        message(480, MidiMessage::NoteOn { key, vel: u7::new(100) }),
        message(480, MidiMessage::NoteOff { key, vel: u7::new(0) }),
        message(960, MidiMessage::NoteOn { key, vel: u7::new(100) }),
        message(480, MidiMessage::NoteOff { key, vel: u7::new(0) }),
    ]);
    let input = studio.folder.path().join("song.mid");
    song.save(&input).unwrap();
    studio.render_file(&input, &["--room", "0"]).succeeds();
    let (samples, rate_hz) = read_wav(&studio.output);
    assert_eq!(rate_hz, 48_000);
    assert!((2.5..3.5).contains(&(samples.len() as f64 / 48_000.0)));
    assert_eq!(peak(&samples[..24_000]), 0.0, "nothing before the note");
    assert_ne!(peak(&samples[24_000..24_010]), 0.0, "the note's first sample is its own");
    assert!(peak(&samples[30_000..46_000]) > 1e-3);
    assert!(peak(&samples[60_000..95_000]) < 1e-3, "silence between the notes");
    assert!(peak(&samples[100_000..118_000]) > 1e-3);
    let with_seed = |seed| {
        studio.render_file(&input, &["--room", "0", "--seed", seed]).succeeds();
        read_wav(&studio.output).0
    };
    assert!(
        with_seed("0") == samples && with_seed("1") != samples,
        "the seed decides about the noise and is 0 if not told"
    );

    std::fs::write(&input, "MThd is not enough").unwrap();
    studio.render_file(&input, &[]).fails(1, &["song.mid", "not a MIDI file"]);
    song.tracks[0].clear();
    song.save(&input).unwrap();
    studio.render_file(&input, &[]).fails(1, &["song.mid", "plays no notes"]);
}

#[test]
fn broken_models_are_refused_by_name_and_field() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone(440.0, 44_100), 44_100, 1);
    let good = std::fs::read(&studio.model).unwrap();
    let refused = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&studio.model, bytes).unwrap();
        studio.render(&[]).fails(1, &[&["test.safetensors"], words].concat());
        assert!(!studio.output.exists());
    };
    for length in [0, 7, 8, 100, good.len() / 2, good.len() - 1] {
        refused(&good[..length], &[]);
    }
    refused(b"It little profits that an idle king, by this still hearth", &["safetensors"]);
    refused(
        &replaced(&good, r#"\"format_version\":1"#, r#"\"format_version\":9"#),
        &["format_version", "update Retort"],
    );
    refused(&replaced(&good, r#"\"n_harmonics\":80"#, r#"\"n_harmonics\":79"#), &["head.harmonics"]);
    refused(&replaced(&good, r#"\"bandwidth_hz\""#, r#"\"bandwidth_xx\""#), &["bandwidth_hz"]);
    let mut not_finite = good.clone();
    let end = not_finite.len();
    not_finite[end - 64..].fill(0xff);
    refused(&not_finite, &["not a finite number"]);

    std::fs::write(&studio.model, &good).unwrap();
    let room = studio.model.with_file_name("room.safetensors");
    std::fs::write(&room, "a poem").unwrap();
    studio.render(&[]).fails(1, &["room.safetensors"]);
    std::fs::remove_file(&room).unwrap();
    studio.render(&[]).succeeds().says("plays without its room");
    std::fs::remove_file(&studio.model).unwrap();
    studio.render(&[]).fails(1, &["test.safetensors", "no such file"]);
}

/// The bytes with a text of equal length in place of another, which must be there.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("the text is in the file");
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn bad_recordings_are_refused_before_anything_is_written() {
    let studio = Studio::new();
    studio.render(&[]).fails(1, &["in.wav", "no such file"]);
    std::fs::write(&studio.input, "a poem, not a song\n".repeat(100)).unwrap();
    studio.render(&[]).fails(1, &["in.wav", "not an audio file"]);
    write_wav(&studio.input, &[], 44_100, 1);
    studio.render(&[]).fails(1, &["in.wav", "0 samples"]);
    assert_eq!(names_in(studio.folder.path()), ["in.wav", "models"]);
    write_wav(&studio.input, &[f32::NAN; 4_800], 48_000, 1);
    studio.render(&[]).succeeds().says("4800 samples are not numbers");
    assert!(read_wav(&studio.output).0.iter().all(|sample| sample.is_finite()));
}

#[test]
fn stereo_surround_and_single_samples_are_good_input() {
    let studio = Studio::new();
    for n_channels in [1, 2, 6] {
        write_wav(&studio.input, &tone(440.0, 44_100), 44_100, n_channels);
        let outcome = studio.render(&[]).succeeds();
        if n_channels > 1 {
            outcome.says(&format!("{n_channels} channels mixed down to mono"));
        }
    }
    write_wav(&studio.input, &[0.5], 44_100, 1);
    studio.render(&[]).succeeds();
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone(440.0, 44_100), 44_100, 1);
    for options in [
        &["--transpose", "high"][..],
        &["--transpose", "37"],
        &["--room", "2"],
        &["--room", "nan"],
        &["--rate", "1"],
        &["--match", "some"],
        &["--lowest-pitch", "100"],
        &["--model", "violin/full"],
        &["--louder"],
    ] {
        assert_eq!(studio.render(options).code, Some(2), "{options:?}");
    }
    assert_eq!(retort!("render", studio.input, studio.output).code, Some(2), "no model");
    let mp3 = studio.folder.path().join("out.mp3");
    retort!("render", studio.input, mp3, "--model-file", studio.model).fails(2, &["out.mp3", ".wav"]);
    retort!("render", studio.input, studio.input, "--model-file", studio.model).fails(2, &["in.wav", "same file"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_was_there_before() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone(440.0, 44_100), 44_100, 1);
    retort!("render", studio.input, "/dev/full", "--model-file", studio.model).fails(1, &["/dev/full", "disk is full"]);

    std::fs::write(&studio.output, "an older take").unwrap();
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" render "$1" "$2" --model-file "$3""#]);
    limited.arg(env!("CARGO_BIN_EXE_retort")).args([&studio.input, &studio.output, &studio.model]);
    finish(limited).fails(1, &["out.wav", "cannot be written"]);
    assert_eq!(std::fs::read_to_string(&studio.output).unwrap(), "an older take");
    assert_eq!(names_in(studio.folder.path()), ["in.wav", "models", "out.wav"]);
}

#[test]
fn a_second_instrument_and_a_tuning_change_the_sound_and_wrong_ones_are_named() {
    let studio = Studio::new();
    write_wav(&studio.input, &tone(440.0, 32_000), 32_000, 1);
    let folder = studio.input.parent().unwrap();
    let models = folder.join("models");
    let models = models.to_str().unwrap();
    let alone = studio.rendered(&[]);
    // The same model twice is one: mixing moves nothing but rounding.
    let mixed = studio.rendered(&["--models", models, "--blend", "violin/test", "--blend-amount", "0.5"]);
    let error = alone.iter().zip(&mixed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-4 && mixed.iter().any(|x| x.abs() > 1e-3), "{error}");
    studio.render(&["--blend", "glass-harp/full"]).fails(1, &["glass-harp/full"]);
    let scale = folder.join("wrong.scl");
    std::fs::write(&scale, "A scale\n 2\n 100.0\n octave\n").unwrap();
    let song = folder.join("song.mid");
    // One key for a quarter.
    let notes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0c\0\x90\x45\x64\x60\x80\x45\0\0\xff\x2f\0";
    std::fs::write(&song, notes).unwrap();
    let played = |more: &[&str]| studio.render_file(&song, more);
    played(&["--tuning", scale.to_str().unwrap()]).fails(1, &["wrong.scl", "line 4"]);
    // What would be left out is refused.
    studio.render(&["--tuning", scale.to_str().unwrap()]).fails(2, &["--tuning", "only MIDI"]);
    studio.render(&["--blend-amount", "0.5"]).fails(2, &["--blend-amount", "--blend"]);
    played(&["--mix", "0.5"]).fails(2, &["--mix", "MIDI"]);
    played(&[]).succeeds();
}

#[test]
fn mix_puts_the_recording_beside_the_instrument() {
    let studio = Studio::new();
    let recording = tone(440.0, 32_000);
    write_wav(&studio.input, &recording, 32_000, 1);
    let dry = studio.rendered(&["--mix", "0"]);
    assert!(recording.iter().zip(&dry).all(|(a, b)| (a - b).abs() < 1e-3), "it lies where it was");
    let (wet, both) = (studio.rendered(&[]), studio.rendered(&["--mix", "0.5"]));
    assert!(both.iter().zip(wet.iter().zip(&dry)).all(|(both, (wet, dry))| (both - (wet + dry) / 2.0).abs() < 1e-5));
}
