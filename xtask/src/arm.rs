//! `cargo xtask arm`: the core on 64-bit ARM, built and tested on any Linux machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::board;
use crate::cargo::{built_program, cargo, target_dir};
use crate::needs::{self, ARM_EMULATOR, ARM_LINKER, ARM_RUST};
use crate::step::{Report, must};
use crate::{Options, Outcome};

pub const HELP: &str = "\
Builds the core (no system library, no thread, no file) for 64-bit ARM Linux, the example for small
boards with it, and runs the core's tests in an emulator: the NEON kernels against their plain twins,
the synthesiser against its definition. The example plays frames and audio there and on this machine;
both must sound the same.

Usage: cargo xtask arm [--yes]

Options:
  --yes   Install what is missing without asking

Rust's own library for ARM is rustup's, if it has it (rustup target add aarch64-unknown-linux-gnu),
or else Debian's.";

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Debian's compiler for ARM programs.
const LINKER: &str = "aarch64-linux-gnu-gcc";

/// The emulator, for programs whose C library is the system's own for ARM (Debian's Rust library brings it along).
const EMULATOR: &str = "qemu-aarch64";

/// The loader of the system's own C library for ARM, and where the one beside the compiler lies.
const SYSTEMS_LOADER: &str = "/lib/ld-linux-aarch64.so.1";
const COMPILERS_LIBRARY: &str = "/usr/aarch64-linux-gnu";

/// Processors that are emulated: one with the dot product, and one from before it.
const PROCESSORS: [&str; 2] = ["max", "cortex-a72"];

/// The tests that need the core alone. Two are left out for their length when emulated, and concern no kernel that these do
/// not: `engine_noise` plays noise into every model, `engine_time` hundreds of onsets.
const TESTS: [&str; 13] = [
    "cnn_file",
    "cnn_parity",
    "decoder_parity",
    "embedded_example",
    "engine_alloc",
    "engine_blend",
    "engine_slow_decoder",
    "engine_sound",
    "engine_swap",
    "engine_voices",
    "model_file",
    "reference_render",
    "synth",
];

/// Debian's Rust, which knows the library for ARM that Debian has.
const DEBIANS_RUST: &str = "/usr/bin/rustc";

pub fn run(options: &Options) -> Outcome {
    let mut report = Report::default();
    if !report.check("Programs and libraries", || needs::ensure(&[&ARM_LINKER, &ARM_EMULATOR, &ARM_RUST], options)) {
        return report.finish();
    }
    let example = ["--no-default-features", "--example", "embedded"];
    let built = report.check("The example for small boards", || {
        let mut build = for_arm();
        build.args(["build", "--release", "--target", TARGET]).args(example);
        must("build for ARM", &mut build)?;
        must("build for this machine", cargo().arg("build").args(example))
    });
    let arm = arm_target_dir().join(TARGET).join("release/examples/embedded");
    let here = built_program("debug", "examples/embedded");
    // The quickest first.
    for processor in PROCESSORS.into_iter().filter(|_| built) {
        report.check(&format!("The example on an emulated {processor} beside this machine's"), || {
            board::plays_alike(|| emulated(&arm, processor), &here)
        });
    }
    for processor in PROCESSORS {
        let mut tests = for_arm();
        tests.args(["test", "--release", "--no-default-features", "--no-fail-fast", "--target", TARGET, "--lib"]);
        tests.args(TESTS.iter().flat_map(|test| ["--test", test]));
        tests.env("QEMU_CPU", processor);
        // A test that starts the example cannot leave the emulator to the system.
        tests.env("RETORT_EMULATOR", runner());
        report.suite(&format!("Tests of the core on an emulated {processor}"), &mut tests);
    }
    report.finish()
}

/// Cargo with a Rust compiler that has its library for ARM.
fn for_arm() -> Command {
    let mut command = cargo();
    // What is emulated is slow; what links everything once more is, too.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner());
    // Another compiler than that of everything else: its own folder, or each would undo what the other has built.
    command.env("CARGO_TARGET_DIR", arm_target_dir());
    if !has_arm("rustc") {
        command.env("RUSTC", DEBIANS_RUST);
    }
    command
}

fn arm_target_dir() -> PathBuf {
    target_dir().join("arm")
}

/// The emulator's arguments.
fn library() -> &'static [&'static str] {
    // The system's own first: with Debian 12's compiler comes an older one, in which threads never begin when emulated.
    match Path::new(SYSTEMS_LOADER).exists() {
        true => &[],
        false => &["-L", COMPILERS_LIBRARY],
    }
}

/// The emulator as one line.
fn runner() -> String {
    [&[EMULATOR], library()].concat().join(" ")
}

/// A program for ARM on an emulated `processor`.
fn emulated(program: &Path, processor: &str) -> Command {
    let mut command = Command::new(EMULATOR);
    command.args(library()).arg(program).env("QEMU_CPU", processor);
    command
}

/// Whether a Rust compiler has its library for ARM.
fn has_arm(rustc: &str) -> bool {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|output| {
        output.status.success() && PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}
