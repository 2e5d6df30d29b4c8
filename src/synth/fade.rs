//! The fade of partials and bands at the host's Nyquist frequency.

/// Where the fade begins and ends, as shares of the host's rate.
const FADE_START: f64 = 0.46;
const FADE_END: f64 = 0.5;

/// Keeps what a host's rate cannot carry out of the sound: gain 1 up to 0.46 of the rate, 0 from half the rate, a raised
/// cosine between. A host at the model's rate or above carries all that the model can play, which its own fade ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostFade {
    start_hz: f64,
    end_hz: f64,
}

impl HostFade {
    #[must_use]
    pub(super) fn new(model_rate_hz: u32, host_rate_hz: u32) -> Self {
        let fs = f64::from(host_rate_hz);
        let start_hz = if host_rate_hz >= model_rate_hz { FADE_END * fs } else { FADE_START * fs };
        Self { start_hz, end_hz: FADE_END * fs }
    }

    /// Gain of a component; applied per frame, so that it is interpolated like the control that it scales.
    #[must_use]
    pub(super) fn gain(self, frequency_hz: f64) -> f32 {
        if frequency_hz <= self.start_hz {
            1.0
        } else if frequency_hz >= self.end_hz {
            0.0
        } else {
            let turn = (frequency_hz - self.start_hz) / (self.end_hz - self.start_hz);
            (0.5 * (1.0 + (std::f64::consts::PI * turn).cos())) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostFade;

    #[test]
    fn partials_fade_out_towards_a_low_nyquist_frequency() {
        let fade = HostFade::new(32_000, 20_000);
        assert_eq!(fade.gain(9_200.0), 1.0);
        assert!((fade.gain(9_600.0) - 0.5).abs() < 1e-6);
        assert_eq!(fade.gain(10_000.0), 0.0);
        assert_eq!(fade.gain(1e6), 0.0);
    }

    #[test]
    fn a_host_at_the_models_rate_or_above_changes_nothing() {
        for rate in [32_000, 44_100, 48_000] {
            let fade = HostFade::new(32_000, rate);
            assert_eq!(fade.gain(15_500.0), 1.0);
            assert_eq!(fade.gain(16_000.0), 1.0);
            assert_eq!(fade.gain(0.51 * f64::from(rate)), 0.0);
        }
    }
}
