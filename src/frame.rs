//! The values that travel between the rooms, and the clock that says when.

/// Frames per second of analysis, performer and controls. 50 Hz decoders hold and are interpolated to this grid.
pub const FRAME_RATE_HZ: u32 = 250;

/// The loudness of silence, and the least loudness that is ever reported, in dB.
pub const LOUDNESS_FLOOR_DB: f32 = -80.0;

/// What is heard (analysis) or wanted (performer) at one instant: the decoder's whole input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Fundamental frequency in Hz, always finite and above 0; while nothing is voiced it holds the last
    /// voiced value, and in the few frames before a note already has the note's.
    pub f0_hz: f32,
    /// A-weighted loudness in dB, [`LOUDNESS_FLOOR_DB`] to about 3; 0 dB is a full-scale sine of 1 kHz.
    pub loudness_db: f32,
    /// How surely the sound has a pitch, 0 to 1; below 0.5 counts as unvoiced.
    pub voicing: f32,
}

impl Frame {
    /// Nothing to hear. The pitch is a placeholder in the middle of most ranges.
    pub const SILENCE: Self = Self { f0_hz: 220.0, loudness_db: LOUDNESS_FLOOR_DB, voicing: 0.0 };
}

/// What the synthesiser plays at one instant: the decoder's whole output.
#[derive(Clone, Debug, PartialEq)]
pub struct Controls {
    /// Fundamental frequency in Hz.
    pub f0_hz: f32,
    /// Overall linear amplitude of the harmonics, 0 to 2.
    pub amplitude: f32,
    /// Share of each harmonic, `[n_harmonics]`, first harmonic first; sums to 1, faded to 0 at the model's bandwidth.
    pub harmonics: Vec<f32>,
    /// Linear magnitude of each noise band, `[n_noise_bands]`, evenly spaced from 0 Hz to the model's Nyquist frequency;
    /// faded to 0 at the model's bandwidth.
    pub noise: Vec<f32>,
}

impl Controls {
    /// Silence with room for `n_harmonics` and `n_noise_bands`.
    #[must_use]
    pub fn silent(n_harmonics: usize, n_noise_bands: usize) -> Self {
        Self {
            f0_hz: Frame::SILENCE.f0_hz,
            amplitude: 0.0,
            harmonics: vec![0.0; n_harmonics],
            noise: vec![0.0; n_noise_bands],
        }
    }

    /// Copies `other`, which may have fewer harmonics; the ones above are silent.
    pub fn copy_from_shorter(&mut self, other: &Self) {
        self.f0_hz = other.f0_hz;
        self.amplitude = other.amplitude;
        for (k, share) in self.harmonics.iter_mut().enumerate() {
            *share = other.harmonics.get(k).copied().unwrap_or(0.0);
        }
        self.noise.copy_from_slice(&other.noise);
    }

    /// Copies `other` without allocating; both must have the same sizes.
    pub fn copy_from(&mut self, other: &Self) {
        self.f0_hz = other.f0_hz;
        self.amplitude = other.amplitude;
        self.harmonics.copy_from_slice(&other.harmonics);
        self.noise.copy_from_slice(&other.noise);
    }
}

/// Says at which sample a frame begins, in integers, for sample rates with no whole number of samples in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameClock {
    sample_rate_hz: u64,
    frame_rate_hz: u64,
}

impl FrameClock {
    /// `sample_rate_hz` and `frame_rate_hz` must be above 0.
    #[must_use]
    pub fn new(sample_rate_hz: u32, frame_rate_hz: u32) -> Self {
        assert!(sample_rate_hz > 0 && frame_rate_hz > 0, "rates are above 0 Hz");
        Self { sample_rate_hz: sample_rate_hz.into(), frame_rate_hz: frame_rate_hz.into() }
    }

    /// The sample at which frame `k` begins: ceil(k fs / rate).
    #[must_use]
    pub fn start(&self, k: u64) -> u64 {
        let samples = u128::from(k) * u128::from(self.sample_rate_hz);
        // No clip: a clock that runs for a thousand years at 384 kHz stays far below 2^64.
        samples.div_ceil(u128::from(self.frame_rate_hz)) as u64
    }

    /// The frame that is current at `sample`: the last one that begins at or before it.
    #[must_use]
    pub fn frame_at(&self, sample: u64) -> u64 {
        let k = (u128::from(sample) * u128::from(self.frame_rate_hz) / u128::from(self.sample_rate_hz)) as u64;
        // With fs below the frame rate, frames share a sample; with the ceiling, k is right or one too small.
        if self.start(k + 1) <= sample { k + 1 } else { k }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_at_the_ceiling_of_their_time() {
        let clock = FrameClock::new(44_100, 250);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|k| clock.start(k)), [0, 177, 353, 530, 706, 882]);
        assert_eq!(FrameClock::new(32_000, 250).start(1_000_000), 128_000_000);
    }

    #[test]
    fn the_frame_at_a_sample_is_the_last_that_began() {
        for rate in [8_000, 22_050, 44_100, 47_999, 48_000, 96_000, 384_000] {
            let clock = FrameClock::new(rate, 250);
            for k in 0..2_000 {
                let start = clock.start(k);
                assert_eq!(clock.frame_at(start), k, "at {rate} Hz");
                assert_eq!(clock.frame_at(clock.start(k + 1) - 1), k, "at {rate} Hz");
            }
        }
    }
}
