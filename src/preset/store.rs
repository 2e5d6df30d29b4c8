//! What a panel asks of whoever keeps presets, and what is remembered of the one that was loaded.

use serde::{Deserialize, Serialize};

use super::{Preset, StoreError};

/// Where a preset comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in; cannot be changed or deleted.
    Factory,
    /// The user's own; `file` tells it from others of the same name.
    User { file: String },
}

/// A preset as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct PresetEntry {
    pub origin: Origin,
    /// The preset, or what is wrong with its file.
    pub preset: Result<Preset, String>,
}

impl PresetEntry {
    /// Whether it is one of the user's own.
    #[must_use]
    pub fn is_user(&self) -> bool {
        self.origin != Origin::Factory
    }

    /// The preset's name; of a broken file the file's.
    #[must_use]
    pub fn name(&self) -> &str {
        match (&self.preset, &self.origin) {
            (Ok(preset), _) => &preset.name,
            (Err(_), Origin::User { file }) => file,
            (Err(_), Origin::Factory) => "",
        }
    }
}

/// Keeps presets. Called on the window's thread; saving and looking may touch the disk, listing does not.
pub trait PresetStore {
    /// All presets as of the last look, sorted by category and name.
    fn list(&self) -> &[PresetEntry];

    /// Looks again for what is there.
    fn refresh(&mut self);

    /// Keeps `preset` as one of the user's. An own preset of the same name is replaced only with `overwrite`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] without `overwrite`; names of factory presets, values that a file cannot hold, disks that
    /// are full or may not be written to.
    fn save(&mut self, preset: &Preset, overwrite: bool) -> Result<(), StoreError>;

    /// Deletes the user's preset in `file` ([`Origin::User`]).
    ///
    /// # Errors
    /// When the file cannot be removed.
    fn delete(&mut self, file: &str) -> Result<(), StoreError>;
}

/// Which preset was loaded last, as songs and the application remember it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedPreset {
    pub name: String,
    /// One of the user's own, not built in.
    #[serde(default)]
    pub user: bool,
    /// Something was changed since.
    #[serde(default)]
    pub changed: bool,
}

impl LoadedPreset {
    /// Whether `entry` is the one.
    #[must_use]
    pub fn is(&self, entry: &PresetEntry) -> bool {
        entry.is_user() == self.user && entry.preset.as_ref().is_ok_and(|preset| preset.name == self.name)
    }
}
