//! The network in 8 bits: products of integers with activations of 14 bits, all else in floats that are rounded in one
//! order, so the pre-activations are the same bits on every machine.
//!
//! What the two perceptrons at the input make of a pitch or a loudness depends on nothing else. It is computed once, on a
//! fine grid, with the GRU's part of the work on it ([`InputTables`]): more than half of the weights are not needed again.

use super::GruWeights;
use super::tables::InputTables;
use crate::model::file::Values;
use crate::model::kernels::LANES;
use crate::model::kernels::activation::gru_gates_exact;
use crate::model::kernels::norm::layer_norm_leaky_exact;
use crate::model::kernels::ordered::OrderedMatrix;
use crate::model::kernels::quantised::{QuantisedMatrix, quantise_fine};
use crate::model::{DecoderSpec, State};
use crate::simd::Simd;

/// The least width whose weights take longer than a look into the tables.
const LEAST_WIDTH: usize = 64;

/// Packed weights.
#[derive(Clone, Debug)]
pub(super) struct Int8Network {
    simd: Simd,
    hidden: usize,
    tables: InputTables,
    from_hidden: QuantisedMatrix,
    out_mlp: [Layer; 3],
    /// Amplitude, harmonics and noise in one matrix.
    heads: OrderedMatrix,
}

/// Linear, layer norm, leaky ReLU.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    linear: QuantisedMatrix,
    inputs: usize,
    norm_weight: Vec<f32>,
    norm_bias: Vec<f32>,
    simd: Simd,
}

/// What a layer works on for one voice.
pub(super) struct LayerBuffers<'a> {
    /// The inputs, then from the beginning the outputs.
    pub x: &'a mut [f32],
    /// Room for the inputs in 14 bits, [`Layer::fine_len`] bytes.
    pub fine: &'a mut [u8],
    /// Room for the product, the outputs padded to whole registers.
    pub linear: &'a mut [f32],
}

/// One voice's buffers, cut out of its state. `H'` is H padded to whole registers.
struct Voice<'a> {
    /// The two inputs, `[2]`.
    inputs: [f32; 2],
    /// Carried from step to step, `[H]`.
    hidden: &'a mut [f32],
    /// What a matrix writes before it is normalised, `[H']`.
    linear: &'a mut [f32],
    /// h and the inputs, `[H + 2]`; later between the layers of the perceptron, `[H]`.
    between: &'a mut [f32],
    /// The gates' sums, `[3 H padded]` each.
    from_input: &'a mut [f32],
    from_hidden: &'a mut [f32],
    /// Activations in 14 bits, both halves.
    fine: &'a mut [u8],
    heads: &'a mut [f32],
}

/// An 8-bit matrix of the file, with a bias.
pub(super) fn quantised(weights: &GruWeights, name: &str, bias: &[f32], simd: Simd) -> QuantisedMatrix {
    let Values::I8 { values, scales } = weights.tensor(name) else {
        unreachable!("`Int8Network::suits` has looked at the wide matrices")
    };
    QuantisedMatrix::new(values, scales, bias, simd)
}

impl Layer {
    pub(super) fn new(weights: &GruWeights, name: &str, simd: Simd) -> Self {
        let vector = |part: &str| weights.tensor(&format!("{name}.{part}")).to_f32();
        let bias = vector("linear.bias");
        let matrix = format!("{name}.linear.weight");
        Self {
            inputs: weights.tensor(&matrix).len() / bias.len(),
            linear: quantised(weights, &matrix, &bias, simd),
            norm_weight: vector("norm.weight"),
            norm_bias: vector("norm.bias"),
            simd,
        }
    }

    /// Bytes that the inputs take in 14 bits.
    pub(super) fn fine_len(&self) -> usize {
        2 * self.linear.padded_inputs()
    }

