//! Filters at the analysis rate: A-weighting for loudness, and the high-pass in front of the pitch tracker.

use super::ANALYSIS_RATE_HZ;

/// A second-order section in transposed direct form II.
#[derive(Clone, Copy, Debug, Default)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    const fn new(b: [f64; 3], a: [f64; 2]) -> Self {
        Self { b, a, state: [0.0; 2] }
    }

    #[inline]
    fn step(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
        self.state[1] = self.b[2] * x - self.a[1] * y;
        y
    }

    /// A state too small to be heard becomes exactly 0, so that silence costs no denormal numbers.
    fn settle(&mut self) {
        for s in &mut self.state {
            if s.abs() < 1e-20 {
                *s = 0.0;
            }
        }
    }
}

/// The A-weighting curve of IEC 61672-1, 0 dB at 1 kHz, within 0.2 dB from 25 Hz to 7 kHz (0.03 dB up to 6.5 kHz)
/// together with the resampler in front of it, which falls off above 6.7 kHz.
pub struct AWeighting {
    sections: [Biquad; 3],
}

/// The curve's analogue poles at 20.6 (twice), 107.7 and 737.9 Hz lie far below the Nyquist frequency and are taken over by
/// z = exp(-2 pi f / 16000), with four zeros at z = 1. Its double pole at 12 194 Hz lies above, so the last section was fitted:
/// ```python
/// low = scipy.signal.zpk2sos([1, 1, 1, 1], exp(-2 * pi * array([20.598997, 20.598997, 107.65265, 737.86223]) / 16000), 1)
/// def error_db(v):  # f: 400 frequencies, log-spaced from 25 Hz to 7 kHz; R: the resampler's magnitude response there
///     _, h = scipy.signal.sosfreqz(vstack([low, [1, v[0], v[1], 1, v[2], v[3]]]), 2 * pi * f / 16000)
///     d = 20 * log10(abs(h) * R) - 20 * log10(iec_61672(f))
///     return d - interp(1000, f, d)
/// scipy.optimize.least_squares(error_db, start)  # the best of 200 starts whose zeros and poles lie in the unit circle
/// ```
const A_WEIGHTING: [Biquad; 3] = [
    Biquad::new(
        [0.939_827_541_066_694_7, -2.0 * 0.939_827_541_066_694_7, 0.939_827_541_066_694_7],
        [-1.70705084, 0.71746371],
    ),
    Biquad::new([1.0, -2.0, 1.0], [-1.983_886_84, 0.983_951_75]),
    Biquad::new([1.0, 0.025_495_67, -0.056_949_6], [-0.113_603_33, -0.029_064_04]),
];

impl AWeighting {
    pub fn new() -> Self {
        Self { sections: A_WEIGHTING }
    }

    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Filters `signal` and writes its square.
    pub fn squares(&mut self, signal: &[f32], squares: &mut [f32]) {
        for (square, &x) in squares.iter_mut().zip(signal) {
            let y = self.sections.iter_mut().fold(f64::from(x), |x, section| section.step(x));
            *square = (y * y) as f32;
        }
        self.sections.iter_mut().for_each(Biquad::settle);
    }
}

/// A Butterworth high-pass of second order, which takes offset, rumble and handling noise from below the lowest pitch.
pub struct HighPass {
    section: Biquad,
}

impl HighPass {
    pub fn new(cutoff_hz: f64) -> Self {
        // Bilinear transform with the cutoff prewarped.
        let w = (std::f64::consts::PI * cutoff_hz / f64::from(ANALYSIS_RATE_HZ)).tan();
        let scale = 1.0 / (1.0 + std::f64::consts::SQRT_2 * w + w * w);
        let a = [2.0 * (w * w - 1.0) * scale, (1.0 - std::f64::consts::SQRT_2 * w + w * w) * scale];
        Self { section: Biquad::new([scale, -2.0 * scale, scale], a) }
    }

    pub fn reset(&mut self) {
        self.section.state = [0.0; 2];
    }

    pub fn apply(&mut self, signal: &mut [f32]) {
        for x in &mut *signal {
            *x = self.section.step(f64::from(*x)) as f32;
        }
        self.section.settle();
    }
}
