//! Where models are looked for.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of every start, best first; not all need exist.
///
/// 1. `RETORT_MODELS`, one folder or several, separated as in `PATH`
/// 2. `retort/models` in the user's data folder, on Linux `~/.local/share/retort/models`
/// 3. for the programs `retort*` themselves: `../share/retort/models` beside the binary, where `cargo xtask install` puts
///    them, and this repository's `models` when the binary lies in its `target/<profile>`; a plugin adds its bundle
///
/// The user's own comes before what came with a program: programs bring different folders, and what was imported or trained
/// plays in all of them.
pub(super) fn standard() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("RETORT_MODELS")
        .iter()
        .flat_map(env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    folders.extend(data_folder("models"));
    // In a host, the running program is the host, whose surroundings are none of our business.
    if let Ok(program) = env::current_exe() {
        folders.extend(beside(&program));
    }
    folders
}

/// `retort/<name>` in the user's data folder, on Linux `~/.local/share/retort/<name>`; `None` where the system names none.
#[must_use]
pub fn data_folder(name: &str) -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.data_dir().join("retort").join(name))
}

fn beside(program: &Path) -> Vec<PathBuf> {
    let ours = program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("retort"));
    match program.parent() {
        Some(folder) if ours => {
            // An installed program must not take somebody else's `models` two folders up for its own.
            let is_ours = |folder: &&Path| folder.join("Cargo.toml").is_file() && folder.join("xtask").is_dir();
            let own = folder.ancestors().nth(2).filter(is_ours).map(|repository| repository.join("models"));
            std::iter::once(folder.join("../share/retort/models")).chain(own).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_programs_look_beside_themselves() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(beside(&here.join("target/release/retort")).len(), 2);
        assert_eq!(beside(Path::new("/usr/bin/retort")).len(), 1);
        assert!(beside(Path::new("/usr/bin/reaper")).is_empty());
    }
}
