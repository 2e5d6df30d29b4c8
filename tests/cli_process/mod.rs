//! Runs the built command and makes sound files for it to read.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a command left behind.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It worked.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// It failed with `code` and one line that says all of `words`, without a panic's traces.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        for word in words {
            assert!(errors[0].contains(word), "'{word}' is missing in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("backtrace"), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "'{words}' is missing in: {}", self.stderr);
        self
    }
}

/// The command with nothing of the user's own around it.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort"));
    command.env_remove("RETORT_MODELS").env("RUST_BACKTRACE", "0");
    // No models or settings of whoever runs the tests.
    let nobody = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nobody");
    command
        .env("HOME", &nobody)
        .env("XDG_DATA_HOME", nobody.join("data"))
        .env("XDG_CONFIG_HOME", nobody.join("config"));
    command
}

/// Runs `retort` with arguments of any kind of string.
#[macro_export]
macro_rules! retort {
    ($($argument:expr),* $(,)?) => {{
        let mut command = $crate::cli_process::command();
        $(command.arg(&$argument);)*
        $crate::cli_process::finish(command)
    }};
}

pub fn finish(mut command: Command) -> Outcome {
    Outcome::from(&command.output().expect("the built command starts"))
}

/// Half a second of a tone with harmonics, soft at both ends; peak about 0.4.
pub fn tone(f0_hz: f64, rate_hz: u32) -> Vec<f32> {
    let length = rate_hz as usize / 2;
    let edge = 0.02 * f64::from(rate_hz);
    (0..length)
        .map(|n| {
            let phase = TAU * f0_hz * n as f64 / f64::from(rate_hz);
            let partials: f64 = (1..=8)
                .map(f64::from)
                .filter(|k| k * f0_hz < 0.45 * f64::from(rate_hz))
                .map(|k| (k * phase).sin() / k)
                .sum();
            (0.25 * partials * (n.min(length - 1 - n) as f64 / edge).min(1.0)) as f32
        })
        .collect()
}

/// Writes `samples` of one channel to all of `n_channels` channels, 32-bit float.
pub fn write_wav(path: &Path, samples: &[f32], rate_hz: u32, n_channels: u16) {
    let channels: Vec<f32> = vec![1.0; n_channels.into()];
    write_wav_channels(path, samples, rate_hz, &channels);
}

/// Writes `samples`, times one gain per channel.
pub fn write_wav_channels(path: &Path, samples: &[f32], rate_hz: u32, gains: &[f32]) {
    let spec = hound::WavSpec {
        channels: gains.len() as u16,
        sample_rate: rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        for gain in gains {
            writer.write_sample(sample * gain).unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// Rows of a features table: time_s, f0_hz, voicing, loudness_db.
pub fn read_features(path: &Path) -> Vec<[f64; 4]> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("time_s,f0_hz,voicing,loudness_db"));
    lines
        .map(|line| {
            let numbers: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
            numbers.try_into().expect("four columns")
        })
        .collect()
}

/// Median of the pitch of the voiced rows, in cents from `f0_hz`.
pub fn median_cents(rows: &[[f64; 4]], f0_hz: f64) -> f64 {
    let mut cents: Vec<f64> =
        rows.iter().filter(|row| row[2] >= 0.5).map(|row| 1_200.0 * (row[1] / f0_hz).log2()).collect();
    assert!(!cents.is_empty(), "nothing is voiced");
    cents.sort_by(f64::total_cmp);
    cents[cents.len() / 2]
}

/// The names of everything in a folder, hidden files too.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A sound that is kept with the tests.
pub fn kept_sound(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds").join(name)
}

/// Writes a model with random weights and its room to `folder/violin/`, as they lie in a folder of models.
pub fn write_random_model(folder: &Path) -> PathBuf {
    let instrument = folder.join("violin");
    std::fs::create_dir_all(&instrument).unwrap();
    let model = instrument.join("test.safetensors");
    std::fs::write(&model, retort::model::testing::random_model("violin/test", 16, 1)).unwrap();
    let room = retort::model::testing::decaying_room("violin/room", 3_200);
    std::fs::write(instrument.join("room.safetensors"), room.to_bytes()).unwrap();
    model
}

/// Samples and sample rate of a mono file of 32-bit floats.
pub fn read_wav(path: &Path) -> (Vec<f32>, u32) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.bits_per_sample, spec.sample_format), (1, 32, hound::SampleFormat::Float));
    (reader.samples::<f32>().map(Result::unwrap).collect(), spec.sample_rate)
}
