//! The application without its window: what is chosen, what runs, and what went wrong. The panel talks to it.

use std::sync::Arc;

use super::{
    AppError,
    config::{Config, DeviceChoice},
    devices::DeviceList,
    events::EventSink,
    loader::{self, Loader, Request},
    renderer::{Listener, Shared},
    streams::Streams,
    transform::Sound,
    watch::Watch,
};
use crate::{
    analysis::LowestPitch,
    engine::{EventKind, Setting, Settings, Source, Spectrum},
    library::{Changes, Library, Unplayable, tunings::Tunings},
    panel::{Banner, MeterSnapshot, ModelEntry, PanelHost, Severity},
    preset::{FileStore, LoadedPreset, PresetStore},
};

/// The rate that latencies are told for while nothing runs.
const USUAL_RATE_HZ: u32 = 48_000;

/// Everything behind the window.
pub struct Player {
    config: Config,
    settings: Settings,
    shared: Arc<Shared>,
    streams: Option<Streams>,
    sink: EventSink,
    loader: Loader,
    watch: Watch,
    models: Vec<ModelEntry>,
    /// Of the folders that `models` was read from.
    model_changes: Changes,
    tunings: Tunings,
    presets: FileStore,
    /// Why nothing is heard, or nothing is heard from the microphone.
    audio_problem: Option<AppError>,
    model_problem: Option<AppError>,
    config_problem: Option<AppError>,
    midi_problem: Option<AppError>,
    /// What went wrong with a recording or a file.
    file_problem: Option<AppError>,
}

impl Player {
    /// Opens devices and loads the model as `config` says. `wake` is called on other threads when there is something new
    /// to show.
    pub fn start(config: Config, config_problem: Option<AppError>, wake: impl Fn() + Clone + Send + 'static) -> Self {
        let settings = config.settings();
        let shared = Arc::new(Shared::new(&settings));
        let sink = EventSink::default();
        let mut player = Self {
            settings,
            streams: None,
            loader: Loader::start(wake.clone()),
            watch: Watch::start(Arc::clone(&shared), Arc::clone(sink.held()), wake),
            sink,
            model_changes: Changes::since_now(Library::standard()),
            models: loader::list(),
            tunings: Tunings::of(config.tuning.clone()),
            presets: FileStore::standard(),
            shared,
            audio_problem: None,
            model_problem: None,
            config_problem,
            midi_problem: None,
            file_problem: None,
            config,
        };
        player.restart();
        player
    }

