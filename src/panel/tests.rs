//! The panel in an egui context without a window, before a host that writes down what it is asked.

use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, RawInput, Rect, pos2, vec2};

mod pages;
mod presets;
mod undo;

use super::*;
use crate::{
    analysis::LowestPitch,
    engine::Settings,
    frame::Frame,
    preset::{LoadedPreset, PresetStore},
};
use presets::Shelf;

#[derive(Debug, Clone, PartialEq)]
enum Call {
    Begin(Setting),
    Set(Setting, f32),
    End(Setting),
    Source(Source),
    Lowest(LowestPitch),
    Bypass(bool),
    Model(String),
}

pub(crate) struct Host {
    settings: Settings,
    source: Source,
    models: Vec<ModelEntry>,
    model_id: String,
    blend_id: Option<String>,
    shelf: Shelf,
    loaded: Option<LoadedPreset>,
    meters: MeterSnapshot,
    banner: Option<Banner>,
    calls: Vec<Call>,
}

impl Host {
    fn new() -> Self {
        let entry = |id: &str| {
            let (instrument, variant) = model_choice::split(id);
            ModelEntry {
                id: id.into(),
                instrument: instrument.into(),
                variant: variant.into(),
                n_parameters: 9_412,
                n_bytes: 30_000,
                multi_scale_loss: Some(5.2),
                gap_closed: None,
                cpu_share: Some(0.01),
                range: Some(TrainedRange { f0_hz: [190.0, 2_600.0], loudness_db: [-50.0, -6.0] }),
                credits: Credits::default(),
            }
        };
        Self {
            settings: Settings::default(),
            source: Source::Audio,
            models: ["violin/full", "violin/reduced", "flute/full"].map(entry).into(),
            model_id: "violin/full".into(),
            blend_id: None,
            shelf: Shelf::default(),
            loaded: None,
            meters: MeterSnapshot::SILENCE,
            banner: None,
            calls: Vec::new(),
        }
    }
}

impl PanelHost for Host {
    fn value(&self, setting: Setting) -> f32 {
        self.settings.get(setting)
    }
    fn begin(&mut self, setting: Setting) {
        self.calls.push(Call::Begin(setting));
    }
    fn set(&mut self, setting: Setting, value: f32) {
        self.settings.set(setting, value);
        self.calls.push(Call::Set(setting, value));
    }
    fn end(&mut self, setting: Setting) {
        self.calls.push(Call::End(setting));
    }
    fn source(&self) -> Source {
        self.source
    }
    fn set_source(&mut self, source: Source) {
        self.source = source;
        self.calls.push(Call::Source(source));
    }
    fn lowest_pitch(&self) -> LowestPitch {
        LowestPitch::Hz80
    }
    fn set_lowest_pitch(&mut self, lowest: LowestPitch) {
        self.calls.push(Call::Lowest(lowest));
    }
    fn latency_ms(&self, lowest: LowestPitch) -> f32 {
        2_000.0 / lowest.hz()
    }
    fn sends_notes(&self) -> bool {
        true
    }

    fn bypass(&self) -> Option<bool> {
        Some(false)
    }
    fn set_bypass(&mut self, bypass: bool) {
        self.calls.push(Call::Bypass(bypass));
    }
    fn models(&self) -> &[ModelEntry] {
        &self.models
    }
    fn model_id(&self) -> &str {
        &self.model_id
    }
    fn choose_model(&mut self, id: &str) {
        self.model_id = id.into();
        self.calls.push(Call::Model(id.into()));
    }
    fn blend_id(&self) -> Option<&str> {
        self.blend_id.as_deref()
    }
    fn choose_blend(&mut self, id: Option<&str>) {
        self.blend_id = id.map(str::to_owned);
    }
    fn presets(&self) -> Option<&dyn PresetStore> {
        Some(&self.shelf)
    }
    fn presets_mut(&mut self) -> Option<&mut dyn PresetStore> {
        Some(&mut self.shelf)
    }
    fn loaded_preset(&self) -> Option<&LoadedPreset> {
        self.loaded.as_ref()
    }
    fn set_loaded_preset(&mut self, preset: Option<LoadedPreset>) {
        self.loaded = preset;
    }
    fn banner(&self) -> Option<Banner> {
        self.banner.clone()
    }
    fn meters(&self) -> MeterSnapshot {
        self.meters
    }
}

