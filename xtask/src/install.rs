//! `cargo xtask install`: plugins, program and models for the current user.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bundle::{self, System, aside, copy_models, files_below, place};
use crate::cargo::{built_program, cargo, target_dir};
use crate::credits;
use crate::needs::{self, ALSA, PKG_CONFIG, confirmed};
use crate::step::must;
use crate::{Failure, Options, Outcome, failed_at};

pub const HELP: &str = "\
Builds Retort and installs it for you alone, without root:
  the plugins  to ~/.clap and ~/.vst3
  the program  to ~/.local/bin/retort
  the models   to ~/.local/share/retort/models, or retort/models in $XDG_DATA_HOME
(on macOS the plugins go to ~/Library/Audio/Plug-Ins, on Windows to %LOCALAPPDATA%\\Programs\\Common
and the rest to %LOCALAPPDATA%\\Programs\\Retort). What it replaces is its own older version only.

Usage: cargo xtask install [--yes]

Options:
  --yes   Install, and install missing system packages, without asking";

/// Where things go for one user.
struct Places {
    clap: PathBuf,
    vst3: PathBuf,
    program: PathBuf,
    /// `retort/models` in the user's data folder, which plugins in any host look into; usually this is
    /// `<program's folder>/../share/retort/models` too.
    models: PathBuf,
}

impl Places {
    fn of(system: System, home: &Path, data: Option<&Path>) -> Self {
        let (plugins, prefix) = match system {
            System::Linux => (None, home.join(".local")),
            System::MacOs => (Some(home.join("Library/Audio/Plug-Ins")), home.join(".local")),
            System::Windows => (Some(home.join("Programs/Common")), home.join("Programs/Retort")),
        };
        let (clap, vst3) = match plugins {
            Some(plugins) => (plugins.join("CLAP"), plugins.join("VST3")),
            None => (home.join(".clap"), home.join(".vst3")),
        };
        let program = prefix.join("bin").join(format!("retort{}", std::env::consts::EXE_SUFFIX));
        // The rule of XDG: what is not absolute counts as not set.
        let data = data.filter(|data| system == System::Linux && data.is_absolute());
        let models = data.map_or_else(|| prefix.join("share"), Path::to_path_buf).join("retort/models");
        Self { clap, vst3, program, models }
    }
}

pub fn run(options: &Options) -> Outcome {
    let variable = if System::HERE == System::Windows { "LOCALAPPDATA" } else { "HOME" };
    let home = std::env::var_os(variable)
        .ok_or_else(|| Failure::Failed(format!("{variable} is not set, so there is no place to install to.")))?;
    let places = Places::of(System::HERE, Path::new(&home), std::env::var_os("XDG_DATA_HOME").as_ref().map(Path::new));
    println!("This will build Retort (some minutes the first time) and write:");
    for path in [&places.clap.join("Retort.clap"), &places.vst3.join("Retort.vst3"), &places.program, &places.models] {
        println!("  {}", path.display());
    }
    if !confirmed("Go on?", options)? {
        return Err(Failure::Failed("Nothing was installed.".to_owned()));
    }
    needs::ensure(&[&PKG_CONFIG, &ALSA], options)?;
    let bundled = target_dir().join("bundled");
    bundle::build("release", &bundled)?;
    must("build the program", cargo().args(["build", "--release", "--bin", "retort", "--features", "app"]))?;

    copy_bundle(&bundled.join("Retort.clap"), &places.clap.join("Retort.clap"))?;
    copy_bundle(&bundled.join("Retort.vst3"), &places.vst3.join("Retort.vst3"))?;
    place(&built_program("release", "retort"), &places.program)?;
    copy_models(&places.models)?;
    credits::write_texts(&places.models.with_file_name("LICENCES.txt"))?;
    println!("Done. Let your host scan its plugins again, or start the application: retort");
    let folder = places.program.parent().unwrap_or(&places.program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|entry| entry == folder) {
        println!("{} is not in your PATH yet: start {} instead.", folder.display(), places.program.display());
    }
    Ok(())
}

/// Copies a bundle, which is one file or a folder, in place of an older one.
fn copy_bundle(from: &Path, to: &Path) -> Outcome {
    if from.is_file() {
        return place(from, to);
    }
    // The new one is complete before the old one goes.
    let aside = aside(to);
    remove_folder(&aside)?;
    for file in files_below(from)? {
        if let Ok(relative) = file.strip_prefix(from) {
            place(&file, &aside.join(relative))?;
        }
    }
    remove_folder(to)?;
    fs::rename(&aside, to).map_err(|error| failed_at("Could not replace", to, &error))
}

fn remove_folder(folder: &Path) -> Outcome {
    if folder.is_dir() {
        fs::remove_dir_all(folder).map_err(|error| failed_at("Could not replace", folder, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_finds_the_models_beside_its_own_folder() {
        for system in [System::Linux, System::MacOs, System::Windows] {
            let places = Places::of(system, Path::new("/home/ada"), None);
            let prefix = places.program.parent().and_then(Path::parent).expect("it lies in <prefix>/bin");
            assert_eq!(places.models, prefix.join("share/retort/models"));
        }
    }

    #[test]
    fn a_data_folder_of_ones_own_gets_the_models() {
        let of = |data| Places::of(System::Linux, Path::new("/home/ada"), Some(Path::new(data))).models;
        assert_eq!(of("/data"), Path::new("/data/retort/models"));
        assert_eq!(of("data"), Path::new("/home/ada/.local/share/retort/models"));
    }

    #[test]
    fn plugins_go_where_hosts_on_linux_look() {
        let places = Places::of(System::Linux, Path::new("/home/ada"), None);
        assert_eq!(places.clap, Path::new("/home/ada/.clap"));
        assert_eq!(places.vst3, Path::new("/home/ada/.vst3"));
    }
}
