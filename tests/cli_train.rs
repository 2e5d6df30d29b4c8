//! `retort train` up to where Python takes over: what it says and asks before anything is downloaded. A script stands for Python.

#![cfg(unix)]

mod cli_process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli_process::{command, finish, names_in};
use tempfile::{TempDir, tempdir};

/// A Python that makes environments out of itself, notes what it is called with, and ends as `code` says. In the step that the file
/// `dies-in` names, it kills whoever has called it; in the one that `fails-in` names, it fails, once. As many bytes are free as
/// `free` says. It notes environments in `environments`.
fn python(folder: &Path, code: u8) -> PathBuf {
    let path = folder.join("python");
    let text = format!(
        r#"#!/bin/sh
dies() {{ [ "$(cat "{dies}" 2>/dev/null)" != "$1" ] || {{ rm "{dies}"; kill -9 $PPID; exit 9; }}; }}
fails() {{ [ "$(cat "{fails}" 2>/dev/null)" != "$1" ] || {{ rm "{fails}"; echo "No space left on device" >&2; exit 1; }}; }}
case "$1 $2" in
  "-c import sys, importlib"*) echo 3 12 1 ;;
  "-c import shutil, sys;"*) cat "{free}" 2>/dev/null || echo 99000000000 ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && dies venv; touch "$3/pip"; echo "$3" >> "{environments}" ;;
  "-m pip") [ -e "$(dirname "$0")/../pip" ] || {{ echo "No module named pip" >&2; exit 1; }}
    case "$@" in *requirements-check.txt) step=check ;; *) step=training ;; esac
    dies $step; fails $step; echo "$@" >> "{log}" ;;
  "-m retort_training") echo "$PYTHONPATH $@" >> "{log}"; exit {code} ;;
esac
"#,
        log = folder.join("log").display(),
        environments = folder.join("environments").display(),
        dies = folder.join("dies-in").display(),
        fails = folder.join("fails-in").display(),
        free = folder.join("free").display(),
    );
    fs::write(&path, text).unwrap();
    let takes = folder.join("takes/one");
    fs::create_dir_all(&takes).unwrap();
    fs::write(takes.join("C3.wav"), "for Python to look at").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn train(place: &TempDir, more: &[&str]) -> Command {
    let mut command = command();
    command.env("XDG_DATA_HOME", place.path().join("data")).arg("train").arg(place.path().join("takes"));
    command.arg("--python").arg(place.path().join("python")).args(more);
    command
}

fn log(place: &TempDir) -> Vec<String> {
    lines(place, "log")
}

fn lines(place: &TempDir, name: &str) -> Vec<String> {
    fs::read_to_string(place.path().join(name)).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn nothing_is_downloaded_before_somebody_said_yes() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    let outcome = finish(train(&place, &[])).fails(2, &["nobody to ask", "--yes"]);
    assert!(outcome.stdout.contains("MB to download"), "{}", outcome.stdout);
    assert_eq!(log(&place), [] as [&str; 0]);
}

#[test]
fn the_recordings_are_looked_at_before_the_large_packages_are_fetched() {
    let place = tempdir().unwrap();
    python(place.path(), 1);
    let mut command = train(&place, &["--yes", "--name", "My cello"]);
    assert_eq!(command.output().unwrap().status.code(), Some(1), "the training's own exit code");
    let log = log(&place);
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].ends_with("requirements-check.txt") && log[0].contains("--constraint"));
    assert!(log[1].contains("own") && log[1].contains("--name My cello") && log[1].contains("--check"), "{log:?}");
}

#[test]
fn with_everything_there_the_training_takes_over_with_this_program_as_its_ears() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    let options = ["--yes", "--minutes", "12", "--only", "reduced", "full", "--models", "/somewhere"];
    let outcome = finish(train(&place, &options)).succeeds();
    assert!(outcome.stdout.contains("GB to download"), "{}", outcome.stdout);
    assert!(log(&place)[2].ends_with("/requirements.txt"), "{:?}", log(&place));
    let last = log(&place).pop().unwrap();
    let retort = format!("--retort {}", env!("CARGO_BIN_EXE_retort"));
    for words in ["own ", "--minutes 12", "--only reduced full", "--models /somewhere", "--told", retort.as_str()] {
        assert!(last.contains(words), "'{words}' is missing in: {last}");
    }
    let package = PathBuf::from(last.split(' ').next().unwrap());
    assert!(package.join("retort_training/own/command.py").is_file(), "it runs the package that is in the program");
    let before = log(&place).len();
    finish(train(&place, &["--check"])).succeeds();
    assert_eq!(log(&place).len(), before + 1, "nothing is installed twice");
}

