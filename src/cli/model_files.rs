//! `retort models import`, `export`, `info` and `remove`: models as files to share, look at and throw away.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::{ModelsExport, ModelsImport, ModelsInfo, ModelsRemove};
use super::error::CliError;
use super::plain::{plain, plain_json};
use super::{model_choice, print};
use crate::library::parcel::Parcel;
use crate::library::shelf::{self, Placed, Shelf};
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
    let shelf = Shelf::open(&folder)?;
    let plan = shelf.check(&parcels, arguments.force)?;
    let library = Library::standard();
    let twins = Twins::of(plan.outcome(), &parcels, &library, &folder);
    if !arguments.force {
        twins.refuse()?;
    }
    let placed = plan.carry_out()?;
    for (id, path) in ids(&parcels, &folder) {
        let what = if placed.same.contains(&path) { "was there already" } else { "can be played" };
        print(&format!("{id} {what}: {}\n", plain(&path.display().to_string())))?;
    }
    twins.tell()?;
    if !library.looks_into(&folder) {
        let name = plain(&folder.display().to_string());
        print(&format!("note: Retort looks into {name} only where it is named, with --models or in RETORT_MODELS\n"))?;
    }
    Ok(())
}

/// Each model of `parcels` once, with the place that it has in `folder`.
fn ids(parcels: &[Parcel], folder: &Path) -> BTreeMap<String, PathBuf> {
    let models = parcels.iter().flat_map(|parcel| &parcel.models);
    let path = |about: &Metadata| folder.join(&about.instrument).join(format!("{}.safetensors", about.variant));
    models.map(|(about, _)| (about.id.clone(), path(about))).collect()
}

/// Models that are new and have the id of one that lies elsewhere.
#[derive(Default)]
struct Twins {
    /// Ids of which the new one will play, with the other one's place.
    hidden: Vec<(String, String)>,
    /// Ids of which the other one goes on playing, with its place.
    playing: Vec<(String, String)>,
}

impl Twins {
    fn of(placed: &Placed, parcels: &[Parcel], library: &Library, folder: &Path) -> Self {
        let mut twins = Self::default();
        for (id, path) in ids(parcels, folder) {
            let Some(twin) = library.twin(&id, folder).filter(|_| placed.new.contains(&path)) else { continue };
            let place = twin.path.map_or_else(|| "built in".into(), |path| path.display().to_string());
            (if twin.plays { &mut twins.playing } else { &mut twins.hidden }).push((id, place));
        }
        twins
    }

    fn refuse(&self) -> Result<(), CliError> {
        if let Some((ids, place)) = joined(&self.playing) {
            return Err(CliError::WouldNotPlay { ids, place });
        }
        joined(&self.hidden).map_or(Ok(()), |(ids, place)| Err(CliError::WouldHide { ids, place }))
    }

    fn tell(&self) -> Result<(), CliError> {
        if let Some((ids, place)) = joined(&self.playing) {
            print(&format!("note: as {ids} still plays what is found first ({place})\n"))?;
        }
        if let Some((ids, place)) = joined(&self.hidden) {
            print(&format!(
                "note: as {ids} now plays what was imported; 'retort models remove' brings back what came with Retort ({place})\n"
            ))?;
        }
        Ok(())
    }
}

/// All ids, and the place of the first.
fn joined(twins: &[(String, String)]) -> Option<(String, String)> {
    let (_, place) = twins.first()?;
    Some((twins.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(", "), plain(place)))
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
    let place = plain(&output.display().to_string());
    print(&format!("{place}: {} ({:.1} MB)\n", names.join(", "), bytes.len() as f64 / 1e6))?;
    let mut licences: Vec<String> = parcel.models.iter().map(|(metadata, _)| plain(&metadata.licence)).collect();
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
        return print(&plain_json(&serde_json::Value::Array(models)));
    }
    parcel.models.iter().try_for_each(|(metadata, bytes)| print(&described(metadata, bytes.len())))
}

/// So many are named one by one.
const MOST_RECORDINGS: usize = 200;

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
    let mut line = |name: &str, text: String| lines.push(format!("  {name:14}{}", plain(&text)));
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
    for data in metadata.data.iter().take(MOST_RECORDINGS) {
        let private = if data.private { "; may not be passed on" } else { "" };
        line("recordings", format!("{} ({}; {}{private})", data.name, data.author, data.licence));
    }
    if let more @ 1.. = metadata.data.len().saturating_sub(MOST_RECORDINGS) {
        line("", format!("and {more} more; --json names all"));
    }
    line("licence", metadata.licence.clone());
    lines.join("\n") + "\n"
}

/// Removes files from the user's folder, after asking.
pub fn remove(arguments: &ModelsRemove) -> Result<(), CliError> {
    let folder = own_folder(arguments.models.as_deref())?;
    if shelf::is_unfinished(&folder) {
        // Puts it right. While the user is asked, others may go on.
        Shelf::open(&folder)?;
    }
    let files = shelf::files_of(&arguments.what, &folder)?;
    for path in &files {
        print(&format!("{}\n", plain(&path.display().to_string())))?;
    }
    if !arguments.yes && !confirmed(files.len())? {
        return print("Nothing was removed.\n");
    }
    Shelf::open(&folder)?.remove(&files)?;
    print(&format!("Removed {}.\n", counted(files.len())))
}

fn counted(files: usize) -> String {
    if files == 1 { "this file".into() } else { format!("these {files} files") }
}

fn confirmed(count: usize) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::Usage("there is nobody to ask; say --yes to remove these files".into()));
    }
    print(&format!("Remove {} for good? [y/N] ", counted(count)))?;
    // Without an answer, nothing is removed.
    let mut answer = String::new();
    let _ = io::stdout().flush();
    let _ = io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
