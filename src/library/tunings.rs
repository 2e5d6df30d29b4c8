//! Tunings to choose from: some that come with the program, and the user's own Scala files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::{Tuning, TuningError};

/// The name of twelve equal steps, which needs no file.
pub const EQUAL: &str = "Equal";
/// Scala files are small; anything larger is something else.
const MAX_BYTES: u64 = 1 << 20;

/// A tuning with its texts, so that a song plays where the files are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTuning {
    /// As it is shown: the file's name without its ending.
    pub name: String,
    /// What stands in the `.scl` file.
    pub scale: String,
    /// What stands in the `.kbm` file of the same name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
}

impl SavedTuning {
    /// The frequencies of the keys.
    ///
    /// # Errors
    /// A text is no tuning; [`TuningError`] names the line.
    pub fn tuning(&self) -> Result<Tuning, TuningError> {
        Tuning::from_scala(&self.scale, self.mapping.as_deref())
    }

    /// Reads a `.scl` file, and the `.kbm` file beside it that has the same name.
    ///
    /// # Errors
    /// Names the file and what is wrong with it, as the end of a sentence.
    pub fn read(path: &Path) -> Result<Self, String> {
        let read = |path: &Path| {
            let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
            if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
                return Err(format!("{} is larger than a tuning can be", path.display()));
            }
            // Old files hold remarks in old encodings; what matters is ASCII.
            std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(failed)
        };
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let mapping_path = path.with_extension("kbm");
        let mapping = if mapping_path.is_file() { Some(read(&mapping_path)?) } else { None };
        let saved = Self { name, scale: read(path)?, mapping };
        saved.tuning().map_err(|error| format!("{} is no tuning: {error}", path.display()))?;
        Ok(saved)
    }
}

macro_rules! factory {
    ($($name:literal $file:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../assets/tunings/", $file, ".scl")))),*]
    };
}

/// Names and scales that come with the program, oldest first.
const FACTORY: [(&str, &str); 10] = factory![
    "Pythagorean" "pythagorean",
    "Meantone" "meantone",
    "Just" "just",
    "Werckmeister III" "werckmeister-iii",
    "Kirnberger III" "kirnberger-iii",
    "Vallotti" "vallotti",
    "19 equal steps" "19-equal",
    "24 equal steps" "24-equal",
    "31 equal steps" "31-equal",
    "Bohlen-Pierce" "bohlen-pierce",
];

/// Where the user's own are: `retort/tunings` in the user's data folder, on Linux `~/.local/share/retort/tunings`.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.data_dir().join("retort/tunings"))
}

/// Every tuning beside [`EQUAL`]: the program's, then those of `folder` by name. Files that are no tunings are left out.
#[must_use]
pub fn list(folder: Option<&Path>) -> Vec<SavedTuning> {
    let factory =
        FACTORY.iter().map(|(name, scale)| SavedTuning { name: (*name).into(), scale: (*scale).into(), mapping: None });
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let is_scale = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("scl"));
    let mut own: Vec<SavedTuning> =
        files.map(|entry| entry.path()).filter(is_scale).filter_map(|path| SavedTuning::read(&path).ok()).collect();
    own.sort_by_key(|tuning| tuning.name.to_lowercase());
    factory.chain(own).collect()
}

/// The choice of a tuning: what there is, and what is chosen.
#[derive(Debug)]
pub struct Tunings {
    all: Vec<SavedTuning>,
    /// [`EQUAL`], then those of `all`.
    names: Vec<String>,
    current: Option<String>,
}

impl Tunings {
    /// Everything that can be chosen now; reads files.
    #[must_use]
    pub fn of(current: Option<SavedTuning>) -> Self {
        let mut tunings = Self { all: list(folder().as_deref()), names: Vec::new(), current: None };
        tunings.follow(current);
        tunings
    }

    /// Names, twelve equal steps first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of what is chosen; `None` for twelve equal steps.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// The name of what is chosen.
    #[must_use]
    pub fn name(&self) -> &str {
        self.current.as_deref().unwrap_or(EQUAL)
    }

    /// Something else was chosen, perhaps a tuning that is not on this machine: then it stays in the list.
    pub fn follow(&mut self, current: Option<SavedTuning>) {
        self.current = current.as_ref().map(|tuning| tuning.name.clone());
        if let Some(foreign) = current.filter(|tuning| self.all.iter().all(|other| other.name != tuning.name)) {
            self.all.push(foreign);
        }
        self.names =
            std::iter::once(EQUAL.to_owned()).chain(self.all.iter().map(|tuning| tuning.name.clone())).collect();
    }

    /// Chooses by name; what is not in the list gives twelve equal steps.
    pub fn choose(&mut self, name: &str) -> Option<SavedTuning> {
        let chosen = self.all.iter().find(|tuning| tuning.name == name).cloned();
        self.current = chosen.as_ref().map(|tuning| tuning.name.clone());
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tuning_that_is_shipped_is_one_with_a_name_of_its_own() {
        let tunings = list(None);
        for (index, tuning) in tunings.iter().enumerate() {
            let keys = tuning.tuning().unwrap_or_else(|error| panic!("{}: {error}", tuning.name));
            assert!((keys.frequency_hz(60) - 261.626).abs() < 0.01, "{}: middle C stays", tuning.name);
            assert!(keys.frequency_hz(72) > keys.frequency_hz(60));
            assert!(tunings[..index].iter().all(|other| other.name != tuning.name));
        }
        let fifth = |name: &str| {
            let keys = tunings.iter().find(|t| t.name == name).unwrap().tuning().unwrap();
            1200.0 * (keys.frequency_hz(67) / keys.frequency_hz(60)).log2()
        };
        assert!((fifth("Pythagorean") - 701.955).abs() < 0.01 && (fifth("Meantone") - 696.578).abs() < 0.01);
    }

    #[test]
    fn the_user_s_own_files_follow_and_broken_ones_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("thirds.scl", "Thirds\n 2\n 400.\n 800.\n");
        write("thirds.kbm", "0\n0\n127\n60\n69\n441.0\n0\n");
        write("broken.scl", "no\n");
        write("readme.txt", "hello");
        let tunings = list(Some(folder.path()));
        assert_eq!(tunings.len(), FACTORY.len() + 1);
        let own = tunings.last().unwrap();
        assert_eq!(own.name, "thirds");
        assert!((own.tuning().unwrap().frequency_hz(69) - 441.0).abs() < 1e-3);
        let error = SavedTuning::read(&folder.path().join("broken.scl")).unwrap_err();
        assert!(error.contains("broken.scl is no tuning"), "{error}");
    }
}
