//! The command line: files and options in, files and tables out.
//!
//! [`main`] is all of `src/bin/retort.rs`. Each command has a file of its own; the rest is reading and writing. What a
//! command makes goes to its output file or standard output, what it has to say to standard error. The exit code is 0
//! for success, 1 for bad input and 2 for wrong usage.

mod arguments;
mod bench;
mod error;
mod features;
mod frames_csv;
mod model_choice;
mod model_files;
mod models;
mod parity;
mod plain;
mod presets;
mod progress;
mod render;
mod train;

use std::io::{self, Write};
use std::process::ExitCode;

#[cfg(not(feature = "app"))]
use clap::CommandFactory;
use clap::Parser;

use crate::simd;
use arguments::{Arguments, Command};
pub use error::CliError;

/// Runs the command that the process was started with, or opens the window if there is none.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(names) = simd::misnamed() {
        let error = CliError::Simd(names.join(", "));
        eprintln!("error: {error}");
        return ExitCode::from(error.exit_code());
    }
    let Some(command) = arguments.command else {
        return without_command();
    };
    #[cfg(feature = "app")]
    if let Command::Open(open) = command {
        return open_window(open.files);
    }
    match run(&command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", plain::plain(&error.to_string()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Returns the exit code.
fn run(command: &Command) -> Result<u8, CliError> {
    match command {
        // Another program's work, whose exit code is passed on.
        Command::Train(arguments) => return train::run(arguments),
        Command::Features(arguments) => features::run(arguments)?,
        Command::Render(arguments) => render::run(arguments)?,
        Command::Controls(arguments) => parity::controls(arguments)?,
        Command::Synth(arguments) => parity::synth(arguments)?,
        // Opened before.
        #[cfg(feature = "app")]
        Command::Open(_) => {}
        Command::Models(arguments) => models::run(arguments)?,
        Command::Presets(arguments) => presets::run(arguments)?,
        Command::Bench(arguments) => bench::run(arguments)?,
    }
    Ok(0)
}

/// Writes to standard output. Whoever reads it may stop early, as `head` does; that is no failure.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::writing("standard output".as_ref(), error))
        }
        _ => Ok(()),
    }
}

#[cfg(feature = "app")]
fn without_command() -> ExitCode {
    open_window(Vec::new())
}

#[cfg(feature = "app")]
fn open_window(files: Vec<std::path::PathBuf>) -> ExitCode {
    match crate::app::run(files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", plain::plain(&error.to_string()));
            ExitCode::from(error::EXIT_BAD_INPUT)
        }
    }
}

#[cfg(not(feature = "app"))]
fn without_command() -> ExitCode {
    // Whoever closed the terminal does not want the help.
    let _ = Arguments::command().print_help();
    eprintln!("\nThis build has no window (it was built without the feature 'app'); give one of the commands above.");
    ExitCode::from(error::EXIT_USAGE)
}
