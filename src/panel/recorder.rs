//! Between the panel's widgets and the host: passes everything on, and writes gestures into the history.

use super::{
    Banner, MeterSnapshot, ModelEntry, PanelHost,
    history::{Change, History},
};
use crate::{
    analysis::LowestPitch,
    engine::{Setting, Source, Spectrum},
    preset::{LoadedPreset, PresetStore},
};

/// Hosts take over values with their next block. For so long, in seconds, what was set counts and not what they say.
const IN_FLIGHT_S: f64 = 0.3;

/// What was set a moment ago, and when, in seconds.
#[derive(Default)]
pub struct InFlight(Vec<(Setting, f32, f64)>);

/// Which side of a [`Change`] to go to.
#[derive(Clone, Copy)]
enum Side {
    Before = 0,
    After = 1,
}

/// The host as the widgets see it. Every method of [`PanelHost`] is passed on here: one that is added there and not here
/// would have its default for the panel.
pub struct Recorder<'a> {
    host: &'a mut dyn PanelHost,
    history: &'a mut History,
    in_flight: &'a mut InFlight,
    now_s: f64,
}

impl<'a> Recorder<'a> {
    /// `now_s` is the time of the picture in seconds, from any zero.
    pub fn new(host: &'a mut dyn PanelHost, history: &'a mut History, in_flight: &'a mut InFlight, now_s: f64) -> Self {
        in_flight.0.retain(|(_, _, at_s)| (0.0..IN_FLIGHT_S).contains(&(now_s - at_s)));
        Self { host, history, in_flight, now_s }
    }

    /// What can be undone and redone.
    pub fn history(&self) -> &History {
        self.history
    }

    /// All changes of `gesture` become one entry.
    pub fn as_one(&mut self, name: &str, gesture: impl FnOnce(&mut Self)) {
        self.history.open_group(name);
        gesture(self);
        self.history.close_group();
    }

    /// As [`PanelHost::set_loaded_preset`], but undone with the rest of the gesture.
    pub fn record_loaded_preset(&mut self, preset: LoadedPreset) {
        let before = self.host.loaded_preset().cloned();
        if before.as_ref() != Some(&preset) {
            self.host.set_loaded_preset(Some(preset.clone()));
            self.history.record("Preset", Change::Preset([before, Some(preset)]));
        }
    }

    /// Takes back the last gesture; nothing while a knob is held.
    pub fn undo(&mut self) {
        if self.history.is_held() {
            return;
        }
        if let Some(entry) = self.history.step_back() {
            entry.changes.iter().rev().for_each(|change| self.go(change, Side::Before));
        }
    }

    /// Does again what was undone last; nothing while a knob is held.
    pub fn redo(&mut self) {
        if self.history.is_held() {
            return;
        }
        if let Some(entry) = self.history.step_forward() {
            entry.changes.iter().for_each(|change| self.go(change, Side::After));
        }
    }

    fn go(&mut self, change: &Change, side: Side) {
        let side = side as usize;
        match change {
            Change::Value(setting, values) => {
                self.host.begin(*setting);
                self.send(*setting, values[side]);
                self.host.end(*setting);
            }
            Change::Model(ids) => self.host.choose_model(&ids[side]),
            Change::Blend(ids) => self.host.choose_blend(ids[side].as_deref()),
            Change::Tuning(names) => self.host.choose_tuning(&names[side]),
            Change::Source(sources) => self.host.set_source(sources[side]),
            Change::LowestPitch(pitches) => self.host.set_lowest_pitch(pitches[side]),
            Change::Bypass(states) => self.host.set_bypass(states[side]),
            Change::Preset(presets) => self.host.set_loaded_preset(presets[side].clone()),
        }
    }

    fn send(&mut self, setting: Setting, value: f32) {
        self.host.set(setting, value);
        self.in_flight.0.retain(|(sent, ..)| *sent != setting);
        self.in_flight.0.push((setting, value, self.now_s));
    }
}

