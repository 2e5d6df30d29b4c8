//! Colours, type sizes and spacing of the panel, in one place. Distances are multiples of 8 points, half steps of 4.
//!
//! Text keeps a contrast of at least 4.5 and graphics of at least 3 against what they are drawn on (WCAG 2.2, AA).

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontFamily, FontId, Galley, Margin, Shadow, Stroke, TextStyle, Vec2, text::LayoutJob,
};

/// Behind everything.
pub const BACKGROUND: Color32 = Color32::from_rgb(0x12, 0x15, 0x1a);
/// Cards that hold what belongs together.
pub const SURFACE: Color32 = Color32::from_rgb(0x1b, 0x1f, 0x26);
/// Wells in a card: meters, knob tracks, unchosen segments.
pub const WELL: Color32 = Color32::from_rgb(0x0c, 0x0f, 0x13);
/// Buttons and lists; lighter when pointed at.
pub const CONTROL: Color32 = Color32::from_rgb(0x2a, 0x30, 0x3a);
pub const CONTROL_HOVER: Color32 = Color32::from_rgb(0x38, 0x40, 0x4d);
/// Edges of controls, bright enough to be seen as edges.
pub const EDGE: Color32 = Color32::from_rgb(0x74, 0x80, 0x90);
/// Lines that only divide.
pub const DIVIDER: Color32 = Color32::from_rgb(0x2c, 0x33, 0x3d);
/// What is read first.
pub const TEXT: Color32 = Color32::from_rgb(0xf1, 0xf3, 0xf5);
/// Names, units, scales.
pub const TEXT_DIM: Color32 = Color32::from_rgb(0xa9, 0xb3, 0xc0);
pub const WARNING: Color32 = Color32::from_rgb(0xf2, 0xc1, 0x4e);
pub const ERROR: Color32 = Color32::from_rgb(0xff, 0x8f, 0x86);

/// Between the window's edge, cards and groups.
pub const GAP: f32 = 16.0;
/// Inside cards.
pub const PADDING: f32 = 16.0;
/// Height of buttons, lists and segments.
pub const CONTROL_HEIGHT: f32 = 32.0;
pub const CARD_RADIUS: CornerRadius = CornerRadius::same(8);
pub const CONTROL_RADIUS: CornerRadius = CornerRadius::same(5);

/// The pitch that sounds.
pub fn display_font() -> FontId {
    FontId::new(44.0, FontFamily::Proportional)
}

/// The product's name.
pub fn title_font() -> FontId {
    FontId::new(22.0, FontFamily::Proportional)
}

/// Values and controls.
pub fn body_font() -> FontId {
    FontId::new(14.5, FontFamily::Proportional)
}

/// Names of controls, scales and remarks.
pub fn small_font() -> FontId {
    FontId::new(12.5, FontFamily::Proportional)
}

/// The colour that marks what belongs to an instrument: its region, its live point, its knobs.
#[must_use]
pub fn accent(instrument: &str) -> Color32 {
    match instrument {
        "violin" => Color32::from_rgb(0xf0, 0x96, 0x5a),
        "cello" => Color32::from_rgb(0xf0, 0x78, 0x78),
        "trumpet" => Color32::from_rgb(0xf3, 0xcb, 0x56),
        "trombone" => Color32::from_rgb(0xc9, 0xd6, 0x58),
        "flute" => Color32::from_rgb(0x78, 0xc8, 0xf0),
        "clarinet" => Color32::from_rgb(0x92, 0xac, 0xff),
        "oboe" => Color32::from_rgb(0x8a, 0xdb, 0x86),
        "bassoon" => Color32::from_rgb(0x4f, 0xd8, 0xe0),
        "saxophone" => Color32::from_rgb(0xee, 0x8f, 0xc0),
        "piano" => Color32::from_rgb(0xc4, 0xa4, 0xf5),
        _ => Color32::from_rgb(0x6a, 0xd6, 0xb8),
    }
}

