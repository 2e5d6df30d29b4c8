//! A small button that is on or off, alone or as one of several.

use egui::{Align2, Color32, Id, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo};

use super::{PanelHost, theme};
use crate::engine::Setting;

/// What a button says and is.
pub struct Toggle<'a> {
    pub label: &'a str,
    /// One sentence for a tooltip.
    pub help: &'a str,
    pub on: bool,
    pub enabled: bool,
    /// A check box by itself, a radio button as one of several.
    pub role: Role,
}

/// Shows a button in `rect`. Gives whether it was pressed.
pub fn button(ui: &mut Ui, rect: Rect, id: Id, toggle: &Toggle<'_>, accent: Color32) -> bool {
    let Toggle { label, help, on, enabled, role } = *toggle;
    let response = ui.interact(rect, id, if enabled { Sense::click() } else { Sense::HOVER });
    response.widget_info(|| WidgetInfo::selected(role, enabled, on, label));
    let fill = if on || (enabled && response.hovered()) { theme::CONTROL } else { theme::WELL };
    let edge = if on && enabled { accent } else { fill };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, Stroke::new(1.5, edge), StrokeKind::Inside);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Outside);
    }
    let color = if on && enabled { theme::TEXT } else { theme::TEXT_DIM };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, label, theme::small_font(), color);
    let clicked = response.clicked();
    response.on_hover_text(help);
    clicked
}

/// A button for a setting that is on or off.
pub fn switch(ui: &mut Ui, rect: Rect, setting: Setting, enabled: bool, accent: Color32, host: &mut dyn PanelHost) {
    let spec = setting.spec();
    let on = host.value(setting) >= 0.5;
    let toggle = Toggle { label: spec.name, help: spec.help, on, enabled, role: Role::CheckBox };
    let id = ui.scope_id().with(spec.id);
    if button(ui, rect, id, &toggle, accent) {
        change(host, setting, if on { 0.0 } else { 1.0 });
    }
}

/// Sets a setting in one go.
pub fn change(host: &mut dyn PanelHost, setting: Setting, value: f32) {
    host.begin(setting);
    host.set(setting, value);
    host.end(setting);
}
