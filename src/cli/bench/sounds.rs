//! What is played while time is measured: frames and a sound that move as music does.

use std::f32::consts::TAU;

use super::{LONGEST_BLOCK, RATE_HZ, RUN_S};
use crate::engine::{Event, EventKind, NoteAddress};
use crate::frame::{FRAME_RATE_HZ, Frame};

/// Frames with vibrato and swells.
pub fn frames() -> Vec<Frame> {
    let length = (RUN_S * f64::from(FRAME_RATE_HZ)) as usize;
    (0..length)
        .map(|k| {
            let time_s = k as f32 / FRAME_RATE_HZ as f32;
            Frame { f0_hz: pitch_hz(time_s), loudness_db: -25.0 + 8.0 * (TAU * 0.7 * time_s).sin(), voicing: 0.95 }
        })
        .collect()
}

/// A sound with those frames' pitch, eight partials and a little noise.
pub fn melody() -> Vec<f32> {
    let length = (RUN_S * f64::from(RATE_HZ)) as usize / LONGEST_BLOCK * LONGEST_BLOCK;
    let (mut phase, mut noise) = (0.0f32, 1u32);
    (0..length)
        .map(|n| {
            phase = (phase + pitch_hz(n as f32 / RATE_HZ as f32) / RATE_HZ as f32).fract();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let partials: f32 = (1..=8u8).map(|k| (TAU * f32::from(k) * phase).sin() / f32::from(k)).sum();
            0.1 * partials + 1e-3 * (noise as f32 / u32::MAX as f32 - 0.5)
        })
        .collect()
}

fn pitch_hz(time_s: f32) -> f32 {
    440.0 * (0.3 * (TAU * 0.25 * time_s).sin() + 0.03 * (TAU * 5.5 * time_s).sin()).exp2()
}

/// The key goes down 17 samples after the block begins.
pub const fn key_on(key: u8) -> Event {
    let note = NoteAddress { note_id: None, channel: 0, key };
    Event { offset: 17, kind: EventKind::NoteOn { note, velocity: 0.8 } }
}

/// A new note every half second: the events of the block that begins at `sample`, in a loop of keys.
pub fn note_events(sample: usize) -> &'static [Event] {
    static NOTES: [[Event; 1]; 4] = [[key_on(67)], [key_on(71)], [key_on(74)], [key_on(79)]];
    // A whole number of blocks of any measured length.
    let every = 24 * LONGEST_BLOCK;
    if sample.is_multiple_of(every) { &NOTES[sample / every % NOTES.len()] } else { &[] }
}
