//! A folder of models that is changed: what an import puts there and what is taken away.
//!
//! Nothing is replaced unless it is asked for, and all checks of an import come before its first change ([`Shelf::check`]). An instrument's folder
//! then appears or changes as a whole (`swap.rs`): whoever is killed at whatever moment leaves the old models with their old room, or the new
//! ones with the new. Nothing is put or removed through a link. The command line calls this.

mod plan;
mod swap;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::is_plain;
pub use plan::{Placed, Plan};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("{} is there already and is another model; --force replaces it", .0.display())]
    Exists(PathBuf),
    #[error("{} is another room, in which {others} of the same instrument play; --force replaces it, and they sound in the new one then", path.display())]
    OtherRoom { path: PathBuf, others: String },
    #[error("the files that you name bring two different ones of {0}; import them one after the other")]
    Twice(String),
    #[error("{} is a link to {}, and nothing is put or removed through a link; name the folder of models that it leads into with --models, or remove the link yourself", path.display(), target.display())]
    Linked { path: PathBuf, target: PathBuf },
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("there is not enough room in {}: {needed_mb:.1} MB are needed; nothing was changed", folder.display())]
    NoSpace { folder: PathBuf, needed_mb: f64 },
    #[error("{} was changed by another program meanwhile, and is as that left it; try again", .0.display())]
    Changed(PathBuf),
    #[error("another import or removal is at work in {}; try again when it is done", .0.display())]
    Busy(PathBuf),
    #[error("`{what}` is not in {}, and nothing elsewhere is ever removed; 'retort models --json' says where each model lies", folder.display())]
    NotHere { what: String, folder: PathBuf },
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> ShelfError + '_ {
    move |source| ShelfError::Unwritable { path: path.into(), source }
}

/// The file that whoever changes the folder has locked. It stays, since a file that others wait for cannot be removed safely.
const LOCK: &str = ".retort-lock";
/// So often and so long apart somebody else's lock is looked at.
const PATIENCE: (usize, Duration) = (50, Duration::from_millis(100));

/// A folder of models, held against other imports and removals as long as this lives.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    /// The system lets go of it with the process, however that ends.
    _lock: File,
}

impl Shelf {
    /// Makes the folder if it is not there, and puts right what an import that was interrupted has left in it.
    ///
    /// # Errors
    /// The folder cannot be written, or somebody else is at work in it for five seconds.
    pub fn open(folder: &Path) -> Result<Self, ShelfError> {
        fs::create_dir_all(folder).map_err(unwritable(folder))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| refused(folder, 0, &path, error))?;
        for _ in 0..PATIENCE.0 {
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => std::thread::sleep(PATIENCE.1),
                // Some network file systems have no locks; two imports at once are rare enough to go without.
                Ok(()) | Err(TryLockError::Error(_)) => {
                    swap::recover(folder)?;
                    return Ok(Self { folder: folder.into(), _lock: lock });
                }
            }
        }
        Err(ShelfError::Busy(folder.into()))
    }

    /// Removes `files`, as [`files_of`] gives them, and their folder if it is empty then. Models go before their room.
    ///
    /// # Errors
    /// A file cannot be removed; those before it are gone.
    pub fn remove(&self, files: &[PathBuf]) -> Result<(), ShelfError> {
        for path in files {
            fs::remove_file(path).map_err(unwritable(path))?;
        }
        if let Some(home) = files.first().and_then(|path| path.parent()) {
            // Not empty is fine: other models, or something of the user's.
            let _ = fs::remove_dir(home);
        }
        Ok(())
    }
}

/// Whether an import was interrupted, or is at work, in `folder`. Looks only.
#[must_use]
pub fn is_unfinished(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| swap::is_leftover(&entry.file_name()))
}

/// A failure to write `path` in `folder`, where `needed` bytes were to be written.
fn refused(folder: &Path, needed: u64, path: &Path, source: io::Error) -> ShelfError {
    match source.kind() {
        // The last is a limit that the user's system sets.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ShelfError::NoSpace { folder: folder.into(), needed_mb: needed as f64 / 1e6 }
        }
        _ => ShelfError::Unwritable { path: path.into(), source },
    }
}

/// Refuses an instrument's folder that is a link.
fn not_a_link(home: &Path) -> Result<(), ShelfError> {
    match fs::symlink_metadata(home) {
        Ok(about) if about.is_symlink() => {
            let target = fs::read_link(home).unwrap_or_else(|_| "another place".into());
            Err(ShelfError::Linked { path: home.into(), target })
        }
        _ => Ok(()),
    }
}

fn variants_in(home: &Path) -> Vec<String> {
    let paths = fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    let models = paths.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    let mut names: Vec<String> =
        models.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).filter(|name| name != "room").collect();
    names.sort();
    names
}

/// The files in `folder` that belong to `what`, an instrument (`violin`) or one model (`violin/full`); with the last model of an instrument
/// its room and report.
///
/// # Errors
/// There are none, or they lie behind a link.
pub fn files_of(what: &str, folder: &Path) -> Result<Vec<PathBuf>, ShelfError> {
    let not_here = || ShelfError::NotHere { what: what.into(), folder: folder.into() };
    let (instrument, variant) =
        what.split_once('/').map_or((what, None), |(instrument, variant)| (instrument, Some(variant)));
    if !is_plain(instrument) || variant.is_some_and(|variant| !is_plain(variant) || variant == "room") {
        return Err(not_here());
    }
    let home = folder.join(instrument);
    not_a_link(&home)?;
    let all = variants_in(&home);
    let chosen: Vec<&String> = all.iter().filter(|name| variant.is_none_or(|variant| variant == **name)).collect();
    if chosen.is_empty() {
        return Err(not_here());
    }
    let mut files: Vec<PathBuf> = chosen.iter().map(|name| home.join(format!("{name}.safetensors"))).collect();
    if chosen.len() == all.len() {
        files.extend(
            ["room.safetensors", "report.html"].map(|name| home.join(name)).into_iter().filter(|path| path.is_file()),
        );
    }
    Ok(files)
}

/// Writes `path` by way of a draft beside it, which then takes the name: nobody ever reads half of it.
///
/// # Errors
/// The disk is full, or the folder may not be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let placed = write_new(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    if placed.is_err() {
        // What went wrong is in the error; a draft that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&draft);
    }
    placed
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    // Some file systems report a full disk only when the data really goes out.
    file.sync_all()
}
