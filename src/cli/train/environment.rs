//! A Python of Retort's own for training: found, made, filled with pinned packages, after saying how large they are and asking.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::TrainError;
use super::package;

/// Programs that may be a Python of a version that the pinned packages exist for, best first.
const PYTHONS: [&str; 7] = ["python3.13", "python3.12", "python3.11", "python3.14", "python3", "python", "py"];
const OLDEST: (u32, u32) = (3, 11);
const NEWEST: (u32, u32) = (3, 14);
/// Where PyTorch's makers keep a build that does not bring NVIDIA's libraries along.
const TORCH_WITHOUT_CUDA: &str = "https://download.pytorch.org/whl/cpu";

/// How much is installed: the small packages that look at recordings, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Check,
    Training,
}

impl Extent {
    /// Empty file that says that this much is complete.
    fn mark(self) -> &'static str {
        match self {
            Self::Check => ".ready-to-check",
            Self::Training => ".ready-to-train",
        }
    }

    /// Empty file that lies there while this much is being installed. Whatever interrupts that leaves it behind.
    fn begun(self) -> &'static str {
        match self {
            Self::Check => ".begun-to-check",
            Self::Training => ".begun-to-train",
        }
    }

    fn requirements(self) -> &'static str {
        match self {
            Self::Check => "requirements-check.txt",
            Self::Training => "requirements.txt",
        }
    }

    /// What is downloaded and how large it is. Of Linux this was measured.
    fn explain(self, without_cuda: bool) -> &'static str {
        match self {
            Self::Check => {
                "NumPy, Matplotlib and two small packages that read sound: 44 MB to download, 0.2 GB on disk"
            }
            Self::Training if without_cuda => {
                "PyTorch without NVIDIA's libraries, SciPy and Numba: less than 1 GB to download, 2 GB on disk"
            }
            Self::Training if cfg!(target_os = "linux") => {
                "PyTorch, SciPy and Numba: 3.1 GB to download, 6 GB on disk, since PyTorch brings NVIDIA's libraries along (--cpu leaves them out)"
            }
            Self::Training => "PyTorch, SciPy and Numba: less than 1 GB to download, 2 GB on disk",
        }
    }

    fn disk_bytes(self, without_cuda: bool) -> u64 {
        match self {
            Self::Check => 500 << 20,
            Self::Training if cfg!(target_os = "linux") && !without_cuda => 8 << 30,
            Self::Training => 3 << 30,
        }
    }
}

/// What the person has said on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// The Python to make the environment with.
    pub python: Option<&'a Path>,
    /// Answers every question with yes.
    pub yes: bool,
    /// Takes PyTorch without NVIDIA's libraries.
    pub without_cuda: bool,
}

/// An environment that may be complete or not.
#[derive(Debug)]
pub struct Environment {
    folder: PathBuf,
    base: PathBuf,
}

impl Environment {
    /// The environment in `folder` for these pinned packages and this machine's Python. Makes nothing yet.
    ///
    /// # Errors
    /// There is no Python that fits.
    pub fn find(folder: &Path, wishes: Wishes<'_>) -> Result<Self, TrainError> {
        let (base, version) = find_python(wishes.python)?;
        let pins = ["requirements.txt", "requirements-check.txt", "constraints.txt"]
            .map(|name| package::text(name).unwrap_or_default());
        let mark = package::fingerprint(pins.iter().map(|text| text.as_bytes()));
        let cuda = if wishes.without_cuda { "-cpu" } else { "" };
        Ok(Self { folder: folder.join(format!("python{}.{}-{mark:016x}{cuda}", version.0, version.1)), base })
    }

