//! `retort models`: the instruments that can be played, as a table or as JSON.

use serde_json::{Value, json};

use crate::library::{Entry, variant};

use super::arguments::{Models, ModelsAction};
use super::error::CliError;
use super::plain::{plain, plain_json};
use super::{model_choice, model_files, print};

/// Lists all models, unless something else is to be done with them.
pub fn run(arguments: &Models) -> Result<(), CliError> {
    match &arguments.action {
        None => list(arguments),
        Some(ModelsAction::Import(more)) => model_files::import(more),
        Some(ModelsAction::Export(more)) => model_files::export(more),
        Some(ModelsAction::Info(more)) => model_files::info(more),
        Some(ModelsAction::Remove(more)) => model_files::remove(more),
    }
}

/// Lists all models; files that lie where models belong and are broken are named on standard error.
fn list(arguments: &Models) -> Result<(), CliError> {
    let library = model_choice::library(arguments.models.as_deref())?;
    let listing = library.scan();
    for problem in &listing.problems {
        eprintln!("left out: {}", plain(&problem.error.to_string()));
    }
    if arguments.json {
        let models: Vec<Value> = listing.models.iter().map(describe).collect();
        return print(&plain_json(&Value::Array(models)));
    }
    if listing.models.is_empty() {
        eprintln!(
            "No model is installed, and this program was built without one; set RETORT_MODELS to a folder with models."
        );
        return Ok(());
    }
    print(&table(&listing.models))
}

/// What a file says about itself. The first seven names are fixed; programs read them.
fn describe(entry: &Entry) -> Value {
    let metadata = &entry.metadata;
    json!({
        "id": entry.id,
        "parameters": metadata.parameters,
        "bytes": entry.bytes,
        "sample_rate": metadata.sample_rate_hz,
        "frame_rate": metadata.frame_rate_hz,
        "licence": metadata.licence,
        "scores": metadata.scores,
        "precision": metadata.precision,
        "instrument": metadata.instrument,
        "variant": metadata.variant,
        "name": variant::title(&metadata.variant),
        "architecture": metadata.architecture,
        "cpu_share": metadata.estimated_cpu_share(),
        "f0_hz": metadata.range.f0_hz,
        "loudness_db": metadata.range.loudness_db,
        "data": metadata.data,
        "path": entry.path,
    })
}

/// The mark of a model that learned from recordings which may not be passed on.
const PRIVATE: &str = "[P]";

/// The columns and how wide they are at least; negative ones are set to the right.
const COLUMNS: [(&str, isize); 9] = [
    ("model", 0),
    ("name", 0),
    ("parameters", -10),
    ("size", -7),
    ("CPU", -5),
    ("rate", -8),
    ("range", -14),
    ("loss", -5),
    ("quality", -7),
];

fn table(models: &[Entry]) -> String {
    let rows: Vec<[String; 9]> = models.iter().map(row).collect();
    let width = |column: usize| {
        let (name, least) = COLUMNS[column];
        rows.iter().map(|row| row[column].chars().count()).fold(name.len().max(least.unsigned_abs()), usize::max)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: [&str; 9]| {
        let cell = |((cell, width), (_, least)): ((&str, &usize), (_, isize))| match least {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = cells.into_iter().zip(&widths).zip(COLUMNS).map(cell).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(COLUMNS.map(|(name, _)| name));
    rows.iter().for_each(|row| text += &line(row.each_ref().map(String::as_str)));
    text += "\nCPU: estimate of a voice's share of one core; 'retort bench' measures it. Loss: on recordings not heard in training.\n";
    if models.iter().any(|entry| entry.metadata.scores.is_some_and(|scores| scores.gap_closed.is_some())) {
        text += "Quality: 0 % is a crude resynthesis of such recordings, 100 % the best that this kind of synthesis can do.\n";
    }
    text += &licences(models);
    text
}

/// A line for each instrument and licence, rather than the same words in every row.
fn licences(models: &[Entry]) -> String {
    let mut lines: Vec<(String, bool)> = Vec::new();
    for entry in models {
        let instrument = variant::words(entry.id.split('/').next().unwrap_or(&entry.id));
        let line = (format!("{instrument}: {}", plain(&entry.metadata.licence)), is_private(entry));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let mut text = if lines.is_empty() { String::new() } else { "\nLicences\n".to_owned() };
    for (line, private) in &lines {
        text += &format!("{line}{}\n", if *private { format!(" {PRIVATE}") } else { String::new() });
    }
    if lines.iter().any(|(_, private)| *private) {
        text += &format!("{PRIVATE}: learned from recordings too that may not be passed on.\n");
    }
    text
}

fn is_private(entry: &Entry) -> bool {
    entry.metadata.data.iter().any(|data| data.private)
}

fn row(entry: &Entry) -> [String; 9] {
    let metadata = &entry.metadata;
    let [lowest_hz, highest_hz] = metadata.range.f0_hz;
    let scores = metadata.scores;
    [
        entry.id.clone(),
        variant::title(&metadata.variant),
        metadata.parameters.to_string(),
        format!("{:.0} kB", entry.bytes as f64 / 1e3),
        format!("{:.1} %", 100.0 * metadata.estimated_cpu_share()),
        format!("{} kHz", f64::from(metadata.sample_rate_hz) / 1e3),
        format!("{lowest_hz:.0} to {highest_hz:.0} Hz"),
        scores.map_or("-".into(), |scores| format!("{:.2}", scores.multi_scale_loss)),
        scores.and_then(|scores| scores.gap_closed).map_or("-".into(), |share| format!("{:.0} %", 100.0 * share)),
    ]
}
