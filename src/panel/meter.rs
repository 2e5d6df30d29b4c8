//! A level meter: a bar that jumps up and falls slowly, a line at the last peak, and the peak as a number.

use egui::{Align2, Color32, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{theme, value_text};

/// The lowest level that is shown, in dBFS.
const FLOOR_DB: f32 = -60.0;
const CEILING_DB: f32 = 6.0;
const FALL_DB_PER_S: f32 = 30.0;
const HOLD_S: f64 = 1.5;
/// From here to full scale the bar warns.
const HOT_DB: f32 = -6.0;
pub const HEIGHT: f32 = 24.0;

/// What a meter remembers between pictures.
pub struct Meter {
    level_db: f32,
    hold_db: f32,
    held_at_s: f64,
    last_s: f64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { level_db: FLOOR_DB, hold_db: f32::NEG_INFINITY, held_at_s: 0.0, last_s: 0.0 }
    }
}

impl Meter {
    /// Takes a new peak in dBFS at `now_s`.
    pub fn feed(&mut self, peak_db: f32, now_s: f64) {
        let elapsed_s = (now_s - self.last_s).clamp(0.0, 1.0) as f32;
        self.last_s = now_s;
        self.level_db = peak_db.max(self.level_db - FALL_DB_PER_S * elapsed_s).max(FLOOR_DB);
        if peak_db >= self.hold_db {
            (self.hold_db, self.held_at_s) = (peak_db, now_s);
        } else if now_s - self.held_at_s > HOLD_S {
            self.hold_db = if self.level_db <= FLOOR_DB { f32::NEG_INFINITY } else { self.level_db };
        }
    }

    /// Whether the picture will change though nothing new comes in.
    pub fn is_moving(&self) -> bool {
        self.level_db > FLOOR_DB || self.hold_db > f32::NEG_INFINITY
    }

    /// Shows the meter in `rect`, which is as high as [`HEIGHT`].
    pub fn show(&self, ui: &Ui, rect: Rect, name: &str, help: &str, accent: Color32) -> Response {
        let bar = Rect::from_min_max(rect.min + vec2(32.0, 6.0), rect.max - vec2(48.0, 10.0));
        let x = |db: f32| bar.left() + bar.width() * ((db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)).clamp(0.0, 1.0);
        let painter = ui.painter();
        painter.text(
            pos2(rect.left(), bar.center().y),
            Align2::LEFT_CENTER,
            name,
            theme::small_font(),
            theme::TEXT_DIM,
        );
        painter.rect_filled(bar, 2, theme::WELL);
        for (from_db, to_db, color) in
            [(FLOOR_DB, HOT_DB, accent), (HOT_DB, 0.0, theme::WARNING), (0.0, CEILING_DB, theme::ERROR)]
        {
            if self.level_db > from_db {
                let lit = Rect::from_x_y_ranges(x(from_db)..=x(self.level_db.min(to_db)), bar.y_range());
                painter.rect_filled(lit, 2, color);
            }
        }
        if self.hold_db > FLOOR_DB {
            painter.vline(x(self.hold_db), bar.y_range(), egui::Stroke::new(2.0, theme::TEXT));
        }
        for db in [-48.0, -36.0, -24.0, -12.0, 0.0] {
            let length = if db == 0.0 { 6.0 } else { 3.0 };
            painter.vline(x(db), bar.bottom() + 2.0..=bar.bottom() + 2.0 + length, (1.0, theme::EDGE));
        }
        let color = if self.hold_db > 0.0 { theme::ERROR } else { theme::TEXT };
        let text = value_text::level(self.hold_db);
        painter.text(pos2(rect.right(), bar.center().y), Align2::RIGHT_CENTER, &text, theme::small_font(), color);

        let response = ui.interact(rect, ui.scope_id().with(name), Sense::HOVER);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name} level {text} dB")));
        response.on_hover_text(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_jumps_up_and_falls_slowly() {
        let mut meter = Meter::default();
        assert!(!meter.is_moving());
        meter.feed(-3.0, 10.0);
        assert_eq!((meter.level_db, meter.hold_db), (-3.0, -3.0));
        meter.feed(f32::NEG_INFINITY, 10.5);
        assert_eq!((meter.level_db, meter.hold_db), (-18.0, -3.0));
    }

    #[test]
    fn a_meter_comes_to_rest_after_silence() {
        let mut meter = Meter::default();
        meter.feed(0.0, 0.0);
        for tenth in 1..40 {
            meter.feed(f32::NEG_INFINITY, f64::from(tenth) / 10.0);
        }
        assert!(!meter.is_moving());
    }
}
