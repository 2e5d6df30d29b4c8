//! Finds model files on disk by id and loads them with their room: ids in, shared [`LoadedModel`]s out.
//!
//! A folder of models holds `<instrument>/<variant>.safetensors` and `<instrument>/room.safetensors`. `violin/reduced` is
//! embedded if it was there when Retort was built, so that there is always something to play. Listing reads headers only. Command line, plugin and application
//! call this from their loader threads; nothing here belongs on the audio thread.

mod cache;
mod changes;
mod error;
mod folders;
pub mod parcel;
mod playable;
mod shadow;
pub mod shelf;
mod source;
mod speed;
pub mod tunings;
pub mod variant;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use changes::Changes;
pub use error::LibraryError;
pub(crate) use error::near;
pub use folders::data_folder;
pub use playable::{Built, Choice, PlayableError, Sound, Unplayable};
pub use shadow::Twin;
use source::Source;
pub use speed::machine_factor;

use crate::model::{Metadata, Model, RoomResponse};

/// The id of the model that a new song plays; it is part of the program if [`HAS_EMBEDDED`].
pub const EMBEDDED_ID: &str = "violin/reduced";

/// Whether the model of [`EMBEDDED_ID`] lay in the folder of models when this program was built, and so is always there.
/// Without it the program plays what it finds installed, and says so if that is nothing.
pub const HAS_EMBEDDED: bool = cfg!(retort_embedded);

/// A model with its instrument's room, as the engine needs it.
#[derive(Clone)]
pub struct LoadedModel {
    /// Metadata and decoder.
    pub model: Model,
    /// The room, if the model has one; at the model's rate.
    pub room: Option<Arc<RoomResponse>>,
}

/// One model that can be loaded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `<instrument>/<variant>`.
    pub id: String,
    /// What the file says about itself.
    pub metadata: Metadata,
    /// Where it lies; `None` for the embedded model.
    pub path: Option<PathBuf>,
    /// Size of the file.
    pub bytes: u64,
}

/// A file that lies where a model belongs and cannot be used.
#[derive(Debug)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it and what to do.
    pub error: LibraryError,
}

/// What a look through all folders found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Models that can be loaded, by instrument and from large to small; where two files have the same id, the one that is loaded.
    pub models: Vec<Entry>,
    /// Files that cannot be used, in the order of the folders.
    pub problems: Vec<Problem>,
}

/// The folders that models are looked for in, best first.
#[derive(Clone, Debug)]
pub struct Library {
    folders: Vec<PathBuf>,
}

impl Library {
    /// The folders of every start, then the embedded model: `RETORT_MODELS` (separated as in `PATH`), `retort/models` in
    /// the user's data folder, and for the program itself `../share/retort/models` and `../../models` beside the binary.
    /// What the user has chosen comes before what came with a program, so that all programs play the same.
    #[must_use]
    pub fn standard() -> Self {
        Self::with_folders(folders::standard())
    }

    /// These folders, best first, then the embedded model.
    #[must_use]
    pub fn with_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// Looks in `folder` too, after the others: a plugin's bundle has models in `Contents/Resources/models`.
    #[must_use]
    pub fn and_folder(mut self, folder: PathBuf) -> Self {
        self.folders.push(folder);
        self
    }

