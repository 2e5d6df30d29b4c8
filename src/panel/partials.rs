//! What the instrument plays now, as a spectrum: a line for each partial, a hill for the noise.

use egui::{Align2, Color32, Mesh, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::theme;
use crate::engine::Spectrum;

const FREQUENCY_RANGE_HZ: [f32; 2] = [40.0, 16_000.0];
const LEVEL_RANGE_DB: [f32; 2] = [-100.0, 0.0];

/// Shows the card in `rect`.
pub fn show(ui: &Ui, rect: Rect, spectrum: &Spectrum, accent: Color32) {
    ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
    let plot = Rect::from_min_max(rect.min + vec2(40.0, 40.0), rect.max - vec2(16.0, 32.0));
    let painter = ui.painter();
    painter.rect_filled(plot, 0, theme::WELL);
    let heading = |pos, align, text: &str| painter.text(pos, align, text, theme::small_font(), theme::TEXT_DIM);
    heading(rect.min + vec2(16.0, 20.0), Align2::LEFT_CENTER, "Partials and noise (dB)");
    for (hz, name) in [(100.0, "100"), (1_000.0, "1k"), (10_000.0, "10k")] {
        painter.vline(x(plot, hz), plot.y_range(), Stroke::new(1.0, theme::DIVIDER));
        heading(pos2(x(plot, hz), plot.bottom() + 16.0), Align2::CENTER_CENTER, name);
    }
    for db in [0, -40, -80] {
        painter.hline(plot.x_range(), y(plot, db as f32), Stroke::new(1.0, theme::DIVIDER));
        let text = super::value_text::signed(db as f32, 0);
        heading(pos2(plot.left() - 6.0, y(plot, db as f32)), Align2::RIGHT_CENTER, &text);
    }
    noise(ui, plot, spectrum);
    for (k, amplitude) in spectrum.partials.iter().enumerate() {
        let hz = spectrum.f0_hz * (k + 1) as f32;
        let top = y(plot, decibels(*amplitude));
        if (FREQUENCY_RANGE_HZ[0]..FREQUENCY_RANGE_HZ[1]).contains(&hz) && top < plot.bottom() {
            painter.vline(x(plot, hz), top..=plot.bottom(), Stroke::new(1.5, accent));
        }
    }
    let response = ui.interact(rect, ui.scope_id().with("partials"), Sense::HOVER);
    let spoken = format!("Spectrum of {} partials", spectrum.partials.len());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &spoken));
    response
        .on_hover_text("What the model plays now: a line for each partial of the loudest voice, grey for its noise.");
}

/// Amplitude of a sine with the power of white noise (-1 to 1) in one band, at a magnitude of 1, with `n` bands.
fn sine_of_a_band(n: usize) -> f32 {
    (2.0 / 3.0 / n as f32).sqrt()
}

fn noise(ui: &Ui, plot: Rect, spectrum: &Spectrum) {
    let bands = &spectrum.bands;
    if bands.len() < 2 {
        return;
    }
    let spacing_hz = spectrum.noise_top_hz / (bands.len() - 1) as f32;
    let scale = sine_of_a_band(bands.len() - 1);
    let points = bands
        .iter()
        .enumerate()
        .map(|(band, magnitude)| pos2(x(plot, band as f32 * spacing_hz), y(plot, decibels(magnitude * scale))));
    // A mesh: as polygons, strips this thin have needles at their edges.
    let mut hill = Mesh::default();
    let mut ridge = Vec::with_capacity(bands.len());
    for point in points {
        hill.colored_vertex(point, theme::CONTROL_HOVER);
        hill.colored_vertex(pos2(point.x, plot.bottom()), theme::CONTROL_HOVER);
        ridge.push(point);
    }
    for left in (0..2 * (bands.len() as u32 - 1)).step_by(2) {
        hill.add_triangle(left, left + 1, left + 2);
        hill.add_triangle(left + 1, left + 2, left + 3);
    }
    let painter = ui.painter().with_clip_rect(plot);
    painter.add(Shape::mesh(hill));
    painter.add(Shape::line(ridge, Stroke::new(1.0, theme::EDGE)));
}

fn decibels(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-9).log10()
}

fn x(plot: Rect, hz: f32) -> f32 {
    let [low, high] = FREQUENCY_RANGE_HZ.map(f32::ln);
    plot.left() + plot.width() * ((hz.max(1.0).ln() - low) / (high - low)).clamp(0.0, 1.0)
}

fn y(plot: Rect, db: f32) -> f32 {
    let [low, high] = LEVEL_RANGE_DB;
    plot.bottom() - plot.height() * ((db - low) / (high - low)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octaves_are_equally_wide_and_nothing_leaves_the_plot() {
        let plot = Rect::from_min_max(pos2(0.0, 0.0), pos2(300.0, 200.0));
        assert!((x(plot, 400.0) - x(plot, 200.0) - (x(plot, 4_000.0) - x(plot, 2_000.0))).abs() < 1e-3);
        assert_eq!((x(plot, 0.0), x(plot, 1e6), y(plot, -200.0), y(plot, 20.0)), (0.0, 300.0, 200.0, 0.0));
        assert_eq!(decibels(0.0), -180.0);
    }
}
