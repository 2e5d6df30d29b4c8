//! A plugin instance as the framework drives it: activation, blocks, events, restarts.

use std::marker::PhantomData;
use std::sync::Arc;

use nice_plug::prelude::*;
use nice_plug_egui::EguiEditor;

use super::class::{Class, Format};
use super::editor::{self, RetortEditor};
use super::events::{self, DefaultsFilter};
use super::handover::{Handover, Task};
use super::params::RetortParams;
use super::stage::Stage;
use super::state;
use super::status::Status;
use crate::engine::{EngineConfig, Event};

/// Events that are played in one go; a block with more is played in parts.
const MAX_EVENTS: usize = 1024;

/// One instance of either class in either format.
pub struct RetortPlugin<C, F> {
    params: Arc<RetortParams>,
    status: Arc<Status>,
    /// `None` until the host activates.
    stage: Option<Stage>,
    handover: Handover,
    events: Vec<Event>,
    defaults: DefaultsFilter,
    offline: bool,
    /// Whether the main input of this activation has one channel.
    mono_input: bool,
    kind: PhantomData<(C, F)>,
}

impl<C: Class, F: Format> Default for RetortPlugin<C, F> {
    fn default() -> Self {
        Self {
            params: Arc::new(RetortParams::new(C::DEFAULT_SOURCE)),
            status: Arc::default(),
            stage: None,
            handover: Handover::default(),
            events: Vec::with_capacity(MAX_EVENTS),
            defaults: DefaultsFilter::with_capacity(MAX_EVENTS),
            offline: false,
            mono_input: false,
            kind: PhantomData,
        }
    }
}

impl<C: Class, F: Format> Plugin for RetortPlugin<C, F> {
    const NAME: &'static str = C::NAME;
    const VENDOR: &'static str = "Retort";
    const URL: &'static str = env!("CARGO_PKG_HOMEPAGE");
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = C::LAYOUTS;
    const MIDI_INPUT: MidiConfig =
        if F::CONTROLLERS_ARE_PARAMETERS && !C::IS_PLAYED { MidiConfig::Basic } else { MidiConfig::MidiCCs };
    /// Notes that are heard, and their bend.
    const MIDI_OUTPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;

    type Editor = EguiEditor<RetortEditor>;
    type SysExMessage = ();
    type BackgroundTask = Task;

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        let (wings, params, status) = (self.handover.wings(), Arc::clone(&self.params), Arc::clone(&self.status));
        Box::new(move |task| wings.run(task, &params, &status))
    }

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<Self::Editor> {
        editor::create(&self.params, &self.status)
    }

    fn filter_state(loaded: &mut PluginState) {
        state::make_safe(loaded);
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        buffer: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        self.offline = buffer.process_mode == ProcessMode::Offline;
        self.mono_input = layout.main_input_channels.is_some_and(|channels| channels.get() == 1);
        // The old loader's thread ends before the new one begins.
        self.stage = None;
        self.handover.forget();
        let config = EngineConfig {
            sample_rate_hz: buffer.sample_rate.round() as u32,
            source: self.params.source(),
            lowest_pitch: self.params.lowest_pitch(),
        };
        match Stage::new(config, &self.params, &self.status) {
            Ok(stage) => {
                self.status.activated(config.sample_rate_hz, stage.latency_samples(), stage.meters());
                // In CLAP only here: the latency stays the same for a whole activation.
                context.set_latency_samples(stage.latency_samples());
                self.stage = Some(stage);
                true
            }
            Err(error) => {
                nice_error!("{error}");
                false
            }
        }
    }

    fn reset(&mut self) {
        if let Some(stage) = &mut self.stage {
            stage.reset();
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        let (left, mut right) = match buffer.as_slice() {
            [left] => (&mut **left, None),
            [left, right, ..] => (&mut **left, Some(&mut **right)),
            [] => return ProcessStatus::Normal,
        };
        if C::LAYOUTS[0].main_input_channels.is_none() {
            // The framework leaves whatever was in the output. It is the side input that is dry here.
            let side = aux.inputs.first().map_or(&[][..], |side| side.as_slice_immutable());
            copy_or_clear(left, side.first());
            if let Some(right) = &mut right {
                copy_or_clear(right, side.last());
            }
        } else if self.mono_input
            && let Some(right) = &mut right
        {
            // The framework leaves the channel that the input lacks silent.
            right.copy_from_slice(left);
        }
        let Some(stage) = &mut self.stage else {
            return ProcessStatus::Normal;
        };
        if !stage.is_outdated(&self.params) {
            self.status.needs_no_restart();
        } else if self.status.asks_for_restart() {
            context.request_restart();
        }
        // Offline, a stage from the background would come at a different sample every time.
        if context.plugin_api() == PluginApi::Vst3
            && !self.offline
            && let Some(task) = self.handover.step(stage, &self.params, left.len())
        {
            if matches!(task, Task::Settle { .. }) {
                context.set_latency_samples(stage.latency_samples());
            }
            context.execute_background(task);
        }
        if self.offline {
            stage.wait_for_model(&self.params);
        }
        let (settings, bypass) = (self.params.settings(), self.params.bypass.value());
        let (mut from, mut next) = (0, context.next_event());
        self.defaults.begin();
        loop {
            // Up to the first event that finds no room: a note off that was left out would leave its note hanging.
            self.events.clear();
            while self.events.len() < MAX_EVENTS
                && let Some(event) = next.take()
            {
                if let Some(kind) = events::translate(&event, F::SWAPS_EXPRESSION) {
                    if F::CONTROLLERS_ARE_PARAMETERS {
                        self.defaults.look_at(&event, self.events.len());
                    }
                    self.events.push(Event { offset: event.timing().saturating_sub(from as u32), kind });
                }
                next = context.next_event();
            }
            self.defaults.clean(&mut self.events);
            let to = next.as_ref().map_or(left.len(), |event| (event.timing() as usize).clamp(from, left.len()));
            let right = right.as_deref_mut().map(|right| &mut right[from..to]);
            stage.process(&mut left[from..to], right, &mut self.events, settings, bypass);
            for (sample, note) in stage.heard_notes() {
                // A host that has no room for more goes without.
                let _ = context.try_send_event(events::told(from as u32 + sample, *note));
            }
            from = to;
            if next.is_none() {
                break;
            }
        }
        // CLAP hosts may let a silent instance sleep. VST3 hosts read the tail from this, and always.
        if stage.rests() && context.plugin_api() == PluginApi::Clap {
            ProcessStatus::Normal
        } else {
            ProcessStatus::Tail(stage.tail_samples())
        }
    }

    fn deactivate(&mut self) {
        self.stage = None;
        self.handover.forget();
    }
}

impl<C: Class, F: Format> ClapPlugin for RetortPlugin<C, F> {
    const CLAP_ID: &'static str = C::CLAP_ID;
    const CLAP_DESCRIPTION: Option<&'static str> = Some(C::CLAP_DESCRIPTION);
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = C::CLAP_FEATURES;
}

impl<C: Class, F: Format> Vst3Plugin for RetortPlugin<C, F> {
    const VST3_CLASS_ID: [u8; 16] = C::VST3_ID;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = C::VST3_CATEGORIES;
}

/// Fills `to` from a buffer that the host may have left out or cut short.
fn copy_or_clear(to: &mut [f32], from: Option<&&mut [f32]>) {
    let from = from.map_or(&[][..], |from| &from[..]);
    let len = to.len().min(from.len());
    to[..len].copy_from_slice(&from[..len]);
    to[len..].fill(0.0);
}
