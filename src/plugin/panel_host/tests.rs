//! A real panel before the plugin's host: what the host is told of presets and of undo, and what a song holds of them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use nice_plug::context::gui::GuiContextInner;
use nice_plug::params::internals::ParamPtr;
use nice_plug::prelude::{Params, PluginApi, PluginState};

use super::*;
use crate::library::Library;
use crate::library::parcel::Parcel;
use crate::library::shelf::{self, Shelf};
use crate::model::testing::{decaying_room, random_model};
use crate::panel::tests::Bench;
use crate::plugin::song::DEFAULT_MODEL;
use crate::preset::{belongs_to_the_place, factory, is_same};

/// What a host is told; parameters by their ids.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Begin(String),
    Set(String),
    End(String),
    Restart,
}

/// The framework's end of a window, before a host that takes values over with its next block.
struct Context {
    params: Arc<RetortParams>,
    told: Mutex<Vec<Told>>,
    waiting: Mutex<Vec<(String, f32)>>,
}

impl Context {
    fn id(&self, param: ParamPtr) -> String {
        let all = self.params.param_map();
        all.into_iter().find(|(_, other, _)| *other == param).expect("it is one of the plugin's parameters").0
    }

    fn tell(&self, told: Told) {
        self.told.lock().expect("no test panics with it").push(told);
    }

    fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut *self.told.lock().expect("no test panics with it"))
    }

    /// What was set reaches the parameters.
    fn block(&self) {
        let all: BTreeMap<String, ParamPtr> =
            self.params.param_map().into_iter().map(|(id, param, _)| (id, param)).collect();
        for (id, value) in self.waiting.lock().expect("no test panics with it").drain(..) {
            // SAFETY: the parameters live as long as `params`.
            unsafe { all[&id]._internal_set_normalized_value(value) };
        }
    }
}

impl GuiContextInner for Context {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Clap
    }
    unsafe fn raw_begin_set_parameter(&self, param: ParamPtr) {
        self.tell(Told::Begin(self.id(param)));
    }
    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        let id = self.id(param);
        self.tell(Told::Set(id.clone()));
        self.waiting.lock().expect("no test panics with it").push((id, normalized));
    }
    unsafe fn raw_end_set_parameter(&self, param: ParamPtr) {
        self.tell(Told::End(self.id(param)));
    }
    fn get_state(&self) -> PluginState {
        unreachable!("the panel keeps its own");
    }
    fn set_state(&self, _: PluginState) {
        unreachable!("the panel keeps its own");
    }
    fn request_restart(&self) {
        self.tell(Told::Restart);
    }
}

/// An open window.
fn opened() -> (Bench<PluginPanelHost>, Arc<Context>) {
    let params = Arc::new(RetortParams::new(Source::Notes));
    let context = Arc::new(Context { params: Arc::clone(&params), told: Mutex::default(), waiting: Mutex::default() });
    let host = PluginPanelHost::new(&params, &Arc::default(), GuiContext::new(context.clone()), || {});
    (Bench::with_host(host), context)
}

fn values(params: &RetortParams) -> Vec<f32> {
    Setting::ALL.iter().map(|spec| params.of(spec.setting).value()).collect()
}

/// The same but for the rounding of hosts' numbers from 0 to 1.
fn assert_same(found: &[f32], wanted: &[f32]) {
    for (spec, (found, wanted)) in Setting::ALL.iter().zip(found.iter().zip(wanted)) {
        assert!(is_same(spec, *found, *wanted), "{} is {found} and was {wanted}", spec.id);
    }
}

fn preset(name: &str) -> crate::preset::Preset {
    factory::presets().into_iter().find(|preset| preset.name == name).expect("it is part of the program")
}

