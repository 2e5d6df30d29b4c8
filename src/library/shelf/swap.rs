//! Instruments' folders that change as a whole: a draft of the new state is made beside the old one and takes its place.
//!
//! 1. The draft (`.retort-draft-violin`) gets what stays of the old folder, as hard links where the file system has them, and the new files,
//!    all of it on the disk.
//! 2. The old folder is renamed to `.retort-old-violin`, the draft to `violin`.
//! 3. The old folder becomes a draft, and drafts are thrown away.
//!
//! Whoever is killed leaves one of these states, and [`recover`] ends it: where there is an old folder and no instrument, the old one comes back,
//! and everything else that is hidden goes. The library's lists pass over hidden folders.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{ShelfError, refused, unwritable, write_new};

const DRAFT: &str = ".retort-draft-";
const OLD: &str = ".retort-old-";
/// A draft file that nobody has written to for so long was left by somebody who was killed.
const STALE: Duration = Duration::from_secs(3_600);

/// New files of one instrument.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub instrument: String,
    /// Names and contents.
    pub files: Vec<(String, &'a [u8])>,
}

/// The three places of an instrument.
struct Places {
    home: PathBuf,
    draft: PathBuf,
    old: PathBuf,
}

impl Places {
    fn of(folder: &Path, instrument: &str) -> Self {
        Self {
            home: folder.join(instrument),
            draft: folder.join(format!("{DRAFT}{instrument}")),
            old: folder.join(format!("{OLD}{instrument}")),
        }
    }
}