#[test]
fn what_was_killed_while_it_installed_is_made_anew() {
    for (step, made) in [("venv", 1), ("check", 2), ("training", 2)] {
        let place = tempdir().unwrap();
        python(place.path(), 0);
        fs::write(place.path().join("dies-in"), step).unwrap();
        let killed = train(&place, &["--yes"]).output().unwrap();
        assert_eq!(killed.status.code(), None, "killed in {step}");
        assert!(!place.path().join("dies-in").exists(), "it came to {step}");
        let outcome = finish(train(&place, &["--yes"])).succeeds();
        assert!(outcome.stdout.contains("not finished") && outcome.stdout.contains("anew"), "{}", outcome.stdout);
        assert_eq!(lines(&place, "environments").len(), made, "environments that were made whole, {step}");
        assert!(log(&place).pop().unwrap().contains("--told"), "and it trains: {:?}", log(&place));
        let before = log(&place).len();
        let again = finish(train(&place, &["--yes"])).succeeds();
        assert!(log(&place).len() == before + 1 && !again.stdout.contains("anew"), "{}", again.stdout);
    }
}

#[test]
fn a_full_disk_is_told_before_anything_is_installed() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    let free = |bytes: &str| fs::write(place.path().join("free"), bytes).unwrap();
    free("400000000");
    finish(train(&place, &["--yes"])).fails(1, &["only 0.4 GB are free", "data/retort/training", "0.5 GB are needed"]);
    assert!(log(&place).is_empty() && lines(&place, "environments").is_empty(), "{:?}", log(&place));
    // Enough to look at the recordings, but not to learn from them.
    free("2000000000");
    finish(train(&place, &["--yes"])).fails(1, &["only 2.0 GB are free", "GB are needed"]);
    let noted = log(&place);
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert!(noted[0].ends_with("requirements-check.txt") && noted[1].contains("--check"), "{noted:?}");
    fs::remove_file(place.path().join("free")).unwrap();
    let outcome = finish(train(&place, &["--yes"])).succeeds();
    assert!(!outcome.stdout.contains("anew"), "what was there is built upon: {}", outcome.stdout);
    assert_eq!(lines(&place, "environments").len(), 1);
}

#[test]
fn an_installation_that_fails_is_made_anew_by_the_same_command() {
    let steps: [(&str, &[&str], &str); 3] = [
        ("check", &["--yes"], "could not install the packages"),
        ("training", &["--yes"], "could not install the packages"),
        ("training", &["--yes", "--cpu"], "could not install PyTorch"),
    ];
    for (step, options, message) in steps {
        let place = tempdir().unwrap();
        python(place.path(), 0);
        fs::write(place.path().join("fails-in"), step).unwrap();
        let failed = finish(train(&place, options)).fails(1, &[message, "exit status: 1", "tries again"]);
        assert!(failed.stderr.contains("No space left on device"), "pip's own words: {}", failed.stderr);
        assert!(!log(&place).iter().any(|line| line.contains("--told")), "it does not train: {:?}", log(&place));
        let outcome = finish(train(&place, options)).succeeds();
        assert!(outcome.stdout.contains("not finished") && outcome.stdout.contains("anew"), "{}", outcome.stdout);
        assert_eq!(lines(&place, "environments").len(), 2, "{step} {options:?}");
        assert!(log(&place).pop().unwrap().contains("--told"), "and it trains: {:?}", log(&place));
    }
}

#[test]
fn a_look_works_on_while_the_large_packages_are_half_there() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    fs::write(place.path().join("dies-in"), "training").unwrap();
    train(&place, &["--yes"]).output().unwrap();
    let outcome = finish(train(&place, &["--check"])).succeeds();
    assert!(!outcome.stdout.contains("download"), "{}", outcome.stdout);
}

#[test]
fn a_folder_without_recordings_is_told_before_anything_is_asked() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    fs::remove_dir_all(place.path().join("takes")).unwrap();
    let refused = |words: &[&str]| {
        let outcome = finish(train(&place, &["--yes", "--anyway"])).fails(1, words);
        assert_eq!(outcome.stdout, "");
    };
    refused(&["takes does not exist"]);
    fs::create_dir(place.path().join("takes")).unwrap();
    refused(&["no recordings in", "takes", "flac"]);
    fs::write(place.path().join("takes/memo.m4a"), "").unwrap();
    refused(&[".m4a", "save them as WAV"]);
    assert_eq!(names_in(place.path()), ["python", "takes"], "and nothing was made");
}

#[test]
fn without_python_the_message_says_what_to_install() {
    let place = tempdir().unwrap();
    fs::remove_file(python(place.path(), 0)).unwrap();
    finish(train(&place, &["--yes"])).fails(1, &["no Python", "3.11", "apt install"]);
    assert!(names_in(&place.path().join("data/retort/training")).is_empty(), "and nothing was made");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let place = tempdir().unwrap();
    python(place.path(), 0);
    fs::write(place.path().join("data"), "in the way").unwrap();
    finish(train(&place, &["--yes"])).fails(1, &["data/retort/training"]);
}
