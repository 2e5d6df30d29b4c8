//! The HpN GRU decoder of any width: its weights, its streaming form in floats and in 8 bits, and its plain f64 twin.
//!
//! After "Distilling DDSP" and the decoder of DDSP (Engel et al., 2020): one perceptron for pitch, one for loudness, a GRU
//! over both, one perceptron more, three linear heads. `docs/architecture.md` has the equations.

mod float;
mod int8;
mod plain;
mod streaming;
mod tables;
mod weights;

pub use plain::{PlainGru, plain_controls};
pub use streaming::GruDecoder;
pub use weights::GruWeights;
