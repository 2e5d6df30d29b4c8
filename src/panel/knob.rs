//! One knob: a setting's name, an arc with its value, and the value as text.
//!
//! Drag up and down (with shift: finely), wheel, double click to reset, click the value or press Enter to type,
//! arrows and page keys to step, Home and End for the ends of the range, Delete to reset.

use egui::{
    Align2, Color32, Event, EventFilter, Id, Key, MouseWheelUnit, Pos2, Rect, Response, Sense, Shape, Stroke, TextEdit,
    Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use super::{PanelHost, theme, value_text};
use crate::engine::{Setting, SettingSpec, Unit};

/// Height of a knob with its name and value.
pub const HEIGHT: f32 = 108.0;
const RADIUS: f32 = 24.0;
/// The arc leaves a quarter open at the bottom.
const START_ANGLE: f32 = 0.75 * std::f32::consts::PI;
const SWEEP: f32 = 1.5 * std::f32::consts::PI;
/// Points of dragging for the whole range.
const DRAG_LENGTH: f32 = 208.0;
const FINE: f32 = 0.1;

/// What knobs remember between pictures.
#[derive(Default)]
pub struct KnobState {
    /// The knob that is being dragged and its position before rounding, 0 to 1.
    held: Option<(Setting, f32)>,
    /// The setting whose value is being typed and the text so far.
    typing: Option<Typing>,
    /// Parts of a wheel's step that touchpads send.
    wheel: f32,
}

struct Typing {
    setting: Setting,
    text: String,
    refused: bool,
    begun: bool,
}

impl KnobState {
    /// Lets go of a knob that is held, for a window that closes under the mouse.
    pub fn release(&mut self, host: &mut dyn PanelHost) {
        if let Some((setting, _)) = self.held.take() {
            host.end(setting);
        }
        self.typing = None;
    }
}

/// The step of wheel and arrow keys: what one can just hear or read.
fn step(spec: &SettingSpec) -> f32 {
    match spec.unit {
        Unit::Semitones | Unit::Decibels | Unit::DecibelOffset | Unit::Cents => 1.0,
        Unit::Count | Unit::Mode | Unit::Switch => 1.0,
        Unit::Percent | Unit::Balance | Unit::Seconds => 0.01,
        Unit::Factor => 0.05,
        Unit::DecibelsPerOctave | Unit::Hertz => 0.1,
    }
}

/// Rounds to what can be read: whole semitones, tenths of dB, hundredths; finely to cents and thousandths.
fn snap(spec: &SettingSpec, value: f32, fine: bool) -> f32 {
    let grid = match (spec.unit, fine) {
        (Unit::Semitones | Unit::Cents, false) | (Unit::Count | Unit::Mode | Unit::Switch, _) => 1.0,
        (Unit::Semitones | Unit::Factor, true) | (Unit::Percent | Unit::Balance | Unit::Factor, false) => 0.01,
        (Unit::Decibels | Unit::DecibelOffset | Unit::DecibelsPerOctave | Unit::Hertz, _) => 0.1,
        (Unit::Cents, true) => 0.1,
        (Unit::Percent | Unit::Balance | Unit::Seconds, _) => 0.001,
    };
    ((value / grid).round() * grid).clamp(spec.min, spec.max)
}

fn change(host: &mut dyn PanelHost, setting: Setting, value: f32) {
    host.begin(setting);
    host.set(setting, value);
    host.end(setting);
}

/// Shows the knob of `spec` in `rect` (as high as [`HEIGHT`]) and passes what the user does to `host`.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    spec: &SettingSpec,
    accent: Color32,
    state: &mut KnobState,
    host: &mut dyn PanelHost,
) {
    let setting = spec.setting;
    let id = ui.scope_id().with(spec.id);
    let center = pos2(rect.center().x, rect.top() + 24.0 + RADIUS + 2.0);
    let dial = Rect::from_center_size(center, Vec2::splat(2.0 * RADIUS + 8.0));
    let value_rect =
        Rect::from_center_size(pos2(center.x, rect.bottom() - 12.0), vec2(rect.width().min(88.0) - 2.0, 24.0));

    let response = ui.interact(dial, id, Sense::click_and_drag());
    drag(&response, spec, state, host);
    if response.double_clicked() {
        change(host, setting, spec.default);
    }
    if response.hovered() {
        wheel(ui, spec, state, host);
    }
    keys(ui, &response, spec, state, host);
    describe(ui, &response, spec, host);

    let value_response = ui.interact(value_rect, id.with("value"), Sense::CLICK);
    if value_response.clicked() {
        state.typing =
            Some(Typing { setting, text: value_text::write(spec, host.value(setting)), refused: false, begun: false });
    }

    let value = host.value(setting);
    let lit = response.hovered() || response.dragged() || response.has_focus();
    paint(ui, center, spec, value, accent, lit);
    if response.has_focus() {
        ui.painter().circle_stroke(center, RADIUS + 4.0, theme::focus_ring());
    }
    ui.painter().text(
        pos2(center.x, rect.top() + 8.0),
        Align2::CENTER_CENTER,
        spec.name,
        theme::small_font(),
        theme::TEXT_DIM,
    );
    if state.typing.as_ref().is_some_and(|typing| typing.setting == setting) {
        type_value(ui, value_rect, id.with("typed"), spec, state, host);
    } else {
        if value_response.hovered() {
            ui.painter().rect_filled(value_rect, theme::CONTROL_RADIUS, theme::CONTROL);
        }
        ui.painter().text(
            value_rect.center(),
            Align2::CENTER_CENTER,
            value_text::write(spec, value),
            theme::body_font(),
            theme::TEXT,
        );
        value_response.on_hover_text("Click to type a value.").on_hover_cursor(egui::CursorIcon::Text);
    }
    if !response.dragged() {
        response.on_hover_text(spec.help);
    }
}

