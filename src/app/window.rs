//! The window: the panel above, a keyboard below it, and the devices at the bottom.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use eframe::CreationContext;
use egui::{Event, Margin, Modifiers, Ui, Vec2, ViewportBuilder, vec2};

use super::{
    AppError,
    computer_keys::ComputerKeys,
    config::Config,
    device_bar::{self, Shown, Wish},
    devices::DeviceSearch,
    files::Files,
    keyboard::{self, Keyboard},
    midi::Midi,
    play_strip,
    player::Player,
    zoom::Zoom,
};
use crate::{
    engine::Source,
    panel::{Panel, PanelHost, theme},
};

/// Changes rest this long before they are written to the file.
const SAVE_AFTER: Duration = Duration::from_secs(1);
/// How often to look for devices that are missed.
const SEARCH_INTERVAL: Duration = Duration::from_secs(4);
/// Between two pictures of a running clock.
const CLOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Opens the window, has `files` transformed in it, and stays until it is closed.
///
/// # Errors
/// When there is no display, or no OpenGL on it.
pub fn run(files: Vec<PathBuf>) -> Result<(), AppError> {
    let (config, problem) = Config::load();
    let zoom = Zoom::new(config.zoom, size());
    let viewport = ViewportBuilder::default()
        .with_title("Retort")
        .with_app_id("retort")
        .with_inner_size(zoom.window_size())
        .with_min_inner_size(zoom.window_size());
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "Retort",
        options,
        Box::new(move |cc| Ok(Box::new(Window::new(cc, config, problem, zoom, &files)))),
    )
    .map_err(|error| match error {
        // Its own words are for programmers, and begin with a path of the machine that it was built on.
        eframe::Error::WinitEventLoop(_) => AppError::NoScreen,
        error => AppError::Window(error.to_string()),
    })
}

/// The window's size at 100 % zoom, in points.
fn size() -> Vec2 {
    Vec2::from(Panel::SIZE) + vec2(0.0, play_strip::HEIGHT + device_bar::HEIGHT)
}

struct Window {
    panel: Panel,
    player: Player,
    midi: Midi,
    search: DeviceSearch,
    searched_at: Instant,
    keys: ComputerKeys,
    keyboard: Keyboard,
    files: Files,
    zoom: Zoom,
    saved: Config,
    changed_at: Option<Instant>,
}

impl Window {
    fn new(cc: &CreationContext<'_>, config: Config, problem: Option<AppError>, zoom: Zoom, files: &[PathBuf]) -> Self {
        let ctx = cc.egui_ctx.clone();
        Panel::apply_theme(&ctx);
        ctx.set_zoom_factor(zoom.factor());
        let wake = move || ctx.request_repaint();
        let saved = config.clone();
        let player = Player::start(config, problem, wake.clone());
        let midi = Midi::start(saved.devices.midi_port.clone(), player.sink().clone(), wake.clone());
        let mut search = DeviceSearch::default();
        search.start(wake.clone());
        let mut window = Self {
            panel: Panel::default(),
            player,
            midi,
            search,
            searched_at: Instant::now(),
            keys: ComputerKeys::default(),
            keyboard: Keyboard::default(),
            files: Files::start(wake),
            zoom,
            saved,
            changed_at: None,
        };
        window.files.add(files, &window.player);
        window
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

    /// Looks now and then for devices that were chosen and are not there.
    fn search_for_missing(&mut self, ctx: &egui::Context) {
        if self.search.poll() {
            self.player.devices_found(&self.search.found);
        }
        if !self.player.is_waiting_for_device() {
            return;
        }
        if self.searched_at.elapsed() >= SEARCH_INTERVAL {
            self.searched_at = Instant::now();
            let ctx = ctx.clone();
            self.search.start(move || ctx.request_repaint());
        }
        ctx.request_repaint_after(SEARCH_INTERVAL);
    }

    /// Plays notes with the computer's keys, unless they are being typed into a field.
    fn play_keys(&mut self, ctx: &egui::Context) {
        let is_focused = ctx.input(|input| input.focused);
        if !is_focused || ctx.text_edit_focused() || self.player.source() == Source::Audio {
            self.keys.release_all().into_iter().for_each(|kind| self.player.sink().send(kind));
            return;
        }
        let pressed = ctx.input(|input| {
            let keys = input.events.iter().filter_map(|event| match event {
                Event::Key { key, physical_key, pressed, repeat: false, modifiers } => {
                    Some((physical_key.unwrap_or(*key), *key, *pressed, *modifiers))
                }
                _ => None,
            });
            keys.collect::<Vec<_>>()
        });
        for (place, printed, is_down, modifiers) in pressed {
            // Shortcuts are no notes, but a key that is let go is let go whatever else is held.
            if is_down && modifiers != Modifiers::NONE {
                continue;
            }
            if let Some(kind) = self.keys.press(place, printed, is_down) {
                self.player.sink().send(kind);
            }
        }
    }

    fn show_strip(&mut self, ui: &mut Ui) {
        let instrument = self.player.model_id().split('/').next().unwrap_or_default();
        let accent = theme::accent(instrument);
        let items = self.files.items();
        let shown = play_strip::Shown {
            keyboard: keyboard::Shown {
                keys: &self.keys,
                held: self.player.sink().held().snapshot(),
                accent,
                enabled: self.player.source() == Source::Notes,
            },
            recorder: self.files.recorder(),
            can_record: self.player.sample_rate_hz().is_some(),
            files: &items,
        };
        for wish in play_strip::show(ui, &mut self.keyboard, &shown) {
            match wish {
                play_strip::Wish::Record => self.files.toggle_recording(&mut self.player, ui.ctx()),
                play_strip::Wish::Shift(octaves) => self.keys.shift(octaves),
                play_strip::Wish::ShowFiles => self.files.show_list(),
                play_strip::Wish::Play(events) => events.into_iter().for_each(|kind| self.player.sink().send(kind)),
            }
        }
        self.files.show(ui.ctx(), &mut self.player, accent);
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
        self.files.poll(&mut self.player);
        self.search_for_missing(ctx);
        self.player.show_midi_missing(self.midi.ports().wanted_is_missing);
        self.save_after_changes(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        if let Some(zoom) = self.zoom.follow(&ctx) {
            self.player.remember_zoom(zoom);
        }
        self.play_keys(&ctx);
        self.files.take_from(&ctx, &self.player);
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
        let strip = egui::Panel::bottom("keyboard").exact_size(play_strip::HEIGHT).show_separator_line(false);
        let frame = egui::Frame::new().fill(theme::SURFACE).inner_margin(Margin { top: 8, ..Margin::symmetric(16, 0) });
        strip.frame(frame).show(ui, |ui| self.show_strip(ui));
        if self.files.is_moving() {
            ctx.request_repaint_after(CLOCK_INTERVAL);
        }
        let panel = &mut self.panel;
        egui::CentralPanel::no_frame().show(ui, |ui| panel.ui(ui, &mut self.player));
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.panel.release(&mut self.player);
        self.files.finish();
        if *self.player.config() != self.saved {
            self.save();
        }
    }
}
