//! Presets in the panel: the bar in the header, the browser, and the dialogs over the field's place.
//!
//! The panel knows presets as a list that the host keeps ([`crate::preset::PresetStore`]), never as files.

mod apply;
mod bar;
mod browser;
mod dialog;
mod filter;

pub use apply::load;

use egui::{Color32, Id, Rect, Ui};

use super::{PanelHost, recorder::Recorder, theme};
use crate::preset::{LoadedPreset, Origin, Preset, PresetEntry};
use dialog::Form;
use filter::Filter;

/// What covers the field.
#[derive(Default)]
enum View {
    #[default]
    Closed,
    List,
    /// The form for a new preset.
    Save,
    /// Asks whether the user's preset of the form's name may be replaced.
    Replace,
    /// Asks whether the preset in `file` may be deleted.
    Delete {
        name: String,
        file: String,
    },
}

/// What presets remember between pictures.
#[derive(Default)]
pub struct Presets {
    view: View,
    filter: Filter,
    /// Place of the chosen row in the list as it is filtered.
    selected: usize,
    form: Form,
    /// What went wrong last, for the user.
    problem: Option<String>,
    /// Which widget gets the keyboard with the next picture.
    focus: Option<Id>,
    /// The chosen row is to be brought into view.
    scroll: bool,
    /// A preset that the user wants to hear, and whether it is the user's own.
    wanted: Option<(Preset, bool)>,
}

/// What the user asks for in a list or dialog.
enum Wish {
    Close,
    Show(View),
    /// Back to the form as it was filled in.
    Return,
    Load {
        index: usize,
        close: bool,
    },
    Save {
        replace: bool,
    },
    Delete {
        file: String,
    },
}

/// Ids do not depend on where a widget is shown, so that the keyboard can be given to it from elsewhere.
fn id(name: &str) -> Id {
    Id::unique("presets").with(name)
}

impl Presets {
    /// Whether the list or a dialog takes the place of the field.
    pub fn is_open(&self) -> bool {
        !matches!(self.view, View::Closed)
    }

    /// The preset that the user has just asked for, and whether it is the user's own.
    pub fn take_wanted(&mut self) -> Option<(Preset, bool)> {
        self.wanted.take()
    }

    /// Back to the field.
    pub fn close(&mut self) {
        self.view = View::Closed;
    }

    /// Shows the bar in `rect`, which is as high as a control.
    pub fn show_bar(&mut self, ui: &Ui, rect: Rect, accent: Color32, host: &mut Recorder<'_>) {
        // Not in the picture of the click that asked for it: a text gives the keyboard away at a click elsewhere.
        if let Some(id) = self.focus.take() {
            ui.ctx().memory_mut(|memory| memory.request_focus(id));
        }
        follow(host);
        bar::show(self, ui, rect, accent, host);
        self.wake(ui);
    }

    /// Shows the list or dialog in `rect`.
    pub fn show_view(&mut self, ui: &mut Ui, rect: Rect, accent: Color32, host: &mut Recorder<'_>) {
        ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
        let inner = rect.shrink(12.0);
        let wish = match &self.view {
            View::Closed => None,
            View::List => browser::show(self, ui, inner, accent, host),
            View::Save => dialog::show_form(self, ui, inner, host),
            View::Replace | View::Delete { .. } => dialog::show_question(self, ui, inner),
        };
        if let Some(wish) = wish {
            self.obey(wish, host);
        }
        self.wake(ui);
    }

    /// Asks for a picture in which the keyboard is handed over.
    fn wake(&self, ui: &Ui) {
        if self.focus.is_some() {
            ui.ctx().request_repaint();
        }
    }

    fn open(&mut self, host: &mut Recorder<'_>) {
        if let Some(store) = host.presets_mut() {
            store.refresh();
        }
        self.problem = None;
        self.filter.search.clear();
        self.select_loaded(host);
        self.go_to(View::List);
    }

    fn open_form(&mut self, host: &Recorder<'_>) {
        self.problem = None;
        self.form.prepare(host);
        self.go_to(View::Save);
    }

    /// Changes what is shown, and gives the keyboard to what is used first there.
    fn go_to(&mut self, view: View) {
        self.focus = Some(match view {
            View::Closed => id("name"),
            View::List => id("search"),
            View::Save => id("form name"),
            View::Replace | View::Delete { .. } => id("no"),
        });
        self.view = view;
    }