impl PanelHost for Recorder<'_> {
    fn value(&self, setting: Setting) -> f32 {
        let sent = self.in_flight.0.iter().find(|(sent, ..)| *sent == setting);
        sent.map_or_else(|| self.host.value(setting), |(_, value, _)| *value)
    }

    fn begin(&mut self, setting: Setting) {
        let before = self.value(setting);
        self.history.hold(setting, before);
        self.host.begin(setting);
    }

    fn set(&mut self, setting: Setting, value: f32) {
        self.send(setting, value);
        self.history.move_to(setting, value);
    }

    fn end(&mut self, setting: Setting) {
        self.host.end(setting);
        self.history.let_go(setting);
    }

    fn nudge(&mut self, setting: Setting, value: f32) {
        let before = self.value(setting);
        self.host.begin(setting);
        self.send(setting, value);
        self.host.end(setting);
        self.history.step(setting, [before, value], self.now_s);
    }

    fn source(&self) -> Source {
        self.host.source()
    }

    fn set_source(&mut self, source: Source) {
        let before = self.host.source();
        self.host.set_source(source);
        if before != source {
            self.history.record("Source", Change::Source([before, source]));
        }
    }

    fn lowest_pitch(&self) -> LowestPitch {
        self.host.lowest_pitch()
    }

    fn set_lowest_pitch(&mut self, lowest: LowestPitch) {
        let before = self.host.lowest_pitch();
        self.host.set_lowest_pitch(lowest);
        if before != lowest {
            self.history.record("Lowest pitch", Change::LowestPitch([before, lowest]));
        }
    }

    fn latency_ms(&self, lowest: LowestPitch) -> f32 {
        self.host.latency_ms(lowest)
    }

    fn sends_notes(&self) -> bool {
        self.host.sends_notes()
    }

    fn bypass(&self) -> Option<bool> {
        self.host.bypass()
    }

    fn set_bypass(&mut self, bypass: bool) {
        let before = self.host.bypass().unwrap_or(bypass);
        self.host.set_bypass(bypass);
        if before != bypass {
            self.history.record("Bypass", Change::Bypass([before, bypass]));
        }
    }

    fn models(&self) -> &[ModelEntry] {
        self.host.models()
    }

    fn model_id(&self) -> &str {
        self.host.model_id()
    }

    fn choose_model(&mut self, id: &str) {
        let before = self.host.model_id().to_owned();
        self.host.choose_model(id);
        if before != id {
            self.history.record("Model", Change::Model([before, id.to_owned()]));
        }
    }

    fn blend_id(&self) -> Option<&str> {
        self.host.blend_id()
    }

    fn choose_blend(&mut self, id: Option<&str>) {
        let before = self.host.blend_id().map(str::to_owned);
        self.host.choose_blend(id);
        if before.as_deref() != id {
            self.history.record("Second model", Change::Blend([before, id.map(str::to_owned)]));
        }
    }

    fn tunings(&self) -> &[String] {
        self.host.tunings()
    }

    fn tuning(&self) -> &str {
        self.host.tuning()
    }

    fn choose_tuning(&mut self, name: &str) {
        let before = self.host.tuning().to_owned();
        self.host.choose_tuning(name);
        if before != name {
            self.history.record("Tuning", Change::Tuning([before, name.to_owned()]));
        }
    }

    fn spectrum(&self, spectrum: &mut Spectrum) {
        self.host.spectrum(spectrum);
    }

    fn presets(&self) -> Option<&dyn PresetStore> {
        self.host.presets()
    }

    fn presets_mut(&mut self) -> Option<&mut dyn PresetStore> {
        self.host.presets_mut()
    }

    fn loaded_preset(&self) -> Option<&LoadedPreset> {
        self.host.loaded_preset()
    }

    fn set_loaded_preset(&mut self, preset: Option<LoadedPreset>) {
        self.host.set_loaded_preset(preset);
    }

    fn how_to_play(&self) -> &'static str {
        self.host.how_to_play()
    }

    fn banner(&self) -> Option<Banner> {
        self.host.banner()
    }

    fn meters(&self) -> MeterSnapshot {
        self.host.meters()
    }
}
