//! The container: a safetensors file of bounded size, read strictly, and written back.

use std::collections::HashMap;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::ModelError;

/// Larger files are refused unread.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// Longest header that is looked at; that of a model has some kilobytes.
const MAX_HEADER_BYTES: u64 = 4 << 20;
/// The header's length comes first, as a little-endian 64-bit number.
const LENGTH_BYTES: usize = 8;

/// How many bytes from the file's beginning hold the whole header: `bytes` needs at least the first 8.
///
/// # Errors
/// [`ModelError::NotSafetensors`] if there are fewer, or the length is none that a model has.
pub fn header_len(bytes: &[u8]) -> Result<usize, ModelError> {
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else {
        return Err(not_safetensors(format!("it has only {} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if !(2..=MAX_HEADER_BYTES).contains(&length) {
        return Err(not_safetensors("it does not begin with the length of a header".into()));
    }
    Ok(length as usize + LENGTH_BYTES)
}

fn header(bytes: &[u8]) -> Result<serde_json::Map<String, serde_json::Value>, ModelError> {
    let end = header_len(bytes)?;
    let Some(header) = bytes.get(LENGTH_BYTES..end) else {
        // What begins with a brace was a model once; any text has some length in its first bytes.
        return Err(match bytes.get(LENGTH_BYTES) {
            Some(b'{') | None => ModelError::WrongLength { found: bytes.len() as u64, expected: end as u64 },
            Some(_) => not_safetensors("its header is not JSON".into()),
        });
    };
    serde_json::from_slice(header).map_err(|error| not_safetensors(format!("its header is not JSON: {error}")))
}

/// The JSON text under `key` in the header's metadata; `bytes` is the file or its beginning.
///
/// # Errors
/// [`ModelError::NotSafetensors`], [`ModelError::WrongLength`], [`ModelError::TooLarge`] or [`ModelError::NotRetort`].
pub fn metadata_text(bytes: &[u8], key: &'static str) -> Result<String, ModelError> {
    check_size(bytes.len() as u64)?;
    let mut header = header(bytes)?;
    match header.get_mut("__metadata__").and_then(|metadata| metadata.get_mut(key)).map(serde_json::Value::take) {
        Some(serde_json::Value::String(text)) => Ok(text),
        _ => Err(ModelError::NotRetort { key, what: if key == "retort" { "model" } else { "room" } }),
    }
}

/// How long the whole file must be, by what its header says; for listing a file without reading it.
///
/// # Errors
/// As [`metadata_text`].
pub fn expected_len(bytes: &[u8]) -> Result<u64, ModelError> {
    let end = header(bytes)?
        .values()
        .filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64())
        .max()
        .unwrap_or_default();
    Ok(end.saturating_add(header_len(bytes)? as u64))
}

fn check_size(found: u64) -> Result<(), ModelError> {
    if found > MAX_FILE_BYTES { Err(ModelError::TooLarge { found, limit: MAX_FILE_BYTES }) } else { Ok(()) }
}

fn not_safetensors(reason: String) -> ModelError {
    ModelError::NotSafetensors { reason }
}

/// The tensors of a file, each of which is to be taken exactly once.
pub struct Tensors<'a> {
    file: SafeTensors<'a>,
}

/// A tensor's values and the format that they were stored in.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats.
    F16(Vec<f16>),
    /// The upper halves of 32-bit floats.
    Bf16(Vec<bf16>),
    /// 8-bit integers; those of row r times `scales[r]` are the weights. Only for matrices and convolutions.
    I8 {
        /// Row after row.
        values: Vec<i8>,
        /// One for each row.
        scales: Vec<f32>,
    },
}

impl Values {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::Bf16(values) => values.len(),
            Self::I8 { values, .. } => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that `precision` has for this format: `f32`, `f16`, `bf16` or `int8`.
    #[must_use]
    pub fn precision(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F16(_) => "f16",
            Self::Bf16(_) => "bf16",
            Self::I8 { .. } => "int8",
        }
    }

    /// All values in 32 bits, exact for floats and to the last bit for scaled integers.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Self::Bf16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Self::I8 { values, scales } => {
                let columns = values.len() / scales.len().max(1);
                let row = |(r, row): (usize, &[i8])| row.iter().map(|v| f32::from(*v) * scales[r]).collect::<Vec<_>>();
                values.chunks_exact(columns.max(1)).enumerate().flat_map(row).collect()
            }
        }
    }
}

