//! From the heads' pre-activations to controls: `docs/architecture.md`, "Decoder outputs to controls".

use std::f32::consts::PI;

use super::DecoderSpec;
use super::kernels::activation::exp_sigmoid;
use crate::frame::Controls;
use crate::simd::Simd;

/// Below this the faded distribution counts as empty.
const LEAST_SUM: f32 = 1e-7;

/// Scales pre-activations to amplitudes, with the fade at the model's bandwidth. Shared by all decoders.
#[derive(Clone, Debug)]
pub struct ControlScale {
    bandwidth_hz: f32,
    nyquist_hz: f32,
    noise_fade: Vec<f32>,
    n_harmonics: usize,
    simd: Simd,
}

impl ControlScale {
    /// The scale of one model.
    #[must_use]
    pub fn new(spec: &DecoderSpec, simd: Simd) -> Self {
        let nyquist_hz = spec.sample_rate_hz as f32 / 2.0;
        let spacing_hz = nyquist_hz / (spec.n_noise_bands - 1) as f32;
        let noise_fade =
            (0..spec.n_noise_bands).map(|j| fade(j as f32 * spacing_hz, spec.bandwidth_hz, nyquist_hz)).collect();
        Self { bandwidth_hz: spec.bandwidth_hz, nyquist_hz, noise_fade, n_harmonics: spec.n_harmonics, simd }
    }

    /// Fills `controls` from `heads`: amplitude, harmonics, noise, at least `n_outputs` long. Any value of `heads`, NaN too,
    /// gives finite controls. Never allocates.
    pub fn apply(&self, f0_hz: f32, heads: &[f32], controls: &mut Controls) {
        let (harmonics, noise) = heads[1..].split_at(self.n_harmonics);
        controls.f0_hz = f0_hz;
        controls.amplitude = heads[0];
        controls.harmonics.copy_from_slice(harmonics);
        controls.noise.copy_from_slice(&noise[..self.noise_fade.len()]);
        exp_sigmoid(self.simd, std::slice::from_mut(&mut controls.amplitude));
        exp_sigmoid(self.simd, &mut controls.harmonics);
        exp_sigmoid(self.simd, &mut controls.noise);
        self.distribute(f0_hz, &mut controls.harmonics);
        for (magnitude, fade) in controls.noise.iter_mut().zip(&self.noise_fade) {
            *magnitude *= fade;
        }
    }

    /// Fades the harmonics of `f0_hz` at the bandwidth and scales them to the sum 1, or to 0 if none is left.
    fn distribute(&self, f0_hz: f32, harmonics: &mut [f32]) {
        // Only the few harmonics within the fade need a cosine.
        let whole = (self.bandwidth_hz / f0_hz) as usize;
        for (k, e) in harmonics.iter_mut().enumerate().skip(whole) {
            *e *= fade((k + 1) as f32 * f0_hz, self.bandwidth_hz, self.nyquist_hz);
        }
        let sum = harmonics.iter().sum::<f32>();
        let scale = if sum < LEAST_SUM { 0.0 } else { 1.0 / sum };
        for c in harmonics {
            *c *= scale;
        }
    }
}

/// 1 up to the bandwidth, 0 from half the model's rate, half a cosine between.
fn fade(f_hz: f32, bandwidth_hz: f32, nyquist_hz: f32) -> f32 {
    if f_hz <= bandwidth_hz {
        1.0
    } else if f_hz >= nyquist_hz {
        0.0
    } else {
        0.5 * (1.0 + (PI * (f_hz - bandwidth_hz) / (nyquist_hz - bandwidth_hz)).cos())
    }
}
