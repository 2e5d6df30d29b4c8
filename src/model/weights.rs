//! The named tensors of any decoder: read from a file by a layout, made at random, rounded, written back.
//!
//! A layout is what an architecture needs: names and shapes (`[outputs, inputs, ...]` for a matrix, `[n]` for a vector).

use std::collections::BTreeMap;

use half::{bf16, f16};

use super::file::{self, Tensors, Values};
use super::{Metadata, ModelError};

/// Names and shapes, in the order of the signal's way.
pub(super) type Layout = Vec<(String, Vec<usize>)>;

/// All tensors of one decoder, shapes checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NamedTensors {
    tensors: BTreeMap<String, (Vec<usize>, Values)>,
}

/// Names and shapes of the three heads, which every architecture has, on `width` inputs.
pub(super) fn heads(width: usize, n_harmonics: usize, n_noise_bands: usize) -> Layout {
    let heads = [("amplitude", 1), ("harmonics", n_harmonics), ("noise", n_noise_bands)];
    let pair = |(head, outputs)| {
        [(format!("head.{head}.weight"), vec![outputs, width]), (format!("head.{head}.bias"), vec![outputs])]
    };
    heads.into_iter().flat_map(pair).collect()
}

impl NamedTensors {
    /// Takes the tensors of `layout` out of a file, where there must be no others. Matrices have the precision that
    /// `metadata` names, or in an int8 model one of those that `in_int8` gives for their name; vectors are f32.
    pub(super) fn from_file(
        file: &Tensors<'_>,
        metadata: &Metadata,
        layout: Layout,
        in_int8: impl Fn(&str) -> &'static [&'static str],
    ) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        for (name, shape) in layout {
            let values = match shape.len() {
                1 => Values::F32(file.vector(&name, shape[0])?),
                _ => file.values(&name, &shape)?,
            };
            let expected = metadata.precision.as_str();
            let found = values.precision();
            let fits = if expected == "int8" { in_int8(&name).contains(&found) } else { found == expected };
            if shape.len() > 1 && !fits {
                let expected = if expected == "int8" { in_int8(&name).join(" or ") } else { expected.into() };
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
        let weights = Self { tensors };
        if weights.parameters() != metadata.parameters {
            let expected = format!("{}, the number of weights in the file", weights.parameters());
            return Err(ModelError::field("parameters", metadata.parameters, expected));
        }
        Ok(weights)
    }

    /// Values from a generator seeded with `seed`, uniform around a centre: `spread` gives centre and half width for a
    /// name and shape. The same on every machine.
    pub(super) fn random(seed: u64, layout: Layout, spread: impl Fn(&str, &[usize]) -> (f32, f32)) -> Self {
        let mut state = seed;
        // SplitMix64 (Steele, Lea and Flood, 2014).
        let mut uniform = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        };
        let tensors = layout
            .into_iter()
            .map(|(name, shape)| {
                let (centre, spread) = spread(&name, &shape);
                let values = (0..shape.iter().product()).map(|_| centre + spread * uniform()).collect();
                (name, (shape, Values::F32(values)))
            })
            .collect();
        Self { tensors }
    }

    /// The same with matrices rounded to f16.
    pub(super) fn to_f16(&self) -> Self {
        self.rounded(|values| Values::F16(values.into_iter().map(f16::from_f32).collect()))
    }

    /// The same with matrices rounded to bf16.
    pub(super) fn to_bf16(&self) -> Self {
        self.rounded(|values| Values::Bf16(values.into_iter().map(bf16::from_f32).collect()))
    }

    /// The same with all matrices stored otherwise.
    fn rounded(&self, store: impl Fn(Vec<f32>) -> Values) -> Self {
        let mut rounded = self.clone();
        for (shape, values) in rounded.tensors.values_mut() {
            if shape.len() > 1 {
                *values = store(values.to_f32());
            }
        }
        rounded
    }

    /// The same with the matrices that `narrow` picks rounded to 8 bits, those of each row relative to its largest, and
    /// the others to f16.
    pub(super) fn to_int8(&self, narrow: impl Fn(&str, &[usize]) -> bool) -> Self {
        let mut rounded = self.to_f16();
        for (name, (shape, values)) in &mut rounded.tensors {
            if shape.len() > 1 && narrow(name, shape) {
                let weights = self.tensors[name].1.to_f32();
                let (mut values_i8, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
                for row in weights.chunks_exact(weights.len() / shape[0]) {
                    let scale = row.iter().fold(f32::MIN_POSITIVE, |peak, w| peak.max(w.abs())) / 127.0;
                    values_i8.extend(row.iter().map(|w| (w / scale).round().clamp(-127.0, 127.0) as i8));
                    scales.push(scale);
                }
                *values = Values::I8 { values: values_i8, scales };
            }
        }
        rounded
    }

    /// Number of weights of all tensors; scales of 8-bit matrices do not count.
    pub(super) fn parameters(&self) -> u64 {
        self.tensors.values().map(|(_, values)| values.len() as u64).sum()
    }

    /// `int8`, `bf16`, `f16` or `f32`: the narrowest format that a tensor has.
    pub(super) fn precision(&self) -> &'static str {
        let has = |precision| self.tensors.values().any(|(_, values)| values.precision() == precision);
        ["int8", "bf16", "f16"].into_iter().find(|precision| has(*precision)).unwrap_or("f32")
    }

    /// The values of one tensor. Panics if the name is not one of the layout, so only for names in code.
    pub(super) fn get(&self, name: &str) -> &Values {
        &self.tensors[name].1
    }

    /// Biases of the three heads, one after the other.
    pub(super) fn head_biases(&self) -> Vec<f32> {
        ["amplitude", "harmonics", "noise"].iter().flat_map(|h| self.get(&format!("head.{h}.bias")).to_f32()).collect()
    }

    /// Matrices of the three heads as one, `[1 + n_harmonics + n_noise_bands, width]`.
    pub(super) fn head_weights(&self) -> Values {
        let heads = ["amplitude", "harmonics", "noise"].map(|head| self.get(&format!("head.{head}.weight")));
        match heads {
            [Values::F16(a), Values::F16(b), Values::F16(c)] => Values::F16([&a[..], b, c].concat()),
            [Values::Bf16(a), Values::Bf16(b), Values::Bf16(c)] => Values::Bf16([&a[..], b, c].concat()),
            _ => Values::F32(heads.iter().flat_map(|matrix| matrix.to_f32()).collect()),
        }
    }

    /// Writes a model file with these tensors and `metadata`, whose sizes must agree.
    pub(super) fn to_bytes(&self, metadata: &Metadata) -> Vec<u8> {
        let tensors: Vec<_> =
            self.tensors.iter().map(|(name, (shape, values))| (name.clone(), shape.clone(), values.clone())).collect();
        file::write(&tensors, "retort", &metadata.to_json())
    }
}
