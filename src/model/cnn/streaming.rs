//! The convolutional decoder as the audio thread runs it: frames every 4 ms, a step of the network at every fifth.

use super::float::FloatNetwork;
use super::int8::Int8Network;
use super::{CnnWeights, INPUTS, TAPS};
use crate::frame::{Controls, Frame};
use crate::model::decoder::inputs;
use crate::model::{ControlScale, Decoder, DecoderSpec, State};
use crate::simd::Simd;

/// Packed weights of one decoder, for one instruction set.
#[derive(Clone, Debug)]
pub struct CnnDecoder {
    spec: DecoderSpec,
    network: Network,
    scale: ControlScale,
}

/// The two arithmetics.
#[derive(Clone, Debug)]
enum Network {
    Float(FloatNetwork),
    Int8(Int8Network),
}

impl Network {
    /// One step of `V` voices (1, 2 or 4), whose inputs are in their memories, to the pre-activations in their heads.
    fn step<const V: usize>(&self, states: [&mut State; V]) {
        match self {
            Self::Float(network) => network.step(states),
            Self::Int8(network) => network.step(states),
        }
    }

    /// All voices whose turn it is, up to four in one pass over the weights.
    fn step_all_due(&self, states: &mut [State]) {
        let mut due = states.iter_mut().filter(|state| state.ramp.is_due());
        loop {
            match [due.next(), due.next(), due.next(), due.next()] {
                [Some(a), Some(b), Some(c), Some(d)] => self.step([a, b, c, d]),
                [Some(a), Some(b), rest, _] => {
                    self.step([a, b]);
                    return rest.into_iter().for_each(|state| self.step([state]));
                }
                [rest, ..] => return rest.into_iter().for_each(|state| self.step([state])),
            }
        }
    }
}

impl CnnDecoder {
    /// Packs weights for `simd` or, if this machine lacks it, for its best set. Allocates. The sizes of `spec` must be those of `weights`.
    #[must_use]
    pub fn new(weights: &CnnWeights, spec: DecoderSpec, simd: Simd) -> Self {
        assert_eq!((spec.n_harmonics, spec.n_noise_bands), (weights.n_harmonics(), weights.n_noise_bands()));
        let simd = simd.available();
        let network = match weights.precision() {
            "int8" => Network::Int8(Int8Network::new(weights, simd)),
            _ => Network::Float(FloatNetwork::new(weights, simd)),
        };
        Self { spec, network, scale: ControlScale::new(&spec, simd) }
    }
}

impl Decoder for CnnDecoder {
    fn spec(&self) -> DecoderSpec {
        self.spec
    }

    fn new_state(&self) -> State {
        match &self.network {
            Network::Float(network) => network.new_state(&self.spec),
            Network::Int8(network) => network.new_state(&self.spec),
        }
    }

    fn memory_bytes(&self) -> usize {
        match &self.network {
            Network::Float(network) => network.memory_bytes(),
            Network::Int8(network) => network.memory_bytes(),
        }
    }

    fn step(&self, states: &mut [State], frames: &[Frame], controls: &mut [Controls]) {
        for ((state, frame), controls) in states.iter_mut().zip(frames).zip(&mut *controls) {
            let frame = state.admit(frame);
            controls.f0_hz = frame.f0_hz;
            if state.ramp.is_due() {
                let recent = &mut state.memory[..TAPS * INPUTS];
                recent.copy_within(INPUTS.., 0);
                recent[(TAPS - 1) * INPUTS..].copy_from_slice(&inputs(&frame).map(|input| input as f32));
            }
        }
        self.network.step_all_due(states);
        for (state, controls) in states.iter_mut().zip(controls) {
            let f0_hz = controls.f0_hz;
            if state.ramp.is_due() {
                state.ramp.aim(|target| self.scale.apply(f0_hz, &state.heads, target));
            }
            state.ramp.advance(f0_hz, controls);
        }
    }
}
