//! The keyboard on the screen: the mouse plays it, and whatever else plays lights it up.

use std::time::{Duration, Instant};

use egui::{
    Align2, Color32, CornerRadius, FontFamily, FontId, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
};

use super::{
    computer_keys::ComputerKeys,
    key_layout::{KeyLayout, is_black, name},
};
use crate::{
    engine::{EventKind, NoteAddress},
    panel::theme,
};

/// Octaves that are shown, and a C above them.
const OCTAVES: u8 = 5;
/// The lowest C of a keyboard that shows five octaves up to the last key of MIDI.
const HIGHEST_START: u8 = 60;
/// The computer's keys play from the third C on.
const KEYS_BELOW_COMPUTER: u8 = 24;
/// A click that is over before it was seen sounds this long.
const SHORTEST: Duration = Duration::from_millis(120);

const WHITE: Color32 = Color32::from_rgb(0xe6, 0xe9, 0xed);
const BLACK: Color32 = Color32::from_rgb(0x20, 0x25, 0x2d);
const GAP: Color32 = theme::WELL;
/// On white keys; 7 to 1.
const HINT_ON_WHITE: Color32 = Color32::from_rgb(0x40, 0x47, 0x52);
const HINT_ON_BLACK: Color32 = theme::TEXT_DIM;

/// What the mouse holds.
#[derive(Default)]
pub struct Keyboard {
    held: Option<u8>,
    /// When a note that was clicked too fast to be held ends.
    ends_at: Option<Instant>,
}

/// What a keyboard shows.
pub struct Shown<'a> {
    pub keys: &'a ComputerKeys,
    /// Keys that are held, one bit each.
    pub held: u128,
    pub accent: Color32,
    /// False while notes are not what is played.
    pub enabled: bool,
}

impl Keyboard {
    /// Shows the keyboard in `rect` and gives what the mouse plays.
    pub fn show(&mut self, ui: &mut Ui, rect: Rect, shown: &Shown<'_>) -> Vec<EventKind> {
        let lowest = (shown.keys.base() - KEYS_BELOW_COMPUTER).min(HIGHEST_START);
        let layout = KeyLayout::new(rect, lowest, OCTAVES);
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, GAP);
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        for black in [false, true] {
            layout.keys().filter(|&key| is_black(key) == black).for_each(|key| draw_key(&painter, &layout, key, shown));
        }
        if !shown.enabled {
            // Without round corners, since the keys have none.
            painter.rect_filled(rect, 0, Color32::from_black_alpha(190));
            let text = "Audio is followed. Choose the source Notes to play keys.";
            let size = painter.layout_no_wrap(text.to_owned(), theme::body_font(), theme::TEXT).size();
            let plate = Rect::from_center_size(rect.center(), size + egui::vec2(24.0, 16.0));
            painter.rect_filled(plate, theme::CONTROL_RADIUS, theme::SURFACE);
            painter.text(rect.center(), Align2::CENTER_CENTER, text, theme::body_font(), theme::TEXT);
        }
        let events =
            if shown.enabled { self.follow_mouse(ui, rect, &layout) } else { self.release().into_iter().collect() };
        name_keys(ui, &layout, shown);
        events
    }

    /// Lets go of what the mouse holds.
    pub fn release(&mut self) -> Option<EventKind> {
        self.ends_at = None;
        self.held.take().map(off)
    }

    fn follow_mouse(&mut self, ui: &Ui, rect: Rect, layout: &KeyLayout) -> Vec<EventKind> {
        let response = ui.interact(rect, ui.scope_id().with("keyboard"), Sense::CLICK | Sense::DRAG);
        let under = || ui.ctx().pointer_interact_pos().and_then(|point| layout.key_at(point));
        let mut events = Vec::new();
        if response.is_pointer_button_down_on() {
            self.ends_at = None;
            let now = under();
            if now.map(|(key, _)| key) != self.held {
                events.extend(self.held.take().map(off));
                if let Some((key, velocity)) = now {
                    self.held = Some(key);
                    events.push(on(key, velocity));
                }
            }
        } else if response.clicked() && self.held.is_none() {
            // Pressed and let go between two pictures.
            if let Some((key, velocity)) = under() {
                self.held = Some(key);
                self.ends_at = Some(Instant::now() + SHORTEST);
                events.push(on(key, velocity));
            }
        }
        if !response.is_pointer_button_down_on() {
            match self.ends_at.map(|end| end.saturating_duration_since(Instant::now())) {
                Some(left) if !left.is_zero() => ui.ctx().request_repaint_after(left),
                _ => events.extend(self.release()),
            }
        }
        events
    }
}

fn on(key: u8, velocity: f32) -> EventKind {
    EventKind::NoteOn { note: NoteAddress { note_id: None, channel: 0, key }, velocity }
}

fn off(key: u8) -> EventKind {
    EventKind::NoteOff { note: NoteAddress { note_id: None, channel: 0, key } }
}

