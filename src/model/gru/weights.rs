//! The tensors of a GRU decoder by name, read from a file, made at random, written back.

use std::collections::BTreeMap;

use half::f16;

use crate::model::file::{self, Tensors, Values};
use crate::model::{Architecture, Metadata, ModelError};

/// All tensors of one decoder, shapes checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GruWeights {
    hidden: usize,
    n_harmonics: usize,
    n_noise_bands: usize,
    tensors: BTreeMap<String, (Vec<usize>, Values)>,
}

/// Names and shapes in the order of the signal's way.
fn layout(hidden: usize, n_harmonics: usize, n_noise_bands: usize) -> Vec<(String, Vec<usize>)> {
    let h = hidden;
    let mut layout = Vec::new();
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
    for (head, outputs) in [("amplitude", 1), ("harmonics", n_harmonics), ("noise", n_noise_bands)] {
        add(format!("head.{head}.weight"), &[outputs, h]);
        add(format!("head.{head}.bias"), &[outputs]);
    }
    layout
}

impl GruWeights {
    /// Takes the weights out of a file; `metadata` says which tensors there have to be.
    ///
    /// # Errors
    /// [`ModelError`] for a tensor that is missing, too many, or not as it has to be, and for counts that do not agree.
    pub fn from_file(file: &Tensors<'_>, metadata: &Metadata) -> Result<Self, ModelError> {
        let Architecture::Gru { hidden, .. } = metadata.architecture;
        let (n_harmonics, n_noise_bands) = (metadata.n_harmonics, metadata.n_noise_bands);
        let mut tensors = BTreeMap::new();
        for (name, shape) in layout(hidden, n_harmonics, n_noise_bands) {
            let values = match shape.len() {
                1 => Values::F32(file.vector(&name, shape[0])?),
                _ => file.values(&name, &shape)?,
            };
            let expected = metadata.precision.as_str();
            let found = match values {
                Values::F32(_) => "f32",
                Values::F16(_) => "f16",
                Values::I8 { .. } => "int8",
            };
            if shape.len() == 2 && found != expected && (found, expected) != ("f16", "int8") {
                return Err(ModelError::Dtype {
                    tensor: name,
                    found: found.into(),
                    expected: format!("{expected}, as `precision` says"),
                });
            }
            tensors.insert(name, (shape, values));
        }
        let mut names = file.names();
        names.sort_unstable();
        let is_scale = |name: &str| {
            let matrix = name.strip_suffix("_scale").and_then(|matrix| tensors.get(matrix));
            matrix.is_some_and(|(_, values)| matches!(values, Values::I8 { .. }))
        };
        if let Some(name) = names.into_iter().find(|name| !tensors.contains_key(*name) && !is_scale(name)) {
            return Err(ModelError::UnknownTensor { tensor: name.into() });
        }
        let weights = Self { hidden, n_harmonics, n_noise_bands, tensors };
        if weights.parameters() != metadata.parameters {
            let expected = format!("{}, the number of weights in the file", weights.parameters());
            return Err(ModelError::field("parameters", metadata.parameters, expected));
        }
        Ok(weights)
    }

    /// Weights from a generator seeded with `seed`, of the spread that PyTorch starts with: uniform within
    /// 1 / sqrt(inputs); norms near 1 and 0. The same on every machine.
    #[must_use]
    pub fn random(seed: u64, hidden: usize, n_harmonics: usize, n_noise_bands: usize) -> Self {
        let mut state = seed;
        // SplitMix64 (Steele, Lea and Flood, 2014).
        let mut uniform = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        };
        let tensors = layout(hidden, n_harmonics, n_noise_bands)
            .into_iter()
            .map(|(name, shape)| {
                let (centre, spread) = match (name.ends_with("norm.weight"), &shape[..]) {
                    (true, _) => (1.0, 0.1),
                    (false, [_, inputs]) => (0.0, 1.0 / (*inputs as f32).sqrt()),
                    (false, _) => (0.0, 0.1),
                };
                let values = (0..shape.iter().product()).map(|_| centre + spread * uniform()).collect();
                (name, (shape, Values::F32(values)))
            })
            .collect();
        Self { hidden, n_harmonics, n_noise_bands, tensors }
    }

    /// The same weights with matrices rounded to f16.
    #[must_use]
    pub fn to_f16(&self) -> Self {
        let mut rounded = self.clone();
        for (shape, values) in rounded.tensors.values_mut() {
            if shape.len() == 2 {
                *values = Values::F16(values.to_f32().into_iter().map(f16::from_f32).collect());
            }
        }
        rounded
    }

    /// The same weights with the wide matrices rounded to 8 bits, those of each row relative to its largest. Matrices of
    /// one column, which see the inputs, and the heads' become f16: there a step of 8 bits could be heard.
    #[must_use]
    pub fn to_int8(&self) -> Self {
        let mut rounded = self.to_f16();
        for (name, (shape, values)) in &mut rounded.tensors {
            if shape.len() == 2 && shape[1] > 1 && !name.starts_with("head.") {
                let weights = self.tensors[name].1.to_f32();
                let (mut values_i8, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
                for row in weights.chunks_exact(shape[1]) {
                    let scale = row.iter().fold(f32::MIN_POSITIVE, |peak, w| peak.max(w.abs())) / 127.0;
                    values_i8.extend(row.iter().map(|w| (w / scale).round().clamp(-127.0, 127.0) as i8));
                    scales.push(scale);
                }
                *values = Values::I8 { values: values_i8, scales };
            }
        }
        rounded
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
        self.tensors.values().map(|(_, values)| values.len() as u64).sum()
    }

    /// `int8`, `f16` or `f32`: how the matrices are stored.
    #[must_use]
    pub fn precision(&self) -> &'static str {
        if self.tensors.values().any(|(_, values)| matches!(values, Values::I8 { .. })) {
            return "int8";
        }
        let f16 = self.tensors.values().any(|(_, values)| matches!(values, Values::F16(_)));
        if f16 { "f16" } else { "f32" }
    }

    /// The values of one tensor. Panics if the name is not one of the layout, so only for names in code.
    pub(super) fn tensor(&self, name: &str) -> &Values {
        &self.tensors[name].1
    }

    /// Writes a model file with these weights and `metadata`, whose sizes must agree.
    #[must_use]
    pub fn to_bytes(&self, metadata: &Metadata) -> Vec<u8> {
        let tensors: Vec<_> =
            self.tensors.iter().map(|(name, (shape, values))| (name.clone(), shape.clone(), values.clone())).collect();
        file::write(&tensors, "retort", &metadata.to_json())
    }
}
