//! How keys share the voices, one under the other, and the switch for MPE below.

use egui::{Align2, Color32, Id, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::{PanelHost, theme, value_text};
use crate::engine::{Mode, Setting};

const ROW_HEIGHT: f32 = 24.0;
const STEP: f32 = 26.0;

/// Shows the choice in `rect`.
pub fn show(ui: &mut Ui, rect: Rect, accent: Color32, host: &mut dyn PanelHost) {
    let id = ui.scope_id().with("mode");
    let row = |index: usize| {
        Rect::from_min_size(pos2(rect.left(), rect.top() + index as f32 * STEP), vec2(rect.width(), ROW_HEIGHT))
    };
    let chosen = value_text::mode(host.value(Setting::Mode));
    for (index, mode) in Mode::ALL.into_iter().enumerate() {
        let help = match mode {
            Mode::Poly => "Every key has a voice of its own.",
            Mode::Mono => "One voice: each key is articulated anew.",
            Mode::Legato => "One voice: a key that is pressed while another is held takes over its sound.",
        };
        if button(ui, row(index), id.with(index), mode.name(), help, mode == chosen, Role::RadioButton, accent) {
            change(host, Setting::Mode, index as f32);
        }
    }
    let on = host.value(Setting::Mpe) >= 0.5;
    let help = Setting::Mpe.spec().help;
    if button(ui, row(Mode::ALL.len()), id.with("mpe"), "MPE", help, on, Role::CheckBox, accent) {
        change(host, Setting::Mpe, if on { 0.0 } else { 1.0 });
    }
}

fn change(host: &mut dyn PanelHost, setting: Setting, value: f32) {
    host.begin(setting);
    host.set(setting, value);
    host.end(setting);
}

/// Gives whether it was pressed.
#[allow(clippy::too_many_arguments)]
fn button(ui: &mut Ui, rect: Rect, id: Id, label: &str, help: &str, chosen: bool, role: Role, accent: Color32) -> bool {
    let response = ui.interact(rect, id, Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(role, true, chosen, label));
    let fill = if chosen || response.hovered() { theme::CONTROL } else { theme::WELL };
    let edge = if chosen { accent } else { fill };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, fill, Stroke::new(1.5, edge), StrokeKind::Inside);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Outside);
    }
    let color = if chosen { theme::TEXT } else { theme::TEXT_DIM };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, label, theme::small_font(), color);
    let clicked = response.clicked();
    response.on_hover_text(help);
    clicked
}
