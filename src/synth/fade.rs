//! The fade of partials and bands at the host's Nyquist frequency.

/// Where the fade begins and ends, as shares of the host's rate.
const FADE_START: f64 = 0.46;
const FADE_END: f64 = 0.5;

/// Gain of a component at `frequency_hz` when the host runs at `host_rate_hz`: 1 up to 0.46 of the rate, 0 from half
/// the rate, a raised cosine between. Applied per frame, so that it is interpolated like the control that it scales.
#[must_use]
pub(super) fn host_fade(frequency_hz: f64, host_rate_hz: f64) -> f32 {
    let share = frequency_hz / host_rate_hz;
    if share <= FADE_START {
        1.0
    } else if share >= FADE_END {
        0.0
    } else {
        let turn = (share - FADE_START) / (FADE_END - FADE_START);
        (0.5 * (1.0 + (std::f64::consts::PI * turn).cos())) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::host_fade;

    #[test]
    fn partials_fade_out_towards_the_hosts_nyquist_frequency() {
        assert_eq!(host_fade(0.46 * 48_000.0, 48_000.0), 1.0);
        assert!((host_fade(0.48 * 48_000.0, 48_000.0) - 0.5).abs() < 1e-6);
        assert_eq!(host_fade(24_000.0, 48_000.0), 0.0);
        assert_eq!(host_fade(1e6, 48_000.0), 0.0);
    }
}
