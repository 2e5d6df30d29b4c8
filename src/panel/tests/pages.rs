//! What takes the field's place for a while: the question before a costly choice, help and credits.

use super::*;
use crate::engine::Mode;

fn costly_id(name: &str) -> impl Fn(&Bench) -> egui::Id {
    move |bench| bench.root.with("costly").with(name)
}

/// Chooses `violin/reduced` in the header's list of sizes, whose second row it is.
fn choose_second_size(bench: &mut Bench) {
    bench.click(pos2(456.0, 72.0));
    bench.picture(vec![]);
    bench.click(pos2(456.0, 154.0));
    bench.picture(vec![]);
}

/// A panel that plays `voices` voices, of a model that costs `share` of a core each when it is chosen.
fn bench(voices: f32, share: f32) -> Bench {
    let mut bench = Bench::new();
    bench.host.source = Source::Notes;
    bench.host.settings.voices = voices;
    bench.host.models[1].cpu_share = Some(share);
    bench
}

#[test]
fn a_choice_that_the_machine_has_room_for_asks_nothing() {
    let mut bench = bench(16.0, 0.04);
    choose_second_size(&mut bench);
    assert_eq!(bench.host.model_id, "violin/reduced");
}

#[test]
fn a_choice_that_costs_too_much_asks_first_and_can_be_made_with_fewer_voices() {
    let mut bench = bench(16.0, 0.15);
    choose_second_size(&mut bench);
    assert_eq!(bench.host.model_id, "violin/full", "nothing is chosen before the answer");
    let id = costly_id("fewer")(&bench);
    bench.click_on(id);
    assert_eq!((bench.host.model_id.as_str(), bench.host.settings.voices), ("violin/reduced", 8.0));
    assert!(!bench.panel.costly.is_open());
}

#[test]
fn the_question_can_be_answered_with_no_and_with_yes() {
    let mut bench = bench(16.0, 0.15);
    choose_second_size(&mut bench);
    bench.key(Key::Escape);
    assert!(!bench.panel.costly.is_open());
    choose_second_size(&mut bench);
    bench.picture(vec![]);
    bench.key(Key::Enter);
    assert!(!bench.panel.costly.is_open(), "the harmless answer has the keyboard");
    assert_eq!(bench.host.model_id, "violin/full");
    choose_second_size(&mut bench);
    let id = costly_id("yes")(&bench);
    bench.click_on(id);
    assert_eq!((bench.host.model_id.as_str(), bench.host.settings.voices), ("violin/reduced", 16.0));
}

#[test]
fn one_voice_is_counted_once() {
    for mode in [Mode::Mono, Mode::Legato] {
        let mut bench = bench(16.0, 0.15);
        let index = Mode::ALL.iter().position(|other| *other == mode).expect("every mode is listed");
        bench.host.settings.mode = index as f32;
        choose_second_size(&mut bench);
        assert_eq!(bench.host.model_id, "violin/reduced", "{mode:?}");
    }
    let mut bench = bench(16.0, 0.15);
    bench.host.source = Source::Audio;
    choose_second_size(&mut bench);
    assert_eq!(bench.host.model_id, "violin/reduced", "audio has one voice");
}

#[test]
fn the_second_instrument_counts_too() {
    let mut bench = bench(16.0, 0.06);
    bench.host.models[2].cpu_share = Some(0.06);
    bench.panel.costly.choose_blend(Some("flute/full"), &mut bench.host);
    assert_eq!(bench.host.blend_id.as_deref(), Some("flute/full"), "0.07 seven times is little");
    bench.panel.costly.choose_model("violin/reduced", &mut bench.host);
    assert_eq!(bench.host.model_id, "violin/full", "0.12 seven times is not");
    assert!(bench.panel.costly.is_open());
}

#[test]
fn help_opens_in_the_place_of_the_field_and_closes() {
    let mut bench = Bench::new();
    let button = egui::Id::unique("about").with("button");
    bench.click_on(button);
    assert!(bench.panel.about.is_open());
    for page in 0..3 {
        bench.click_on(egui::Id::unique("about").with("pages").with(page));
        bench.picture(vec![]);
    }
    bench.key(Key::Escape);
    assert!(!bench.panel.about.is_open());
    bench.click_on(button);
    bench.click_on(egui::Id::unique("presets").with("name"));
    bench.picture(vec![]);
    assert!(bench.panel.presets.is_open() && !bench.panel.about.is_open(), "one of them at a time");
    bench.click_on(button);
    assert!(!bench.panel.presets.is_open() && bench.panel.about.is_open());
}

#[test]
fn the_zoom_is_chosen_from_a_list() {
    let mut bench = Bench::new();
    bench.click(pos2(860.0, 72.0));
    bench.picture(vec![]);
    // 75 % is the first row.
    bench.click(pos2(860.0, 110.0));
    bench.picture(vec![]);
    assert_eq!(bench.ctx.zoom_factor(), 0.75);
}

#[test]
fn a_preset_that_costs_too_much_asks_first() {
    let mut bench = bench(8.0, 0.2);
    let previous = egui::Id::unique("presets").with("Previous preset");
    // The last of the list: 12 voices of `violin/reduced`.
    bench.click_on(previous);
    bench.picture(vec![]);
    assert_eq!((bench.host.model_id.as_str(), bench.host.settings.voices), ("violin/full", 8.0));
    assert!(bench.panel.costly.is_open() && bench.host.loaded.is_none());
    let id = costly_id("yes")(&bench);
    bench.click_on(id);
    assert_eq!((bench.host.model_id.as_str(), bench.host.settings.voices), ("violin/reduced", 12.0));
    assert_eq!(bench.host.loaded.as_ref().map(|loaded| loaded.name.as_str()), Some("Mine"));
    bench.shortcut(Modifiers::COMMAND, Key::Z);
    assert_eq!((bench.host.model_id.as_str(), bench.host.settings.voices), ("violin/full", 8.0), "one gesture");
}

#[test]
fn the_question_gives_way_to_another_page() {
    let mut bench = bench(16.0, 0.15);
    choose_second_size(&mut bench);
    assert!(bench.panel.costly.is_open());
    bench.click_on(egui::Id::unique("presets").with("name"));
    bench.picture(vec![]);
    assert!(!bench.panel.costly.is_open() && bench.panel.presets.is_open());
    assert_eq!(bench.host.model_id, "violin/full");
}
