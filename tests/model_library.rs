//! Finding and loading models by id.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use retort::library::{EMBEDDED_ID, HAS_EMBEDDED, Library, LibraryError, Sound};
use retort::model::ModelError;
use retort::model::testing::{decaying_room, random_model};

fn put(folder: &Path, id: &str, bytes: &[u8]) {
    let path = folder.join(format!("{id}.safetensors"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// These ids and the embedded one, if there is one.
fn with_embedded(ids: &[&str]) -> Vec<String> {
    ids.iter().copied().chain(HAS_EMBEDDED.then_some(EMBEDDED_ID)).map(str::to_owned).collect()
}

fn library(folder: &Path) -> Library {
    Library::with_folders(vec![folder.to_owned()])
}

#[test]
fn a_model_is_found_by_id_and_comes_with_its_room() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", &random_model("flute/full", 24, 1));
    put(folder.path(), "flute/room", &decaying_room("flute/room", 500).to_bytes());
    let library = library(folder.path());
    let ids: Vec<String> = library.list().into_iter().map(|entry| entry.id).collect();
    assert_eq!(ids, with_embedded(&["flute/full"]));
    let loaded = library.load("flute/full").unwrap();
    assert_eq!(loaded.model.metadata.id, "flute/full");
    assert_eq!(loaded.room.as_ref().unwrap().impulse_response.len(), 500);
    let entry = library.list().remove(0);
    assert_eq!(entry.bytes, fs::metadata(entry.path.unwrap()).unwrap().len());
}

#[cfg(not(retort_embedded))]
#[test]
fn a_program_built_without_a_model_says_how_to_get_one() {
    let library = Library::with_folders(vec!["/nowhere/at/all".into()]);
    assert!(library.list().is_empty());
    let error = library.load(EMBEDDED_ID).err().unwrap().to_string();
    assert!(error.contains(EMBEDDED_ID) && error.contains("no models are installed, so set RETORT_MODELS"), "{error}");
}

#[cfg(retort_embedded)]
#[test]
fn there_is_always_an_instrument_to_play() {
    let loaded = Library::with_folders(vec!["/nowhere/at/all".into()]).load(EMBEDDED_ID).unwrap();
    assert_eq!(loaded.model.metadata.id, EMBEDDED_ID);
    assert!(loaded.room.is_some());
}

#[test]
fn weights_are_shared_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", &random_model("flute/full", 8, 1));
    put(folder.path(), "flute/room", &decaying_room("flute/room", 50).to_bytes());
    let (one, other) = (library(folder.path()), library(folder.path()));
    let first = one.load("flute/full").unwrap();
    let again = other.load("flute/full").unwrap();
    assert!(Arc::ptr_eq(&first.model.decoder, &again.model.decoder));
    assert!(Arc::ptr_eq(first.room.as_ref().unwrap(), again.room.as_ref().unwrap()));
    put(folder.path(), "flute/full", &random_model("flute/full", 12, 1));
    let changed = one.load("flute/full").unwrap();
    assert!(!Arc::ptr_eq(&first.model.decoder, &changed.model.decoder));
    assert_ne!(first.model.metadata.parameters, changed.model.metadata.parameters);
}

#[test]
fn an_instrument_that_plays_shares_its_weights_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", &random_model("flute/full", 8, 1));
    put(folder.path(), "flute/room", &decaying_room("flute/room", 50).to_bytes());
    let library = library(folder.path());
    let sound = Sound { id: "flute/full", blend: None, tuning: None };
    let held = || {
        let loaded = library.load("flute/full").unwrap();
        // This one's own, and those of the instruments.
        Arc::strong_count(&loaded.model.decoder) - 1
    };
    assert_eq!(held(), 0);
    let first = library.build(sound, 48_000).unwrap();
    let second = library.build(sound, 44_100).unwrap();
    assert_eq!(held(), 2);
    drop((first, second));
    assert_eq!(held(), 0, "the weights go with the last instrument");
}

#[cfg(retort_embedded)]
#[test]
fn the_first_folder_wins() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(first.path(), EMBEDDED_ID, &random_model(EMBEDDED_ID, 5, 1));
    put(second.path(), EMBEDDED_ID, &random_model(EMBEDDED_ID, 6, 1));
    let library = library(first.path()).and_folder(second.path().to_owned());
    let entries = library.list();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].path.as_ref().unwrap().starts_with(first.path()));
    let loaded = library.load(EMBEDDED_ID).unwrap();
    assert_eq!(loaded.model.metadata.parameters, entries[0].metadata.parameters);
    assert!(loaded.room.is_some(), "a room that is missing beside the model is taken from elsewhere");
}

