//! Dry and wet: delays the dry signal by the engine's latency, mixes it with the instrument, and sets the output level.

use super::settings::{Settings, gain_from_db};

/// Time constant of the gains' smoothing, in seconds.
const SMOOTHING_S: f32 = 0.005;

/// Stereo mixer of one engine. Gains glide per sample, so that results do not depend on block size.
#[derive(Clone, Debug)]
pub struct DryWet {
    delay: [Vec<f32>; 2],
    position: usize,
    smoothing: f32,
    dry_gain: f32,
    wet_gain: f32,
    started: bool,
}

impl DryWet {
    /// `latency_samples` as the engine reports it.
    #[must_use]
    pub fn new(sample_rate_hz: u32, latency_samples: u32) -> Self {
        let delay = vec![0.0; latency_samples as usize];
        Self {
            delay: [delay.clone(), delay],
            position: 0,
            smoothing: 1.0 - (-1.0 / (SMOOTHING_S * sample_rate_hz as f32)).exp(),
            dry_gain: 0.0,
            wet_gain: 0.0,
            started: false,
        }
    }

    /// Forgets what is in the delay; the next block starts at its settings without a glide.
    pub fn reset(&mut self) {
        self.delay.iter_mut().for_each(|line| line.fill(0.0));
        self.position = 0;
        self.started = false;
    }

    /// Mixes a block in place: `left` and `right` hold the dry signal and receive the result; `wet` is the engine's mono
    /// output. All three have the same length. `bypass` passes the delayed dry signal alone, at its own level, and fades
    /// there and back.
    pub fn process(&mut self, left: &mut [f32], right: &mut [f32], wet: &[f32], settings: &Settings, bypass: bool) {
        let output = gain_from_db(settings.output_gain);
        let (dry_target, wet_target) =
            if bypass { (1.0, 0.0) } else { (output * (1.0 - settings.mix), output * settings.mix) };
        // What is not a number would stay in the gains for ever.
        let (dry_target, wet_target) = (finite(dry_target), finite(wet_target));
        if !self.started {
            (self.dry_gain, self.wet_gain) = (dry_target, wet_target);
            self.started = true;
        }
        for ((left, right), &wet) in left.iter_mut().zip(right.iter_mut()).zip(wet) {
            self.dry_gain = glide(self.dry_gain, dry_target, self.smoothing);
            self.wet_gain = glide(self.wet_gain, wet_target, self.smoothing);
            let dry = self.delayed(finite(*left), finite(*right));
            *left = self.dry_gain * dry[0] + self.wet_gain * wet;
            *right = self.dry_gain * dry[1] + self.wet_gain * wet;
        }
    }

    fn delayed(&mut self, left: f32, right: f32) -> [f32; 2] {
        if self.delay[0].is_empty() {
            return [left, right];
        }
        let out = [
            std::mem::replace(&mut self.delay[0][self.position], left),
            std::mem::replace(&mut self.delay[1][self.position], right),
        ];
        self.position = (self.position + 1) % self.delay[0].len();
        out
    }
}

/// One step towards `target`; ends there, so that settled gains are exact and silence is silence.
fn glide(from: f32, target: f32, smoothing: f32) -> f32 {
    let next = from + (target - from) * smoothing;
    if (next - target).abs() < 1e-5 { target } else { next }
}

/// The value, 0 for what is not a number; 100 dB above full scale is far beyond sound and far below overflow.
fn finite(x: f32) -> f32 {
    if x.is_finite() { x.clamp(-1e5, 1e5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mix: f32) -> Settings {
        Settings { mix, ..Settings::default() }
    }

    #[test]
    fn bypass_is_the_input_delayed_by_the_latency() {
        let mut mixer = DryWet::new(48_000, 3);
        let (mut left, mut right) = ([1.0, 2.0, 3.0, 4.0, 5.0], [-1.0, 0.0, 0.0, -4.0, 0.0]);
        mixer.process(&mut left, &mut right, &[9.0; 5], &settings(1.0), true);
        assert_eq!((left, right), ([0.0, 0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, -1.0, 0.0]));
    }

    #[test]
    fn fully_wet_is_the_instrument_on_both_sides() {
        let mut mixer = DryWet::new(48_000, 0);
        let (mut left, mut right) = ([1.0, 2.0], [3.0, 4.0]);
        mixer.process(&mut left, &mut right, &[0.5, -0.5], &settings(1.0), false);
        assert_eq!((left, right), ([0.5, -0.5], [0.5, -0.5]));
    }

    #[test]
    fn a_change_of_the_mix_makes_no_step() {
        let mut mixer = DryWet::new(48_000, 0);
        let wet = [0.0; 480];
        let block = |mixer: &mut DryWet, mix| {
            let (mut left, mut right) = ([1.0; 480], [1.0; 480]);
            mixer.process(&mut left, &mut right, &wet, &settings(mix), false);
            left
        };
        block(&mut mixer, 0.0);
        let faded = block(&mut mixer, 1.0);
        assert!(1.0 - faded[0] < 0.01 && faded.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.01));
    }
}
