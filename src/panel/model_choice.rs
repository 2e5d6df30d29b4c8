//! The choice of instrument and of the model's size.

use egui::{Color32, ComboBox, Rect, RichText, Ui, UiBuilder, vec2};

use super::{
    ModelEntry, PanelHost,
    costly::{self, Costly},
    list_line, theme, value_text,
};
use crate::library::variant;

/// Height of a list of instruments or sizes: all of them can be seen at once.
pub const LIST_HEIGHT: f32 = 460.0;

/// Shows both lists in `rect`, which is as high as a control.
pub fn show(ui: &mut Ui, rect: Rect, accent: Color32, costly: &mut Costly, host: &mut dyn PanelHost) {
    let mut child =
        ui.new_child(UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(egui::Align::Center)));
    let (instrument, variant) = split(host.model_id());
    let known = host.models().iter().any(|model| model.id == host.model_id());
    let mut choice = None;

    label(&mut child, "Instrument");
    let text = RichText::new(variant::words(instrument)).color(if known { accent } else { theme::WARNING });
    let list = ComboBox::from_id_salt("instrument").width(144.0).height(LIST_HEIGHT).selected_text(text);
    list.show_ui(&mut child, |ui| {
        ui.set_min_width(144.0);
        for name in instruments(host.models()) {
            let text = RichText::new(variant::words(name)).color(theme::accent(name));
            if list_line::show(ui, name == instrument, text).clicked() && name != instrument {
                choice = same_variant(host.models(), name, variant);
            }
        }
    });
    child.add_space(8.0);
    label(&mut child, "Size");
    let list = ComboBox::from_id_salt("size").width(152.0).height(LIST_HEIGHT).truncate();
    list.selected_text(variant::title(variant)).show_ui(&mut child, |ui| {
        ui.set_min_size(vec2(420.0, 0.0));
        for model in host.models().iter().filter(|model| model.instrument == instrument) {
            let title = variant::title(&model.variant);
            let chosen = model.variant == variant;
            let line = list_line::show(ui, chosen, format!("{title}   {}", facts(model)));
            if line.on_hover_text(explain(model)).clicked() && !chosen {
                choice = Some(model.id.clone());
            }
        }
    });
    if let Some(model) = host.models().iter().find(|model| model.id == host.model_id()) {
        let share = costly::share(host);
        // With a warning beside it, there is no room for all of it before the next list.
        let text = if share > costly::TOO_MUCH { worth(model) } else { facts(model) };
        let text = RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM);
        child.label(text).on_hover_text(explain(model));
        if share > costly::TOO_MUCH {
            let text = RichText::new(format!("all voices {:.0} %!", share * 100.0));
            child.label(text.font(theme::small_font()).color(theme::WARNING)).on_hover_text(
                "When all voices play, they may take more of a processor core than is good for the sound: fewer voices or a \
                 smaller size help.",
            );
        }
    } else {
        child.label(RichText::new("not installed").font(theme::small_font()).color(theme::WARNING));
    }
    if let Some(id) = choice {
        costly.choose_model(&id, host);
    }
}

fn label(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(theme::small_font()).color(theme::TEXT_DIM));
}

/// Instrument and variant of an id; the variant is empty if there is none.
pub fn split(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

/// Every instrument once, in the order of the list.
pub fn instruments(models: &[ModelEntry]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for model in models {
        if !names.contains(&model.instrument.as_str()) {
            names.push(&model.instrument);
        }
    }
    names
}

/// The instrument's model of the variant that is playing, else the next larger one, else its largest.
pub fn same_variant(models: &[ModelEntry], instrument: &str, variant: &str) -> Option<String> {
    let of_instrument = || models.iter().filter(|model| model.instrument == instrument);
    let fits = |model: &&ModelEntry| variant::place(&model.variant) <= variant::place(variant);
    of_instrument().rfind(fits).or_else(|| of_instrument().next()).map(|model| model.id.clone())
}

/// Size, quality and load in few words.
pub fn facts(model: &ModelEntry) -> String {
    let parameters = format!("{} parameters", value_text::count(model.n_parameters));
    [parameters, worth(model)].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// Quality and load, as far as they are known.
fn worth(model: &ModelEntry) -> String {
    let quality = model.gap_closed.map(|share| format!("quality {:.0} %", share * 100.0));
    let load = model.cpu_share.map(|share| format!("CPU {:.1} %", share * 100.0));
    quality.into_iter().chain(load).collect::<Vec<_>>().join(" · ")
}

/// What the model is, and the same in whole sentences, for the tooltip.
pub fn explain(model: &ModelEntry) -> String {
    let mut text = variant::explain(&model.variant).map_or(String::new(), |sentence| sentence + " ");
    text += &format!("{} parameters in {}.", value_text::count(model.n_parameters), value_text::bytes(model.n_bytes));
    if let Some(loss) = model.multi_scale_loss {
        text += &format!(" Spectral error {loss:.2} on recordings that it has not heard; less is better.");
    }
    if let Some(share) = model.gap_closed {
        text += &format!(
            " Quality {:.0} %: 0 % is a crude resynthesis of such a recording, 100 % the best that this kind of synthesis can do.",
            share * 100.0
        );
    }
    if let Some(share) = model.cpu_share {
        text += &format!(" A voice takes about {:.1} % of one processor core.", share * 100.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> ModelEntry {
        let (instrument, variant) = split(id);
        ModelEntry { id: id.into(), instrument: instrument.into(), variant: variant.into(), ..Default::default() }
    }

    #[test]
    fn another_instrument_keeps_the_size_where_it_can() {
        let models = ["violin/full", "violin/reduced", "flute/cnn", "flute/reduced"].map(entry);
        assert_eq!(instruments(&models), ["violin", "flute"]);
        assert_eq!(same_variant(&models, "flute", "reduced").as_deref(), Some("flute/reduced"));
        assert_eq!(same_variant(&models, "flute", "full").as_deref(), Some("flute/cnn"), "its largest");
        assert_eq!(
            same_variant(&models, "flute", "reduced-cd").as_deref(),
            Some("flute/reduced"),
            "the next larger one"
        );
        assert_eq!(same_variant(&models, "flute", "cnn-q").as_deref(), Some("flute/cnn"));
        assert_eq!(same_variant(&models, "oboe", "full"), None);
    }

    #[test]
    fn the_tooltip_says_what_is_known_and_nothing_else() {
        let text = explain(&ModelEntry { n_parameters: 9_412, n_bytes: 29_848, ..entry("violin/reduced-ad") });
        assert!(
            text.starts_with("A small recurrent network") && text.ends_with("9.4 k parameters in 30 kB."),
            "{text}"
        );
        let scored = ModelEntry { gap_closed: Some(0.42), multi_scale_loss: Some(5.2), ..entry("violin/mine") };
        let text = explain(&scored);
        assert!(text.starts_with("0 parameters") && text.contains("5.20") && text.contains("Quality 42 %"), "{text}");
    }
}
