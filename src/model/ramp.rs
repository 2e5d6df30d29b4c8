//! The clock and the ramp of a decoder whose network steps more rarely than frames come.
//!
//! The network steps at the first frame and at every n-th from then on. The controls of step j are reached by a straight
//! line over the n frames that begin with its own, so they are whole n - 1 frames after the frame that they were made
//! from: a ramp towards what is known, never a look ahead. Before the first step there is nothing to come from, so the
//! first step's controls hold at once.

use super::DecoderSpec;
use crate::frame::{Controls, FRAME_RATE_HZ};

/// Where one voice is between two steps of its decoder. Without allocation once made.
#[derive(Clone, Debug)]
pub(super) struct Ramp {
    /// n.
    frames_per_step: u32,
    /// Frames since the last step's, 0 if the network has to step with the next.
    frame: u32,
    /// Whether there was a step.
    begun: bool,
    from: Controls,
    to: Controls,
}

impl Ramp {
    /// For a decoder whose steps are a whole number of frames apart. Without room for controls if that number is 1.
    #[must_use]
    pub(super) fn new(spec: &DecoderSpec) -> Self {
        let frames_per_step = (FRAME_RATE_HZ / spec.frame_rate_hz.max(1)).max(1);
        let silent = match frames_per_step {
            1 => Controls::silent(0, 0),
            _ => Controls::silent(spec.n_harmonics, spec.n_noise_bands),
        };
        Self { frames_per_step, frame: 0, begun: false, from: silent.clone(), to: silent }
    }

    /// The next frame is the first: the network steps with it, and its controls hold at once.
    pub(super) fn start_anew(&mut self) {
        self.frame = 0;
        self.begun = false;
    }

    /// Takes over the place of another voice of the same decoder.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.frame = other.frame;
        self.begun = other.begun;
        self.from.copy_from(&other.from);
        self.to.copy_from(&other.to);
    }

    /// Bytes of the controls that it keeps.
    #[must_use]
    pub(super) fn memory_bytes(&self) -> usize {
        2 * size_of::<f32>() * (self.from.harmonics.len() + self.from.noise.len())
    }

    /// Whether the network has to step with the next frame.
    #[must_use]
    pub(super) fn is_due(&self) -> bool {
        self.frame == 0
    }

    /// Takes a step's controls as the next target: `fill` writes all of them.
    pub(super) fn aim(&mut self, fill: impl FnOnce(&mut Controls)) {
        std::mem::swap(&mut self.from, &mut self.to);
        fill(&mut self.to);
        if !self.begun {
            self.from.copy_from(&self.to);
            self.begun = true;
        }
    }

    /// One frame on: writes its controls, with its own pitch.
    pub(super) fn advance(&mut self, f0_hz: f32, controls: &mut Controls) {
        let weight = (self.frame + 1) as f32 / self.frames_per_step as f32;
        self.frame = (self.frame + 1) % self.frames_per_step;
        let between = |from: f32, to: f32| from + (to - from) * weight;
        controls.f0_hz = f0_hz;
        controls.amplitude = between(self.from.amplitude, self.to.amplitude);
        for ((out, from), to) in controls.harmonics.iter_mut().zip(&self.from.harmonics).zip(&self.to.harmonics) {
            *out = between(*from, *to);
        }
        for ((out, from), to) in controls.noise.iter_mut().zip(&self.from.noise).zip(&self.to.noise) {
            *out = between(*from, *to);
        }
    }
}
