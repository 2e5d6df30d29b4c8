//! Shapes the sound of a model beyond what it learned: a tilt of the spectrum, odd against even harmonics.

use crate::frame::Controls;
use crate::model::DecoderSpec;

/// Tilt of a note's own brightness at its ends, in dB per octave.
const BRIGHTNESS_TILT: f32 = 6.0;
/// The pitch around which the noise is tilted, in Hz.
const NOISE_PIVOT_HZ: f32 = 1000.0;
/// No band of noise is changed by more than this, in doublings of its magnitude: 12 dB.
const MOST_DOUBLINGS: f32 = 2.0;
/// dB of one octave of amplitude.
const DB_PER_DOUBLING: f32 = 6.020_6;

/// How a voice's controls are to be changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// dB per octave, brighter above 0.
    pub tilt: f32,
    /// -1 (no odd harmonics above the first) to 1 (no even ones).
    pub odd_even: f32,
}

impl Shape {
    /// Changes nothing.
    pub const NONE: Self = Self { tilt: 0.0, odd_even: 0.0 };

    /// With a note's own `brightness`, 0 to 1 where 0.5 is the model's.
    #[must_use]
    pub fn with_brightness(self, brightness: f32) -> Self {
        Self { tilt: self.tilt + (2.0 * brightness - 1.0) * BRIGHTNESS_TILT, ..self }
    }
}

/// The octaves of a model's harmonics and bands.
#[derive(Clone, Debug)]
pub struct Shaper {
    /// Of harmonic k above the first.
    harmonics: Vec<f32>,
    /// Of each noise band above the pivot.
    bands: Vec<f32>,
}

impl Shaper {
    /// Allocates.
    #[must_use]
    pub fn new(spec: &DecoderSpec) -> Self {
        let spacing_hz = spec.sample_rate_hz as f32 / 2.0 / (spec.n_noise_bands.max(2) - 1) as f32;
        // The band at 0 Hz takes half of the spacing for its pitch.
        let octaves = |j: usize| ((j as f32).max(0.5) * spacing_hz / NOISE_PIVOT_HZ).log2();
        Self {
            harmonics: (1..=spec.n_harmonics).map(|k| (k as f32).log2()).collect(),
            bands: (0..spec.n_noise_bands).map(octaves).collect(),
        }
    }

    /// Changes `controls`; the power of the harmonics stays what it was, so that a darker sound is not a softer one.
    pub fn apply(&self, shape: Shape, controls: &mut Controls) {
        if shape == Shape::NONE {
            return;
        }
        let steepness = shape.tilt / DB_PER_DOUBLING;
        let (odd, even) = (1.0 - (-shape.odd_even).clamp(0.0, 1.0), 1.0 - shape.odd_even.clamp(0.0, 1.0));
        let power = |harmonics: &[f32]| harmonics.iter().map(|c| c * c).sum::<f32>();
        let before = power(&controls.harmonics);
        for (k, (share, octaves)) in controls.harmonics.iter_mut().zip(&self.harmonics).enumerate() {
            let part = match k {
                0 => 1.0,
                _ if k % 2 == 0 => odd,
                _ => even,
            };
            *share *= part * (steepness * octaves).exp2();
        }
        let after = power(&controls.harmonics);
        if after > 0.0 {
            let scale = (before / after).sqrt();
            controls.harmonics.iter_mut().for_each(|share| *share *= scale);
        }
        if shape.tilt != 0.0 {
            for (magnitude, octaves) in controls.noise.iter_mut().zip(&self.bands) {
                *magnitude *= (steepness * octaves).clamp(-MOST_DOUBLINGS, MOST_DOUBLINGS).exp2();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: DecoderSpec = DecoderSpec {
        n_harmonics: 8,
        n_noise_bands: 5,
        frame_rate_hz: 250,
        sample_rate_hz: 32_000,
        bandwidth_hz: 15_500.0,
        noise_fir_ms: 4.0,
    };

    fn controls() -> Controls {
        let mut controls = Controls::silent(8, 5);
        controls.harmonics.iter_mut().enumerate().for_each(|(k, c)| *c = 1.0 / (k + 1) as f32);
        controls.noise.fill(0.1);
        controls
    }

    fn shaped(shape: Shape) -> Controls {
        let mut changed = controls();
        Shaper::new(&SPEC).apply(shape, &mut changed);
        changed
    }

    fn power(controls: &Controls) -> f32 {
        controls.harmonics.iter().map(|c| c * c).sum()
    }

    #[test]
    fn without_a_shape_nothing_changes() {
        assert_eq!(shaped(Shape::NONE), controls());
        assert_eq!(shaped(Shape::NONE.with_brightness(0.5)), controls());
    }

    #[test]
    fn a_tilt_changes_octaves_by_its_db_and_keeps_the_power() {
        let bright = shaped(Shape { tilt: 6.0, odd_even: 0.0 });
        let db = |c: &Controls, k: usize| 20.0 * (c.harmonics[2 * k - 1] / c.harmonics[k - 1]).log10();
        for k in [1, 2, 4] {
            assert!((db(&bright, k) - db(&controls(), k) - 6.0).abs() < 0.01);
        }
        assert!((power(&bright) / power(&controls()) - 1.0).abs() < 1e-5);
        let noise = shaped(Shape { tilt: 3.0, odd_even: 0.0 }).noise;
        assert!((20.0 * (noise[2] / noise[1]).log10() - 3.0).abs() < 0.01);
        let most = 10f32.powf(12.05 / 20.0);
        let blazing = shaped(Shape { tilt: 18.0, odd_even: 0.0 });
        assert!(blazing.noise.iter().all(|m| *m <= most * 0.1), "noise does not explode");
    }

    #[test]
    fn at_the_ends_of_odd_and_even_one_of_them_is_gone() {
        let hollow = shaped(Shape { tilt: 0.0, odd_even: 1.0 });
        assert!(hollow.harmonics[1] == 0.0 && hollow.harmonics[3] == 0.0 && hollow.harmonics[2] > 0.0);
        let full = shaped(Shape { tilt: 0.0, odd_even: -1.0 });
        assert!(full.harmonics[0] > 0.0 && full.harmonics[2] == 0.0 && full.harmonics[1] > 0.0);
        assert_eq!(hollow.noise, controls().noise);
    }
}
