//! The box in the field: what the instrument knows, seen from what comes in. Dragging it over what is heard sets transposition
//! and loudness; dragging its upper or lower edge sets the dynamics.

use egui::{
    Color32, CursorIcon, EventFilter, Key, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
};

use super::{PanelHost, TrainedRange, theme, value_text};
use crate::engine::{LOUDNESS_PIVOT_DB, Setting};

/// How far beside an edge it can be taken, in points.
const EDGE: f32 = 6.0;
/// The settings behind the box.
const SETTINGS: [Setting; 3] = [Setting::Transpose, Setting::LoudnessOffset, Setting::LoudnessRange];

/// How what is heard becomes what is played: semitones, dB, and a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Map {
    pub transpose: f32,
    pub offset_db: f32,
    pub range: f32,
}

impl Map {
    pub fn of(host: &dyn PanelHost) -> Self {
        let [transpose, offset_db, range] = SETTINGS.map(|setting| host.value(setting));
        Self { transpose, offset_db, range }
    }

    /// The pitch (MIDI note number) and loudness that are heard where these are played.
    pub fn heard(&self, midi: f32, loudness_db: f32) -> (f32, f32) {
        let db = LOUDNESS_PIVOT_DB + (loudness_db - self.offset_db - LOUDNESS_PIVOT_DB) / self.range;
        (midi - self.transpose, db)
    }

    /// Moved so that the box lies `semitones` higher and `db` louder.
    fn moved(self, semitones: f32, db: f32) -> Self {
        Self { transpose: self.transpose - semitones, offset_db: self.offset_db - self.range * db, ..self }
    }

    /// Changed so that, of the loudness `edges` that are played, the one called `part` is heard `db` louder and the other stays.
    fn stretched(self, edges: [f32; 2], part: Part, db: f32) -> Self {
        let [mut low, mut high] = edges.map(|edge| self.heard(0.0, edge).1);
        match part {
            Part::Softest => low += db,
            Part::Loudest => high += db,
            Part::Whole => return self.moved(0.0, db),
        }
        let spec = Setting::LoudnessRange.spec();
        let range = ((edges[1] - edges[0]) / (high - low).max(1.0)).clamp(spec.min, spec.max);
        // The edge that is not held stays where it is, also at the ends of the range.
        let (fixed, edge) = if part == Part::Loudest { (low, edges[0]) } else { (high, edges[1]) };
        Self { range, offset_db: edge - LOUDNESS_PIVOT_DB - range * (fixed - LOUDNESS_PIVOT_DB), ..self }
    }

    /// On the grid of what can be read: semitones (or cents), tenths of dB, hundredths.
    fn snapped(self, fine: bool) -> Self {
        let to = |value: f32, steps: f32| (value * steps).round() / steps;
        let transpose = to(self.transpose, if fine { 100.0 } else { 1.0 });
        Self { transpose, offset_db: to(self.offset_db, 10.0), range: to(self.range, 100.0) }
    }