/// A panel that pictures are taken of, one after the other; for the tests of other hosts too.
pub(crate) struct Bench<H = Host> {
    ctx: egui::Context,
    panel: Panel,
    pub(crate) host: H,
    time_s: f64,
    modifiers: Modifiers,
    /// What the panel's widgets derive their ids from.
    root: egui::Id,
}

impl Bench {
    fn new() -> Self {
        Self::with_host(Host::new())
    }

    fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.host.calls)
    }
}

impl<H: PanelHost> Bench<H> {
    pub(crate) fn with_host(host: H) -> Self {
        let ctx = egui::Context::default();
        Panel::apply_theme(&ctx);
        let mut root = egui::Id::NULL;
        ctx.run_ui(RawInput::default(), |ui| root = ui.scope_id()).drop_without_applying_deltas();
        let mut bench = Self { ctx, panel: Panel::default(), host, time_s: 0.0, modifiers: Modifiers::NONE, root };
        bench.picture(vec![]);
        bench
    }

    /// Loads the preset that a search for its name finds, with the keyboard.
    pub(crate) fn load_preset(&mut self, name: &str) {
        self.click_on(egui::Id::unique("presets").with("name"));
        self.picture(vec![]);
        self.picture(vec![Event::Text(name.into())]);
        self.key(Key::Enter);
    }

    pub(crate) fn undo(&mut self) {
        self.shortcut(Modifiers::COMMAND, Key::Z);
    }

    pub(crate) fn redo(&mut self) {
        self.shortcut(Modifiers::COMMAND, Key::Y);
    }

    /// Takes a picture after `events`; gives how soon egui wants the next one.
    fn picture(&mut self, mut events: Vec<Event>) -> Duration {
        // An event by itself makes egui ask for another picture.
        if !events.is_empty() {
            events.insert(0, Event::ModifiersChanged(self.modifiers));
        }
        self.time_s += 0.02;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, Panel::SIZE.into())),
            time: Some(self.time_s),
            events,
            ..RawInput::default()
        };
        let output = self.ctx.run_ui(input, |ui| self.panel.ui(ui, &mut self.host));
        let delay = output.viewport_output[&egui::ViewportId::ROOT].repaint_delay;
        output.drop_without_applying_deltas();
        delay
    }

    fn press(&mut self, pos: Pos2, pressed: bool) {
        let modifiers = self.modifiers;
        let event = Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
        self.picture(vec![Event::PointerMoved(pos), event]);
    }

    fn click(&mut self, pos: Pos2) {
        self.picture(vec![Event::PointerMoved(pos)]);
        self.press(pos, true);
        self.press(pos, false);
    }

    fn drag(&mut self, from: Pos2, by: egui::Vec2) {
        self.picture(vec![Event::PointerMoved(from)]);
        self.press(from, true);
        for step in 1..=4 {
            self.picture(vec![Event::PointerMoved(from + by * step as f32 / 4.0)]);
        }
        self.press(from + by, false);
    }

    fn key(&mut self, key: Key) {
        for pressed in [true, false] {
            let modifiers = self.modifiers;
            self.picture(vec![Event::Key { key, physical_key: None, pressed, repeat: false, modifiers }]);
        }
    }

    fn focus(&mut self, setting: Setting) {
        let id = self.root.with(setting.spec().id);
        self.ctx.memory_mut(|memory| memory.request_focus(id));
        self.picture(vec![]);
    }

    /// Presses a key with others held.
    fn shortcut(&mut self, modifiers: Modifiers, key: Key) {
        self.modifiers = modifiers;
        self.key(key);
        self.modifiers = Modifiers::NONE;
    }

    fn click_on(&mut self, id: egui::Id) {
        let response = self.ctx.read_response(id).unwrap_or_else(|| panic!("{id:?} is shown"));
        self.click(response.rect.center());
    }
}

