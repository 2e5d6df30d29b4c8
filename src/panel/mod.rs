//! The window's contents: what comes in are a host's values and meters ([`PanelHost`]), what goes out are its changes.
//!
//! The panel knows no window, plugin framework, engine or file. The plugin's editor and the application each keep one
//! [`Panel`] and show it in whatever egui gives them. All values are in the units of [`crate::engine::Setting::ALL`].

mod host;

pub use host::{Banner, MeterSnapshot, ModelEntry, PanelHost, Severity, TrainedRange};

/// The panel and what it remembers between pictures: the trail, falling meters, text that is being typed.
#[derive(Default)]
pub struct Panel {}

impl Panel {
    /// Width and height at 100 % zoom, in points.
    pub const SIZE: [f32; 2] = [880.0, 560.0];

    /// Sets fonts, colours and spacing. Call once for each egui context, before the first picture.
    pub fn apply_theme(ctx: &egui::Context) {
        ctx.set_visuals(egui::Visuals::dark());
    }

    /// Draws the panel over all of `ui` and passes what the user does to `host`.
    pub fn ui(&mut self, ui: &mut egui::Ui, host: &mut dyn PanelHost) {
        ui.label(host.model_id());
    }
}
