//! The tensors of a convolutional decoder by name, read from a file, made at random, written back.

use crate::model::file::{Tensors, Values};
use crate::model::weights::{Layout, NamedTensors, heads};
use crate::model::{Metadata, ModelError};

use super::{INPUTS, TAPS};

/// All tensors of one decoder, shapes checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CnnWeights {
    channels: usize,
    dilations: Vec<usize>,
    n_harmonics: usize,
    n_noise_bands: usize,
    tensors: NamedTensors,
}

fn layout(channels: usize, layers: usize, n_harmonics: usize, n_noise_bands: usize) -> Layout {
    let mut layout = Layout::new();
    let mut convolution = |name: String, inputs: usize| {
        layout.push((format!("conv.{name}.weight"), vec![channels, inputs, TAPS]));
        layout.push((format!("conv.{name}.bias"), vec![channels]));
    };
    convolution("input".into(), INPUTS);
    (0..layers).for_each(|layer| convolution(layer.to_string(), channels));
    layout.extend(heads(channels, n_harmonics, n_noise_bands));
    layout
}

/// Whether a matrix has 8 bits in an int8 model: the residual layers' do, the input's and the heads' stay f16.
fn is_narrow(name: &str) -> bool {
    name.starts_with("conv.") && name != "conv.input.weight"
}

impl CnnWeights {
    /// Takes the weights out of a file of a decoder with these channels and dilations; `metadata` says the other sizes.
    ///
    /// # Errors
    /// [`ModelError`] for a tensor that is missing, too many, or not as it has to be, and for counts that do not agree.
    pub fn from_file(
        file: &Tensors<'_>,
        metadata: &Metadata,
        channels: usize,
        dilations: &[usize],
    ) -> Result<Self, ModelError> {
        let (n_harmonics, n_noise_bands) = (metadata.n_harmonics, metadata.n_noise_bands);
        let layout = layout(channels, dilations.len(), n_harmonics, n_noise_bands);
        let in_int8 = |name: &str| -> &'static [&'static str] { if is_narrow(name) { &["int8"] } else { &["f16"] } };
        let tensors = NamedTensors::from_file(file, metadata, layout, in_int8)?;
        Ok(Self { channels, dilations: dilations.into(), n_harmonics, n_noise_bands, tensors })
    }

    /// Weights from a generator seeded with `seed`: uniform within 1 / sqrt(inputs), a layer's inputs being all of its
    /// taps. The same on every machine.
    #[must_use]
    pub fn random(seed: u64, channels: usize, dilations: &[usize], n_harmonics: usize, n_noise_bands: usize) -> Self {
        let layout = layout(channels, dilations.len(), n_harmonics, n_noise_bands);
        let tensors = NamedTensors::random(seed, layout, |_, shape| match shape[1..].iter().product::<usize>() {
            inputs if shape.len() > 1 => (0.0, 1.0 / (inputs as f32).sqrt()),
            _ => (0.0, 0.1),
        });
        Self { channels, dilations: dilations.into(), n_harmonics, n_noise_bands, tensors }
    }

    /// The same weights with matrices rounded to f16.
    #[must_use]
    pub fn to_f16(&self) -> Self {
        Self { tensors: self.tensors.to_f16(), dilations: self.dilations.clone(), ..*self }
    }

    /// The same weights with matrices rounded to bf16.
    #[must_use]
    pub fn to_bf16(&self) -> Self {
        Self { tensors: self.tensors.to_bf16(), dilations: self.dilations.clone(), ..*self }
    }

    /// The same weights with those of the residual layers rounded to 8 bits, each output's relative to its largest, and
    /// the other matrices to f16.
    #[must_use]
    pub fn to_int8(&self) -> Self {
        let tensors = self.tensors.to_int8(|name, _| is_narrow(name));
        Self { tensors, dilations: self.dilations.clone(), ..*self }
    }

    /// Width of all layers.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Steps between the taps of each residual layer.
    #[must_use]
    pub fn dilations(&self) -> &[usize] {
        &self.dilations
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

    /// A convolution as a matrix on its taps side by side, the oldest first: `[channels, TAPS * inputs]`, and its bias.
    pub(super) fn convolution(&self, name: &str) -> (Values, Vec<f32>) {
        let bias = self.tensor(&format!("conv.{name}.bias")).to_f32();
        let weights = match self.tensor(&format!("conv.{name}.weight")) {
            Values::F32(values) => Values::F32(taps_outside(values, self.channels)),
            Values::F16(values) => Values::F16(taps_outside(values, self.channels)),
            Values::Bf16(values) => Values::Bf16(taps_outside(values, self.channels)),
            Values::I8 { values, scales } => {
                Values::I8 { values: taps_outside(values, self.channels), scales: scales.clone() }
            }
        };
        (weights, bias)
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

/// `[outputs, inputs, TAPS]` to `[outputs, TAPS, inputs]`.
fn taps_outside<T: Copy>(values: &[T], outputs: usize) -> Vec<T> {
    let inputs = values.len() / outputs / TAPS;
    let row = |row: &[T]| (0..TAPS * inputs).map(|i| row[i % inputs * TAPS + i / inputs]).collect::<Vec<T>>();
    values.chunks_exact(inputs * TAPS).flat_map(row).collect()
}
