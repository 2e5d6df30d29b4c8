//! What can go wrong between two files, in one line each: which file, what is wrong, what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::analysis::AnalysisError;
use crate::engine::EngineError;
use crate::library::PlayableError;

/// Every failure of reading, rendering and writing files.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("{}: no such file; check the name and the folder", .0.display())]
    Missing(PathBuf),
    #[error("{}: this is a folder; name one audio file in it", .0.display())]
    Directory(PathBuf),
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: not an audio file that Retort can read; use WAV, FLAC, MP3, Ogg Vorbis or AIFF", .0.display())]
    NotAudio(PathBuf),
    #[error("{}: holds no sound (0 samples); export it again", .0.display())]
    NoSamples(PathBuf),
    #[error("{}: the audio inside is coded in a way that Retort cannot read; convert it to WAV or FLAC", .0.display())]
    Codec(PathBuf),
    #[error("{}: the file is damaged; export it again, or convert it with another program first", .0.display())]
    Damaged(PathBuf),
    #[error("{}: sample rate {rate_hz} Hz is outside {} to {} Hz; resample it first", path.display(), .range.0, .range.1)]
    Rate { path: PathBuf, rate_hz: u32, range: (u32, u32) },
    #[error("{}: not a MIDI file that Retort can read ({detail}); export it again as a standard MIDI file", path.display())]
    Midi { path: PathBuf, detail: String },
    #[error("{}: the MIDI file plays no notes", .0.display())]
    NoNotes(PathBuf),

    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Playable(#[from] PlayableError),
    #[error("cancelled; nothing was written")]
    Cancelled,

    #[error("{}: the output is written as WAV; give it a name that ends in .wav", .0.display())]
    NotWavName(PathBuf),
    #[error("{}: the folder does not exist; create it first", .0.display())]
    NoFolder(PathBuf),
    #[error("{}: the disk is full; free some space and try again (nothing was left behind)", .0.display())]
    DiskFull(PathBuf),
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{}: {seconds:.0} s at {rate_hz} Hz is more than a WAV file holds (4 GiB); render it in parts or at a lower --rate", path.display())]
    TooLong { path: PathBuf, seconds: f64, rate_hz: u32 },
}

impl OfflineError {
    /// The failure to read `path` that `source` stands for.
    #[must_use]
    pub fn reading(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.into()),
            io::ErrorKind::IsADirectory => Self::Directory(path.into()),
            _ => Self::Unreadable { path: path.into(), source },
        }
    }

    /// The failure to write `path` that `source` stands for.
    #[must_use]
    pub fn writing(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path.into()),
            _ => Self::Unwritable { path: path.into(), source },
        }
    }
}
