//! The question before a model is chosen that takes more than the machine has.

use egui::{Key, Rect, Role, Sense, Ui, WidgetInfo, vec2};

use super::button::{self, Button, Face, LateFocus};
use super::recorder::Recorder;
use super::{PanelHost, model_choice, presets, theme, toggle};
use crate::engine::{Mode, Setting, Source};
use crate::library::variant;
use crate::preset::Preset;

/// Share of one processor core from which on the sound may break: the host and its other plugins want the rest.
pub const TOO_MUCH: f32 = 0.7;

/// From a load that is too much already, only one so many times as large is worth another question.
const NOTICEABLE: f32 = 1.1;

/// What each voice beside the first costs of it: voices share the passes over the weights and the room. Measured with 16 of Full
/// and of Reduced, on the instruction set on which it is the most, rounded up.
const FURTHER: f32 = 0.52;

/// What the user is about to choose.
#[derive(Clone, Debug, PartialEq)]
enum Choice {
    Model(String),
    Blend(String),
    /// And whether it is the user's own.
    Preset(Box<Preset>, bool),
}

/// Passes choices of a model on, or asks first.
#[derive(Default)]
pub struct Costly {
    waiting: Option<Choice>,
    /// Of the harmless answer.
    focus: LateFocus,
}

impl Costly {
    /// Whether a question takes the place of the field.
    pub fn is_open(&self) -> bool {
        self.waiting.is_some()
    }

    /// As [`PanelHost::choose_model`], but asks before it becomes too much.
    pub fn choose_model(&mut self, id: &str, host: &mut dyn PanelHost) {
        self.consider(Choice::Model(id.to_owned()), host);
    }

    /// As [`PanelHost::choose_blend`], but asks before it becomes too much.
    pub fn choose_blend(&mut self, id: Option<&str>, host: &mut dyn PanelHost) {
        match id {
            Some(id) => self.consider(Choice::Blend(id.to_owned()), host),
            None => {
                self.waiting = None;
                host.choose_blend(None);
            }
        }
    }

    /// Loads a preset, but asks before it becomes too much.
    pub fn load_preset(&mut self, preset: Preset, user: bool, host: &mut Recorder<'_>) {
        let choice = Choice::Preset(Box::new(preset), user);
        if self.asks(&choice, host) {
            return;
        }
        choice.make_recorded(host);
    }

    /// Another page takes the question's place: nothing is changed.
    pub fn dismiss(&mut self) {
        self.waiting = None;
    }

    fn consider(&mut self, choice: Choice, host: &mut dyn PanelHost) {
        if !self.asks(&choice, host) {
            choice.make(host);
        }
    }

    /// Asks if that is worth a question.
    fn asks(&mut self, choice: &Choice, host: &dyn PanelHost) -> bool {
        // What is too much already is no reason to keep the user from anything cheaper, or hardly dearer.
        let is_too_much = choice.share(host) > TOO_MUCH.max(share(host) * NOTICEABLE);
        self.waiting = is_too_much.then(|| choice.clone());
        if is_too_much {
            self.focus.ask();
        }
        is_too_much
    }

    /// Shows the question in `rect`, and does what the user decides.
    pub fn show(&mut self, ui: &Ui, rect: Rect, host: &mut Recorder<'_>) {
        let Some(choice) = self.waiting.clone() else { return };
        ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
        let inner = rect.shrink(theme::PADDING);
        let id = ui.scope_id().with("costly");
        self.focus.give(ui, id.with("no"));
        let voices = choice.voices(host);
        let text = choice.question(host);
        let job = egui::text::LayoutJob::simple(text.clone(), theme::body_font(), theme::TEXT, inner.width());
        let galley = ui.painter().layout_job(job);
        let height = galley.size().y;
        ui.painter().galley(inner.min, galley, theme::TEXT);
        let response = ui.interact(inner.with_max_y(inner.top() + height), id.with("text"), Sense::HOVER);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));

        let fitting = fitting(choice.share(host) / in_voices(voices));
        let fewer = format!("With {fitting} {}", if fitting == 1 { "voice" } else { "voices" });
        let mut left = inner.left();
        let mut answer = |name: &str, text: &str, help: &str, width: f32| {
            let place =
                Rect::from_min_size(egui::pos2(left, inner.top() + height + 16.0), vec2(width, theme::CONTROL_HEIGHT));
            left = place.right() + 8.0;
            let button = Button { id: id.with(name), face: Face::Text(text), name: text, help, enabled: true };
            button::show(ui, place, &button).clicked()
        };
        let no = answer("no", "Keep what plays", "Changes nothing.", 144.0);
        let fewer = (1..voices).contains(&fitting)
            && !matches!(choice, Choice::Preset(..))
            && answer("fewer", &fewer, "Chooses it, and lets fewer notes sound at a time.", 144.0);
        let yes = answer("yes", "Choose it anyway", "Chooses it; the sound may break when all voices play.", 160.0);
        let escape = ui.input(|input| input.key_pressed(Key::Escape));
        if fewer {
            host.as_one(&choice.name(), |host| {
                toggle::change(host, Setting::Voices, fitting as f32);
                choice.make(host);
            });
        } else if yes {
            choice.make_recorded(host);
        }
        if no || yes || fewer || escape {
            self.waiting = None;
        }
    }
}

