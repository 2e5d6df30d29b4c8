//! The field: pitch from left to right, loudness upwards, the region that the model knows, and what sounds now with its
//! trail.

use std::collections::VecDeque;

use egui::{Align2, Color32, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::mapping::{Map, Mapping, Place};
use super::{MeterSnapshot, PanelHost, TrainedRange, theme, value_text};
use crate::{frame::Frame, frame::LOUDNESS_FLOOR_DB, library::variant};

/// C1 to C8 in MIDI note numbers: from below a bass to the top of a piano.
const MIDI_RANGE: [f32; 2] = [24.0, 108.0];
const LOUDNESS_RANGE_DB: [f32; 2] = [LOUDNESS_FLOOR_DB, 0.0];
const TRAIL_S: f64 = 1.2;
/// A jump further than this starts a new line: it is a new note, not a glide.
const JUMP_SEMITONES: f32 = 1.5;

/// What the field remembers between pictures.
#[derive(Default)]
pub struct Field {
    /// Time in s, pitch in MIDI note numbers, loudness in dB; oldest first.
    trail: VecDeque<(f64, f32, f32)>,
    mapping: Mapping,
}

/// Places values in the plot.
struct Scale {
    plot: Rect,
}

impl Scale {
    fn x(&self, midi: f32) -> f32 {
        let [low, high] = MIDI_RANGE;
        self.plot.left() + self.plot.width() * ((midi - low) / (high - low)).clamp(0.0, 1.0)
    }

    fn y(&self, loudness_db: f32) -> f32 {
        let [low, high] = LOUDNESS_RANGE_DB;
        self.plot.bottom() - self.plot.height() * ((loudness_db - low) / (high - low)).clamp(0.0, 1.0)
    }

    fn at(&self, midi: f32, loudness_db: f32) -> Pos2 {
        pos2(self.x(midi), self.y(loudness_db))
    }

    /// Where `range`, which is played, is heard.
    fn place<'a>(&self, map: &Map, range: TrainedRange, name: &'a str) -> Place<'a> {
        let [low, high] = range.f0_hz.map(value_text::midi);
        let corner = |midi, loudness_db| {
            let (midi, loudness_db) = map.heard(midi, loudness_db);
            self.at(midi, loudness_db)
        };
        let area = Rect::from_two_pos(corner(low, range.loudness_db[0]), corner(high, range.loudness_db[1]));
        let per_semitone = self.plot.width() / (MIDI_RANGE[1] - MIDI_RANGE[0]);
        let per_db = self.plot.height() / (LOUDNESS_RANGE_DB[1] - LOUDNESS_RANGE_DB[0]);
        Place { area, per_semitone, per_db, range, name }
    }
}

impl Field {
    /// Takes what sounds at `now_s`, by `map`.
    pub fn feed(&mut self, meters: &MeterSnapshot, map: &Map, now_s: f64) {
        while self.trail.front().is_some_and(|point| now_s - point.0 > TRAIL_S) {
            self.trail.pop_front();
        }
        if meters.is_sounding() {
            let (midi, loudness_db) = heard(&meters.frame, map);
            self.trail.push_back((now_s, midi, loudness_db));
        }
    }

    /// Whether the picture will change though nothing new comes in.
    pub fn is_moving(&self) -> bool {
        !self.trail.is_empty()
    }

    /// Ends what is held, for a window that closes under the mouse.
    pub fn release(&mut self, host: &mut dyn PanelHost) {
        self.mapping.release(host);
    }

