//! The panel's view of a plugin instance: every change goes through the host, as gestures it can record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;

use super::models;
use super::params::{LOWEST_PITCHES, RetortParams, SOURCES};
use super::status::Status;
use crate::analysis::LowestPitch;
use crate::engine::{Setting, Source, Spectrum};
use crate::library::Changes;
use crate::library::tunings::Tunings;
use crate::panel::{Banner, MeterSnapshot, ModelEntry, PanelHost, Watch};
use crate::preset::{FileStore, LoadedPreset, PresetStore};

/// For so long after it was opened, a window is put into place by its host, and pictures may get lost.
const SETTLING: Duration = Duration::from_secs(2);

/// A number that changes with every look while a window that opened then settles, and once a second later: a picture that got
/// lost is soon drawn again.
fn beat(opened: Instant) -> u128 {
    let open = opened.elapsed();
    if open < SETTLING { open.as_millis() } else { SETTLING.as_millis() + u128::from(open.as_secs()) }
}

/// What an open window works with.
pub struct PluginPanelHost {
    watch: Watch,
    params: Arc<RetortParams>,
    status: Arc<Status>,
    context: GuiContext,
    models: Vec<ModelEntry>,
    model_changes: Changes,
    /// Of the slot that plays, as of [`PluginPanelHost::refresh`].
    model_id: String,
    blend_id: Option<String>,
    tunings: Tunings,
    presets: FileStore,
    /// As of [`PluginPanelHost::refresh`].
    preset: Option<LoadedPreset>,
}

impl PluginPanelHost {
    /// `wake` asks for a picture, from any thread.
    pub fn new(
        params: &Arc<RetortParams>,
        status: &Arc<Status>,
        context: GuiContext,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let (watched, read) = (Arc::clone(params), Arc::clone(status));
        let opened = Instant::now();
        // Parameters and messages change without anybody telling the window.
        let model_changes = models::changes();
        let watch = Watch::start(move || (read.snapshot(), (watched.shown(), read.banner(), beat(opened))), wake);
        Self {
            watch,
            params: Arc::clone(params),
            status: Arc::clone(status),
            context,
            models: models::list(model_changes.library()),
            model_changes,
            model_id: params.song.model(params.slot()),
            blend_id: params.song.blend(),
            tunings: Tunings::of(params.song.tuning()),
            presets: FileStore::standard(),
            preset: params.song.preset(),
        }
    }

    /// Looks at what may have changed behind the panel's back; once a picture.
    pub fn refresh(&mut self) {
        if self.model_changes.are_there() {
            self.models = models::list(self.model_changes.library());
        }
        let (song, slot) = (&self.params.song, self.params.slot());
        if !song.holds(slot, &self.model_id) {
            self.model_id = song.model(slot);
        }
        if !song.blends_with(self.blend_id.as_deref()) {
            self.blend_id = song.blend();
        }
        if !song.is_tuned_as(self.tunings.current()) {
            self.tunings.follow(song.tuning());
        }
        if !song.holds_preset(self.preset.as_ref()) {
            self.preset = song.preset();
        }
    }

    /// A host that does not process would not hear it from there.
    fn restart(&self) {
        if self.status.asks_for_restart() {
            self.context.request_restart();
        }
    }

    /// A change in one go, as one gesture.
    fn change<P: Param>(&self, param: &P, value: P::Plain) {
        let setter = self.context.param_setter();
        setter.begin_set_parameter(param);
        setter.set_parameter(param, value);
        setter.end_set_parameter(param);
    }
}

impl PanelHost for PluginPanelHost {
    fn value(&self, setting: Setting) -> f32 {
        self.params.of(setting).value()
    }

    fn begin(&mut self, setting: Setting) {
        self.context.param_setter().begin_set_parameter(self.params.of(setting));
    }

    fn set(&mut self, setting: Setting, value: f32) {
        self.context.param_setter().set_parameter(self.params.of(setting), value);
    }

    fn end(&mut self, setting: Setting) {
        self.context.param_setter().end_set_parameter(self.params.of(setting));
    }

    fn source(&self) -> Source {
        self.params.source()
    }

    fn set_source(&mut self, source: Source) {
        if let Some(index) = SOURCES.iter().position(|(value, _)| *value == source) {
            self.change(&self.params.source, index as i32);
            self.restart();
        }
    }

    fn lowest_pitch(&self) -> LowestPitch {
        self.params.lowest_pitch()
    }

    fn set_lowest_pitch(&mut self, lowest: LowestPitch) {
        if let Some(index) = LOWEST_PITCHES.iter().position(|(value, _)| *value == lowest) {
            self.change(&self.params.lowest_pitch, index as i32);
            if self.source() == Source::Audio {
                self.restart();
            }
        }
    }

    fn latency_ms(&self, lowest: LowestPitch) -> f32 {
        let rate = self.status.sample_rate_hz();
        lowest.latency_samples(rate) as f32 * 1e3 / rate as f32
    }

    fn sends_notes(&self) -> bool {
        true
    }

    fn bypass(&self) -> Option<bool> {
        Some(self.params.bypass.value())
    }

    fn set_bypass(&mut self, bypass: bool) {
        self.change(&self.params.bypass, bypass);
    }

    fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    fn model_id(&self) -> &str {
        &self.model_id
    }

    fn choose_model(&mut self, id: &str) {
        self.params.song.set_model(self.params.slot(), id);
        self.model_id = id.to_owned();
        // The framework cannot tell the host that the song changed, but a parameter can.
        self.change(&self.params.changes, self.params.next_change());
    }

    fn blend_id(&self) -> Option<&str> {
        self.blend_id.as_deref()
    }

    fn choose_blend(&mut self, id: Option<&str>) {
        self.params.song.set_blend(id);
        self.blend_id = id.map(str::to_owned);
        self.change(&self.params.changes, self.params.next_change());
    }

    fn tunings(&self) -> &[String] {
        self.tunings.names()
    }

    fn tuning(&self) -> &str {
        self.tunings.name()
    }

    fn choose_tuning(&mut self, name: &str) {
        self.params.song.set_tuning(self.tunings.choose(name));
        self.change(&self.params.changes, self.params.next_change());
    }

    fn presets(&self) -> Option<&dyn PresetStore> {
        Some(&self.presets)
    }

    fn presets_mut(&mut self) -> Option<&mut dyn PresetStore> {
        Some(&mut self.presets)
    }

    fn loaded_preset(&self) -> Option<&LoadedPreset> {
        self.preset.as_ref()
    }

    fn set_loaded_preset(&mut self, preset: Option<LoadedPreset>) {
        let name = |preset: &Option<LoadedPreset>| preset.as_ref().map(|preset| (preset.name.clone(), preset.user));
        let is_other = name(&preset) != name(&self.preset);
        self.params.song.set_preset(preset.clone());
        self.preset = preset;
        if is_other {
            // As with a model. A preset that was only changed has parameters that tell the host.
            self.change(&self.params.changes, self.params.next_change());
        }
    }

    fn banner(&self) -> Option<Banner> {
        self.status.banner()
    }

    fn spectrum(&self, spectrum: &mut Spectrum) {
        match self.status.engine() {
            Some(meters) => meters.spectrum().read(spectrum),
            None => *spectrum = Spectrum::default(),
        }
    }

    fn meters(&self) -> MeterSnapshot {
        self.watch.newest()
    }
}

#[cfg(test)]
mod tests;
