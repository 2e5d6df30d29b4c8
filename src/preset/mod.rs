//! Presets: a name, a model and the values of settings, as readable JSON files.
//!
//! In come texts or what a panel holds, out come [`Preset`]s and texts. This part of the core touches no file: [`format`]
//! reads and writes the text, [`factory`] is built in. The files of the user are `FileStore`'s (feature `library`); the
//! panel and the command line talk to it, and the audio thread never hears of presets: their values reach it as any
//! other change of a setting does.

mod error;
pub mod factory;
#[cfg(feature = "library")]
mod file_name;
#[cfg(feature = "library")]
mod files;
pub mod format;
mod store;

pub use error::{PresetError, StoreError};
#[cfg(feature = "library")]
pub use files::FileStore;
pub use store::{LoadedPreset, Origin, PresetEntry, PresetStore};

use crate::engine::{Setting, SettingSpec, Settings, Source};

/// What presets are sorted by, in the order of lists. Files of others may name any category.
pub const CATEGORIES: [&str; 8] = ["Solo", "Ensemble", "Percussive", "Drone", "Bass", "Pad", "Transfer", "Blend"];

/// Values closer than this share of a setting's range are the same: a host keeps them as other numbers and back.
const SAME_SHARE: f32 = 1e-5;

/// A sound with a name: which model plays, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    /// 1 to [`format::MAX_NAME`] characters.
    pub name: String,
    /// One of [`CATEGORIES`] or another word; may be empty.
    pub category: String,
    /// Who made it; may be empty.
    pub author: String,
    /// One sentence; may be empty.
    pub description: String,
    /// Id of the model, `violin/full`; it need not be installed.
    pub model: String,
    /// Id of a second model whose controls are crossfaded with the first one's.
    pub blend: Option<String>,
    /// Where pitch and loudness come from; `None` leaves it as it is.
    pub source: Option<Source>,
    /// The values that are mentioned, in the settings' units and ranges; each setting at most once.
    pub settings: Vec<(Setting, f32)>,
}

impl Preset {
    /// The value that the preset wants for `setting`. What it does not mention has its default, but for settings that
    /// belong to the place ([`belongs_to_the_place`]): they stay, `None`.
    #[must_use]
    pub fn value(&self, setting: Setting) -> Option<f32> {
        let mentioned = self.settings.iter().find(|(mentioned, _)| *mentioned == setting);
        match mentioned {
            Some((_, value)) => Some(*value),
            None => (!belongs_to_the_place(setting)).then(|| setting.spec().default),
        }
    }

    /// All settings as the preset wants them; those that belong to the place are those of `place`.
    #[must_use]
    pub fn settings(&self, place: &Settings) -> Settings {
        let mut settings = *place;
        for spec in &Setting::ALL {
            if let Some(value) = self.value(spec.setting) {
                settings.set(spec.setting, value);
            }
        }
        settings
    }
}

/// Whether a preset leaves `setting` alone unless it mentions it: the output level fits a mix, MPE a keyboard and the notes that
/// are sent a routing, not a sound.
#[must_use]
pub fn belongs_to_the_place(setting: Setting) -> bool {
    matches!(setting, Setting::OutputGain | Setting::Mpe | Setting::NotesOut)
}

/// Whether two values of a setting are the same but for rounding.
#[must_use]
pub fn is_same(spec: &SettingSpec, a: f32, b: f32) -> bool {
    (a - b).abs() <= SAME_SHARE * (spec.max - spec.min)
}

#[cfg(test)]
mod tests;
