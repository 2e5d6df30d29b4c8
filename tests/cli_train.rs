//! `retort train` up to where Python takes over: what it says and asks before anything is downloaded. A script stands for Python.

#![cfg(unix)]

mod cli_process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli_process::{command, finish, names_in};
use tempfile::{TempDir, tempdir};

/// A Python that makes environments out of itself, notes what it is called with, and ends as `code` says.
fn python(folder: &Path, code: u8) -> PathBuf {
    let path = folder.join("python");
    let text = format!(
        r#"#!/bin/sh
case "$1 $2" in
  "-c import sys, importlib"*) echo 3 12 1 ;;
  "-c import shutil, sys;"*) echo 99000000000 ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") echo "$@" >> "{log}" ;;
  "-m retort_training") echo "$PYTHONPATH $@" >> "{log}"; exit {code} ;;
esac
"#,
        log = folder.join("log").display()
    );
    fs::write(&path, text).unwrap();
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
    fs::read_to_string(place.path().join("log")).unwrap_or_default().lines().map(str::to_owned).collect()
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
fn without_python_the_message_says_what_to_install() {
    let place = tempdir().unwrap();
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
