//! From `--model ID` or `--model-file FILE` to an instrument that can be built for any rate.

use std::path::Path;
use std::sync::Arc;

use crate::engine::Instrument;
use crate::library::{Choice, Library, LoadedModel, PlayableError};
use crate::model::file::MAX_FILE_BYTES;
use crate::model::{Model, ModelError, RoomResponse};

use super::error::CliError;

/// A model with its room.
pub struct Chosen {
    pub loaded: Arc<LoadedModel>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

impl Chosen {
    /// The model's id.
    pub fn id(&self) -> String {
        self.loaded.model.metadata.id.clone()
    }

    /// Built at `sample_rate_hz`, with all voices.
    ///
    /// # Errors
    /// None for a model alone.
    pub fn instrument(&self, sample_rate_hz: u32) -> Result<Instrument, PlayableError> {
        self.loaded.instrument(Choice::default(), sample_rate_hz)
    }
}

/// The library of every start, with `folder` before all others if there is one.
///
/// # Errors
/// The folder does not exist.
pub fn library(folder: Option<&Path>) -> Result<Library, CliError> {
    let standard = Library::standard();
    let Some(folder) = folder else { return Ok(standard) };
    if !folder.is_dir() {
        return Err(CliError::NoModels(folder.into()));
    }
    let folders = std::iter::once(folder.to_path_buf()).chain(standard.folders().iter().cloned());
    Ok(Library::with_folders(folders.collect()))
}

/// The model that a command names by id or by file; the command's definition sees to it that it is one of them.
///
/// # Errors
/// There is no such model, or it cannot be loaded.
pub fn choose(id: Option<&str>, file: Option<&Path>, folder: Option<&Path>) -> Result<Chosen, CliError> {
    match (id, file) {
        (_, Some(file)) => from_file(file),
        (Some(id), None) => by_id(&library(folder)?, id),
        (None, None) => Err(CliError::Usage("name a model with --model; 'retort models' lists them".into())),
    }
}

/// Loads a model and its room from a library.
///
/// # Errors
/// What the library says.
pub fn by_id(library: &Library, id: &str) -> Result<Chosen, CliError> {
    let loaded = library.load(id)?;
    Ok(Chosen { loaded, notes: Vec::new() })
}

/// Reads a model file, and the room of its instrument from `room.safetensors` beside it.
///
/// # Errors
/// Either file cannot be read or is broken. A room that is not there is only noted.
pub fn from_file(path: &Path) -> Result<Chosen, CliError> {
    let model = Model::from_bytes(&read(path)?).map_err(|source| CliError::Model { path: path.into(), source })?;
    let mut notes = Vec::new();
    let room = match &model.metadata.room {
        None => None,
        Some(id) => {
            let room_path = path.with_file_name("room.safetensors");
            if room_path.exists() {
                let room = RoomResponse::from_bytes(&read(&room_path)?)
                    .map_err(|source| CliError::Model { path: room_path.clone(), source })?;
                if room.id != *id {
                    notes.push(format!("plays in the room {} beside it instead of {id}", room.id));
                }
                Some(Arc::new(room))
            } else {
                notes.push(format!("plays without its room, since there is no {} beside it", room_path.display()));
                None
            }
        }
    };
    Ok(Chosen { loaded: Arc::new(LoadedModel { model, room }), notes })
}

/// Reads a whole file of bounded size.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let reading = |source| CliError::reading(path, source);
    let metadata = std::fs::metadata(path).map_err(reading)?;
    if metadata.is_dir() {
        return Err(CliError::NotAModel(path.into()));
    }
    if metadata.len() > MAX_FILE_BYTES {
        let source = ModelError::TooLarge { found: metadata.len(), limit: MAX_FILE_BYTES };
        return Err(CliError::Model { path: path.into(), source });
    }
    std::fs::read(path).map_err(reading)
}
