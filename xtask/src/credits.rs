//! Whose software the programs are made of: a list for the panel's Help, and all licences' texts beside what is installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::cargo;
use crate::licences::{self, Package};
use crate::{Failure, Options, Outcome, failed_at, project_root};

pub const HELP: &str = "\
Writes assets/packages.tsv anew: name, version and licence of every package in the programs, which
the panel shows under Help. Needed after a dependency has changed; `cargo xtask test` says when.

Usage: cargo xtask licences";

/// Beginnings of the names of files that hold a licence or what it asks to be passed on.
const LICENCE_FILES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// The list, in the project's folder.
fn list_file() -> PathBuf {
    project_root().join("assets/packages.tsv")
}

pub fn run(_: &Options) -> Outcome {
    let path = list_file();
    fs::write(&path, list(&shipped()?)).map_err(|error| failed_at("Could not write", &path, &error))?;
    println!("Written: {}", path.display());
    Ok(())
}

/// Whether the list is what is built.
///
/// # Errors
/// If it is another; it says how to write it anew.
pub fn check() -> Outcome {
    let path = list_file();
    let written = fs::read_to_string(&path).map_err(|error| failed_at("Could not read", &path, &error))?;
    if written == list(&shipped()?) {
        return Ok(());
    }
    Err(Failure::Failed("assets/packages.tsv is not what is built. Write it anew: cargo xtask licences".to_owned()))
}

/// The packages in the programs, on any platform, but our own.
fn shipped() -> Result<Vec<Package>, Failure> {
    let asked = ["--package", "retort", "--edges", "normal", "--no-default-features", "--features", "app,plugin"];
    let mut packages = licences::dependencies(&asked)?;
    packages.retain(|(name, ..)| name != "retort");
    Ok(packages)
}

fn list(packages: &[Package]) -> String {
    packages.iter().map(|(name, version, licence)| format!("{name}\t{version}\t{licence}\n")).collect()
}

/// Writes the texts of all licences to `to`, each once, with the packages that it is of.
///
/// # Errors
/// If Cargo does not say where the packages lie, or the file cannot be written.
pub fn write_texts(to: &Path) -> Outcome {
    let folders = package_folders()?;
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for (name, version, licence) in shipped()? {
        let label = format!("{name} {version} ({licence})");
        // What is for other systems may not have been fetched, and is not in what is installed here.
        let Some(folder) = folders.get(&format!("{name}-{version}")) else { continue };
        let found = licence_texts(folder);
        if found.is_empty() {
            without.push(label);
            continue;
        }
        for text in found {
            let holders = texts.entry(text).or_default();
            if holders.last() != Some(&label) {
                holders.push(label.clone());
            }
        }
    }
    let mut all = String::from(
        "Retort is under the MIT or the Apache-2.0 licence, as you choose. It is made with the packages below.\n",
    );
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let path = project_root().join(file);
        let text = fs::read_to_string(&path).map_err(|error| failed_at("Could not read", &path, &error))?;
        texts.entry(tidy(&text)).or_default().insert(0, "Retort".to_owned());
    }
    for (text, holders) in texts {
        all += &format!("\n{}\n{}\n\n{text}\n", "=".repeat(80), holders.join("\n"));
    }
    if !without.is_empty() {
        let line = "=".repeat(80);
        all += &format!(
            "\n{line}\nThese packages come without the text of the licence that they name:\n\n{}\n",
            without.join("\n")
        );
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| failed_at("Could not make the folder", folder, &error))?;
    }
    fs::write(to, all).map_err(|error| failed_at("Could not write", to, &error))
}

/// The folders of all packages by `<name>-<version>`, as Cargo keeps those of registries.
fn package_folders() -> Result<BTreeMap<String, PathBuf>, Failure> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--all-features"])
        .output()
        .map_err(|error| Failure::Failed(format!("Could not ask Cargo for the packages: {error}")))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::Failed(format!("Could not ask Cargo for the packages: {why}")));
    }
    Ok(folders_in(&String::from_utf8_lossy(&output.stdout)))
}

/// Looks for the manifests' paths in Cargo's JSON, of which nothing else is needed.
fn folders_in(metadata: &str) -> BTreeMap<String, PathBuf> {
    let manifests = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let folders = manifests.filter_map(|path| Some(PathBuf::from(path.replace("\\\\", "\\")).parent()?.to_path_buf()));
    folders.filter_map(|folder| Some((folder.file_name()?.to_string_lossy().into_owned(), folder))).collect()
}

fn licence_texts(folder: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_licence(path))
        .collect();
    files.sort();
    files.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| tidy(&text)).collect()
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    path.is_file() && LICENCE_FILES.iter().any(|begin| name.starts_with(begin))
}

/// Without what differs between equal texts: line ends and spaces at the ends.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_in_cargos_answer() {
        let json = r#"{"packages":[{"name":"half","manifest_path":"/r/half-2.7.1/Cargo.toml","x":1},{"manifest_path":"C:\\r\\egui-0.37.0\\Cargo.toml"}]}"#;
        let folders = folders_in(json);
        assert_eq!(folders["half-2.7.1"], Path::new("/r/half-2.7.1"));
        if cfg!(windows) {
            assert!(folders.contains_key("egui-0.37.0"));
        }
    }

    #[test]
    fn equal_texts_are_one() {
        assert_eq!(tidy("MIT \r\nLicense\r\n\r\n"), tidy("\nMIT\nLicense"));
    }

    #[test]
    fn the_texts_name_our_own_licences_and_those_of_the_fonts() {
        let folder = std::env::temp_dir().join(format!("retort-licences-{}", std::process::id()));
        let file = folder.join("LICENCES.txt");
        write_texts(&file).expect("the texts are written");
        let text = fs::read_to_string(&file).expect("they can be read");
        fs::remove_dir_all(&folder).expect("the folder is ours");
        assert!(text.contains("Retort\n") && text.contains("egui 0.") && text.contains("epaint_default_fonts"));
    }
}
