//! What can go wrong on the command line, in one line each: which file, what is wrong, what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::analysis::AnalysisError;
use crate::engine::EngineError;
use crate::library::parcel::ParcelError;
use crate::library::shelf::ShelfError;
use crate::library::{LibraryError, PlayableError};
use crate::model::ModelError;
use crate::offline::OfflineError;
use crate::preset::StoreError;

use super::train::TrainError;

/// Every failure of a command. [`CliError::exit_code`] tells wrong usage from bad input.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error("{}: line {line}: {detail}; frames are written by 'retort features'", path.display())]
    Frames { path: PathBuf, line: usize, detail: String },

    #[error("{}: input and output are the same file; choose another output, so that the recording is not lost", .0.display())]
    SameFile(PathBuf),
    #[error("{0}")]
    Usage(String),
    #[error(
        "RETORT_SIMD names no instruction set of this machine; it has {0}, and chooses itself without the variable"
    )]
    Simd(String),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("{0}")]
    Tuning(String),
    #[error(transparent)]
    Playable(#[from] PlayableError),
    #[error(transparent)]
    Preset(#[from] StoreError),
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Train(#[from] TrainError),

    #[error(
        "{ids}: imported, it would play in place of the one that came with Retort ({place}); --force imports it nevertheless, and nothing was changed"
    )]
    WouldHide { ids: String, place: String },
    #[error(
        "{ids}: imported, it would not play, since another is found first ({place}); --force imports it nevertheless, and nothing was changed"
    )]
    WouldNotPlay { ids: String, place: String },

    #[error("{}: {source}", path.display())]
    Model { path: PathBuf, source: ModelError },
    #[error("{}: this is a folder; name one model file in it, or the whole folder with --models", .0.display())]
    NotAModel(PathBuf),
    #[error("{}: there is no such folder of models; check the name given to --models", .0.display())]
    NoModels(PathBuf),
}

/// Where a failure belongs, as the process reports it.
pub const EXIT_BAD_INPUT: u8 = 1;
/// As [`EXIT_BAD_INPUT`]: the command itself was wrong.
pub const EXIT_USAGE: u8 = 2;

impl CliError {
    /// 2 for wrong usage, 1 for bad input (an unreadable file, a full disk).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::SameFile(_)
            | Self::Offline(OfflineError::NotWavName(_))
            | Self::Usage(_)
            | Self::Simd(_)
            | Self::Train(TrainError::NobodyToAsk) => EXIT_USAGE,
            _ => EXIT_BAD_INPUT,
        }
    }

    /// The failure to read `path` that `source` stands for.
    #[must_use]
    pub fn reading(path: &Path, source: io::Error) -> Self {
        OfflineError::reading(path, source).into()
    }

    /// The failure to write `path` that `source` stands for.
    #[must_use]
    pub fn writing(path: &Path, source: io::Error) -> Self {
        OfflineError::writing(path, source).into()
    }
}
