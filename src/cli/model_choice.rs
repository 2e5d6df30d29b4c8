//! From `--model ID` or `--model-file FILE` to an instrument that can be built for any rate.

use std::path::Path;
use std::sync::Arc;

use crate::engine::{Instrument, InstrumentParts, profile};
use crate::model::{Model, ModelError, RoomResponse};

use super::error::CliError;

/// Files beyond this are refused before they are read, in bytes: no model is that large.
const MAX_BYTES: u64 = 64 << 20;

/// A model with its room.
pub struct Chosen {
    pub model: Model,
    /// `None` plays dry.
    pub room: Option<RoomResponse>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

impl Chosen {
    /// The model's id.
    pub fn id(&self) -> String {
        self.model.metadata.id.clone()
    }

    /// Built for one voice at `sample_rate_hz`.
    pub fn instrument(&self, sample_rate_hz: u32) -> Instrument {
        Instrument::build(&InstrumentParts {
            decoder: Arc::clone(&self.model.decoder),
            room: self.room.as_ref(),
            profile: profile(&self.model.metadata),
            sample_rate_hz,
            voices: 1,
        })
    }
}

pub fn choose(_: Option<&str>, file: Option<&Path>, _: Option<&Path>) -> Result<Chosen, CliError> { from_file(file.unwrap()) }

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
                Some(room)
            } else {
                notes.push(format!("plays without its room, since there is no {} beside it", room_path.display()));
                None
            }
        }
    };
    Ok(Chosen { model, room, notes })
}

/// Reads a whole file of bounded size.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let reading = |source| CliError::reading(path, source);
    let metadata = std::fs::metadata(path).map_err(reading)?;
    if metadata.is_dir() {
        return Err(CliError::NotAModel(path.into()));
    }
    if metadata.len() > MAX_BYTES {
        let source = ModelError::TooLarge { found: metadata.len(), limit: MAX_BYTES };
        return Err(CliError::Model { path: path.into(), source });
    }
    std::fs::read(path).map_err(reading)
}
