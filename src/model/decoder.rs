//! The interface that every decoder stands behind: shared weights, one state per voice.

use super::ramp::Ramp;
use crate::frame::{Controls, FRAME_RATE_HZ, Frame, LOUDNESS_FLOOR_DB};

/// Sizes and rates that the engine and the synthesiser need to know of a decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoderSpec {
    /// Length of [`Controls::harmonics`].
    pub n_harmonics: usize,
    /// Length of [`Controls::noise`], bands from 0 Hz to half the model's rate.
    pub n_noise_bands: usize,
    /// Steps per second of the network. Frames and controls are 4 ms apart whatever it is: a slower decoder holds.
    pub frame_rate_hz: u32,
    /// The rate of the audio that the model was trained on.
    pub sample_rate_hz: u32,
    /// Where the fade of partials and bands begins, below half of `sample_rate_hz`.
    pub bandwidth_hz: f32,
    /// Length of the noise filter's impulse response.
    pub noise_fir_ms: f32,
}

impl DecoderSpec {
    /// Amplitude, harmonics and noise bands together.
    #[must_use]
    pub fn n_outputs(&self) -> usize {
        1 + self.n_harmonics + self.n_noise_bands
    }
}

/// Turns frames into controls. Weights are shared: one decoder serves all voices, each with a [`State`] of its own.
pub trait Decoder: Send + Sync {
    /// Sizes and rates.
    fn spec(&self) -> DecoderSpec;

    /// A state for one voice, from silence. Allocates.
    fn new_state(&self) -> State;

    /// A state after a second of silence, where a note begins. Allocates, and plays that second, unless a decoder
    /// remembers it.
    fn rested_state(&self) -> State {
        rested_state(self)
    }

    /// Bytes that the weights take as they are kept here.
    fn memory_bytes(&self) -> usize;

    /// One frame for each voice, 4 ms after the last: `states[i]` and `frames[i]` give `controls[i]`; the three slices have the same length and
    /// the states and controls the sizes of this decoder. One pass over the weights serves up to four voices, and a voice's
    /// result does not depend on the others. Never allocates, locks or panics; whatever the frames hold, controls are finite.
    fn step(&self, states: &mut [State], frames: &[Frame], controls: &mut [Controls]);
}

/// A decoder's state after a second of silence, ready for a sound.
pub(super) fn rested_state<D: Decoder + ?Sized>(decoder: &D) -> State {
    let spec = decoder.spec();
    let mut state = [decoder.new_state()];
    let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
    for _ in 0..FRAME_RATE_HZ {
        decoder.step(&mut state, &[Frame::SILENCE], &mut controls);
    }
    let [mut state] = state;
    // Decoders that hold their controls between steps take the first frame of a sound at once.
    state.start_anew();
    state
}

/// What a decoder remembers of one voice, and its room to work in.
#[derive(Clone, Debug)]
pub struct State {
    /// What is carried from step to step, all zero at reset: the GRU's hidden vector, a convolution's past.
    pub(crate) memory: Vec<f32>,
    /// The same of a convolution whose past is 7-bit numbers.
    pub(crate) memory_u8: Vec<u8>,
    /// Room to work in; its content means nothing between steps.
    pub(crate) scratch: Vec<f32>,
    /// The same for 7-bit numbers.
    pub(crate) scratch_u8: Vec<u8>,
    /// Steps of the network since the reset: where a ring in the memory is written.
    pub(crate) steps: u64,
    /// Between the steps of a network that is slower than the frames.
    pub(super) ramp: Ramp,
    /// Outputs of the heads, possibly longer than `n_outputs`.
    pub(crate) heads: Vec<f32>,
    n_outputs: usize,
    last_f0_hz: f32,
}

impl State {
    /// A state with `memory` floats carried from step to step and `scratch` floats to work in.
    #[must_use]
    pub fn new(spec: &DecoderSpec, memory: usize, scratch: usize) -> Self {
        let n_outputs = spec.n_outputs();
        Self {
            memory: vec![0.0; memory],
            memory_u8: Vec::new(),
            scratch: vec![0.0; scratch],
            scratch_u8: Vec::new(),
            steps: 0,
            ramp: Ramp::new(spec),
            // The matrix kernels write whole registers.
            heads: vec![0.0; n_outputs.next_multiple_of(crate::model::kernels::LANES)],
            n_outputs,
            last_f0_hz: Frame::SILENCE.f0_hz,
        }
    }

    /// The same with room for 7-bit numbers besides. Allocates.
    #[must_use]
    pub(crate) fn with_u8(self, memory: usize, scratch: usize) -> Self {
        Self { memory_u8: vec![0; memory], scratch_u8: vec![0; scratch], ..self }
    }

    /// Forgets everything, as if the voice had never sounded. Never allocates.
    pub fn reset(&mut self) {
        self.memory.fill(0.0);
        self.memory_u8.fill(0);
        self.steps = 0;
        self.heads.fill(0.0);
        self.last_f0_hz = Frame::SILENCE.f0_hz;
        self.ramp.start_anew();
    }

    /// The next frame begins a sound: a decoder that holds its controls between steps takes it at once, without a ramp from
    /// what was before. What the network remembers stays. Never allocates.
    pub fn start_anew(&mut self) {
        self.ramp.start_anew();
    }

    /// Takes over `other`'s memory without allocating; both belong to the same decoder.
    pub fn copy_from(&mut self, other: &Self) {
        self.memory.copy_from_slice(&other.memory);
        self.memory_u8.copy_from_slice(&other.memory_u8);
        self.steps = other.steps;
        self.heads.copy_from_slice(&other.heads);
        self.last_f0_hz = other.last_f0_hz;
        self.ramp.copy_from(&other.ramp);
    }

    /// Bytes that one voice takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let floats = self.memory.len() + self.scratch.len() + self.heads.len();
        size_of::<Self>()
            + size_of::<f32>() * floats
            + self.memory_u8.len()
            + self.scratch_u8.len()
            + self.ramp.memory_bytes()
    }

    /// The head pre-activations of the network's last step, `[1 + n_harmonics + n_noise_bands]`: amplitude, harmonics,
    /// noise. Those of a decoder that holds stay the same between its steps.
    #[must_use]
    pub fn preactivations(&self) -> &[f32] {
        &self.heads[..self.n_outputs]
    }

    /// The frame as a decoder may see it: f0 in 8 Hz to 16 kHz (the last good one if it is not a number), loudness in -80
    /// to 20 dB (silence if it is not a number).
    pub(crate) fn admit(&mut self, frame: &Frame) -> Frame {
        if frame.f0_hz.is_finite() {
            self.last_f0_hz = frame.f0_hz.clamp(8.0, 16_000.0);
        }
        let loudness_db = if frame.loudness_db.is_nan() { LOUDNESS_FLOOR_DB } else { frame.loudness_db };
        Frame { f0_hz: self.last_f0_hz, loudness_db: loudness_db.clamp(LOUDNESS_FLOOR_DB, 20.0), ..*frame }
    }
}

/// Every decoder's two inputs: `midi(f0) / 127` and `loudness_db / 80 + 1`.
pub(super) fn inputs(frame: &Frame) -> [f64; 2] {
    let midi = 69.0 + 12.0 * (f64::from(frame.f0_hz) / 440.0).log2();
    [midi / 127.0, f64::from(frame.loudness_db) / 80.0 + 1.0]
}
