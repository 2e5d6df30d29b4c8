//! `retort models import`, `export`, `info` and `remove`: models go from folder to folder as files, and nothing is lost on the way.

mod cli_process;
mod model_parts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cli_process::{command, finish, names_in, write_random_model};
use model_parts::Parts;
use retort::library::parcel::{MAX_PARCEL_BYTES, Parcel};
use retort::library::{EMBEDDED_ID, HAS_EMBEDDED};
use retort::model::testing::{decaying_room, random_model};
use serde_json::{Value, json};
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

/// A safetensors file with this header and data.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A parcel of one instrument, made of files as they are, whatever they hold.
fn parcel_of(instrument: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let about = json!({ "format_version": 1, "instrument": instrument }).to_string();
    let mut header = json!({ "__metadata__": { "retort-parcel": about } });
    let mut data = Vec::new();
    for (name, bytes) in files {
        let end = data.len() + bytes.len();
        header[format!("{name}.safetensors")] =
            json!({ "dtype": "U8", "shape": [bytes.len()], "data_offsets": [data.len(), end] });
        data.extend_from_slice(bytes);
    }
    safetensors(&header.to_string(), &data)
}

/// A model of the instrument `harp`, and a room; another `seed` is another model, another `length` another room.
fn harp(variant: &str, seed: u64) -> Vec<u8> {
    random_model(&format!("harp/{variant}"), 16, seed)
}

fn room(length: usize) -> Vec<u8> {
    decaying_room("harp/room", length).to_bytes()
}

/// Everything in a folder and the folders in it, but for the lock.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for name in if folder.is_dir() { names_in(folder) } else { Vec::new() } {
        let path = folder.join(&name);
        if path.is_dir() {
            all.extend(everything(&path));
        } else if name != ".retort-lock" {
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let place = tempdir().unwrap();
    let mut parts = Parts::of(&harp("full", 1), "retort");
    let weights = &mut parts.tensors.iter_mut().find(|tensor| tensor.0.ends_with(".weight")).unwrap().3;
    // Not a number, as f16 and as f32.
    weights[..4].copy_from_slice(&[0xff; 4]);
    let file = place.path().join("evil.retort");
    fs::write(&file, parcel_of("harp", &[("full", &parts.bytes()), ("room", &room(100))])).unwrap();
    retort!("models", "import", file, "--models", place.path().join("to"))
        .fails(1, &["evil.retort", "not a finite number"]);
    assert_eq!(names_in(place.path()), ["evil.retort"]);
}

