//! The strip below the panel: which devices sound, listen and play.

use egui::{ComboBox, RichText, Ui};

use super::{
    config::DeviceChoice,
    devices::{DeviceName, DeviceSearch},
    midi::MidiPorts,
};
use crate::panel::{list_line, theme};

/// Height of the strip at 100 % zoom, in points.
pub const HEIGHT: f32 = 72.0;
const DEVICE_WIDTH: f32 = 176.0;
const MIDI_WIDTH: f32 = 152.0;
const RATES_HZ: [u32; 6] = [44_100, 48_000, 88_200, 96_000, 176_400, 192_000];
const BUFFERS: [u32; 7] = [32, 64, 128, 256, 512, 1_024, 2_048];

/// What the user did in the strip.
pub enum Wish {
    /// Open these audio devices.
    Devices(DeviceChoice),
    /// Listen to this MIDI port, or to all.
    MidiPort(Option<String>),
    /// Look again for what was plugged in.
    Search,
}

/// What the strip shows.
pub struct Shown<'a> {
    pub choice: &'a DeviceChoice,
    pub search: &'a DeviceSearch,
    pub midi: &'a MidiPorts,
    /// The rate that is running; `None` while nothing runs.
    pub sample_rate_hz: Option<u32>,
    pub dropouts: u32,
}

/// Shows the strip in `ui`. Gives what the user wishes, if anything.
pub fn show(ui: &mut Ui, shown: &Shown<'_>) -> Option<Wish> {
    let mut wish = None;
    let choice = shown.choice;
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let found = &shown.search.found;
        let output = column(ui, "Audio output", |ui| {
            choose_device(ui, "output", choice.output.as_deref(), choice.output_name.as_deref(), &found.outputs)
        });
        if let Some(device) = output {
            let (output, output_name) = device.unzip();
            wish = Some(Wish::Devices(DeviceChoice { output, output_name, ..choice.clone() }));
        }
        let input = column(ui, "Audio input", |ui| {
            choose_device(ui, "input", choice.input.as_deref(), choice.input_name.as_deref(), &found.inputs)
        });
        if let Some(device) = input {
            let (input, input_name) = device.unzip();
            wish = Some(Wish::Devices(DeviceChoice { input, input_name, ..choice.clone() }));
        }
        if let Some(port) = column(ui, "MIDI input", |ui| choose_midi(ui, choice.midi_port.as_deref(), shown.midi)) {
            wish = Some(Wish::MidiPort(port));
        }
        let rate = |rate: u32| format!("{} kHz", f64::from(rate) / 1e3);
        let automatic = shown.sample_rate_hz.map_or_else(|| "Automatic".to_owned(), rate);
        // Not every device has every rate.
        let other = shown.sample_rate_hz.filter(|&runs| choice.sample_rate_hz.is_some_and(|wanted| wanted != runs));
        let title = other.map_or_else(|| "Sample rate".to_owned(), |runs| format!("Plays at {}", rate(runs)));
        let chosen =
            column(ui, &title, |ui| choose_number(ui, "rate", choice.sample_rate_hz, &RATES_HZ, rate, automatic));
        if let Some(sample_rate_hz) = chosen {
            wish = Some(Wish::Devices(DeviceChoice { sample_rate_hz, ..choice.clone() }));
        }
        let frames = |frames: u32| frames.to_string();
        let chosen = column(ui, "Block", |ui| {
            choose_number(ui, "buffer", choice.buffer_frames, &BUFFERS, frames, "Automatic".to_owned())
        });
        if let Some(buffer_frames) = chosen {
            wish = Some(Wish::Devices(DeviceChoice { buffer_frames, ..choice.clone() }));
        }
        let text = if shown.search.is_under_way() { "Looking…" } else { "Rescan" };
        let button = column(ui, &dropouts(shown.dropouts), |ui| {
            ui.add(egui::Button::new(text).wrap_mode(egui::TextWrapMode::Extend))
        });
        if button.on_hover_text("Looks for devices that were plugged in.").clicked() {
            wish = Some(Wish::Search);
        }
    });
    wish
}

fn dropouts(n: u32) -> String {
    if n == 0 { String::new() } else { format!("{n} dropouts") }
}

fn column<R>(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.vertical(|ui| {
        ui.label(RichText::new(name).font(theme::small_font()).color(theme::TEXT_DIM));
        contents(ui)
    })
    .inner
}

/// `Some` if another device was chosen, as its id and name; inside, `None` is the system's choice.
fn choose_device(
    ui: &mut Ui,
    id: &str,
    chosen: Option<&str>,
    remembered_name: Option<&str>,
    devices: &[DeviceName],
) -> Option<Option<(String, String)>> {
    let known = |id: &str| devices.iter().find(|device| device.id == id).map(|device| device.name.as_str());
    let text = chosen.map_or("System default", |id| known(id).or(remembered_name).unwrap_or(id));
    let mut choice = None;
    // A long name is shortened, and does not push the rest aside.
    ui.set_max_width(DEVICE_WIDTH);
    ComboBox::from_id_salt(id).width(DEVICE_WIDTH).truncate().selected_text(text).show_ui(ui, |ui| {
        ui.set_min_width(320.0);
        if list_line::show(ui, chosen.is_none(), "System default").clicked() {
            choice = Some(None);
        }
        for device in devices {
            let response = list_line::show(ui, chosen == Some(&device.id), &device.name);
            if response.on_hover_text(&device.id).clicked() {
                choice = Some(Some((device.id.clone(), device.name.clone())));
            }
        }
    });
    choice.filter(|choice| choice.as_ref().map(|(id, _)| id.as_str()) != chosen)
}

fn choose_midi(ui: &mut Ui, chosen: Option<&str>, ports: &MidiPorts) -> Option<Option<String>> {
    let mut choice = None;
    let text = match (chosen, &ports.problem) {
        (_, Some(_)) => "Not available",
        (Some(name), None) => name,
        (None, None) if ports.names.is_empty() => "None found",
        (None, None) => "All ports",
    };
    ui.set_max_width(MIDI_WIDTH);
    let response = ComboBox::from_id_salt("midi").width(MIDI_WIDTH).truncate().selected_text(text).show_ui(ui, |ui| {
        ui.set_min_width(240.0);
        if list_line::show(ui, chosen.is_none(), "All ports").clicked() {
            choice = Some(None);
        }
        for name in &ports.names {
            if list_line::show(ui, chosen == Some(name), name).clicked() {
                choice = Some(Some(name.clone()));
            }
        }
    });
    let help = match &ports.problem {
        Some(problem) => format!("MIDI is not available: {problem}. The keys A to L of the computer play notes too."),
        None => "The keys A to L of the computer play notes too; Z and X move them by octaves.".to_owned(),
    };
    response.response.on_hover_text(help);
    choice.filter(|choice| choice.as_deref() != chosen)
}

fn choose_number(
    ui: &mut Ui,
    id: &str,
    chosen: Option<u32>,
    numbers: &[u32],
    write: impl Fn(u32) -> String,
    automatic: String,
) -> Option<Option<u32>> {
    let mut choice = None;
    let text = chosen.map_or(automatic, &write);
    ComboBox::from_id_salt(id).width(80.0).truncate().selected_text(text).show_ui(ui, |ui| {
        if list_line::show(ui, chosen.is_none(), "Automatic").clicked() {
            choice = Some(None);
        }
        for &number in numbers {
            if list_line::show(ui, chosen == Some(number), write(number)).clicked() {
                choice = Some(Some(number));
            }
        }
    });
    choice.filter(|choice| *choice != chosen)
}
