//! `retort presets`: the sounds with a name, as a table or as JSON; and the one that `--preset` names.

use serde_json::{Map, Value, json};

use crate::engine::Source;
use crate::preset::{FileStore, Origin, Preset, PresetEntry, PresetStore};

use super::arguments::Presets;
use super::error::CliError;
use super::plain::{plain, plain_json};
use super::print;

/// Lists all presets; files that lie where presets belong and are broken are named on standard error.
pub fn run(arguments: &Presets) -> Result<(), CliError> {
    let store = FileStore::standard();
    let mut listed = Vec::new();
    for entry in store.list() {
        match &entry.preset {
            Ok(preset) => listed.push((entry, preset)),
            Err(problem) => eprintln!("left out: {}", plain(&problem.to_string())),
        }
    }
    if arguments.json {
        let presets = listed.iter().map(|(entry, preset)| describe(entry, preset, &store)).collect();
        return print(&plain_json(&Value::Array(presets)));
    }
    print(&table(&listed))
}

/// The preset that `--preset` names.
///
/// # Errors
/// There is none, or its file is broken.
pub fn find(name_or_file: &str) -> Result<Preset, CliError> {
    Ok(FileStore::standard().find(name_or_file)?)
}

fn describe(entry: &PresetEntry, preset: &Preset, store: &FileStore) -> Value {
    let path = match (&entry.origin, store.folder()) {
        (Origin::User { file }, Some(folder)) => Some(folder.join(file)),
        _ => None,
    };
    // Written as f64, a setting of 0.3 would be 0.30000001192092896.
    let number = |value: f32| (f64::from(value) * 1e5).round() / 1e5;
    let settings: Map<String, Value> =
        preset.settings.iter().map(|(setting, value)| (setting.spec().id.into(), json!(number(*value)))).collect();
    json!({
        "name": preset.name,
        "category": preset.category,
        "author": preset.author,
        "description": preset.description,
        "model": preset.model,
        "blend": preset.blend,
        "source": preset.source,
        "settings": settings,
        "user": entry.is_user(),
        "path": path,
    })
}

fn table(listed: &[(&PresetEntry, &Preset)]) -> String {
    let mut rows = vec![["name", "category", "source", "model", "description"].map(str::to_owned)];
    rows.extend(listed.iter().map(|(entry, preset)| row(entry, preset)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text: String = rows.iter().map(line).collect();
    text += "\nSource: what a preset chooses; '-' leaves it as it is.";
    if listed.iter().any(|(entry, _)| entry.is_user()) {
        text += " *: one of your own.";
    }
    text + "\n"
}

fn row(entry: &PresetEntry, preset: &Preset) -> [String; 5] {
    let source = match preset.source {
        None => "-",
        Some(Source::Notes) => "notes",
        Some(Source::Audio) => "audio",
    };
    [
        if entry.is_user() { format!("{} *", preset.name) } else { preset.name.clone() },
        preset.category.clone(),
        source.to_owned(),
        preset.blend.as_ref().map_or_else(|| preset.model.clone(), |blend| format!("{} + {blend}", preset.model)),
        preset.description.clone(),
    ]
    .map(|cell| plain(&cell))
}