fn drag(response: &Response, spec: &SettingSpec, state: &mut KnobState, host: &mut dyn PanelHost) {
    let setting = spec.setting;
    if response.drag_started() {
        state.held = Some((setting, spec.position(host.value(setting))));
        host.begin(setting);
    }
    let fine = response.ctx.input(|input| input.modifiers.shift);
    if let Some((held, position)) = &mut state.held
        && *held == setting
    {
        let motion = response.drag_delta();
        let moved = (motion.x - motion.y) / DRAG_LENGTH * if fine { FINE } else { 1.0 };
        *position = (*position + moved).clamp(0.0, 1.0);
        let value = snap(spec, spec.at(*position), fine);
        if moved != 0.0 && value != host.value(setting) {
            host.set(setting, value);
        }
        if response.drag_stopped() {
            state.held = None;
            host.end(setting);
        }
    }
}

fn wheel(ui: &Ui, spec: &SettingSpec, state: &mut KnobState, host: &mut dyn PanelHost) {
    let (steps, fine) = ui.input(|input| {
        let steps = input.events.iter().map(|event| match event {
            Event::MouseWheel { unit, delta, .. } => {
                // With shift, systems turn a vertical wheel into a horizontal one.
                let delta = if delta.y == 0.0 { delta.x } else { delta.y };
                delta / if *unit == MouseWheelUnit::Point { 24.0 } else { 1.0 }
            }
            _ => 0.0,
        });
        (steps.sum::<f32>(), input.modifiers.shift)
    });
    state.wheel += steps;
    let whole = state.wheel.trunc();
    if whole != 0.0 {
        state.wheel -= whole;
        nudge(spec, whole, fine, host);
    }
}

/// Moves a setting by steps.
fn nudge(spec: &SettingSpec, steps: f32, fine: bool, host: &mut dyn PanelHost) {
    let size = step(spec) * if fine { FINE } else { 1.0 };
    let old = host.value(spec.setting);
    let new = snap(spec, old + steps * size, fine || old.fract() != 0.0);
    if new != old {
        host.nudge(spec.setting, new);
    }
}

fn keys(ui: &Ui, response: &Response, spec: &SettingSpec, state: &mut KnobState, host: &mut dyn PanelHost) {
    let asked = |action| ui.input(|input| input.num_accesskit_action_requests(response.id, action)) as f32;
    let mut steps = asked(accesskit::Action::Increment) - asked(accesskit::Action::Decrement);
    let mut fine = false;
    if response.has_focus() {
        let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let (moved, shift, typed) = ui.input(|input| {
            let presses = |key| input.num_presses(key) as f32;
            let moved =
                presses(Key::ArrowUp) + presses(Key::ArrowRight) - presses(Key::ArrowDown) - presses(Key::ArrowLeft)
                    + 10.0 * (presses(Key::PageUp) - presses(Key::PageDown));
            let typed = input.events.iter().find_map(|event| match event {
                Event::Text(text) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                    Some(text.clone())
                }
                _ => None,
            });
            (moved, input.modifiers.shift, typed)
        });
        steps += moved;
        fine = shift;
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        if pressed(Key::Home) {
            change(host, spec.setting, spec.min);
        } else if pressed(Key::End) {
            change(host, spec.setting, spec.max);
        } else if pressed(Key::Delete) || pressed(Key::Backspace) {
            change(host, spec.setting, spec.default);
        } else if typed.is_some() || pressed(Key::Enter) {
            let text = typed.unwrap_or_else(|| value_text::write(spec, host.value(spec.setting)));
            state.typing = Some(Typing { setting: spec.setting, text, refused: false, begun: false });
        }
    }
    if steps != 0.0 {
        nudge(spec, steps, fine, host);
    }
}

