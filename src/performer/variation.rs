//! Small variations that a living player makes: smooth noise as a closed formula of time.

/// How often the two layers of the variation take a new direction, in Hz: a slow drift and a quicker unrest.
const RATES_HZ: [f32; 2] = [1.7, 7.0];
/// Share of each layer in the deviation; their squares add up to 1.
const SHARES: [f32; 2] = [0.8, 0.6];
/// Deviation of one layer of smooth noise between uniform points.
const LAYER_DEVIATION: f32 = 0.498;

/// Smooth noise of deviation 1 at `time_s` of the note that `seed` belongs to; `kind` tells pitch from loudness.
#[must_use]
pub fn variation(seed: u64, kind: u64, time_s: f32) -> f32 {
    let mut sum = 0.0;
    for (layer, (rate_hz, share)) in RATES_HZ.iter().zip(SHARES).enumerate() {
        let position = time_s.max(0.0) * rate_hz;
        let index = position.floor();
        let between = position - index;
        // Cubic ease: no corner at the points.
        let weight = between * between * (3.0 - 2.0 * between);
        let at = |offset: u64| point(seed, kind * 2 + layer as u64, index as u64 + offset);
        sum += share * (at(0) + (at(1) - at(0)) * weight);
    }
    sum / LAYER_DEVIATION
}

/// Uniform in -1 to 1, a function of its arguments alone (SplitMix64's mixing steps).
fn point(seed: u64, layer: u64, index: u64) -> f32 {
    let mut x = seed ^ layer.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    // 24 bits are what an f32 holds.
    (x >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_deviation_of_about_one_and_no_offset() {
        let n = 20_000;
        let values: Vec<f32> = (0..n).map(|i| variation(i / 500, 0, (i % 500) as f32 * 0.02)).collect();
        let mean = values.iter().sum::<f32>() / n as f32;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n as f32).sqrt();
        assert!(mean.abs() < 0.15, "mean {mean}");
        assert!((deviation - 1.0).abs() < 0.15, "deviation {deviation}");
    }

    #[test]
    fn it_moves_smoothly_and_differs_from_note_to_note() {
        for i in 0..2_000 {
            let t = i as f32 * 0.004;
            assert!((variation(7, 1, t + 0.004) - variation(7, 1, t)).abs() < 0.25);
        }
        assert_ne!(variation(7, 1, 1.0), variation(8, 1, 1.0));
        assert_ne!(variation(7, 1, 1.0), variation(7, 0, 1.0));
    }
}
