//! `cargo xtask examples`: every control of the manual to be heard, on a page that works without a network.

mod page;
mod phrases;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{built_program, cargo, target_dir};
use crate::step::must;
use crate::{Failure, Options, Outcome, failed_at, project_root};
use page::{Chapter, Player, slug};
use phrases::Phrase;
use table::{CHAPTERS, Example, Input};

pub const HELP: &str = "\
Builds the command line and renders an example for every control and idea of the manual, from the
demo recordings and from MIDI phrases that it makes itself.

Usage: cargo xtask examples [--yes]

Options:
  --yes   Accepted for use in scripts; this command has nothing to ask

Environment:
  RETORT_PROGRAM   Use this program instead of building one

Writes target/examples/index.html, which shows a player, a sentence and the exact command for each
of them and works without a network. What an earlier run has left there is replaced.";

/// The recordings that are played, by their files in `assets/demo`, and who is to be named for them.
const RECORDINGS: [(Input, &str, &str, &str); 2] = [
    (Input::Trumpet, "The trumpet", "trumpet_loop.flac", "A jazz phrase, played by Mihai Sorohan (CC BY 3.0)."),
    (
        Input::Saxophone,
        "The saxophone",
        "saxophone_phrase.flac",
        "A short melody on alto saxophone, by Karoryfer Samples (CC0 1.0).",
    ),
];

pub fn run(_options: &Options) -> Outcome {
    let folder = target_dir().join("examples");
    let program = program()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| failed_at("Could not empty the folder", &folder, &error))?;
    }
    for part in ["audio", "notes", "presets"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).map_err(|error| failed_at("Could not make the folder", &part, &error))?;
    }
    for phrase in Phrase::ALL {
        write(&folder.join("notes").join(format!("{}.mid", phrase.name())), &phrase.file())?;
    }
    let mut chapters = vec![what_goes_in(&folder)?];
    let n_examples = CHAPTERS.iter().map(|chapter| chapter.examples.len()).sum::<usize>();
    let mut done = 0;
    for chapter in CHAPTERS {
        let mut players = Vec::new();
        for example in chapter.examples {
            done += 1;
            println!("{done}/{n_examples} {}: {}", chapter.title, example.title);
            players.push(render(&program, &folder, example)?);
        }
        players.extend(chapter.unheard.iter().map(|(title, _, why)| silent(title, why)));
        chapters.push(Chapter { title: chapter.title.into(), says: chapter.says.into(), players });
    }
    let page = folder.join("index.html");
    write(&page, page::page(&intro(&program), &chapters).as_bytes())?;
    println!("\nOpen this page in a browser:\n  {}", page.display());
    Ok(())
}

/// The program that renders: the one that is named, or one that is built now.
fn program() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("RETORT_PROGRAM") {
        let named = std::path::absolute(&named).unwrap_or_else(|_| named.clone().into());
        return if named.is_file() {
            Ok(named)
        } else {
            Err(Failure::Failed(format!("RETORT_PROGRAM names {}, which is no file.", named.display())))
        };
    }
    println!("Building retort (a few minutes the first time) …");
    must("build retort", cargo().args(["build", "--release", "--bin", "retort"]))?;
    Ok(built_program("release", "retort"))
}

fn intro(program: &Path) -> String {
    let here = page::text(&project_root().display().to_string());
    let program = page::text(&near(program));
    format!(
        "<p>An example for every control and idea of the manual, in its order. Under each player is the command that made it: it can be typed \
         as it stands in the folder <code>{here}</code>, where <code>retort</code> is <code>{program}</code>. Controls without an option of \
         their own come from a preset file, which is shown too.</p>\n\
         <p>This page was made by <code>cargo xtask examples</code>. Nothing on it comes from a network.</p>"
    )
}

/// The recordings themselves, copied beside the page.
fn what_goes_in(folder: &Path) -> Result<Chapter, Failure> {
    let mut players = Vec::new();
    for (_, title, file, says) in RECORDINGS {
        let (from, sound) = (project_root().join("assets/demo").join(file), format!("audio/{file}"));
        fs::copy(&from, folder.join(&sound))
            .map_err(|error| failed_at("Could not copy the recording", &from, &error))?;
        players.push(Player { sound: Some(sound), ..silent(title, says) });
    }
    let says = "The two recordings that examples play from. Others play from short MIDI files in the folder notes.";
    Ok(Chapter { title: "What goes in".into(), says: says.into(), players })
}

fn silent(title: &str, says: &str) -> Player {
    Player { title: title.into(), says: says.into(), sound: None, command: None, preset: None }
}

