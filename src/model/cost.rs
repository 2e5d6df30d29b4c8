//! What a voice costs by what its file says, for lists that are shown before anything is measured.

use super::{Architecture, Metadata};

/// Products of weight and input that one core does in a second within a decoder, activations and all.
const PRODUCTS_PER_SECOND: f64 = 20e9;
/// The same of an 8-bit convolution, where one instruction does four times as many.
const INT8_CNN_PRODUCTS_PER_SECOND: f64 = 60e9;
/// Share of a core for the rest of a voice: partials, noise, room, and what a network of any size costs.
const REST: f64 = 0.004;

impl Metadata {
    /// Products of weight and input per second and voice. In both architectures each weight is used once in a step.
    #[must_use]
    pub fn products_per_second(&self) -> f64 {
        self.parameters as f64 * f64::from(self.frame_rate_hz)
    }

    /// Share of one core that a voice takes, 0 to 1: its products at the rate that was measured, and a share for the
    /// rest, which is the same for all. Measured on one core of a server of 2023 (Sapphire Rapids); `retort bench` has the
    /// truth of a machine.
    #[must_use]
    pub fn estimated_cpu_share(&self) -> f32 {
        let narrow = self.precision == "int8" && matches!(self.architecture, Architecture::Cnn { .. });
        let per_second = if narrow { INT8_CNN_PRODUCTS_PER_SECOND } else { PRODUCTS_PER_SECOND };
        (self.products_per_second() / per_second + REST) as f32
    }
}
