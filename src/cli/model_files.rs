//! `retort models import`, `export`, `info` and `remove`: models as files to share, look at and throw away.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::{ModelsExport, ModelsImport, ModelsInfo, ModelsRemove};
use super::error::CliError;
use super::{model_choice, print};
use crate::library::parcel::Parcel;
use crate::library::shelf;
use crate::library::{Library, data_folder, variant};
use crate::model::{Architecture, Metadata};

/// The folder that is named, or the user's own.
fn own_folder(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let nowhere = || CliError::Usage("this system names no folder for a user's data; name one with --models".into());
    named.map(Path::to_path_buf).or_else(|| data_folder("models")).ok_or_else(nowhere)
}

/// Checks all files before it puts the first one into place.
pub fn import(arguments: &ModelsImport) -> Result<(), CliError> {
    let folder = own_folder(arguments.models.as_deref())?;
    let parcels = arguments.files.iter().map(|path| Parcel::read(path)).collect::<Result<Vec<_>, _>>()?;
    for parcel in &parcels {
        let placed = shelf::place(parcel, &folder, arguments.force)?;
        for (metadata, _) in &parcel.models {
            let path = folder.join(&parcel.instrument).join(format!("{}.safetensors", metadata.variant));
            let is_same = placed.same.contains(&path);
            print(&format!(
                "{} {}: {}\n",
                metadata.id,
                if is_same { "was there already" } else { "can be played" },
                path.display()
            ))?;
            hidden_by(&metadata.id, &path)?;
        }
    }
    Ok(())
}

/// Says so if another file of the same id is found first.
fn hidden_by(id: &str, path: &Path) -> Result<(), CliError> {
    let listed = Library::standard().list();
    let same = |other: &Path| other.canonicalize().ok() == path.canonicalize().ok();
    match listed.iter().find(|entry| entry.id == id) {
        Some(entry) if !entry.path.as_deref().is_some_and(same) => {
            let other =
                entry.path.as_ref().map_or_else(|| "the one in the program".into(), |path| path.display().to_string());
            print(&format!("note: {id} is found elsewhere first, and that one plays: {other}\n"))
        }
        _ => Ok(()),
    }
}

/// Writes a parcel with everything that belongs to it.
pub fn export(arguments: &ModelsExport) -> Result<(), CliError> {
    let parcel = model_choice::library(arguments.models.as_deref())?.parcel(&arguments.what)?;
    let output =
        arguments.output.clone().unwrap_or_else(|| format!("{}.retort", arguments.what.replace('/', "-")).into());
    if output.exists() && !arguments.force {
        return Err(CliError::Usage(format!("{} is there already; --force replaces it", output.display())));
    }
    let bytes = parcel.to_bytes();
    shelf::write_whole(&output, &bytes).map_err(|error| CliError::writing(&output, error))?;
    let names: Vec<&str> = parcel.models.iter().map(|(metadata, _)| metadata.id.as_str()).collect();
    print(&format!("{}: {} ({:.1} MB)\n", output.display(), names.join(", "), bytes.len() as f64 / 1e6))?;
    let mut licences: Vec<&str> = parcel.models.iter().map(|(metadata, _)| metadata.licence.as_str()).collect();
    licences.dedup();
    print(&format!("Licence: {}\n", licences.join("; ")))?;
    if parcel.models.iter().any(|(metadata, _)| metadata.data.iter().any(|data| data.private)) {
        print("It learned from recordings that may not be passed on themselves; see 'retort models info'.\n")?;
    }
    Ok(())
}

/// Everything that model files say about themselves.
pub fn info(arguments: &ModelsInfo) -> Result<(), CliError> {
    let path = Path::new(&arguments.what);
    let parcel = if path.is_file() {
        Parcel::read(path)?
    } else {
        model_choice::library(arguments.models.as_deref())?.parcel(&arguments.what)?
    };
    if arguments.json {
        let models: Vec<_> = parcel
            .models
            .iter()
            .map(|(metadata, bytes)| json!({ "metadata": metadata, "bytes": bytes.len() }))
            .collect();
        return print(&format!("{:#}\n", serde_json::Value::Array(models)));
    }
    parcel.models.iter().try_for_each(|(metadata, bytes)| print(&described(metadata, bytes.len())))
}

fn described(metadata: &Metadata, bytes: usize) -> String {
    let mut lines = vec![format!(
        "{}: {}, {}",
        metadata.id,
        variant::words(&metadata.instrument),
        variant::title(&metadata.variant)
    )];
    let kind = match &metadata.architecture {
        Architecture::Gru { hidden, .. } => format!("recurrent, {hidden} wide"),
        Architecture::Cnn { channels, .. } => format!("convolutional, {channels} channels"),
    };
    let mut line = |name: &str, text: String| lines.push(format!("  {name:14}{text}"));
    line(
        "network",
        format!("{kind}, {} parameters, {}, {:.0} kB", metadata.parameters, metadata.precision, bytes as f64 / 1e3),
    );
    line(
        "sound",
        format!(
            "{} Hz, {} harmonics, {} noise bands",
            metadata.sample_rate_hz, metadata.n_harmonics, metadata.n_noise_bands
        ),
    );
    let ([low_hz, high_hz], [soft_db, loud_db]) = (metadata.range.f0_hz, metadata.range.loudness_db);
    line("learned", format!("{low_hz:.0} to {high_hz:.0} Hz, {soft_db:.0} to {loud_db:.0} dB"));
    line("a voice takes", format!("about {:.1} % of a processor core", 100.0 * metadata.estimated_cpu_share()));
    match &metadata.scores {
        Some(scores) => line(
            "held out",
            format!(
                "loss {:.2}, pitch {:.1} cents, loudness {:.1} dB",
                scores.multi_scale_loss, scores.f0_cents, scores.loudness_error_db
            ),
        ),
        None => line("held out", "not scored".into()),
    }
    for data in &metadata.data {
        let private = if data.private { "; may not be passed on" } else { "" };
        line("recordings", format!("{} ({}; {}{private})", data.name, data.author, data.licence));
    }
    line("licence", metadata.licence.clone());
    lines.join("\n") + "\n"
}

/// Removes files from the user's folder, after asking.
pub fn remove(arguments: &ModelsRemove) -> Result<(), CliError> {
    let folder = own_folder(arguments.models.as_deref())?;
    let files = shelf::files_of(&arguments.what, &folder)?;
    for path in &files {
        print(&format!("{}\n", path.display()))?;
    }
    if !arguments.yes && !confirmed(files.len())? {
        return print("Nothing was removed.\n");
    }
    shelf::remove(&files)?;
    print(&format!("Removed {} files.\n", files.len()))
}

fn confirmed(count: usize) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::Usage("there is nobody to ask; say --yes to remove these files".into()));
    }
    print(&format!("Remove these {count} files for good? [y/N] "))?;
    // Without an answer, nothing is removed.
    let mut answer = String::new();
    let _ = io::stdout().flush();
    let _ = io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
