//! The user's presets on disk.

use std::fs;

use super::super::*;
use tempfile::{TempDir, tempdir};

fn store() -> (TempDir, FileStore) {
    let folder = tempdir().unwrap();
    let store = FileStore::with_folder(folder.path().join("presets"));
    (folder, store)
}

fn preset(name: &str) -> Preset {
    Preset { name: name.into(), model: "violin/full".into(), ..Preset::default() }
}

fn own(store: &FileStore) -> Vec<&PresetEntry> {
    store.list().iter().filter(|entry| entry.is_user()).collect()
}

#[test]
fn a_saved_preset_is_listed_found_replaced_only_on_demand_and_deleted() {
    let (_folder, mut store) = store();
    let n_factory = store.list().len();
    store.save(&preset("My Pad"), false).unwrap();
    let changed = Preset { description: "Changed.".into(), ..preset("My Pad") };
    assert!(matches!(store.save(&changed, false), Err(StoreError::Exists(_))));
    assert_eq!(store.find("my pad").unwrap().description, "");
    store.save(&changed, true).unwrap();
    assert_eq!(store.find("My Pad").unwrap().description, "Changed.");
    assert_eq!(own(&store).len(), 1);
    let names: Vec<_> = fs::read_dir(store.folder().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["My Pad.json"], "no draft is left");
    let Origin::User { file } = own(&store)[0].origin.clone() else { panic!("it is the user's") };
    store.delete(&file).unwrap();
    assert_eq!(store.list().len(), n_factory);
    assert!(store.delete(&file).is_err());
}

#[test]
fn names_that_give_the_same_file_do_not_replace_each_other() {
    let (_folder, mut store) = store();
    for name in ["A/B", "A_B", "A:B"] {
        store.save(&preset(name), false).unwrap();
    }
    let names: Vec<&str> = own(&store).iter().map(|entry| entry.name()).collect();
    assert_eq!(names, ["A/B", "A:B", "A_B"]);
    let factory = factory::presets()[0].name.to_uppercase();
    assert!(matches!(store.save(&preset(&factory), true), Err(StoreError::FactoryName(_))));
}

#[test]
fn a_file_that_a_list_does_not_know_is_not_replaced_either() {
    let (_folder, mut store) = store();
    let folder = store.folder().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("My Pad.json"), "a poem").unwrap();
    store.save(&preset("My Pad"), true).unwrap();
    assert_eq!(fs::read_to_string(folder.join("My Pad.json")).unwrap(), "a poem");
    assert!(folder.join("My Pad 2.json").is_file());
}

#[test]
fn broken_files_are_listed_with_what_is_wrong_and_hide_no_others() {
    let (_folder, mut store) = store();
    store.save(&preset("Good"), false).unwrap();
    let folder = store.folder().unwrap().to_owned();
    fs::write(folder.join("poem.json"), "roses are red").unwrap();
    fs::write(folder.join("huge.json"), vec![b' '; 70_000]).unwrap();
    fs::write(folder.join("readme.txt"), "not a preset").unwrap();
    fs::create_dir(folder.join("folder.json")).unwrap();
    store.refresh();
    let broken: Vec<&PresetEntry> = own(&store).into_iter().filter(|entry| entry.preset.is_err()).collect();
    assert_eq!(broken.iter().map(|entry| entry.name()).collect::<Vec<_>>(), ["huge.json", "poem.json"]);
    for (entry, words) in broken.iter().zip(["70000 bytes", "not JSON"]) {
        let problem = entry.preset.as_ref().unwrap_err();
        assert!(problem.contains(entry.name()) && problem.contains(words), "{problem}");
    }
    assert_eq!(own(&store)[0].name(), "Good");
    assert!(store.list().last().unwrap().preset.is_err(), "they come last");
}

#[test]
fn presets_are_found_by_name_or_file_and_near_misses_are_suggested() {
    let (folder, mut store) = store();
    store.save(&preset("Glass Choir"), false).unwrap();
    let file = folder.path().join("elsewhere.json");
    fs::write(&file, format::write(&preset("Elsewhere")).unwrap()).unwrap();
    assert_eq!(store.find(&file.to_string_lossy()).unwrap().name, "Elsewhere");
    assert_eq!(store.find("felt piano").unwrap().name, "Felt Piano");
    let error = store.find("Glas Choir").unwrap_err().to_string();
    assert!(error.contains("did you mean Glass Choir"), "{error}");
    let error = store.find("absent.json").unwrap_err().to_string();
    assert!(error.contains("absent.json") && error.contains("cannot read"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_or_written_is_named() {
    let (folder, _) = store();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let mut store = FileStore::with_folder(file.join("presets"));
    let error = store.save(&preset("X"), false).unwrap_err().to_string();
    assert!(error.contains("a file"), "{error}");
    let full = StoreError::writing(&file, std::io::ErrorKind::StorageFull.into()).to_string();
    let denied = StoreError::writing(&file, std::io::ErrorKind::PermissionDenied.into()).to_string();
    assert!(full.contains("disk is full") && denied.contains("permissions"), "{full} {denied}");
}

#[test]
fn lists_are_sorted_by_category_and_name() {
    let (_folder, mut store) = store();
    store.save(&Preset { category: "Weird".into(), ..preset("Aaa") }, false).unwrap();
    store.save(&Preset { category: "Solo".into(), ..preset("Aaa Solo") }, false).unwrap();
    assert_eq!(store.list()[0].name(), "Aaa Solo");
    assert_eq!(store.list().last().unwrap().name(), "Aaa");
}