/// The name of the scales of an 8-bit matrix.
#[must_use]
pub fn scale_name(matrix: &str) -> String {
    format!("{matrix}_scale")
}

impl<'a> Tensors<'a> {
    /// Checks the container: its size, its header, and that the tensors fill the rest without gap or overlap.
    ///
    /// # Errors
    /// [`ModelError::NotSafetensors`], [`ModelError::WrongLength`] or [`ModelError::TooLarge`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ModelError> {
        check_size(bytes.len() as u64)?;
        let expected = expected_len(bytes)?;
        if expected != bytes.len() as u64 {
            return Err(ModelError::WrongLength { found: bytes.len() as u64, expected });
        }
        let file = SafeTensors::deserialize(bytes).map_err(|error| not_safetensors(error.to_string()))?;
        Ok(Self { file })
    }

    /// The names of all tensors.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.file.names()
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`].
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, ModelError> {
        Ok(self.view(name)?.shape().to_vec())
    }

    fn view(&self, name: &str) -> Result<TensorView<'a>, ModelError> {
        self.file.tensor(name).map_err(|_| ModelError::MissingTensor { tensor: name.into() })
    }

    /// The values of a tensor that must have this shape and hold f32, f16, bf16 or, for a matrix with scales, i8, all finite.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Shape`], [`ModelError::Dtype`] or [`ModelError::NotFinite`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Values, ModelError> {
        let view = self.view(name)?;
        if view.shape() != shape {
            return Err(ModelError::Shape { tensor: name.into(), found: view.shape().into(), expected: shape.into() });
        }
        let (values, bad) = match view.dtype() {
            Dtype::F32 => {
                let values: Vec<f32> =
                    view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                let bad = values.iter().position(|value| !value.is_finite());
                (Values::F32(values), bad)
            }
            Dtype::F16 => {
                let values: Vec<f16> =
                    view.data().as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
                let bad = values.iter().position(|value| !value.is_finite());
                (Values::F16(values), bad)
            }
            Dtype::BF16 => {
                let values: Vec<bf16> =
                    view.data().as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes)).collect();
                let bad = values.iter().position(|value| !value.is_finite());
                (Values::Bf16(values), bad)
            }
            Dtype::I8 if shape.len() > 1 => {
                let scales = self.vector(&scale_name(name), shape[0])?;
                (Values::I8 { values: view.data().iter().map(|byte| *byte as i8).collect(), scales }, None)
            }
            other => {
                return Err(ModelError::Dtype {
                    tensor: name.into(),
                    found: format!("{other:?}"),
                    expected: "F32, F16, BF16 or, for a matrix, I8".into(),
                });
            }
        };
        match bad {
            Some(index) => Err(ModelError::NotFinite { tensor: name.into(), index }),
            None => Ok(values),
        }
    }

    /// As [`Tensors::values`] for a vector, which is always f32.
    ///
    /// # Errors
    /// As [`Tensors::values`].
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        match self.values(name, &[len])? {
            Values::F32(values) => Ok(values),
            other => {
                let found = other.precision().to_uppercase();
                Err(ModelError::Dtype { tensor: name.into(), found, expected: "F32".into() })
            }
        }
    }
}

/// Writes a safetensors file with one metadata entry: the reverse of [`Tensors::parse`] and [`metadata_text`].
#[must_use]
pub fn write(tensors: &[(String, Vec<usize>, Values)], key: &str, text: &str) -> Vec<u8> {
    let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let mut stored: Vec<(String, Vec<usize>, Dtype, Vec<u8>)> = Vec::new();
    for (name, shape, values) in tensors {
        let (dtype, bytes) = match values {
            Values::F32(values) => (Dtype::F32, floats(values)),
            Values::F16(values) => (Dtype::F16, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::Bf16(values) => (Dtype::BF16, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::I8 { values, scales } => {
                stored.push((scale_name(name), vec![scales.len()], Dtype::F32, floats(scales)));
                (Dtype::I8, values.iter().map(|value| *value as u8).collect())
            }
        };
        stored.push((name.clone(), shape.clone(), dtype, bytes));
    }
    let views = stored.iter().map(|(name, shape, dtype, data)| {
        let view = TensorView::new(*dtype, shape.clone(), data).expect("callers give as many values as the shape has");
        (name.as_str(), view)
    });
    safetensors::serialize(views, Some(HashMap::from([(key.to_owned(), text.to_owned())])))
        .expect("only a header beyond 100 MB cannot be written")
}
