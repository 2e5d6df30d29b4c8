//! Models of the same id in several places: which one plays.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::{Library, entry};

/// A model of the same id that lies elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its file; `None` for the embedded model.
    pub path: Option<PathBuf>,
    /// Whether it plays rather than one in the folder that was asked about.
    pub plays: bool,
}

impl Library {
    /// Whether models in `folder` are found.
    #[must_use]
    pub fn looks_into(&self, folder: &Path) -> bool {
        self.folders.iter().any(|other| is_same(other, folder))
    }

    /// The best working model `id` that does not lie in `folder`, if there is one and `folder` is looked into.
    #[must_use]
    pub fn twin(&self, id: &str, folder: &Path) -> Option<Twin> {
        let place = self.folders.iter().position(|other| is_same(other, folder))?;
        let others = self.folders.iter().enumerate().filter(|(_, other)| !is_same(other, folder));
        let files = others.map(|(i, other)| (i < place, Source::File(other.join(format!("{id}.safetensors")))));
        let embedded = Source::embedded(id).map(|source| (false, source));
        let mut found = files.chain(embedded).filter_map(|(plays, source)| Some((plays, entry(source, id).ok()?)));
        found.next().map(|(plays, entry)| Twin { path: entry.path, plays })
    }
}

/// One folder may be named in several ways, and need not exist yet.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::random_model;

    #[test]
    fn of_two_models_of_one_name_the_earlier_folder_s_plays() {
        let place = tempfile::tempdir().unwrap();
        let [first, second, third] = ["1", "2", "3"].map(|name| place.path().join(name));
        let file = second.join("harp/full.safetensors");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, random_model("harp/full", 8, 1)).unwrap();
        let library = Library::with_folders(vec![first.clone(), second.clone(), third.clone()]);
        let twin = |plays| Some(Twin { path: Some(file.clone()), plays });
        assert_eq!(library.twin("harp/full", &first), twin(false));
        assert_eq!(library.twin("harp/full", &third), twin(true));
        assert_eq!(library.twin("harp/full", &second), None, "it is no twin of itself");
        assert_eq!(library.twin("harp/reduced", &first), None);
        assert!(library.looks_into(&first) && !library.looks_into(place.path()));
        assert_eq!(library.twin("harp/full", place.path()), None);
        std::fs::write(&file, "no model").unwrap();
        assert_eq!(library.twin("harp/full", &first), None, "what does not load does not play");
    }

    #[cfg(retort_embedded)]
    #[test]
    fn the_embedded_model_is_hidden_by_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::with_folders(vec![folder.path().into()]);
        let twin = library.twin(crate::library::EMBEDDED_ID, folder.path());
        assert_eq!(twin, Some(Twin { path: None, plays: false }));
    }
}