#[test]
fn a_preset_tells_the_host_of_each_parameter_as_a_whole_gesture_and_undo_of_the_same() {
    let (mut bench, context) = opened();
    let params = Arc::clone(&context.params);
    // What stood before is not the default.
    for (setting, value) in [(Setting::Room, 0.37), (Setting::Attack, 3.3), (Setting::OutputGain, -7.1)] {
        bench.host.begin(setting);
        bench.host.set(setting, value);
        bench.host.end(setting);
    }
    context.block();
    context.take_told();
    let before = values(&params);
    let trio = preset("Night Trio");

    bench.load_preset("Night Trio");
    context.block();
    let told = context.take_told();
    for (spec, before) in Setting::ALL.iter().zip(&before) {
        let now = params.of(spec.setting).value();
        let wanted = trio.value(spec.setting).unwrap_or(*before);
        assert!(is_same(spec, now, wanted), "{} is {now} and not {wanted}", spec.id);
    }
    assert!((params.output_gain.value() + 7.1).abs() < 1e-3 && belongs_to_the_place(Setting::OutputGain));
    let of = |told: &[Told], id: &str| {
        let id = id.to_owned();
        let about = [Told::Begin(id.clone()), Told::Set(id.clone()), Told::End(id)];
        told.iter().filter(|told| about.contains(told)).cloned().collect::<Vec<_>>() == about
    };
    for id in ["room", "attack", "voices", "brightness"] {
        assert!(of(&told, id), "{id} is one gesture: {told:?}");
    }
    assert!(!told.iter().any(|told| *told == Told::Begin("output_gain".into())));
    assert!(told.contains(&Told::Set("changes".into())), "there is something to save: the preset's name");
    assert_eq!(params.song.preset().map(|preset| (preset.name, preset.changed)), Some(("Night Trio".into(), false)));

    bench.undo();
    context.block();
    let undone = context.take_told();
    for id in ["room", "attack", "voices", "brightness"] {
        assert!(of(&undone, id), "{id} is one gesture: {undone:?}");
    }
    assert_same(&values(&params), &before);
    assert_eq!(params.song.preset(), None);

    bench.redo();
    context.block();
    assert!(params.song.preset().is_some_and(|preset| preset.name == "Night Trio"));
    assert_eq!(params.voices.value(), 3.0);
}

#[test]
fn undo_does_not_wait_for_the_host_to_take_values_over() {
    let (mut bench, context) = opened();
    let before = values(&context.params);
    bench.load_preset("Night Trio");
    bench.undo();
    context.block();
    assert_same(&values(&context.params), &before);
}

#[test]
fn a_preset_with_another_model_and_source_asks_for_one_restart_and_undo_brings_both_back() {
    let (mut bench, context) = opened();
    let params = Arc::clone(&context.params);
    bench.load_preset("Sing a Violin");
    context.block();
    let restarts = |told: &[Told]| told.iter().filter(|told| **told == Told::Restart).count();
    assert_eq!(restarts(&context.take_told()), 1);
    assert_eq!((params.song.model(0).as_str(), params.source()), ("violin/full", Source::Audio));
    bench.undo();
    context.block();
    assert_eq!((params.song.model(0).as_str(), params.source()), (DEFAULT_MODEL, Source::Notes));
}

#[test]
fn a_song_that_is_saved_after_a_preset_brings_it_back() {
    let (mut bench, context) = opened();
    let duet = factory::presets().into_iter().find(|preset| preset.blend.is_some()).expect("some blend two models");
    bench.load_preset(&duet.name);
    context.block();
    bench.host.choose_tuning("Meantone");
    context.block();
    let (saved, values) = (context.params.serialize_fields(), values(&context.params));

    let (mut other, elsewhere) = opened();
    elsewhere.params.deserialize_fields(&saved);
    for (spec, value) in Setting::ALL.iter().zip(&values) {
        other.host.set(spec.setting, *value);
    }
    elsewhere.block();
    other.host.refresh();
    assert_eq!(elsewhere.params.serialize_fields(), saved);
    let host = &other.host;
    assert_eq!((host.model_id(), host.blend_id()), (duet.model.as_str(), duet.blend.as_deref()));
    assert_eq!(host.tuning(), "Meantone");
    // A picture of the panel compares what is there with the preset.
    other.redo();
    let loaded = other.host.loaded_preset().expect("the song remembers it");
    assert_eq!((loaded.name.as_str(), loaded.changed), (duet.name.as_str(), false));
}

#[test]
fn an_open_window_lists_what_is_imported_and_forgets_what_is_removed() {
    let (place, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, bytes) in
        [("full", random_model("harp/full", 8, 1)), ("room", decaying_room("harp/room", 100).to_bytes())]
    {
        std::fs::write(place.path().join(name).with_extension("safetensors"), bytes).unwrap();
    }
    let parcel = Parcel::read(&place.path().join("full.safetensors")).unwrap();
    let (mut bench, _context) = opened();
    bench.host.model_changes = Changes::since_now(Library::with_folders(vec![models.path().into()]));
    let mut is_listed = || {
        // It looks every two seconds.
        std::thread::sleep(Duration::from_millis(2_100));
        bench.host.refresh();
        bench.host.models().iter().any(|model| model.id == "harp/full")
    };
    assert!(!is_listed());
    Shelf::open(models.path()).unwrap().check(&[parcel], false).unwrap().carry_out().unwrap();
    assert!(is_listed());
    let files = shelf::files_of("harp", models.path()).unwrap();
    Shelf::open(models.path()).unwrap().remove(&files).unwrap();
    assert!(!is_listed());
}
