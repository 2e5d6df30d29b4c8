//! Programs and libraries of the system that a command needs: found out by trying, shown with
//! the distribution's own package names, and installed after a yes.

use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::step::{must, shown};
use crate::{Failure, Options, Outcome};

/// One thing that the system must offer.
pub struct Need {
    /// What it is and what for, for a person.
    what: &'static str,
    /// A command that succeeds only if it is there.
    probe: &'static [&'static str],
    from: Source,
}

/// Where a need comes from if it is missing.
enum Source {
    /// The distribution, whose package managers each have their own names for it.
    Packages {
        debian: &'static [&'static str],
        fedora: &'static [&'static str],
        arch: &'static [&'static str],
        suse: &'static [&'static str],
    },
    /// Rust's library for another processor: Debian's, of packages of that architecture among others, else rustup's.
    RustTarget { target: &'static str, architecture: &'static str, debian: &'static [&'static str] },
    /// rustup, as one of its components.
    RustComponent(&'static str),
}

pub const PKG_CONFIG: Need = Need {
    what: "pkg-config, which finds libraries",
    probe: &["pkg-config", "--version"],
    from: Source::Packages {
        debian: &["pkg-config"],
        fedora: &["pkgconf-pkg-config"],
        arch: &["pkgconf"],
        suse: &["pkg-config"],
    },
};

pub const ALSA: Need = Need {
    what: "ALSA's headers, for the application's sound and MIDI",
    probe: &["pkg-config", "--exists", "alsa"],
    from: Source::Packages {
        debian: &["libasound2-dev"],
        fedora: &["alsa-lib-devel"],
        arch: &["alsa-lib"],
        suse: &["alsa-devel"],
    },
};

pub const PYTHON: Need = Need {
    what: "Python 3.11 or newer with its venv module, for training and the Python plugin hosts",
    // Debian has venv without ensurepip, which it needs, in the plain Python package.
    probe: &["python3", "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"],
    from: Source::Packages {
        debian: &["python3", "python3-venv"],
        fedora: &["python3"],
        arch: &["python"],
        suse: &["python3"],
    },
};

pub const ARDOUR: Need = Need {
    what: "Ardour 7 or newer, a DAW that the plugins are tested in (54 MB to download, 209 MB on a bare Debian 12)",
    probe: &["sh", "-c", "command -v ardour7-lua || command -v ardour8-lua || command -v ardour9-lua"],
    from: Source::Packages { debian: &["ardour"], fedora: &["ardour8"], arch: &["ardour"], suse: &["ardour"] },
};

pub const ARM_LINKER: Need = Need {
    what: "a C compiler for 64-bit ARM, which links programs for it",
    probe: &["aarch64-linux-gnu-gcc", "--version"],
    from: Source::Packages {
        debian: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        fedora: &["gcc-aarch64-linux-gnu", "glibc-arm-linux-gnu"],
        arch: &["aarch64-linux-gnu-gcc"],
        suse: &["cross-aarch64-gcc14", "cross-aarch64-glibc-devel"],
    },
};

pub const ARM_EMULATOR: Need = Need {
    what: "QEMU's emulator of programs for 64-bit ARM",
    probe: &["qemu-aarch64", "--version"],
    from: Source::Packages {
        debian: &["qemu-user"],
        fedora: &["qemu-user"],
        arch: &["qemu-user"],
        suse: &["qemu-linux-user"],
    },
};

pub const ARM_RUST: Need = Need {
    what: "Rust's library for 64-bit ARM",
    probe: &[
        "sh",
        "-c",
        "for rustc in rustc /usr/bin/rustc; do test -d \"$($rustc --print target-libdir --target aarch64-unknown-linux-gnu)\" && exit; done; exit 1",
    ],
    from: Source::RustTarget {
        target: "aarch64-unknown-linux-gnu",
        architecture: "arm64",
        debian: &["rustc-web", "libstd-rust-web-dev:arm64"],
    },
};

pub const RUSTFMT: Need = Need {
    what: "rustfmt, which checks the layout of the code",
    probe: &["cargo", "fmt", "--version"],
    from: Source::RustComponent("rustfmt"),
};

pub const CLIPPY: Need = Need {
    what: "clippy, which checks the code for common mistakes",
    probe: &["cargo", "clippy", "--version"],
    from: Source::RustComponent("clippy"),
};

