//! What a preset's text may be, what it means, and that the factory's are good ones.

#[cfg(feature = "library")]
mod files;

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use serde_json::Value;

fn read(text: &str) -> Result<Preset, PresetError> {
    format::read(text.as_bytes())
}

/// A preset with `fields` besides those that it must have.
fn with(fields: &str) -> Result<Preset, PresetError> {
    read(&format!(r#"{{"format": 1, "name": "Test", "model": "violin/full"{fields}}}"#))
}

#[test]
fn what_a_preset_does_not_mention_has_its_default_but_the_output_stays() {
    let preset = with(r#", "settings": {"room": 0.25}"#).unwrap();
    let place = Settings { output_gain: -9.0, transpose: 7.0, ..Settings::default() };
    let settings = preset.settings(&place);
    assert_eq!(settings, Settings { output_gain: -9.0, room: 0.25, ..Settings::default() });
    assert_eq!(with(r#", "settings": {"output_gain": -3}"#).unwrap().settings(&place).output_gain, -3.0);
    assert_eq!((preset.source, preset.blend), (None, None));
}

#[test]
fn values_are_clamped_and_what_is_not_known_is_ignored() {
    let preset = with(
        r#", "scene": [1], "source": "audio", "blend": "flute/full",
           "settings": {"room": 7, "transpose": -1e30, "voices": 3.6, "warp_drive": "on", "bypass": 1}"#,
    )
    .unwrap();
    assert_eq!(preset.settings, [(Setting::Transpose, -36.0), (Setting::Room, 1.0), (Setting::Voices, 4.0)]);
    assert_eq!((preset.source, preset.blend.as_deref()), (Some(Source::Audio), Some("flute/full")));
}

#[test]
fn broken_presets_are_refused_with_what_is_wrong() {
    for (fields, word) in [
        (r#", "settings": {"room": "much"}"#, "`settings.room` must be a number, and is text"),
        (r#", "settings": {"room": NaN}"#, "line 1"),
        (r#", "settings": {"room": 1e999}"#, "number out of range"),
        (r#", "settings": {"room": null}"#, "settings.room"),
        (r#", "settings": [1]"#, "`settings` must be an object"),
        (r#", "model": "violin""#, "`model` is no model id"),
        (r#", "model": "../etc/passwd""#, "`model` is no model id"),
        (r#", "model": """#, "`model` is missing"),
        (r#", "blend": 3"#, "`blend` must be text"),
        (r#", "source": "tape""#, "`source` must be"),
        (r#", "name": "  ""#, "`name` is missing"),
        (r#", "name": "a\nb""#, "control characters"),
        (r#", "format": 2"#, "later Retort"),
        (r#", "format": "1""#, "`format` must be 1"),
        (",", "it is not JSON"),
    ] {
        let error = with(fields).expect_err(fields).to_string();
        assert!(error.contains(word), "{fields}: {error}");
    }
    assert!(read(r#"{"name": "x", "model": "a/b"}"#).unwrap_err().to_string().contains("`format` is missing"));
    assert!(read("[]").is_err() && read("").is_err() && read(&"[".repeat(60_000)).is_err());
    assert_eq!(format::read(&[0xff, 0xfe]), Err(PresetError::NotText));
    let large = format!("{}{}", with_text(), " ".repeat(65_536));
    assert!(matches!(read(&large), Err(PresetError::TooLarge { .. })));
    let long = format!(r#", "author": "{}""#, "x".repeat(65));
    assert!(with(&long).unwrap_err().to_string().contains("more than 64"));
}

fn with_text() -> String {
    r#"{"format": 1, "name": "Test", "model": "violin/full"}"#.to_owned()
}

#[test]
fn what_is_written_reads_back_as_it_was_and_reads_well() {
    let preset = Preset {
        name: "Größer \"A\"".into(),
        category: "Pad".into(),
        author: "Ada".into(),
        description: "One sentence.".into(),
        model: "flute/reduced".into(),
        blend: Some("violin/full".into()),
        source: Some(Source::Notes),
        settings: vec![(Setting::Transpose, -12.0), (Setting::Room, 0.3), (Setting::Glide, 0.123_456_7)],
    };
    let text = format::write(&preset).unwrap();
    let back = read(&text).unwrap();
    assert_eq!(Preset { settings: vec![], ..back.clone() }, Preset { settings: vec![], ..preset.clone() });
    for (setting, value) in &preset.settings {
        assert!(is_same(setting.spec(), back.value(*setting).unwrap(), *value), "{setting:?}");
    }
    for line in ["  \"format\": 1,\n", "    \"transpose\": -12,\n", "    \"room\": 0.3,\n", "    \"glide\": 0.12346\n"]
    {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.find("transpose") < text.find("room"), "in the panel's order");
    let default = Preset { settings: vec![(Setting::Room, 1.0), (Setting::OutputGain, 0.0)], ..preset };
    let text = format::write(&default).unwrap();
    assert!(!text.contains("room") && text.contains("output_gain"), "what is at its default needs no line: {text}");
    assert!(format::write(&Preset { name: String::new(), ..default }).is_err());
}

#[test]
fn a_mark_of_the_encoding_does_no_harm() {
    assert!(read(&format!("\u{feff}{}", with_text())).is_ok());
}

#[test]
fn the_table_of_the_factory_s_files_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/presets");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = factory::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed, "src/preset/factory.rs lists the files of assets/presets");
}

#[test]
fn every_factory_preset_is_whole_and_in_range() {
    let mut names = BTreeSet::new();
    let mut categories = BTreeSet::new();
    for (file, text) in factory::FILES {
        let preset = read(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(names.insert(preset.name.to_lowercase()), "{file}: another one is called {}", preset.name);
        assert!(CATEGORIES.contains(&preset.category.as_str()), "{file}: {}", preset.category);
        categories.insert(preset.category.clone());
        assert_eq!(preset.author, "Retort", "{file}");
        let sentence = &preset.description;
        assert!(sentence.ends_with('.') && sentence.matches('.').count() == 1 && sentence.len() <= 90, "{file}");
        assert_eq!(preset.category == "Blend", preset.blend.is_some(), "{file}");
        assert_eq!(preset.category == "Transfer", preset.source == Some(Source::Audio), "{file}");
        let raw: Value = serde_json::from_str(text).unwrap();
        for (id, value) in raw["settings"].as_object().unwrap() {
            let value = value.as_f64().unwrap() as f32;
            let spec = Setting::ALL.iter().find(|spec| spec.id == id);
            let spec = spec.unwrap_or_else(|| panic!("{file}: there is no setting {id}"));
            assert!((spec.min..=spec.max).contains(&value), "{file}: {id} is {value}");
            assert_ne!(id, "output_gain", "{file}: the output level belongs to the place");
        }
    }
    assert!(factory::presets().len() >= 24 && factory::presets().len() == factory::FILES.len());
    assert_eq!(categories.len(), CATEGORIES.len());
}
