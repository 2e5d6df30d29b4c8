//! The user's own folder of models: what is put there and what is taken away.
//!
//! Nothing is replaced unless it is asked for, all checks come before the first change, and every file appears as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::is_plain;
use super::parcel::Parcel;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("{} is there already and is another model; --force replaces it", .0.display())]
    Exists(PathBuf),
    #[error("{} is another room, in which {others} of the same instrument play; --force replaces it, and they sound in the new one then", path.display())]
    OtherRoom { path: PathBuf, others: String },
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("`{what}` is not in {}, and nothing elsewhere is ever removed; 'retort models --json' says where each model lies", folder.display())]
    NotHere { what: String, folder: PathBuf },
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> ShelfError + '_ {
    move |source| ShelfError::Unwritable { path: path.into(), source }
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Placed {
    pub new: Vec<PathBuf>,
    /// Files that were there just so.
    pub same: Vec<PathBuf>,
}

/// Puts a parcel's files into `folder`.
///
/// # Errors
/// Something else lies there and `replace` is false, or a file cannot be written.
pub fn place(parcel: &Parcel, folder: &Path, replace: bool) -> Result<Placed, ShelfError> {
    let home = folder.join(&parcel.instrument);
    let room_path = home.join("room.safetensors");
    // The room comes first: a model without its room does not play.
    let room = parcel.room.iter().map(|bytes| (room_path.clone(), bytes));
    let models =
        parcel.models.iter().map(|(metadata, bytes)| (home.join(format!("{}.safetensors", metadata.variant)), bytes));
    let mut placed = Placed::default();
    let mut to_write = Vec::new();
    for (path, bytes) in room.chain(models) {
        match fs::read(&path) {
            Ok(found) if found == *bytes => placed.same.push(path),
            Ok(_) if replace => to_write.push((path, bytes)),
            Ok(_) if path == room_path => {
                let others = others_in(&home, parcel);
                if !others.is_empty() {
                    return Err(ShelfError::OtherRoom { path, others: others.join(", ") });
                }
                to_write.push((path, bytes));
            }
            Ok(_) => return Err(ShelfError::Exists(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => to_write.push((path, bytes)),
            Err(error) => return Err(unwritable(&path)(error)),
        }
    }
    fs::create_dir_all(&home).map_err(unwritable(&home))?;
    for (path, bytes) in to_write {
        write_whole(&path, bytes).map_err(unwritable(&path))?;
        placed.new.push(path);
    }
    Ok(placed)
}

/// Variants in `home` that the parcel does not bring.
fn others_in(home: &Path, parcel: &Parcel) -> Vec<String> {
    variants_in(home)
        .into_iter()
        .filter(|name| parcel.models.iter().all(|(metadata, _)| metadata.variant != *name))
        .collect()
}

fn variants_in(home: &Path) -> Vec<String> {
    let paths = fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    let models = paths.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    let mut names: Vec<String> =
        models.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).filter(|name| name != "room").collect();
    names.sort();
    names
}

/// Writes `path` by way of a draft beside it, which then takes the name: nobody ever reads half of it.
///
/// # Errors
/// The disk is full, or the folder may not be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        // Some file systems report a full disk only when the data really goes out.
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&draft, path));
    if placed.is_err() {
        // What went wrong is in the error; a draft that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&draft);
    }
    placed
}

/// The files in `folder` that belong to `what`, an instrument (`violin`) or one model (`violin/full`); with the last model of an instrument
/// its room and report.
///
/// # Errors
/// There are none.
pub fn files_of(what: &str, folder: &Path) -> Result<Vec<PathBuf>, ShelfError> {
    let not_here = || ShelfError::NotHere { what: what.into(), folder: folder.into() };
    let (instrument, variant) =
        what.split_once('/').map_or((what, None), |(instrument, variant)| (instrument, Some(variant)));
    if !is_plain(instrument) || variant.is_some_and(|variant| !is_plain(variant) || variant == "room") {
        return Err(not_here());
    }
    let home = folder.join(instrument);
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

/// Removes `files`, as [`files_of`] gives them, and their folder if it is empty then.
///
/// # Errors
/// A file cannot be removed; those before it are gone.
pub fn remove(files: &[PathBuf]) -> Result<(), ShelfError> {
    for path in files {
        fs::remove_file(path).map_err(unwritable(path))?;
    }
    if let Some(home) = files.first().and_then(|path| path.parent()) {
        // Not empty is fine: other models, or something of the user's.
        let _ = fs::remove_dir(home);
    }
    Ok(())
}
