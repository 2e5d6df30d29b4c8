//! The manual must keep up with the program.

use retort::engine::{Setting, Unit};

const MANUAL: &str = include_str!("../docs/manual/README.md");

/// The manual's row about each setting begins like this.
fn row_start(spec: &retort::engine::SettingSpec) -> String {
    let (scale, unit) = match spec.unit {
        Unit::Semitones => (1.0, "semitones"),
        Unit::Decibels | Unit::DecibelOffset => (1.0, "dB"),
        Unit::DecibelsPerOctave => (1.0, "dB per octave"),
        Unit::Percent | Unit::Balance => (100.0, "%"),
        Unit::Factor => (1.0, "times"),
        Unit::Seconds => (1.0, "s"),
        Unit::Cents => (1.0, "cents"),
        Unit::Hertz => (1.0, "Hz"),
        Unit::Count => (1.0, "notes"),
        Unit::Mode => return format!("| **{}** | Poly, Mono, Legato |", spec.name),
        Unit::Switch => return format!("| **{}** | on, off |", spec.name),
    };
    format!("| **{}** | {} to {} {unit} |", spec.name, spec.min * scale, spec.max * scale)
}

#[test]
fn the_manual_has_a_row_for_every_setting_with_its_range() {
    for spec in &Setting::ALL {
        let row = row_start(spec);
        assert!(MANUAL.contains(&row), "the manual lacks a row that starts with `{row}`");
    }
}

#[test]
fn the_manual_names_every_lowest_pitch() {
    for lowest in
        [retort::analysis::LowestPitch::Hz40, retort::analysis::LowestPitch::Hz80, retort::analysis::LowestPitch::Hz160]
    {
        let row = format!("| {} Hz |", lowest.hz());
        assert!(MANUAL.contains(&row), "the manual lacks `{row}`");
    }
}

#[test]
fn the_manual_names_every_setting_as_preset_files_do() {
    for spec in &Setting::ALL {
        let id = format!("`{}`", spec.id);
        assert!(MANUAL.contains(&id), "the manual lacks {id} in what is said of presets");
    }
}

#[test]
fn the_preset_in_the_manual_can_be_read() {
    let block = MANUAL.split_once("text editor:\n\n").expect("the example follows").1;
    let text: String = block.lines().take_while(|line| line.starts_with("    ")).collect();
    let preset = retort::preset::format::read(text.as_bytes()).expect("it is a preset");
    assert_eq!((preset.name.as_str(), preset.settings.len()), ("Night Flute", 2));
}
