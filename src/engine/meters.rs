//! What a panel shows of a running engine: written by the audio thread, read by any other, without locks.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Load, spectrum::SpectrumMeter};
use crate::frame::Frame;

/// Last values and peaks. Peaks are held until they are read.
#[derive(Debug)]
pub struct Meters {
    f0_hz: AtomicF32,
    loudness_db: AtomicF32,
    voicing: AtomicF32,
    input_peak: AtomicF32,
    output_peak: AtomicF32,
    voices: AtomicU32,
    load: [AtomicF32; 2],
    spectrum: SpectrumMeter,
}

impl Default for Meters {
    fn default() -> Self {
        let meters = Self {
            f0_hz: AtomicF32::default(),
            loudness_db: AtomicF32::default(),
            voicing: AtomicF32::default(),
            input_peak: AtomicF32::default(),
            output_peak: AtomicF32::default(),
            voices: AtomicU32::new(0),
            load: Default::default(),
            spectrum: SpectrumMeter::default(),
        };
        meters.set_frame(&Frame::SILENCE);
        meters
    }
}

impl Meters {
    /// Audio thread: the frame that sounds now.
    pub fn set_frame(&self, frame: &Frame) {
        self.f0_hz.set(frame.f0_hz);
        self.loudness_db.set(frame.loudness_db);
        self.voicing.set(frame.voicing);
    }

    /// Audio thread: how many notes sound.
    pub fn set_voices(&self, n: usize) {
        self.voices.store(n as u32, Relaxed);
    }

    /// How many notes sound.
    #[must_use]
    pub fn voices(&self) -> usize {
        self.voices.load(Relaxed) as usize
    }

    /// Audio thread: what computing takes, measured by whoever calls the engine.
    pub fn set_load(&self, load: Load) {
        self.load[0].set(load.mean);
        self.load[1].set(load.worst);
    }

    /// What computing takes; 0 where nobody measures it.
    #[must_use]
    pub fn load(&self) -> Load {
        Load { mean: self.load[0].get(), worst: self.load[1].get() }
    }

    /// The partials and noise of the loudest voice.
    #[must_use]
    pub fn spectrum(&self) -> &SpectrumMeter {
        &self.spectrum
    }

    /// Audio thread: a block of input, linear.
    pub fn add_input(&self, samples: &[f32]) {
        self.input_peak.raise(peak(samples));
    }

    /// Audio thread: a block of what leaves, linear.
    pub fn add_output(&self, samples: &[f32]) {
        self.output_peak.raise(peak(samples));
    }

    /// The frame that sounds now: what was heard or asked for, after transposition and loudness offset.
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame { f0_hz: self.f0_hz.get(), loudness_db: self.loudness_db.get(), voicing: self.voicing.get() }
    }

    /// Linear peak of the input since the last call.
    #[must_use]
    pub fn take_input_peak(&self) -> f32 {
        self.input_peak.take()
    }

    /// Linear peak of the output since the last call.
    #[must_use]
    pub fn take_output_peak(&self) -> f32 {
        self.output_peak.take()
    }
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()))
}

#[derive(Debug, Default)]
pub(super) struct AtomicF32(AtomicU32);

impl AtomicF32 {
    pub(super) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }

    pub(super) fn set(&self, value: f32) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Keeps the larger value. Values are at least 0, whose bit patterns have the same order.
    fn raise(&self, value: f32) {
        self.0.fetch_max(value.to_bits(), Relaxed);
    }

    fn take(&self) -> f32 {
        f32::from_bits(self.0.swap(0, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_hold_until_they_are_read() {
        let meters = Meters::default();
        meters.add_output(&[0.1, -0.5]);
        meters.add_output(&[0.2]);
        assert_eq!((meters.take_output_peak(), meters.take_output_peak()), (0.5, 0.0));
    }
}
