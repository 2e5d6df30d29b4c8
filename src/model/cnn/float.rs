//! The network in floats: each convolution is a matrix on its three taps side by side.

use super::ring::Ring;
use super::{CnnWeights, INPUTS, TAPS};
use crate::model::file::Values;
use crate::model::kernels::activation::relu6;
use crate::model::kernels::matrix::Matrix;
use crate::model::{DecoderSpec, State};
use crate::simd::Simd;

/// Packed weights.
#[derive(Clone, Debug)]
pub(super) struct FloatNetwork {
    simd: Simd,
    channels: usize,
    input: Matrix,
    layers: Vec<(Ring, Matrix)>,
    /// Amplitude, harmonics and noise in one matrix.
    heads: Matrix,
}

/// One voice's buffers, cut out of its state. `C'` is C padded to whole registers.
struct Voice<'a> {
    /// The last three steps' inputs, `[TAPS * INPUTS]`, and the rings.
    memory: &'a mut [f32],
    /// Between the layers, `[C']`.
    x: &'a mut [f32],
    /// What a layer adds, `[C']`.
    change: &'a mut [f32],
    /// `[TAPS * C]`.
    taps: &'a mut [f32],
    t: u64,
    heads: &'a mut [f32],
}

impl FloatNetwork {
    pub(super) fn new(weights: &CnnWeights, simd: Simd) -> Self {
        let matrix = |(weights, bias): (Values, Vec<f32>)| Matrix::new(&weights, &bias, simd);
        let channels = weights.channels();
        let rings = Ring::row(TAPS * INPUTS, channels, weights.dilations());
        let layer = |(n, ring): (usize, Ring)| (ring, matrix(weights.convolution(&n.to_string())));
        Self {
            simd,
            channels,
            input: matrix(weights.convolution("input")),
            layers: rings.into_iter().enumerate().map(layer).collect(),
            heads: matrix(weights.heads()),
        }
    }

    pub(super) fn new_state(&self, spec: &DecoderSpec) -> State {
        let memory = self.layers.last().map_or(TAPS * INPUTS, |(ring, _)| ring.end());
        State::new(spec, memory, 2 * self.input.padded_outputs() + TAPS * self.channels)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().map(|(_, matrix)| matrix.memory_bytes()).sum();
        self.input.memory_bytes() + layers + self.heads.memory_bytes()
    }

    fn voice<'a>(&self, state: &'a mut State) -> Voice<'a> {
        let width = self.input.padded_outputs();
        let (x, rest) = state.scratch.split_at_mut(width);
        let (change, taps) = rest.split_at_mut(width);
        let t = state.steps;
        state.steps += 1;
        Voice { memory: &mut state.memory, x, change, taps, t, heads: &mut state.heads }
    }

    pub(super) fn step<const V: usize>(&self, states: [&mut State; V]) {
        let mut voices = states.map(|state| self.voice(state));
        let voices = &mut voices;
        let width = self.channels;
        self.input.apply(voices.each_mut().map(|v| (&*v.memory, &mut *v.x)));
        for (ring, matrix) in &self.layers {
            for v in voices.iter_mut() {
                relu6(self.simd, &v.x[..width], &mut v.taps[(TAPS - 1) * width..]);
                ring.turn(v.memory, v.t, v.taps);
            }
            matrix.apply(voices.each_mut().map(|v| (&*v.taps, &mut *v.change)));
            for v in voices.iter_mut() {
                v.x.iter_mut().zip(&*v.change).for_each(|(x, change)| *x += change);
            }
        }
        self.heads.apply(voices.each_mut().map(|v| (&*v.x, &mut *v.heads)));
    }
}
