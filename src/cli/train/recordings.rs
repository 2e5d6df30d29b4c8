//! A first look at the folder of recordings, before anything is downloaded for it: is it there, and are there sounds in it?

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::TrainError;

/// Endings of the files that the training reads, as in its `sound.py`; and of sounds that it would have to leave out.
const READABLE: [&str; 14] =
    ["wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "aif", "aiff", "aifc", "caf", "w64", "au", "snd"];
const FOREIGN: [&str; 9] = ["m4a", "aac", "mp4", "wma", "ape", "wv", "mov", "mkv", "webm"];
/// No folder of recordings is so deep; a file system that goes round in circles might be.
const DEEPEST: usize = 64;

/// Looks through `folder` and the folders in it, but for hidden ones, until there is a recording.
///
/// # Errors
/// It is no folder, it cannot be read, or nothing in it can be used.
pub fn look(folder: &Path) -> Result<(), TrainError> {
    let path = || folder.to_path_buf();
    match fs::metadata(folder) {
        Ok(about) if about.is_dir() => {}
        Ok(_) => return Err(TrainError::NotAFolder(path())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(TrainError::NoFolder(path())),
        Err(source) => return Err(TrainError::Recordings { path: path(), source }),
    }
    let entries = fs::read_dir(folder).map_err(|source| TrainError::Recordings { path: path(), source })?;
    let mut foreign = None;
    if has_recording(entries, &mut foreign, DEEPEST) {
        return Ok(());
    }
    Err(foreign
        .map_or_else(|| TrainError::NoRecordings(path()), |ending| TrainError::ForeignOnly { path: path(), ending }))
}

/// The first ending of a sound that cannot be used is left in `foreign`.
fn has_recording(entries: fs::ReadDir, foreign: &mut Option<String>, deepest: usize) -> bool {
    let mut folders = Vec::new();
    for entry in entries.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")) {
        // As the training does: links to folders are not followed, links to files are.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
            continue;
        }
        let path = entry.path();
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        if !path.is_file() {
        } else if READABLE.contains(&ending.as_str()) {
            return true;
        } else if FOREIGN.contains(&ending.as_str()) {
            foreign.get_or_insert(ending);
        }
    }
    // What cannot be read has none.
    let inside = folders.iter().filter_map(|folder| fs::read_dir(folder).ok());
    deepest > 0 && inside.into_iter().any(|entries| has_recording(entries, foreign, deepest - 1))
}

#[cfg(test)]
mod tests {
    use super::super::package;
    use super::*;

    fn said(folder: &Path) -> String {
        look(folder).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_holds_no_recordings_is_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("takes");
        assert!(said(&folder).contains("does not exist"));
        fs::write(&folder, "a file").unwrap();
        assert!(said(&folder).contains("is a file"));
        fs::remove_file(&folder).unwrap();
        fs::create_dir_all(folder.join(".hidden")).unwrap();
        fs::write(folder.join("notes.txt"), "a text").unwrap();
        fs::write(folder.join(".hidden/a.wav"), "").unwrap();
        fs::write(folder.join("._a.wav"), "").unwrap();
        assert!(said(&folder).contains("no recordings in") && said(&folder).contains("flac"), "{}", said(&folder));
        fs::write(folder.join("Voice 1.M4A"), "").unwrap();
        assert!(said(&folder).contains(".m4a") && said(&folder).contains("WAV"), "{}", said(&folder));
        fs::create_dir_all(folder.join("day 1/soft")).unwrap();
        fs::write(folder.join("day 1/soft/C3.AIFF"), "").unwrap();
        assert_eq!(said(&folder), "");
    }

    /// The lists exist twice, since one is needed before there is a Python.
    #[test]
    fn the_training_reads_the_same_kinds_of_files() {
        let source = package::text("retort_training/own/sound.py").unwrap();
        for (name, endings) in [("READABLE", &READABLE[..]), ("FOREIGN", &FOREIGN[..])] {
            let begin = format!("{name} = {{");
            let line = source.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
            let listed: Vec<&str> =
                line.split('"').skip(1).step_by(2).map(|ending| ending.trim_start_matches('.')).collect();
            assert_eq!(listed, endings, "{name}");
        }
    }
}
