//! The network in floats: sums in f32, weights as narrow as the file has them.

use super::GruWeights;
use crate::model::kernels::LANES;
use crate::model::kernels::activation::gru_gates;
use crate::model::kernels::matrix::Matrix;
use crate::model::kernels::norm::layer_norm_leaky;
use crate::model::{DecoderSpec, State};
use crate::simd::Simd;

/// Packed weights.
#[derive(Clone, Debug)]
pub(super) struct FloatNetwork {
    simd: Simd,
    hidden: usize,
    f0_mlp: [Layer; 3],
    loudness_mlp: [Layer; 3],
    from_input: Matrix,
    from_hidden: Matrix,
    out_mlp: [Layer; 3],
    /// Amplitude, harmonics and noise in one matrix.
    heads: Matrix,
}

/// Linear, layer norm, leaky ReLU.
#[derive(Clone, Debug)]
struct Layer {
    linear: Matrix,
    norm_weight: Vec<f32>,
    norm_bias: Vec<f32>,
    simd: Simd,
}

/// One voice's buffers, cut out of its state. `H'` is H padded to whole registers.
struct Voice<'a> {
    /// The two inputs, `[2]`.
    inputs: [f32; 2],
    /// Carried from step to step, `[H]`.
    hidden: &'a mut [f32],
    /// What a matrix writes before it is normalised, `[H']`.
    linear: &'a mut [f32],
    /// Between the layers of a perceptron, `[H]`.
    between: &'a mut [f32],
    /// Both perceptrons' outputs, `[2 H]`; later h and the inputs, `[H + 2]`.
    joined: &'a mut [f32],
    /// The gates' sums, `[3 H padded]` each.
    from_input: &'a mut [f32],
    from_hidden: &'a mut [f32],
    heads: &'a mut [f32],
}

impl FloatNetwork {
    pub(super) fn new(weights: &GruWeights, simd: Simd) -> Self {
        let vector = |name: &str| weights.tensor(name).to_f32();
        let matrix = |name: &str, bias: &str| Matrix::new(weights.tensor(name), &vector(bias), simd);
        let mlp = |mlp: &str| {
            [0, 1, 2].map(|layer| Layer {
                linear: matrix(&format!("{mlp}.{layer}.linear.weight"), &format!("{mlp}.{layer}.linear.bias")),
                norm_weight: vector(&format!("{mlp}.{layer}.norm.weight")),
                norm_bias: vector(&format!("{mlp}.{layer}.norm.bias")),
                simd,
            })
        };
        let (head_weights, head_bias) = weights.heads();
        Self {
            simd,
            hidden: weights.hidden(),
            f0_mlp: mlp("f0_mlp"),
            loudness_mlp: mlp("loudness_mlp"),
            from_input: matrix("gru.weight_ih", "gru.bias_ih"),
            from_hidden: matrix("gru.weight_hh", "gru.bias_hh"),
            out_mlp: mlp("out_mlp"),
            heads: Matrix::new(&head_weights, &head_bias, simd),
        }
    }

    /// Lengths of a voice's buffers within its scratch: linear, between, joined, from_input, from_hidden.
    fn scratch_lengths(&self) -> [usize; 5] {
        let gates = self.from_input.padded_outputs();
        [self.hidden.next_multiple_of(LANES), self.hidden, (2 * self.hidden).max(self.hidden + 2), gates, gates]
    }

    fn voice<'a>(&self, state: &'a mut State, inputs: [f32; 2]) -> Voice<'a> {
        let [linear, between, joined, gates, _] = self.scratch_lengths();
        let (linear, rest) = state.scratch.split_at_mut(linear);
        let (between, rest) = rest.split_at_mut(between);
        let (joined, rest) = rest.split_at_mut(joined);
        let (from_input, from_hidden) = rest.split_at_mut(gates);
        Voice {
            inputs,
            hidden: &mut state.memory,
            linear,
            between,
            joined,
            from_input,
            from_hidden,
            heads: &mut state.heads,
        }
    }

    pub(super) fn new_state(&self, spec: &DecoderSpec) -> State {
        State::new(spec, self.hidden, self.scratch_lengths().iter().sum())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let layers = self.f0_mlp.iter().chain(&self.loudness_mlp).chain(&self.out_mlp);
        let layers = layers.map(|layer| layer.linear.memory_bytes() + size_of_val(&layer.norm_weight[..]) * 2);
        let matrices = [&self.from_input, &self.from_hidden, &self.heads];
        layers.sum::<usize>() + matrices.into_iter().map(Matrix::memory_bytes).sum::<usize>()
    }

    /// One step of `V` voices (1, 2 or 4) to the pre-activations in their heads.
    pub(super) fn step<const V: usize>(&self, states: &mut [State; V], inputs: [[f32; 2]; V]) {
        let mut inputs = inputs.into_iter();
        let mut voices: [Voice<'_>; V] =
            states.each_mut().map(|state| self.voice(state, inputs.next().unwrap_or_default()));
        let voices = &mut voices;
        let h = self.hidden;

        // u and v side by side in `joined`.
        for (mlp, input) in [(&self.f0_mlp, 0), (&self.loudness_mlp, 1)] {
            let out = input * h..(input + 1) * h;
            mlp[0].apply(voices.each_mut().map(|v| (&v.inputs[input..=input], &mut *v.linear, &mut *v.between)));
            apply_in_place(&mlp[1], voices);
            mlp[2].apply(voices.each_mut().map(|v| (&*v.between, &mut *v.linear, &mut v.joined[out.clone()])));
        }

        self.from_input.apply(voices.each_mut().map(|v| (&*v.joined, &mut *v.from_input)));
        self.from_hidden.apply(voices.each_mut().map(|v| (&*v.hidden, &mut *v.from_hidden)));
        for v in voices.iter_mut() {
            gru_gates(self.simd, v.hidden, v.from_input, v.from_hidden);
            v.joined[..h].copy_from_slice(v.hidden);
            v.joined[h..h + 2].copy_from_slice(&v.inputs);
        }

        self.out_mlp[0].apply(voices.each_mut().map(|v| (&v.joined[..h + 2], &mut *v.linear, &mut *v.between)));
        apply_in_place(&self.out_mlp[1], voices);
        apply_in_place(&self.out_mlp[2], voices);
        self.heads.apply(voices.each_mut().map(|v| (&*v.between, &mut *v.heads)));
    }
}

impl Layer {
    /// For each voice: input, room for the product, output.
    fn apply<const V: usize>(&self, mut voices: [(&[f32], &mut [f32], &mut [f32]); V]) {
        self.linear.apply(voices.each_mut().map(|(x, linear, _)| (&**x, &mut **linear)));
        for (_, linear, out) in voices {
            layer_norm_leaky(self.simd, linear, &self.norm_weight, &self.norm_bias, out);
        }
    }
}

/// A layer from `between` to `between`, which is safe: it is read before it is written.
fn apply_in_place<const V: usize>(layer: &Layer, voices: &mut [Voice<'_>; V]) {
    layer.linear.apply(voices.each_mut().map(|v| (&*v.between, &mut *v.linear)));
    for v in voices {
        layer_norm_leaky(layer.simd, v.linear, &layer.norm_weight, &layer.norm_bias, v.between);
    }
}