/// The middle of a knob's dial.
fn dial(setting: Setting) -> Pos2 {
    let bench = Bench::new();
    let response = bench.ctx.read_response(bench.root.with(setting.spec().id));
    response.expect("every setting has a knob").rect.center()
}

#[test]
fn every_setting_has_a_knob() {
    let mut shown: Vec<Setting> =
        ROWS.iter().flat_map(|row| row.iter()).flat_map(|(_, settings)| settings.iter().copied()).collect();
    // These are buttons.
    shown.extend([Setting::Mode, Setting::Mpe, Setting::OctaveMatch, Setting::NotesOut]);
    shown.sort_by_key(|setting| *setting as usize);
    assert_eq!(shown, Setting::ALL.map(|spec| spec.setting));
}

#[test]
fn dragging_a_knob_upwards_is_one_gesture_that_raises_the_value() {
    let mut bench = Bench::new();
    bench.drag(dial(Setting::OutputGain), vec2(0.0, 60.0));
    let calls = bench.calls();
    assert_eq!(calls.first(), Some(&Call::Begin(Setting::OutputGain)));
    assert_eq!(calls.last(), Some(&Call::End(Setting::OutputGain)));
    assert!(calls.len() > 3, "several values between: {calls:?}");
    assert!(calls[1..calls.len() - 1].iter().all(|call| matches!(call, Call::Set(Setting::OutputGain, _))));
    assert!(bench.host.settings.output_gain < -10.0);
}

#[test]
fn a_double_click_resets_a_knob() {
    let mut bench = Bench::new();
    bench.host.settings.room = 0.2;
    let dial = dial(Setting::Room);
    bench.click(dial);
    bench.click(dial);
    assert_eq!(bench.host.settings.room, 1.0);
}

#[test]
fn the_wheel_steps_by_whole_semitones_and_with_shift_by_tenths() {
    let mut bench = Bench::new();
    bench.picture(vec![Event::PointerMoved(dial(Setting::Transpose))]);
    let turn = |bench: &mut Bench, lines: f32| {
        let modifiers = bench.modifiers;
        let (phase, source) = (egui::TouchPhase::Move, egui::MouseWheelSource::Wheel);
        bench.picture(vec![Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, lines),
            modifiers,
            phase,
            source,
        }]);
    };
    turn(&mut bench, 2.0);
    assert_eq!(bench.host.settings.transpose, 2.0);
    bench.modifiers = Modifiers::SHIFT;
    turn(&mut bench, -1.0);
    assert!((bench.host.settings.transpose - 1.9).abs() < 1e-4);
}

#[test]
fn a_value_can_be_typed_after_a_click_on_it() {
    let mut bench = Bench::new();
    let below = dial(Setting::Transpose) + vec2(0.0, 50.0);
    bench.click(below);
    bench.picture(vec![]);
    bench.modifiers = Modifiers::COMMAND;
    bench.key(Key::A);
    bench.modifiers = Modifiers::NONE;
    bench.picture(vec![Event::Text("-5".into())]);
    bench.key(Key::Enter);
    assert_eq!(bench.host.settings.transpose, -5.0);
}

#[test]
fn arrows_home_and_delete_move_the_knob_that_has_the_focus() {
    let mut bench = Bench::new();
    bench.focus(Setting::LoudnessOffset);
    bench.key(Key::ArrowUp);
    bench.key(Key::ArrowUp);
    assert_eq!(bench.host.settings.loudness_offset, 2.0);
    bench.key(Key::Home);
    assert_eq!(bench.host.settings.loudness_offset, -24.0);
    bench.key(Key::Delete);
    assert_eq!(bench.host.settings.loudness_offset, 0.0);
}