    /// The folders, best first; not all need exist.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// All models that can be loaded, by instrument and from large to small. Reads headers only.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        self.scan().models
    }

    /// All models, and the files that look like models but cannot be used. Reads headers only.
    #[must_use]
    pub fn scan(&self) -> Listing {
        let mut listing = Listing::default();
        for path in self.folders.iter().flat_map(|folder| model_files(folder)) {
            match entry(Source::File(path.clone()), &id_of(&path)) {
                Ok(entry) => listing.models.push(entry),
                Err(error) => listing.problems.push(Problem { path, error }),
            }
        }
        // A broken embedded model is a mistake at build time that a test finds.
        listing.models.extend(Source::embedded(EMBEDDED_ID).and_then(|source| entry(source, EMBEDDED_ID).ok()));
        // The sort is stable: the first of equals comes from the best folder.
        let place =
            |id: &str| id.split_once('/').map(|(instrument, size)| (instrument.to_owned(), variant::place(size)));
        listing.models.sort_by_cached_key(|entry| (place(&entry.id), entry.id.clone()));
        listing.models.dedup_by(|later, first| later.id == first.id);
        listing
    }

    /// Loads a model and its room, or takes what this process has loaded already: weights and rooms are shared as long as
    /// somebody holds them, weights as long as an instrument plays them, and are read anew when the file has changed.
    ///
    /// # Errors
    /// [`LibraryError`]; for an unknown id it lists what there is.
    pub fn load(&self, id: &str) -> Result<Arc<LoadedModel>, LibraryError> {
        // As in the list: a file whose header is no good hides no good one in a later folder, nor the embedded one.
        let mut found = self.find(id).map(|source| entry(source.clone(), id).map(|entry| (source, entry.metadata)));
        let first = found.next();
        let (source, metadata) = match (first, found.find_map(Result::ok)) {
            (Some(Ok(good)), _) | (Some(Err(_)), Some(good)) => good,
            (Some(Err(error)), None) => return Err(error),
            (None, _) => {
                let available: Vec<String> = self.list().into_iter().map(|entry| entry.id).collect();
                return Err(LibraryError::Unknown { id: id.into(), near: near(id, &available), available });
            }
        };
        let room = match metadata.room {
            None => None,
            Some(room) => Some(self.find_room(&source, &room).ok_or(LibraryError::NoRoom { id: id.into(), room })?),
        };
        let model = cache::model(source.version()?, || {
            Model::from_bytes(&source.read()?).map_err(|error| source.broken(error))
        })?;
        let room = room.map(|file| load_room(&file, &model.metadata)).transpose()?;
        Ok(Arc::new(LoadedModel { model, room }))
    }

    /// The files of this id, best first, and the embedded one.
    fn find(&self, id: &str) -> impl Iterator<Item = Source> {
        // An id from a song or command line must not lead out of the folders.
        let parts = id.split_once('/').filter(|(instrument, variant)| is_plain(instrument) && is_plain(variant));
        let files = parts.into_iter().flat_map(|(instrument, variant)| {
            self.folders.iter().map(move |folder| folder.join(instrument).join(format!("{variant}.safetensors")))
        });
        files.filter(|path| path.is_file()).map(Source::File).chain(Source::embedded(id))
    }

    /// The room beside the model, or else any: a model that is imported does not change the room of the embedded one.
    fn find_room(&self, model: &Source, room: &str) -> Option<Source> {
        let own = match model {
            Source::File(path) => {
                let own = path.parent()?.parent()?.join(format!("{room}.safetensors"));
                own.is_file().then_some(Source::File(own))
            }
            Source::Embedded { .. } => Source::embedded(room),
        };
        own.or_else(|| self.find(room).next())
    }
}

/// Whether a part of an id may be the name of a file or folder.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn entry(source: Source, id: &str) -> Result<Entry, LibraryError> {
    let (header, bytes) = source.read_header()?;
    let metadata = Model::read_metadata(&header).map_err(|error| source.broken(error))?;
    if metadata.id != id {
        return Err(LibraryError::Misplaced { path: source.path(), found: metadata.id, expected: id.into() });
    }
    let path = if let Source::File(path) = source { Some(path) } else { None };
    Ok(Entry { id: id.into(), metadata, path, bytes })
}

fn load_room(file: &Source, of: &Metadata) -> Result<Arc<RoomResponse>, LibraryError> {
    let room =
        cache::room(file.version()?, || RoomResponse::from_bytes(&file.read()?).map_err(|error| file.broken(error)))?;
    let (found, expected) = (room.sample_rate_hz, of.sample_rate_hz);
    if found == expected { Ok(room) } else { Err(LibraryError::RoomRate { path: file.path(), found, expected }) }
}

/// All `<instrument>/<variant>.safetensors` of a folder in the order of their names. A folder that cannot be read has none; what is hidden
/// is an import at work.
fn model_files(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| {
        let mut paths: Vec<PathBuf> =
            folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let files = inside(folder).into_iter().filter(|path| !is_hidden(path)).flat_map(|instrument| inside(&instrument));
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .filter(|path| path.file_stem().is_some_and(|name| name != "room"))
        .collect()
}

/// The id that a file has by its place.
fn id_of(path: &Path) -> String {
    let name = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", name(path.parent().and_then(Path::file_name)), name(path.file_stem()))
}
