//! The network in 8 bits: the residual layers on 7-bit activations with exact sums, the input's and the heads' products in
//! floats that are rounded in one order. So the pre-activations are the same bits on every machine.

use super::ring::Ring;
use super::{CnnWeights, INPUTS, TAPS};
use crate::model::file::Values;
use crate::model::kernels::ordered::OrderedMatrix;
use crate::model::kernels::quantised::{QuantisedMatrix, quantise};
use crate::model::{DecoderSpec, State};
use crate::simd::Simd;

/// The activation that 127 stands for.
const LARGEST: f32 = 6.0;

/// Packed weights.
#[derive(Clone, Debug)]
pub(super) struct Int8Network {
    simd: Simd,
    channels: usize,
    input: OrderedMatrix,
    layers: Vec<(Ring, QuantisedMatrix)>,
    /// Amplitude, harmonics and noise in one matrix.
    heads: OrderedMatrix,
}

/// One voice's buffers, cut out of its state. `C'` is C padded to whole registers.
struct Voice<'a> {
    /// The last three steps' inputs, `[TAPS * INPUTS]`.
    inputs: &'a [f32],
    /// The rings.
    memory: &'a mut [u8],
    /// Between the layers, `[C']`.
    x: &'a mut [f32],
    /// `[TAPS * C]` and zeros to a multiple of four.
    taps: &'a mut [u8],
    t: u64,
    heads: &'a mut [f32],
}

impl Int8Network {
    pub(super) fn new(weights: &CnnWeights, simd: Simd) -> Self {
        let ordered = |(weights, bias): (Values, Vec<f32>)| OrderedMatrix::new(&weights, &bias, simd);
        let channels = weights.channels();
        let layer = |(n, ring): (usize, Ring)| {
            let (matrix, bias) = weights.convolution(&n.to_string());
            let Values::I8 { values, scales } = matrix else {
                unreachable!("the residual layers of an int8 model were checked to be int8")
            };
            let scales: Vec<f32> = scales.iter().map(|scale| scale * (LARGEST / 127.0)).collect();
            (ring, QuantisedMatrix::new(&values, &scales, &bias, simd))
        };
        let rings = Ring::row(0, channels, weights.dilations());
        Self {
            simd,
            channels,
            input: ordered(weights.convolution("input")),
            layers: rings.into_iter().enumerate().map(layer).collect(),
            heads: ordered(weights.heads()),
        }
    }

    pub(super) fn new_state(&self, spec: &DecoderSpec) -> State {
        let (memory, taps) = self.layers.last().map_or((0, 0), |(ring, matrix)| (ring.end(), matrix.padded_inputs()));
        State::new(spec, TAPS * INPUTS, self.input.padded_outputs()).with_u8(memory, taps)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().map(|(_, matrix)| matrix.memory_bytes()).sum();
        self.input.memory_bytes() + layers + self.heads.memory_bytes()
    }

    fn voice<'a>(state: &'a mut State) -> Voice<'a> {
        let t = state.steps;
        state.steps += 1;
        Voice {
            inputs: &state.memory,
            memory: &mut state.memory_u8,
            x: &mut state.scratch,
            taps: &mut state.scratch_u8,
            t,
            heads: &mut state.heads,
        }
    }

    pub(super) fn step<const V: usize>(&self, states: [&mut State; V]) {
        let mut voices = states.map(Self::voice);
        let voices = &mut voices;
        let width = self.channels;
        self.input.apply(voices.each_mut().map(|v| (v.inputs, &mut *v.x)));
        for (ring, matrix) in &self.layers {
            for v in voices.iter_mut() {
                let now = &mut v.taps[(TAPS - 1) * width..TAPS * width];
                quantise(self.simd, LARGEST, &v.x[..width], now);
                ring.turn(v.memory, v.t, v.taps);
            }
            matrix.add_product(voices.each_mut().map(|v| (&*v.taps, &mut *v.x)));
        }
        self.heads.apply(voices.each_mut().map(|v| (&*v.x, &mut *v.heads)));
    }
}
