//! The strip between panel and devices: the keyboard, and above it recording, octaves and files.

use egui::{Align, Button, Color32, Label, Layout, Rect, Response, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{
    key_layout::name,
    keyboard::{self, Keyboard},
    recorder::Recorder,
    transform::{Item, overlay},
};
use crate::{engine::EventKind, panel::theme};

/// Height of the strip at 100 % zoom, in points.
pub const HEIGHT: f32 = 122.0;
const ROW_HEIGHT: f32 = 30.0;
const RED: Color32 = theme::ERROR;

/// What the user did in the strip.
pub enum Wish {
    /// Begin or end a recording.
    Record,
    /// Move the keys by octaves.
    Shift(i8),
    ShowFiles,
    Play(Vec<EventKind>),
}

/// What the strip shows.
pub struct Shown<'a> {
    pub keyboard: keyboard::Shown<'a>,
    pub recorder: &'a Recorder,
    /// Whether there is an output whose sound can be recorded.
    pub can_record: bool,
    pub files: &'a [Item],
}

/// Shows the strip in `ui`. Gives what the user wishes.
pub fn show(ui: &mut Ui, keyboard: &mut Keyboard, shown: &Shown<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    let all = ui.max_rect();
    let row = Rect::from_min_max(all.min, pos2(all.right(), all.top() + ROW_HEIGHT));
    ui.scope_builder(egui::UiBuilder::new().max_rect(row).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().interact_size.y = ROW_HEIGHT;
        ui.spacing_mut().button_padding.y = 4.0;
        wishes.extend(show_recording(ui, shown));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            wishes.extend(show_octaves(ui, shown));
            ui.add_space(theme::GAP);
            wishes.extend(show_files(ui, shown.files));
        });
    });
    let keys = Rect::from_min_max(pos2(all.left(), row.bottom() + 6.0), all.max);
    let played = keyboard.show(ui, keys, &shown.keyboard);
    if !played.is_empty() {
        wishes.push(Wish::Play(played));
    }
    wishes
}

fn show_recording(ui: &mut Ui, shown: &Shown<'_>) -> Option<Wish> {
    let elapsed_s = shown.recorder.elapsed_s();
    let response = record_button(ui, elapsed_s.is_some(), shown.can_record);
    let clicked = response.clicked();
    response.on_hover_text(if elapsed_s.is_some() {
        "Ends the recording."
    } else {
        "Records what is played into a WAV file, in the folder Retort of your music."
    });
    if let Some(elapsed_s) = elapsed_s {
        ui.label(RichText::new(clock(elapsed_s)).monospace().color(theme::TEXT));
    }
    if let Some(path) = shown.recorder.path() {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let text = if elapsed_s.is_some() { file.into_owned() } else { format!("Saved as {file}") };
        let text = RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM);
        let whole = path.display().to_string();
        let label = ui.add(Label::new(text).truncate().sense(Sense::click()));
        if label.on_hover_text(format!("{whole}\nClick to copy this.")).clicked() {
            ui.ctx().copy_text(whole);
        }
    }
    clicked.then_some(Wish::Record)
}

/// A button with a red dot, or a square while a recording runs.
fn record_button(ui: &mut Ui, is_recording: bool, enabled: bool) -> Response {
    let text = if is_recording { "Stop" } else { "Record" };
    // Room for the mark at the left of the text.
    let button = Button::new(format!("     {text}")).min_size(vec2(92.0, 0.0)).selected(is_recording);
    let response = ui.add_enabled(enabled || is_recording, button);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, enabled, text));
    let center = pos2(response.rect.left() + 19.0, response.rect.center().y);
    let color = if enabled || is_recording { RED } else { theme::TEXT_DIM };
    if is_recording {
        ui.painter().rect_filled(Rect::from_center_size(center, vec2(10.0, 10.0)), 1, color);
    } else {
        ui.painter().circle_filled(center, 6.0, color);
    }
    response
}

/// From right to left.
fn show_octaves(ui: &mut Ui, shown: &Shown<'_>) -> Option<Wish> {
    let keys = shown.keyboard.keys;
    let mut wish = None;
    for (text, octaves, help) in
        [("+", 1, "An octave up (computer key X)."), ("-", -1, "An octave down (computer key Z).")]
    {
        if octaves < 0 {
            let (low, high) = (keys.base(), keys.base() + 17);
            let text = format!("Keys {} to {}", name(low), name(high));
            let text = RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM);
            ui.add_sized(vec2(104.0, ROW_HEIGHT), Label::new(text));
        }
        let button = Button::new(text).min_size(vec2(ROW_HEIGHT, ROW_HEIGHT));
        let response = ui.add_enabled(shown.keyboard.enabled && keys.can_shift(octaves), button);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, help));
        if response.on_hover_text(help).clicked() {
            wish = Some(Wish::Shift(octaves));
        }
    }
    wish
}

fn show_files(ui: &mut Ui, files: &[Item]) -> Option<Wish> {
    if files.is_empty() {
        let text = "Drop recordings or MIDI files here to play them with this instrument";
        let text = RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM);
        let hint = ui.add(Label::new(text).truncate());
        hint.on_hover_text("Or copy them in your file manager and paste them here with Ctrl+V.");
        return None;
    }
    ui.button(overlay::title(files)).clicked().then_some(Wish::ShowFiles)
}

/// Minutes, seconds and tenths: `1:02.3`.
fn clock(seconds: f64) -> String {
    let tenths = (seconds * 10.0) as u64;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_is_told_to_the_tenth() {
        assert_eq!([0.0, 9.96, 62.34, 3_600.0].map(clock), ["0:00.0", "0:09.9", "1:02.3", "60:00.0"]);
    }
}
