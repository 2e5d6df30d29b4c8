//! `retort features` on every kind of recording, good and bad.

mod cli_process;

use cli_process::{
    finish, kept_sound, median_cents, names_in, read_features, read_wav, tone, write_wav, write_wav_channels,
};
use tempfile::tempdir;

#[test]
fn a_tone_is_heard_at_its_pitch_at_every_rate() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("tone.wav"), folder.path().join("tone.csv"));
    for rate_hz in [8_000, 11_025, 22_050, 44_100, 47_999, 48_000, 96_000, 192_000] {
        write_wav(&input, &tone(440.0, rate_hz), rate_hz, 1);
        retort!("features", input, output).succeeds();
        let rows = read_features(&output);
        assert!((124..=126).contains(&rows.len()), "{} rows for half a second", rows.len());
        let cents = median_cents(&rows, 440.0);
        assert!(cents.abs() < 5.0, "{rate_hz} Hz: {cents} cents");
    }
}

#[test]
fn every_file_format_gives_the_same_pitch() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("tone.csv");
    for format in ["flac", "mp3", "ogg"] {
        retort!("features", kept_sound(&format!("tone_440_hz.{format}")), output).succeeds();
        let rows = read_features(&output);
        assert!((120..=140).contains(&rows.len()), "{format}: {} rows for half a second", rows.len());
        let cents = median_cents(&rows, 440.0);
        assert!(cents.abs() < 5.0, "{format}: {cents} cents");
    }
}

#[test]
fn rows_are_four_milliseconds_apart_and_read_back_exactly() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("tone.wav"), folder.path().join("tone.csv"));
    write_wav(&input, &tone(311.1, 44_100), 44_100, 1);
    retort!("features", input, output).succeeds();
    let text = std::fs::read_to_string(&output).unwrap();
    for (k, line) in text.lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0].parse::<f64>().unwrap(), k as f64 / 250.0);
        for field in &fields[1..] {
            let number: f32 = field.parse().unwrap();
            assert_eq!(&number.to_string(), field, "the shortest decimal of a 32-bit float");
        }
    }
}

#[test]
fn stereo_and_surround_sound_as_loud_as_mono() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("tone.wav"), folder.path().join("tone.csv"));
    let sound = tone(440.0, 48_000);
    let level = |expected: Option<&str>| {
        let outcome = retort!("features", input, output).succeeds();
        match expected {
            Some(words) => drop(outcome.says(words)),
            None => assert_eq!(outcome.stderr, ""),
        }
        read_features(&output)[60][3]
    };
    write_wav(&input, &sound, 48_000, 1);
    let mono_db = level(None);
    write_wav(&input, &sound, 48_000, 2);
    assert!((level(Some("2 channels mixed down to mono")) - mono_db).abs() < 0.01);
    // The fourth channel of 5.1 is the low-frequency one: it has no part in the melody.
    write_wav_channels(&input, &sound, 48_000, &[1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    assert!((level(Some("6 channels mixed down to mono, without the low-frequency channel")) - mono_db).abs() < 0.01);
}

#[test]
fn channels_that_cancel_each_other_are_still_heard() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("tone.wav"), folder.path().join("tone.csv"));
    write_wav_channels(&input, &tone(440.0, 44_100), 44_100, &[0.8, -0.8]);
    retort!("features", input, output).succeeds().says("cancel each other");
    assert!(median_cents(&read_features(&output), 440.0).abs() < 5.0);
}

#[test]
fn silence_is_good_input_and_has_no_pitch() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("silence.wav"), folder.path().join("silence.csv"));
    write_wav(&input, &[0.0; 22_050], 44_100, 2);
    retort!("features", input, output).succeeds();
    let rows = read_features(&output);
    assert!(rows.len() >= 124);
    assert!(rows.iter().all(|row| row[1] > 0.0 && row[2] < 0.5 && row[3] == -80.0));
}

#[test]
fn samples_that_are_not_numbers_count_as_silence() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("nan.wav"), folder.path().join("nan.csv"));
    let mut sound = tone(440.0, 48_000);
    for (n, bad) in [(5_000, f32::NAN), (5_001, f32::INFINITY), (5_002, f32::NEG_INFINITY)] {
        sound[n] = bad;
    }
    write_wav(&input, &sound, 48_000, 1);
    retort!("features", input, output).succeeds().says("3 samples are not numbers and count as silence");
    let rows = read_features(&output);
    assert!(rows.iter().flatten().all(|number| number.is_finite()));
    assert!(median_cents(&rows, 440.0).abs() < 5.0);
    write_wav(&input, &[f32::NAN; 9_600], 48_000, 1);
    retort!("features", input, output).succeeds().says("9600 samples are not numbers");
}

#[test]
fn a_few_samples_are_a_recording_too() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("short.wav"), folder.path().join("short.csv"));
    for length in [1, 2, 17, 191, 192, 193] {
        write_wav(&input, &vec![0.5; length], 48_000, 1);
        retort!("features", input, output).succeeds();
        assert!(!read_features(&output).is_empty(), "{length} samples");
    }
}

