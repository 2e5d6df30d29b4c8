//! A finished file that is listened to, beside what is played.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Samples over which it fades when it is stopped, so that it does not click.
const FADE: usize = 512;

/// Belongs to the audio thread while it sounds.
pub struct Preview {
    /// One channel, at the output's rate.
    samples: Vec<f32>,
    position: usize,
    /// Samples until silence, once it is stopped.
    fade: usize,
    stop: Arc<AtomicBool>,
}

impl Preview {
    /// Sounds until its end, or until `stop` is set.
    pub fn new(samples: Vec<f32>, stop: Arc<AtomicBool>) -> Self {
        Self { samples, position: 0, fade: FADE, stop }
    }

    /// Whether it has reached its end, or has faded after it was stopped.
    pub fn is_over(&self) -> bool {
        self.position == self.samples.len() || self.fade == 0
    }

    /// Adds the next samples to both channels, which are of one length.
    pub fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        let is_stopped = self.stop.load(Relaxed);
        for (left, right) in left.iter_mut().zip(right.iter_mut()) {
            if self.is_over() {
                break;
            }
            self.fade -= usize::from(is_stopped);
            let sample = self.samples[self.position] * (self.fade as f32 / FADE as f32);
            *left += sample;
            *right += sample;
            self.position += 1;
        }
        if self.is_over() {
            // The window sees that it has ended.
            self.stop.store(true, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sounds_to_its_end() {
        let stop = Arc::<AtomicBool>::default();
        let mut preview = Preview::new(vec![1.0, 2.0, 3.0], Arc::clone(&stop));
        let (mut left, mut right) = ([10.0; 2], [0.0; 2]);
        preview.add_to(&mut left, &mut right);
        assert_eq!((left, right), ([11.0, 12.0], [1.0, 2.0]));
        assert!(!preview.is_over());
        preview.add_to(&mut left, &mut right);
        assert_eq!((left, right), ([14.0, 12.0], [4.0, 2.0]));
        assert!(preview.is_over() && stop.load(Relaxed), "the window sees the end");
        preview.add_to(&mut left, &mut right);
        assert_eq!(left, [14.0, 12.0]);
    }

    #[test]
    fn it_fades_when_it_is_stopped() {
        let stop = Arc::new(AtomicBool::new(true));
        let mut preview = Preview::new(vec![1.0; 2 * FADE], stop);
        let (mut left, mut right) = ([0.0; 2 * FADE], [0.0; 2 * FADE]);
        preview.add_to(&mut left, &mut right);
        assert!(preview.is_over());
        assert!(left.windows(2).all(|pair| pair[0] - pair[1] <= 1.01 / FADE as f32 && pair[1] <= pair[0]));
        assert!(left[0] > 0.99 && left[FADE - 1] == 0.0);
    }
}
