//! The partials and noise bands that the loudest voice plays, for a panel to show: written by the audio thread, read by any
//! other, without locks.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::meters::AtomicF32;
use crate::frame::Controls;
use crate::synth::PartGains;

/// Most partials and bands that are shown.
const MOST: usize = 128;

/// What a voice plays, as it was last seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrum {
    /// Fundamental frequency in Hz.
    pub f0_hz: f32,
    /// Linear amplitude of each partial, the first one at `f0_hz`.
    pub partials: Vec<f32>,
    /// Linear magnitude of each noise band, evenly spaced from 0 Hz to `noise_top_hz`.
    pub bands: Vec<f32>,
    pub noise_top_hz: f32,
}

/// The shared place. Readers may see a mixture of two moments, which a picture forgives.
#[derive(Debug)]
pub struct SpectrumMeter {
    f0_hz: AtomicF32,
    noise_top_hz: AtomicF32,
    n_partials: AtomicU32,
    n_bands: AtomicU32,
    partials: Box<[AtomicF32; MOST]>,
    bands: Box<[AtomicF32; MOST]>,
}

impl Default for SpectrumMeter {
    fn default() -> Self {
        let values = || Box::new(std::array::from_fn(|_| AtomicF32::default()));
        Self {
            f0_hz: AtomicF32::default(),
            noise_top_hz: AtomicF32::default(),
            n_partials: AtomicU32::new(0),
            n_bands: AtomicU32::new(0),
            partials: values(),
            bands: values(),
        }
    }
}

impl SpectrumMeter {
    /// Audio thread: what is played now, noise up to `noise_top_hz`.
    pub fn set(&self, controls: &Controls, gains: PartGains, noise_top_hz: f32) {
        self.f0_hz.set(controls.f0_hz);
        self.noise_top_hz.set(noise_top_hz);
        for (place, share) in self.partials.iter().zip(&controls.harmonics) {
            place.set(share * controls.amplitude * gains.harmonic);
        }
        for (place, magnitude) in self.bands.iter().zip(&controls.noise) {
            place.set(magnitude * gains.noise);
        }
        self.n_partials.store(controls.harmonics.len().min(MOST) as u32, Relaxed);
        self.n_bands.store(controls.noise.len().min(MOST) as u32, Relaxed);
    }

    /// Audio thread: nothing is played.
    pub fn clear(&self) {
        self.n_partials.store(0, Relaxed);
        self.n_bands.store(0, Relaxed);
    }

    /// Reads it into `spectrum`.
    pub fn read(&self, spectrum: &mut Spectrum) {
        let copy = |from: &[AtomicF32; MOST], n: &AtomicU32, to: &mut Vec<f32>| {
            to.clear();
            to.extend(from[..n.load(Relaxed) as usize].iter().map(AtomicF32::get));
        };
        spectrum.f0_hz = self.f0_hz.get();
        spectrum.noise_top_hz = self.noise_top_hz.get();
        copy(&self.partials, &self.n_partials, &mut spectrum.partials);
        copy(&self.bands, &self.n_bands, &mut spectrum.bands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_with_its_gains_and_then_forgotten() {
        let meter = SpectrumMeter::default();
        let mut controls = Controls::silent(3, 2);
        controls.amplitude = 0.5;
        controls.harmonics = vec![0.5, 0.25, 0.25];
        controls.noise = vec![0.1, 0.2];
        meter.set(&controls, PartGains { harmonic: 2.0, noise: 0.5 }, 16_000.0);
        let mut spectrum = Spectrum::default();
        meter.read(&mut spectrum);
        assert_eq!(spectrum.partials, [0.5, 0.25, 0.25]);
        assert_eq!((spectrum.bands.as_slice(), spectrum.noise_top_hz), (&[0.05, 0.1][..], 16_000.0));
        meter.clear();
        meter.read(&mut spectrum);
        assert!(spectrum.partials.is_empty() && spectrum.bands.is_empty());
    }
}
