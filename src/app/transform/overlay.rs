//! The list of files in a small window of its own over the panel, and the sign that files can be dropped.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use egui::{Align, Align2, Button, Color32, Context, Layout, ProgressBar, RichText, ScrollArea, Ui, Window, vec2};

use super::{Item, State};
use crate::{offline::Stage, panel::theme};

const WIDTH: f32 = 600.0;
/// The list scrolls beyond this height.
const MAX_HEIGHT: f32 = 360.0;
/// Room at the right of each row.
const BUTTON_WIDTH: f32 = 72.0;

/// What the user did in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Give the file at this place of the list up.
    Cancel(usize),
    /// Listen to a result.
    Play(PathBuf),
    /// Listen no more.
    Stop,
    /// Put the list away; work goes on.
    Hide,
    /// Put the list away and forget what is done.
    Clear,
}

/// Shows the list. `is_playing` tells whether a result is listened to; `can_play` whether it could be.
pub fn show(
    ctx: &Context,
    items: &[Item],
    accent: Color32,
    can_play: bool,
    is_playing: impl Fn(&Path) -> bool,
) -> Option<Wish> {
    let mut wish = None;
    let window = Window::new("Files").title_bar(false).resizable(false).collapsible(false);
    let frame = egui::Frame::window(&ctx.style_of(egui::Theme::Dark)).inner_margin(theme::PADDING);
    window.frame(frame).anchor(Align2::CENTER_CENTER, vec2(0.0, -80.0)).show(ctx, |ui| {
        ui.set_width(WIDTH);
        ui.label(RichText::new(title(items)).font(theme::title_font()).color(theme::TEXT));
        ui.add_space(8.0);
        ScrollArea::vertical().max_height(MAX_HEIGHT).auto_shrink([false, true]).show(ui, |ui| {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    ui.separator();
                }
                let playing = matches!(&item.state, State::Done { path, .. } if is_playing(path));
                wish = row(ui, index, item, accent, can_play, playing).or(wish.take());
            }
        });
        ui.add_space(8.0);
        let busy = items.iter().any(Item::is_open);
        ui.horizontal(|ui| {
            let text = "More files can be dropped at any time.";
            ui.label(RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let (text, clicked) = if busy { ("Hide", Wish::Hide) } else { ("Close", Wish::Clear) };
                if ui.add(Button::new(text).min_size(vec2(BUTTON_WIDTH, 0.0))).clicked() {
                    wish = Some(clicked);
                }
            });
        });
    });
    wish
}

/// How far all of it is, in a few words.
pub fn title(items: &[Item]) -> String {
    let open = items.iter().filter(|item| item.is_open()).count();
    let failed = items.iter().filter(|item| matches!(item.state, State::Failed(_))).count();
    match (items.len(), open, failed) {
        (1, 1, _) => "Transforming a file".into(),
        (n, open, _) if open > 0 => format!("Transforming file {} of {n}", n - open + 1),
        (_, _, 0) => "Files are done".into(),
        (_, _, 1) => "One file could not be transformed".into(),
        (_, _, n) => format!("{n} files could not be transformed"),
    }
}

fn row(ui: &mut Ui, index: usize, item: &Item, accent: Color32, can_play: bool, playing: bool) -> Option<Wish> {
    let mut wish = None;
    let name = file_name(&item.input);
    ui.horizontal(|ui| {
        let width = ui.available_width() - BUTTON_WIDTH - 24.0;
        ui.vertical(|ui| {
            ui.set_width(width);
            let heading = RichText::new(format!("{name} with {}", item.model_id)).color(theme::TEXT);
            ui.add(egui::Label::new(heading).truncate());
            describe(ui, item, accent);
        });
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let button = |text: &str| Button::new(text.to_owned()).min_size(vec2(BUTTON_WIDTH, 0.0));
            match &item.state {
                State::Waiting | State::Working { .. } if ui.add(button("Cancel")).clicked() => {
                    wish = Some(Wish::Cancel(index));
                }
                State::Done { .. } if playing && ui.add(button("Stop")).clicked() => wish = Some(Wish::Stop),
                State::Done { path, .. } if !playing && ui.add_enabled(can_play, button("Play")).clicked() => {
                    wish = Some(Wish::Play(path.clone()));
                }
                _ => {}
            }
        });
    });
    wish
}

fn describe(ui: &mut Ui, item: &Item, accent: Color32) {
    let small = |text: String, color| egui::Label::new(RichText::new(text).font(theme::small_font()).color(color));
    match &item.state {
        State::Waiting => drop(ui.add(small("Waiting".into(), theme::TEXT_DIM))),
        State::Cancelled => drop(ui.add(small("Cancelled; nothing was written".into(), theme::TEXT_DIM))),
        State::Failed(reason) => drop(ui.add(small(reason.clone(), theme::ERROR).wrap())),
        State::Working { target, stage, share, remaining } => {
            ui.add(ProgressBar::new(*share).desired_height(8.0).fill(accent));
            let text = format!("{} {}", progress(*stage, *share, *remaining), file_name(target));
            ui.add(small(text, theme::TEXT_DIM).truncate()).on_hover_text(target.display().to_string());
        }
        State::Done { path, notes } => {
            let whole = path.display().to_string();
            let folder = path.parent().unwrap_or(path).display();
            let text = format!("Saved as {} in {folder}", file_name(path));
            let saved = ui.add(small(text, accent).truncate().sense(egui::Sense::click()));
            if saved.on_hover_text(format!("{whole}\nClick to copy this.")).clicked() {
                ui.ctx().copy_text(whole);
            }
            for note in notes {
                ui.add(small(capitalised(note), theme::TEXT_DIM).wrap());
            }
        }
    }
}

fn progress(stage: Stage, share: f32, remaining: Option<Duration>) -> String {
    let stage = match stage {
        Stage::Listening => "Listening",
        Stage::Rendering | Stage::Playing => "Playing",
    };
    let percent = (100.0 * share).floor();
    match remaining {
        Some(left) => format!("{stage}, {percent:.0} %, {} left:", duration(left)),
        None => format!("{stage}, {percent:.0} %:"),
    }
}

/// In the unit that says enough: `4 s`, `2 min`.
fn duration(left: Duration) -> String {
    let seconds = left.as_secs_f32().ceil() as u64;
    if seconds < 100 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Covers the window while files hang over it.
pub fn show_drop_sign(ctx: &Context, model_id: &str, accent: Color32) {
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop sign"));
    let painter = ctx.layer_painter(layer);
    let all = ctx.content_rect();
    painter.rect_filled(all, 0, Color32::from_black_alpha(200));
    let frame = all.shrink(theme::GAP);
    painter.rect_stroke(frame, theme::CARD_RADIUS, egui::Stroke::new(2.0, accent), egui::StrokeKind::Inside);
    let text = format!("Drop recordings or MIDI files to play them with {model_id}");
    painter.text(all.center(), Align2::CENTER_CENTER, text, theme::title_font(), theme::TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_told_in_whole_seconds_or_minutes() {
        let told = |seconds| duration(Duration::from_secs_f32(seconds));
        assert_eq!([0.2, 4.0, 99.0, 100.0, 3_600.0].map(told), ["1 s", "4 s", "99 s", "2 min", "60 min"]);
        assert_eq!(progress(Stage::Listening, 0.019, None), "Listening, 1 %:");
        assert_eq!(progress(Stage::Playing, 0.5, Some(Duration::from_secs(3))), "Playing, 50 %, 3 s left:");
    }
}