fn draw_key(painter: &Painter, layout: &KeyLayout, key: u8, shown: &Shown<'_>) {
    let (black, held) = (is_black(key), shown.held >> key & 1 == 1);
    let place = layout.place(key).shrink2(egui::vec2(0.5, 0.0));
    let fill = match (held, black) {
        (true, _) => shown.accent,
        (false, true) => BLACK,
        (false, false) => WHITE,
    };
    let corners = CornerRadius { nw: 0, ne: 0, sw: 3, se: 3 };
    let edge = if black { theme::WELL } else { fill };
    painter.rect(place, corners, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    // Dark text is read on every accent.
    let color = match (held, black) {
        (true, _) => theme::BACKGROUND,
        (false, true) => HINT_ON_BLACK,
        (false, false) => HINT_ON_WHITE,
    };
    let font = |size| FontId::new(size, FontFamily::Proportional);
    if let Some(hint) = shown.keys.hint(key) {
        let above = if black { 6.0 } else { 17.0 };
        let at = place.center_bottom() - egui::vec2(0.0, above);
        painter.text(at, Align2::CENTER_BOTTOM, hint, font(11.5), color);
    }
    if key.is_multiple_of(12) {
        let at = place.center_bottom() - egui::vec2(0.0, 4.0);
        painter.text(at, Align2::CENTER_BOTTOM, name(key), font(10.5), color);
    }
}

/// Names the keys for those who hear the screen.
fn name_keys(ui: &Ui, layout: &KeyLayout, shown: &Shown<'_>) {
    for key in layout.keys() {
        let response = ui.interact(layout.place(key), ui.scope_id().with(("key", key)), Sense::HOVER);
        let held = shown.held >> key & 1 == 1;
        response.widget_info(|| {
            let name = match shown.keys.hint(key) {
                Some(hint) => format!("{}, computer key {hint}", name(key)),
                None => name(key),
            };
            WidgetInfo::selected(Role::Button, shown.enabled, held, name)
        });
    }
}

#[cfg(test)]
mod tests {
    use egui::{Event, Modifiers, PointerButton, Pos2, RawInput, pos2, vec2};

    use super::*;

    /// A keyboard in an egui context without a window.
    #[derive(Default)]
    struct Bench {
        ctx: egui::Context,
        keyboard: Keyboard,
        keys: ComputerKeys,
        disabled: bool,
    }

    const PLACE: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(720.0, 80.0) };

    impl Bench {
        fn picture(&mut self, events: Vec<Event>) -> Vec<EventKind> {
            let input = RawInput {
                events,
                screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(800.0, 200.0))),
                ..RawInput::default()
            };
            let mut played = Vec::new();
            let (keyboard, keys, enabled) = (&mut self.keyboard, &self.keys, !self.disabled);
            let output = self.ctx.run_ui(input, |ui| {
                let shown = Shown { keys, held: 0, accent: Color32::RED, enabled };
                played.extend(keyboard.show(ui, PLACE, &shown));
            });
            output.drop_without_applying_deltas();
            played
        }

        fn button(&self, at: Pos2, pressed: bool) -> Event {
            Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
        }

        fn point(key: u8) -> Pos2 {
            let place = KeyLayout::new(PLACE, 36, OCTAVES).place(key);
            pos2(place.center().x, place.bottom() - 1.0)
        }
    }

    fn keys(events: &[EventKind]) -> Vec<(u8, bool)> {
        let key = |event: &EventKind| match event {
            EventKind::NoteOn { note, .. } => Some((note.key, true)),
            EventKind::NoteOff { note } => Some((note.key, false)),
            _ => None,
        };
        events.iter().filter_map(key).collect()
    }

    #[test]
    fn a_drag_plays_one_key_after_the_other_and_ends_with_the_button() {
        let mut bench = Bench::default();
        let (first, second) = (Bench::point(48), Bench::point(50));
        bench.picture(vec![Event::PointerMoved(first)]);
        assert_eq!(keys(&bench.picture(vec![bench.button(first, true)])), [(48, true)]);
        assert_eq!(keys(&bench.picture(vec![])), [(0, false); 0], "a held key plays once");
        assert_eq!(keys(&bench.picture(vec![Event::PointerMoved(second)])), [(48, false), (50, true)]);
        let beside = pos2(400.0, 150.0);
        assert_eq!(keys(&bench.picture(vec![Event::PointerMoved(beside)])), [(50, false)]);
        assert_eq!(keys(&bench.picture(vec![Event::PointerMoved(second)])), [(50, true)]);
        assert_eq!(keys(&bench.picture(vec![bench.button(second, false)])), [(50, false)]);
    }

    #[test]
    fn a_click_within_one_picture_is_heard_and_ends() {
        let mut bench = Bench::default();
        let at = Bench::point(61);
        bench.picture(vec![Event::PointerMoved(at)]);
        let both = vec![bench.button(at, true), bench.button(at, false)];
        assert_eq!(keys(&bench.picture(both)), [(61, true)]);
        assert_eq!(keys(&bench.picture(vec![])), [(0, false); 0]);
        std::thread::sleep(SHORTEST);
        assert_eq!(keys(&bench.picture(vec![])), [(61, false)]);
    }

    #[test]
    fn while_audio_is_followed_no_key_plays_and_a_held_one_ends() {
        let mut bench = Bench::default();
        let at = Bench::point(60);
        bench.picture(vec![Event::PointerMoved(at)]);
        assert_eq!(keys(&bench.picture(vec![bench.button(at, true)])), [(60, true)]);
        bench.disabled = true;
        assert_eq!(keys(&bench.picture(vec![])), [(60, false)]);
        assert_eq!(keys(&bench.picture(vec![bench.button(at, false), bench.button(at, true)])), [(0, false); 0]);
    }
}
