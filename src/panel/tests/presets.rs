//! Presets in the panel, with a shelf of them in memory.

use super::*;
use crate::preset::{Origin, Preset, PresetEntry, StoreError, format};

/// Presets without a disk.
pub struct Shelf {
    entries: Vec<PresetEntry>,
    n_looks: usize,
    full: bool,
}

fn preset(name: &str, category: &str, model: &str, settings: &[(Setting, f32)]) -> Preset {
    let description = format!("What {name} sounds like.");
    Preset {
        name: name.into(),
        category: category.into(),
        author: "Ada".into(),
        description,
        model: model.into(),
        settings: settings.to_vec(),
        ..Preset::default()
    }
}

impl Default for Shelf {
    fn default() -> Self {
        let factory = |preset| PresetEntry { origin: Origin::Factory, preset: Ok(preset) };
        let own = |file: &str, preset| PresetEntry { origin: Origin::User { file: file.into() }, preset };
        let drone = preset("Low Drone", "Drone", "violin/full", &[(Setting::Transpose, -12.0), (Setting::Room, 0.5)]);
        let entries = vec![
            factory(preset("Plain", "Solo", "violin/full", &[])),
            factory(preset("Bright", "Solo", "flute/full", &[(Setting::Brightness, 3.0)])),
            factory(Preset { source: Some(Source::Notes), ..drone }),
            own("mine.json", Ok(preset("Mine", "Pad", "violin/reduced", &[(Setting::Voices, 12.0)]))),
            own("poem.json", Err("poem.json: it is not JSON".into())),
        ];
        Self { entries, n_looks: 0, full: false }
    }
}

impl PresetStore for Shelf {
    fn list(&self) -> &[PresetEntry] {
        &self.entries
    }
    fn refresh(&mut self) {
        self.n_looks += 1;
    }
    fn save(&mut self, preset: &Preset, overwrite: bool) -> Result<(), StoreError> {
        format::write(preset).map_err(StoreError::Invalid)?;
        if self.full {
            return Err(StoreError::DiskFull("presets".into()));
        }
        let same = self.entries.iter().position(|entry| entry.is_user() && entry.name() == preset.name);
        if same.is_some() && !overwrite {
            return Err(StoreError::Exists(preset.name.clone()));
        }
        same.map(|index| self.entries.remove(index));
        let file = format!("{}.json", preset.name);
        self.entries.push(PresetEntry { origin: Origin::User { file }, preset: Ok(preset.clone()) });
        Ok(())
    }
    fn delete(&mut self, file: &str) -> Result<(), StoreError> {
        self.entries.retain(|entry| entry.origin != Origin::User { file: file.into() });
        Ok(())
    }
}

fn id(name: &str) -> egui::Id {
    egui::Id::unique("presets").with(name)
}

fn loaded(name: &str, user: bool, changed: bool) -> Option<LoadedPreset> {
    Some(LoadedPreset { name: name.into(), user, changed })
}

/// A panel whose list of presets is open.
fn open() -> Bench {
    let mut bench = Bench::new();
    bench.click_on(id("name"));
    bench.picture(vec![]);
    bench.picture(vec![]);
    bench
}

fn is_open(bench: &Bench) -> bool {
    bench.panel.presets.is_open()
}

fn type_into(bench: &mut Bench, field: &str, text: &str) {
    bench.ctx.memory_mut(|memory| memory.request_focus(id(field)));
    bench.picture(vec![]);
    bench.shortcut(Modifiers::COMMAND, Key::A);
    bench.picture(vec![Event::Text(text.into())]);
}

#[test]
fn the_arrows_beside_the_name_load_one_preset_after_the_other_and_skip_broken_ones() {
    let mut bench = Bench::new();
    let mut names = Vec::new();
    for _ in 0..5 {
        bench.click_on(id("Next preset"));
        names.push(bench.host.loaded.clone().unwrap().name);
    }
    assert_eq!(names, ["Plain", "Bright", "Low Drone", "Mine", "Plain"]);
    bench.click_on(id("Previous preset"));
    assert_eq!(bench.host.loaded, loaded("Mine", true, false));
    assert_eq!(bench.host.model_id, "violin/reduced");
}

