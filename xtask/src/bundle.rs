//! `cargo xtask bundle`: the plugin library, in the files and folders that hosts look for.
//!
//! The framework's own bundler (nice-plug-xtask) reads the same `bundler.toml`. It is not used
//! here because it takes 19 s to build before anything else happens, puts no models into the
//! VST3 folder, and gives macOS bundles its own identifier.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{cargo, target_dir};
use crate::credits;
use crate::needs::{self, PKG_CONFIG};
use crate::step::must;
use crate::{Failure, Options, Outcome, failed_at, project_root};

pub const HELP: &str = "\
Builds the plugin files. Each holds both plugins: the instrument Retort and the effect Retort FX.

Usage: cargo xtask bundle [--debug] [--yes]

Options:
  --debug   Build faster, with checks; too slow for many voices
  --yes     Install missing system packages without asking

Writes target/bundled/Retort.clap and target/bundled/Retort.vst3.";

/// The operating systems whose bundles differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Linux,
    MacOs,
    Windows,
}

impl System {
    /// The one that this program was built for.
    pub const HERE: Self = if cfg!(target_os = "macos") {
        System::MacOs
    } else if cfg!(target_os = "windows") {
        System::Windows
    } else {
        System::Linux
    };

    /// What Cargo calls the package's dynamic library.
    fn library(self) -> &'static str {
        match self {
            System::Linux => "libretort.so",
            System::MacOs => "libretort.dylib",
            System::Windows => "retort.dll",
        }
    }

    /// Where the CLAP library goes: a plain file, but a bundle on macOS.
    fn clap(self, name: &str) -> String {
        match self {
            System::Linux | System::Windows => format!("{name}.clap"),
            System::MacOs => format!("{name}.clap/Contents/MacOS/{name}"),
        }
    }

    /// Where the VST3 library goes inside its bundle, by the VST3 SDK's "Plug-in Format Structure".
    fn vst3(self, name: &str, architecture: &str) -> String {
        match self {
            System::Linux => format!("{name}.vst3/Contents/{architecture}-linux/{name}.so"),
            System::MacOs => format!("{name}.vst3/Contents/MacOS/{name}"),
            System::Windows => {
                let architecture = if architecture == "aarch64" { "arm64" } else { architecture };
                format!("{name}.vst3/Contents/{architecture}-win/{name}.vst3")
            }
        }
    }
}

pub fn run(options: &Options) -> Outcome {
    needs::ensure(&[&PKG_CONFIG], options)?;
    let folder = target_dir().join("bundled");
    build(if options.has("--debug") { "debug" } else { "release" }, &folder)?;
    println!("The plugins, for your host's plugin folders (`cargo xtask install` puts them there):");
    println!("  {}", folder.join("Retort.clap").display());
    println!("  {}", folder.join("Retort.vst3").display());
    Ok(())
}

/// Builds the plugin with the given Cargo profile (`debug` or `release`) and writes both bundles
/// to `folder`.
pub fn build(profile: &str, folder: &Path) -> Outcome {
    let mut command = cargo();
    command.args(["build", "--lib", "--no-default-features", "--features", "plugin"]);
    if profile == "release" {
        command.arg("--release");
    }
    must("build the plugin", &mut command)?;
    let system = System::HERE;
    let library = target_dir().join(profile).join(system.library());
    let name = bundle_name()?;
    let vst3 = folder.join(format!("{name}.vst3"));
    if vst3.exists() {
        // Models that were renamed or withdrawn must not stay behind.
        fs::remove_dir_all(&vst3).map_err(|error| failed_at("Could not replace", &vst3, &error))?;
    }
    place(&library, &folder.join(system.clap(&name)))?;
    place(&library, &folder.join(system.vst3(&name, std::env::consts::ARCH)))?;
    copy_models(&vst3.join("Contents/Resources/models"))?;
    credits::write_texts(&vst3.join("Contents/Resources/LICENCES.txt"))?;
    if system == System::MacOs {
        for bundle in [folder.join(format!("{name}.clap")), vst3] {
            write_property_list(&bundle.join("Contents"), &name)?;
        }
    }
    Ok(())
}

/// The plugin files' name, from `bundler.toml`.
fn bundle_name() -> Result<String, Failure> {
    let path = project_root().join("bundler.toml");
    let text = fs::read_to_string(&path).map_err(|error| failed_at("Could not read", &path, &error))?;
    name_in(&text).ok_or_else(|| Failure::Failed(format!("{} has no line `name = \"…\"`.", path.display())))
}