#[test]
fn headers_that_promise_too_much_or_the_same_twice_are_refused_at_once() {
    let place = tempdir().unwrap();
    let about =
        json!({ "__metadata__": { "retort-parcel": r#"{"format_version":1,"instrument":"harp"}"# } }).to_string();
    let with = |more: &str| format!("{},{more}}}", about.strip_suffix('}').unwrap());
    let (one, two) = (harp("full", 1), harp("full", 2));
    let tensor = |from: usize, to: usize| {
        format!(r#""full.safetensors":{{"dtype":"U8","shape":[{}],"data_offsets":[{from},{to}]}}"#, to - from)
    };
    let twice = with(&format!("{},{}", tensor(0, one.len()), tensor(one.len(), one.len() + two.len())));
    let huge = 1_usize << 60;
    for (what, bytes) in [
        ("a header of 4 EiB", [&(1_u64 << 62).to_le_bytes()[..], b"{}"].concat()),
        ("a header of 90 MB that is not there", [&90_000_000_u64.to_le_bytes()[..], b"{}"].concat()),
        ("a tensor of 1 EiB", safetensors(&with(&tensor(0, huge)), b"short")),
        ("offsets that overflow", safetensors(&with(&tensor(usize::MAX - 8, usize::MAX)), b"short")),
        ("two tensors of one name", safetensors(&twice, &[one, two].concat())),
        ("a description that is nested too deeply", {
            let deep = "[".repeat(100_000) + &"]".repeat(100_000);
            safetensors(&json!({ "__metadata__": { "retort-parcel": deep } }).to_string(), b"")
        }),
    ] {
        let file = place.path().join("evil.retort");
        fs::write(&file, bytes).unwrap();
        let begun = Instant::now();
        retort!("models", "import", file, "--models", place.path().join("to"))
            .fails(1, &["evil.retort", "neither a model nor a parcel"]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        assert_eq!(names_in(place.path()), ["evil.retort"], "{what}");
    }
}

#[test]
fn scores_that_are_none_are_refused() {
    let place = tempdir().unwrap();
    let good =
        json!({ "multi_scale_loss": 5.0, "f0_cents": 1_200.0, "loudness_error_db": 1.0, "loudness_bias_db": -1.0 });
    let with = |name: &str, value: f64| {
        let mut parts = Parts::of(&harp("full", 1), "retort");
        parts.metadata["scores"] = good.clone();
        parts.metadata["scores"][name] = json!(value);
        let file = place.path().join("a.retort");
        fs::write(&file, parcel_of("harp", &[("full", &parts.bytes()), ("room", &room(100))])).unwrap();
        retort!("models", "info", file)
    };
    with("gap_closed", 0.9).succeeds();
    for value in [-0.1, 1_000.1, -1e30, 1e30, 1e300] {
        with("multi_scale_loss", value).fails(1, &["scores.multi_scale_loss", "0 to 1000"]);
    }
    with("f0_cents", -1.0).fails(1, &["scores.f0_cents"]);
    with("loudness_bias_db", -1e9).fails(1, &["scores.loudness_bias_db"]);
    with("log_mel_db", 1e9).fails(1, &["scores.log_mel_db"]);
}

#[test]
fn what_a_model_says_of_itself_does_nothing_to_the_terminal() {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}CC0\nviolin/full: forged\r\u{9b}31m \u{202e}desrever\u{2066}";
    let (place, to) = (tempdir().unwrap(), tempdir().unwrap());
    let mut parts = Parts::of(&harp("full", 1), "retort");
    parts.metadata["licence"] = EVIL.into();
    parts.metadata["data"] = json!([{ "name": EVIL, "author": EVIL, "licence": EVIL, "private": false }]);
    let file = place.path().join("a.retort");
    fs::write(&file, parcel_of("harp", &[("full", &parts.bytes()), ("room", &room(100))])).unwrap();
    let broken = place.path().join("b.retort");
    parts.metadata["precision"] = EVIL.into();
    fs::write(&broken, parcel_of("harp", &[("full", &parts.bytes())])).unwrap();
    let out = place.path().join("out.retort");
    for outcome in [
        retort!("models", "info", file).succeeds(),
        retort!("models", "info", file, "--json").succeeds(),
        retort!("models", "import", file, "--models", to.path()).succeeds(),
        retort!("models", "--models", to.path()).succeeds(),
        retort!("models", "export", "harp", out, "--models", to.path()).succeeds(),
        retort!("models", "remove", "harp", "--models", to.path(), "--yes").succeeds(),
        retort!("models", "import", broken, "--models", to.path()).fails(1, &["precision"]),
    ] {
        let text = outcome.stdout + &outcome.stderr;
        let evil: Vec<char> =
            text.chars().filter(|c| *c != '\n' && (c.is_control() || "\u{202e}\u{2066}".contains(*c))).collect();
        assert!(evil.is_empty(), "{evil:?} in {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("violin/full: forged")), "{text}");
    }
}

#[test]
fn all_files_are_checked_before_the_first_is_written() {
    let (place, to) = (tempdir().unwrap(), tempdir().unwrap());
    let file = |name: &str, instrument: &str, seed: u64, length: usize| {
        let path = place.path().join(name);
        let model = random_model(&format!("{instrument}/full"), 16, seed);
        let room = decaying_room(&format!("{instrument}/room"), length).to_bytes();
        fs::write(&path, parcel_of(instrument, &[("full", &model), ("room", &room)])).unwrap();
        path
    };
    let (harp, lute, other) = (file("a", "harp", 1, 100), file("b", "lute", 2, 100), file("c", "lute", 3, 100));
    retort!("models", "import", lute, "--models", to.path()).succeeds();
    let before = everything(to.path());
    retort!("models", "import", harp, other, "--models", to.path()).fails(1, &["lute", "--force"]);
    assert_eq!(everything(to.path()), before, "the first was not written either");
    retort!("models", "import", harp, lute, other, "--models", to.path(), "--force")
        .fails(1, &["two different", "lute/full"]);
    assert_eq!(everything(to.path()), before);
    retort!("models", "import", harp, other, "--models", to.path(), "--force").succeeds();
    assert_eq!(ids(to.path()), ["harp/full", "lute/full"]);
}

/// An instrument with two models and a room, and a parcel that brings another of one model and another room.
#[cfg(unix)]
fn replacement() -> (TempDir, TempDir, PathBuf) {
    let (place, to) = (tempdir().unwrap(), tempdir().unwrap());
    let home = to.path().join("harp");
    fs::create_dir(&home).unwrap();
    for (name, bytes) in [("full", harp("full", 1)), ("other", harp("other", 2)), ("room", room(100))] {
        fs::write(home.join(format!("{name}.safetensors")), bytes).unwrap();
    }
    fs::write(home.join("note.txt"), "mine").unwrap();
    let file = place.path().join("harp.retort");
    // The model is larger than the room, so that a limit can lie between them.
    let (model, room) = (random_model("harp/full", 64, 3), room(50));
    assert!(model.len() > 40_000 && room.len() < 2_000);
    fs::write(&file, parcel_of("harp", &[("full", &model), ("room", &room)])).unwrap();
    (place, to, file)
}

/// Imports by way of a shell that does `first`.
#[cfg(unix)]
fn import_after(first: &str, file: &Path, to: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$@\"")]).args(["sh", env!("CARGO_BIN_EXE_retort")]);
    shell.args(["models", "import", "--force"]).arg(file).arg("--models").arg(to);
    shell.env_remove("RETORT_MODELS").env("XDG_DATA_HOME", to.join("data")).env("HOME", to);
    shell
}

#[cfg(unix)]
#[test]
fn with_a_full_disk_nothing_changes_and_the_message_says_so() {
    let (_place, to, file) = replacement();
    let before = everything(to.path());
    // Files end after 8 kB: enough for the room, and not for the model. Without the signal, writing fails.
    let outcome = finish(import_after("trap '' XFSZ; ulimit -f 16", &file, to.path()));
    outcome.fails(1, &["not enough room", "MB", "nothing was changed"]);
    assert_eq!(everything(to.path()), before);
    // The signal kills it in the midst of writing.
    assert_eq!(finish(import_after("ulimit -c 0; ulimit -f 16", &file, to.path())).code, None);
    let visible = |all: BTreeMap<PathBuf, Vec<u8>>| -> BTreeMap<PathBuf, Vec<u8>> {
        all.into_iter().filter(|(path, _)| !path.to_str().unwrap().contains("/.retort-")).collect()
    };
    assert_eq!(visible(everything(to.path())), before, "the old model with the old room");
    assert_eq!(ids(to.path()), ["harp/full", "harp/other"], "and a list without the draft");
    assert_eq!(retort!("models", "--models", to.path()).succeeds().stderr, "");
    finish(import_after("true", &file, to.path())).succeeds();
    assert_eq!(names_in(to.path()), [".retort-lock", "harp"], "the draft is gone");
    assert_eq!(
        names_in(&to.path().join("harp")),
        ["full.safetensors", "note.txt", "other.safetensors", "room.safetensors"]
    );
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_an_import_leaves_the_old_instrument_or_the_new_one() {
    let (_place, to, file) = replacement();
    let home = to.path().join("harp");
    let old = everything(&home);
    let begun = Instant::now();
    finish(import_after("true", &file, to.path())).succeeds();
    let usual = begun.elapsed();
    let new = everything(&home);
    assert_ne!(old, new);
    let mut outcomes = BTreeMap::new();
    for step in 0..40_u32 {
        fs::remove_dir_all(&home).unwrap();
        fs::create_dir(&home).unwrap();
        old.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let mut import = import_after("true", &file, to.path()).stdout(Stdio::null()).spawn().unwrap();
        if step < 39 {
            std::thread::sleep(usual * step / 30);
            import.kill().unwrap();
        }
        import.wait().unwrap();
        // Whatever comes next puts right what is left.
        retort!("models", "remove", "nothing", "--models", to.path(), "--yes").fails(1, &["is not in"]);
        let left: Vec<String> = names_in(to.path()).into_iter().filter(|name| name != ".retort-lock").collect();
        assert_eq!(left, ["harp"], "step {step}");
        let now = everything(&home);
        assert!(now == old || now == new, "step {step}: {:?}", now.keys());
        *outcomes.entry(now == new).or_insert(0) += 1;
    }
    assert!(outcomes.len() == 2, "some were killed in time, and the last one was not: {outcomes:?}");
}

#[cfg(unix)]
#[test]
fn links_are_neither_followed_nor_removed_through() {
    use std::os::unix::fs::symlink;
    let (_place, to, file) = replacement();
    let elsewhere = tempdir().unwrap();
    let victim = elsewhere.path().join("harp");
    fs::rename(to.path().join("harp"), &victim).unwrap();
    let link = to.path().join("harp");
    symlink(&victim, &link).unwrap();
    let before = everything(&victim);
    let said = ["is a link to", victim.to_str().unwrap()];
    for what in ["harp", "harp/full"] {
        retort!("models", "remove", what, "--models", to.path(), "--yes").fails(1, &said);
    }
    retort!("models", "import", file, "--force", "--models", to.path()).fails(1, &said);
    assert_eq!(everything(&victim), before);
    assert!(link.is_symlink());
    // Links within an instrument are removed and replaced themselves, and what they lead to stays.
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    for name in ["full.safetensors", "other.safetensors", "room.safetensors", "note.txt"] {
        symlink(victim.join(name), link.join(name)).unwrap();
    }
    retort!("models", "import", file, "--force", "--models", to.path()).succeeds();
    assert!(!link.join("full.safetensors").is_symlink() && link.join("note.txt").is_symlink());
    retort!("models", "remove", "harp", "--models", to.path(), "--yes").succeeds();
    assert_eq!(names_in(&link), ["note.txt"]);
    assert_eq!(everything(&victim), before);
    // A whole folder of models may lie elsewhere.
    let folder = elsewhere.path().join("link to models");
    symlink(to.path(), &folder).unwrap();
    retort!("models", "import", file, "--models", folder).succeeds();
    assert_eq!(ids(&folder), ["harp/full"]);
}

#[test]
fn an_import_says_what_will_play() {
    let (place, data) = (tempdir().unwrap(), tempdir().unwrap());
    let run = |arguments: &[&str], models: Option<&Path>| {
        let mut command = command();
        command.env("XDG_DATA_HOME", data.path()).env("HOME", data.path()).env("APPDATA", data.path());
        models.map(|folder| command.env("RETORT_MODELS", folder));
        finish({
            command.arg("models").args(arguments);
            command
        })
    };
    let file = place.path().join("a.retort");
    let path = file.to_str().unwrap();
    fs::write(&file, parcel_of("harp", &[("full", &harp("full", 1)), ("room", &room(100))])).unwrap();
    let first = shelf();
    fs::create_dir(first.path().join("harp")).unwrap();
    fs::write(first.path().join("harp/full.safetensors"), harp("full", 2)).unwrap();
    run(&["import", path], Some(first.path())).fails(1, &["harp/full", "would not play", "--force"]);
    let outcome = run(&["import", path], None).succeeds();
    assert!(outcome.stdout.contains("can be played") && !outcome.stdout.contains("note"), "{}", outcome.stdout);
    if HAS_EMBEDDED {
        let (instrument, variant) = EMBEDDED_ID.split_once('/').unwrap();
        let room = decaying_room(&format!("{instrument}/room"), 100).to_bytes();
        fs::write(&file, parcel_of(instrument, &[(variant, &random_model(EMBEDDED_ID, 8, 1)), ("room", &room)]))
            .unwrap();
        run(&["import", path], None).fails(1, &[EMBEDDED_ID, "in place of", "--force"]);
        let outcome = run(&["import", path, "--force"], None).succeeds();
        assert_eq!(outcome.stdout.matches("note: ").count(), 1, "{}", outcome.stdout);
        assert!(outcome.stdout.contains("now plays what was imported"), "{}", outcome.stdout);
        let told = run(&["info", EMBEDDED_ID], None).succeeds().stdout;
        assert!(told.contains("recurrent, 8 wide"), "and so it is: {told}");
        run(&["remove", EMBEDDED_ID, "--yes"], None).succeeds();
        assert!(!run(&["info", EMBEDDED_ID], None).succeeds().stdout.contains("recurrent, 8 wide"));
    }
    let elsewhere = run(&["import", path, "--models", place.path().join("x").to_str().unwrap()], None).succeeds();
    assert!(elsewhere.stdout.contains("only where it is named"), "{}", elsewhere.stdout);
}

#[test]
fn the_list_stays_as_it_was() {
    let folder = shelf();
    assert_eq!(ids(folder.path()), ["violin/test"]);
    let mut bare = command();
    bare.args(["models", "--json"]);
    finish(bare).succeeds();
}
