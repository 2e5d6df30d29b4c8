//! `cargo xtask demo`: from a fresh checkout to something to listen to, without Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bundle::files_below;
use crate::cargo::{built_program, cargo, target_dir};
use crate::step::must;
use crate::{Failure, Options, Outcome, failed_at, project_root};

pub const HELP: &str = "\
Builds the command line and plays every recording in assets/demo through the violin models.

Usage: cargo xtask demo [--yes]

Options:
  --yes   Accepted for use in scripts; this command has nothing to ask

Writes WAV files to target/demo and says what to listen for. It needs no system library: only
Rust, a C compiler as linker (Debian: gcc libc6-dev), and the network once, for Rust packages.";

/// The models that play the demo, the larger one first.
const MODELS: [&str; 2] = ["violin/full", "violin/reduced"];

/// The kinds of recording that `retort render` reads.
const RECORDINGS: [&str; 4] = ["wav", "flac", "mp3", "ogg"];

pub fn run(_options: &Options) -> Outcome {
    let recordings = recordings(&project_root().join("assets/demo"))?;
    println!("Building retort (a few minutes the first time) …");
    must("build retort", cargo().args(["build", "--release", "--bin", "retort"]))?;
    let output = target_dir().join("demo");
    fs::create_dir_all(&output).map_err(|error| failed_at("Could not make the folder", &output, &error))?;
    let mut written = Vec::new();
    for recording in &recordings {
        for model in MODELS {
            let wav = output.join(output_name(recording, model));
            println!("{} played by {model} …", file_name(recording));
            render(recording, &wav, model)?;
            written.push(wav);
        }
    }
    println!("\nThe recordings are in\n  {}", project_root().join("assets/demo").display());
    println!("and the violin's versions of them in");
    for wav in &written {
        println!("  {}", wav.display());
    }
    println!(
        "\nListen for\n\
         \x20 - the phrasing: slides, vibrato and swells are the player's own, only the instrument is new;\n\
         \x20 - the breaths: where the player pauses, the violin pauses too;\n\
         \x20 - the bow: `full` is the larger model, `reduced` is a small fraction of its size.\n\
         Play your own: cargo run --release -- render IN.wav OUT.wav --model violin/full"
    );
    Ok(())
}

fn render(recording: &Path, wav: &Path, model: &str) -> Outcome {
    let mut command = Command::new(built_program("release", "retort"));
    command.arg("render").arg(recording).arg(wav).args(["--model", model]);
    command.env("RETORT_MODELS", project_root().join("models"));
    must(&format!("play {} with {model}", file_name(recording)), &mut command)
}

/// The demo recordings; having none is an error, since then there would be nothing to hear.
fn recordings(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = files_below(folder)?;
    files.retain(|file| {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        RECORDINGS.contains(&extension.as_str())
    });
    if files.is_empty() {
        return Err(Failure::Failed(format!("There is no recording in {}.", folder.display())));
    }
    Ok(files)
}

/// `trumpet.flac` and `violin/full` give `trumpet-as-violin-full.wav`.
fn output_name(recording: &Path, model: &str) -> String {
    let stem = recording.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}-as-{}.wav", model.replace('/', "-"))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_named_after_recording_and_model() {
        let name = output_name(Path::new("assets/demo/trumpet.flac"), "violin/full");
        assert_eq!(name, "trumpet-as-violin-full.wav");
    }

    #[test]
    fn a_folder_without_a_recording_is_an_error() {
        let failure = recordings(&project_root().join("xtask/src")).expect_err("it holds code only");
        assert!(failure.to_string().starts_with("There is no recording in "));
    }
}