fn name_in(bundler: &str) -> Option<String> {
    let value = bundler.lines().find_map(|line| line.trim().strip_prefix("name")?.trim().strip_prefix('='))?;
    Some(value.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Copies a file to a path whose folders may not exist yet.
///
/// An old file is removed, not overwritten: a host that has it open keeps the old one whole.
pub fn place(from: &Path, to: &Path) -> Outcome {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| failed_at("Could not make the folder", folder, &error))?;
    }
    // Aside, then renamed: a program that has the old file open keeps it, and none ever sees half of the new one.
    let aside = aside(to);
    fs::copy(from, &aside).map_err(|error| failed_at("Could not write", &aside, &error))?;
    fs::rename(&aside, to).map_err(|error| failed_at("Could not replace", to, &error))
}

/// Where something is put together before it takes the name `to`, in the same folder; hidden, so that nobody takes it for the
/// thing itself.
pub fn aside(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.new"))
}

/// Copies the shipped model files with the notes on their licences.
///
/// Nothing else in `to` is touched: the user's own models may be there.
pub fn copy_models(to: &Path) -> Outcome {
    let models = project_root().join("models");
    for file in files_below(&models)? {
        let is_model = file.extension().is_some_and(|extension| extension == "safetensors");
        let is_note = file.file_name().is_some_and(|name| name == "README.md");
        if let (true, Ok(relative)) = (is_model || is_note, file.strip_prefix(&models)) {
            place(&file, &to.join(relative))?;
        }
    }
    Ok(())
}

/// All files in a folder and the folders in it, in the order of their names; none that is hidden.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| failed_at("Could not read the folder", folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed_at("Could not read the folder", folder, &error))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The least that macOS wants to know of a bundle.
fn write_property_list(contents: &Path, name: &str) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>CFBundleExecutable</key><string>{name}</string>
  <key>CFBundleIdentifier</key><string>org.retort-audio.{name}</string>
  <key>CFBundleName</key><string>{name}</string>
  <key>CFBundlePackageType</key><string>BNDL</string>
  <key>CFBundleShortVersionString</key><string>{version}</string>
  <key>CFBundleVersion</key><string>{version}</string>
</dict></plist>
"#
    );
    for (file, text) in [("Info.plist", text.as_str()), ("PkgInfo", "BNDL????")] {
        let path = contents.join(file);
        fs::write(&path, text).map_err(|error| failed_at("Could not write", &path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_find_the_library_where_the_formats_say() {
        assert_eq!(System::Linux.clap("Retort"), "Retort.clap");
        assert_eq!(System::Linux.vst3("Retort", "x86_64"), "Retort.vst3/Contents/x86_64-linux/Retort.so");
        assert_eq!(System::Linux.vst3("Retort", "aarch64"), "Retort.vst3/Contents/aarch64-linux/Retort.so");
        assert_eq!(System::MacOs.vst3("Retort", "aarch64"), "Retort.vst3/Contents/MacOS/Retort");
        assert_eq!(System::Windows.vst3("Retort", "x86_64"), "Retort.vst3/Contents/x86_64-win/Retort.vst3");
        assert_eq!(System::Windows.vst3("Retort", "aarch64"), "Retort.vst3/Contents/arm64-win/Retort.vst3");
    }

    #[test]
    fn the_bundles_name_is_read_from_the_bundlers_file() {
        assert_eq!(bundle_name().map_err(|failure| failure.to_string()), Ok("Retort".to_owned()));
        assert_eq!(name_in("[retort]\nname=\"A b\"\n"), Some("A b".to_owned()));
        assert_eq!(name_in("[retort]\n"), None);
    }

    #[test]
    fn placing_a_file_makes_its_folders_and_replaces_an_old_one() {
        let folder = std::env::temp_dir().join(format!("retort-xtask-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("a/b/to"));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        for text in ["first", "second"] {
            fs::write(&from, text).expect("the temporary folder is writable");
            place(&from, &to).expect("the source exists");
            assert_eq!(fs::read_to_string(&to).expect("it was just placed"), text);
        }
        assert!(place(&folder.join("missing"), &to).is_err());
        fs::remove_dir_all(&folder).expect("it is our own");
    }
}
