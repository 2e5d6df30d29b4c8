//! The models on this machine: listing them for the panel and making them ready to sound. Reads files; never on the audio
//! thread.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::library::{Built, Changes, Library, Sound, Unplayable};
use crate::panel::ModelEntry;

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let library = Library::standard();
    match bundled_models() {
        Some(folder) => library.and_folder(folder),
        None => library,
    }
});

/// The instrument of what a song asks for, see [`Library::build`].
///
/// # Errors
/// The first model does not play.
pub fn build(sound: Sound<'_>, sample_rate_hz: u32) -> Result<Built, Unplayable> {
    LIBRARY.build(sound, sample_rate_hz)
}

/// Every model of `library` that can be chosen. Reads the files' headers only.
pub fn list(library: &Library) -> Vec<ModelEntry> {
    library.list().iter().map(ModelEntry::from).collect()
}

/// Watches the folders of this machine.
pub fn changes() -> Changes {
    Changes::since_now(LIBRARY.clone())
}

/// `Contents/Resources/models` of the VST3 bundle that this code was loaded from, if it was.
#[cfg(target_os = "linux")]
fn bundled_models() -> Option<PathBuf> {
    let contents = own_file()?.parent()?.parent()?.to_path_buf();
    (contents.file_name()? == "Contents").then(|| contents.join("Resources/models"))
}

/// Elsewhere the models are found where `cargo xtask install` puts them.
#[cfg(not(target_os = "linux"))]
fn bundled_models() -> Option<PathBuf> {
    None
}

/// The file that this code lies in, by the kernel's list of what is mapped where.
#[cfg(target_os = "linux")]
fn own_file() -> Option<PathBuf> {
    let here = own_file as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    // A line: `7f00-7f80 r-xp 00001000 fe:00 1234   /path of the file`.
    maps.lines().find_map(|line| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
        range.contains(&here).then(|| line.find('/').map(|path| PathBuf::from(&line[path..])))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_is_always_in_the_list() {
        let embedded = crate::library::HAS_EMBEDDED;
        assert!(!embedded || list(&LIBRARY).iter().any(|model| model.id == super::super::song::DEFAULT_MODEL));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_code_knows_the_file_that_it_lies_in() {
        assert_eq!(own_file(), std::env::current_exe().ok());
        assert_eq!(bundled_models(), None);
    }
}
