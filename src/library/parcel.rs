//! Models on their way from one machine to another: an instrument's model files and its room in one file.
//!
//! A parcel is a safetensors file with the key `retort-parcel` in its metadata; every tensor is a whole file, as bytes. So it holds numbers and
//! text, nothing that could be run. Everything in it is loaded and checked before anything is made of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::{Library, LibraryError, is_plain};
use crate::model::{Metadata, Model, ModelError, RoomResponse};

/// Larger parcels are refused unread.
pub const MAX_PARCEL_BYTES: u64 = 256 << 20;
const KEY: &str = "retort-parcel";
const FORMAT_VERSION: u64 = 1;
const ROOM: &str = "room";
const ENDING: &str = ".safetensors";

/// Why a file cannot be taken in, or a model cannot be given away.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    #[error("cannot read {}: {source}; check that it exists and may be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is a folder; name a model file or a parcel in it", .0.display())]
    Folder(PathBuf),
    #[error("{}: {found} bytes are more than a parcel has ({MAX_PARCEL_BYTES} at most); nothing was read", path.display())]
    TooLarge { path: PathBuf, found: u64 },
    #[error("{}: this is neither a model nor a parcel of models ({detail})", path.display())]
    NoParcel { path: PathBuf, detail: String },
    #[error("{}: {name}: {source}", path.display())]
    Broken { path: PathBuf, name: String, source: Box<ModelError> },
    #[error("{}: it is of a newer Retort; get the newest one to read it", .0.display())]
    Newer(PathBuf),
    #[error("{}: `{id}` plays in the room `{room}`, which did not come along; get {room}{ENDING} too and put it beside the model", path.display())]
    NoRoom { path: PathBuf, id: String, room: String },
    #[error("there is no model `{0}`; 'retort models' lists all")]
    Unknown(String),
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// An instrument's models and room, each as the bytes of its file; all were loaded once, and work.
#[derive(Debug)]
pub struct Parcel {
    /// The part of the ids before the slash.
    pub instrument: String,
    /// What each file says about itself, and the file.
    pub models: Vec<(Metadata, Vec<u8>)>,
    /// The room's file, if the models have one.
    pub room: Option<Vec<u8>>,
}

impl Parcel {
    /// Reads a parcel, or a single model file with the room that lies beside it.
    ///
    /// # Errors
    /// [`ParcelError`]; whatever is wrong with any of it is wrong with all of it.
    pub fn read(path: &Path) -> Result<Self, ParcelError> {
        let bytes = read_bounded(path)?;
        let no_parcel = |detail: String| ParcelError::NoParcel { path: path.into(), detail };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| no_parcel(error.to_string()))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        match text {
            Some(text) => Self::unpack(path, &bytes, text),
            None => Self::single(path, bytes),
        }
    }

    fn unpack(path: &Path, bytes: &[u8], text: &str) -> Result<Self, ParcelError> {
        let no_parcel = |detail: &str| ParcelError::NoParcel { path: path.into(), detail: detail.into() };
        let about: Value = serde_json::from_str(text).map_err(|_| no_parcel("its description is not readable"))?;
        match about["format_version"].as_u64() {
            Some(FORMAT_VERSION) => {}
            Some(newer) if newer > FORMAT_VERSION => return Err(ParcelError::Newer(path.into())),
            _ => return Err(no_parcel("its description has no version")),
        }
        let instrument = about["instrument"].as_str().unwrap_or_default().to_owned();
        let files = SafeTensors::deserialize(bytes).map_err(|error| no_parcel(&error.to_string()))?;
        let mut parcel = Self { instrument, models: Vec::new(), room: None };
        for (name, file) in files.tensors() {
            match name.strip_suffix(ENDING) {
                _ if file.dtype() != Dtype::U8 || file.shape().len() != 1 => {
                    return Err(no_parcel("it holds more than files"));
                }
                Some(ROOM) => parcel.room = Some(file.data().to_vec()),
                Some(variant) => {
                    let metadata = check_model(path, &name, file.data())?;
                    if metadata.id != format!("{}/{variant}", parcel.instrument) {
                        return Err(no_parcel(&format!("{name} is the model {}", metadata.id)));
                    }
                    parcel.models.push((metadata, file.data().to_vec()));
                }
                None => return Err(no_parcel(&format!("{name} is no model"))),
            }
        }
        parcel.checked(path)
    }

    fn single(path: &Path, bytes: Vec<u8>) -> Result<Self, ParcelError> {
        let metadata = check_model(path, "the model", &bytes)?;
        let beside = path.with_file_name(format!("{ROOM}{ENDING}"));
        let room = if metadata.room.is_some() && beside.is_file() { Some(read_bounded(&beside)?) } else { None };
        Self { instrument: metadata.instrument.clone(), models: vec![(metadata, bytes)], room }.checked(path)
    }

    /// Names that may become files, and a room that fits every model.
    fn checked(mut self, path: &Path) -> Result<Self, ParcelError> {
        let no_parcel = |detail: String| ParcelError::NoParcel { path: path.into(), detail };
        if self.models.is_empty() {
            return Err(no_parcel("there is no model in it".into()));
        }
        if let Some((metadata, _)) =
            self.models.iter().find(|(m, _)| !is_plain(&m.instrument) || !is_plain(&m.variant) || m.variant == ROOM)
        {
            return Err(no_parcel(format!("`{}` cannot be the name of a file", metadata.id)));
        }
        let room = match &self.room {
            None => None,
            Some(bytes) => Some(RoomResponse::from_bytes(bytes).map_err(|source| ParcelError::Broken {
                path: path.into(),
                name: ROOM.into(),
                source: Box::new(source),
            })?),
        };
        for (metadata, _) in &self.models {
            let Some(wanted) = &metadata.room else { continue };
            let fits =
                room.as_ref().is_some_and(|room| room.id == *wanted && room.sample_rate_hz == metadata.sample_rate_hz);
            if !fits {
                return Err(ParcelError::NoRoom { path: path.into(), id: metadata.id.clone(), room: wanted.clone() });
            }
        }
        self.models.sort_by(|a, b| a.0.variant.cmp(&b.0.variant));
        Ok(self)
    }

    /// The parcel's file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let about = json!({ "format_version": FORMAT_VERSION, "instrument": self.instrument }).to_string();
        let room = self.room.as_ref().map(|bytes| (ROOM, bytes.as_slice()));
        let files =
            self.models.iter().map(|(metadata, bytes)| (metadata.variant.as_str(), bytes.as_slice())).chain(room);
        let tensors: Vec<(String, TensorView<'_>)> = files
            .map(|(name, bytes)| {
                let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes).expect("as many bytes as it says");
                (format!("{name}{ENDING}"), view)
            })
            .collect();
        safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), about)])))
            .expect("plain bytes always have a file")
    }
}

