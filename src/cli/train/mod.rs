//! `retort train`: an instrument of one's own from a folder of recordings.
//!
//! The work is done by the Python package in `training/`, which is part of this program: it is unpacked into the user's data folder, given a Python
//! environment of its own there, and run with this program as its ears. Everything that it says and asks goes through.

mod environment;
mod package;
mod recordings;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::arguments::Train;
use super::error::CliError;
use crate::library::data_folder;
use environment::{Environment, Extent, Wishes};

/// Why training cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("this program was built without its training package; build it from a complete source")]
    NoPackage,
    #[error("this system names no folder for a user's data, where training would keep its files; set HOME")]
    NoDataFolder,
    #[error("{} does not exist: name the folder that your recordings are in", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is a file, not a folder: name the folder that your recordings are in", .0.display())]
    NotAFolder(PathBuf),
    #[error("{}: {source}; the folder of recordings cannot be read", path.display())]
    Recordings { path: PathBuf, source: io::Error },
    #[error("there are no recordings in {}: put wav, flac, mp3, ogg or aiff files of your instrument there, playing one note at a time", .0.display())]
    NoRecordings(PathBuf),
    #[error("the recordings in {} are .{ending} files, which cannot be read here: save them as WAV or FLAC", path.display())]
    ForeignOnly { path: PathBuf, ending: String },
    #[error("{}: {source}; training keeps its files there", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "{}; Python 3.11 to 3.14 is needed: install it (Debian and Ubuntu: sudo apt install python3 python3-venv; macOS and Windows: python.org), or name one with --python",
        .0.as_ref().map_or("no Python was found".into(), |path| format!("{path} is no Python that can be run"))
    )]
    NoPython(Option<String>),
    #[error("{0}; Python 3.11 to 3.14 is needed: install one beside it, or name one with --python")]
    OtherPython(String),
    #[error("{0}, but cannot make environments; on Debian and Ubuntu: sudo apt install python3.{1}-venv")]
    NoVenv(String, u32),
    #[error("only {free_gb:.1} GB are free at {}; {needed_gb:.1} GB are needed", path.display())]
    DiskFull { path: PathBuf, free_gb: f64, needed_gb: f64 },
    #[error("nothing was installed, and nothing was trained")]
    NotInstalled,
    #[error("there is nobody to ask whether packages may be downloaded; say --yes if they may")]
    NobodyToAsk,
    #[error("could not {doing}: {detail}. The same command tries again")]
    Step { doing: &'static str, detail: String },
}

/// Looks at the recordings with the small packages; if they will do, gets the large ones and trains.
///
/// # Errors
/// [`TrainError`]; what goes wrong from then on is said by the training itself, whose exit code becomes this program's.
pub fn run(arguments: &Train) -> Result<u8, CliError> {
    Ok(train(arguments)?)
}

fn train(arguments: &Train) -> Result<u8, TrainError> {
    if package::text("retort_training/__main__.py").is_none() {
        return Err(TrainError::NoPackage);
    }
    // Before anybody is asked for anything.
    recordings::look(&arguments.folder)?;
    let folder = data_folder("training").ok_or(TrainError::NoDataFolder)?;
    let failed = |source| TrainError::Folder { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    let wishes = Wishes { python: arguments.python.as_deref(), yes: arguments.yes, without_cuda: arguments.cpu };
    let environment = Environment::find(&folder, wishes)?;
    let package = package::unpack(&folder).map_err(failed)?;
    let mut words = words(arguments);
    let command = |words: &[OsString]| {
        let mut command = Command::new(environment.python());
        // Retort listens for it: the frames are those of the plugin.
        let own = std::env::current_exe().unwrap_or_else(|_| "retort".into());
        command.args(["-m", "retort_training", "own"]).args(words).arg("--retort").arg(own);
        command.env("PYTHONPATH", &package).env("PYTHONUNBUFFERED", "1").env("OMP_NUM_THREADS", "1");
        command.env_remove("PYTHONHOME");
        command
    };
    environment.install(Extent::Check, &package, wishes)?;
    if !arguments.check && !environment.has(Extent::Training) {
        // Nobody should download gigabytes to hear that the recordings will not do.
        let mut first = words.clone();
        first.push("--check".into());
        let code = wait(command(&first))?;
        if code != 0 && !(code == 1 && arguments.anyway) {
            return Ok(code);
        }
        environment.install(Extent::Training, &package, wishes)?;
        words.push("--told".into());
    }
    become_child(command(&words))
}

/// The options that are the package's own.
fn words(arguments: &Train) -> Vec<OsString> {
    let mut words = vec![arguments.folder.clone().into_os_string()];
    let mut option = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            words.extend([name.into(), value]);
        }
    };
    option("--name", arguments.name.clone().map(Into::into));
    option("--minutes", arguments.minutes.map(|minutes| minutes.to_string().into()));
    option("--author", arguments.author.clone().map(Into::into));
    option("--licence", arguments.licence.clone().map(Into::into));
    option("--models", arguments.models.clone().map(Into::into));
    option("--work", arguments.work.clone().map(Into::into));
    option("--device", arguments.device.clone().map(Into::into));
    for (name, is_set) in
        [("--check", arguments.check), ("--anyway", arguments.anyway), ("--restart", arguments.restart)]
    {
        if is_set {
            words.push(name.into());
        }
    }
    if !arguments.only.is_empty() {
        words.push("--only".into());
        words.extend(arguments.only.iter().map(Into::into));
    }
    words
}

fn not_started(source: io::Error) -> TrainError {
    TrainError::Step { doing: "start Python", detail: source.to_string() }
}

fn wait(mut command: Command) -> Result<u8, TrainError> {
    let status = command.status().map_err(not_started)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The training takes this process's place, so that Ctrl-C and the terminal are its own.
#[cfg(unix)]
fn become_child(mut command: Command) -> Result<u8, TrainError> {
    use std::os::unix::process::CommandExt;
    Err(not_started(command.exec()))
}

#[cfg(not(unix))]
fn become_child(command: Command) -> Result<u8, TrainError> {
    wait(command)
}
