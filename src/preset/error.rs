//! What can be wrong with a preset, and with keeping it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a text is no preset. The end of a sentence that begins with the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    #[error("it is {found} bytes long; a preset has at most {limit}")]
    TooLarge { found: u64, limit: u64 },
    #[error("it is not text in UTF-8")]
    NotText,
    /// What the parser says, with line and column.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// A field that is missing or has a value that cannot be.
    #[error("`{field}` {problem}")]
    Field { field: String, problem: String },
    #[error("it has format {0}, which a later Retort wrote; this one reads format {limit}", limit = super::format::FORMAT)]
    Later(u64),
}

impl PresetError {
    pub(super) fn field(field: &str, problem: impl Into<String>) -> Self {
        Self::Field { field: field.to_owned(), problem: problem.into() }
    }
}

/// Why a preset cannot be found, read, saved or deleted. Messages name the file and say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read {}: {source}; check that it exists and may be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Broken { path: PathBuf, source: PresetError },
    #[error("the preset cannot be saved: {0}")]
    Invalid(PresetError),
    /// Saving would replace another preset; the caller may ask again with `overwrite`.
    #[error("there is a preset `{0}` already")]
    Exists(String),
    #[error("`{0}` is the name of a factory preset; choose another name")]
    FactoryName(String),
    #[error("this system names no folder for the user's data, so presets cannot be kept")]
    NoFolder,
    #[error("{}: the disk is full; free some space and save again (nothing was left behind)", .0.display())]
    DiskFull(PathBuf),
    #[error("{}: you may not write there; check the folder's permissions", .0.display())]
    NotPermitted(PathBuf),
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("there is no preset `{name}`{}; 'retort presets' lists them", did_you_mean(near))]
    Unknown {
        name: String,
        /// Names that are spelled much the same, best first.
        near: Vec<String>,
    },
}

impl StoreError {
    /// The failure to write or remove `path` that `source` stands for.
    #[must_use]
    pub fn writing(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path.into()),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotPermitted(path.into()),
            _ => Self::Unwritable { path: path.into(), source },
        }
    }
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(" or ")) }
}
