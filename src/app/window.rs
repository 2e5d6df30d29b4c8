//! The window: the panel above, the devices below, and the computer's keys as a small piano.

use std::time::{Duration, Instant};

use eframe::CreationContext;
use egui::{Event, Margin, Modifiers, Ui, Vec2, ViewportBuilder, ViewportCommand, vec2};

use super::{
    AppError,
    config::Config,
    device_bar::{self, Shown, Wish},
    devices::DeviceSearch,
    events::ComputerKeys,
    midi::Midi,
    player::Player,
};
use crate::{
    engine::{EventKind, Source},
    panel::{Panel, PanelHost, theme},
};

/// The least and largest size of everything in the window.
const ZOOM: std::ops::RangeInclusive<f32> = 0.75..=2.0;
/// Changes rest this long before they are written to the file.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// Opens the window and stays until it is closed.
///
/// # Errors
/// When there is no display, or no OpenGL on it.
pub fn run() -> Result<(), AppError> {
    let (config, problem) = Config::load();
    let zoom = config.zoom.clamp(*ZOOM.start(), *ZOOM.end());
    let viewport = ViewportBuilder::default()
        .with_title("Retort")
        .with_app_id("retort")
        .with_inner_size(size() * zoom)
        .with_min_inner_size(size() * zoom);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native("Retort", options, Box::new(move |cc| Ok(Box::new(Window::new(cc, config, problem, zoom)))))
        .map_err(|error| AppError::Window(error.to_string()))
}

/// The window's size at 100 % zoom, in points.
fn size() -> Vec2 {
    Vec2::from(Panel::SIZE) + vec2(0.0, device_bar::HEIGHT)
}

struct Window {
    panel: Panel,
    player: Player,
    midi: Midi,
    search: DeviceSearch,
    keys: ComputerKeys,
    zoom: f32,
    saved: Config,
    changed_at: Option<Instant>,
}

impl Window {
    fn new(cc: &CreationContext<'_>, config: Config, problem: Option<AppError>, zoom: f32) -> Self {
        let ctx = cc.egui_ctx.clone();
        Panel::apply_theme(&ctx);
        ctx.set_zoom_factor(zoom);
        let wake = move || ctx.request_repaint();
        let saved = config.clone();
        let player = Player::start(config, problem, wake.clone());
        let midi = Midi::start(saved.devices.midi_port.clone(), player.sink().clone(), wake.clone());
        let mut search = DeviceSearch::default();
        search.start(wake);
        Self {
            panel: Panel::default(),
            player,
            midi,
            search,
            keys: ComputerKeys::default(),
            zoom,
            saved,
            changed_at: None,
        }
    }

    fn obey(&mut self, ctx: &egui::Context, wish: Wish) {
        match wish {
            Wish::Devices(choice) => self.player.choose_devices(choice),
            Wish::MidiPort(port) => {
                self.midi.choose(port.clone());
                self.player.choose_midi_port(port);
            }
            Wish::Search => {
                let ctx = ctx.clone();
                self.search.start(move || ctx.request_repaint());
                if self.player.sample_rate_hz().is_none() {
                    self.player.restart();
                }
            }
        }
    }

    /// Plays notes with the computer's keys, unless they are being typed into a field.
    fn play_keys(&mut self, ctx: &egui::Context) {
        let is_focused = ctx.input(|input| input.focused);
        if !is_focused || ctx.text_edit_focused() || self.player.source() == Source::Audio {
            if self.keys.release_all() {
                self.player.sink().send(EventKind::AllNotesOff);
            }
            return;
        }
        let pressed = ctx.input(|input| {
            let keys = input.events.iter().filter_map(|event| match event {
                Event::Key { key, pressed, repeat: false, modifiers, .. } => Some((*key, *pressed, *modifiers)),
                _ => None,
            });
            keys.collect::<Vec<_>>()
        });
        for (key, is_down, modifiers) in pressed {
            // Shortcuts are no notes, but a key that is let go is let go whatever else is held.
            if is_down && modifiers != Modifiers::NONE {
                continue;
            }
            if let Some(kind) = self.keys.press(key, is_down) {
                self.player.sink().send(kind);
            }
        }
    }

    /// Fits the window to a zoom that was changed (by Ctrl and plus, minus or 0), and the zoom to what is sensible.
    fn follow_zoom(&mut self, ctx: &egui::Context) {
        let zoom = ctx.zoom_factor().clamp(*ZOOM.start(), *ZOOM.end());
        if zoom != ctx.zoom_factor() {
            ctx.set_zoom_factor(zoom);
        }
        if zoom != self.zoom {
            self.zoom = zoom;
            self.player.remember_zoom(zoom);
            ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(size()));
            ctx.send_viewport_cmd(ViewportCommand::InnerSize(size()));
        }
    }

    fn save_after_changes(&mut self, ctx: &egui::Context) {
        if *self.player.config() == self.saved {
            self.changed_at = None;
            return;
        }
        let changed_at = *self.changed_at.get_or_insert_with(Instant::now);
        if changed_at.elapsed() >= SAVE_AFTER {
            self.save();
        } else {
            ctx.request_repaint_after(SAVE_AFTER);
        }
    }

    fn save(&mut self) {
        self.player.save();
        self.saved = self.player.config().clone();
        self.changed_at = None;
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.player.poll();
        self.search.poll();
        self.save_after_changes(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.follow_zoom(&ctx);
        self.play_keys(&ctx);
        let frame = egui::Frame::new().fill(theme::SURFACE).inner_margin(Margin::symmetric(16, 8));
        let bar = egui::Panel::bottom("devices").exact_size(device_bar::HEIGHT).frame(frame).show_separator_line(false);
        let wish = bar.show(ui, |ui| {
            let midi = self.midi.ports();
            let shown = Shown {
                choice: &self.player.config().devices,
                search: &self.search,
                midi: &midi,
                sample_rate_hz: self.player.sample_rate_hz(),
                dropouts: self.player.dropouts(),
            };
            device_bar::show(ui, &shown)
        });
        if let Some(wish) = wish.inner {
            self.obey(&ctx, wish);
        }
        let panel = &mut self.panel;
        egui::CentralPanel::no_frame().show(ui, |ui| panel.ui(ui, &mut self.player));
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.panel.release(&mut self.player);
        if *self.player.config() != self.saved {
            self.save();
        }
    }
}
