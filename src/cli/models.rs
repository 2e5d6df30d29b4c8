//! `retort models`: the instruments that can be played, as a table or as JSON.

use serde_json::{Value, json};

use crate::library::Entry;

use super::arguments::Models;
use super::error::CliError;
use super::{model_choice, print};

/// Lists all models; files that lie where models belong and are broken are named on standard error.
pub fn run(arguments: &Models) -> Result<(), CliError> {
    let library = model_choice::library(arguments.models.as_deref())?;
    let listing = library.scan();
    for problem in &listing.problems {
        eprintln!("left out: {}", problem.error);
    }
    if arguments.json {
        let models: Vec<Value> = listing.models.iter().map(describe).collect();
        return print(&format!("{:#}\n", Value::Array(models)));
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
        "f0_hz": metadata.range.f0_hz,
        "loudness_db": metadata.range.loudness_db,
        "data": metadata.data,
        "path": entry.path,
    })
}

fn table(models: &[Entry]) -> String {
    let width = models.iter().map(|entry| entry.id.len()).max().unwrap_or(0).max("model".len());
    let mut text = format!(
        "{:width$}  {:>10}  {:>8}  {:>9}  {:>15}  {:>5}  licence\n",
        "model", "parameters", "size", "rate", "range", "loss"
    );
    for entry in models {
        let metadata = &entry.metadata;
        let [lowest_hz, highest_hz] = metadata.range.f0_hz;
        let range = format!("{lowest_hz:.0} to {highest_hz:.0} Hz");
        let loss = metadata.scores.map_or("-".into(), |scores| format!("{:.2}", scores.multi_scale_loss));
        let size = format!("{:.0} kB", entry.bytes as f64 / 1e3);
        let rate = format!("{} kHz", f64::from(metadata.sample_rate_hz) / 1e3);
        let (id, parameters, licence) = (&entry.id, metadata.parameters, &metadata.licence);
        text += &format!("{id:width$}  {parameters:>10}  {size:>8}  {rate:>9}  {range:>15}  {loss:>5}  {licence}\n");
    }
    text
}
