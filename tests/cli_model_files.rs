//! `retort models import`, `export`, `info` and `remove`: models go from folder to folder as files, and nothing is lost on the way.

mod cli_process;

use std::fs;
use std::path::{Path, PathBuf};

use cli_process::{command, finish, names_in, write_random_model};
use retort::library::parcel::{MAX_PARCEL_BYTES, Parcel};
use retort::model::testing::{decaying_room, random_model};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A folder with the instrument `violin`, which has the model `test` and a room.
fn shelf() -> TempDir {
    let folder = tempdir().unwrap();
    write_random_model(folder.path());
    folder
}

/// The shelf's parcel in a file.
fn parcel(from: &Path) -> (TempDir, PathBuf) {
    let place = tempdir().unwrap();
    let file = place.path().join("violin.retort");
    retort!("models", "export", "violin/test", file, "--models", from).succeeds();
    (place, file)
}

fn ids(folder: &Path) -> Vec<String> {
    let outcome = retort!("models", "--json", "--models", folder).succeeds();
    let models: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    let here = |model: &&Value| model["path"].as_str().is_some_and(|path| path.starts_with(folder.to_str().unwrap()));
    models.iter().filter(here).map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_exported_is_imported_elsewhere_byte_for_byte() {
    let (from, to) = (shelf(), tempdir().unwrap());
    let (_place, file) = parcel(from.path());
    let outcome = retort!("models", "import", file, "--models", to.path()).succeeds();
    assert!(outcome.stdout.starts_with("violin/test can be played: "), "{}", outcome.stdout);
    for name in ["test.safetensors", "room.safetensors"] {
        let read = |folder: &Path| fs::read(folder.join("violin").join(name)).unwrap();
        assert_eq!(read(from.path()), read(to.path()), "{name}");
    }
    assert_eq!(names_in(&to.path().join("violin")), ["room.safetensors", "test.safetensors"], "no draft is left");
    assert_eq!(ids(to.path()), ["violin/test"]);
    let again = retort!("models", "import", file, "--models", to.path()).succeeds();
    assert!(again.stdout.contains("was there already"), "{}", again.stdout);
}

#[test]
fn a_bare_model_file_is_imported_with_the_room_beside_it() {
    let (from, to) = (shelf(), tempdir().unwrap());
    let model = from.path().join("violin/test.safetensors");
    retort!("models", "import", model, "--models", to.path()).succeeds();
    assert_eq!(ids(to.path()), ["violin/test"]);
    fs::remove_file(from.path().join("violin/room.safetensors")).unwrap();
    let other = tempdir().unwrap();
    retort!("models", "import", model, "--models", other.path()).fails(1, &["violin/room", "did not come along"]);
    assert_eq!(names_in(other.path()), [] as [&str; 0]);
}

#[test]
fn nothing_is_replaced_without_being_told_to() {
    let (from, to) = (shelf(), tempdir().unwrap());
    let (_place, file) = parcel(from.path());
    let home = to.path().join("violin");
    fs::create_dir(&home).unwrap();
    let own = random_model("violin/test", 16, 99);
    fs::write(home.join("test.safetensors"), &own).unwrap();
    retort!("models", "import", file, "--models", to.path()).fails(1, &["test.safetensors", "--force"]);
    assert_eq!(fs::read(home.join("test.safetensors")).unwrap(), own);
    assert_eq!(names_in(&home), ["test.safetensors"], "the room was not written either");
    retort!("models", "import", file, "--models", to.path(), "--force").succeeds();
    assert_ne!(fs::read(home.join("test.safetensors")).unwrap(), own);
}

#[test]
fn the_room_of_other_models_is_not_exchanged_under_them() {
    let (from, to) = (shelf(), tempdir().unwrap());
    let (_place, file) = parcel(from.path());
    let home = to.path().join("violin");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("mine.safetensors"), random_model("violin/mine", 16, 5)).unwrap();
    let room = decaying_room("violin/room", 1_600).to_bytes();
    fs::write(home.join("room.safetensors"), &room).unwrap();
    retort!("models", "import", file, "--models", to.path()).fails(1, &["room.safetensors", "mine", "--force"]);
    assert_eq!(fs::read(home.join("room.safetensors")).unwrap(), room);
    assert!(!home.join("test.safetensors").exists());
}

