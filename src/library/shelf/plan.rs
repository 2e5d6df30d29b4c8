//! What an import would change: all parcels checked against each other and against what lies there, nothing written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::swap::{self, Change};
use super::{Shelf, ShelfError, not_a_link, unwritable, variants_in};
use crate::library::parcel::Parcel;

const ROOM: &str = "room.safetensors";

/// What an import did.
#[derive(Debug, Default)]
pub struct Placed {
    pub new: Vec<PathBuf>,
    /// Files that were there just so.
    pub same: Vec<PathBuf>,
}

/// An import that nothing speaks against; see [`Plan::carry_out`].
#[derive(Debug)]
pub struct Plan<'a> {
    folder: PathBuf,
    changes: Vec<Change<'a>>,
    placed: Placed,
}

impl Shelf {
    /// Checks whether all of `parcels` can be put into the folder; `replace` allows other files of the same names to go.
    ///
    /// # Errors
    /// Something else lies there and `replace` is false, two parcels contradict each other, or a folder is a link. Nothing was written.
    pub fn check<'a>(&self, parcels: &'a [Parcel], replace: bool) -> Result<Plan<'a>, ShelfError> {
        let mut instruments: BTreeMap<&str, BTreeMap<String, &[u8]>> = BTreeMap::new();
        for parcel in parcels {
            let files = instruments.entry(&parcel.instrument).or_default();
            let models =
                parcel.models.iter().map(|(about, bytes)| (format!("{}.safetensors", about.variant), bytes.as_slice()));
            for (name, bytes) in parcel.room.iter().map(|bytes| (ROOM.to_owned(), bytes.as_slice())).chain(models) {
                if files.insert(name.clone(), bytes).is_some_and(|other| other != bytes) {
                    return Err(ShelfError::Twice(format!("{}/{name}", parcel.instrument)));
                }
            }
        }
        let mut plan = Plan { folder: self.folder.clone(), changes: Vec::new(), placed: Placed::default() };
        for (instrument, files) in instruments {
            let home = self.folder.join(instrument);
            not_a_link(&home)?;
            let mut change = Change { instrument: instrument.to_owned(), files: Vec::new() };
            // By name, so that what an error says does not depend on the order of the parcels.
            for (name, bytes) in &files {
                let path = home.join(name);
                match is_there(&path, bytes).map_err(unwritable(&path))? {
                    Found::Same => plan.placed.same.push(path),
                    Found::Other if replace => change.files.push((name.clone(), bytes)),
                    Found::Other if name == ROOM => {
                        let others = variants_in(&home);
                        let others: Vec<String> =
                            others.into_iter().filter(|v| !files.contains_key(&format!("{v}.safetensors"))).collect();
                        if !others.is_empty() {
                            return Err(ShelfError::OtherRoom { path, others: others.join(", ") });
                        }
                        change.files.push((name.clone(), bytes));
                    }
                    Found::Other => return Err(ShelfError::Exists(path)),
                    Found::Nothing => change.files.push((name.clone(), bytes)),
                }
            }
            if !change.files.is_empty() {
                plan.placed.new.extend(change.files.iter().map(|(name, _)| home.join(name)));
                plan.changes.push(change);
            }
        }
        Ok(plan)
    }
}

impl Plan<'_> {
    /// What will have been done.
    #[must_use]
    pub fn outcome(&self) -> &Placed {
        &self.placed
    }

    /// Writes it. Each instrument changes as a whole, and if one cannot, none of them does.
    ///
    /// # Errors
    /// The disk is full or may not be written, or somebody else has changed an instrument meanwhile; all is as it was.
    pub fn carry_out(self) -> Result<Placed, ShelfError> {
        swap::carry_out(&self.folder, &self.changes)?;
        Ok(self.placed)
    }
}

enum Found {
    Nothing,
    Same,
    Other,
}

fn is_there(path: &Path, bytes: &[u8]) -> io::Result<Found> {
    match fs::metadata(path) {
        // Whatever its size, the other file is not read for nothing.
        Ok(about) if about.is_file() && about.len() != bytes.len() as u64 => Ok(Found::Other),
        Ok(_) => Ok(if fs::read(path)? == bytes { Found::Same } else { Found::Other }),
        // A link that leads nowhere is something, too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(if fs::symlink_metadata(path).is_ok() { Found::Other } else { Found::Nothing })
        }
        Err(error) => Err(error),
    }
}
