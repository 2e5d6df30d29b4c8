//! Finds the model that becomes part of the program: `violin/reduced` and its room in `models/`, or in the folder that
//! `RETORT_EMBED_MODELS` names. Without both files the program is built without a model of its own.

use std::env;
use std::path::PathBuf;

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
}
