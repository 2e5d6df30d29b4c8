//! Weights that this process holds already, so that ten plugins of one model need its memory once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::source::Version;
use super::{LibraryError, LoadedModel};

/// Model and room, each as of its last change.
pub(super) type Key = (Version, Option<Version>);

static LOADED: Mutex<Option<HashMap<Key, Weak<LoadedModel>>>> = Mutex::new(None);

/// What is loaded under `key`, or what `load` makes. Loading happens outside the lock; if two threads load the same at
/// once, both get the first one's.
pub(super) fn get_or_load(
    key: Key,
    load: impl FnOnce() -> Result<LoadedModel, LibraryError>,
) -> Result<Arc<LoadedModel>, LibraryError> {
    if let Some(loaded) = with_map(|map| map.get(&key).and_then(Weak::upgrade)) {
        return Ok(loaded);
    }
    let loaded = Arc::new(load()?);
    Ok(with_map(|map| {
        map.retain(|_, held| held.strong_count() > 0);
        if let Some(first) = map.get(&key).and_then(Weak::upgrade) {
            return first;
        }
        map.insert(key, Arc::downgrade(&loaded));
        loaded
    }))
}

fn with_map<T>(look: impl FnOnce(&mut HashMap<Key, Weak<LoadedModel>>) -> T) -> T {
    // The map is whole after any panic elsewhere: no step leaves it half changed.
    look(LOADED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}