#[test]
fn a_preset_sets_everything_but_the_output_and_is_one_undo() {
    let mut bench = Bench::new();
    bench.host.settings = Settings { output_gain: -6.0, brightness: 4.0, room: 0.1, ..Settings::default() };
    let before = bench.host.settings;
    bench.host.blend_id = Some("flute/full".into());
    bench.click_on(id("Previous preset"));
    bench.click_on(id("Previous preset"));
    let wanted = Settings { output_gain: -6.0, transpose: -12.0, room: 0.5, ..Settings::default() };
    assert_eq!((bench.host.settings, bench.host.source), (wanted, Source::Notes));
    assert_eq!((bench.host.blend_id.as_deref(), bench.host.loaded.clone()), (None, loaded("Low Drone", false, false)));
    bench.shortcut(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.host.loaded, loaded("Mine", true, false));
    bench.shortcut(Modifiers::COMMAND, Key::Z);
    assert_eq!((bench.host.settings, bench.host.loaded.clone()), (before, None));
    assert_eq!((bench.host.model_id.as_str(), bench.host.blend_id.as_deref()), ("violin/full", Some("flute/full")));
    bench.shortcut(Modifiers::COMMAND, Key::Y);
    assert_eq!((bench.host.settings.voices, bench.host.loaded.clone()), (12.0, loaded("Mine", true, false)));
}

#[test]
fn a_changed_preset_is_marked_and_one_that_is_set_back_is_not() {
    let mut bench = Bench::new();
    bench.click_on(id("Next preset"));
    bench.focus(Setting::OutputGain);
    bench.key(Key::ArrowDown);
    assert_eq!(bench.host.loaded, loaded("Plain", false, false), "the output belongs to the place");
    bench.focus(Setting::Room);
    bench.key(Key::ArrowDown);
    assert_eq!(bench.host.loaded, loaded("Plain", false, true));
    bench.key(Key::Delete);
    assert_eq!(bench.host.loaded, loaded("Plain", false, false));
    bench.host.model_id = "flute/full".into();
    bench.picture(vec![]);
    assert_eq!(bench.host.loaded, loaded("Plain", false, true));
    bench.host.loaded = loaded("Elsewhere", true, true);
    bench.picture(vec![]);
    assert_eq!(bench.host.loaded, loaded("Elsewhere", true, true), "one that is not here stays as it is remembered");
}

#[test]
fn the_list_is_searched_and_loaded_with_keys_alone() {
    let mut bench = open();
    assert!(is_open(&bench) && bench.host.shelf.n_looks == 1);
    bench.picture(vec![Event::Text("ada drone".into())]);
    bench.key(Key::Enter);
    assert_eq!(bench.host.loaded, loaded("Low Drone", false, false));
    assert!(!is_open(&bench));
    bench.picture(vec![]);
    bench.key(Key::Enter);
    assert!(is_open(&bench), "the keyboard is back on the name, and Enter opens the list again");
    bench.picture(vec![]);
    bench.key(Key::ArrowDown);
    bench.key(Key::ArrowUp);
    bench.key(Key::ArrowUp);
    bench.key(Key::Enter);
    assert_eq!(bench.host.loaded, loaded("Bright", false, false), "the list begins at the loaded preset");
    let mut bench = open();
    bench.key(Key::Escape);
    assert!(!is_open(&bench) && bench.host.loaded.is_none());
}

#[test]
fn a_click_loads_and_a_double_click_closes_too() {
    let mut bench = open();
    let first = bench.ctx.read_response(id("row")).expect("the first row is chosen").rect;
    let row = |index: f32| first.center() + vec2(0.0, index * first.height());
    bench.click(row(1.0));
    assert!(is_open(&bench) && bench.host.loaded == loaded("Bright", false, false));
    bench.time_s += 1.0;
    bench.click(row(4.0));
    assert_eq!(bench.host.loaded, loaded("Bright", false, false), "a broken file cannot be loaded");
    bench.time_s += 1.0;
    bench.click(row(2.0));
    bench.click(row(2.0));
    assert!(!is_open(&bench) && bench.host.loaded == loaded("Low Drone", false, false));
    assert_eq!(bench.panel.history.len(), 2, "loading it once more is no entry");
}

#[test]
fn what_is_set_is_saved_under_a_name_and_marked_as_loaded() {
    let mut bench = Bench::new();
    bench.focus(Setting::Attack);
    bench.key(Key::End);
    bench.click_on(id("Save preset"));
    bench.picture(vec![]);
    type_into(&mut bench, "form name", "  Slow  ");
    type_into(&mut bench, "form author", "Bob");
    bench.key(Key::Enter);
    assert!(!is_open(&bench));
    let saved = bench.host.shelf.entries.last().unwrap().preset.clone().unwrap();
    assert_eq!((saved.name.as_str(), saved.author.as_str(), saved.source), ("Slow", "Bob", None));
    assert_eq!((saved.value(Setting::Attack), saved.value(Setting::OutputGain)), (Some(10.0), None));
    assert_eq!(bench.host.loaded, loaded("Slow", true, false));
    bench.picture(vec![]);
    bench.click_on(id("Save preset"));
    bench.picture(vec![]);
    type_into(&mut bench, "form name", "Slower");
    bench.key(Key::Enter);
    let saved = bench.host.shelf.entries.last().unwrap().preset.clone().unwrap();
    assert_eq!((saved.name.as_str(), saved.author.as_str()), ("Slower", "Bob"), "the author is remembered");
}