#[test]
fn broken_files_are_refused_and_none_of_them_panics() {
    let from = shelf();
    let (place, file) = parcel(from.path());
    let whole = fs::read(&file).unwrap();
    let to = tempdir().unwrap();
    let bad = place.path().join("bad.retort");
    let refused = |bytes: &[u8]| {
        fs::write(&bad, bytes).unwrap();
        retort!("models", "import", bad, "--models", to.path()).fails(1, &["bad.retort"]);
    };
    refused(b"");
    refused(b"a text, and no model");
    for length in [4, 8, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..length]);
    }
    let header = 8 + usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    // A bit in the description, in the inner file's length and in its text.
    for position in [10, header + 1, header + 60] {
        let mut changed = whole.clone();
        changed[position] ^= 0x10;
        refused(&changed);
    }
    assert_eq!(names_in(to.path()), [] as [&str; 0]);
    retort!("models", "import", place.path().join("missing.retort")).fails(1, &["missing.retort", "cannot read"]);
    retort!("models", "import", place.path()).fails(1, &["is a folder"]);
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    let metadata =
        retort::model::testing::metadata_for(&retort::model::gru::GruWeights::random(1, 16, 60, 65), "violin/test");
    let place = tempdir().unwrap();
    for instrument in ["..", "../up", "/tmp", "a b", ""] {
        let bytes = random_model("violin/test", 16, 1);
        let evil = Parcel { instrument: instrument.into(), models: vec![(metadata.clone(), bytes)], room: None };
        let file = place.path().join("evil.retort");
        fs::write(&file, evil.to_bytes()).unwrap();
        retort!("models", "import", file, "--models", place.path().join("to")).fails(1, &["evil.retort"]);
    }
    for what in ["..", "../evil", "violin/../evil", "violin/room", "/etc"] {
        retort!("models", "remove", what, "--models", place.path(), "--yes").fails(1, &["is not in"]);
    }
    assert_eq!(names_in(place.path()), ["evil.retort"]);
}

#[test]
fn a_parcel_that_is_too_large_is_refused_unread() {
    let place = tempdir().unwrap();
    let file = place.path().join("huge.retort");
    // Sparse: it takes no room on the disk.
    fs::File::create(&file).unwrap().set_len(MAX_PARCEL_BYTES + 1).unwrap();
    retort!("models", "import", file, "--models", place.path()).fails(1, &["more than a parcel has"]);
}

#[test]
fn info_says_what_a_model_is_and_where_it_comes_from() {
    let from = shelf();
    let (_place, file) = parcel(from.path());
    let told = retort!("models", "info", file).succeeds().stdout;
    for words in ["violin/test", "recurrent, 16 wide", "32000 Hz", "licence", "recordings", "not scored"] {
        assert!(told.contains(words), "'{words}' is missing in: {told}");
    }
    assert_eq!(retort!("models", "info", "violin/test", "--models", from.path()).succeeds().stdout, told);
    let json = retort!("models", "info", file, "--json").succeeds().stdout;
    let list: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(list[0]["metadata"]["id"], "violin/test");
    retort!("models", "info", "violon").fails(1, &["there is no model `violon`"]);
}

#[test]
fn an_export_replaces_no_file_and_knows_what_it_does_not_have() {
    let from = shelf();
    let (_place, file) = parcel(from.path());
    retort!("models", "export", "violin/test", file, "--models", from.path())
        .fails(2, &["is there already", "--force"]);
    retort!("models", "export", "violin/test", file, "--models", from.path(), "--force").succeeds();
    retort!("models", "export", "harp", file, "--models", from.path(), "--force").fails(1, &["`harp`"]);
    let nowhere = file.with_file_name("no/folder.retort");
    retort!("models", "export", "violin/test", nowhere, "--models", from.path()).fails(1, &["folder.retort"]);
}

#[test]
fn removing_takes_a_model_and_with_the_last_one_its_room() {
    let folder = shelf();
    let home = folder.path().join("violin");
    fs::write(home.join("other.safetensors"), random_model("violin/other", 16, 2)).unwrap();
    fs::write(home.join("report.html"), "a page").unwrap();
    retort!("models", "remove", "violin/test", "--models", folder.path()).fails(2, &["--yes"]);
    assert_eq!(names_in(&home).len(), 4, "nothing without an answer");
    retort!("models", "remove", "violin/test", "--models", folder.path(), "--yes").succeeds();
    assert_eq!(names_in(&home), ["other.safetensors", "report.html", "room.safetensors"]);
    fs::write(home.join("notes.txt"), "mine").unwrap();
    retort!("models", "remove", "violin", "--models", folder.path(), "--yes").succeeds();
    assert_eq!(names_in(&home), ["notes.txt"], "what is not Retort's stays");
    retort!("models", "remove", "violin", "--models", folder.path(), "--yes").fails(1, &["is not in"]);
}

#[test]
fn the_list_stays_as_it_was() {
    let folder = shelf();
    assert_eq!(ids(folder.path()), ["violin/test"]);
    let mut bare = command();
    bare.args(["models", "--json"]);
    finish(bare).succeeds();
}