    /// What is remembered, up to date.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn remember_zoom(&mut self, zoom: f32) {
        self.config.zoom = zoom;
    }

    /// Writes the settings file.
    pub fn save(&mut self) {
        self.config_problem = self.config.save().err();
    }

    /// The entrance for notes.
    pub fn sink(&self) -> &EventSink {
        &self.sink
    }

    pub fn sample_rate_hz(&self) -> Option<u32> {
        self.streams.as_ref().map(|streams| streams.sample_rate_hz)
    }

    /// Blocks that came too late so far.
    pub fn dropouts(&self) -> u32 {
        self.shared.dropouts()
    }

    /// What is chosen and set on the panel besides the model.
    pub fn sound(&self) -> Sound {
        let Config { blend, tuning, .. } = &self.config;
        Sound { blend: blend.clone(), tuning: tuning.clone(), settings: self.settings }
    }

    /// Hands something to the audio thread. Gives whether it is there to take it.
    pub fn listen(&mut self, listener: Listener) -> bool {
        self.streams.as_mut().is_some_and(|streams| streams.listeners.push(listener).is_ok())
    }

    /// Shows what went wrong with a recording or a file; `None` when all is well again.
    pub fn show_file_problem(&mut self, problem: Option<AppError>) {
        self.file_problem = problem;
    }

    /// Shows whether the MIDI input that was chosen is missing.
    pub fn show_midi_missing(&mut self, is_missing: bool) {
        let name = self.config.devices.midi_port.clone().filter(|_| is_missing);
        self.midi_problem = name.map(AppError::MidiGone);
    }

    /// Whether something that was chosen is not there or does not run, so that looking for it now and then makes sense.
    pub fn is_waiting_for_device(&self) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.output_is_missing || streams.input_is_missing)
    }

    /// Opens the devices anew if one that is waited for is among those that were found.
    pub fn devices_found(&mut self, found: &DeviceList) {
        let DeviceChoice { output, input, .. } = &self.config.devices;
        let is_back = match &self.streams {
            None => !found.outputs.is_empty(),
            Some(streams) => found.has(
                output.as_deref().filter(|_| streams.output_is_missing),
                input.as_deref().filter(|_| streams.input_is_missing),
            ),
        };
        if is_back {
            self.restart();
        }
    }

    /// Opens other devices.
    pub fn choose_devices(&mut self, devices: DeviceChoice) {
        self.config.devices = devices;
        self.restart();
    }

    /// Remembers another MIDI port; listening to it is somebody else's.
    pub fn choose_midi_port(&mut self, port: Option<String>) {
        self.config.devices.midi_port = port;
    }

    /// Closes the devices and opens them as the config says.
    pub fn restart(&mut self) {
        self.sink.connect(None);
        self.watch.look_at(None);
        // Before the new ones are opened: most devices can be opened once only.
        self.streams = None;
        let Config { devices, source, lowest_pitch, .. } = &self.config;
        match Streams::open(devices, *source, *lowest_pitch, &self.shared) {
            Ok((mut streams, events)) => {
                self.sink.connect(Some(events));
                let latency_ms = streams.latency_samples as f32 * 1e3 / streams.sample_rate_hz as f32;
                self.watch.look_at(Some((Arc::clone(&streams.meters), latency_ms)));
                self.audio_problem = streams.input_problem.take().or_else(|| missing(&streams, devices));
                self.streams = Some(streams);
                self.load();
            }
            Err(error) => self.audio_problem = Some(error),
        }
    }

    /// Takes over what other threads have done. Called on the window's thread whenever it wakes.
    pub fn poll(&mut self) {
        if self.model_changes.are_there() {
            self.models = loader::list();
            // A model that was missing may have come.
            if self.model_problem.is_some() {
                self.load();
            }
        }
        while let Some(answer) = self.loader.poll() {
            let wanted = self.request();
            let Some(streams) = &mut self.streams else { continue };
            if Some(answer.request) != wanted {
                continue;
            }
            match answer.result {
                // With a full queue the audio thread stands still, and the model is of no use.
                Ok(built) => {
                    let stuck = streams.instruments.push(Box::new(built.instrument)).err().map(|_| AppError::Stuck);
                    self.model_problem = stuck.or(built.without_blend.map(without_blend));
                }
                Err(error) => self.model_problem = Some(error.into()),
            }
        }
        let Some(streams) = &mut self.streams else { return };
        while streams.retired.pop().is_ok() {}
        while streams.done.pop().is_ok() {}
        if let Ok(error) = streams.failures.try_recv() {
            self.audio_problem = Some(error);
            self.sink.connect(None);
            self.watch.look_at(None);
            self.streams = None;
        }
    }

    fn load(&mut self) {
        if let Some(request) = self.request() {
            self.loader.request(request);
        }
    }

    /// What should be loaded, if there is an output to play it.
    fn request(&self) -> Option<Request> {
        let sample_rate_hz = self.streams.as_ref()?.sample_rate_hz;
        {
            let Config { model, blend, tuning, .. } = &self.config;
            Some(Request { id: model.clone(), blend: blend.clone(), tuning: tuning.clone(), sample_rate_hz })
        }
    }
}

/// What is wrong with the second model.
fn without_blend(problem: Unplayable) -> AppError {
    if problem.is_missing { AppError::NoBlend(problem.id) } else { problem.into() }
}

