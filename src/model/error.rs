//! What can be wrong with a model file, in words that say what to do.

/// Why a model or room file cannot be used. Messages name the field or tensor, what was found and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The file is larger than any model is.
    #[error(
        "the file has {found} bytes, and a model has at most {limit}; this is not a Retort model, or not one file of it"
    )]
    TooLarge { found: u64, limit: u64 },
    /// The file ends early or goes on too long.
    #[error(
        "the file has {found} bytes where {expected} were expected; it was cut off or damaged, so copy or download it again"
    )]
    WrongLength { found: u64, expected: u64 },
    /// The beginning is not that of a safetensors file.
    #[error("not a safetensors file ({reason}); choose a .safetensors file that Retort's training has written")]
    NotSafetensors { reason: String },
    /// A safetensors file, but of somebody else.
    #[error("the file has no `{key}` metadata; it is a safetensors file, but not a Retort {what}")]
    NotRetort { key: &'static str, what: &'static str },
    /// Written by a later Retort.
    #[error("format_version is {found}, and this Retort reads up to {supported}; update Retort to use this file")]
    NewerFormat { found: u64, supported: u64 },
    /// Trained on features that differ from today's.
    #[error(
        "analysis_version is {found}, and this Retort hears with version {supported}; get the model for this version, or \
         train it again"
    )]
    OtherAnalysis { found: u64, supported: u64 },
    /// The metadata lacks a field.
    #[error("the field `{field}` is missing; the file is incomplete, so export or download it again")]
    MissingField { field: String },
    /// A field has a value that cannot be.
    #[error("the field `{field}` is {found}, expected {expected}; the file is damaged or was made by another program")]
    Field { field: String, found: String, expected: String },
    /// A tensor that the architecture needs is not there.
    #[error("the tensor `{tensor}` is missing; the file is incomplete, so export or download it again")]
    MissingTensor { tensor: String },
    /// A tensor that the architecture has no place for.
    #[error("the tensor `{tensor}` does not belong to this architecture; the file is damaged or needs a newer Retort")]
    UnknownTensor { tensor: String },
    /// A tensor of another size.
    #[error(
        "the tensor `{tensor}` has the shape {found:?}, expected {expected:?}; weights and metadata do not fit together"
    )]
    Shape { tensor: String, found: Vec<usize>, expected: Vec<usize> },
    /// A tensor of another number format.
    #[error("the tensor `{tensor}` has the type {found}, expected {expected}; export the model again")]
    Dtype { tensor: String, found: String, expected: String },
    /// A weight that is infinite or not a number.
    #[error(
        "the tensor `{tensor}` holds a value that is not a finite number (at {index}); the training went wrong there"
    )]
    NotFinite { tensor: String, index: usize },
    /// A room response that would sound at once.
    #[error("impulse_response[0] is {found}, expected 0; the direct sound does not belong in a room file")]
    DirectTap { found: f32 },
}

impl ModelError {
    pub(crate) fn field(field: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Field { field: field.into(), found: found.to_string(), expected: expected.into() }
    }
}
