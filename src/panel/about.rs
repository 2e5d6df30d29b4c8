//! Help and credits in the field's place: what mouse and keys do, who recorded what the models learned from, and whose
//! software this is built from.

use egui::{Align2, Color32, Id, Key, Rect, RichText, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::button::{self, Button, Face, LateFocus};
use super::segments::{self, Segment};
use super::{ModelEntry, PanelHost, theme};
use crate::library::variant;

/// Name, version and licence of every package in the programs, a line each: `cargo xtask licences` writes it, and the
/// tests compare it with what is built.
const PACKAGES: &str = include_str!("../../assets/packages.tsv");

const PAGES: [Segment<'static>; 3] = [
    Segment { label: "Help", help: "What the mouse and the keys do." },
    Segment { label: "Models", help: "Whose recordings the models learned from, and their licences." },
    Segment { label: "Software", help: "Whose software Retort is made of, and its licences." },
];

/// What mouse and keys do, for those who read no manual.
const HELP: [(&str, &str); 13] = [
    ("Hear something", "Follow Notes and play a keyboard, or follow Audio and sing one note at a time."),
    ("Field", "The box is what the instrument has learned. Drag it over your own range: what lies outside is guessed."),
    (
        "Knobs",
        "Drag up and down, with Shift finely; or turn the wheel. A double click resets. Click the value to type it.",
    ),
    (
        "Keys on a knob",
        "Tab goes from one to the next. Arrows and page keys step, Enter types, Delete resets, Home and End are the ends.",
    ),
    (
        "Size",
        "Full is the best and costs most, Reduced and CNN cost little, Tiny least. CNN in 8 bit sounds the same at half the size.",
    ),
    (
        "Quality",
        "0 % is a crude resynthesis of recordings that the model has never heard, 100 % the best that this kind of synthesis can do.",
    ),
    (
        "CPU",
        "On average | in the worst block of the last seconds. Above 100 % the sound breaks: choose a smaller size, fewer voices or larger blocks.",
    ),
    (
        "Presets",
        "The arrows go through them; a click on the name opens the list. Save keeps your own as files that can be shared.",
    ),
    ("Undo", "Ctrl+Z, and Ctrl+Shift+Z or Ctrl+Y to do it again."),
    ("Zoom", "Ctrl with plus, minus or 0, or the list beside this button."),
    (
        "Lowest pitch",
        "The higher, the less late audio is. 160 for a flute or violin, 80 for most voices, 40 for a bass.",
    ),
    ("Octave match", "Moves what is heard by octaves into what the instrument knows."),
    ("Notes out", "In a host: sends what is heard as notes to other instruments."),
];
/// Width of the names beside them.
const NAME_WIDTH: f32 = 152.0;

/// What the page remembers between pictures.
#[derive(Default)]
pub struct About {
    is_open: bool,
    page: usize,
    /// Of the closing button.
    focus: LateFocus,
}

fn id(name: &str) -> Id {
    Id::unique("about").with(name)
}

impl About {
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// Shows the button that opens and closes the page. Gives whether it was opened now.
    pub fn show_button(&mut self, ui: &Ui, rect: Rect) -> bool {
        let help = if self.is_open { "Back to the field." } else { "What mouse and keys do, credits and licences." };
        let button =
            Button { id: id("button"), face: Face::Text("Help"), name: "Help and licences", help, enabled: true };
        let pressed = button::show(ui, rect, &button).clicked();
        if pressed {
            self.is_open = !self.is_open;
            self.focus.ask();
        }
        pressed && self.is_open
    }

    /// Shows the page in `rect`.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, accent: Color32, host: &dyn PanelHost) {
        ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
        let inner = rect.shrink(12.0);
        let top = inner.with_max_y(inner.top() + theme::CONTROL_HEIGHT);
        let title = format!("Retort {}", env!("CARGO_PKG_VERSION"));
        ui.painter().text(top.left_center(), Align2::LEFT_CENTER, title, theme::body_font(), theme::TEXT);
        let pages = Rect::from_min_size(pos2(top.left() + NAME_WIDTH, top.top()), vec2(320.0, top.height()));
        if let Some(page) = segments::show(ui, pages, id("pages"), &PAGES, self.page, true, accent) {
            self.page = page;
        }
        let close = Button {
            id: id("close"),
            face: Face::Text("Close"),
            name: "Close",
            help: "Back to the field.",
            enabled: true,
        };
        let closed = button::show(ui, top.with_min_x(top.right() - 72.0), &close).clicked();
        self.focus.give(ui, close.id);
        let mut child = ui.new_child(UiBuilder::new().max_rect(inner.with_min_y(top.bottom() + 12.0)));
        ScrollArea::vertical().id_salt(("about", self.page)).auto_shrink(false).show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            match self.page {
                0 => HELP.iter().for_each(|(name, text)| line(ui, name, text, theme::TEXT)),
                1 => show_models(ui, host.models()),
                _ => show_software(ui),
            }
        });
        if closed || ui.input(|input| input.key_pressed(Key::Escape)) {
            self.is_open = false;
        }
    }
}

/// A name and what there is to say of it, which may take several lines.
fn line(ui: &mut Ui, name: &str, text: &str, color: Color32) {
    ui.horizontal_top(|ui| {
        let (place, _) = ui.allocate_exact_size(vec2(NAME_WIDTH - 8.0, 16.0), egui::Sense::HOVER);
        let galley = theme::one_line(ui, name, theme::body_font(), color, place.width());
        ui.painter().galley(place.min, galley, color);
        ui.vertical(|ui| {
            ui.label(RichText::new(text).font(theme::body_font()).color(theme::TEXT_DIM));
        });
    });
}

/// Each instrument's recordings once, whatever its sizes.
fn show_models(ui: &mut Ui, models: &[ModelEntry]) {
    for (index, model) in models.iter().enumerate() {
        let is_same = |other: &&ModelEntry| other.instrument == model.instrument && other.credits == model.credits;
        if models[..index].iter().any(|other| is_same(&other)) {
            continue;
        }
        let sizes =
            models.iter().filter(is_same).map(|model| variant::title(&model.variant)).collect::<Vec<_>>().join(" · ");
        let recordings = model.credits.recordings.join("\n");
        let text = format!("{sizes}\nLicence: {}\n{recordings}", model.credits.licence);
        line(ui, &variant::words(&model.instrument), text.trim_end(), theme::accent(&model.instrument));
    }
}

fn show_software(ui: &mut Ui) {
    line(
        ui,
        "Retort",
        "MIT or Apache-2.0, as you choose. Copyright the authors of Retort. Models have licences of their own. The whole texts of all \
         licences lie beside the installed program, in LICENCES.txt.",
        theme::TEXT,
    );
    for package in PACKAGES.lines() {
        let mut parts = package.split('\t');
        if let (Some(name), Some(version), Some(licence)) = (parts.next(), parts.next(), parts.next()) {
            line(ui, name, &format!("{version} · {licence}"), theme::TEXT);
        }
    }
}