    pub(super) fn apply<const V: usize>(&self, mut voices: [LayerBuffers<'_>; V]) {
        let len = self.fine_len();
        let products = voices.each_mut().map(|v| {
            let step = quantise_fine(self.simd, &v.x[..self.inputs], &mut v.fine[..len]);
            (&v.fine[..len], step, &mut *v.linear)
        });
        self.linear.product(products);
        for v in voices {
            let out = &mut v.x[..self.norm_bias.len()];
            layer_norm_leaky_exact(self.simd, v.linear, &self.norm_weight, &self.norm_bias, out);
        }
    }
}

impl Int8Network {
    /// Whether this arithmetic is for these weights: 8-bit ones of a network that is wide, but not so wide that sums could
    /// overflow.
    pub(super) fn suits(weights: &GruWeights) -> bool {
        let h = weights.hidden();
        let narrow = |name: &str| matches!(weights.tensor(name), Values::I8 { .. });
        let layers =
            ["f0_mlp.1", "f0_mlp.2", "loudness_mlp.1", "loudness_mlp.2", "out_mlp.0", "out_mlp.1", "out_mlp.2"];
        (LEAST_WIDTH..=QuantisedMatrix::MOST_INPUTS - 2).contains(&h)
            && layers.iter().all(|layer| narrow(&format!("{layer}.linear.weight")))
            && narrow("gru.weight_ih")
            && narrow("gru.weight_hh")
    }

    pub(super) fn new(weights: &GruWeights, simd: Simd) -> Self {
        let (head_weights, head_bias) = weights.heads();
        Self {
            simd,
            hidden: weights.hidden(),
            tables: InputTables::new(weights, simd),
            from_hidden: quantised(weights, "gru.weight_hh", &weights.tensor("gru.bias_hh").to_f32(), simd),
            out_mlp: [0, 1, 2].map(|layer| Layer::new(weights, &format!("out_mlp.{layer}"), simd)),
            heads: OrderedMatrix::new(&head_weights, &head_bias, simd),
        }
    }

    /// Lengths of a voice's buffers within its scratch: linear, between, from_input, from_hidden.
    fn scratch_lengths(&self) -> [usize; 4] {
        let gates = self.from_hidden.padded_outputs();
        [self.hidden.next_multiple_of(LANES), self.hidden + 2, gates, gates]
    }

    pub(super) fn new_state(&self, spec: &DecoderSpec) -> State {
        let fine = self.out_mlp[0].fine_len();
        State::new(spec, self.hidden, self.scratch_lengths().iter().sum()).with_u8(0, fine)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let layer = |layer: &Layer| layer.linear.memory_bytes() + 2 * size_of_val(&layer.norm_bias[..]);
        let layers: usize = self.out_mlp.iter().map(layer).sum();
        self.tables.memory_bytes() + self.from_hidden.memory_bytes() + layers + self.heads.memory_bytes()
    }

    fn voice<'a>(&self, state: &'a mut State, inputs: [f32; 2]) -> Voice<'a> {
        let [linear, between, gates, _] = self.scratch_lengths();
        let (linear, rest) = state.scratch.split_at_mut(linear);
        let (between, rest) = rest.split_at_mut(between);
        let (from_input, from_hidden) = rest.split_at_mut(gates);
        Voice {
            inputs,
            hidden: &mut state.memory,
            linear,
            between,
            from_input,
            from_hidden,
            fine: &mut state.scratch_u8,
            heads: &mut state.heads,
        }
    }

    /// One step of `V` voices (1, 2 or 4) to the pre-activations in their heads.
    pub(super) fn step<const V: usize>(&self, states: &mut [State; V], inputs: [[f32; 2]; V]) {
        let mut inputs = inputs.into_iter();
        let mut voices: [Voice<'_>; V] =
            states.each_mut().map(|state| self.voice(state, inputs.next().unwrap_or_default()));
        let voices = &mut voices;
        let h = self.hidden;

        let fine = 2 * self.from_hidden.padded_inputs();
        for v in voices.iter_mut() {
            self.tables.look_up(v.inputs, v.from_input);
        }
        let products = voices.each_mut().map(|v| {
            let step = quantise_fine(self.simd, v.hidden, &mut v.fine[..fine]);
            (&v.fine[..fine], step, &mut *v.from_hidden)
        });
        self.from_hidden.product(products);
        for v in voices.iter_mut() {
            gru_gates_exact(self.simd, v.hidden, v.from_input, v.from_hidden);
            v.between[..h].copy_from_slice(v.hidden);
            v.between[h..].copy_from_slice(&v.inputs);
        }
        for layer in &self.out_mlp {
            layer.apply(voices.each_mut().map(|v| LayerBuffers {
                x: &mut *v.between,
                fine: &mut *v.fine,
                linear: &mut *v.linear,
            }));
        }
        self.heads.apply(voices.each_mut().map(|v| (&v.between[..h], &mut *v.heads)));
    }
}
