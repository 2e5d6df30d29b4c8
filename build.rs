//! Finds what becomes part of the program besides its code: the model `violin/reduced` and its room in `models/`, or in the folder that
//! `RETORT_EMBED_MODELS` names, and the Python package in `training/` that `retort train` runs. Without them the program is built, too,
//! and says what it lacks.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    // A host that unloads the plugin file would leave its threads' destructors pointing into nothing, and crash when one of
    // them ends: the file stays loaded.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }

    println!("cargo::rustc-check-cfg=cfg(retort_embedded)");
    println!("cargo::rerun-if-env-changed=RETORT_EMBED_MODELS");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the package lies"));
    let folder = here.join(env::var_os("RETORT_EMBED_MODELS").unwrap_or_else(|| "models".into())).join("violin");
    let files = [("MODEL", folder.join("reduced.safetensors")), ("ROOM", folder.join("room.safetensors"))];
    // A file that comes or goes changes its folder. What does not exist must not be watched: cargo takes it for changed.
    if let Some(folder) = folder.ancestors().take(2).find(|folder| folder.is_dir()) {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    for (name, file) in &files {
        if file.is_file() {
            println!("cargo::rerun-if-changed={}", file.display());
            println!("cargo::rustc-env=RETORT_EMBEDDED_{name}={}", file.display());
        }
    }
    if files.iter().all(|(_, file)| file.is_file()) {
        println!("cargo::rustc-cfg=retort_embedded");
    }
    training_package(&here.join("training"));
}

/// Writes `training_package.rs` into the build's folder: every file of the Python package as `("name", include_bytes!("path"))`.
fn training_package(folder: &Path) {
    let mut names: Vec<String> = Vec::new();
    for part in ["retort_training", "retort_training/own"] {
        let place = folder.join(part);
        if place.is_dir() {
            println!("cargo::rerun-if-changed={}", place.display());
        }
        let files =
            fs::read_dir(&place).into_iter().flatten().flatten().filter_map(|file| file.file_name().into_string().ok());
        names.extend(files.filter(|name| name.ends_with(".py")).map(|name| format!("{part}/{name}")));
    }
    names.extend(["requirements.txt", "requirements-check.txt", "constraints.txt"].map(String::from));
    names.retain(|name| folder.join(name).is_file());
    names.sort();
    let mut text = "&[\n".to_owned();
    for name in names {
        // Debug form: paths of any system as Rust literals.
        writeln!(text, "    ({name:?}, include_bytes!({:?})),", folder.join(&name)).expect("a String takes any text");
    }
    text += "]\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo tells where to build"));
    fs::write(out.join("training_package.rs"), text).expect("cargo's own folder can be written");
}
