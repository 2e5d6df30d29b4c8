//! How keys share the voices, one under the other, and the switch for MPE below.

use egui::{Color32, Rect, Role, Ui, pos2, vec2};

use super::toggle::{self, Toggle};
use super::{PanelHost, value_text};
use crate::engine::{Mode, Setting};

const ROW_HEIGHT: f32 = 24.0;
const STEP: f32 = 26.0;

/// Shows the choice in `rect`.
pub fn show(ui: &mut Ui, rect: Rect, accent: Color32, host: &mut dyn PanelHost) {
    let id = ui.scope_id().with("mode");
    let row = |index: usize| {
        Rect::from_min_size(pos2(rect.left(), rect.top() + index as f32 * STEP), vec2(rect.width(), ROW_HEIGHT))
    };
    let chosen = value_text::mode(host.value(Setting::Mode));
    for (index, mode) in Mode::ALL.into_iter().enumerate() {
        let help = match mode {
            Mode::Poly => "Every key has a voice of its own.",
            Mode::Mono => "One voice: each key is articulated anew.",
            Mode::Legato => "One voice: a key that is pressed while another is held takes over its sound.",
        };
        let shown = Toggle { label: mode.name(), help, on: mode == chosen, enabled: true, role: Role::RadioButton };
        if toggle::button(ui, row(index), id.with(index), &shown, accent) {
            toggle::change(host, Setting::Mode, index as f32);
        }
    }
    toggle::switch(ui, row(Mode::ALL.len()), Setting::Mpe, true, accent, host);
}
