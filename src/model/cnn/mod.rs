//! The causal convolutional decoder: its weights, its streaming form in floats and in 8 bits, and its plain twin.
//!
//! A convolution over the last three steps, residual layers of dilated convolutions behind a ReLU cut off at 6, three
//! linear heads; the network steps 50 times a second and its controls are ramps between its steps. Batch normalisation is
//! folded into the weights by the training. `docs/architecture.md` has the equations.

mod float;
mod int8;
mod plain;
mod ring;
mod streaming;
mod weights;

pub use plain::plain_cnn;
pub use streaming::CnnDecoder;
pub use weights::CnnWeights;

/// Inputs of the network: pitch and loudness.
const INPUTS: usize = 2;
/// Taps of every convolution.
const TAPS: usize = 3;
