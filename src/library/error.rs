//! What can go wrong between an id and a loaded model.

use std::path::PathBuf;

use crate::model::ModelError;

/// Why a model cannot be loaded from the library. Messages name the id or file and say what to do.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No folder has a file for this id.
    #[error("there is no model `{id}`{}; {}", did_you_mean(near), there_are(available))]
    Unknown {
        /// What was asked for.
        id: String,
        /// Ids that are spelled much the same, best first.
        near: Vec<String>,
        /// All ids.
        available: Vec<String>,
    },
    /// The file cannot be read from disk.
    #[error("cannot read {}: {source}; check that it exists and may be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is there but no model or room.
    #[error("{}: {source}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ModelError,
    },
    /// The file is another model than its place says.
    #[error("{} is the model `{found}`, but lies where `{expected}` belongs; move it to <folder>/{found}.safetensors", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Id in the file.
        found: String,
        /// Id by the place.
        expected: String,
    },
    /// The model wants a room that is nowhere.
    #[error(
        "the model `{id}` needs the room `{room}`, which is in no folder; put {room}.safetensors beside the model's folder"
    )]
    NoRoom {
        /// The model.
        id: String,
        /// The room's id.
        room: String,
    },
    /// Room and model do not fit.
    #[error("{}: the room is for {found} Hz and the model for {expected} Hz; export both from the same training", path.display())]
    RoomRate {
        /// The room's file.
        path: PathBuf,
        /// The room's rate in Hz.
        found: u32,
        /// The model's rate in Hz.
        expected: u32,
    },
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(" or ")) }
}

fn there_are(available: &[String]) -> String {
    if available.is_empty() {
        "no models are installed, so set RETORT_MODELS to a folder with models".into()
    } else {
        let mut instruments: Vec<&str> = available.iter().map(|id| id.split('/').next().unwrap_or(id)).collect();
        instruments.dedup();
        format!("`retort models` lists what there is: {}", instruments.join(", "))
    }
}

/// Which of `available` somebody who wrote `id` may have meant, best first, three at most.
pub(crate) fn near(id: &str, available: &[String]) -> Vec<String> {
    let lower = id.to_lowercase();
    let mut ranked: Vec<(usize, &String)> = available
        .iter()
        .map(|candidate| {
            // "full" or "violin" alone, or an id that was begun, counts as nearly right.
            let part = !lower.is_empty() && candidate.to_lowercase().split(['/', ' ']).any(|part| part == lower);
            (if part { 0 } else { edit_distance(&lower, &candidate.to_lowercase()) }, candidate)
        })
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .collect();
    // The list goes from large to small, and so do equals.
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.into_iter().take(3).map(|(_, id)| id.clone()).collect()
}

/// How many letters to put in, take out or change (Levenshtein, 1966).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
