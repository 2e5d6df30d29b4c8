//! The list of presets: search, category, and a row for each with its name, category, author and description.

use egui::{
    Align, Color32, ComboBox, EventFilter, Key, Modifiers, Rect, Response, Role, ScrollArea, Sense, Stroke, StrokeKind,
    TextEdit, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{Presets, View, Wish, file_of, filter::Filter, id, sentence};
use crate::{
    panel::{
        PanelHost,
        button::{self, Button, Face},
        list_line,
        recorder::Recorder,
        theme,
    },
    preset::{LoadedPreset, PresetEntry},
};

const ROW_HEIGHT: f32 = 28.0;
/// Rows that the page keys move by.
const PAGE: isize = 7;
/// Where the columns of a row begin: name, category, author, description.
const COLUMNS: [f32; 4] = [32.0, 216.0, 312.0, 416.0];

/// Shows the list in `rect`. Gives what the user asks for.
pub fn show(presets: &mut Presets, ui: &mut Ui, rect: Rect, accent: Color32, host: &Recorder<'_>) -> Option<Wish> {
    let store = host.presets()?;
    let n_shown = presets.filter.apply(store.list()).len();
    let wish = keys(presets, ui, n_shown);
    let top = rect.with_max_y(rect.top() + theme::CONTROL_HEIGHT);
    let wish = wish.or(show_top(presets, ui, top, store.list()));
    let mut list = rect.with_min_y(top.bottom() + 8.0);
    if let Some(problem) = &presets.problem {
        let line = list.with_max_y(list.top() + 20.0);
        let text = theme::one_line(ui, problem, theme::body_font(), theme::ERROR, line.width());
        ui.painter().galley(line.min, text, theme::ERROR);
        ui.interact(line, id("problem"), Sense::HOVER).on_hover_text(problem);
        list.min.y = line.bottom() + 4.0;
    }
    let entries = presets.filter.apply(store.list());
    presets.selected = presets.selected.min(entries.len().saturating_sub(1));
    if entries.is_empty() {
        let text = theme::one_line(ui, "No preset fits the search.", theme::body_font(), theme::TEXT_DIM, list.width());
        ui.painter().galley(list.min + vec2(8.0, 8.0), text, theme::TEXT_DIM);
        return wish;
    }
    let rows = Rows { entries: &entries, loaded: host.loaded_preset(), selected: presets.selected, accent };
    let scroll = std::mem::take(&mut presets.scroll);
    let act = rows.show(ui, list, scroll);
    if let Some(Wish::Load { index, .. }) = act {
        presets.selected = index;
    }
    wish.or(act)
}

/// What keys do: arrows choose a row, Enter loads it and closes, Escape closes.
fn keys(presets: &mut Presets, ui: &Ui, n_shown: usize) -> Option<Wish> {
    if egui::Popup::is_any_open(ui.ctx()) {
        return None;
    }
    if ui.input(|input| input.key_pressed(Key::Escape)) {
        return Some(Wish::Close);
    }
    let focused = ui.ctx().memory(|memory| memory.focused());
    if focused.is_some_and(|focused| focused != id("search") && focused != id("row")) {
        return None;
    }
    let moved = ui.input_mut(|input| {
        let mut presses = |key| input.count_and_consume_key(Modifiers::NONE, key) as isize;
        presses(Key::ArrowDown) - presses(Key::ArrowUp) + PAGE * (presses(Key::PageDown) - presses(Key::PageUp))
    });
    if moved != 0 && n_shown > 0 {
        presets.selected = presets.selected.saturating_add_signed(moved).min(n_shown - 1);
        presets.scroll = true;
    }
    let enter = n_shown > 0 && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    enter.then_some(Wish::Load { index: presets.selected, close: true })
}

/// Search, category and buttons.
fn show_top(presets: &mut Presets, ui: &mut Ui, rect: Rect, list: &[PresetEntry]) -> Option<Wish> {
    let layout = egui::Layout::left_to_right(Align::Center);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(layout));
    let search = TextEdit::singleline(&mut presets.filter.search)
        .id(id("search"))
        .hint_text("Search presets")
        .char_limit(64)
        .margin(vec2(8.0, 7.0))
        .desired_width(224.0);
    let usual = child.visuals().widgets.inactive.bg_stroke;
    child.visuals_mut().widgets.inactive.bg_stroke.color = theme::EDGE;
    let response = child.add(search);
    child.visuals_mut().widgets.inactive.bg_stroke = usual;
    if response.changed() {
        presets.selected = 0;
        presets.scroll = true;
    }
    response.on_hover_text("Shows the presets that hold all of these words.");
    show_categories(presets, &mut child, list);
    let chosen = presets.filter.apply(list).get(presets.selected).copied().cloned();
    let file = chosen.as_ref().and_then(file_of);

    let at = |right: f32, width: f32| {
        Rect::from_min_max(pos2(rect.right() - right - width, rect.top()), pos2(rect.right() - right, rect.bottom()))
    };
    let word = |rect: Rect, name: &'static str, help: &str, enabled: bool| {
        let button = Button { id: id(name), face: Face::Text(name), name, help, enabled };
        button::show(ui, rect, &button).clicked()
    };
    let mut wish = None;
    if word(at(160.0, 88.0), "Save as", "Keeps what is set now as a preset of your own.", true) {
        wish = Some(Wish::Show(View::Save));
    }
    let help = if file.is_some() { "Deletes the chosen preset." } else { "Only presets of your own can be deleted." };
    if word(at(80.0, 72.0), "Delete", help, file.is_some())
        && let (Some(entry), Some(file)) = (&chosen, file)
    {
        wish = Some(Wish::Show(View::Delete { name: entry.name().to_owned(), file }));
    }
    if word(at(0.0, 72.0), "Close", "Closes the list; the loaded preset stays.", true) {
        wish = Some(Wish::Close);
    }
    wish
}