    /// Shows the field in `rect` with the instrument's name and the range that its model knows. `hint` is what a
    /// newcomer should do when nothing sounds.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        (instrument, range): (&str, Option<TrainedRange>),
        meters: &MeterSnapshot,
        accent: Color32,
        hint: &str,
        host: &mut dyn PanelHost,
    ) {
        ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
        let plot = Rect::from_min_max(rect.min + vec2(48.0, 40.0), rect.max - vec2(16.0, 32.0));
        let scale = Scale { plot };
        self.paint_axes(ui, rect, &scale);
        if let Some(range) = range {
            let name = variant::words(instrument);
            let place = scale.place(&Map::of(host), range, &name);
            self.mapping.show(ui, &place, accent, host);
        }
        self.paint_trail(ui, &scale, accent);
        if meters.is_sounding() {
            let (midi, loudness_db) = heard(&meters.frame, &Map::of(host));
            let point = scale.at(midi, loudness_db);
            ui.painter().circle_filled(point, 12.0, accent.gamma_multiply(0.25));
            ui.painter().circle(point, 6.0, accent, Stroke::new(2.0, theme::TEXT));
        } else if self.trail.is_empty() {
            let size = ui.painter().layout_no_wrap(hint.to_owned(), theme::body_font(), theme::TEXT).size();
            // Below, where neither the mapping box nor a soft sound is in the way.
            let center = pos2(plot.center().x, plot.bottom() - 24.0);
            let back = Rect::from_center_size(center, size + vec2(24.0, 16.0));
            ui.painter().rect_filled(back, theme::CONTROL_RADIUS, theme::SURFACE);
            ui.painter().text(center, Align2::CENTER_CENTER, hint, theme::body_font(), theme::TEXT);
        }
        let heading = Rect::from_min_max(rect.min, pos2(rect.right(), plot.top()));
        let response = ui.interact(heading, ui.scope_id().with("field"), Sense::HOVER);
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Pitch against loudness"));
    }

    fn paint_axes(&self, ui: &Ui, rect: Rect, scale: &Scale) {
        let painter = ui.painter();
        let plot = scale.plot;
        painter.rect_filled(plot, 0, theme::WELL);
        let heading = |pos, align, text: &str| painter.text(pos, align, text, theme::small_font(), theme::TEXT_DIM);
        heading(rect.min + vec2(16.0, 20.0), Align2::LEFT_CENTER, "Loudness (dB) over pitch");
        for octave in 1..=8 {
            let x = scale.x(12.0 + 12.0 * octave as f32);
            painter.vline(x, plot.y_range(), Stroke::new(1.0, theme::DIVIDER));
            heading(pos2(x, plot.bottom() + 16.0), Align2::CENTER_CENTER, &format!("C{octave}"));
        }
        for loudness_db in [-80, -60, -40, -20, 0] {
            let y = scale.y(loudness_db as f32);
            painter.hline(plot.x_range(), y, Stroke::new(1.0, theme::DIVIDER));
            let text = value_text::signed(loudness_db as f32, 0);
            heading(pos2(plot.left() - 8.0, y), Align2::RIGHT_CENTER, &text);
        }
    }

    fn paint_trail(&self, ui: &Ui, scale: &Scale, accent: Color32) {
        let Some(newest) = self.trail.back() else { return };
        for (from, to) in self.trail.iter().zip(self.trail.iter().skip(1)) {
            if (to.1 - from.1).abs() > JUMP_SEMITONES {
                continue;
            }
            let age = ((newest.0 - to.0) / TRAIL_S).clamp(0.0, 1.0) as f32;
            let color = accent.gamma_multiply(0.9 * (1.0 - age));
            ui.painter().add(Shape::line_segment(
                [scale.at(from.1, from.2), scale.at(to.1, to.2)],
                Stroke::new(1.0 + 2.0 * (1.0 - age), color),
            ));
        }
    }
}

/// Pitch (MIDI note number) and loudness that are heard where `frame` is played.
fn heard(frame: &Frame, map: &Map) -> (f32, f32) {
    map.heard(value_text::midi(frame.f0_hz), frame.loudness_db)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sounding(f0_hz: f32) -> MeterSnapshot {
        MeterSnapshot { frame: Frame { f0_hz, loudness_db: -20.0, voicing: 1.0 }, ..MeterSnapshot::SILENCE }
    }

    #[test]
    fn the_trail_fades_after_silence_and_holds_no_unvoiced_sound() {
        let mut field = Field::default();
        let map = Map { transpose: 0.0, offset_db: 0.0, range: 1.0 };
        field.feed(&sounding(440.0), &map, 1.0);
        assert!(field.is_moving());
        field.feed(&MeterSnapshot::SILENCE, &map, 1.5);
        assert_eq!(field.trail.len(), 1);
        field.feed(&MeterSnapshot::SILENCE, &map, 3.0);
        assert!(!field.is_moving());
    }

    #[test]
    fn higher_is_to_the_right_and_louder_is_up_and_nothing_leaves_the_plot() {
        let scale = Scale { plot: Rect::from_min_max(pos2(0.0, 0.0), pos2(840.0, 320.0)) };
        assert_eq!(scale.at(24.0, -80.0), pos2(0.0, 320.0));
        assert_eq!(scale.at(108.0, 0.0), pos2(840.0, 0.0));
        assert_eq!(scale.at(69.0, -40.0), pos2(450.0, 160.0));
        assert_eq!(scale.at(200.0, 30.0), pos2(840.0, 0.0));
    }
}