impl Library {
    /// The models of `what`, an instrument (`violin`) or one model (`violin/full`), with their room.
    ///
    /// # Errors
    /// There is none, or one cannot be loaded.
    pub fn parcel(&self, what: &str) -> Result<Parcel, ParcelError> {
        let of = |id: &str| id == what || id.strip_prefix(what).is_some_and(|rest| rest.starts_with('/'));
        let ids: Vec<String> = self.list().into_iter().map(|entry| entry.id).filter(|id| of(id)).collect();
        if ids.is_empty() {
            // With what it may have been meant to be.
            return Err(if what.contains('/') {
                self.load(what).err().map_or_else(|| ParcelError::Unknown(what.into()), Into::into)
            } else {
                ParcelError::Unknown(what.into())
            });
        }
        let mut parcel =
            Parcel { instrument: what.split('/').next().unwrap_or(what).to_owned(), models: Vec::new(), room: None };
        for id in ids {
            // Loads it, so that nothing broken is given away.
            let loaded = self.load(&id)?;
            let Some(source) = self.find(&id).next() else { continue };
            if let Some(room) = &loaded.model.metadata.room
                && parcel.room.is_none()
                && let Some(file) = self.find_room(&source, room)
            {
                parcel.room = Some(file.read()?.into_owned());
            }
            parcel.models.push((loaded.model.metadata.as_ref().clone(), source.read()?.into_owned()));
        }
        parcel.checked(Path::new(what))
    }
}

fn check_model(path: &Path, name: &str, bytes: &[u8]) -> Result<Metadata, ParcelError> {
    let broken = |source| ParcelError::Broken { path: path.into(), name: name.into(), source: Box::new(source) };
    Ok(Model::from_bytes(bytes).map_err(broken)?.metadata.as_ref().clone())
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, ParcelError> {
    let unreadable = |source| ParcelError::Unreadable { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.is_dir() {
        return Err(ParcelError::Folder(path.into()));
    }
    let mut bytes = Vec::new();
    if about.len() <= MAX_PARCEL_BYTES {
        // The file may grow between the two looks.
        file.take(MAX_PARCEL_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    let found = about.len().max(bytes.len() as u64);
    if found > MAX_PARCEL_BYTES { Err(ParcelError::TooLarge { path: path.into(), found }) } else { Ok(bytes) }
}