    fn set(self, host: &mut dyn PanelHost) {
        for (setting, value) in SETTINGS.into_iter().zip([self.transpose, self.offset_db, self.range]) {
            let spec = setting.spec();
            let value = value.clamp(spec.min, spec.max);
            if host.value(setting) != value {
                host.set(setting, value);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Loudest,
    Softest,
}

/// The part of the box that is being dragged, and the mapping at the beginning with the way since then.
#[derive(Default)]
pub struct Mapping {
    held: Option<(Part, Map, Vec2)>,
}

/// Where values lie in the field.
pub struct Place<'a> {
    /// The box as it is shown, within the field.
    pub area: Rect,
    /// Points a semitone to the right and a dB upwards.
    pub per_semitone: f32,
    pub per_db: f32,
    pub range: TrainedRange,
    /// The instrument's name, in words.
    pub name: &'a str,
}

impl Mapping {
    /// Ends what is held, for a window that closes under the mouse.
    pub fn release(&mut self, host: &mut dyn PanelHost) {
        if self.held.take().is_some() {
            SETTINGS.into_iter().for_each(|setting| host.end(setting));
        }
    }

    /// Shows the box at `place` and passes what the user does to `host`.
    pub fn show(&mut self, ui: &mut Ui, place: &Place<'_>, accent: Color32, host: &mut dyn PanelHost) {
        let response = ui.interact(place.area.expand(EDGE), ui.scope_id().with("mapping"), Sense::click_and_drag());
        self.drag(ui, &response, place, host);
        if response.double_clicked() {
            one_change(host, Map { transpose: 0.0, offset_db: 0.0, range: 1.0 });
        }
        keys(ui, &response, host);
        let part = self.held.map(|(part, ..)| part).or_else(|| response.hover_pos().map(|at| part_at(place, at.y)));
        if let Some(part) = part {
            let icon = if part == Part::Whole { CursorIcon::Move } else { CursorIcon::ResizeVertical };
            ui.ctx().set_cursor_icon(icon);
        }
        let lit = if response.hovered() || self.held.is_some() { 0.18 } else { 0.10 };
        let edge = Stroke::new(1.5, accent);
        ui.painter().rect(place.area, 4, accent.gamma_multiply(lit), edge, StrokeKind::Inside);
        if response.has_focus() {
            ui.painter().rect_stroke(place.area, 4, theme::focus_ring(), StrokeKind::Outside);
        }
        let text = format!("{} range", place.name);
        // At the soft end, where the live point is seldom in the way.
        let corner = place.area.left_bottom() + egui::vec2(8.0, -6.0);
        ui.painter().text(corner, egui::Align2::LEFT_BOTTOM, text, theme::small_font(), accent);
        let spoken = spoken(Map::of(host));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
        response.on_hover_text(
            "What the instrument knows: drag it over what you play to transpose and change the loudness, drag its edges for \
             the dynamics, double-click to reset.",
        );
    }

    fn drag(&mut self, ui: &Ui, response: &Response, place: &Place<'_>, host: &mut dyn PanelHost) {
        if response.drag_started()
            && let Some(at) = ui.input(|input| input.pointer.press_origin())
        {
            SETTINGS.into_iter().for_each(|setting| host.begin(setting));
            self.held = Some((part_at(place, at.y), Map::of(host), Vec2::ZERO));
        }
        if let Some((part, start, way)) = &mut self.held {
            *way += response.drag_delta();
            let db = -way.y / place.per_db;
            let map = match part {
                Part::Whole => start.moved(way.x / place.per_semitone, db),
                edge => start.stretched(place.range.loudness_db, *edge, db),
            };
            map.snapped(ui.input(|input| input.modifiers.shift)).set(host);
        }
        if response.drag_stopped() {
            self.release(host);
        }
    }
}

fn part_at(place: &Place<'_>, y: f32) -> Part {
    match y {
        // A box that is too flat for edges can still be moved.
        _ if place.area.height() < 4.0 * EDGE => Part::Whole,
        y if y < place.area.top() + EDGE => Part::Loudest,
        y if y > place.area.bottom() - EDGE => Part::Softest,
        _ => Part::Whole,
    }
}

fn one_change(host: &mut dyn PanelHost, map: Map) {
    SETTINGS.into_iter().for_each(|setting| host.begin(setting));
    map.set(host);
    SETTINGS.into_iter().for_each(|setting| host.end(setting));
}

/// Arrows move the box by a semitone or a dB, with shift they change the dynamics.
fn keys(ui: &Ui, response: &Response, host: &mut dyn PanelHost) {
    if !response.has_focus() {
        return;
    }
    let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let map = Map::of(host);
    let stepped = ui.input(|input| {
        let pressed = |key| input.num_presses(key) as f32;
        let across = pressed(Key::ArrowRight) - pressed(Key::ArrowLeft);
        let up = pressed(Key::ArrowUp) - pressed(Key::ArrowDown);
        match input.modifiers.shift {
            _ if across == 0.0 && up == 0.0 => None,
            true => Some(Map { range: map.range + 0.05 * up, ..map }),
            false => Some(map.moved(across, up)),
        }
    });
    if let Some(stepped) = stepped {
        one_change(host, stepped.snapped(true));
    }
}

fn spoken(map: Map) -> String {
    let text = |setting: Setting, value| value_text::write(setting.spec(), value);
    format!(
        "Mapping: transpose {}, loudness {}, dynamics {}",
        text(Setting::Transpose, map.transpose),
        text(Setting::LoudnessOffset, map.offset_db),
        text(Setting::LoudnessRange, map.range)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::map_loudness;

    #[test]
    fn what_is_heard_is_what_the_engine_maps_to_what_is_played() {
        let map = Map { transpose: -12.0, offset_db: 6.0, range: 1.5 };
        for played_db in [-50.0, -24.0, -10.0] {
            let (midi, heard_db) = map.heard(60.0, played_db);
            assert_eq!(midi, 72.0);
            assert!((map_loudness(heard_db, map.range, map.offset_db) - played_db).abs() < 1e-3);
        }
    }

    #[test]
    fn the_box_follows_the_mouse() {
        let map = Map { transpose: 3.0, offset_db: -2.0, range: 2.0 };
        let (before, after) = (map.heard(60.0, -20.0), map.moved(5.0, 4.0).heard(60.0, -20.0));
        assert!((after.0 - before.0 - 5.0).abs() < 1e-4 && (after.1 - before.1 - 4.0).abs() < 1e-4);
    }

    #[test]
    fn a_stretched_box_keeps_its_other_edge() {
        let (map, edges) = (Map { transpose: 0.0, offset_db: 0.0, range: 1.0 }, [-50.0, -10.0]);
        let louder = map.stretched(edges, Part::Loudest, -20.0);
        assert!((louder.range - 2.0).abs() < 1e-4);
        assert!((louder.heard(0.0, -50.0).1 + 50.0).abs() < 1e-3 && (louder.heard(0.0, -10.0).1 + 30.0).abs() < 1e-3);
        let softer = map.stretched(edges, Part::Softest, -500.0);
        assert_eq!(softer.range, 0.25);
        assert!((softer.heard(0.0, -10.0).1 + 10.0).abs() < 1e-3);
    }
}
