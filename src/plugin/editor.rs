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
use crate::panel::Panel;

/// Between two looks at the meters.
const PICTURE_INTERVAL: Duration = Duration::from_millis(33);

/// The panel, and while a window is open its host.
pub struct RetortEditor {
    params: Arc<RetortParams>,
    status: Arc<Status>,
    panel: Panel,
    host: Option<PluginPanelHost>,
}

/// The editor of an instance. The framework opens and closes its window as the host asks.
pub fn create(params: &Arc<RetortParams>, status: &Arc<Status>) -> Option<EguiEditor<RetortEditor>> {
    let [width, height] = Panel::SIZE;
    let app =
        RetortEditor { params: Arc::clone(params), status: Arc::clone(status), panel: Panel::default(), host: None };
    let size = LogicalSize::new(width, height);
    let mut hint = ResizeHint::RESIZABLE;
    hint.size_constraints = nice_plug::editor::SizeConstraints::Logical { min_size: Some(size), max_size: None };
    let settings = EguiNiceSettings::new().with_tile("Retort").with_resize_hint(hint);
    create_egui_editor(EguiEditorState::from_size(size, 1.0), RepaintNotifier::new(), settings, app)
}

impl NiceEguiApp for RetortEditor {
    fn build(
        &mut self,
        egui_ctx: egui::Context,
        context: GuiContext,
        _: &mut Frame,
    ) -> Result<(), baseview::HandlerError> {
        Panel::apply_theme(&egui_ctx);
        self.host = Some(PluginPanelHost::new(&self.params, &self.status, context));
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut Frame) {
        if let Some(host) = &mut self.host {
            host.refresh();
            self.panel.ui(ui, host);
            // Meters and automation move without telling anybody.
            ui.ctx().request_repaint_after(PICTURE_INTERVAL);
        }
    }

    fn editor_closed(&mut self) {
        if let Some(mut host) = self.host.take() {
            self.panel.release(&mut host);
        }
    }
}
