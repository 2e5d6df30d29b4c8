//! Whether models have come or gone, so that an open list can be read anew: a look at the times of a few folders, no files.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Library;

/// Looks are so far apart at least.
const EVERY: Duration = Duration::from_secs(2);

impl Library {
    /// A number that changes when a model file comes, goes or is replaced by another: files appear by renaming, which changes their folder's time.
    #[must_use]
    pub fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut note = |path: &Path| {
            if let Ok(modified) = fs::metadata(path).and_then(|about| about.modified()) {
                (path, modified).hash(&mut hasher);
            }
        };
        for folder in self.folders() {
            note(folder);
            let mut inside: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
            inside.retain(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink()));
            inside.sort_by_key(fs::DirEntry::file_name);
            inside.iter().for_each(|entry| note(&entry.path()));
        }
        hasher.finish()
    }
}

/// Remembers what a list was made from.
#[derive(Debug)]
pub struct Changes {
    library: Library,
    stamp: u64,
    looked: Instant,
}

impl Changes {
    /// The list is being made now.
    #[must_use]
    pub fn since_now(library: Library) -> Self {
        Self { stamp: library.stamp(), looked: Instant::now(), library }
    }

    /// What the list is made from.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Whether the list should be made anew; cheap enough for every picture, since it looks once in two seconds.
    pub fn are_there(&mut self) -> bool {
        if self.looked.elapsed() < EVERY {
            return false;
        }
        self.looked = Instant::now();
        let before = std::mem::replace(&mut self.stamp, self.library.stamp());
        before != self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_comes_goes_or_is_replaced_changes_the_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_folders(vec![folder.path().into(), folder.path().join("missing")]);
        let mut stamps = vec![library.stamp()];
        let home = folder.path().join("violin");
        let step = |stamps: &mut Vec<u64>| {
            // File systems keep times to some milliseconds.
            std::thread::sleep(Duration::from_millis(20));
            stamps.push(library.stamp());
        };
        fs::create_dir(&home).unwrap();
        step(&mut stamps);
        super::super::shelf::write_whole(&home.join("a.safetensors"), b"1").unwrap();
        step(&mut stamps);
        super::super::shelf::write_whole(&home.join("a.safetensors"), b"2").unwrap();
        step(&mut stamps);
        fs::remove_file(home.join("a.safetensors")).unwrap();
        step(&mut stamps);
        assert!(stamps.windows(2).all(|pair| pair[0] != pair[1]), "{stamps:?}");
        assert_eq!(library.stamp(), library.stamp());
    }

    #[test]
    fn it_looks_no_more_than_once_in_two_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_folders(vec![folder.path().into()]);
        let mut changes = Changes::since_now(library);
        fs::create_dir(folder.path().join("flute")).unwrap();
        assert!(!changes.are_there());
        changes.looked = Instant::now().checked_sub(EVERY).unwrap();
        assert!(changes.are_there() && !changes.are_there());
    }
}