#[test]
fn typing_a_digit_on_a_knob_begins_a_value_and_escape_leaves_it() {
    let mut bench = Bench::new();
    bench.focus(Setting::Mix);
    bench.picture(vec![Event::Text("4".into())]);
    bench.picture(vec![]);
    bench.picture(vec![Event::Text("0".into())]);
    bench.key(Key::Enter);
    assert!((bench.host.settings.mix - 0.4).abs() < 1e-6);
    bench.picture(vec![Event::Text("7".into())]);
    bench.picture(vec![]);
    bench.key(Key::Escape);
    assert!((bench.host.settings.mix - 0.4).abs() < 1e-6);
}

#[test]
fn a_knob_that_is_held_when_the_window_closes_is_let_go() {
    let mut bench = Bench::new();
    let dial = dial(Setting::NoiseGain);
    bench.picture(vec![Event::PointerMoved(dial)]);
    bench.press(dial, true);
    bench.picture(vec![Event::PointerMoved(dial + vec2(0.0, 30.0))]);
    bench.panel.release(&mut bench.host);
    let calls = bench.calls();
    assert_eq!(calls.last(), Some(&Call::End(Setting::NoiseGain)));
    assert_eq!(calls.iter().filter(|call| matches!(call, Call::Begin(_))).count(), 1);
}

#[test]
fn the_source_and_the_lowest_pitch_are_chosen_by_a_click() {
    let mut bench = Bench::new();
    let place = |bench: &Bench, name: &str, index: usize| {
        let id = bench.root.with(name).with(index);
        bench.ctx.read_response(id).expect("the segment is shown").rect.center()
    };
    let (notes, lowest) = (place(&bench, "source", 0), place(&bench, "lowest", 2));
    bench.click(lowest);
    bench.click(notes);
    // With notes, the lowest pitch changes nothing and cannot be chosen.
    bench.click(lowest);
    assert_eq!(bench.calls(), [Call::Lowest(LowestPitch::Hz160), Call::Source(Source::Notes)]);
}

#[test]
fn bypass_is_switched_by_a_click() {
    let mut bench = Bench::new();
    let place = bench.ctx.read_response(bench.root.with("bypass")).expect("bypass is shown").rect.center();
    bench.click(place);
    assert_eq!(bench.calls(), [Call::Bypass(true)]);
}

#[test]
fn another_size_is_chosen_from_the_list() {
    let mut bench = Bench::new();
    bench.click(pos2(456.0, 72.0));
    bench.picture(vec![]);
    bench.click(pos2(456.0, 154.0));
    assert_eq!(bench.calls(), [Call::Model("violin/reduced".into())]);
}

#[test]
fn a_line_that_is_chosen_with_the_keyboard_closes_its_list() {
    // Which line the keyboard reaches first is egui's business.
    let chosen_after = |n_tabs: usize| {
        let mut bench = Bench::new();
        bench.click(pos2(456.0, 72.0));
        bench.picture(vec![]);
        assert!(egui::Popup::is_any_open(&bench.ctx));
        (0..n_tabs).for_each(|_| bench.key(Key::Tab));
        bench.key(Key::Enter);
        bench.picture(vec![]);
        (matches!(bench.calls()[..], [Call::Model(_)]), egui::Popup::is_any_open(&bench.ctx))
    };
    let chosen = (1..60).map(chosen_after).find(|(is_chosen, _)| *is_chosen);
    assert_eq!(chosen, Some((true, false)));
}

