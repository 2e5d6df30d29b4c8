//! The bar in the header: the loaded preset's name, the ones before and after, and saving.

use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{Presets, View, id};
use crate::panel::{
    PanelHost,
    button::{self, Button, Face},
    recorder::Recorder,
    theme,
};

/// Width of the bar's buttons with a picture, and of the one for saving.
const SMALL: f32 = 32.0;
const SAVE: f32 = 64.0;
const BETWEEN: f32 = 4.0;

/// Shows the bar in `rect`.
pub fn show(presets: &mut Presets, ui: &Ui, rect: Rect, accent: Color32, host: &mut Recorder<'_>) {
    let at =
        |left: f32, width: f32| Rect::from_min_size(pos2(rect.left() + left, rect.top()), vec2(width, rect.height()));
    let name_width = rect.width() - 2.0 * SMALL - SAVE - 3.0 * BETWEEN;
    let picture = |rect: Rect, name: &'static str, face: Face<'_>, help: &str| {
        let button = Button { id: id(name), face, name, help, enabled: true };
        button::show(ui, rect, &button).clicked()
    };
    let previous = picture(at(0.0, SMALL), "Previous preset", Face::Previous, "Loads the preset before this one.");
    let name = show_name(presets, ui, at(SMALL + BETWEEN, name_width), accent, host);
    let after = SMALL + name_width + 2.0 * BETWEEN;
    let next = picture(at(after, SMALL), "Next preset", Face::Next, "Loads the preset after this one.");
    let save = at(after + SMALL + BETWEEN, SAVE);
    let save = picture(save, "Save preset", Face::Text("Save"), "Keeps what is set now as a preset of your own.");
    if previous || next {
        presets.step(if next { 1 } else { -1 }, host);
    }
    match (name, save) {
        (true, _) if presets.is_open() => presets.go_to(View::Closed),
        (true, _) => presets.open(host),
        (_, true) => presets.open_form(host),
        _ => {}
    }
}

/// The loaded preset's name, with a dot when something was changed since. Gives whether it was pressed.
fn show_name(presets: &Presets, ui: &Ui, rect: Rect, accent: Color32, host: &Recorder<'_>) -> bool {
    let response = ui.interact(rect, id("name"), Sense::click());
    let loaded = host.loaded_preset();
    let changed = loaded.is_some_and(|loaded| loaded.changed);
    let (name, color) = loaded.map_or(("Choose a preset", theme::TEXT_DIM), |loaded| (&loaded.name, theme::TEXT));
    let spoken = match (loaded, changed) {
        (None, _) => "Preset: none".to_owned(),
        (Some(_), false) => format!("Preset: {name}"),
        (Some(_), true) => format!("Preset: {name}, changed"),
    };
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, presets.is_open(), &spoken));
    button::frame(ui, rect, response.hovered() || presets.is_open(), response.has_focus());
    let galley = theme::one_line(ui, name, theme::body_font(), color, rect.width() - 64.0);
    let place = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), rect.with_min_x(rect.left() + 12.0));
    ui.painter().galley(place.min, galley, color);
    if changed {
        ui.painter().circle_filled(pos2(place.right() + 12.0, rect.center().y), 4.0, accent);
    }
    let way = vec2(0.0, if presets.is_open() { -5.0 } else { 5.0 });
    button::triangle(ui.painter(), pos2(rect.right() - 18.0, rect.center().y), way, theme::TEXT_DIM);
    let help = if changed {
        "Opens the list of presets; the dot says that something was changed since this one was loaded."
    } else {
        "Opens the list of presets."
    };
    let clicked = response.clicked();
    response.on_hover_text(help);
    clicked
}
