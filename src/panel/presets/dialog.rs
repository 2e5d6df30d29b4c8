//! Saving a preset, and the questions before one is replaced or deleted.

use egui::{
    Align, Align2, ComboBox, Id, Key, Layout, Modifiers, Rect, Role, TextEdit, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{Presets, View, Wish, apply, id};
use crate::{
    engine::Source,
    panel::{
        PanelHost,
        button::{self, Button, Face},
        list_line,
        recorder::Recorder,
        theme,
    },
    preset::{CATEGORIES, Preset, format},
};

const LABEL_WIDTH: f32 = 96.0;
const ROW: f32 = theme::CONTROL_HEIGHT + 8.0;
/// The texts of the form, in the order of the tabulator.
const FIELDS: [&str; 3] = ["form name", "form author", "form description"];

/// What is to be saved, as far as it is not what the panel stands at.
#[derive(Default)]
pub struct Form {
    name: String,
    category: String,
    /// Kept from one preset to the next.
    author: String,
    description: String,
    /// Loading it chooses the source, too.
    with_source: bool,
}

impl Form {
    /// Begins with what is known of the loaded preset; a factory preset's name is not the user's to take.
    pub fn prepare(&mut self, host: &Recorder<'_>) {
        let list = host.presets().map_or(&[][..], |store| store.list());
        let loaded = host.loaded_preset().and_then(|loaded| list.iter().find(|entry| loaded.is(entry)));
        let preset = loaded.and_then(|entry| entry.preset.as_ref().ok());
        let own = loaded.is_some_and(|entry| entry.is_user());
        self.name = preset.filter(|_| own).map_or(String::new(), |preset| preset.name.clone());
        self.category = preset.map_or_else(|| CATEGORIES[0].to_owned(), |preset| preset.category.clone());
        self.description = preset.filter(|_| own).map_or(String::new(), |preset| preset.description.clone());
        self.with_source = preset.is_some_and(|preset| preset.source.is_some());
        if self.author.is_empty() {
            let mut earlier =
                list.iter().filter(|entry| entry.is_user()).filter_map(|entry| entry.preset.as_ref().ok());
            self.author = earlier.next().map_or(String::new(), |preset| preset.author.clone());
        }
    }

    /// The preset to save, from this form and what `host` stands at.
    pub fn preset(&self, host: &Recorder<'_>) -> Preset {
        let trimmed = |text: &str| text.trim().to_owned();
        Preset {
            name: trimmed(&self.name),
            category: trimmed(&self.category),
            author: trimmed(&self.author),
            description: trimmed(&self.description),
            ..apply::capture(host, self.with_source)
        }
    }
}

/// Shows the form in `rect`. Gives what the user asks for.
pub fn show_form(presets: &mut Presets, ui: &mut Ui, rect: Rect, host: &Recorder<'_>) -> Option<Wish> {
    let wish = form_keys(ui);
    heading(ui, rect, "Save what is set now as a preset of your own");
    let row = |index: f32| {
        let top = rect.top() + 32.0 + index * ROW;
        Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), theme::CONTROL_HEIGHT))
    };
    let (left, right) =
        (|row: Rect| row.with_max_x(row.left() + 440.0), |row: Rect| row.with_min_x(row.left() + 472.0));
    let form = &mut presets.form;
    text(ui, left(row(0.0)), "Name", FIELDS[0], &mut form.name, format::MAX_NAME);
    choose_category(ui, right(row(0.0)), &mut form.category);
    text(ui, left(row(1.0)), "Author", FIELDS[1], &mut form.author, format::MAX_NAME);
    let source = if host.source() == Source::Notes { "notes" } else { "audio" };
    let mut place = edged(ui, right(row(1.0)));
    place
        .checkbox(&mut form.with_source, format!("Chooses the source \u{201c}{source}\u{201d} too"))
        .on_hover_text("Loading the preset then follows the same source as now; else the source stays as it is.");
    text(ui, row(2.0), "Description", FIELDS[2], &mut form.description, format::MAX_DESCRIPTION);

    let named = !form.name.trim().is_empty();
    let buttons = row(3.2);
    let wish = wish.filter(|wish| named || !matches!(wish, Wish::Save { .. }));
    let at = |left: f32| Rect::from_min_size(buttons.min + vec2(left, 0.0), vec2(88.0, buttons.height()));
    let help = if named { "Keeps the preset." } else { "A preset needs a name." };
    let save = Button { id: id("yes"), face: Face::Text("Save"), name: "Save", help, enabled: named };
    let save = button::show(ui, at(LABEL_WIDTH), &save).clicked();
    let cancel = no_button("Cancel", "Keeps nothing.");
    let cancel = button::show(ui, at(LABEL_WIDTH + 96.0), &cancel).clicked();
    if let Some(problem) = &presets.problem {
        let line = buttons.translate(vec2(0.0, 40.0));
        let galley = theme::one_line(ui, problem, theme::body_font(), theme::ERROR, rect.width());
        ui.painter().galley(line.min, galley, theme::ERROR);
        ui.interact(line, id("problem"), egui::Sense::HOVER).on_hover_text(problem);
    }
    match (save, cancel) {
        (true, _) => Some(Wish::Save { replace: false }),
        (_, true) => Some(Wish::Close),
        _ => wish,
    }
}

