//! The presets on disk: the factory's from the program, the user's from `retort/presets` in the user's data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{
    CATEGORIES, Origin, Preset, PresetEntry, PresetError, PresetStore, StoreError, factory, file_name, format,
};
use crate::library;

/// Files of the user that are listed at most; a folder with more is not one of presets.
const MAX_FILES: usize = 4_096;
/// Presets of different names that may share a file's name before it gives up.
const MAX_ATTEMPTS: usize = 100;

/// Factory presets and the user's files. Plugin, application and command line each have one.
#[derive(Debug)]
pub struct FileStore {
    /// `None` where the system names no folder for data.
    folder: Option<PathBuf>,
    entries: Vec<PresetEntry>,
}

impl FileStore {
    /// With `retort/presets` in the user's data folder, on Linux `~/.local/share/retort/presets`. Looks at once.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(library::data_folder("presets"))
    }

    /// With this folder, which need not exist before the first preset is saved.
    #[must_use]
    pub fn with_folder(folder: PathBuf) -> Self {
        Self::new(Some(folder))
    }

    fn new(folder: Option<PathBuf>) -> Self {
        let mut store = Self { folder, entries: Vec::new() };
        store.refresh();
        store
    }

    /// The user's folder.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The preset that a musician names: a file, else by name, in any case of letters and the user's own first.
    ///
    /// # Errors
    /// The file cannot be read or is broken; no preset has the name.
    pub fn find(&self, name_or_file: &str) -> Result<Preset, StoreError> {
        let named = |entry: &&PresetEntry| {
            entry.preset.as_ref().is_ok_and(|preset| preset.name.to_lowercase() == name_or_file.to_lowercase())
        };
        let is_file = Path::new(name_or_file).extension().is_some_and(|extension| extension == "json");
        let mut found: Vec<&PresetEntry> = self.entries.iter().filter(named).collect();
        found.sort_by_key(|entry| !entry.is_user());
        match found.first().map(|entry| &entry.preset) {
            Some(Ok(preset)) if !is_file => Ok(preset.clone()),
            _ if is_file || Path::new(name_or_file).is_file() => read_file(Path::new(name_or_file)),
            _ => {
                let names: Vec<String> =
                    self.entries.iter().filter(|e| e.preset.is_ok()).map(|e| e.name().to_owned()).collect();
                let near = library::near(name_or_file, &names);
                Err(StoreError::Unknown { name: name_or_file.to_owned(), near })
            }
        }
    }

    /// The user's file with a preset of this name.
    fn file_of(&self, name: &str) -> Option<&str> {
        self.entries.iter().find_map(|entry| match (&entry.origin, &entry.preset) {
            (Origin::User { file }, Ok(preset)) if preset.name == name => Some(file.as_str()),
            _ => None,
        })
    }
}

impl PresetStore for FileStore {
    fn list(&self) -> &[PresetEntry] {
        &self.entries
    }

    fn refresh(&mut self) {
        let built_in = factory::presets().into_iter();
        self.entries = built_in.map(|preset| PresetEntry { origin: Origin::Factory, preset: Ok(preset) }).collect();
        self.entries.extend(self.folder.iter().flat_map(|folder| user_entries(folder)));
        self.entries.sort_by_cached_key(sort_key);
    }

    fn save(&mut self, preset: &Preset, overwrite: bool) -> Result<(), StoreError> {
        let text = format::write(preset).map_err(StoreError::Invalid)?;
        let folder = self.folder.clone().ok_or(StoreError::NoFolder)?;
        // Another window may have saved meanwhile.
        self.refresh();
        let factory =
            |entry: &PresetEntry| !entry.is_user() && entry.name().to_lowercase() == preset.name.to_lowercase();
        if self.entries.iter().any(factory) {
            return Err(StoreError::FactoryName(preset.name.clone()));
        }
        fs::create_dir_all(&folder).map_err(|error| StoreError::writing(&folder, error))?;
        match self.file_of(&preset.name) {
            Some(_) if !overwrite => return Err(StoreError::Exists(preset.name.clone())),
            Some(file) => write_file(&folder.join(file), &text, true)?,
            None => write_new(&folder, &preset.name, &text)?,
        }
        self.refresh();
        Ok(())
    }