fn type_value(ui: &mut Ui, rect: Rect, id: Id, spec: &SettingSpec, state: &mut KnobState, host: &mut dyn PanelHost) {
    let Some(typing) = &mut state.typing else { return };
    let color = if typing.refused { theme::ERROR } else { theme::TEXT };
    let edit = TextEdit::singleline(&mut typing.text)
        .id(id)
        .font(theme::body_font())
        .text_color(color)
        .align(Align2::CENTER_CENTER)
        .margin(vec2(4.0, 2.0));
    let usual = std::mem::replace(&mut ui.spacing_mut().interact_size.y, rect.height());
    let response = ui.put(rect, edit);
    ui.spacing_mut().interact_size.y = usual;
    if !typing.begun {
        typing.begun = true;
        response.request_focus();
        return;
    }
    if response.changed() {
        typing.refused = false;
    }
    if !response.lost_focus() {
        return;
    }
    let (enter, escape) = ui.input(|input| (input.key_pressed(Key::Enter), input.key_pressed(Key::Escape)));
    match value_text::read(spec, &typing.text) {
        Some(value) if !escape => {
            change(host, spec.setting, value);
            state.typing = None;
        }
        None if enter => {
            // Stays open, so that the text can be mended.
            typing.refused = true;
            response.request_focus();
        }
        _ => state.typing = None,
    }
    if (enter || escape) && state.typing.is_none() {
        ui.memory_mut(|memory| memory.request_focus(ui.scope_id().with(spec.id)));
    }
}

fn describe(ui: &Ui, response: &Response, spec: &SettingSpec, host: &dyn PanelHost) {
    let value = host.value(spec.setting);
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), f64::from(value), spec.name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(f64::from(spec.min));
        node.set_max_numeric_value(f64::from(spec.max));
        node.set_numeric_value_step(f64::from(step(spec)));
        node.set_value(value_text::write(spec, value));
        node.set_description(spec.help);
        node.add_action(accesskit::Action::Increment);
        node.add_action(accesskit::Action::Decrement);
    });
}

fn paint(ui: &Ui, center: Pos2, spec: &SettingSpec, value: f32, accent: Color32, lit: bool) {
    let painter = ui.painter();
    let position = |value: f32| spec.position(value);
    let at = |position: f32, radius: f32| center + radius * Vec2::angled(START_ANGLE + SWEEP * position);
    let arc = |from: f32, to: f32| {
        let n = 2 + (48.0 * (to - from).abs()) as usize;
        (0..=n).map(|i| at(from + (to - from) * i as f32 / n as f32, RADIUS - 2.0)).collect::<Vec<_>>()
    };
    let fill = if lit { theme::CONTROL_HOVER } else { theme::CONTROL };
    painter.circle_filled(center, RADIUS - 8.0, fill);
    painter.add(Shape::line(arc(0.0, 1.0), Stroke::new(4.0, theme::WELL)));
    // Where zero lies inside the range, the arc grows from it: that is where nothing is changed.
    let origin = match spec.unit {
        Unit::Factor => position(1.0),
        _ if spec.min < 0.0 && spec.unit != Unit::Decibels => position(0.0),
        _ => 0.0,
    };
    let now = position(value);
    if (now - origin).abs() > 1e-3 {
        painter.add(Shape::line(arc(origin, now), Stroke::new(4.0, accent)));
    }
    let default = position(spec.default);
    painter.line_segment([at(default, RADIUS + 1.0), at(default, RADIUS + 4.0)], Stroke::new(1.5, theme::EDGE));
    painter.line_segment([at(now, 7.0), at(now, RADIUS - 8.0)], Stroke::new(2.5, theme::TEXT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_stop_at_values_that_can_be_read() {
        assert_eq!(snap(Setting::Transpose.spec(), 6.6, false), 7.0);
        assert!((snap(Setting::Transpose.spec(), 6.603, true) - 6.6).abs() < 1e-4);
        assert_eq!(snap(Setting::Room.spec(), 7.0, false), 1.0);
        assert_eq!(snap(Setting::OutputGain.spec(), -1e9, false), -60.0);
    }
}