#[test]
fn a_file_that_is_cut_short_is_read_as_far_as_it_goes() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("cut.wav"), folder.path().join("cut.csv"));
    write_wav(&input, &tone(440.0, 48_000), 48_000, 1);
    let bytes = std::fs::read(&input).unwrap();
    std::fs::write(&input, &bytes[..bytes.len() / 2]).unwrap();
    retort!("features", input, output).succeeds().says("the file is cut short: 0.25 s of 0.50 s are there");
    let flac = std::fs::read(kept_sound("tone_440_hz.flac")).unwrap();
    let input = folder.path().join("cut.flac");
    std::fs::write(&input, &flac[..flac.len() / 2]).unwrap();
    retort!("features", input, output).succeeds().says("the file is cut short");
}

#[test]
fn input_that_is_no_recording_is_refused_by_name() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("out.csv");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    retort!("features", folder.path().join("absent.wav"), output).fails(1, &["absent.wav", "no such file"]);
    retort!("features", folder.path(), output).fails(1, &["this is a folder"]);
    for name in ["poem.wav", "poem.mp3", "poem.flac", "poem.ogg", "poem.txt"] {
        let poem = file(name, "It little profits that an idle king,\nBy this still hearth...\n".repeat(50).as_bytes());
        retort!("features", poem, output).fails(1, &[name, "not an audio file"]);
    }
    retort!("features", file("empty.wav", b""), output).fails(1, &["empty.wav", "0 samples"]);
    let nothing = folder.path().join("nothing.wav");
    write_wav(&nothing, &[], 44_100, 1);
    retort!("features", nothing, output).fails(1, &["nothing.wav", "0 samples"]);
    write_wav(&nothing, &[0.1; 100], 1_000, 1);
    retort!("features", nothing, output).fails(1, &["nothing.wav", "1000 Hz"]);
    let wav = std::fs::read(&nothing).unwrap();
    for length in [1, 4, 11, 12, 20, 30, 43] {
        retort!("features", file("head.wav", &wav[..length]), output).fails(1, &["head.wav"]);
    }
    assert!(!names_in(folder.path()).iter().any(|name| name.contains("out.csv")), "nothing was written");
}

#[test]
fn damaged_files_never_crash_the_command() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("out.csv");
    let check = |bytes: &[u8], format: &str| {
        let input = folder.path().join(format!("damaged.{format}"));
        std::fs::write(&input, bytes).unwrap();
        let outcome = retort!("features", input, output);
        assert!(matches!(outcome.code, Some(0 | 1)), "{:?}: {}", outcome.code, outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    };
    let wav = folder.path().join("tone.wav");
    write_wav(&wav, &tone(440.0, 8_000), 8_000, 1);
    let kept = ["flac", "mp3", "ogg"].map(|format| (format, kept_sound(&format!("tone_440_hz.{format}"))));
    let mut state = 1u64;
    for (format, path) in kept.into_iter().chain([("wav", wav)]) {
        let sound = std::fs::read(path).unwrap();
        for attempt in 0..20 {
            let mut bytes = sound.clone();
            // Damage to the header hurts more than damage anywhere.
            let reach = if attempt % 2 == 0 { 60 } else { bytes.len() };
            for _ in 0..5 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bytes[(state >> 33) as usize % reach] = (state >> 20) as u8;
            }
            check(&bytes, format);
        }
    }
    // More channels than a channel mask has bits.
    let mut many_channels = std::fs::read(folder.path().join("tone.wav")).unwrap();
    let fmt = many_channels.windows(4).position(|window| window == b"fmt ").unwrap();
    many_channels[fmt + 10..fmt + 12].fill(0xff);
    check(&many_channels, "wav");
}

#[test]
fn wrong_usage_is_told_from_bad_input() {
    let folder = tempdir().unwrap();
    let input = folder.path().join("tone.wav");
    write_wav(&input, &tone(440.0, 48_000), 48_000, 1);
    for outcome in [
        retort!("features"),
        retort!("features", input),
        retort!("features", input, "out.csv", "--lowest-pitch", "50"),
        retort!("play", input),
        retort!("features", input, input),
    ] {
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    }
    assert_eq!(read_wav(&input).0, tone(440.0, 48_000), "the recording is still there");
    retort!("--help").succeeds();
    retort!("--version").succeeds();
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_the_work() {
    let folder = tempdir().unwrap();
    let input = folder.path().join("tone.wav");
    write_wav(&input, &tone(440.0, 48_000), 48_000, 1);
    retort!("features", input, folder.path().join("absent/out.csv")).fails(1, &["absent", "folder does not exist"]);
    retort!("features", input, folder.path()).fails(1, &["this is a folder"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    let input = folder.path().join("tone.wav");
    write_wav(&input, &tone(440.0, 48_000), 48_000, 1);
    retort!("features", input, "/dev/full").fails(1, &["/dev/full", "disk is full"]);

    // A limit on the size of files stops the writing in the middle, as a full disk does, without a disk to fill.
    let output = folder.path().join("out.csv");
    std::fs::write(&output, "what was there before").unwrap();
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 4; exec "$0" features "$1" "$2""#]);
    limited.arg(env!("CARGO_BIN_EXE_retort")).args([&input, &output]);
    finish(limited).fails(1, &["out.csv", "cannot be written"]);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "what was there before");
    assert_eq!(names_in(folder.path()), ["out.csv", "tone.wav"]);
}
