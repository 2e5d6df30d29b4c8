//! How keys are tuned.

use egui::{ComboBox, Rect, RichText, Ui, UiBuilder, vec2};

use super::{PanelHost, list_line, theme};

/// Shows the choice in `rect`, if there is one.
pub fn show(ui: &mut Ui, rect: Rect, host: &mut dyn PanelHost) {
    if host.tunings().is_empty() {
        return;
    }
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(layout));
    child.spacing_mut().interact_size.y = rect.height();
    child.spacing_mut().button_padding = vec2(8.0, 0.0);
    let mut choice = None;
    let text = RichText::new(host.tuning()).font(theme::small_font());
    let shown =
        ComboBox::from_id_salt("tuning").width(108.0).truncate().selected_text(text).show_ui(&mut child, |ui| {
            ui.set_min_width(160.0);
            for name in host.tunings() {
                if list_line::show(ui, name == host.tuning(), name).clicked() && name != host.tuning() {
                    choice = Some(name.clone());
                }
            }
        });
    shown.response.on_hover_text(
        "Tunes the keys: in twelve equal steps, in a historical temperament, or by a Scala file of your own.",
    );
    child.label(RichText::new("Tuning").font(theme::small_font()).color(theme::TEXT_DIM));
    if let Some(name) = choice {
        host.choose_tuning(&name);
    }
}
