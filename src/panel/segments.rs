//! A choice of a few things side by side, all of them visible.

use egui::{Align2, Color32, Id, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::theme;

/// One of the things to choose from.
pub struct Segment<'a> {
    pub label: &'a str,
    /// One sentence for a tooltip.
    pub help: &'a str,
}

/// Shows `segments` in `rect`, each equally wide. Gives the index of one that the user chose now.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    id: Id,
    segments: &[Segment<'_>],
    chosen: usize,
    enabled: bool,
    accent: Color32,
) -> Option<usize> {
    let mut choice = None;
    ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, theme::WELL);
    let width = rect.width() / segments.len() as f32;
    for (index, segment) in segments.iter().enumerate() {
        let left = rect.left() + width * index as f32;
        let cell = Rect::from_min_max(pos2(left, rect.top()), pos2(left + width, rect.bottom())).shrink(2.0);
        let response = ui.interact(cell, id.with(index), if enabled { Sense::click() } else { Sense::HOVER });
        let is_chosen = index == chosen;
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, is_chosen, segment.label));
        if is_chosen {
            let (fill, edge) = if enabled { (theme::CONTROL, accent) } else { (theme::SURFACE, theme::DIVIDER) };
            ui.painter().rect(cell, theme::CONTROL_RADIUS, fill, Stroke::new(1.5, edge), StrokeKind::Inside);
        } else if enabled && response.hovered() {
            ui.painter().rect_filled(cell, theme::CONTROL_RADIUS, theme::CONTROL);
        }
        if response.has_focus() {
            ui.painter().rect_stroke(cell, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Outside);
        }
        let color = if is_chosen && enabled { theme::TEXT } else { theme::TEXT_DIM };
        ui.painter().text(cell.center(), Align2::CENTER_CENTER, segment.label, theme::body_font(), color);
        if response.clicked() && !is_chosen {
            choice = Some(index);
        }
        response.on_hover_text(segment.help);
    }
    choice
}
