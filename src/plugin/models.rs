//! The models on this machine: listing them for the panel and making them ready to sound. Reads files; never on the audio
//! thread.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::engine::Instrument;
use crate::library::tunings::SavedTuning;
use crate::library::{Choice, Library};
use crate::panel::ModelEntry;

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let library = Library::standard();
    match bundled_models() {
        Some(folder) => library.and_folder(folder),
        None => library,
    }
});

/// An instrument, and what is wrong with its second model if that is not in it.
pub struct Built {
    pub instrument: Instrument,
    pub without_blend: Option<String>,
}

/// The instrument of a model for a sample rate in Hz, or why there is none, as the end of a sentence. `blend` is the id of a
/// second model; the first one plays without it where it must.
pub fn build(
    id: &str,
    blend: Option<&str>,
    tuning: Option<&SavedTuning>,
    sample_rate_hz: u32,
) -> Result<Built, String> {
    let first = LIBRARY.load(id).map_err(|error| error.to_string())?;
    let mut without_blend = None;
    if let Some(blend) = blend {
        let second = LIBRARY.load(blend).map_err(|error| error.to_string());
        let both = second.and_then(|second| {
            let choice = Choice { blend: Some(&second), tuning };
            first.instrument(choice, sample_rate_hz).map_err(|error| error.to_string())
        });
        match both {
            Ok(instrument) => return Ok(Built { instrument, without_blend }),
            Err(reason) => without_blend = Some(reason),
        }
    }
    let choice = Choice { blend: None, tuning };
    let instrument = first.instrument(choice, sample_rate_hz).map_err(|error| error.to_string())?;
    Ok(Built { instrument, without_blend })
}

/// Every model that can be chosen, sorted by id. Reads the files' headers only.
pub fn list() -> Vec<ModelEntry> {
    LIBRARY.list().iter().map(ModelEntry::from).collect()
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
        assert!(!embedded || list().iter().any(|model| model.id == super::super::song::DEFAULT_MODEL));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_code_knows_the_file_that_it_lies_in() {
        assert_eq!(own_file(), std::env::current_exe().ok());
        assert_eq!(bundled_models(), None);
    }
}
