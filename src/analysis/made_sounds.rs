//! Sounds made by construction, with their pitch known at every sample: for the tests here and for `examples/pitch_report`.

use std::f64::consts::TAU;

/// A sound and its true pitch.
pub struct MadeSound {
    pub sample_rate_hz: u32,
    /// RMS about 0.1.
    pub samples: Vec<f32>,
    /// In Hz, per sample.
    pub f0_hz: Vec<f64>,
}

/// What the sounds of a set have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Partials falling by 6 dB per octave, steady.
    Harmonic,
    /// One partial.
    Sine,
    /// As harmonic, 50 cents to both sides, six times a second.
    Vibrato,
    /// As harmonic, rising by an octave a second.
    Glide,
    /// Partials 2 to 7, equally loud.
    MissingFundamental,
    /// The second partial 14 dB above the first and third: a weak fundamental, as of a low violin note.
    WeakFundamental,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Harmonic, Self::Sine, Self::Vibrato, Self::Glide, Self::MissingFundamental, Self::WeakFundamental];

    fn f0_hz(self, base_hz: f64, t: f64) -> f64 {
        match self {
            Self::Vibrato => base_hz * 2_f64.powf((TAU * 6.0 * t).sin() / 24.0),
            Self::Glide => base_hz * 2_f64.powf(t),
            _ => base_hz,
        }
    }

    fn partial(self, k: u32) -> f64 {
        match self {
            Self::Sine => f64::from(k == 1),
            Self::MissingFundamental => f64::from((2..8).contains(&k)),
            Self::WeakFundamental => {
                if k == 2 {
                    1.0
                } else {
                    0.2 / f64::from(k.max(3) - 2)
                }
            }
            _ => 1.0 / f64::from(k),
        }
    }

    /// The lowest and highest pitch that a set of this kind begins at: all partials that matter lie below 7 kHz, and a
    /// vibrato or glide stays below 3 kHz.
    pub fn highest_hz(self) -> f64 {
        match self {
            Self::Vibrato => 2_900.0,
            Self::Glide => 1_450.0,
            Self::MissingFundamental => 1_000.0,
            Self::WeakFundamental => 1_500.0,
            _ => 3_000.0,
        }
    }
}

/// Makes a sound of `seconds`, from `base_hz`, with white noise `noise_db` below it if given.
pub fn make(kind: Kind, base_hz: f64, seconds: f64, sample_rate_hz: u32, noise_db: Option<f64>) -> MadeSound {
    let rate = f64::from(sample_rate_hz);
    let n = (seconds * rate) as usize;
    let f0_hz: Vec<f64> = (0..n).map(|i| kind.f0_hz(base_hz, i as f64 / rate)).collect();
    let mut cycles = 0.0;
    let mut sound = vec![0.0; n];
    for (x, &f0) in sound.iter_mut().zip(&f0_hz) {
        for k in (1..40).take_while(|&k| f64::from(k) * f0 < 0.45 * rate) {
            // Phases that grow with the square of k keep the partials from adding up to a pulse.
            *x += kind.partial(k) * (TAU * cycles * f64::from(k) + f64::from(k * k)).sin();
        }
        cycles += f0 / rate;
    }
    let rms = (sound.iter().map(|x| x * x).sum::<f64>() / n as f64).sqrt();
    let noise_gain = noise_db.map_or(0.0, |db| 0.1 * 10_f64.powf(-db / 20.0));
    let noise = white_noise(n, base_hz.to_bits());
    let samples = sound.iter().zip(noise).map(|(x, e)| (0.1 * x / rms + noise_gain * e) as f32).collect();
    MadeSound { sample_rate_hz, samples, f0_hz }
}

/// White noise of RMS 1, nearly Gaussian, the same for the same seed.
pub fn white_noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| (0..12).map(|_| uniform()).sum::<f64>() / 2.0).collect()
}

/// Pitches from just above `lowest_hz` to `highest_hz`, evenly spaced in octaves.
pub fn ladder(lowest_hz: f64, highest_hz: f64, n: usize) -> impl Iterator<Item = f64> {
    let first = lowest_hz * 1.01;
    (0..n).map(move |i| first * (highest_hz / first).powf(i as f64 / (n - 1) as f64))
}

/// How frames compare with a known pitch.
#[derive(Clone, Debug, Default)]
pub struct Score {
    pub n: usize,
    /// Voiced and within 50 cents.
    pub right: usize,
    /// Voiced and within 50 cents of the pitch, but whole octaves away.
    pub octave: usize,
    pub unvoiced: usize,
    /// Distances of the voiced frames, in cents.
    pub cents: Vec<f32>,
}

impl Score {
    pub fn add(&mut self, f0_hz: f32, voicing: f32, true_hz: f64) {
        self.n += 1;
        if voicing < 0.5 {
            self.unvoiced += 1;
            return;
        }
        let cents = 1200.0 * (f64::from(f0_hz) / true_hz).log2();
        let folded = cents - 1200.0 * (cents / 1200.0).round();
        if cents.abs() <= 50.0 {
            self.right += 1;
        } else if folded.abs() <= 50.0 {
            self.octave += 1;
        }
        self.cents.push(cents.abs() as f32);
    }

    pub fn median_cents(&mut self) -> f32 {
        self.cents.sort_by(f32::total_cmp);
        self.cents.get(self.cents.len() / 2).copied().unwrap_or(f32::NAN)
    }

    /// Share of a count in all frames, in percent.
    pub fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.n.max(1) as f64
    }
}
