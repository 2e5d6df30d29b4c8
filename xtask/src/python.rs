//! The Python environment for training and for the Python plugin hosts: made once per list of
//! pinned packages, in the user's cache folder, so that every checkout shares it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::needs::confirmed;
use crate::step::must;
use crate::{Failure, Options, Outcome, failed_at, project_root};

/// The training package, whose pinned dependencies (its tests' too) are installed; the package
/// itself is not, because each checkout uses its own.
const TRAINING: &str = "training/pyproject.toml";

/// The versions of what those bring along.
const CONSTRAINTS: &str = "training/constraints.txt";

/// What the plugin hosts' tests need on top.
const HOSTS: &str = "tests/python/requirements.txt";

/// Prints the Python version and the dependencies, one per line. Python reads its own format best.
const LIST_PINS: &str = "\
import sys, tomllib
project = tomllib.load(open(sys.argv[1], 'rb'))['project']
print(*project['dependencies'], *(pin for extra in ('test', 'runtimes') for pin in project['optional-dependencies'][extra]), sep='\\n')
print(*(line.strip() for line in open(sys.argv[2]) if not line.startswith('#')), sep='\\n')
";

/// Written last into a complete environment; one without it is made anew.
const COMPLETE: &str = ".complete";

/// The environment's Python, after making the environment if there is none yet.
///
/// # Errors
/// If the person says no, or an installation fails; the next try starts from nothing.
pub fn environment(options: &Options) -> Result<PathBuf, Failure> {
    let pins = pins()?;
    let constraints = project_root().join(CONSTRAINTS);
    let brought_along =
        fs::read_to_string(&constraints).map_err(|error| failed_at("Could not read", &constraints, &error))?;
    // Compiled packages belong to one Python version.
    let version = output_of("see Python's version", Command::new("python3").arg("--version"))?;
    let contents = fingerprint(&format!("{version}{}\n{brought_along}", pins.join("\n")));
    let folder = cache_folder()?.join(format!("venv-{contents:016x}"));
    let python = folder.join("bin/python");
    if folder.join(COMPLETE).exists() {
        println!("Python packages: {} (installed earlier)", folder.display());
        return Ok(python);
    }
    println!(
        "The pinned Python packages are not on this machine yet. PyTorch as PyPI has it comes with CUDA\n\
         libraries: 3.1 GB to download, 6 GB on disk, about four minutes with a fast network.\n\
         They go to {}, for this and every later checkout.",
        folder.display()
    );
    if !confirmed("Download and install them now?", options)? {
        return Err(Failure::Failed("The Python packages were not installed.".to_owned()));
    }
    install(&folder, &python, &pins, &constraints)?;
    Ok(python)
}

/// Every package with its version, from the two lists.
fn pins() -> Result<Vec<String>, Failure> {
    let root = project_root();
    let mut command = Command::new("python3");
    command.args(["-c", LIST_PINS]).arg(root.join(TRAINING)).arg(root.join(HOSTS));
    let list = output_of("read the pinned Python packages", &mut command)?;
    let pins: Vec<String> = list.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match pins.iter().find(|pin| !pin.contains("==")) {
        None => Ok(pins),
        Some(loose) => Err(Failure::Failed(format!("{loose:?} in {TRAINING} or {HOSTS} has no exact version."))),
    }
}

fn output_of(doing: &str, command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| Failure::Failed(format!("Could not {doing}: {error}")))?;
    if !output.status.success() {
        return Err(Failure::Failed(format!("Could not {doing}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn install(folder: &Path, python: &Path, pins: &[String], constraints: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| failed_at("Could not remove the unfinished", folder, &error))?;
    }
    must("make a Python environment", Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--progress-bar", "off", "--constraint"]).arg(constraints).args(pins);
    must("install the Python packages", &mut pip)?;
    let complete = folder.join(COMPLETE);
    fs::write(&complete, "").map_err(|error| failed_at("Could not write", &complete, &error))
}

/// `$XDG_CACHE_HOME/retort` or `~/.cache/retort`.
fn cache_folder() -> Result<PathBuf, Failure> {
    if let Some(cache) = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()) {
        return Ok(PathBuf::from(cache).join("retort"));
    }
    let home = std::env::var_os("HOME")
        .ok_or_else(|| Failure::Failed("HOME is not set, so there is no place for the Python packages.".to_owned()))?;
    Ok(PathBuf::from(home).join(".cache/retort"))
}

/// FNV-1a, 64 bits: a short name for a list of pins, the same on every machine.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_pin_means_another_environment() {
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint("numpy==2.4.6"), fingerprint("numpy==2.4.7"));
    }
}
