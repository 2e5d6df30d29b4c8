//! What sounds now in words and numbers: note, cents, frequency, loudness, level meters, latency and load.

use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{MeterSnapshot, meter, meter::Meter, theme, value_text};

/// Where the worst block comes so near to its whole time that another program may make it late.
const HEAVY: f32 = 0.8;

/// What the meters remember between pictures.
#[derive(Default)]
pub struct Readout {
    input: Meter,
    output: Meter,
}

impl Readout {
    /// Takes what sounds at `now_s`.
    pub fn feed(&mut self, meters: &MeterSnapshot, now_s: f64) {
        self.input.feed(meters.input_peak_db, now_s);
        self.output.feed(meters.output_peak_db, now_s);
    }

    /// Whether the picture will change though nothing new comes in.
    pub fn is_moving(&self) -> bool {
        self.input.is_moving() || self.output.is_moving()
    }

    /// Shows the card in `rect`.
    pub fn show(&self, ui: &Ui, rect: Rect, meters: &MeterSnapshot, accent: Color32) {
        ui.painter().rect_filled(rect, theme::CARD_RADIUS, theme::SURFACE);
        let inner = rect.shrink(theme::PADDING);
        pitch(ui, Rect::from_min_size(inner.min, vec2(inner.width(), 48.0)), meters, accent);
        // From the bottom up, so that a taller card gives its room to the pitch.
        let row = |from_bottom: f32| {
            let top = inner.bottom() - from_bottom;
            Rect::from_min_max(pos2(inner.left(), top), pos2(inner.right(), top + meter::HEIGHT))
        };
        self.input.show(ui, row(72.0), "In", "Peak level of the audio input in dB below full scale.", accent);
        self.output.show(ui, row(48.0), "Out", "Peak level of what leaves Retort in dB below full scale.", accent);
        load(ui, Rect::from_min_max(pos2(inner.left(), inner.bottom() - 16.0), inner.max), meters);
    }
}

fn pitch(ui: &Ui, rect: Rect, meters: &MeterSnapshot, accent: Color32) {
    let painter = ui.painter();
    let response = ui.interact(rect, ui.scope_id().with("pitch"), Sense::HOVER);
    let right = |y: f32, text: &str, color| {
        painter.text(pos2(rect.right(), y), Align2::RIGHT_CENTER, text, theme::body_font(), color);
    };
    let spoken = if meters.is_sounding() {
        let (name, cents) = value_text::note(meters.frame.f0_hz);
        painter.text(rect.left_center(), Align2::LEFT_CENTER, &name, theme::display_font(), accent);
        let cents = format!("{} cents", value_text::signed(cents, 0));
        let hz = format!("{:.1} Hz", meters.frame.f0_hz);
        let loudness = format!("Loudness {} dB", value_text::signed_if_negative(meters.frame.loudness_db, 1));
        right(rect.top() + 8.0, &hz, theme::TEXT);
        right(rect.top() + 26.0, &cents, theme::TEXT_DIM);
        right(rect.top() + 44.0, &loudness, theme::TEXT_DIM);
        format!("{name}, {cents}, {hz}, {loudness}")
    } else {
        painter.text(rect.left_center(), Align2::LEFT_CENTER, "–", theme::display_font(), theme::TEXT_DIM);
        right(rect.center().y, "no pitch", theme::TEXT_DIM);
        "No pitch".to_owned()
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    response.on_hover_text("The pitch and loudness that the instrument plays now.");
}

fn load(ui: &Ui, rect: Rect, meters: &MeterSnapshot) {
    let latency = format!("Latency {:.0} ms", meters.latency_ms);
    let font = theme::small_font();
    let left = ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, &latency, font.clone(), theme::TEXT_DIM);
    let mut right = rect.right();
    let mut spoken = latency;
    if let Some(load) = meters.load {
        let color = if load.worst > HEAVY { theme::ERROR } else { theme::TEXT_DIM };
        // A block that was late is late, however much.
        let percent = |share: f32| (share * 100.0).min(999.0);
        let text = format!("CPU {:.0} | {:.0} %", percent(load.mean), percent(load.worst));
        right = ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, &text, font.clone(), color).left();
        spoken += &format!(", CPU {:.0} percent, {:.0} at worst", load.mean * 100.0, load.worst * 100.0);
    }
    if meters.voices > 0 {
        let text = if meters.voices == 1 { "1 voice".to_owned() } else { format!("{} voices", meters.voices) };
        // Between the others, however wide they are.
        let center = pos2((left.right() + right) / 2.0, rect.center().y);
        ui.painter().text(center, Align2::CENTER_CENTER, text, font, theme::TEXT_DIM);
    }
    let response = ui.interact(rect, ui.scope_id().with("load"), Sense::HOVER);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    response.on_hover_text(
        "How late the output is, how many notes sound, and how much of the time for a block is spent on computing it: on \
         average | in the worst block of the last seconds. Above 100 % the sound breaks.",
    );
}