fn show_categories(presets: &mut Presets, ui: &mut Ui, list: &[PresetEntry]) {
    let chosen = presets.filter.category.clone();
    let response =
        ComboBox::from_id_salt("preset category").width(144.0).selected_text(chosen.name()).show_ui(ui, |ui| {
            for category in Filter::categories(list) {
                if list_line::show(ui, category == chosen, category.name()).clicked() {
                    presets.filter.category = category;
                    presets.selected = 0;
                    presets.scroll = true;
                }
            }
        });
    let spoken = format!("Category: {}", chosen.name());
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &spoken));
    response.response.on_hover_text("Shows the presets of one category; the arrows beside the name stay in it.");
}

/// The rows below.
struct Rows<'a> {
    entries: &'a [&'a PresetEntry],
    loaded: Option<&'a LoadedPreset>,
    selected: usize,
    accent: Color32,
}

impl Rows<'_> {
    fn show(&self, ui: &mut Ui, rect: Rect, scroll: bool) -> Option<Wish> {
        let mut wish = None;
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect));
        child.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().id_salt("preset rows").auto_shrink(false);
        if scroll {
            // The chosen row in the middle.
            area = area.vertical_scroll_offset((self.selected as f32 + 0.5) * ROW_HEIGHT - rect.height() / 2.0);
        }
        area.show_rows(&mut child, ROW_HEIGHT, self.entries.len(), |ui, shown| {
            for index in shown {
                let size = vec2(ui.available_width() - 4.0, ROW_HEIGHT);
                let (place, _) = ui.allocate_exact_size(size, Sense::HOVER);
                wish = wish.take().or(self.row(ui, place, index));
            }
        });
        wish
    }

    fn row(&self, ui: &Ui, rect: Rect, index: usize) -> Option<Wish> {
        let entry = self.entries[index];
        let selected = index == self.selected;
        // One row can be reached with the tabulator; the arrows go on from there.
        let (id, sense) = if selected { (id("row"), Sense::click()) } else { (id("row").with(index), Sense::CLICK) };
        let response = ui.interact(rect, id, sense);
        self.describe(&response, entry, selected);
        if response.has_focus() {
            let arrows = EventFilter { vertical_arrows: true, ..Default::default() };
            ui.ctx().memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        }
        self.paint(ui, rect, &response, entry, selected);
        let wish = (response.clicked() && entry.preset.is_ok())
            .then(|| Wish::Load { index, close: response.double_clicked() });
        match &entry.preset {
            Ok(preset) => response.on_hover_text(format!("Plays {}. {}", models(preset), preset.description)),
            Err(problem) => response.on_hover_text(sentence(problem)),
        };
        wish
    }

    fn describe(&self, response: &Response, entry: &PresetEntry, selected: bool) {
        let text = match &entry.preset {
            Ok(preset) => format!("{}, {}, by {}. {}", preset.name, preset.category, preset.author, preset.description),
            Err(_) => format!("{}, a broken file", entry.name()),
        };
        response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, selected, &text));
    }

    fn paint(&self, ui: &Ui, rect: Rect, response: &Response, entry: &PresetEntry, selected: bool) {
        let painter = ui.painter();
        if selected || response.hovered() {
            let edge = if selected { self.accent } else { theme::CONTROL };
            let stroke = Stroke::new(1.5, edge);
            painter.rect(rect, theme::CONTROL_RADIUS, theme::CONTROL, stroke, StrokeKind::Inside);
        }
        if response.has_focus() {
            painter.rect_stroke(rect, theme::CONTROL_RADIUS, theme::focus_ring(), StrokeKind::Inside);
        }
        let loaded = self.loaded.is_some_and(|loaded| loaded.is(entry));
        let name_color = if loaded { self.accent } else { theme::TEXT };
        if entry.is_user() {
            button::star(painter, pos2(rect.left() + 16.0, rect.center().y), 6.0, name_color);
        }
        let cell = |column: usize, text: &str, font, color| {
            let left = rect.left() + COLUMNS[column];
            let right = COLUMNS.get(column + 1).map_or(rect.right() - 8.0, |next| rect.left() + next - 12.0);
            let galley = theme::one_line(ui, text, font, color, right - left);
            let y = rect.center().y - galley.size().y / 2.0;
            painter.galley(pos2(left, y), galley, color);
        };
        match &entry.preset {
            Ok(preset) => {
                cell(0, &preset.name, theme::body_font(), name_color);
                cell(1, &preset.category, theme::small_font(), theme::TEXT_DIM);
                cell(2, &preset.author, theme::small_font(), theme::TEXT_DIM);
                cell(3, &preset.description, theme::small_font(), theme::TEXT_DIM);
            }
            Err(problem) => {
                cell(0, entry.name(), theme::body_font(), theme::ERROR);
                cell(1, "Broken", theme::small_font(), theme::ERROR);
                cell(3, &sentence(problem), theme::small_font(), theme::ERROR);
            }
        }
    }
}

/// The models of a preset: `violin/full with flute/full`.
fn models(preset: &crate::preset::Preset) -> String {
    match &preset.blend {
        Some(blend) => format!("{} with {blend}", preset.model),
        None => preset.model.clone(),
    }
}