impl Choice {
    fn make(&self, host: &mut dyn PanelHost) {
        match self {
            Self::Model(id) => host.choose_model(id),
            Self::Blend(id) => host.choose_blend(Some(id)),
            Self::Preset(..) => {}
        }
    }

    /// Presets are one gesture of many changes, which only the recorder knows.
    fn make_recorded(&self, host: &mut Recorder<'_>) {
        match self {
            Self::Preset(preset, user) => presets::load(preset, *user, host),
            _ => self.make(host),
        }
    }

    /// What is chosen, in words.
    fn name(&self) -> String {
        let of = |id: &str| {
            let (instrument, size) = model_choice::split(id);
            format!("{} \u{2013} {}", variant::words(instrument), variant::title(size))
        };
        match self {
            Self::Model(id) | Self::Blend(id) => of(id),
            Self::Preset(preset, _) => preset.name.clone(),
        }
    }

    /// Share of a core after the choice.
    fn share(&self, host: &dyn PanelHost) -> f32 {
        match self {
            Self::Model(id) => of_both(host, id, host.blend_id(), self.voices(host)),
            Self::Blend(id) => of_both(host, host.model_id(), Some(id), self.voices(host)),
            Self::Preset(preset, _) => of_both(host, &preset.model, preset.blend.as_deref(), self.voices(host)),
        }
    }

    /// How many voices may sound at a time after the choice.
    fn voices(&self, host: &dyn PanelHost) -> usize {
        let Self::Preset(preset, _) = self else { return voices(host) };
        let value = |setting: Setting| preset.value(setting).unwrap_or_else(|| host.value(setting));
        n_voices(preset.source.unwrap_or_else(|| host.source()), value(Setting::Mode), value(Setting::Voices))
    }

    fn question(&self, host: &dyn PanelHost) -> String {
        let voices = match self.voices(host) {
            1 => "One voice".to_owned(),
            n => format!("{n} voices"),
        };
        let other = match self {
            Self::Model(_) => host.blend_id(),
            Self::Blend(_) => Some(host.model_id()),
            Self::Preset(..) => None,
        };
        let both = other.map_or(String::new(), |id| format!(" together with {}", Self::Model(id.to_owned()).name()));
        let take = if voices.starts_with("One") { "takes" } else { "take" };
        format!(
            "{voices} of {}{both} {take} about {:.0} % of one processor core of this machine. From about {:.0} % on the sound may break.",
            self.name(),
            self.share(host) * 100.0,
            TOO_MUCH * 100.0,
        )
    }
}

/// Share of one core that all voices of what is chosen take, 0 to 1 and above.
pub fn share(host: &dyn PanelHost) -> f32 {
    of_both(host, host.model_id(), host.blend_id(), voices(host))
}

fn of_both(host: &dyn PanelHost, model: &str, blend: Option<&str>, n_voices: usize) -> f32 {
    let of = |id: &str| host.models().iter().find(|entry| entry.id == id).and_then(|entry| entry.cpu_share);
    let voice = of(model).unwrap_or(0.0) + blend.and_then(of).unwrap_or(0.0);
    voice * in_voices(n_voices)
}

/// What `n` voices cost, in times of one.
fn in_voices(n: usize) -> f32 {
    1.0 + FURTHER * (n as f32 - 1.0)
}

/// How many voices are not too much, if one takes `share` of a core.
fn fitting(share: f32) -> usize {
    (1.0 + (TOO_MUCH / share - 1.0) / FURTHER).max(0.0) as usize
}

/// How many voices may sound at a time.
fn voices(host: &dyn PanelHost) -> usize {
    n_voices(host.source(), host.value(Setting::Mode), host.value(Setting::Voices))
}

fn n_voices(source: Source, mode: f32, voices: f32) -> usize {
    let is_poly = super::value_text::mode(mode) == Mode::Poly;
    if source == Source::Notes && is_poly { voices as usize } else { 1 }
}
