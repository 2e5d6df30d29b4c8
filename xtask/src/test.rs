//! `cargo xtask test`: what a person runs before sending a change, and CI on every change.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bundle;
use crate::cargo::{cargo, target_dir};
use crate::credits;
use crate::licences;
use crate::links;
use crate::needs::{self, ALSA, ARDOUR, CLIPPY, PKG_CONFIG, PYTHON, RUSTFMT};
use crate::python;
use crate::step::{Report, must};
use crate::{Options, Outcome, project_root};

pub const HELP: &str = "\
Runs the checks and tests: layout, licences, links, clippy, the core without any feature, then
everything else, with the plugin files loaded by CLAP and VST3 hosts.

Usage: cargo xtask test [--all] [--yes]

Options:
  --all   Also the Python side: training, plugin hosts that are Python packages, and a song in
          Ardour. Python packages are installed into the user's cache folder the first time
          (PyTorch is large: the size is shown before it starts)
  --yes   Install what is missing without asking

The last line is the sum of all tests: `N passed, N failed`.";

pub fn run(options: &Options) -> Outcome {
    let mut needs = vec![&RUSTFMT, &CLIPPY, &PKG_CONFIG, &ALSA];
    if options.has("--all") {
        needs.extend([&PYTHON, &ARDOUR]);
    }
    let mut report = Report::default();
    // The last line is the sum in any case: whoever reads it must not take an earlier run's for this one's.
    if !report.check("Programs and libraries", || needs::ensure(&needs, options)) {
        return report.finish();
    }
    rust(&mut report);
    if options.has("--all") {
        python(&mut report, options);
    }
    report.finish()
}

fn rust(report: &mut Report) {
    report.check("Layout of the code", || must("accept the layout", cargo().args(["fmt", "--all", "--check"])));
    report.check("Licences of the dependencies", licences::check);
    report.check("List of the packages that are shipped", credits::check);
    report.check("Links between the pages", links::check);
    // The core alone first: it is the quickest to fail, and must not lean on the other features.
    report.check("Clippy on the core", || {
        must("accept the core", cargo().args(["clippy", "--lib", "--no-default-features", "--"]).args(deny_warnings()))
    });
    report.suite("Tests of the core alone", cargo().args(["test", "--lib", "--no-default-features", "--no-fail-fast"]));
    report.check("Clippy on everything", || {
        let mut clippy = cargo();
        clippy.args(["clippy", "--workspace", "--all-targets", "--all-features", "--"]).args(deny_warnings());
        must("accept the code", &mut clippy)
    });
    // Not target/bundled: a release bundle made for playing stays as it is.
    let bundled = test_bundles();
    report.check("Plugin files", || bundle::build("debug", &bundled));
    let mut everything = cargo();
    everything.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    everything.env("RETORT_BUNDLED", &bundled);
    report.suite("Tests of everything, with the plugin files in hosts", &mut everything);
}

/// Clippy's warnings are errors with the Rust version that the project names. A newer clippy knows lints that this code was
/// not written for: it shows them, and nobody's fresh Rust fails because of them.
fn deny_warnings() -> &'static [&'static str] {
    let version = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if is_version(&String::from_utf8_lossy(&version), env!("CARGO_PKG_RUST_VERSION")) {
        &["-D", "warnings"]
    } else {
        &[]
    }
}

/// Whether `rustc 1.95.0 (...)` is a `1.95`.
fn is_version(rustc: &str, wanted: &str) -> bool {
    let found = rustc.split_whitespace().nth(1).unwrap_or_default();
    found == wanted || found.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

fn python(report: &mut Report, options: &Options) {
    let mut environment = None;
    report.check("Python packages", || {
        environment = Some(python::environment(options)?);
        Ok(())
    });
    let Some(python) = environment else { return };
    report.suite("Tests of training", &mut pytest(&python, "training/tests"));
    report.suite("Tests in Python plugin hosts and Ardour", &mut pytest(&python, "tests/python"));
}

fn pytest(python: &Path, folder: &str) -> Command {
    // The tests call `retort`: the one just built, not one that may be installed.
    let mut path = vec![target_dir().join("debug")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(python);
    command.current_dir(project_root()).args(["-m", "pytest", folder]);
    if let Ok(path) = std::env::join_paths(path) {
        command.env("PATH", path);
    }
    command.env("PYTHONPATH", project_root().join("training"));
    command.env("RETORT_BUNDLED", test_bundles());
    command.env("RETORT_REQUIRED", "1");
    command
}

/// Where the debug bundles for the tests lie.
fn test_bundles() -> PathBuf {
    target_dir().join("test-bundled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_rust_version_makes_warnings_errors() {
        assert!(is_version("rustc 1.95.0 (abc 2026-01-01)", "1.95"));
        assert!(!is_version("rustc 1.96.1 (abc 2026-03-01)", "1.95"));
        assert!(!is_version("rustc 1.950.0", "1.95"));
        assert!(!is_version("", "1.95"));
    }
}