/// Renders one example.
fn render(program: &Path, folder: &Path, example: &Example) -> Result<Player, Failure> {
    let name = slug(example.title);
    let mut preset = None;
    if !example.set.is_empty() {
        let path = format!("presets/{name}.json");
        let text = preset_file(example);
        write(&folder.join(&path), text.as_bytes())?;
        preset = Some((path, text));
    }
    let sound = format!("audio/{name}.wav");
    let arguments = arguments(folder, example, &sound, preset.as_ref().map(|(path, _)| path.as_str()));
    let mut command = Command::new(program);
    command.current_dir(project_root()).args(&arguments).env("RETORT_MODELS", project_root().join("models"));
    let output = command.output().map_err(|error| failed_at("Could not start", program, &error))?;
    let words = typed(&arguments);
    let notes = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::Failed(format!(
            "Could not render \u{201c}{}\u{201d}: `{words}` ended with {}.\n{}",
            example.title,
            output.status,
            notes.trim_end()
        )));
    }
    // A browser cuts off what is louder than full scale.
    if let Some(loud) = notes.lines().find(|line| line.contains("above full scale")) {
        println!("  {loud}");
    }
    let (title, says) = (example.title.into(), example.says.into());
    Ok(Player { title, says, sound: Some(sound), command: Some(words), preset })
}

/// What follows the program's name.
fn arguments(folder: &Path, example: &Example, sound: &str, preset: Option<&str>) -> Vec<String> {
    let input = match example.input {
        Input::Notes(phrase) => near(&folder.join("notes").join(format!("{}.mid", phrase.name()))),
        recording => {
            let file = RECORDINGS.iter().find(|(input, ..)| *input == recording).map_or("", |(_, _, file, _)| file);
            format!("assets/demo/{file}")
        }
    };
    let mut arguments = vec!["render".to_owned(), input, near(&folder.join(sound))];
    match preset {
        Some(path) => arguments.extend(["--preset".to_owned(), near(&folder.join(path))]),
        None if example.model.is_empty() => {}
        None => arguments.extend(["--model".to_owned(), example.model.to_owned()]),
    }
    arguments.extend(example.options.iter().map(|&option| option.to_owned()));
    arguments
}

/// A path as it is typed in the project's folder.
fn near(path: &Path) -> String {
    path.strip_prefix(project_root()).unwrap_or(path).display().to_string()
}

/// The command as a person types it.
fn typed(arguments: &[String]) -> String {
    let plain = |word: &str| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:".contains(letter));
    let words = arguments.iter().map(|word| if plain(word) { word.clone() } else { format!("\"{word}\"") });
    std::iter::once("retort".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A preset that sets what the example is about.
fn preset_file(example: &Example) -> String {
    let settings: Vec<String> = example.set.iter().map(|(id, value)| format!("    \"{id}\": {value}")).collect();
    format!(
        "{{\n  \"format\": 1,\n  \"name\": \"{}\",\n  \"model\": \"{}\",\n  \"settings\": {{\n{}\n  }}\n}}\n",
        example.title,
        example.model,
        settings.join(",\n")
    )
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    fs::write(path, bytes).map_err(|error| failed_at("Could not write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_a_command_that_can_be_typed() {
        let examples = || CHAPTERS.iter().flat_map(|chapter| chapter.examples);
        let folder = project_root().join("target/examples");
        let typed_for = |title: &str, preset| {
            let example = examples().find(|example| example.title == title).expect("there is one");
            typed(&arguments(&folder, example, "audio/x.wav", preset))
        };
        assert_eq!(
            typed_for("Transpose by -12", None),
            "retort render assets/demo/trumpet_loop.flac target/examples/audio/x.wav --model violin/full --transpose -12"
        );
        assert_eq!(
            typed_for("Solo: Felt Piano", None),
            "retort render target/examples/notes/chords.mid target/examples/audio/x.wav --preset \"Felt Piano\""
        );
        assert!(
            typed_for("Noise off", Some("presets/y.json")).ends_with("x.wav --preset target/examples/presets/y.json")
        );
    }

    #[test]
    fn a_preset_holds_the_settings_of_its_example() {
        let example = CHAPTERS.iter().flat_map(|chapter| chapter.examples).find(|example| example.set.len() == 2);
        let text = preset_file(example.expect("there is one"));
        assert!(
            text.contains("\"decay\": 0.08,\n    \"sustain\": -24\n") && text.contains("\"model\": \"violin/full\"")
        );
    }
}
