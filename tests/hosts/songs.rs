//! What a song holds beside the parameters: a second model, a tuning, the name of a preset.

use retort::engine::Setting;
use retort::library::tunings::SavedTuning;
use retort::model::testing::{random_cnn, random_model};
use serde_json::{Value, json};

use super::playing::{RATE_HZ, opened_still, played};
use super::{Class, Happening, OwnBundle, TestHost, cents_off, first_difference, hz, peak, sharpest};

/// The song of a state, which is a text of its own in it.
fn song(state: &[u8]) -> Value {
    let state: Value = serde_json::from_slice(state).expect("a state is JSON");
    let song = state["fields"]["song"].as_str().expect("the song is a text");
    serde_json::from_str(song).expect("it is JSON too")
}

/// The state with other things in its song.
fn with_song(state: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut song = song(state);
    change(&mut song);
    let mut state: Value = serde_json::from_slice(state).expect("a state is JSON");
    state["fields"]["song"] = song.to_string().into();
    state.to_string().into_bytes()
}

const GLASS: &str = "glass-harp/full";
const HORN: &str = "water-horn/full";

/// Plugin files with two models that blend.
fn bundle_of_two() -> OwnBundle {
    let bundle = OwnBundle::new();
    bundle.add(GLASS, &random_model(GLASS, 16, 1));
    bundle.add(HORN, &random_cnn(HORN, 16, false, 2));
    bundle
}

/// The glass harp, with the horn to blend with.
fn blending<H: TestHost>(bundle: &OwnBundle, second: Option<&str>, blend: f32) -> H {
    let mut host = H::open_in(&bundle.folder(), Class::Instrument);
    let state = with_song(&host.save(), |song| {
        song["models"][0] = GLASS.into();
        if let Some(second) = second {
            song["blend"] = second.into();
        }
    });
    assert!(host.load(&state));
    // The rooms go over from the one to the other too, and would be heard if the models did not.
    for (setting, value) in [(Setting::Blend, blend), (Setting::Room, 0.0)] {
        if let Happening::Param { name, value } = Happening::set(setting, value) {
            host.set(name, value);
        }
    }
    host.activate(RATE_HZ, 4_096);
    host
}

pub fn automation_of_the_blend_is_heard_does_not_click_and_does_not_depend_on_the_blocks<H: TestHost>() {
    let bundle = bundle_of_two();
    let notes = [(100, Happening::on(60)), (5_000, Happening::on(67))];
    let alone = played::<H>(&mut blending(&bundle, None, 0.0), 40_000, &notes);
    assert!(peak(&alone) > 1e-4, "peak {}", peak(&alone));
    let none = played::<H>(&mut blending(&bundle, Some(HORN), 0.0), 40_000, &notes);
    assert_eq!(first_difference(&none, &alone), None, "at 0 % it is the first model alone");
    let full = played::<H>(&mut blending(&bundle, Some(HORN), 1.0), 40_000, &notes);
    let half = [(20_011, Happening::set(Setting::Blend, 0.5)), (30_003, Happening::set(Setting::Blend, 1.0))];
    let events = [&notes[..], &half].concat();
    let rendered = |block| blending::<H>(&bundle, Some(HORN), 0.0).render(&[], 40_000, &events, block).swap_remove(0);
    let moved = rendered(256);
    let first = first_difference(&moved, &none).expect("it is heard");
    assert!((20_011..20_011 + 200).contains(&first), "at {first}");
    let allowed = sharpest(&none[10_000..]).max(sharpest(&full[10_000..]));
    assert!(sharpest(&moved[10_000..]) < 1.2 * allowed, "{} where {allowed} is allowed", sharpest(&moved[10_000..]));
    for block in [19, 4_096] {
        assert_eq!(first_difference(&rendered(block), &moved), None, "blocks of {block}");
    }
}

pub fn a_second_model_and_a_tuning_are_part_of_the_song<H: TestHost>() {
    let bundle = bundle_of_two();
    let scale = "steps of 100 cents, the last of 90\n12\n100.\n200.\n300.\n400.\n500.\n600.\n700.\n800.\n900.\n1000.\n1100.\n1190.\n";
    let tuning = SavedTuning { name: "Narrow".into(), scale: scale.into(), mapping: None };
    let mut host = H::open_in(&bundle.folder(), Class::Instrument);
    let saved = with_song(&host.save(), |song| {
        song["models"][0] = GLASS.into();
        song["blend"] = HORN.into();
        song["tuning"] = json!(tuning);
    });
    assert!(host.load(&saved));
    if let Happening::Param { name, value } = Happening::set(Setting::Blend, 0.6) {
        host.set(name, value);
    }
    host.activate(RATE_HZ, 4_096);
    let note = [(0, Happening::on(72))];
    let sound = played(&mut host, 24_000, &note);
    assert!(peak(&sound) > 1e-4);
    let saved = host.save();
    assert_eq!(song(&saved)["tuning"]["name"], "Narrow");
    let mut other = H::open_in(&bundle.folder(), Class::Instrument);
    assert!(other.load(&saved));
    assert_eq!(song(&other.save()), song(&saved));
    assert_eq!(other.params(), host.params());
    other.activate(RATE_HZ, 4_096);
    assert_eq!(first_difference(&played(&mut other, 24_000, &note), &sound), None);
    // What it would sound like without them.
    let mut plain = blending::<H>(&bundle, None, 0.0);
    assert!(first_difference(&played(&mut plain, 24_000, &note), &sound).is_some());
}

pub fn keys_follow_the_song_s_tuning<H: TestHost>() {
    let pythagorean = retort::library::tunings::list(None).into_iter().find(|tuning| tuning.name == "Pythagorean");
    let mut host = opened_still::<H>(&[]);
    let in_steps = host.save();
    let tuned = with_song(&in_steps, |song| song["tuning"] = json!(pythagorean));
    let cents = |host: &mut H, key| {
        let out = played(host, 36_000, &[(0, Happening::on(key)), (30_000, Happening::off(key))]);
        cents_off(&out[12_000..28_000], RATE_HZ, hz(key))
    };
    for (state, third) in [(&in_steps, 0.0), (&tuned, 7.82), (&in_steps, 0.0)] {
        host.deactivate();
        assert!(host.load(state));
        host.activate(RATE_HZ, 4_096);
        let (fixed, found) = (cents(&mut host, 60), cents(&mut host, 64));
        assert!(fixed.abs() < 2.0, "middle C stays: {fixed} cents");
        assert!((found - third).abs() < 2.0, "E lies at {found} cents where {third} are expected");
    }
}

pub fn a_song_remembers_its_preset_and_whether_it_was_changed<H: TestHost>() {
    let mut host = H::open(Class::Instrument);
    let preset = json!({"name": "Felt Piano", "user": false, "changed": true});
    let saved = with_song(&host.save(), |song| song["preset"] = preset.clone());
    assert!(host.load(&saved));
    assert_eq!(song(&host.save())["preset"], preset);
    // Another song that knows of no preset forgets it.
    assert!(host.load(&H::open(Class::Instrument).save()));
    assert!(song(&host.save()).get("preset").is_none());
}

/// All of this topic for a host.
#[macro_export]
macro_rules! songs_tests {
    ($host:ty) => {
        $crate::host_tests!($host, songs:
            automation_of_the_blend_is_heard_does_not_click_and_does_not_depend_on_the_blocks,
            a_second_model_and_a_tuning_are_part_of_the_song,
            keys_follow_the_song_s_tuning,
            a_song_remembers_its_preset_and_whether_it_was_changed,
        );
    };
}