/// Makes all changes, or none.
///
/// # Errors
/// See [`ShelfError`]; all is as it was.
pub(super) fn carry_out(folder: &Path, changes: &[Change<'_>]) -> Result<(), ShelfError> {
    let places: Vec<Places> = changes.iter().map(|change| Places::of(folder, &change.instrument)).collect();
    let needed = changes.iter().flat_map(|change| &change.files).map(|(_, bytes)| bytes.len() as u64).sum();
    let refuse = |path: &Path, error| refused(folder, needed, path, error);
    // Everything that takes room is written before anything changes.
    let drafted = changes.iter().zip(&places).try_fold(Vec::new(), |mut seen, (change, place)| {
        seen.push(draft(change, place).map_err(|error| refuse(&place.home, error))?);
        Ok(seen)
    });
    let swapped = drafted.and_then(|seen| {
        for (i, (place, seen)) in places.iter().zip(&seen).enumerate() {
            if let Err(error) = swap(place, seen) {
                places[..i].iter().for_each(put_back);
                return Err(error.unwrap_or_else(|source| refuse(&place.home, source)));
            }
        }
        sync_folder(folder);
        Ok(())
    });
    for place in &places {
        if swapped.is_ok() && place.old.exists() {
            // From here on it is of no use to anybody; `recover` would remove it, too.
            let _ = fs::rename(&place.old, &place.draft);
        }
        let _ = fs::remove_dir_all(&place.draft);
    }
    swapped
}

/// What a folder holds: whether somebody has changed it can be told by it.
type Seen = Option<Vec<(OsString, u64, Option<SystemTime>)>>;

fn look(home: &Path) -> io::Result<Seen> {
    let entries = match fs::read_dir(home) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut seen = Vec::new();
    for entry in entries {
        let entry = entry?;
        let about = entry.metadata()?;
        seen.push((entry.file_name(), about.len(), about.modified().ok()));
    }
    seen.sort();
    Ok(Some(seen))
}

/// Makes the draft, and tells what the old folder held.
fn draft(change: &Change<'_>, place: &Places) -> io::Result<Seen> {
    let seen = look(&place.home)?;
    fs::create_dir(&place.draft)?;
    if seen.is_some() {
        let permissions = fs::metadata(&place.home)?.permissions();
        if permissions.readonly() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let is_new = |name: &OsString| change.files.iter().any(|(new, _)| name == new.as_str());
        take_along(&place.home, &place.draft, &|name| !is_new(name))?;
        fs::set_permissions(&place.draft, permissions)?;
    }
    for (name, bytes) in &change.files {
        write_new(&place.draft.join(name), bytes)?;
    }
    sync_folder(&place.draft);
    Ok(seen)
}

/// What lies in `from` and `is_wanted` lies in `to` then as well: the user's notes and folders, too.
fn take_along(from: &Path, to: &Path, is_wanted: &dyn Fn(&OsString) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if !is_wanted(&entry.file_name()) {
        } else if kind.is_dir() {
            fs::create_dir(&copy)?;
            take_along(&path, &copy, &|_| true)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&path)?, &copy)?;
        } else if fs::hard_link(&path, &copy).is_err() {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Only administrators make links there.
#[cfg(not(unix))]
fn link(_target: &Path, path: &Path) -> io::Result<()> {
    Err(io::Error::other(format!("the link {} cannot be kept", path.display())))
}

/// The draft takes the folder's place. The outer error is the one to show, the inner one the system's.
fn swap(place: &Places, seen: &Seen) -> Result<(), Result<ShelfError, io::Error>> {
    if seen.is_some() {
        fs::rename(&place.home, &place.old).map_err(Err)?;
        // A training puts its models there, too. From now on nobody can.
        if look(&place.old).ok().as_ref() != Some(seen) {
            put_old_back(place);
            return Err(Ok(ShelfError::Changed(place.home.clone())));
        }
    }
    fs::rename(&place.draft, &place.home).map_err(|error| {
        put_old_back(place);
        Err(error)
    })
}

/// Undoes a whole swap.
fn put_back(place: &Places) {
    if fs::rename(&place.home, &place.draft).is_ok() {
        put_old_back(place);
    }
}

fn put_old_back(place: &Places) {
    // If this fails now, `recover` does it the next time.
    let _ = fs::rename(&place.old, &place.home);
}

/// What was renamed in a folder survives a power cut from now on; where folders cannot be opened, the system sees to it.
fn sync_folder(folder: &Path) {
    let _ = fs::File::open(folder).and_then(|file| file.sync_all());
}

/// Whether this is the name of a draft or an old folder.
pub(super) fn is_leftover(name: &OsStr) -> bool {
    [DRAFT, OLD].iter().any(|begin| name.as_encoded_bytes().starts_with(begin.as_bytes()))
}

/// Ends what an import that was interrupted has begun, and removes drafts of files that nobody works at any more.
///
/// # Errors
/// The folder cannot be read, or an instrument cannot be put back.
pub(super) fn recover(folder: &Path) -> Result<(), ShelfError> {
    let mut names: Vec<OsString> = Vec::new();
    for entry in fs::read_dir(folder).map_err(unwritable(folder))? {
        names.push(entry.map_err(unwritable(folder))?.file_name());
    }
    let names: Vec<&str> = names.iter().filter_map(|name| name.to_str()).collect();
    // Drafts first, since an old folder becomes one on its way out.
    for draft in names.iter().filter(|name| name.starts_with(DRAFT)) {
        let path = folder.join(draft);
        fs::remove_dir_all(&path).map_err(unwritable(&path))?;
    }
    for instrument in names.iter().filter_map(|name| name.strip_prefix(OLD)) {
        let place = Places::of(folder, instrument);
        if fs::symlink_metadata(&place.home).is_err() {
            fs::rename(&place.old, &place.home).map_err(unwritable(&place.old))?;
        } else {
            fs::rename(&place.old, &place.draft).map_err(unwritable(&place.old))?;
            fs::remove_dir_all(&place.draft).map_err(unwritable(&place.draft))?;
        }
    }
    names.iter().filter(|name| !name.starts_with('.')).for_each(|name| remove_stale(&folder.join(name)));
    Ok(())
}

/// Files that end in `.part` are written aside, to be renamed.
fn remove_stale(home: &Path) {
    let is_folder = fs::symlink_metadata(home).is_ok_and(|about| about.is_dir());
    let parts = fs::read_dir(home).into_iter().filter(|_| is_folder).flatten().flatten();
    for entry in parts.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "part")) {
        let age = entry.metadata().and_then(|about| about.modified()).map(|time| time.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > STALE) {
            // Rubbish that cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: [(&str, &[u8]); 2] = [("full.safetensors", b"new model"), ("room.safetensors", b"new room")];

    fn change() -> Change<'static> {
        Change { instrument: "violin".into(), files: NEW.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec() }
    }

    /// A folder with an instrument that has a model, a room, a folder and a note of the user's.
    fn shelf() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("violin");
        fs::create_dir_all(home.join("takes")).unwrap();
        for (name, text) in [
            ("full.safetensors", "old model"),
            ("room.safetensors", "old room"),
            ("note.txt", "mine"),
            ("takes/a.wav", "a take"),
        ] {
            fs::write(home.join(name), text).unwrap();
        }
        folder
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join("violin").join(name)).unwrap_or_default()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_swap_changes_what_is_new_and_keeps_everything_else() {
        let folder = shelf();
        carry_out(folder.path(), &[change()]).unwrap();
        let now = ["full.safetensors", "room.safetensors", "note.txt", "takes/a.wav"].map(|n| read(folder.path(), n));
        assert_eq!(now, ["new model", "new room", "mine", "a take"]);
        assert_eq!(names(folder.path()), ["violin"]);
    }

    /// Stops a swap after each of its steps, as a process that is killed does.
    #[test]
    fn whoever_is_killed_leaves_the_old_instrument_or_the_new_one_and_never_a_mixture() {
        for step in 0..6 {
            let folder = shelf();
            let place = Places::of(folder.path(), "violin");
            let steps: [&dyn Fn(); 5] = [
                // Half a draft.
                &|| {
                    fs::create_dir(&place.draft).unwrap();
                    fs::write(place.draft.join("full.safetensors"), "new").unwrap();
                },
                &|| {
                    fs::remove_dir_all(&place.draft).unwrap();
                    draft(&change(), &place).unwrap();
                },
                &|| fs::rename(&place.home, &place.old).unwrap(),
                &|| fs::rename(&place.draft, &place.home).unwrap(),
                // Half a removal.
                &|| {
                    fs::rename(&place.old, &place.draft).unwrap();
                    fs::remove_file(place.draft.join("full.safetensors")).unwrap();
                },
            ];
            steps[..step].iter().for_each(|step| step());
            recover(folder.path()).unwrap();
            let wanted = if step < 4 { ["old model", "old room"] } else { ["new model", "new room"] };
            assert_eq!(
                ["full.safetensors", "room.safetensors"].map(|name| read(folder.path(), name)),
                wanted,
                "{step}"
            );
            assert_eq!(
                (read(folder.path(), "note.txt").as_str(), names(folder.path())),
                ("mine", vec!["violin".into()])
            );
        }
    }

    #[test]
    fn one_instrument_that_cannot_be_swapped_takes_the_others_back() {
        let folder = shelf();
        // Something is in the way of the second.
        for name in ["zither", ".retort-old-zither"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("note.txt"), "mine").unwrap();
        }
        let other = Change { instrument: "zither".into(), ..change() };
        assert!(carry_out(folder.path(), &[change(), other]).is_err());
        assert_eq!(read(folder.path(), "full.safetensors"), "old model");
        assert_eq!(read(folder.path(), "room.safetensors"), "old room");
        assert_eq!(names(folder.path()), [".retort-old-zither", "violin", "zither"]);
        assert_eq!(names(&folder.path().join("zither")), ["note.txt"]);
    }

    #[test]
    fn what_a_training_publishes_meanwhile_is_not_lost() {
        let folder = shelf();
        let place = Places::of(folder.path(), "violin");
        let seen = draft(&change(), &place).unwrap();
        fs::write(place.home.join("reduced.safetensors"), "just made").unwrap();
        assert!(matches!(swap(&place, &seen), Err(Ok(ShelfError::Changed(_)))));
        assert_eq!(read(folder.path(), "reduced.safetensors"), "just made");
        assert_eq!(read(folder.path(), "full.safetensors"), "old model");
    }

    #[test]
    fn old_drafts_of_files_go_and_those_that_are_written_now_stay() {
        let folder = shelf();
        let home = folder.path().join("violin");
        for (name, age) in [("a.1.part", 2 * STALE), ("b.2.part", Duration::ZERO)] {
            let file = fs::File::create(home.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        recover(folder.path()).unwrap();
        assert!(!home.join("a.1.part").exists() && home.join("b.2.part").exists());
    }
}