/// Sets the style of everything that egui draws itself: lists, text fields, tooltips.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Small, small_font()),
            (TextStyle::Body, body_font()),
            (TextStyle::Button, body_font()),
            (TextStyle::Heading, title_font()),
            (TextStyle::Monospace, FontId::new(13.0, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = Vec2::splat(8.0);
        style.spacing.button_padding = Vec2::new(12.0, 6.0);
        style.spacing.interact_size.y = CONTROL_HEIGHT;
        style.spacing.menu_margin = Margin::same(8);
        style.spacing.tooltip_width = 280.0;
        style.spacing.icon_spacing = 8.0;
        // What can be scrolled has to look like it before the mouse is there.
        style.spacing.scroll.floating_width = 4.0;
        style.spacing.scroll.dormant_handle_opacity = 0.6;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.4;

        let visuals = &mut style.visuals;
        visuals.dark_mode = true;
        visuals.panel_fill = BACKGROUND;
        visuals.window_fill = SURFACE;
        visuals.window_stroke = Stroke::new(1.0, EDGE);
        visuals.window_corner_radius = CARD_RADIUS;
        visuals.menu_corner_radius = CARD_RADIUS;
        visuals.extreme_bg_color = WELL;
        visuals.faint_bg_color = SURFACE;
        visuals.warn_fg_color = WARNING;
        visuals.error_fg_color = ERROR;
        visuals.weak_text_color = Some(TEXT_DIM);
        visuals.selection.bg_fill = CONTROL_HOVER;
        visuals.selection.stroke = Stroke::new(1.0, TEXT);
        visuals.popup_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(160) };
        let widgets = &mut visuals.widgets;
        for (state, fill, edge, text) in [
            (&mut widgets.noninteractive, SURFACE, DIVIDER, TEXT),
            (&mut widgets.inactive, CONTROL, CONTROL, TEXT),
            (&mut widgets.hovered, CONTROL_HOVER, EDGE, TEXT),
            (&mut widgets.active, CONTROL_HOVER, TEXT, TEXT),
            (&mut widgets.open, CONTROL_HOVER, EDGE, TEXT),
        ] {
            state.bg_fill = fill;
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::new(1.0, edge);
            state.fg_stroke = Stroke::new(1.0, text);
            state.corner_radius = CONTROL_RADIUS;
            state.expansion = 0.0;
        }
    });
}

/// `text` laid out on one line, shortened with dots where it is wider than `width`.
pub fn one_line(ui: &egui::Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple(text.to_owned(), font, color, width.max(0.0));
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}

/// The ring around what the keyboard moves.
pub fn focus_ring() -> Stroke {
    Stroke::new(2.0, TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance).
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |c: Color32| {
            let linear = |v: u8| {
                let v = f32::from(v) / 255.0;
                if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b())
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-3);
        assert!((contrast(Color32::from_rgb(0x77, 0x77, 0x77), Color32::WHITE) - 4.48).abs() < 0.01);
    }

    #[test]
    fn text_can_be_read_on_everything_that_it_is_written_on() {
        for on in [BACKGROUND, SURFACE, WELL] {
            for text in [TEXT, TEXT_DIM, WARNING, ERROR] {
                assert!(contrast(text, on) >= 4.5, "{text:?} on {on:?}");
            }
        }
        for on in [CONTROL, CONTROL_HOVER] {
            for text in [TEXT, TEXT_DIM, ERROR] {
                assert!(contrast(text, on) >= 4.5, "{text:?} on {on:?}");
            }
        }
        assert!(contrast(EDGE, SURFACE) >= 3.0);
    }

    #[test]
    fn every_accent_is_seen_and_carries_dark_text() {
        let instruments = [
            "violin",
            "cello",
            "trumpet",
            "trombone",
            "flute",
            "clarinet",
            "oboe",
            "bassoon",
            "saxophone",
            "piano",
            "kazoo",
        ];
        for (index, instrument) in instruments.into_iter().enumerate() {
            for other in &instruments[..index] {
                let [a, b] = [accent(instrument), accent(other)];
                let apart: u32 = (0..3).map(|i| u32::from(a[i].abs_diff(b[i]))).sum();
                assert!(apart >= 48, "{instrument} and {other} are told apart: {apart}");
            }
            assert!(contrast(accent(instrument), SURFACE) >= 4.5, "{instrument}");
            assert!(contrast(accent(instrument), BACKGROUND) >= 4.5, "{instrument}");
            assert!(contrast(accent(instrument), WELL) >= 4.5, "{instrument}");
            assert!(contrast(accent(instrument), CONTROL) >= 4.5, "{instrument}");
        }
    }
}