    /// Its Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        if cfg!(windows) { self.folder.join("Scripts/python.exe") } else { self.folder.join("bin/python") }
    }

    /// Whether `extent` is there and whole. Half of the large packages do the small ones no harm.
    #[must_use]
    pub fn has(&self, extent: Extent) -> bool {
        let is_whole =
            |extent: Extent| self.folder.join(extent.mark()).exists() && !self.folder.join(extent.begun()).exists();
        // Its Python is a link to the system's, which may have gone.
        self.python().exists() && (is_whole(extent) || is_whole(Extent::Training))
    }

    /// Whether there is something that cannot be built upon: pip takes a package of which the half is there for the whole.
    fn is_half_made(&self) -> bool {
        self.folder.exists() && (!self.has(Extent::Check) || self.folder.join(Extent::Training.begun()).exists())
    }

    /// Installs what is missing for `extent`, after asking. What was interrupted before is made anew.
    ///
    /// # Errors
    /// The answer is no, the disk is too full, or an installation fails.
    pub fn install(&self, extent: Extent, package: &Path, wishes: Wishes<'_>) -> Result<(), TrainError> {
        if self.has(extent) {
            return Ok(());
        }
        println!(
            "To {} your recordings, Retort needs Python packages that are not here yet.",
            match extent {
                Extent::Check => "look at",
                Extent::Training => "learn from",
            }
        );
        println!("{}.", extent.explain(wishes.without_cuda));
        println!("They go to {} and are used by Retort alone.", self.folder.display());
        if self.is_half_made() {
            println!("An earlier installation there was not finished. It is removed, and made anew.");
        }
        self.check_disk(extent.disk_bytes(wishes.without_cuda))?;
        if !wishes.yes && !confirmed("Download and install them now?")? {
            return Err(TrainError::NotInstalled);
        }
        let failed = |source| TrainError::Folder { path: self.folder.clone(), source };
        let _lock = self.lock().map_err(failed)?;
        if self.has(extent) {
            // Made by another one, while this one waited for an answer.
            return Ok(());
        }
        if self.is_half_made() {
            // The marks go first: half of it removed must not look whole.
            for extent in [Extent::Training, Extent::Check] {
                let _ = fs::remove_file(self.folder.join(extent.mark()));
            }
            fs::remove_dir_all(&self.folder).map_err(failed)?;
        }
        let is_new = !self.folder.exists();
        fs::create_dir_all(&self.folder).map_err(failed)?;
        fs::write(self.folder.join(extent.begun()), "").map_err(failed)?;
        if is_new {
            must(Command::new(&self.base).args(["-m", "venv"]).arg(&self.folder), "make a Python environment")?;
        }
        let constraints = package.join("constraints.txt");
        let pip = || {
            let mut pip = Command::new(self.python());
            pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--constraint"]).arg(&constraints);
            pip
        };
        if extent == Extent::Training && wishes.without_cuda {
            let pin =
                package::text("requirements.txt").unwrap_or_default().lines().find(|line| line.starts_with("torch=="));
            must(pip().arg(pin.unwrap_or("torch")).args(["--index-url", TORCH_WITHOUT_CUDA]), "install PyTorch")?;
        }
        must(pip().arg("--requirement").arg(package.join(extent.requirements())), "install the packages")?;
        fs::write(self.folder.join(extent.mark()), "").map_err(failed)?;
        fs::remove_file(self.folder.join(extent.begun())).map_err(failed)
    }

    /// Two installations at once would take each other's for half made. Held as long as the file is open.
    fn lock(&self) -> io::Result<File> {
        // Not in the folder, which may be removed; the name has dots in it that are no ending.
        let mut path = self.folder.clone().into_os_string();
        path.push(".lock");
        let file = File::options().create(true).append(true).open(path)?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            println!("Another 'retort train' is installing them; this one waits for it.");
            file.lock()?;
        }
        Ok(file)
    }

    /// Python knows how much room there is; where it cannot tell, pip will.
    fn check_disk(&self, needed: u64) -> Result<(), TrainError> {
        let folder = self.folder.parent().unwrap_or(&self.folder);
        let mut command = Command::new(&self.base);
        command.args(["-c", "import shutil, sys; print(shutil.disk_usage(sys.argv[1]).free)"]).arg(folder);
        let said = command.output().ok().filter(|output| output.status.success());
        let free = said.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse::<u64>().ok());
        match free {
            Some(free) if free < needed => Err(TrainError::DiskFull {
                path: folder.into(),
                free_gb: free as f64 / 1e9,
                needed_gb: needed as f64 / 1e9,
            }),
            _ => Ok(()),
        }
    }
}

/// A Python and its version.
fn find_python(named: Option<&Path>) -> Result<(PathBuf, (u32, u32)), TrainError> {
    let candidates: Vec<&OsStr> = match named {
        Some(path) => vec![path.as_os_str()],
        None => PYTHONS.iter().map(OsStr::new).collect(),
    };
    let mut seen: Option<TrainError> = None;
    for candidate in candidates {
        match python_version(candidate) {
            Some((version, true)) if (OLDEST..=NEWEST).contains(&version) => return Ok((candidate.into(), version)),
            Some((version, has_venv)) => {
                let text = format!("{} is Python {}.{}", candidate.to_string_lossy(), version.0, version.1);
                let fits = (OLDEST..=NEWEST).contains(&version) && !has_venv;
                let error = if fits { TrainError::NoVenv(text, version.1) } else { TrainError::OtherPython(text) };
                // One that only lacks its module for environments is the more useful news.
                if fits || seen.is_none() {
                    seen = Some(error);
                }
            }
            None => {}
        }
    }
    Err(seen.unwrap_or_else(|| TrainError::NoPython(named.map(|path| path.display().to_string()))))
}

/// Version, and whether it can make environments; `None` if this is no Python.
fn python_version(program: &OsStr) -> Option<((u32, u32), bool)> {
    const ASK: &str = "import sys, importlib.util as u; print(*sys.version_info[:2], int(all(map(u.find_spec, ('venv', 'ensurepip')))))";
    let output = Command::new(program).args(["-c", ASK]).output().ok().filter(|output| output.status.success())?;
    let numbers: Vec<u32> =
        String::from_utf8(output.stdout).ok()?.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [major, minor, venv] = numbers[..] else { return None };
    Some(((major, minor), venv == 1))
}

fn confirmed(question: &str) -> Result<bool, TrainError> {
    if !io::stdin().is_terminal() {
        return Err(TrainError::NobodyToAsk);
    }
    print!("{question} [y/N] ");
    let _ = io::stdout().flush();
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn must(command: &mut Command, doing: &'static str) -> Result<(), TrainError> {
    let status = command.status().map_err(|source| TrainError::Step { doing, detail: source.to_string() })?;
    if status.success() {
        Ok(())
    } else {
        Err(TrainError::Step { doing, detail: format!("it ended with {status}; see above") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_python_is_named() {
        let named = |path| find_python(Some(Path::new(path))).unwrap_err().to_string();
        let missing = named("/nowhere/python3");
        assert!(missing.contains("/nowhere/python3") && missing.contains("3.11"), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn a_python_that_is_too_old_or_lacks_venv_is_told_apart() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let fake = |says: &str| {
            let path = folder.path().join("python");
            fs::write(&path, format!("#!/bin/sh\necho {says}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            find_python(Some(&path)).map(|found| found.1).map_err(|error| error.to_string())
        };
        assert_eq!(fake("3 12 1"), Ok((3, 12)));
        assert!(fake("3 8 1").unwrap_err().contains("is Python 3.8"));
        assert!(fake("3 11 0").unwrap_err().contains("python3.11-venv"));
        assert!(fake("hello").unwrap_err().contains("no Python"));
    }
}
