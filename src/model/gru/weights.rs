//! The tensors of a GRU decoder by name, read from a file, made at random, written back.

use crate::model::file::{Tensors, Values};
use crate::model::weights::{Layout, NamedTensors, heads};
use crate::model::{Metadata, ModelError};

/// All tensors of one decoder, shapes checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GruWeights {
    hidden: usize,
    n_harmonics: usize,
    n_noise_bands: usize,
    tensors: NamedTensors,
}

fn layout(hidden: usize, n_harmonics: usize, n_noise_bands: usize) -> Layout {
    let h = hidden;
    let mut layout = Layout::new();
    let mut add = |name: String, shape: &[usize]| layout.push((name, shape.to_vec()));
    for (mlp, first) in [("f0_mlp", 1), ("loudness_mlp", 1), ("out_mlp", h + 2)] {
        for layer in 0..3 {
            let inputs = if layer == 0 { first } else { h };
            add(format!("{mlp}.{layer}.linear.weight"), &[h, inputs]);
            for vector in ["linear.bias", "norm.weight", "norm.bias"] {
                add(format!("{mlp}.{layer}.{vector}"), &[h]);
            }
        }
    }
    add("gru.weight_ih".into(), &[3 * h, 2 * h]);
    add("gru.weight_hh".into(), &[3 * h, h]);
    add("gru.bias_ih".into(), &[3 * h]);
    add("gru.bias_hh".into(), &[3 * h]);
    layout.extend(heads(h, n_harmonics, n_noise_bands));
    layout
}

impl GruWeights {
    /// Takes the weights out of a file of a decoder of width `hidden`; `metadata` says the other sizes.
    ///
    /// # Errors
    /// [`ModelError`] for a tensor that is missing, too many, or not as it has to be, and for counts that do not agree.
    pub fn from_file(file: &Tensors<'_>, metadata: &Metadata, hidden: usize) -> Result<Self, ModelError> {
        let (n_harmonics, n_noise_bands) = (metadata.n_harmonics, metadata.n_noise_bands);
        let layout = layout(hidden, n_harmonics, n_noise_bands);
        let tensors = NamedTensors::from_file(file, metadata, layout, |_| &["int8", "f16"])?;
        Ok(Self { hidden, n_harmonics, n_noise_bands, tensors })
    }

    /// Weights from a generator seeded with `seed`, of the spread that PyTorch starts with: uniform within
    /// 1 / sqrt(inputs); norms near 1 and 0. The same on every machine.
    #[must_use]
    pub fn random(seed: u64, hidden: usize, n_harmonics: usize, n_noise_bands: usize) -> Self {
        let layout = layout(hidden, n_harmonics, n_noise_bands);
        let tensors = NamedTensors::random(seed, layout, |name, shape| match (name.ends_with("norm.weight"), shape) {
            (true, _) => (1.0, 0.1),
            (false, [_, inputs]) => (0.0, 1.0 / (*inputs as f32).sqrt()),
            (false, _) => (0.0, 0.1),
        });
        Self { hidden, n_harmonics, n_noise_bands, tensors }
    }

    /// The same weights with matrices rounded to f16.
    #[must_use]
    pub fn to_f16(&self) -> Self {
        Self { tensors: self.tensors.to_f16(), ..*self }
    }

    /// The same weights with matrices rounded to bf16.
    #[must_use]
    pub fn to_bf16(&self) -> Self {
        Self { tensors: self.tensors.to_bf16(), ..*self }
    }

    /// The same weights with the wide matrices rounded to 8 bits, those of each row relative to its largest. Matrices of
    /// one column, which see the inputs, and the heads' become f16: there a step of 8 bits could be heard.
    #[must_use]
    pub fn to_int8(&self) -> Self {
        let wide = |name: &str, shape: &[usize]| shape[1] > 1 && !name.starts_with("head.");
        Self { tensors: self.tensors.to_int8(wide), ..*self }
    }

    /// Width H.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Number of harmonics.
    #[must_use]
    pub fn n_harmonics(&self) -> usize {
        self.n_harmonics
    }

    /// Number of noise bands.
    #[must_use]
    pub fn n_noise_bands(&self) -> usize {
        self.n_noise_bands
    }

    /// Number of weights of all tensors.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.tensors.parameters()
    }

    /// `int8`, `bf16`, `f16` or `f32`: how the matrices are stored.
    #[must_use]
    pub fn precision(&self) -> &'static str {
        self.tensors.precision()
    }

    /// The values of one tensor. Panics if the name is not one of the layout, so only for names in code.
    pub(super) fn tensor(&self, name: &str) -> &Values {
        self.tensors.get(name)
    }

    /// Matrices and biases of the three heads as one.
    pub(super) fn heads(&self) -> (Values, Vec<f32>) {
        (self.tensors.head_weights(), self.tensors.head_biases())
    }

    /// Writes a model file with these weights and `metadata`, whose sizes must agree.
    #[must_use]
    pub fn to_bytes(&self, metadata: &Metadata) -> Vec<u8> {
        self.tensors.to_bytes(metadata)
    }
}
