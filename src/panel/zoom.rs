//! How large everything in the window is. Whoever shows the panel makes the window follow egui's zoom.

use egui::{Align, ComboBox, Layout, Rect, Ui, UiBuilder};

use super::list_line;

/// The least and largest size; 1 is 100 %.
pub const RANGE: std::ops::RangeInclusive<f32> = 0.75..=2.0;
const STEPS: [f32; 6] = [0.75, 1.0, 1.25, 1.5, 1.75, 2.0];

/// `zoom` within what can be shown; what is no number is 100 %.
#[must_use]
pub fn limit(zoom: f32) -> f32 {
    if zoom.is_finite() { zoom.clamp(*RANGE.start(), *RANGE.end()) } else { 1.0 }
}

/// Shows the choice in `rect`, which is as high as a control.
pub fn show(ui: &mut Ui, rect: Rect) {
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    let now = child.ctx().zoom_factor();
    let percent = |zoom: f32| format!("{:.0} %", zoom * 100.0);
    let list = ComboBox::from_id_salt("zoom").width(rect.width()).height(320.0).selected_text(percent(now));
    let shown = list.show_ui(&mut child, |ui| {
        for step in STEPS {
            if list_line::show(ui, (now - step).abs() < 1e-3, percent(step)).clicked() {
                ui.ctx().set_zoom_factor(step);
            }
        }
    });
    let spoken = format!("Zoom: {}", percent(now));
    shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &spoken));
    shown.response.on_hover_text("How large the window is; Ctrl with plus, minus or 0 does the same.");
}
