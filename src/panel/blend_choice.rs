//! The second model, which the knob beside it mixes in.

use egui::{ComboBox, Rect, RichText, Ui, UiBuilder, vec2};

use super::model_choice::{LIST_HEIGHT, explain, facts, instruments, same_variant, split};
use super::{PanelHost, costly::Costly, list_line, theme};
use crate::library::variant;

const NONE: &str = "None";

/// Shows the choice of an instrument and of its size, one under the other, in `rect`.
pub fn show(ui: &mut Ui, rect: Rect, costly: &mut Costly, host: &mut dyn PanelHost) {
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(egui::Layout::top_down(egui::Align::Min)));
    child.spacing_mut().item_spacing = vec2(0.0, 4.0);
    let current = host.blend_id().map(str::to_owned);
    let (instrument, size) = current.as_deref().map_or(("", ""), split);
    let known = current.as_deref().is_none_or(|id| host.models().iter().any(|model| model.id == id));
    let mut choice = None;

    child.label(RichText::new("Second instrument").font(theme::small_font()).color(theme::TEXT_DIM));
    let color = if !known {
        theme::WARNING
    } else if current.is_some() {
        theme::accent(instrument)
    } else {
        theme::TEXT
    };
    let text = if current.is_some() { variant::words(instrument) } else { NONE.into() };
    let width = rect.width();
    let shown = ComboBox::from_id_salt("blend instrument")
        .width(width)
        .height(LIST_HEIGHT)
        .truncate()
        .selected_text(RichText::new(text).color(color))
        .show_ui(&mut child, |ui| {
            ui.set_min_width(144.0);
            if list_line::show(ui, current.is_none(), NONE).clicked() {
                choice = Some(None);
            }
            for name in instruments(host.models()) {
                let text = RichText::new(variant::words(name)).color(theme::accent(name));
                if list_line::show(ui, name == instrument, text).clicked() && name != instrument {
                    let like = if size.is_empty() { split(host.model_id()).1 } else { size };
                    choice = Some(same_variant(host.models(), name, like));
                }
            }
        });
    shown.response.on_hover_text("The instrument that Blend mixes in: half way, the two are one.");
    child.add_enabled_ui(current.is_some(), |ui| {
        let title = if current.is_some() { variant::title(size) } else { "–".into() };
        let list = ComboBox::from_id_salt("blend size").width(width).height(LIST_HEIGHT).truncate();
        list.selected_text(title).show_ui(ui, |ui| {
            ui.set_min_size(vec2(420.0, 0.0));
            for model in host.models().iter().filter(|model| model.instrument == instrument) {
                let line = format!("{}   {}", variant::title(&model.variant), facts(model));
                let chosen = model.variant == size;
                if list_line::show(ui, chosen, line).on_hover_text(explain(model)).clicked() && !chosen {
                    choice = Some(Some(model.id.clone()));
                }
            }
        });
    });
    if let Some(choice) = choice {
        costly.choose_blend(choice.as_deref(), host);
    }
}
