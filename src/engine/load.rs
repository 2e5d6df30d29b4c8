//! How much of the time that a block lasts is spent on computing it: on average, and in the worst block of late.

use std::time::Duration;

/// How fast the mean follows, in seconds.
const MEAN_S: f32 = 0.5;
/// The worst block is that of the last one to two times so many seconds.
const WORST_S: f32 = 2.0;

/// Shares of the time that a block lasts: 1 is all of it, and more is too late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Of about the last half second.
    pub mean: f32,
    /// Of the block that took longest in the last two to four seconds.
    pub worst: f32,
}

/// Belongs to the thread that is measured.
#[derive(Debug)]
pub struct LoadMeter {
    sample_rate_hz: f32,
    mean: f32,
    /// Of the stretch of [`WORST_S`] that runs, and of the one before.
    worst: [f32; 2],
    elapsed_s: f32,
    /// What took how long and is not yet a block.
    took: Duration,
    n_samples: usize,
}

/// The least that counts as a block, in samples. Hosts' blocks come in parts, cut wherever a parameter moves; a part of a few
/// samples may hold a whole step of the network, and says nothing of the block.
const LEAST: usize = 64;

impl LoadMeter {
    #[must_use]
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz: sample_rate_hz as f32,
            mean: 0.0,
            worst: [0.0; 2],
            elapsed_s: 0.0,
            took: Duration::ZERO,
            n_samples: 0,
        }
    }

    /// Takes what `n_samples` took, a block or a part of one, and gives the load now.
    pub fn add(&mut self, took: Duration, n_samples: usize) -> Load {
        self.took += took;
        self.n_samples += n_samples;
        if self.n_samples >= LEAST {
            let block_s = std::mem::take(&mut self.n_samples) as f32 / self.sample_rate_hz;
            let share = std::mem::take(&mut self.took).as_secs_f32() / block_s;
            self.mean += (share - self.mean) * (1.0 - (-block_s / MEAN_S).exp());
            self.elapsed_s += block_s;
            if self.elapsed_s >= WORST_S {
                self.elapsed_s = 0.0;
                self.worst = [0.0, self.worst[0]];
            }
            self.worst[0] = self.worst[0].max(share);
        }
        Load { mean: self.mean, worst: self.worst[0].max(self.worst[1]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 10 ms that take `share` of it, for `seconds`.
    fn run(meter: &mut LoadMeter, share: f32, seconds: f32) -> Load {
        let blocks = (seconds * 100.0) as usize;
        (0..blocks).map(|_| meter.add(Duration::from_secs_f32(share / 100.0), 480)).last().unwrap_or_default()
    }

    #[test]
    fn the_mean_follows_and_does_not_depend_on_the_size_of_blocks() {
        let mut meter = LoadMeter::new(48_000);
        let load = run(&mut meter, 0.25, 5.0);
        assert!((load.mean - 0.25).abs() < 1e-3 && (load.worst - 0.25).abs() < 1e-3, "{load:?}");
        let mut other = LoadMeter::new(48_000);
        let load = run(&mut other, 0.5, 1.0);
        let mut finer = LoadMeter::new(48_000);
        let last = (0..500).map(|_| finer.add(Duration::from_secs_f32(1e-3), 96)).last();
        assert!(last.is_some_and(|finer| (load.mean - finer.mean).abs() < 1e-3));
    }

    #[test]
    fn one_late_block_is_seen_for_a_while_and_then_forgotten() {
        let mut meter = LoadMeter::new(48_000);
        run(&mut meter, 0.1, 1.0);
        meter.add(Duration::from_secs_f32(0.015), 480);
        assert!((run(&mut meter, 0.1, 1.9).worst - 1.5).abs() < 1e-3);
        assert!((run(&mut meter, 0.1, 4.0).worst - 0.1).abs() < 1e-3);
    }

    #[test]
    fn a_block_in_parts_is_a_block() {
        let mut meter = LoadMeter::new(48_000);
        assert_eq!(meter.add(Duration::from_millis(1), 0), Load::default());
        meter.add(Duration::from_millis(4), 1);
        let load = meter.add(Duration::from_millis(0), 479);
        assert!((load.worst - 0.5).abs() < 1e-3, "{load:?}");
    }
}
