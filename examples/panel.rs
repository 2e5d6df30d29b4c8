//! The panel in a window before a made-up player, to work on its looks without an engine, model or sound card.
//!
//! `cargo run --example panel --features app -- [silent] [notes] [missing]`

use retort::{
    Frame,
    analysis::LowestPitch,
    engine::{Load, Setting, Settings, Source},
    panel::{Banner, Credits, MeterSnapshot, ModelEntry, Panel, PanelHost, Severity, TrainedRange},
};

struct Player {
    settings: Settings,
    source: Source,
    lowest: LowestPitch,
    bypass: bool,
    models: Vec<ModelEntry>,
    model_id: String,
    silent: bool,
    started: std::time::Instant,
}

impl PanelHost for Player {
    fn value(&self, setting: Setting) -> f32 {
        self.settings.get(setting)
    }
    fn begin(&mut self, _setting: Setting) {}
    fn set(&mut self, setting: Setting, value: f32) {
        self.settings.set(setting, value);
    }
    fn end(&mut self, _setting: Setting) {}
    fn source(&self) -> Source {
        self.source
    }
    fn set_source(&mut self, source: Source) {
        self.source = source;
    }
    fn lowest_pitch(&self) -> LowestPitch {
        self.lowest
    }
    fn set_lowest_pitch(&mut self, lowest: LowestPitch) {
        self.lowest = lowest;
    }
    fn latency_ms(&self, lowest: LowestPitch) -> f32 {
        lowest.latency_samples(48_000) as f32 / 48.0
    }
    fn bypass(&self) -> Option<bool> {
        Some(self.bypass)
    }
    fn set_bypass(&mut self, bypass: bool) {
        self.bypass = bypass;
    }
    fn models(&self) -> &[ModelEntry] {
        &self.models
    }
    fn model_id(&self) -> &str {
        &self.model_id
    }
    fn choose_model(&mut self, id: &str) {
        id.clone_into(&mut self.model_id);
    }
    fn banner(&self) -> Option<Banner> {
        (!self.models.iter().any(|model| model.id == self.model_id)).then(|| Banner {
            severity: Severity::Warning,
            text: format!(
                "This song asks for {}, which is not installed. Its name is kept; violin/reduced plays meanwhile.",
                self.model_id
            ),
        })
    }
    fn meters(&self) -> MeterSnapshot {
        if self.silent {
            return MeterSnapshot::SILENCE;
        }
        // A melody with vibrato, and a crescendo that starts over.
        let t = self.started.elapsed().as_secs_f32();
        let note = [0.0, 4.0, 7.0, 12.0, 9.0, 5.0][(t * 1.5) as usize % 6] + self.settings.transpose;
        let vibrato = 0.25 * (t * 5.5 * std::f32::consts::TAU).sin();
        let loudness_db = -34.0 + 18.0 * (t * 0.9).sin() + self.settings.loudness_offset;
        let f0_hz = 293.66 * 2f32.powf((note + vibrato) / 12.0);
        let audio = self.source == Source::Audio;
        MeterSnapshot {
            input_peak_db: if audio { loudness_db + 12.0 } else { f32::NEG_INFINITY },
            output_peak_db: loudness_db + 14.0 + self.settings.output_gain,
            frame: Frame { f0_hz, loudness_db, voicing: 1.0 },
            voices: 1,
            latency_ms: if audio { self.latency_ms(self.lowest) } else { 0.0 },
            load: Some(Load { mean: 0.06, worst: 0.12 }),
        }
    }
}

struct Window {
    panel: Panel,
    player: Player,
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.panel.ui(ui, &mut self.player);
    }
}

fn main() -> eframe::Result {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let entry = |id: &str, n_parameters, loss, cpu, f0_hz| {
        let (instrument, variant) = id.split_once('/').unwrap_or((id, ""));
        ModelEntry {
            id: id.into(),
            instrument: instrument.into(),
            variant: variant.into(),
            n_parameters,
            n_bytes: n_parameters + 20_000,
            multi_scale_loss: Some(loss),
            gap_closed: variant.ends_with("-ad").then_some(0.4),
            cpu_share: Some(cpu),
            range: Some(TrainedRange { f0_hz, loudness_db: [-62.0, -12.0] }),
            credits: Credits::default(),
        }
    };
    let models = vec![
        entry("violin/full", 4_298_406, 5.1, 0.05, [190.0, 2_700.0]),
        entry("violin/reduced", 9_412, 5.4, 0.005, [190.0, 2_700.0]),
        entry("violin/reduced-ad", 9_412, 5.3, 0.005, [190.0, 2_700.0]),
        entry("violin/cnn", 312_830, 5.3, 0.006, [190.0, 2_700.0]),
        entry("violin/cnn-tiny-q", 2_390, 5.5, 0.004, [190.0, 2_700.0]),
        entry("trumpet/full", 4_298_406, 5.0, 0.05, [160.0, 1_200.0]),
        entry("flute/reduced", 9_412, 5.2, 0.005, [250.0, 2_500.0]),
    ];
    let player = Player {
        settings: Settings::default(),
        source: if asked("notes") { Source::Notes } else { Source::Audio },
        lowest: LowestPitch::default(),
        bypass: false,
        models,
        model_id: if asked("missing") { "oboe/full".into() } else { "violin/full".into() },
        silent: asked("silent"),
        started: std::time::Instant::now(),
    };
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(Panel::SIZE),
        ..Default::default()
    };
    eframe::run_native(
        "Retort panel",
        options,
        Box::new(|cc| {
            Panel::apply_theme(&cc.egui_ctx);
            Ok(Box::new(Window { panel: Panel::default(), player }))
        }),
    )
}
