//! Weights and rooms that this process holds already, so that ten plugins of one model need their memory once.
//!
//! An instrument that plays holds its decoder and nothing else of the model; that is enough for the next one to find it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::LibraryError;
use super::source::Version;
use crate::model::{Decoder, Metadata, Model, RoomResponse};

/// Where things of one kind are looked up by file and its last change.
type Shelf<T> = Mutex<Option<HashMap<Version, T>>>;

static MODELS: Shelf<(Weak<dyn Decoder>, Arc<Metadata>)> = Mutex::new(None);
static ROOMS: Shelf<Weak<RoomResponse>> = Mutex::new(None);

/// The model of a file, or what `load` makes.
pub(super) fn model(
    version: Version,
    load: impl FnOnce() -> Result<Model, LibraryError>,
) -> Result<Model, LibraryError> {
    let hold = |model: &Model| (Arc::downgrade(&model.decoder), Arc::clone(&model.metadata));
    let find = |(decoder, metadata): &(Weak<dyn Decoder>, Arc<Metadata>)| {
        Some(Model { metadata: Arc::clone(metadata), decoder: decoder.upgrade()? })
    };
    get_or_load(&MODELS, version, load, hold, find)
}

/// The room of a file, or what `load` makes.
pub(super) fn room(
    version: Version,
    load: impl FnOnce() -> Result<RoomResponse, LibraryError>,
) -> Result<Arc<RoomResponse>, LibraryError> {
    get_or_load(&ROOMS, version, || load().map(Arc::new), Arc::downgrade, Weak::upgrade)
}

/// What `find` gets out of what is held of `version`, or what `load` makes. Loading happens outside the lock; if two
/// threads load the same at once, both get the first one's.
fn get_or_load<T, H>(
    shelf: &Shelf<H>,
    version: Version,
    load: impl FnOnce() -> Result<T, LibraryError>,
    hold: impl FnOnce(&T) -> H,
    find: impl Fn(&H) -> Option<T>,
) -> Result<T, LibraryError> {
    if let Some(found) = with_map(shelf, |map| map.get(&version).and_then(&find)) {
        return Ok(found);
    }
    let loaded = load()?;
    Ok(with_map(shelf, |map| {
        map.retain(|_, held| find(held).is_some());
        if let Some(first) = map.get(&version).and_then(&find) {
            return first;
        }
        map.insert(version, hold(&loaded));
        loaded
    }))
}

fn with_map<T, H>(shelf: &Shelf<H>, look: impl FnOnce(&mut HashMap<Version, H>) -> T) -> T {
    // The map is whole after any panic elsewhere: no step leaves it half changed.
    look(shelf.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}