    fn delete(&mut self, file: &str) -> Result<(), StoreError> {
        let folder = self.folder.clone().ok_or(StoreError::NoFolder)?;
        // A name from a list is a plain one; nothing else may lead out of the folder.
        let path = folder.join(Path::new(file).file_name().unwrap_or_default());
        let removed = fs::remove_file(&path).map_err(|error| StoreError::writing(&path, error));
        self.refresh();
        removed
    }
}

/// What lists are sorted by: category, then name; broken files come last.
fn sort_key(entry: &PresetEntry) -> (usize, String, String) {
    let Ok(preset) = &entry.preset else { return (usize::MAX, String::new(), entry.name().to_lowercase()) };
    let rank = CATEGORIES.iter().position(|category| *category == preset.category);
    let other = if rank.is_none() { preset.category.to_lowercase() } else { String::new() };
    (rank.unwrap_or(CATEGORIES.len()), other, preset.name.to_lowercase())
}

/// All `*.json` of the folder. One that cannot be read is listed with what is wrong; a folder that is not there has none.
fn user_entries(folder: &Path) -> Vec<PresetEntry> {
    let mut paths: Vec<PathBuf> = folder.read_dir().into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && path.is_file());
    paths.sort();
    paths.truncate(MAX_FILES);
    let entry = |path: PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // In a list of one folder, the file's name says enough.
        let problem = |error| match error {
            StoreError::Broken { source, .. } => format!("{file}: {source}"),
            other => other.to_string(),
        };
        let preset = read_file(&path).map_err(problem);
        PresetEntry { origin: Origin::User { file }, preset }
    };
    paths.into_iter().map(entry).collect()
}

/// Reads a preset file of bounded size.
fn read_file(path: &Path) -> Result<Preset, StoreError> {
    let unreadable = |source| StoreError::Unreadable { path: path.into(), source };
    let broken = |source| StoreError::Broken { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found > format::MAX_BYTES {
        return Err(broken(PresetError::TooLarge { found, limit: format::MAX_BYTES }));
    }
    let mut bytes = Vec::new();
    // The file may grow between the two looks.
    file.take(format::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    format::read(&bytes).map_err(broken)
}

/// Writes a preset whose name no file has yet, under the first file name that is free.
fn write_new(folder: &Path, name: &str, text: &str) -> Result<(), StoreError> {
    let stem = file_name::stem(name);
    for attempt in 0..MAX_ATTEMPTS {
        match write_file(&folder.join(file_name::numbered(&stem, attempt)), text, false) {
            Err(StoreError::Exists(_)) => {}
            result => return result,
        }
    }
    Err(StoreError::Exists(name.to_owned()))
}

/// Writes `path` as a whole: to a draft beside it, which then takes the name. An error leaves what was there.
fn write_file(path: &Path, text: &str, overwrite: bool) -> Result<(), StoreError> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let fill = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
        file.write_all(text.as_bytes())?;
        // Some file systems report a full disk only when the data really goes out.
        file.sync_all()
    };
    let place = || if overwrite { fs::rename(&draft, path) } else { place_new(&draft, path) };
    let written = fill().and_then(|()| place());
    if written.is_err() || !overwrite {
        // A draft that was renamed is gone already, and one that cannot be removed changes nothing about the error.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Exists(path.display().to_string()),
        _ => StoreError::writing(path, error),
    })
}

/// Gives `draft` the name `path` if nobody has it. A link is made or refused in one step, a rename would replace.
fn place_new(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links.
            if path.exists() { Err(io::ErrorKind::AlreadyExists.into()) } else { fs::rename(draft, path) }
        }
        result => result,
    }
}