    pub fn select_loaded(&mut self, host: &Recorder<'_>) {
        let (Some(store), Some(loaded)) = (host.presets(), host.loaded_preset()) else { return };
        self.selected = self.filter.apply(store.list()).iter().position(|entry| loaded.is(entry)).unwrap_or(0);
        self.scroll = true;
    }

    fn obey(&mut self, wish: Wish, host: &mut Recorder<'_>) {
        match wish {
            Wish::Close => self.go_to(View::Closed),
            Wish::Show(View::Save) => self.open_form(host),
            Wish::Show(view) => {
                self.problem = None;
                self.go_to(view);
            }
            Wish::Return => self.go_to(View::Save),
            Wish::Load { index, close } => {
                self.load(index, host);
                if close {
                    self.go_to(View::Closed);
                }
            }
            Wish::Save { replace } => self.save(replace, host),
            Wish::Delete { file } => {
                let deleted = host.presets_mut().map_or(Ok(()), |store| store.delete(&file));
                self.go_to(View::List);
                self.problem = deleted.err().map(|error| sentence(&error.to_string()));
            }
        }
    }

    /// Loads the preset in this place of the filtered list.
    fn load(&mut self, index: usize, host: &mut Recorder<'_>) {
        let Some(store) = host.presets() else { return };
        let Some((preset, user)) = self.filter.apply(store.list()).get(index).and_then(|entry| usable(entry)) else {
            return;
        };
        self.selected = index;
        self.wanted = Some((preset, user));
    }

    /// Loads the next preset of the chosen category, or with -1 the one before; after the last comes the first.
    fn step(&mut self, way: isize, host: &mut Recorder<'_>) {
        let Some(store) = host.presets() else { return };
        let loaded = host.loaded_preset();
        let list = self.filter.without_search().apply(store.list());
        let list: Vec<&PresetEntry> = list.into_iter().filter(|entry| entry.preset.is_ok()).collect();
        let now = loaded.and_then(|loaded| list.iter().position(|entry| loaded.is(entry)));
        let next = match (now, way) {
            (Some(now), _) => (now as isize + way).rem_euclid(list.len() as isize) as usize,
            (None, 1..) => 0,
            (None, _) => list.len().saturating_sub(1),
        };
        if let Some((preset, user)) = list.get(next).and_then(|entry| usable(entry)) {
            self.wanted = Some((preset, user));
        }
    }

    fn save(&mut self, replace: bool, host: &mut Recorder<'_>) {
        let preset = self.form.preset(host);
        let Some(store) = host.presets_mut() else { return };
        match store.save(&preset, replace) {
            Ok(()) => {
                host.set_loaded_preset(Some(LoadedPreset { name: preset.name, user: true, changed: false }));
                self.problem = None;
                self.select_loaded(host);
                self.go_to(View::Closed);
            }
            Err(crate::preset::StoreError::Exists(_)) if !replace => self.go_to(View::Replace),
            Err(error) => {
                self.go_to(View::Save);
                self.problem = Some(sentence(&error.to_string()));
            }
        }
    }
}

/// The preset of an entry that is whole, and whether it is the user's.
fn usable(entry: &PresetEntry) -> Option<(Preset, bool)> {
    entry.preset.as_ref().ok().map(|preset| (preset.clone(), entry.is_user()))
}

/// The file of an entry that can be deleted.
fn file_of(entry: &PresetEntry) -> Option<String> {
    match &entry.origin {
        Origin::User { file } => Some(file.clone()),
        Origin::Factory => None,
    }
}

/// Keeps up with whether something was changed since the preset was loaded.
fn follow(host: &mut Recorder<'_>) {
    let (Some(store), Some(loaded)) = (host.presets(), host.loaded_preset()) else { return };
    let Some(preset) = store.list().iter().find(|entry| loaded.is(entry)).and_then(|e| e.preset.as_ref().ok()) else {
        return;
    };
    let changed = apply::differs(preset, host);
    if changed != loaded.changed {
        let now = LoadedPreset { changed, ..loaded.clone() };
        host.set_loaded_preset(Some(now));
    }
}

/// An error's words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
