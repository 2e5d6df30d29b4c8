//! One line of a drop-down list.

use egui::{Response, Ui, WidgetText};

/// Shows the line in an open list. Choosing it closes the list, with the keyboard as with the mouse.
pub fn show(ui: &mut Ui, chosen: bool, text: impl Into<WidgetText>) -> Response {
    let response = ui.selectable_label(chosen, text.into());
    if response.clicked() {
        ui.close();
    }
    response
}
