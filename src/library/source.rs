//! Where the bytes of one model or room come from: a file, or this binary.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use super::LibraryError;
use crate::model::{ModelError, file};

/// A file or embedded bytes.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    Embedded { id: &'static str, bytes: &'static [u8] },
}

/// Changes when the bytes may have: place, length, time of the last change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Version {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// What `build.rs` has found: the model and its room, or nothing.
#[cfg(retort_embedded)]
const EMBEDDED: &[(&str, &[u8])] = &[
    (super::EMBEDDED_ID, include_bytes!(env!("RETORT_EMBEDDED_MODEL"))),
    ("violin/room", include_bytes!(env!("RETORT_EMBEDDED_ROOM"))),
];
#[cfg(not(retort_embedded))]
const EMBEDDED: &[(&str, &[u8])] = &[];

impl Source {
    /// The embedded bytes of an id, if there are any.
    pub(super) fn embedded(id: &str) -> Option<Self> {
        EMBEDDED.iter().find(|(embedded, _)| *embedded == id).map(|(id, bytes)| Self::Embedded { id, bytes })
    }

    /// The path, also for messages about embedded bytes.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Embedded { id, .. } => format!("(embedded) {id}").into(),
        }
    }

    pub(super) fn broken(&self, source: ModelError) -> LibraryError {
        LibraryError::Broken { path: self.path(), source }
    }

    fn unreadable(&self, source: std::io::Error) -> LibraryError {
        LibraryError::Unreadable { path: self.path(), source }
    }

    pub(super) fn version(&self) -> Result<Version, LibraryError> {
        let path = self.path();
        match self {
            Self::File(file) => {
                let metadata = file.metadata().map_err(|error| self.unreadable(error))?;
                Ok(Version { path, bytes: metadata.len(), modified: metadata.modified().ok() })
            }
            Self::Embedded { bytes, .. } => Ok(Version { path, bytes: bytes.len() as u64, modified: None }),
        }
    }

    /// The file's header and the whole file's length, which the header agrees with.
    pub(super) fn read_header(&self) -> Result<(Cow<'static, [u8]>, u64), LibraryError> {
        let (header, found) = match self {
            Self::File(path) => {
                let (mut file, length) = self.open(path)?;
                let mut header = self.read_up_to(&mut file, 8)?;
                let rest = file::header_len(&header).map_err(|error| self.broken(error))? - header.len();
                header.extend(self.read_up_to(&mut file, rest as u64)?);
                (Cow::Owned(header), length)
            }
            Self::Embedded { bytes, .. } => (Cow::Borrowed(*bytes), bytes.len() as u64),
        };
        let expected = file::expected_len(&header).map_err(|error| self.broken(error))?;
        if expected != found {
            return Err(self.broken(ModelError::WrongLength { found, expected }));
        }
        Ok((header, found))
    }

    /// All bytes.
    pub(super) fn read(&self) -> Result<Cow<'static, [u8]>, LibraryError> {
        match self {
            Self::File(path) => {
                let (mut file, length) = self.open(path)?;
                Ok(Cow::Owned(self.read_up_to(&mut file, length)?))
            }
            Self::Embedded { bytes, .. } => Ok(Cow::Borrowed(bytes)),
        }
    }

    /// Opens a file of bounded length.
    fn open(&self, path: &PathBuf) -> Result<(File, u64), LibraryError> {
        let file = File::open(path).map_err(|error| self.unreadable(error))?;
        let found = file.metadata().map_err(|error| self.unreadable(error))?.len();
        if found > file::MAX_FILE_BYTES {
            return Err(self.broken(ModelError::TooLarge { found, limit: file::MAX_FILE_BYTES }));
        }
        Ok((file, found))
    }

    fn read_up_to(&self, file: &mut File, length: u64) -> Result<Vec<u8>, LibraryError> {
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(|error| self.unreadable(error))?;
        Ok(bytes)
    }
}