#[test]
fn a_still_panel_asks_for_no_picture_and_a_sounding_one_for_thirty_a_second() {
    let mut bench = Bench::new();
    // egui lays out a new window in a few pictures.
    for _ in 0..10 {
        bench.picture(vec![]);
    }
    assert_eq!(bench.picture(vec![]), Duration::MAX, "{:?}", bench.ctx.repaint_causes());
    let frame = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
    bench.host.meters = MeterSnapshot { frame, output_peak_db: -12.0, ..MeterSnapshot::SILENCE };
    assert!(MeterSnapshot::SILENCE.differs_visibly(&bench.host.meters));
    let delay = bench.picture(vec![]);
    assert!(delay > Duration::from_millis(10) && delay <= PICTURE_INTERVAL, "{delay:?}");
    bench.host.meters = MeterSnapshot::SILENCE;
    for _ in 0..300 {
        bench.picture(vec![]);
    }
    assert_eq!(bench.picture(vec![]), Duration::MAX);
}

#[test]
fn strange_values_are_drawn_without_a_panic() {
    let mut bench = Bench::new();
    for (f0_hz, loudness_db, peak_db) in
        [(0.001, -500.0, -500.0), (1e9, 90.0, 90.0), (f32::NAN, f32::NAN, f32::NAN), (440.0, f32::INFINITY, 0.0)]
    {
        let frame = Frame { f0_hz, loudness_db, voicing: 1.0 };
        bench.host.meters =
            MeterSnapshot { frame, input_peak_db: peak_db, output_peak_db: peak_db, ..MeterSnapshot::SILENCE };
        bench.host.banner = Some(Banner { severity: Severity::Error, text: "x".repeat(2_000) });
        bench.host.models.clear();
        bench.picture(vec![]);
    }
}

#[test]
fn dragging_the_box_is_one_gesture_that_transposes_and_makes_louder() {
    let mut bench = Bench::new();
    let area = bench.ctx.read_response(bench.root.with("mapping")).expect("the model has a range").rect;
    bench.drag(area.center(), vec2(-60.0, 40.0));
    let settings = bench.host.settings;
    assert!(settings.transpose >= 6.0 && settings.transpose.fract() == 0.0, "{}", settings.transpose);
    assert!(settings.loudness_offset > 6.0 && settings.loudness_range == 1.0, "{}", settings.loudness_offset);
    let calls = bench.calls();
    let begun = calls.iter().filter(|call| matches!(call, Call::Begin(_))).count();
    let ended = calls.iter().filter(|call| matches!(call, Call::End(_))).count();
    assert_eq!((begun, ended), (3, 3));
    bench.picture(vec![]);
    let moved = bench.ctx.read_response(bench.root.with("mapping")).expect("it is still there").rect;
    assert!((moved.left() - area.left() + 60.0).abs() < 8.0, "the box follows the mouse");
}

#[test]
fn dragging_the_upper_edge_of_the_box_changes_the_dynamics() {
    let mut bench = Bench::new();
    let area = bench.ctx.read_response(bench.root.with("mapping")).expect("the model has a range").rect;
    bench.drag(pos2(area.center().x, area.top() + 8.0), vec2(0.0, 30.0));
    let settings = bench.host.settings;
    assert!(settings.loudness_range > 1.1 && settings.transpose == 0.0, "{settings:?}");
}

#[test]
fn arrow_keys_move_the_box_and_a_double_click_puts_it_back() {
    let mut bench = Bench::new();
    let id = bench.root.with("mapping");
    bench.ctx.memory_mut(|memory| memory.request_focus(id));
    bench.picture(vec![]);
    bench.key(Key::ArrowRight);
    bench.key(Key::ArrowUp);
    assert_eq!((bench.host.settings.transpose, bench.host.settings.loudness_offset), (-1.0, -1.0));
    let center = bench.ctx.read_response(id).expect("it is there").rect.center();
    bench.click(center);
    bench.click(center);
    assert_eq!((bench.host.settings.transpose, bench.host.settings.loudness_offset), (0.0, 0.0));
}
