//! The presets that are part of the program: the files of `assets/presets`.

use super::{Preset, format};

/// The texts of the named files, without their ending.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every file, in the order of the names.
        pub const FILES: [(&str, &str); [$($name),*].len()] =
            [$(($name, include_str!(concat!("../../assets/presets/", $name, ".json")))),*];
    };
}

files![
    "bowed-bass",
    "bowed-drone",
    "bowed-wind",
    "brass-chorale",
    "brass-horizon",
    "brass-stab",
    "brass-strings",
    "breath-double",
    "breath-drone",
    "cello-at-dusk",
    "chalumeau",
    "chamber-violin",
    "cloud-of-air",
    "concert-flute",
    "concert-piano",
    "fanfare-trumpet",
    "felt-piano",
    "flute-choir",
    "frozen-piano",
    "hollow-bass",
    "hollow-halo",
    "hummed-bass",
    "late-saxophone",
    "low-brass",
    "night-trio",
    "octave-halo",
    "orchestra-oboe",
    "piano-bass",
    "pizzicato",
    "reed-and-air",
    "silver-horn",
    "sing-a-cello",
    "sing-a-flute",
    "sing-a-trumpet",
    "sing-a-violin",
    "slide-trombone",
    "storyteller-bassoon",
    "struck-bow",
    "thumb-piano",
    "toy-piano",
    "veiled-trumpet",
    "village-fiddle",
    "violin-section",
    "warm-strings",
    "water-drops",
    "wooden-flute",
];

/// All of them, in the order of their files. A broken one is left out: a test finds it.
#[must_use]
pub fn presets() -> Vec<Preset> {
    FILES.iter().filter_map(|(_, text)| format::read(text.as_bytes()).ok()).collect()
}