/// Enter in a text saves, Escape closes.
fn form_keys(ui: &Ui) -> Option<Wish> {
    if egui::Popup::is_any_open(ui.ctx()) {
        return None;
    }
    let focused = ui.ctx().memory(|memory| memory.focused());
    let in_text = focused.is_none() || FIELDS.iter().any(|field| focused == Some(id(field)));
    if ui.input(|input| input.key_pressed(Key::Escape)) {
        return Some(Wish::Close);
    }
    let enter = in_text && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    enter.then_some(Wish::Save { replace: false })
}

/// Asks whether a preset may be replaced or deleted. Gives what the user decides.
pub fn show_question(presets: &Presets, ui: &Ui, rect: Rect) -> Option<Wish> {
    let (question, yes, help, wish, back) = match &presets.view {
        View::Delete { name, file } => (
            format!("Delete the preset \u{201c}{name}\u{201d}? It cannot be brought back."),
            "Delete",
            "Deletes the preset's file.",
            Wish::Delete { file: file.clone() },
            View::List,
        ),
        _ => (
            format!("You have a preset \u{201c}{}\u{201d} already. Replace it?", presets.form.name.trim()),
            "Replace",
            "Keeps what is set now in the place of the other.",
            Wish::Save { replace: true },
            View::Save,
        ),
    };
    heading(ui, rect, &question);
    let at = |left: f32| Rect::from_min_size(rect.min + vec2(left, 40.0), vec2(88.0, theme::CONTROL_HEIGHT));
    // The harmless answer comes first: it has the keyboard.
    let no = button::show(ui, at(0.0), &no_button("Keep it", "Changes nothing.")).clicked();
    let yes = Button { id: id("yes"), face: Face::Text(yes), name: yes, help, enabled: true };
    let yes = button::show(ui, at(96.0), &yes).clicked();
    let escape = ui.input(|input| input.key_pressed(Key::Escape));
    match (yes, no || escape) {
        (true, _) => Some(wish),
        (_, true) => Some(match back {
            View::Save => Wish::Return,
            view => Wish::Show(view),
        }),
        _ => None,
    }
}

fn no_button<'a>(text: &'a str, help: &'a str) -> Button<'a> {
    Button { id: id("no"), face: Face::Text(text), name: text, help, enabled: true }
}

fn heading(ui: &Ui, rect: Rect, text: &str) {
    let galley = theme::one_line(ui, text, theme::body_font(), theme::TEXT, rect.width());
    ui.painter().galley(rect.min + vec2(0.0, 4.0), galley, theme::TEXT);
    let response = ui.interact(rect.with_max_y(rect.top() + 24.0), id("heading"), egui::Sense::HOVER);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
}

fn child(ui: &mut Ui, rect: Rect) -> Ui {
    ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)))
}

/// As [`child`], with edges around what has no text of its own to be seen by.
fn edged(ui: &mut Ui, rect: Rect) -> Ui {
    let mut child = child(ui, rect);
    child.visuals_mut().widgets.inactive.bg_stroke.color = theme::EDGE;
    child
}

/// A label and the field for a text beside it.
fn text(ui: &mut Ui, rect: Rect, name: &str, field: &str, text: &mut String, limit: usize) {
    label(ui, rect, name);
    let rect = rect.with_min_x(rect.left() + LABEL_WIDTH);
    let id: Id = id(field);
    let edit =
        TextEdit::singleline(text).id(id).char_limit(limit).margin(vec2(8.0, 7.0)).desired_width(rect.width() - 16.0);
    let response = edged(ui, rect).add(edit);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
}

fn choose_category(ui: &mut Ui, rect: Rect, category: &mut String) {
    label(ui, rect, "Category");
    let rect = rect.with_min_x(rect.left() + LABEL_WIDTH);
    let chosen = category.clone();
    let list = ComboBox::from_id_salt("form category").width(144.0).selected_text(&chosen);
    let response = list.show_ui(&mut child(ui, rect), |ui| {
        for name in CATEGORIES {
            if list_line::show(ui, chosen == name, name).clicked() {
                name.clone_into(category);
            }
        }
    });
    let spoken = format!("Category: {chosen}");
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &spoken));
}

fn label(ui: &Ui, rect: Rect, text: &str) {
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, text, theme::small_font(), theme::TEXT_DIM);
}