#[test]
fn an_own_preset_is_replaced_only_after_a_yes() {
    let mut bench = Bench::new();
    bench.host.loaded = loaded("Mine", true, false);
    let voices = |bench: &Bench| {
        let mine = bench.host.shelf.entries.iter().find(|entry| entry.name() == "Mine").unwrap();
        mine.preset.as_ref().unwrap().value(Setting::Voices)
    };
    for (answer, expected) in [("no", 12.0), ("yes", 8.0)] {
        bench.click_on(id("Save preset"));
        bench.picture(vec![]);
        bench.key(Key::Enter);
        assert!(is_open(&bench) && voices(&bench) == Some(12.0), "the name is the loaded one's");
        bench.picture(vec![]);
        bench.click_on(id(answer));
        assert_eq!(voices(&bench), Some(expected));
        bench.key(Key::Escape);
    }
    assert_eq!(bench.host.shelf.entries.len(), 5);
}

#[test]
fn an_own_preset_is_deleted_only_after_a_yes_and_a_factory_preset_never() {
    let mut bench = open();
    bench.click_on(id("Delete"));
    assert_eq!(bench.host.shelf.entries.len(), 5, "the chosen one is the factory's");
    type_into(&mut bench, "search", "mine");
    bench.click_on(id("Delete"));
    bench.picture(vec![]);
    bench.key(Key::Enter);
    assert_eq!(bench.host.shelf.entries.len(), 5, "the keyboard is on the harmless answer");
    bench.picture(vec![]);
    bench.click_on(id("Delete"));
    bench.picture(vec![]);
    bench.click_on(id("yes"));
    assert_eq!(bench.host.shelf.entries.len(), 4);
    assert!(is_open(&bench) && !bench.host.shelf.entries.iter().any(|entry| entry.name() == "Mine"));
}

#[test]
fn what_cannot_be_saved_keeps_the_form_and_says_why() {
    let mut bench = Bench::new();
    bench.host.shelf.full = true;
    bench.click_on(id("Save preset"));
    bench.picture(vec![]);
    bench.key(Key::Enter);
    assert_eq!(bench.host.shelf.entries.len(), 5, "a preset needs a name");
    type_into(&mut bench, "form name", "Too Much");
    bench.key(Key::Enter);
    bench.picture(vec![]);
    assert!(is_open(&bench) && bench.host.loaded.is_none());
    assert!(bench.ctx.read_response(id("problem")).is_some(), "the reason is shown");
}

#[test]
fn the_list_and_the_dialogs_stay_within_the_panel_and_show_strange_presets() {
    let mut bench = Bench::new();
    let long = "Wide ".repeat(12);
    for index in 0..300 {
        bench.host.shelf.entries.push(PresetEntry {
            origin: Origin::User { file: format!("{index}.json") },
            preset: Ok(Preset { description: long.repeat(5), ..preset(&format!("{long}{index}"), &long, "a/b", &[]) }),
        });
    }
    bench.host.banner = Some(Banner { severity: Severity::Error, text: "x".repeat(500) });
    bench.click_on(id("name"));
    for _ in 0..3 {
        bench.picture(vec![]);
        bench.key(Key::PageDown);
    }
    let panel = Rect::from_min_size(Pos2::ZERO, Panel::SIZE.into());
    for name in ["search", "Save as", "Delete", "Close", "row", "name", "Save preset"] {
        let response = bench.ctx.read_response(id(name)).unwrap_or_else(|| panic!("{name} is shown"));
        assert!(panel.contains_rect(response.rect), "{name} at {:?}", response.rect);
    }
    bench.host.shelf.entries.clear();
    bench.picture(vec![]);
    bench.click_on(id("Save as"));
    bench.picture(vec![]);
    for name in ["form name", "form author", "form description", "no"] {
        let response = bench.ctx.read_response(id(name)).unwrap_or_else(|| panic!("{name} is shown"));
        assert!(panel.contains_rect(response.rect), "{name} at {:?}", response.rect);
    }
}
