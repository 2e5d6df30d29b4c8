//! Cargo itself: how it is called, and where it puts what it builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project_root;

/// Cargo, started in the project's folder, with no argument yet.
///
/// It is the very one that started this program, so that a chosen toolchain stays chosen.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project_root());
    command
}

/// Cargo's output folder: `target/`, unless the environment or a configuration moved it.
///
/// This program lies in it itself (`<target>/debug/xtask`), which saves asking Cargo.
pub fn target_dir() -> PathBuf {
    let own = std::env::current_exe().ok();
    let found = own.as_deref().and_then(Path::parent).and_then(Path::parent);
    found.map_or_else(|| project_root().join("target"), Path::to_path_buf)
}

/// Where a program built by Cargo lies. `profile` is `debug` or `release`.
pub fn built_program(profile: &str, name: &str) -> PathBuf {
    target_dir().join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
