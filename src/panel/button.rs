//! A button of the panel: a word or a picture, reachable with the keyboard.

use egui::{
    Align2, Color32, Id, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use super::theme;

/// What a button shows.
#[derive(Clone, Copy)]
pub enum Face<'a> {
    Text(&'a str),
    /// Points to the left: the one before.
    Previous,
    /// Points to the right: the next one.
    Next,
    Undo,
    Redo,
}

/// Gives the keyboard to a widget one picture after it was asked for: in the picture of the click that asks, egui takes it
/// away from whatever was not clicked.
#[derive(Default)]
pub struct LateFocus {
    asked: bool,
    due: bool,
}

impl LateFocus {
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// Once a picture, where the widget `id` is shown.
    pub fn give(&mut self, ui: &Ui, id: Id) {
        if std::mem::take(&mut self.due) {
            ui.ctx().memory_mut(|memory| memory.request_focus(id));
        }
        if std::mem::take(&mut self.asked) {
            self.due = true;
            ui.ctx().request_repaint();
        }
    }
}

/// A button: its id, its face, its name for screen readers, and a sentence for its tooltip.
pub struct Button<'a> {
    pub id: Id,
    pub face: Face<'a>,
    pub name: &'a str,
    pub help: &'a str,
    pub enabled: bool,
}

/// Shows `button` in `rect`.
pub fn show(ui: &Ui, rect: Rect, button: &Button<'_>) -> Response {
    let sense = if button.enabled { Sense::click() } else { Sense::HOVER };
    let response = ui.interact(rect, button.id, sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, button.enabled, button.name));
    let lit = button.enabled && response.hovered();
    frame(ui, rect, lit, response.has_focus());
    let color = if button.enabled { theme::TEXT } else { theme::EDGE };
    let center = rect.center();
    match button.face {
        Face::Text(text) => {
            ui.painter().text(center, Align2::CENTER_CENTER, text, theme::body_font(), color);
        }
        Face::Previous => triangle(ui.painter(), center, vec2(-6.0, 0.0), color),
        Face::Next => triangle(ui.painter(), center, vec2(6.0, 0.0), color),
        Face::Undo => turn(ui.painter(), center, -1.0, color),
        Face::Redo => turn(ui.painter(), center, 1.0, color),
    }
    response.on_hover_text(button.help)
}

/// The ground of a button, and the ring around the one that has the keyboard.
pub fn frame(ui: &Ui, rect: Rect, lit: bool, focused: bool) {
    let (fill, edge) = if lit { (theme::CONTROL_HOVER, theme::EDGE) } else { (theme::CONTROL, theme::CONTROL) };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    if focused {
        ui.painter().rect_stroke(rect, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Outside);
    }
}

/// A triangle around `center` that points along `way`, whose length is half of its own.
pub fn triangle(painter: &Painter, center: Pos2, way: Vec2, color: Color32) {
    let corners = vec![center + way, center - 0.6 * way + way.rot90(), center - 0.6 * way - way.rot90()];
    painter.add(Shape::convex_polygon(corners, color, Stroke::NONE));
}

/// A star: what is the user's own.
pub fn star(painter: &Painter, center: Pos2, radius: f32, color: Color32) {
    let corner = |index: i32| {
        let angle = std::f32::consts::TAU * (index as f32 / 10.0 - 0.25);
        center + radius * if index % 2 == 0 { 1.0 } else { 0.45 } * Vec2::angled(angle)
    };
    // A star is not convex, but its points and its middle are.
    for point in (0..10).step_by(2) {
        let corners = vec![center, corner(point - 1), corner(point), corner(point + 1)];
        painter.add(Shape::convex_polygon(corners, color, Stroke::NONE));
    }
}

/// An arrow that turns back over the top: to the left with `way` -1, to the right with 1.
fn turn(painter: &Painter, center: Pos2, way: f32, color: Color32) {
    let at = |angle: f32| center + 6.0 * vec2(way * angle.cos(), angle.sin()) + vec2(0.0, 2.0);
    let arc = (0..=16).map(|i| at(-std::f32::consts::PI + (i as f32) * std::f32::consts::PI / 16.0)).collect();
    painter.add(Shape::line(arc, Stroke::new(2.0, color)));
    let tip = at(0.0);
    let head = vec![pos2(tip.x, tip.y + 4.0), pos2(tip.x - 4.0, tip.y - 1.0), pos2(tip.x + 4.0, tip.y - 1.0)];
    painter.add(Shape::convex_polygon(head, color, Stroke::NONE));
}
