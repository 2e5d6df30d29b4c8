//! Where models are looked for.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of every start, best first; not all need exist.
///
/// 1. `RETORT_MODELS`, one folder or several, separated as in `PATH`
/// 2. `retort/models` in the user's data folder, on Linux `~/.local/share/retort/models`
/// 3. for the programs `retort*` themselves, beside the binary: `../share/retort/models`, where `cargo xtask install`
///    puts them, and `../../models`, which is this repository's when the binary lies in `target/<profile>`
pub(super) fn standard() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("RETORT_MODELS")
        .iter()
        .flat_map(env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    folders.extend(directories::BaseDirs::new().map(|dirs| dirs.data_dir().join("retort/models")));
    // In a host, the running program is the host, whose surroundings are none of our business.
    if let Ok(program) = env::current_exe() {
        folders.extend(beside(&program));
    }
    folders
}

fn beside(program: &Path) -> Vec<PathBuf> {
    let ours = program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("retort"));
    match program.parent() {
        Some(folder) if ours => vec![folder.join("../share/retort/models"), folder.join("../../models")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_programs_look_beside_themselves() {
        assert_eq!(beside(Path::new("/home/me/retort/target/release/retort")).len(), 2);
        assert!(beside(Path::new("/usr/bin/reaper")).is_empty());
    }
}
