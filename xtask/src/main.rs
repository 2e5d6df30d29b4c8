//! `cargo xtask …`: everything around building that repeats.
//!
//! Each command is one file. They share [`step`] (running a program, showing its time, counting
//! its tests) and [`needs`] (programs and libraries of the system, installed after a yes).
//! Exit codes: 0 success, 1 something failed, 2 wrong usage.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod arm;
mod board;
mod bundle;
mod cargo;
mod credits;
mod demo;
mod examples;
mod install;
mod licences;
mod links;
mod needs;
mod python;
mod step;
mod tally;
mod test;

const HELP: &str = "\
Retort's own commands.

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  demo      Build Retort and play the demo recordings through the violin models
  examples  Render a sound for every control of the manual, and a page to hear them on
  bundle    Build the plugin files: target/bundled/Retort.clap and Retort.vst3
  install   Put the plugins, the program and the models where your system looks for them
  test      Run every check and test that needs no Python
  arm       Build the core for 64-bit ARM and run its tests in an emulator
  licences  Write the list of packages and their licences anew
  help      Show this text, or that of a command: cargo xtask help demo

Options:
  -h, --help   Show this text, or that of a command: cargo xtask demo --help

Programs and libraries that are missing are shown first, and installed after a yes.";

/// One command: its name, its own help, the options that it knows, and what it does.
struct Command {
    name: &'static str,
    help: &'static str,
    options: &'static [&'static str],
    run: fn(&Options) -> Outcome,
}

const COMMANDS: [Command; 7] = [
    Command { name: "arm", help: arm::HELP, options: &["--yes"], run: arm::run },
    Command { name: "demo", help: demo::HELP, options: &["--yes"], run: demo::run },
    Command { name: "examples", help: examples::HELP, options: &["--yes"], run: examples::run },
    Command { name: "bundle", help: bundle::HELP, options: &["--debug", "--yes"], run: bundle::run },
    Command { name: "install", help: install::HELP, options: &["--yes"], run: install::run },
    Command { name: "licences", help: credits::HELP, options: &[], run: credits::run },
    Command { name: "test", help: test::HELP, options: &["--all", "--yes"], run: test::run },
];

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// The arguments make no sense; exit code 2.
    Usage(String),
    /// Something went wrong on the way, in words for the person at the terminal; exit code 1.
    Failed(String),
    /// The same, but the terminal already shows why; exit code 1.
    Told,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Failed(message) => f.write_str(message),
            Failure::Told => Ok(()),
        }
    }
}

pub type Outcome = Result<(), Failure>;

/// A failure that names the path it is about.
pub fn failed_at(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{what} {}: {error}", path.display()))
}

/// The folder of the root `Cargo.toml`.
pub fn project_root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The options that were given to a command.
pub struct Options {
    given: Vec<String>,
}

impl Options {
    pub fn has(&self, option: &str) -> bool {
        self.given.iter().any(|given| given == option)
    }
}

fn run(args: &[String]) -> Outcome {
    let Some((name, args)) = args.split_first() else {
        return Err(Failure::Usage(HELP.to_owned()));
    };
    let wants_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        let about = args.first().filter(|_| !wants_help);
        println!("{}", about.map_or(Ok(HELP), |about| find(about).map(|command| command.help))?);
        return Ok(());
    }
    let command = find(name)?;
    if wants_help {
        println!("{}", command.help);
        return Ok(());
    }
    if let Some(unknown) = args.iter().find(|arg| !command.options.contains(&arg.as_str())) {
        return Err(Failure::Usage(format!(
            "`cargo xtask {name}` does not know `{unknown}`. See: cargo xtask {name} --help"
        )));
    }
    (command.run)(&Options { given: args.to_vec() })
}

fn find(name: &str) -> Result<&'static Command, Failure> {
    COMMANDS.iter().find(|command| command.name == name).ok_or_else(|| {
        let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        Failure::Usage(format!("There is no command `{name}`; there are: {}, help.", names.join(", ")))
    })
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => match failure {
            Failure::Told => ExitCode::from(1),
            Failure::Failed(message) => {
                eprintln!("{message}");
                ExitCode::from(1)
            }
            Failure::Usage(message) => {
                eprintln!("{message}");
                ExitCode::from(2)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(args: &[&str]) -> u8 {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        match run(&args) {
            Ok(()) => 0,
            Err(Failure::Failed(_) | Failure::Told) => 1,
            Err(Failure::Usage(_)) => 2,
        }
    }

    #[test]
    fn wrong_usage_is_told_apart_from_failure() {
        assert_eq!(code(&[]), 2);
        assert_eq!(code(&["dmeo"]), 2);
        assert_eq!(code(&["demo", "--yse"]), 2);
        assert_eq!(code(&["help", "nothing"]), 2);
    }

    #[test]
    fn every_command_has_help_that_shows_its_usage() {
        assert_eq!(code(&["--help"]), 0);
        assert_eq!(code(&["help", "--help"]), 0);
        for command in &COMMANDS {
            assert_eq!(code(&[command.name, "--help"]), 0);
            assert_eq!(code(&["help", command.name]), 0);
            assert!(command.help.contains(&format!("Usage: cargo xtask {}", command.name)));
            for option in command.options {
                assert!(command.help.contains(&format!("  {option} ")), "{} explains {option}", command.name);
            }
        }
    }
}
