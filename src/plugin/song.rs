//! What a song remembers beside the parameters: which model is in which slot, by id, with the state's version.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nice_plug::params::persist::PersistentField;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::params::SLOTS;
use crate::library::tunings::SavedTuning;
use crate::preset::LoadedPreset;

/// Raised when the meaning of what is saved changes; newer states are still read as far as they are understood.
pub const STATE_VERSION: u64 = 1;

/// The model that a new song plays; it is part of the plugin's file, so it is always there.
pub const DEFAULT_MODEL: &str = crate::library::EMBEDDED_ID;

/// The part of the state that is no parameter, as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Value")]
pub struct SongState {
    /// As read; what is written is always [`STATE_VERSION`].
    #[serde(serialize_with = "current_version")]
    pub version: u64,
    /// The preset that was loaded last; older states have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<LoadedPreset>,
    /// A model id for each slot. Whether it is installed here does not matter: a song never forgets its models.
    pub models: [String; SLOTS],
    /// The id of the model to blend with, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<String>,
    /// How keys are tuned, with the tuning's own text; `None` is twelve equal steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<SavedTuning>,
}

impl Default for SongState {
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            models: std::array::from_fn(|_| DEFAULT_MODEL.into()),
            preset: None,
            blend: None,
            tuning: None,
        }
    }
}

fn current_version<S: Serializer>(_: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(STATE_VERSION)
}

impl From<Value> for SongState {
    /// Takes what it understands from any JSON, so that the states of all versions load.
    fn from(saved: Value) -> Self {
        let mut state =
            Self { version: saved.get("version").and_then(Value::as_u64).unwrap_or(STATE_VERSION), ..Self::default() };
        state.preset = saved.get("preset").and_then(|preset| LoadedPreset::deserialize(preset).ok());
        let saved_models = saved.get("models").and_then(Value::as_array);
        for (model, saved) in state.models.iter_mut().zip(saved_models.into_iter().flatten()) {
            if let Some(id) = saved.as_str() {
                *model = id.to_owned();
            }
        }
        state.blend = saved.get("blend").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        state.tuning = saved.get("tuning").and_then(|tuning| SavedTuning::deserialize(tuning).ok());
        state
    }
}

/// The song's models, shared by host, panel and loader. The audio thread only looks at the revision.
#[derive(Debug, Default)]
pub struct Song {
    state: Mutex<SongState>,
    revision: AtomicU32,
}

impl Song {
    /// Counts changes, whoever makes them; hosts do not tell when they load a state.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision.load(Ordering::Acquire)
    }

    /// The id in a slot, 0 to `SLOTS - 1`.
    #[must_use]
    pub fn model(&self, slot: usize) -> String {
        self.lock().models[slot].clone()
    }

    /// Whether this id is in a slot.
    #[must_use]
    pub fn holds(&self, slot: usize, id: &str) -> bool {
        self.lock().models[slot] == id
    }

    /// Whether the song was saved by a later Retort, of whose settings some may be missing here.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        self.lock().version > STATE_VERSION
    }

    /// Puts a model into a slot.
    pub fn set_model(&self, slot: usize, id: &str) {
        self.lock().models[slot] = id.to_owned();
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// The id of the model to blend with.
    #[must_use]
    pub fn blend(&self) -> Option<String> {
        self.lock().blend.clone()
    }

    /// Whether this is the model to blend with.
    #[must_use]
    pub fn blends_with(&self, id: Option<&str>) -> bool {
        self.lock().blend.as_deref() == id
    }

    /// Chooses the model to blend with, or none.
    pub fn set_blend(&self, id: Option<&str>) {
        self.lock().blend = id.map(str::to_owned);
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// How keys are tuned; `None` is twelve equal steps.
    #[must_use]
    pub fn tuning(&self) -> Option<SavedTuning> {
        self.lock().tuning.clone()
    }

    /// Whether this is the name of the tuning.
    #[must_use]
    pub fn is_tuned_as(&self, name: Option<&str>) -> bool {
        self.lock().tuning.as_ref().map(|tuning| tuning.name.as_str()) == name
    }

    /// Chooses a tuning; `None` is twelve equal steps.
    pub fn set_tuning(&self, tuning: Option<SavedTuning>) {
        self.lock().tuning = tuning;
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// The preset that was loaded last.
    #[must_use]
    pub fn preset(&self) -> Option<LoadedPreset> {
        self.lock().preset.clone()
    }

    /// Whether `preset` is the one that was loaded last.
    #[must_use]
    pub fn holds_preset(&self, preset: Option<&LoadedPreset>) -> bool {
        self.lock().preset.as_ref() == preset
    }

    /// Remembers a preset. The loader need not know: its model has been chosen beside it.
    pub fn set_preset(&self, preset: Option<LoadedPreset>) {
        self.lock().preset = preset;
    }

    fn lock(&self) -> MutexGuard<'_, SongState> {
        // Nothing panics while it holds the lock, and every state between is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PersistentField<'_, SongState> for Song {
    fn set(&self, loaded: SongState) {
        *self.lock() = loaded;
        self.revision.fetch_add(1, Ordering::Release);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&SongState) -> R,
    {
        f(&self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> SongState {
        serde_json::from_str(json).expect("any JSON is read")
    }

    #[test]
    fn a_song_comes_back_as_it_was_saved() {
        let song = Song::default();
        song.set_model(2, "trumpet/full");
        song.set_blend(Some("flute/cnn"));
        song.set_tuning(crate::library::tunings::list(None).into_iter().next());
        let saved = song.map(|state| serde_json::to_string(state).expect("strings and numbers are JSON"));
        assert!(!saved.contains("preset"), "a song without one does not mention it");
        let other = Song::default();
        other.set(read(&saved));
        assert_eq!(other.model(2), "trumpet/full");
        assert!(other.blends_with(Some("flute/cnn")) && other.is_tuned_as(Some("Pythagorean")));
        assert_eq!(other.map(Clone::clone), song.map(Clone::clone));
    }

    #[test]
    fn a_song_knows_its_preset_and_whether_it_was_changed() {
        let song = Song::default();
        let preset = LoadedPreset { name: "Felt Piano".into(), user: false, changed: true };
        song.set_preset(Some(preset.clone()));
        let saved = song.map(|state| serde_json::to_string(state).expect("strings and numbers are JSON"));
        assert_eq!(read(&saved).preset, Some(preset.clone()));
        assert!(song.holds_preset(Some(&preset)) && !song.holds_preset(None));
        for other in [r#"{"preset": 7}"#, r#"{"preset": {"name": 1}}"#, r#"{"models": []}"#] {
            assert_eq!(read(other).preset, None, "{other}");
        }
        assert!(!read(r#"{"preset": {"name": "x"}}"#).preset.unwrap().changed);
    }

    #[test]
    fn loading_and_choosing_are_noticed() {
        let song = Song::default();
        let before = song.revision();
        song.set(SongState::default());
        song.set_model(0, "violin/full");
        assert_eq!(song.revision(), before + 2);
    }

    #[test]
    fn a_state_of_a_later_version_is_read_as_far_as_it_is_understood() {
        let state = read(
            r#"{"version": 9, "models": ["a/b", {"id": "c/d"}, "e/f", "", "", "", "", "", "tenth"], "scene": {"x": 1}}"#,
        );
        assert_eq!(state.version, 9);
        assert_eq!((state.models[0].as_str(), state.models[1].as_str()), ("a/b", DEFAULT_MODEL));
        assert_eq!(state.models[2], "e/f");
        assert_eq!(read("null"), SongState::default());
        assert_eq!(read("[1, 2]"), SongState::default());
    }
}
