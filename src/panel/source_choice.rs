//! The choice between notes and audio, and how low the tracker listens.

use egui::{Align2, Color32, Rect, Ui, pos2, vec2};

use super::{
    PanelHost,
    segments::{self, Segment},
    theme, toggle,
};
use crate::{analysis::LowestPitch, engine::Setting, engine::Source};

/// Height of the card.
pub const HEIGHT: f32 = 2.0 * theme::PADDING + 2.0 * theme::CONTROL_HEIGHT + 16.0 + 24.0;
const LABEL_WIDTH: f32 = 88.0;
const LOWEST: [LowestPitch; 3] = [LowestPitch::Hz40, LowestPitch::Hz80, LowestPitch::Hz160];

/// Shows the card in `rect`, which is as high as [`HEIGHT`].
pub fn show(ui: &mut Ui, rect: Rect, accent: Color32, host: &mut dyn PanelHost) {
    ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
    let inner = rect.shrink(theme::PADDING);
    let row = |index: f32| {
        let top = inner.top() + index * (theme::CONTROL_HEIGHT + 8.0);
        Rect::from_min_size(pos2(inner.left(), top), vec2(inner.width(), theme::CONTROL_HEIGHT))
    };
    let label = |ui: &Ui, row: Rect, text: &str| {
        ui.painter().text(row.left_center(), Align2::LEFT_CENTER, text, theme::small_font(), theme::TEXT_DIM);
        row.with_min_x(row.left() + LABEL_WIDTH)
    };

    let sources = [
        Segment { label: "Notes", help: "Plays the notes that come in over MIDI, without latency." },
        Segment { label: "Audio", help: "Follows the pitch and loudness of the audio input." },
    ];
    let area = label(ui, row(0.0), "Follow");
    let id = ui.scope_id().with("source");
    let chosen = if host.source() == Source::Notes { 0 } else { 1 };
    if let Some(index) = segments::show(ui, area, id, &sources, chosen, true, accent) {
        host.set_source([Source::Notes, Source::Audio][index]);
    }

    let audio = host.source() == Source::Audio;
    let names = LOWEST.map(|lowest| format!("{:.0}", lowest.hz()));
    let helps = LOWEST.map(|lowest| help(lowest, host.latency_ms(lowest)));
    let pitches: Vec<Segment<'_>> = names.iter().zip(&helps).map(|(label, help)| Segment { label, help }).collect();
    let area = label(ui, row(1.0), "Lowest pitch");
    let id = ui.scope_id().with("lowest");
    // Every variant is in the table.
    let chosen = LOWEST.iter().position(|&lowest| lowest == host.lowest_pitch()).unwrap_or(0);
    if let Some(index) = segments::show(ui, area, id, &pitches, chosen, audio, accent) {
        host.set_lowest_pitch(LOWEST[index]);
    }

    // Both are about what is heard.
    let switches = row(2.0).with_max_y(inner.bottom());
    let half = vec2((switches.width() - 8.0) / 2.0, switches.height());
    let shown = if host.sends_notes() { 2 } else { 1 };
    for (index, setting) in [Setting::OctaveMatch, Setting::NotesOut].into_iter().take(shown).enumerate() {
        let left = switches.left() + index as f32 * (half.x + 8.0);
        toggle::switch(ui, Rect::from_min_size(pos2(left, switches.top()), half), setting, audio, accent, host);
    }
}

fn help(lowest: LowestPitch, latency_ms: f32) -> String {
    let examples = match lowest {
        LowestPitch::Hz40 => "bass, bassoon, piano",
        LowestPitch::Hz80 => "voice, guitar, cello",
        LowestPitch::Hz160 => "violin, flute, trumpet",
    };
    format!("Hears pitches from {:.0} Hz ({examples}); the output is {latency_ms:.1} ms late.", lowest.hz())
}
