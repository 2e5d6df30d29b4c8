//! What the application remembers between runs: devices, and where the panel stood. A JSON file in the user's folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::AppError;
use crate::{
    analysis::LowestPitch,
    engine::{Setting, Settings, Source},
    library::{EMBEDDED_ID, tunings::SavedTuning},
    preset::LoadedPreset,
};

/// Everything that is remembered. Fields that a file lacks have their defaults, unknown ones are ignored, so that files
/// of other versions can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub devices: DeviceChoice,
    pub source: Source,
    pub lowest_pitch: LowestPitch,
    pub model: String,
    /// The second model that is mixed in.
    pub blend: Option<String>,
    /// How keys are tuned; `None` is twelve equal steps.
    pub tuning: Option<SavedTuning>,
    /// Values of settings by their ids, in their own units.
    pub settings: std::collections::BTreeMap<String, f32>,
    /// The preset that was loaded last.
    pub preset: Option<LoadedPreset>,
    /// Size of everything in the window; 1 is 100 %.
    pub zoom: f32,
}

/// Which devices to use; `None` is the system's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceChoice {
    /// The audio library's stable id of the output.
    pub output: Option<String>,
    /// What people call it, for when it is not there.
    pub output_name: Option<String>,
    /// The same of the input.
    pub input: Option<String>,
    pub input_name: Option<String>,
    /// Name of a MIDI port; `None` listens to all of them.
    pub midi_port: Option<String>,
    pub sample_rate_hz: Option<u32>,
    /// Samples in a block.
    pub buffer_frames: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            devices: DeviceChoice::default(),
            source: Source::default(),
            lowest_pitch: LowestPitch::default(),
            model: EMBEDDED_ID.to_owned(),
            blend: None,
            tuning: None,
            settings: Setting::ALL.iter().map(|spec| (spec.id.to_owned(), spec.default)).collect(),
            preset: None,
            zoom: 1.0,
        }
    }
}

impl Config {
    /// The file, or `None` where the system knows no folder for settings.
    fn path() -> Option<PathBuf> {
        Some(directories::ProjectDirs::from("", "", "retort")?.config_dir().join("app.json"))
    }

    /// Reads what was remembered. A missing file gives the defaults; an unreadable one too, with the reason.
    pub fn load() -> (Self, Option<AppError>) {
        Self::path().map_or_else(|| (Self::default(), None), |path| Self::read(&path))
    }

    fn read(path: &Path) -> (Self, Option<AppError>) {
        let unreadable = |reason: String| (Self::default(), Some(AppError::Config { path: path.into(), reason }));
        match fs::read_to_string(path) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(config) => (config, None),
                Err(error) => unreadable(error.to_string()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Self::default(), None),
            Err(error) => unreadable(error.to_string()),
        }
    }

    /// Writes the file as a whole: a crash leaves the old one.
    ///
    /// # Errors
    /// When the folder or file cannot be written.
    pub fn save(&self) -> Result<(), AppError> {
        Self::path().map_or(Ok(()), |path| self.write(&path))
    }

    fn write(&self, path: &Path) -> Result<(), AppError> {
        let failed = |reason: std::io::Error| AppError::Config { path: path.into(), reason: reason.to_string() };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        let draft = path.with_extension("json.new");
        fs::write(&draft, text).map_err(failed)?;
        fs::rename(&draft, path).map_err(failed)
    }

    /// The remembered values, clamped to their ranges.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for spec in &Setting::ALL {
            if let Some(&value) = self.settings.get(spec.id) {
                settings.set(spec.setting, value);
            }
        }
        settings
    }

    /// Remembers values.
    pub fn set_settings(&mut self, settings: &Settings) {
        self.settings = Setting::ALL.iter().map(|spec| (spec.id.to_owned(), settings.get(spec.setting))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back() {
        let mut config = Config { source: Source::Audio, model: "flute/full".into(), zoom: 1.5, ..Config::default() };
        config.devices = DeviceChoice {
            output: Some("alsa:hw:0,0".into()),
            output_name: Some("Interface".into()),
            input: Some("alsa:hw:1,0".into()),
            input_name: Some("Microphone".into()),
            midi_port: Some("Keys:Keys MIDI 1 24:0".into()),
            sample_rate_hz: Some(96_000),
            buffer_frames: Some(64),
        };
        config.preset = Some(LoadedPreset { name: "Felt Piano".into(), user: false, changed: true });
        config.set_settings(&Settings { transpose: -12.0, ..Settings::default() });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("retort/app.json");
        config.write(&path).expect("the folder can be made");
        let (back, problem) = Config::read(&path);
        assert!(problem.is_none());
        assert_eq!(back, config);
        assert_eq!(back.settings().transpose, -12.0);
    }

    #[test]
    fn the_first_start_has_defaults_and_a_damaged_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.json");
        let (config, problem) = Config::read(&path);
        assert_eq!((config, problem.is_none()), (Config::default(), true));
        fs::write(&path, "{ \"devices\": 7").expect("the folder is there");
        let (config, problem) = Config::read(&path);
        assert_eq!(config, Config::default());
        assert!(problem.is_some_and(|problem| problem.to_string().contains("app.json")));
    }

    #[test]
    fn files_of_other_versions_can_be_read() {
        let config: Config =
            serde_json::from_str(r#"{"model": "violin/full", "theme": "pink", "settings": {"mix": 7, "fuzz": 1}}"#)
                .expect("unknown and missing fields do no harm");
        assert_eq!(config.model, "violin/full");
        assert_eq!(config.settings().mix, 1.0);
        assert_eq!(config.settings().output_gain, 0.0);
    }
}
