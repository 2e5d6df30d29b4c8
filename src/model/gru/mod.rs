//! The HpN GRU decoder of any width: its weights, its streaming form and its plain f64 twin.
//!
//! After "Distilling DDSP" and the decoder of DDSP (Engel et al., 2020): one perceptron for pitch, one for loudness, a GRU
//! over both, one perceptron more, three linear heads. `docs/architecture.md` has the equations.

mod plain;
mod streaming;
mod weights;

pub use plain::{PlainGru, plain_controls};
pub use streaming::GruDecoder;
pub use weights::GruWeights;

use crate::frame::Frame;

/// The decoder's two inputs: `midi(f0) / 127` and `loudness_db / 80 + 1`.
fn inputs(frame: &Frame) -> [f64; 2] {
    let midi = 69.0 + 12.0 * (f64::from(frame.f0_hz) / 440.0).log2();
    [midi / 127.0, f64::from(frame.loudness_db) / 80.0 + 1.0]
}
