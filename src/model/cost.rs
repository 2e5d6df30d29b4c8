//! What a voice costs by what its file says, for lists that are shown before anything is measured.

use super::Metadata;
use crate::simd::Simd;

/// Products of weight and input that one core seems to do in a second where weights have 8 bits; what is measured for the
/// large GRU, rounded down: more than half of its products were done when its tables were made. Smaller networks cost little
/// anyway.
const INT8_PRODUCTS_PER_SECOND: f64 = 90e9;
/// The same where the processor has no instructions for many of them at once.
const PLAIN_INT8_PRODUCTS_PER_SECOND: f64 = 3e9;
/// The same for weights of 16 or 32 bits.
const FLOAT_PRODUCTS_PER_SECOND: f64 = 9e9;
/// Share of a core for the rest of a voice: partials, noise, room, and what a network of any size costs.
const REST: f64 = 0.003;

impl Metadata {
    /// Products of weight and input per second and voice. In both architectures each weight is used once in a step.
    #[must_use]
    pub fn products_per_second(&self) -> f64 {
        self.parameters as f64 * f64::from(self.frame_rate_hz)
    }

    /// Share of one core that a voice takes, 0 to 1: its products at the rate that was measured, and a share for the
    /// rest, which is the same for all. Measured on one core of a server of 2023 (Sapphire Rapids, AVX-512); `retort bench`
    /// has the truth of a machine.
    #[must_use]
    pub fn estimated_cpu_share(&self) -> f32 {
        let per_second = match self.precision.as_str() {
            "int8" if Simd::detect() == Simd::Plain => PLAIN_INT8_PRODUCTS_PER_SECOND,
            "int8" => INT8_PRODUCTS_PER_SECOND,
            _ => FLOAT_PRODUCTS_PER_SECOND,
        };
        (self.products_per_second() / per_second + REST) as f32
    }
}

#[cfg(test)]
mod tests {
    use crate::model::cnn::CnnWeights;
    use crate::model::gru::GruWeights;
    use crate::model::testing::{DILATIONS, cnn_metadata_for, metadata_for};
    use crate::simd::Simd;

    #[test]
    fn the_large_recurrent_network_costs_many_times_what_the_others_do() {
        let full = metadata_for(&GruWeights::random(1, 512, 80, 65).to_int8(), "violin/full");
        assert_eq!(full.products_per_second(), 250.0 * full.parameters as f64);
        let cnn = cnn_metadata_for(&CnnWeights::random(1, 128, &DILATIONS, 60, 65), "violin/cnn");
        assert!(cnn.products_per_second() < 20e6);
        let expected = if Simd::detect() == Simd::Plain { 0.2..0.5 } else { 0.012..0.022 };
        assert!(expected.contains(&full.estimated_cpu_share()), "{}", full.estimated_cpu_share());
        assert!(cnn.estimated_cpu_share() < 0.006);
    }
}
