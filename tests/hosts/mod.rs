//! Small plugin hosts for tests, and what they need in common: where the plugin files are, signals to play, measurements.
//!
//! The files must have been built: `cargo xtask test` does that and names their folder in `RETORT_BUNDLED`; without it
//! they are looked for in `target/bundled`, where `cargo xtask bundle` puts them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::Cell;
use std::path::PathBuf;

pub mod clap_host;
pub mod suite;
pub mod vst3_host;
mod vst3_objects;

thread_local! {
    /// Set while the plugin processes, for a test that counts allocations.
    pub static MEASURING: Cell<bool> = const { Cell::new(false) };
}

/// The two plugins in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Instrument,
    Effect,
}

/// What happens at a sample.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    NoteOn {
        key: u8,
        velocity: f64,
    },
    NoteOff {
        key: u8,
    },
    /// A parameter by its name, with a value from 0 to 1.
    Param {
        name: &'static str,
        value: f64,
    },
}

/// What a plugin sends back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sent {
    NoteOn {
        key: u8,
    },
    NoteOff {
        key: u8,
    },
    /// -1 to 1.
    Bend(f64),
}

/// What all hosts can do. An instance is opened inactive.
pub trait TestHost: Sized {
    fn open(class: Class) -> Self;
    fn activate(&mut self, rate_hz: f64, max_block: usize);
    fn deactivate(&mut self);
    /// In samples, as reported.
    fn latency(&mut self) -> u32;
    fn tail(&mut self) -> u32;
    /// Name and value from 0 to 1 of every parameter.
    fn params(&mut self) -> Vec<(String, f64)>;
    /// Changes a parameter outside of processing.
    fn set(&mut self, name: &'static str, value: f64);
    /// The text of a value from 0 to 1, with its unit, and a text's value.
    fn text(&mut self, name: &str, value: f64) -> String;
    fn parse(&mut self, name: &str, text: &str) -> Option<f64>;
    /// One block: `input` has one slice a channel (the effect's input or the instrument's side input). The output buffers
    /// are full of rubbish before.
    fn block(&mut self, input: &[&[f32]], len: usize, events: &[(usize, Happening)]) -> Vec<Vec<f32>>;
    /// What the plugin has sent since the last call, with the sample of its block.
    fn take_sent(&mut self) -> Vec<(usize, Sent)>;
    /// The state as JSON.
    fn save(&mut self) -> Vec<u8>;
    fn load(&mut self, state: &[u8]) -> bool;
    /// Whether the plugin has asked to be activated anew since the last call.
    fn take_restart_request(&mut self) -> bool;

    /// Runs from the first sample on in blocks of `block`, with events at absolute samples.
    fn render(&mut self, input: &[Vec<f32>], len: usize, events: &[(usize, Happening)], block: usize) -> Vec<Vec<f32>> {
        let mut output = vec![Vec::new(); 2];
        let mut start = 0;
        while start < len {
            let end = (start + block).min(len);
            let input: Vec<&[f32]> = input.iter().map(|channel| &channel[start..end]).collect();
            let events: Vec<(usize, Happening)> = events
                .iter()
                .filter(|(at, _)| (start..end).contains(at))
                .map(|(at, happening)| (at - start, *happening))
                .collect();
            for (output, block) in output.iter_mut().zip(self.block(&input, end - start, &events)) {
                output.extend(block);
            }
            start = end;
        }
        output
    }
}

/// A plugin file in the folder of bundles. Missing files are a failure, not a reason to skip.
pub fn bundle(name: &str) -> PathBuf {
    let folder = match std::env::var_os("RETORT_BUNDLED") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bundled"),
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask bundle` first, or `cargo xtask test`, or name the folder in RETORT_BUNDLED",
        path.display()
    );
    path
}

/// A tone with five harmonics on two channels, between two times in seconds, with soft edges.
pub fn tone(rate_hz: f64, seconds: f64, f0_hz: f64, from_s: f64, to_s: f64) -> Vec<Vec<f32>> {
    let channel: Vec<f32> = (0..(seconds * rate_hz) as usize)
        .map(|n| {
            let time_s = n as f64 / rate_hz;
            let edge = ((time_s - from_s).min(to_s - time_s) / 0.01).clamp(0.0, 1.0);
            let wave = |k: i32| (f64::from(k) * f0_hz * time_s * std::f64::consts::TAU).sin() / f64::from(k);
            (0.2 * edge * (1..=5).map(wave).sum::<f64>()) as f32
        })
        .collect();
    vec![channel.clone(), channel]
}

pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// How far the pitch of `samples` is from `expected_hz` in cents, looking up to five semitones to either side: the lag
/// with the best normalised autocorrelation, refined by a parabola.
pub fn cents_off(samples: &[f32], rate_hz: f64, expected_hz: f64) -> f64 {
    let correlation = |lag: usize| {
        let (a, b) = (&samples[..samples.len() - lag], &samples[lag..]);
        let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
        let energy: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * a + b * b)).sum();
        2.0 * product / energy.max(1e-20)
    };
    let lag = rate_hz / expected_hz;
    let lags = (lag / 1.33) as usize..=(lag * 1.33) as usize + 1;
    let best = lags.max_by(|a, b| correlation(*a).total_cmp(&correlation(*b))).expect("the range is not empty");
    let [before, at, after] = [best - 1, best, best + 1].map(correlation);
    let refined = best as f64 + 0.5 * (before - after) / (before - 2.0 * at + after);
    1_200.0 * (rate_hz / refined / expected_hz).log2()
}
