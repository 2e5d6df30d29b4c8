//! A line across the panel: what the user has to know now.

use egui::{Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, text::LayoutJob, vec2};

use super::theme;

/// Lines that a text may take; more is in the tooltip.
const MAX_LINES: usize = 2;

/// A line across the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    pub severity: Severity,
    /// One or two short sentences: what is wrong, and what helps.
    pub text: String,
}

/// How much a [`Banner`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Work in progress, such as a model that loads.
    Note,
    /// Sound goes on, but not as the user asked.
    Warning,
    /// No sound.
    Error,
}

/// Shows `banner` from the top of `rect` over its width. Gives the place that it took.
pub fn show(ui: &Ui, rect: Rect, banner: &Banner) -> Rect {
    let color = match banner.severity {
        Severity::Note => theme::TEXT_DIM,
        Severity::Warning => theme::WARNING,
        Severity::Error => theme::ERROR,
    };
    let wrap = rect.width() - 2.0 * theme::PADDING;
    let mut job = LayoutJob::simple(banner.text.clone(), theme::body_font(), theme::TEXT, wrap);
    job.wrap.max_rows = MAX_LINES;
    let text = ui.painter().layout_job(job);
    let shortened = text.elided;
    let place = Rect::from_min_size(rect.min, vec2(rect.width(), text.size().y + 16.0));
    let painter = ui.painter();
    painter.rect(place, theme::CONTROL_RADIUS, theme::SURFACE, Stroke::new(1.0, color), StrokeKind::Inside);
    painter.rect_filled(place.with_max_x(place.left() + 4.0), 2, color);
    painter.galley(place.min + vec2(theme::PADDING, 8.0), text, theme::TEXT);
    let response = ui.interact(place, ui.scope_id().with("banner"), Sense::HOVER);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &banner.text));
    if shortened {
        response.on_hover_text(&banner.text);
    }
    place
}
