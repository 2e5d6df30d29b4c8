//! Small plugin hosts for tests, what they need in common, and what must be true in each of them, by topic.
//!
//! The files must have been built: `cargo xtask test` does that and names their folder in `RETORT_BUNDLED`; without it
//! they are looked for in `target/bundled`, where `cargo xtask bundle` puts them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::Cell;
use std::path::{Path, PathBuf};

use retort::engine::{Expression, Setting};

pub mod automation;
pub mod clap_host;
pub mod controllers;
mod measure;
mod own_bundle;
pub mod playing;
pub mod songs;
pub mod suite;
mod vst3_events;
pub mod vst3_host;
mod vst3_objects;

pub use measure::*;
pub use own_bundle::OwnBundle;

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
    /// Something about one note alone, in the performer's units.
    Express {
        key: u8,
        about: Expression,
        value: f64,
    },
    /// A MIDI message as it is; in VST3, a note event or the parameter that the plugin has for the controller.
    Midi([u8; 3]),
}

impl Happening {
    pub const fn on(key: u8) -> Self {
        Self::NoteOn { key, velocity: 0.8 }
    }

    pub const fn off(key: u8) -> Self {
        Self::NoteOff { key }
    }

    /// A setting gets a value in its own unit.
    pub fn set(setting: Setting, value: f32) -> Self {
        let spec = setting.spec();
        Self::Param { name: spec.full_name(), value: f64::from(spec.position(value)) }
    }
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
    /// From the plugin files in a folder.
    fn open_in(bundles: &Path, class: Class) -> Self;
    fn open(class: Class) -> Self {
        Self::open_in(&bundles(), class)
    }
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

/// The folder of the plugin files.
pub fn bundles() -> PathBuf {
    match std::env::var_os("RETORT_BUNDLED") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bundled"),
    }
}

/// A plugin file in a folder. Missing files are a failure, not a reason to skip.
pub fn bundle(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask bundle` first, or `cargo xtask test`, or name the folder in RETORT_BUNDLED",
        path.display()
    );
    path
}

/// The tests of a topic, or all that every host runs.
#[macro_export]
macro_rules! host_tests {
    ($host:ty, $topic:ident: $($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            hosts::$topic::$name::<$host>();
        })+
    };
    ($host:ty) => {
        $crate::suite_tests!($host);
        $crate::playing_tests!($host);
        $crate::automation_tests!($host);
        $crate::songs_tests!($host);
        $crate::controllers_tests!($host);
    };
}
