//! Changes the sample rate of a whole recording, so that it can be played at another rate than its own.
//!
//! A windowed sinc (Smith, "Digital Audio Resampling", CCRMA): each output sample is the input weighted by a low-pass
//! response centred on that instant. The response comes from a fine table with straight lines between its points, so
//! any pair of rates will do, and output sample n is the input at exactly n / rate: nothing is delayed.

/// Zero crossings of the response on each side.
const N_CROSSINGS: usize = 32;
/// Points of the table per zero crossing; straight lines between them are off by less than -110 dB.
const RESOLUTION: usize = 1_024;
/// Kaiser window's shape: about -90 dB outside the passband.
const KAISER_BETA: f64 = 9.0;
/// Cut-off as a share of the lower of the two Nyquist frequencies; the slope ends about there.
const CUTOFF: f64 = 0.94;

/// `input` at `from_hz` as ceil(len to / from) samples at `to_hz`. Both rates are above 0.
#[must_use]
pub fn resample(input: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    if from_hz == to_hz {
        return input.to_vec();
    }
    let table = half_response();
    let (from, to) = (u128::from(from_hz), u128::from(to_hz));
    let length = (input.len() as u128 * to).div_ceil(from) as usize;
    // Zero crossings per input sample: below 1 when the rate falls, so that nothing folds back.
    let speed = CUTOFF * (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
    let reach = (N_CROSSINGS as f64 / speed).ceil() as usize;
    (0..length)
        .map(|n| {
            // Whole part and fraction of n from / to, in integers: no drift over hours.
            let position = n as u128 * from;
            let (whole, fraction) = ((position / to) as usize, (position % to) as f64 / f64::from(to_hz));
            let first = (whole + 1).saturating_sub(reach);
            let last = (whole + 1 + reach).min(input.len());
            let mut sum = 0.0;
            for (i, &sample) in input.iter().enumerate().take(last).skip(first) {
                let distance = (i as f64 - whole as f64 - fraction).abs() * speed * RESOLUTION as f64;
                let index = distance as usize;
                if index + 1 < table.len() {
                    let weight = table[index] + (table[index + 1] - table[index]) * (distance - index as f64);
                    sum += weight * f64::from(sample);
                }
            }
            (sum * speed) as f32
        })
        .collect()
}

/// The response from its centre outwards, one zero crossing every [`RESOLUTION`] points.
fn half_response() -> Vec<f64> {
    let end = N_CROSSINGS * RESOLUTION;
    (0..=end)
        .map(|i| {
            let x = i as f64 / RESOLUTION as f64;
            let edge = i as f64 / end as f64;
            let window = bessel_i0(KAISER_BETA * (1.0 - edge * edge).sqrt()) / bessel_i0(KAISER_BETA);
            let sinc = if i == 0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            sinc * window
        })
        .collect()
}

/// Modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-17 * sum {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn sine(hz: f64, rate_hz: u32, length: usize) -> Vec<f32> {
        (0..length).map(|n| (TAU * hz * n as f64 / f64::from(rate_hz)).sin() as f32).collect()
    }

    fn worst_error_db(a: &[f32], b: &[f32]) -> f32 {
        // The ends are cut off abruptly, which no filter passes unchanged.
        let edge = a.len() / 10;
        let worst = a.iter().zip(b).skip(edge).take(a.len() - 2 * edge).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        20.0 * worst.log10()
    }

    #[test]
    fn a_tone_is_the_same_tone_at_every_rate_and_in_time() {
        for (from, to) in [(8_000, 48_000), (44_100, 48_000), (48_000, 44_100), (96_000, 44_100), (44_100, 47_999)] {
            let hz = 0.4 * f64::from(from.min(to)).min(7_500.0);
            let out = resample(&sine(hz, from, from as usize / 4), from, to);
            assert_eq!(out.len(), (from as usize / 4 * to as usize).div_ceil(from as usize));
            let error_db = worst_error_db(&out, &sine(hz, to, out.len()));
            assert!(error_db < -80.0, "{from} to {to} Hz: {error_db} dB");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_does_not_fold_back() {
        let out = resample(&sine(15_000.0, 48_000, 12_000), 48_000, 22_050);
        let silence = vec![0.0; out.len()];
        assert!(worst_error_db(&out, &silence) < -80.0);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert!(resample(&[], 44_100, 48_000).is_empty());
        assert_eq!(resample(&[0.25; 10], 48_000, 48_000), [0.25; 10]);
    }
}
