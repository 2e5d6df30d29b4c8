//! The window's contents: what comes in are a host's values and meters ([`PanelHost`]), what goes out are its changes.
//!
//! The panel knows no window, plugin framework, engine or file. The plugin's editor and the application each keep one
//! [`Panel`] and show it in whatever egui gives them. All values are in the units of [`crate::engine::Setting::ALL`].

mod about;
mod banner;
mod blend_choice;
mod button;
mod costly;
mod field;
mod header;
mod history;
mod host;
mod knob;
pub mod list_line;
mod mapping;
mod meter;
mod mode_choice;
mod model_choice;
mod partials;
mod presets;
mod readout;
mod recorder;
mod segments;
mod source_choice;
pub mod theme;
mod toggle;
mod tuning_choice;
pub mod value_text;
mod watch;
pub mod zoom;

use std::time::Duration;

use egui::{Align2, Color32, Rect, Ui, pos2, vec2};

use crate::engine::{Setting, Source, Spectrum};
pub use banner::{Banner, Severity};
pub use host::{Credits, MeterSnapshot, ModelEntry, PanelHost, TrainedRange};
use recorder::Recorder;
pub use watch::Watch;

/// Between two pictures while something moves.
const PICTURE_INTERVAL: Duration = Duration::from_millis(33);
const SIDE_WIDTH: f32 = 264.0;
const PARTIALS_WIDTH: f32 = 232.0;
const ROW_HEIGHT: f32 = knob::HEIGHT + 40.0;
const KNOBS_HEIGHT: f32 = ROWS.len() as f32 * ROW_HEIGHT + theme::GAP;

/// A name for settings that belong together.
type Group = (&'static str, &'static [Setting]);

/// Rows of knobs: what shapes every sound, and how notes are played.
const ROWS: [&[Group]; 2] = [
    &[
        ("Input", &[Setting::Transpose, Setting::LoudnessOffset, Setting::LoudnessRange]),
        ("Blend", &[Setting::Blend]),
        ("Sound", &[Setting::HarmonicGain, Setting::NoiseGain, Setting::Brightness, Setting::OddEven, Setting::Room]),
        ("Output", &[Setting::Mix, Setting::OutputGain]),
    ],
    &[
        ("Envelope", &[Setting::Attack, Setting::Decay, Setting::Sustain, Setting::Release]),
        (
            "Expression",
            &[
                Setting::VelocityCurve,
                Setting::Pressure,
                Setting::Timbre,
                Setting::VibratoDepth,
                Setting::Wheel,
                Setting::VibratoRate,
                Setting::VibratoDelay,
                Setting::Variation,
            ],
        ),
        ("Voices", &[Setting::Voices, Setting::Glide, Setting::BendRange]),
    ],
];
/// Columns of knobs that a group's other controls take.
fn beside(settings: &[Setting]) -> f32 {
    match settings {
        [Setting::Blend] => 1.9,
        settings if settings.contains(&Setting::Voices) => 1.25,
        _ => 0.0,
    }
}

/// The row that means notes alone.
const PLAYING_ROW: usize = 1;

/// The panel and what it remembers between pictures: the trail, falling meters, text that is being typed, and what can
/// be undone.
#[derive(Default)]
pub struct Panel {
    field: field::Field,
    readout: readout::Readout,
    knobs: knob::KnobState,
    presets: presets::Presets,
    about: about::About,
    costly: costly::Costly,
    history: history::History,
    in_flight: recorder::InFlight,
    spectrum: Spectrum,
}

impl Panel {
    /// Width and height at 100 % zoom, in points. In a larger window the field grows.
    pub const SIZE: [f32; 2] = [1000.0, 756.0];

    /// Sets fonts, colours and spacing. Call once for each egui context, before the first picture.
    pub fn apply_theme(ctx: &egui::Context) {
        theme::apply(ctx);
    }

    /// Draws the panel over all of `ui` and passes what the user does to `host`.
    ///
    /// The panel asks egui for pictures by itself while something moves. Once all is still it asks for none, and a [`Watch`] is
    /// what wakes egui.
    pub fn ui(&mut self, ui: &mut Ui, host: &mut dyn PanelHost) {
        let meters = host.meters();
        let now_s = ui.input(|input| input.time);
        self.field.feed(&meters, &mapping::Map::of(host), now_s);
        self.readout.feed(&meters, now_s);

        let all = ui.max_rect();
        ui.painter().rect_filled(all, 0, theme::BACKGROUND);
        let inner = all.shrink(theme::GAP);
        // Taken out for the time of the picture, so that the panel's parts can be drawn meanwhile.
        let (mut history, mut in_flight) = (std::mem::take(&mut self.history), std::mem::take(&mut self.in_flight));
        let host = &mut Recorder::new(host, &mut history, &mut in_flight, now_s);
        let instrument = model_choice::split(host.model_id()).0.to_owned();
        let bypassed = host.bypass() == Some(true);
        let accent = if bypassed { theme::TEXT_DIM } else { theme::accent(&instrument) };

        let parts = header::Parts { presets: &mut self.presets, about: &mut self.about, costly: &mut self.costly };
        header::show(ui, inner.with_max_y(inner.top() + header::HEIGHT), accent, parts, host);
        self.load_wanted(host);
        let top = inner.top() + header::HEIGHT + theme::GAP;
        let knobs_top = inner.bottom() - KNOBS_HEIGHT;
        let body = Rect::from_min_max(pos2(inner.left(), top), pos2(inner.right(), knobs_top - theme::GAP));
        if self.costly.is_open() {
            self.costly.show(ui, body, host);
        } else if self.presets.is_open() {
            self.show_presets(ui, body, accent, host);
            self.load_wanted(host);
        } else if self.about.is_open() {
            self.about.show(ui, body, accent, host);
        } else {
            self.show_body(ui, body, accent, host, &meters);
        }
        self.show_knobs(ui, inner.with_min_y(knobs_top), accent, host);
        (self.history, self.in_flight) = (history, in_flight);

        if self.field.is_moving() || self.readout.is_moving() {
            ui.ctx().request_repaint_after(PICTURE_INTERVAL);
        }
    }