/// What was chosen and is not there.
fn missing(streams: &Streams, choice: &DeviceChoice) -> Option<AppError> {
    let name = |name: &Option<String>, id: &Option<String>| name.clone().or_else(|| id.clone()).unwrap_or_default();
    if streams.output_is_missing {
        return Some(AppError::OutputGone(name(&choice.output_name, &choice.output)));
    }
    streams.input_is_missing.then(|| AppError::InputGone(name(&choice.input_name, &choice.input)))
}

impl PanelHost for Player {
    fn value(&self, setting: Setting) -> f32 {
        self.settings.get(setting)
    }

    fn begin(&mut self, _setting: Setting) {}

    fn set(&mut self, setting: Setting, value: f32) {
        self.settings.set(setting, value);
        self.shared.set(setting, self.settings.get(setting));
        self.config.set_settings(&self.settings);
    }

    fn end(&mut self, _setting: Setting) {}

    fn source(&self) -> Source {
        self.config.source
    }

    fn set_source(&mut self, source: Source) {
        self.sink.send(EventKind::AllNotesOff { channel: None });
        self.config.source = source;
        self.restart();
    }

    fn lowest_pitch(&self) -> LowestPitch {
        self.config.lowest_pitch
    }

    fn set_lowest_pitch(&mut self, lowest: LowestPitch) {
        self.config.lowest_pitch = lowest;
        self.restart();
    }

    fn latency_ms(&self, lowest: LowestPitch) -> f32 {
        let rate_hz = self.sample_rate_hz().unwrap_or(USUAL_RATE_HZ);
        lowest.latency_samples(rate_hz) as f32 * 1e3 / rate_hz as f32
    }

    fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    fn model_id(&self) -> &str {
        &self.config.model
    }

    fn choose_model(&mut self, id: &str) {
        id.clone_into(&mut self.config.model);
        self.model_problem = None;
        self.load();
    }

    fn blend_id(&self) -> Option<&str> {
        self.config.blend.as_deref()
    }

    fn choose_blend(&mut self, id: Option<&str>) {
        self.config.blend = id.map(str::to_owned);
        self.model_problem = None;
        self.load();
    }

    fn tunings(&self) -> &[String] {
        self.tunings.names()
    }

    fn tuning(&self) -> &str {
        self.tunings.name()
    }

    fn choose_tuning(&mut self, name: &str) {
        self.config.tuning = self.tunings.choose(name);
        self.load();
    }

    fn presets(&self) -> Option<&dyn PresetStore> {
        Some(&self.presets)
    }

    fn presets_mut(&mut self) -> Option<&mut dyn PresetStore> {
        Some(&mut self.presets)
    }

    fn loaded_preset(&self) -> Option<&LoadedPreset> {
        self.config.preset.as_ref()
    }

    fn set_loaded_preset(&mut self, preset: Option<LoadedPreset>) {
        self.config.preset = preset;
    }

    fn how_to_play(&self) -> &'static str {
        "Play MIDI, the keys below, or A to L"
    }

    fn banner(&self) -> Option<Banner> {
        let silent = self.streams.is_none();
        let severity = |error: &AppError| match error {
            _ if silent => Severity::Error,
            AppError::Model { .. } | AppError::NoModel(_) | AppError::Stuck => Severity::Error,
            _ => Severity::Warning,
        };
        let problem =
            [&self.audio_problem, &self.model_problem, &self.file_problem, &self.midi_problem, &self.config_problem]
                .into_iter()
                .find_map(Option::as_ref)?;
        Some(Banner { severity: severity(problem), text: problem.to_string() })
    }

    fn spectrum(&self, spectrum: &mut Spectrum) {
        self.watch.spectrum(spectrum);
    }

    fn meters(&self) -> MeterSnapshot {
        self.watch.newest()
    }
}
