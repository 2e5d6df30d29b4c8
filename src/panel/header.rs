//! The header: the preset and what can be undone above, the models below.

use egui::{
    Align2, Color32, Key, KeyboardShortcut, Modifiers, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

use super::{
    PanelHost,
    about::About,
    button::{self, Button, Face},
    costly::Costly,
    model_choice,
    presets::Presets,
    recorder::Recorder,
    theme, zoom,
};

/// Height of both rows.
pub const HEIGHT: f32 = 2.0 * theme::CONTROL_HEIGHT + 8.0;
const BYPASS_WIDTH: f32 = 88.0;
const HELP_WIDTH: f32 = 68.0;
const ZOOM_WIDTH: f32 = 88.0;
/// Where the preset bar and the models begin, after the product's name.
const TITLE_WIDTH: f32 = 104.0;

const UNDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
const REDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
const REDO_TOO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Y);

/// What the header opens, and asks before it passes a choice on.
pub struct Parts<'a> {
    pub presets: &'a mut Presets,
    pub about: &'a mut About,
    pub costly: &'a mut Costly,
}

/// Shows the header in `rect`, which is as high as [`HEIGHT`].
pub fn show(ui: &mut Ui, rect: Rect, accent: Color32, parts: Parts<'_>, host: &mut Recorder<'_>) {
    let Parts { presets, about, costly } = parts;
    let (upper, lower) = rect.split_top_bottom_at_y(rect.top() + theme::CONTROL_HEIGHT);
    let title = upper.left_center();
    ui.painter().text(title, Align2::LEFT_CENTER, "Retort", theme::title_font(), theme::TEXT);
    let mut right = upper.right();
    if let Some(bypass) = host.bypass() {
        let button = upper.with_min_x(right - BYPASS_WIDTH);
        if bypass_button(ui, button, bypass) {
            host.set_bypass(!bypass);
        }
        right = button.left() - theme::GAP;
    }
    let was_open = presets.is_open() || about.is_open();
    let undo_redo = Rect::from_min_max(pos2(right - 68.0, upper.top()), pos2(right, upper.bottom()));
    if host.presets().is_some() {
        let bar = Rect::from_min_max(pos2(upper.left() + TITLE_WIDTH, upper.top()), undo_redo.left_bottom());
        presets.show_bar(ui, bar.with_max_x(bar.right() - theme::GAP), accent, host);
    }
    show_undo(ui, undo_redo, host);
    let lower = lower.with_min_y(lower.bottom() - theme::CONTROL_HEIGHT);
    let help = lower.with_min_x(lower.right() - HELP_WIDTH);
    // One of them at a time takes the field's place.
    if about.show_button(ui, help) {
        presets.close();
    } else if presets.is_open() {
        about.close();
    }
    if !was_open && (presets.is_open() || about.is_open()) {
        costly.dismiss();
    }
    let zoom =
        Rect::from_min_max(pos2(help.left() - 8.0 - ZOOM_WIDTH, lower.top()), help.left_bottom() - vec2(8.0, 0.0));
    zoom::show(ui, zoom);
    let models = Rect::from_min_max(pos2(lower.left() + TITLE_WIDTH, lower.top()), zoom.left_bottom() - vec2(8.0, 0.0));
    model_choice::show(ui, models, accent, costly, host);
}

/// Both buttons and their keys.
fn show_undo(ui: &Ui, rect: Rect, host: &mut Recorder<'_>) {
    let help = |does: &str, undoes: &str, name: Option<&str>, keys: &str| match name {
        Some(name) => format!("{does}: {name} ({keys})."),
        None => format!("There is nothing to {undoes} ({keys})."),
    };
    let undo_help = help("Takes back the last gesture", "undo", host.history().next_undo(), "Ctrl+Z");
    let redo_help = help("Does again what was undone", "redo", host.history().next_redo(), "Ctrl+Shift+Z");
    let enabled = [host.history().next_undo().is_some(), host.history().next_redo().is_some()];
    let place = |left: f32| Rect::from_min_size(rect.min + vec2(left, 0.0), vec2(32.0, rect.height()));
    let id = ui.scope_id();
    let undo = Button { id: id.with("undo"), face: Face::Undo, name: "Undo", help: &undo_help, enabled: enabled[0] };
    let redo = Button { id: id.with("redo"), face: Face::Redo, name: "Redo", help: &redo_help, enabled: enabled[1] };
    let undo = button::show(ui, place(0.0), &undo).clicked();
    let redo = button::show(ui, place(36.0), &redo).clicked();
    // Texts that are being typed have an undo of their own.
    let typing = ui.ctx().text_edit_focused();
    let pressed = |shortcut| !typing && ui.input_mut(|input| input.consume_shortcut(shortcut));
    // The one with Shift first: the other would take it for its own.
    let (redo, undo) = (redo || pressed(&REDO) || pressed(&REDO_TOO), undo || pressed(&UNDO));
    if redo {
        host.redo();
    } else if undo {
        host.undo();
    }
}

/// Gives whether it was pressed.
fn bypass_button(ui: &mut Ui, rect: Rect, bypass: bool) -> bool {
    let response = ui.interact(rect, ui.scope_id().with("bypass"), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, bypass, "Bypass"));
    let (fill, text) = if bypass { (theme::WARNING, theme::BACKGROUND) } else { (theme::CONTROL, theme::TEXT) };
    let edge = if response.hovered() { theme::EDGE } else { fill };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Outside);
    }
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, "Bypass", theme::body_font(), text);
    let clicked = response.clicked();
    response.on_hover_text("Passes the input unchanged, as late as the instrument would be.");
    clicked
}
