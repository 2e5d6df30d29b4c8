//! The GRU decoder as the audio thread runs it: packed weights, one pass over them for up to four voices.

use std::sync::OnceLock;

use super::GruWeights;
use super::float::FloatNetwork;
use super::int8::Int8Network;
use crate::frame::{Controls, Frame};
use crate::model::decoder::{inputs, rested_state};
use crate::model::{ControlScale, Decoder, DecoderSpec, State};
use crate::simd::Simd;

/// Packed weights of one decoder, for one instruction set.
#[derive(Clone, Debug)]
pub struct GruDecoder {
    spec: DecoderSpec,
    network: Network,
    scale: ControlScale,
    /// After a second of silence: found out once, since that is a second of decoding.
    rested: OnceLock<State>,
}

/// The two arithmetics.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each model that is loaded")]
enum Network {
    Float(FloatNetwork),
    Int8(Int8Network),
}

impl GruDecoder {
    /// Packs weights for `simd` or, if this machine lacks it, for its best set. Allocates. The sizes of `spec` must be those of `weights`.
    #[must_use]
    pub fn new(weights: &GruWeights, spec: DecoderSpec, simd: Simd) -> Self {
        assert_eq!((spec.n_harmonics, spec.n_noise_bands), (weights.n_harmonics(), weights.n_noise_bands()));
        let simd = simd.available();
        let network = if Int8Network::suits(weights) {
            Network::Int8(Int8Network::new(weights, simd))
        } else {
            Network::Float(FloatNetwork::new(weights, simd))
        };
        Self { spec, network, scale: ControlScale::new(&spec, simd), rested: OnceLock::new() }
    }

    fn step_together<const V: usize>(&self, states: &mut [State; V], frames: &[Frame], controls: &mut [Controls]) {
        let mut admitted = frames.iter();
        let inputs: [[f32; 2]; V] = std::array::from_fn(|v| {
            let frame = admitted.next().map_or(Frame::SILENCE, |frame| states[v].admit(frame));
            controls[v].f0_hz = frame.f0_hz;
            inputs(&frame).map(|input| input as f32)
        });
        match &self.network {
            Network::Float(network) => network.step(states, inputs),
            Network::Int8(network) => network.step(states, inputs),
        }
        for (state, controls) in states.iter().zip(controls) {
            self.scale.apply(controls.f0_hz, &state.heads, controls);
        }
    }
}

impl Decoder for GruDecoder {
    fn rested_state(&self) -> State {
        self.rested.get_or_init(|| rested_state(self)).clone()
    }

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
        let (fours, rest) = states.as_chunks_mut::<4>();
        let (twos, ones) = rest.as_chunks_mut::<2>();
        let mut at = 0;
        for states in fours {
            self.step_together(states, &frames[at..at + 4], &mut controls[at..at + 4]);
            at += 4;
        }
        for states in twos {
            self.step_together(states, &frames[at..at + 2], &mut controls[at..at + 2]);
            at += 2;
        }
        for state in ones {
            self.step_together(std::array::from_mut(state), &frames[at..=at], &mut controls[at..=at]);
            at += 1;
        }
    }
}
