//! The arithmetic of the decoders: slices of f32 in and out, once for each instruction set.

pub mod activation;
mod lanes;
pub mod matrix;
pub mod norm;
pub mod ordered;
pub mod quantised;

/// Outputs are padded to a multiple of this: one AVX-512 register, two of AVX2.
pub const LANES: usize = 16;
