//! The plugin's window: the panel in the window that the host gives.

use std::sync::Arc;

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

/// The panel, and while a window is open its host.
pub struct RetortEditor {
    params: Arc<RetortParams>,
    status: Arc<Status>,
    panel: Panel,
    zoom: WindowZoom,
    repaint: RepaintNotifier,
    host: Option<PluginPanelHost>,
}

/// The editor of an instance. The framework opens and closes its window as the host asks.
pub fn create(params: &Arc<RetortParams>, status: &Arc<Status>) -> Option<EguiEditor<RetortEditor>> {
    let [width, height] = Panel::SIZE;
    let repaint = RepaintNotifier::new();
    let chosen = zoom::remembered();
    let app = RetortEditor {
        params: Arc::clone(params),
        status: Arc::clone(status),
        panel: Panel::default(),
        zoom: WindowZoom::new(chosen),
        repaint: repaint.clone(),
        host: None,
    };
    let scaled = |zoom: f32| LogicalSize::new(width * zoom, height * zoom);
    let mut hint = ResizeHint::RESIZABLE;
    let least = scaled(*crate::panel::zoom::RANGE.start());
    hint.size_constraints = nice_plug::editor::SizeConstraints::Logical { min_size: Some(least), max_size: None };
    let settings = EguiNiceSettings::new().with_tile("Retort").with_resize_hint(hint);
    create_egui_editor(EguiEditorState::from_size(scaled(chosen), 1.0), repaint, settings, app)
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
        // Not through egui: it asks the window once, and the toolkit loses that where the host is still putting the window
        // into place.
        let repaint = self.repaint.clone();
        let wake = move || repaint.request_repaint();
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
    }

    fn editor_closed(&mut self) {
        if let Some(mut host) = self.host.take() {
            self.panel.release(&mut host);
        }
    }
}