impl Need {
    fn is_met(&self) -> bool {
        let mut command = Command::new(self.probe[0]);
        command.args(&self.probe[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Only Linux keeps system libraries in packages; elsewhere they come with the system's own
    /// development tools.
    fn concerns_this_system(&self) -> bool {
        cfg!(target_os = "linux") || matches!(self.from, Source::RustComponent(_) | Source::RustTarget { .. })
    }
}

/// A package manager, and how it is told to install without further questions.
struct Packager {
    program: &'static str,
    install: &'static [&'static str],
}

const APT: Packager = Packager { program: "apt-get", install: &["install", "--yes", "--no-install-recommends"] };
const DNF: Packager = Packager { program: "dnf", install: &["install", "--assumeyes"] };
const PACMAN: Packager = Packager { program: "pacman", install: &["--sync", "--noconfirm"] };
const ZYPPER: Packager = Packager { program: "zypper", install: &["--non-interactive", "install"] };

impl Packager {
    /// What this package manager calls the packages of a need; nothing for what is not its own.
    fn packages(&self, need: &Need) -> &'static [&'static str] {
        match need.from {
            Source::Packages { debian, fedora, arch, suse } => match self.program {
                "dnf" => fedora,
                "pacman" => arch,
                "zypper" => suse,
                _ => debian,
            },
            Source::RustTarget { debian, .. } if self.program == APT.program => debian,
            Source::RustComponent(_) | Source::RustTarget { .. } => &[],
        }
    }
}

/// Makes sure that everything in `needs` is there.
///
/// Shows what is missing and the commands that install it, runs them after a yes (or with
/// `--yes`), and looks again.
pub fn ensure(needs: &[&Need], options: &Options) -> Outcome {
    let missing: Vec<&Need> =
        needs.iter().copied().filter(|need| need.concerns_this_system() && !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Missing on this system:");
    for need in &missing {
        println!("  - {}", need.what);
    }
    let commands = install_commands(&missing)?;
    println!("This would install it:");
    for command in &commands {
        println!("  {}", shown(command));
    }
    if !confirmed("Run this now?", options)? {
        return Err(Failure::Failed("Nothing was installed. Run the command above, then try again.".to_owned()));
    }
    for mut command in commands {
        must("install what is missing", &mut command)?;
    }
    match missing.iter().find(|need| !need.is_met()) {
        None => Ok(()),
        Some(need) => Err(Failure::Failed(format!(
            "Still missing after the installation: {} (`{}` fails).",
            need.what,
            need.probe.join(" ")
        ))),
    }
}

/// The commands that install these needs on this system.
fn install_commands(needs: &[&Need]) -> Result<Vec<Command>, Failure> {
    let mut commands = Vec::new();
    let from_rustup = |need: &&Need| matches!(need.from, Source::RustTarget { .. }) && !is_program(APT.program);
    if needs.iter().any(|need| !APT.packages(need).is_empty() && !from_rustup(need)) {
        let Some(packager) = [APT, DNF, PACMAN, ZYPPER].into_iter().find(|packager| is_program(packager.program))
        else {
            let names: Vec<&str> = needs.iter().flat_map(|need| APT.packages(need)).copied().collect();
            return Err(Failure::Failed(format!(
                "No package manager that this program knows was found. On Debian the packages are: {}.",
                names.join(" ")
            )));
        };
        if packager.program == APT.program {
            for need in needs {
                if let Source::RustTarget { architecture, .. } = need.from {
                    let mut add = as_root("dpkg");
                    add.args(["--add-architecture", architecture]);
                    commands.push(add);
                }
            }
            // A fresh system has no package lists yet.
            let mut update = as_root(packager.program);
            update.arg("update");
            commands.push(update);
        }
        let mut install = as_root(packager.program);
        install.args(packager.install);
        install.args(needs.iter().flat_map(|need| packager.packages(need)));
        commands.push(install);
    }
    for need in needs {
        if let Source::RustComponent(component) = need.from {
            let mut rustup = Command::new("rustup");
            rustup.args(["component", "add", component]);
            commands.push(rustup);
        }
        if let Source::RustTarget { target, .. } = need.from
            && !is_program(APT.program)
        {
            let mut rustup = Command::new("rustup");
            rustup.args(["target", "add", target]);
            commands.push(rustup);
        }
    }
    Ok(commands)
}

/// Asks a yes-or-no question. `--yes` answers it; without a terminal nobody can, which is an error.
pub fn confirmed(question: &str, options: &Options) -> Result<bool, Failure> {
    if options.has("--yes") {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Failed(format!(
            "{question} Nobody is here to answer: run the same command with --yes to agree."
        )));
    }
    print!("{question} [y/N] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::Failed(format!("Could not read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The program itself for root, else through sudo.
fn as_root(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut command = Command::new(if is_root { program } else { "sudo" });
    if !is_root {
        command.arg(program);
    }
    // In a container nobody answers the questions that some packages ask.
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(probe: &'static [&'static str]) -> Need {
        Need { what: "a theremin", probe, from: Source::RustComponent("theremin") }
    }

    #[test]
    fn a_need_is_met_only_if_its_probe_succeeds() {
        assert!(!need(&["no-such-program", "--version"]).is_met());
        assert!(!need(&["sh", "-c", "exit 1"]).is_met());
        assert!(need(&["sh", "-c", "exit 0"]).is_met());
    }

    #[test]
    fn every_distribution_has_a_package_for_every_library() {
        for need in [&PKG_CONFIG, &ALSA, &PYTHON, &ARDOUR, &ARM_LINKER, &ARM_EMULATOR] {
            for packager in [APT, DNF, PACMAN, ZYPPER] {
                assert!(!packager.packages(need).is_empty(), "{} with {}", need.what, packager.program);
            }
        }
    }

    #[test]
    fn rust_components_come_from_rustup() {
        let commands = install_commands(&[&CLIPPY]).expect("rustup needs no package manager");
        let shown: Vec<String> = commands.iter().map(shown).collect();
        assert_eq!(shown, ["rustup component add clippy"]);
    }
}
