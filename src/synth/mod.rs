//! Controls in, sound out: a harmonic bank and filtered noise for each voice, and one room behind them.
//!
//! In come [`crate::Controls`], one set per segment (usually a frame of 4 ms), and gains; out go samples at the host's
//! rate, linear, mono. Nothing looks ahead: at sample i of the N of a segment, every control is
//! `c[t-1] + (c[t] - c[t-1]) i / N`. The samples depend only on the segments, never on how `render` and `process` are
//! split. The engine calls; `docs/architecture.md`, "The signal model", is the definition that the training follows too.
//!
//! `new` and `with_tables` allocate. Everything else is safe on the audio thread.

mod fade;
mod harmonics;
mod noise;
mod partial_sum;
mod real_fft;
mod room;
mod room_levels;
mod room_response;
mod tables;
mod voice;
mod white_noise;

pub use room::Room;
pub use tables::{SynthSpec, SynthTables};
pub use voice::{PartGains, VoiceSynth};
