//! A finished file that is listened to, beside what is played.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Belongs to the audio thread while it sounds.
pub struct Preview {
    /// One channel, at the output's rate.
    samples: Vec<f32>,
    position: usize,
    stop: Arc<AtomicBool>,
}

impl Preview {
    /// Sounds until its end, or until `stop` is set.
    pub fn new(samples: Vec<f32>, stop: Arc<AtomicBool>) -> Self {
        Self { samples, position: 0, stop }
    }

    /// Whether it has reached its end or was stopped.
    pub fn is_over(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Adds the next samples to both channels, which are of one length.
    pub fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        if self.is_over() {
            return;
        }
        let rest = &self.samples[self.position..];
        for ((left, right), sample) in left.iter_mut().zip(right.iter_mut()).zip(rest) {
            *left += sample;
            *right += sample;
        }
        self.position += rest.len().min(left.len());
        if self.position == self.samples.len() {
            self.stop.store(true, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sounds_to_its_end_or_until_it_is_stopped() {
        let stop = Arc::<AtomicBool>::default();
        let mut preview = Preview::new(vec![1.0, 2.0, 3.0], Arc::clone(&stop));
        let (mut left, mut right) = ([10.0; 2], [0.0; 2]);
        preview.add_to(&mut left, &mut right);
        assert_eq!((left, right), ([11.0, 12.0], [1.0, 2.0]));
        assert!(!preview.is_over());
        preview.add_to(&mut left, &mut right);
        assert_eq!((left, right), ([14.0, 12.0], [4.0, 2.0]));
        assert!(stop.load(Relaxed), "the window sees the end");
        preview.add_to(&mut left, &mut right);
        assert_eq!(left, [14.0, 12.0]);
    }
}
