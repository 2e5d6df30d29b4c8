//! The plugin's window: the panel in the window that the host gives.

use std::sync::Arc;
use std::time::Duration;

use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::prelude::ResizeHint;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, RepaintNotifier, baseview, create_egui_editor,
};

use super::panel_host::PluginPanelHost;
use super::params::RetortParams;
use super::status::Status;
use super::zoom::{self, WindowZoom};
use crate::panel::Panel;

/// After it was opened or resized, a window is put into place by its host in its own time, and pictures drawn before are lost.
const LIVELY_S: f64 = 2.0;
const SOON: Duration = Duration::from_millis(33);
/// The windowing toolkit does not tell when a window was covered and is seen again, so a picture is drawn now and then.
const SELDOM: Duration = Duration::from_secs(1);

/// The panel, and while a window is open its host.
pub struct RetortEditor {
    params: Arc<RetortParams>,
    status: Arc<Status>,
    panel: Panel,
    zoom: WindowZoom,
    /// The window was opened or resized since the last picture.
    changed: bool,
    lively_until_s: f64,
    host: Option<PluginPanelHost>,
}

/// The editor of an instance. The framework opens and closes its window as the host asks.
pub fn create(params: &Arc<RetortParams>, status: &Arc<Status>) -> Option<EguiEditor<RetortEditor>> {
    let [width, height] = Panel::SIZE;
    let chosen = zoom::remembered();
    let app = RetortEditor {
        params: Arc::clone(params),
        status: Arc::clone(status),
        panel: Panel::default(),
        zoom: WindowZoom::new(chosen),
        changed: true,
        lively_until_s: 0.0,
        host: None,
    };
    let scaled = |zoom: f32| LogicalSize::new(width * zoom, height * zoom);
    let mut hint = ResizeHint::RESIZABLE;
    let least = scaled(*crate::panel::zoom::RANGE.start());
    hint.size_constraints = nice_plug::editor::SizeConstraints::Logical { min_size: Some(least), max_size: None };
    let settings = EguiNiceSettings::new().with_tile("Retort").with_resize_hint(hint);
    create_egui_editor(EguiEditorState::from_size(scaled(chosen), 1.0), RepaintNotifier::new(), settings, app)
}

impl NiceEguiApp for RetortEditor {
    fn build(
        &mut self,
        egui_ctx: egui::Context,
        context: GuiContext,
        _: &mut Frame,
    ) -> Result<(), baseview::HandlerError> {
        Panel::apply_theme(&egui_ctx);
        self.zoom.open(&egui_ctx);
        (self.changed, self.lively_until_s) = (true, 0.0);
        let wake = move || egui_ctx.request_repaint();
        self.host = Some(PluginPanelHost::new(&self.params, &self.status, context, wake));
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let window = frame.baseview_window().size().logical;
        self.zoom.follow(ui.ctx(), egui::vec2(window.width as f32, window.height as f32));
        if let Some(host) = &mut self.host {
            host.refresh();
            self.panel.ui(ui, host);
        }
        let now_s = ui.input(|input| input.time);
        if std::mem::take(&mut self.changed) {
            self.lively_until_s = now_s + LIVELY_S;
        }
        ui.ctx().request_repaint_after(if now_s < self.lively_until_s { SOON } else { SELDOM });
    }

    fn resized(&mut self, _: baseview::WindowSize) {
        self.changed = true;
    }

    fn editor_closed(&mut self) {
        if let Some(mut host) = self.host.take() {
            self.panel.release(&mut host);
        }
    }
}