#[cfg(retort_embedded)]
#[test]
fn an_unknown_id_names_what_there_is_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", &random_model("flute/full", 8, 1));
    let library = library(folder.path());
    for (asked, meant) in [("flute/ful", "flute/full"), ("Violin/Reduced", EMBEDDED_ID), ("flute", "flute/full")] {
        let error = library.load(asked).err().unwrap();
        let LibraryError::Unknown { near, available, .. } = &error else { panic!("{error}") };
        assert_eq!(near[0], meant, "for {asked}");
        assert_eq!(available, &["flute/full", EMBEDDED_ID]);
        assert!(error.to_string().contains("did you mean"), "{error}");
    }
    let error = library.load("kazoo/enormous").err().unwrap().to_string();
    assert!(!error.contains("did you mean") && error.contains("flute, violin"), "{error}");
}

#[cfg(retort_embedded)]
#[test]
fn another_model_s_room_does_not_change_the_embedded_one_s() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "violin/mine", &random_model("violin/mine", 8, 1));
    put(folder.path(), "violin/room", &decaying_room("violin/room", 77).to_bytes());
    let length = |id: &str| library(folder.path()).load(id).unwrap().room.as_ref().unwrap().impulse_response.len();
    assert_eq!(length("violin/mine"), 77);
    assert_ne!(length(EMBEDDED_ID), 77);
}

#[test]
fn an_import_at_work_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), ".retort-draft-flute/full", &random_model("flute/full", 8, 1));
    let listing = library(folder.path()).scan();
    assert_eq!(listing.models.len(), with_embedded(&[]).len());
    assert!(listing.problems.is_empty(), "{:?}", listing.problems);
}

#[test]
fn an_id_never_leads_out_of_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("models");
    put(folder.path(), "flute/full", &random_model("flute/full", 8, 1));
    for id in ["../flute/full", "../flute", "/flute/full", "flute/../flute/full", "", "/", "a/b/c"] {
        assert!(matches!(library(&inner).load(id), Err(LibraryError::Unknown { .. })), "{id}");
    }
}

#[test]
fn broken_files_are_listed_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let good = random_model("flute/full", 8, 1);
    put(folder.path(), "flute/full", &good);
    put(folder.path(), "flute/cut", &good[..good.len() - 100]);
    put(folder.path(), "flute/moved", &good);
    put(folder.path(), "flute/text", b"This is a letter to my aunt, and no model.");
    put(folder.path(), "flute/empty", b"");
    let listing = library(folder.path()).scan();
    assert_eq!(listing.models.len(), with_embedded(&["flute/full"]).len());
    let problem = |name: &str| {
        let problem = listing.problems.iter().find(|problem| problem.path.file_stem().unwrap() == name);
        problem.unwrap_or_else(|| panic!("{name} is not listed")).error.to_string()
    };
    assert_eq!(listing.problems.len(), 4);
    assert!(problem("cut").contains("cut off"));
    assert!(problem("moved").contains("flute/full"));
    assert!(problem("text").contains("not a safetensors file"));
    assert!(problem("empty").contains("not a safetensors file"));
    assert!(problem("text").contains("text.safetensors"), "the message names the file");
    for name in ["cut", "moved", "text", "empty"] {
        assert!(library(folder.path()).load(&format!("flute/{name}")).is_err());
    }
}

#[test]
fn a_model_without_its_room_says_which_room() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", &random_model("flute/full", 8, 1));
    let error = library(folder.path()).load("flute/full").err().unwrap();
    assert!(matches!(&error, LibraryError::NoRoom { room, .. } if room == "flute/room"), "{error}");
    let mut room = decaying_room("flute/room", 50);
    room.sample_rate_hz = 16_000;
    put(folder.path(), "flute/room", &room.to_bytes());
    let error = library(folder.path()).load("flute/full").err().unwrap();
    assert!(matches!(error, LibraryError::RoomRate { found: 16_000, expected: 32_000, .. }), "{error}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "flute/full", b"");
    let path = folder.path().join("flute/full.safetensors");
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
    let error = library(folder.path()).load("flute/full").err().unwrap();
    assert!(matches!(error, LibraryError::Broken { source: ModelError::TooLarge { .. }, .. }), "{error}");
}

#[cfg(retort_embedded)]
#[test]
fn a_broken_file_does_not_hide_the_embedded_model() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "violin/reduced", b"cut off");
    let library = library(folder.path());
    assert!(library.list().iter().any(|entry| entry.id == "violin/reduced"));
    assert_eq!(library.load("violin/reduced").unwrap().model.metadata.id, "violin/reduced");
    assert_eq!(library.scan().problems.len(), 1, "and the file is reported");
}
