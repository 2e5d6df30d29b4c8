//! Signals to play, and what is measured of those that come back.

/// A tone with five harmonics on two channels, between two times in seconds, with soft edges.
pub fn tone(rate_hz: f64, seconds: f64, f0_hz: f64, from_s: f64, to_s: f64) -> Vec<Vec<f32>> {
    let channel: Vec<f32> = (0..(seconds * rate_hz) as usize)
        .map(|n| {
            let time_s = n as f64 / rate_hz;
            let edge = ((time_s - from_s).min(to_s - time_s) / 0.01).clamp(0.0, 1.0);
            let wave = |k: i32| (f64::from(k) * f0_hz * time_s * std::f64::consts::TAU).sin() / f64::from(k);
            (0.2 * edge * (1..=5).map(wave).sum::<f64>()) as f32
        })
        .collect();
    vec![channel.clone(), channel]
}

pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// How far the pitch of `samples` is from `expected_hz` in cents, looking up to five semitones to either side: the lag
/// with the best normalised autocorrelation, refined by a parabola.
pub fn cents_off(samples: &[f32], rate_hz: f64, expected_hz: f64) -> f64 {
    let correlation = |lag: usize| {
        let (a, b) = (&samples[..samples.len() - lag], &samples[lag..]);
        let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
        let energy: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a * a + b * b)).sum();
        2.0 * product / energy.max(1e-20)
    };
    let lag = rate_hz / expected_hz;
    let lags = (lag / 1.33) as usize..=(lag * 1.33) as usize + 1;
    let best = lags.max_by(|a, b| correlation(*a).total_cmp(&correlation(*b))).expect("the range is not empty");
    let [before, at, after] = [best - 1, best, best + 1].map(correlation);
    let refined = best as f64 + 0.5 * (before - after) / (before - 2.0 * at + after);
    1_200.0 * (rate_hz / refined / expected_hz).log2()
}

/// Amplitude of the sine of `f_hz` in `samples`, in dB (a Hann window, one bin of a Fourier transform).
pub fn level_db(samples: &[f32], rate_hz: f64, f_hz: f64) -> f64 {
    let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / samples.len() as f64).cos();
        let angle = std::f64::consts::TAU * f_hz * n as f64 / rate_hz;
        re += window * f64::from(*x) * angle.cos();
        im -= window * f64::from(*x) * angle.sin();
        sum += window;
    }
    20.0 * (2.0 * f64::hypot(re, im) / sum).log10()
}

/// Level in dB: the root of the mean square.
pub fn rms_db(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / samples.len() as f64;
    10.0 * power.log10()
}

/// How much of the sound lies in its high partials, in dB: the level of its slope against its own.
pub fn brightness_db(samples: &[f32]) -> f64 {
    let slope: Vec<f32> = samples.windows(2).map(|x| x[1] - x[0]).collect();
    rms_db(&slope) - rms_db(samples)
}

/// The greatest second difference: a click is a corner.
pub fn sharpest(samples: &[f32]) -> f32 {
    samples.windows(3).map(|x| (x[0] - 2.0 * x[1] + x[2]).abs()).fold(0.0, f32::max)
}

/// The first sample at which two sounds are not the same bits.
pub fn first_difference(a: &[f32], b: &[f32]) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits())
}

/// The frequency of a key in twelve equal steps, in Hz.
pub fn hz(key: u8) -> f64 {
    440.0 * ((f64::from(key) - 69.0) / 12.0).exp2()
}