    /// Ends what the user holds. Call when the window closes, so that no gesture stays open in the host.
    pub fn release(&mut self, host: &mut dyn PanelHost) {
        let now_s = f64::INFINITY;
        let mut recorder = Recorder::new(host, &mut self.history, &mut self.in_flight, now_s);
        self.knobs.release(&mut recorder);
        self.field.release(&mut recorder);
    }

    /// Loads the preset that was asked for, or asks back.
    fn load_wanted(&mut self, host: &mut Recorder<'_>) {
        if let Some((preset, user)) = self.presets.take_wanted() {
            self.costly.load_preset(preset, user, host);
            self.presets.select_loaded(host);
        }
    }

    /// The list of presets or a dialog, in the place of the field and what is beside it.
    fn show_presets(&mut self, ui: &mut Ui, mut rect: Rect, accent: Color32, host: &mut Recorder<'_>) {
        if let Some(banner) = host.banner() {
            rect.min.y = banner::show(ui, rect, &banner).bottom() + 8.0;
        }
        self.presets.show_view(ui, rect, accent, host);
    }

    /// The field, and beside it what is followed and what sounds.
    fn show_body(&mut self, ui: &mut Ui, rect: Rect, accent: Color32, host: &mut Recorder<'_>, meters: &MeterSnapshot) {
        let side = rect.with_min_x(rect.right() - SIDE_WIDTH);
        let middle = rect.with_max_x(side.left() - theme::GAP);
        let partials = middle.with_min_x(middle.right() - PARTIALS_WIDTH);
        let mut field = middle.with_max_x(partials.left() - theme::GAP);
        if let Some(banner) = host.banner() {
            field.min.y = banner::show(ui, field, &banner).bottom() + 8.0;
        }
        let range = host.models().iter().find(|model| model.id == host.model_id()).and_then(|model| model.range);
        let hint = match host.source() {
            _ if host.bypass() == Some(true) => "Bypassed: the input passes unchanged",
            Source::Notes => host.how_to_play(),
            Source::Audio => "Sing or play one note at a time into the audio input",
        };
        let instrument = model_choice::split(host.model_id()).0.to_owned();
        self.field.show(ui, field, (&instrument, range), meters, accent, hint, host);
        host.spectrum(&mut self.spectrum);
        partials::show(ui, partials, &self.spectrum, accent);
        source_choice::show(ui, side.with_max_y(side.top() + source_choice::HEIGHT), accent, host);
        let readout = side.with_min_y(side.top() + source_choice::HEIGHT + theme::GAP);
        self.readout.show(ui, readout, meters, accent);
    }
    fn show_knobs(&mut self, ui: &mut Ui, rect: Rect, accent: Color32, host: &mut dyn PanelHost) {
        for (index, groups) in ROWS.iter().enumerate() {
            let top = rect.top() + index as f32 * (ROW_HEIGHT + theme::GAP);
            let row = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), ROW_HEIGHT));
            // How notes are played means nothing while audio is followed.
            let idle = index == PLAYING_ROW && host.source() == Source::Audio;
            self.show_row(ui, row, groups, idle, if idle { theme::TEXT_DIM } else { accent }, host);
        }
    }

    fn show_row(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        groups: &[(&str, &[Setting])],
        idle: bool,
        accent: Color32,
        host: &mut dyn PanelHost,
    ) {
        let columns = |settings: &[Setting]| settings.len() as f32 + beside(settings);
        let n_columns = groups.iter().map(|(_, settings)| columns(settings)).sum::<f32>();
        let width = (rect.width() - (groups.len() - 1) as f32 * theme::GAP) / n_columns;
        let mut left = rect.left();
        for (name, settings) in groups {
            let size = vec2(width * columns(settings), rect.height());
            let card = Rect::from_min_size(pos2(left, rect.top()), size);
            ui.painter().rect_filled(card, theme::CARD_RADIUS, theme::SURFACE);
            let title = card.min + vec2(theme::PADDING, 18.0);
            // Where there is room for the remark.
            let is_remarked = idle && beside(settings) == 0.0;
            let text = if is_remarked { format!("{name} (of notes)") } else { (*name).to_owned() };
            let color = if idle { theme::TEXT_DIM } else { theme::TEXT };
            ui.painter().text(title, Align2::LEFT_CENTER, text, theme::body_font(), color);
            let place = |index: usize| {
                let corner = pos2(card.left() + width * index as f32, card.top() + 32.0);
                Rect::from_min_size(corner, vec2(width, knob::HEIGHT))
            };
            for (index, setting) in settings.iter().enumerate() {
                knob::show(ui, place(index), setting.spec(), accent, &mut self.knobs, host);
            }
            if settings.contains(&Setting::Voices) {
                let title = Rect::from_min_max(
                    pos2(card.left() + 72.0, card.top() + 6.0),
                    pos2(card.right() - 8.0, card.top() + 30.0),
                );
                tuning_choice::show(ui, title, host);
                mode_choice::show(ui, place(settings.len()).shrink2(vec2(8.0, 0.0)), accent, host);
            }
            if settings.contains(&Setting::Blend) {
                let left = place(settings.len());
                let choice = left.with_max_x(card.right() - theme::PADDING);
                blend_choice::show(ui, choice, &mut self.costly, host);
            }
            left = card.right() + theme::GAP;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
