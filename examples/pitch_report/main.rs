//! How well the pitch tracker hears: on sounds made by construction, on noise, and on recorded notes. Writes the tables of
//! `docs/pitch.md` to the standard output.
//!
//! `cargo run --release --example pitch_report --features cli -- [FOLDER] > docs/pitch.md`
//!
//! FOLDER holds the recordings that `tests/pitch_reference.csv` names (made by `training/pitch_reference.py`); without it the
//! report has no part on recordings.

#[path = "../../src/analysis/made_sounds.rs"]
mod made_sounds;
mod recordings;

use made_sounds::{Kind, Score, ladder, make, white_noise};
use retort::analysis::{ANALYSIS_VERSION, LowestPitch, analyze};
use std::path::PathBuf;
use std::process::ExitCode;

const MODES: [LowestPitch; 3] = [LowestPitch::Hz160, LowestPitch::Hz80, LowestPitch::Hz40];
const RATE_HZ: u32 = 44_100;
/// Frames left out at the beginning of a sound: its first 50 ms.
const SKIPPED_FRAMES: usize = 13;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    println!("# How well the pitch tracker hears\n");
    println!(
        "`cargo run --release --example pitch_report --features cli -- FOLDER > docs/pitch.md`, analysis version {ANALYSIS_VERSION}."
    );
    println!(
        "Frames are every 4 ms. Right: voiced and within 50 cents. Octave: voiced, and whole octaves off within 50 cents.\n"
    );
    made();
    noise();
    if let Some(folder) = folder
        && let Err(message) = recordings::report(&folder)
    {
        eprintln!("{message}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Harmonic => "harmonic, -6 dB per octave",
        Kind::Sine => "sine",
        Kind::Vibrato => "vibrato, ±50 cents at 6 Hz",
        Kind::Glide => "glide, an octave per second",
        Kind::MissingFundamental => "missing fundamental, partials 2 to 7",
        Kind::WeakFundamental => "fundamental 14 dB below the second partial",
    }
}

/// A row of figures that all tables share.
fn row(title: &str, score: &mut Score) -> String {
    let median = score.median_cents();
    let [right, octave, unvoiced] = [score.right, score.octave, score.unvoiced].map(|count| score.percent(count));
    let other = 100.0 - right - octave - unvoiced;
    let n = score.n;
    format!("| {title} | {n} | {median:.2} | {right:.2} | {octave:.2} | {unvoiced:.2} | {other:.2} |")
}

fn made() {
    println!("## Sounds made by construction\n");
    println!(
        "24 pitches from the lowest to 3 kHz (less where partials or glides need room), a second each, without their first"
    );
    println!("50 ms and last 30 ms.\n");
    println!("| sound | frames | median, cents | right, % | octave, % | unvoiced, % | other, % |");
    println!("|---|---|---|---|---|---|---|");
    for lowest in MODES {
        for kind in Kind::ALL {
            for noise_db in [None, Some(20.0)] {
                let mut score = Score::default();
                for f_hz in ladder(lowest.hz().into(), kind.highest_hz(), 24) {
                    let sound = make(kind, f_hz, 1.0, RATE_HZ, noise_db);
                    // The rate is one that can be analysed.
                    let frames = analyze(&sound.samples, sound.sample_rate_hz, lowest).unwrap_or_default();
                    for (k, frame) in frames.iter().enumerate().take(frames.len() - 8).skip(SKIPPED_FRAMES) {
                        let sample = (k as f64 * f64::from(RATE_HZ) / 250.0) as usize;
                        score.add(frame.f0_hz, frame.voicing, sound.f0_hz[sample]);
                    }
                }
                let noise = if noise_db.is_some() { ", noise at 20 dB" } else { "" };
                println!("{}", row(&format!("{} Hz: {}{noise}", lowest.hz(), name(kind)), &mut score));
            }
        }
    }
    println!();
}

fn noise() {
    println!("## Noise\n");
    println!(
        "Share of the frames of 20 s of noise at -20 dBFS that count as voiced, in percent. One pole of low-pass each.\n"
    );
    println!("| noise | lowest 160 Hz | lowest 80 Hz | lowest 40 Hz |");
    println!("|---|---|---|---|");
    for (title, pole) in [
        ("white", 0.0),
        ("below 3 kHz", 0.65),
        ("below 1 kHz", 0.87),
        ("below 300 Hz", 0.96),
        ("below 35 Hz (rumble)", 0.995),
    ] {
        let mut y = 0.0;
        let filtered: Vec<f64> = white_noise(20 * RATE_HZ as usize, 7)
            .into_iter()
            .map(|x| {
                y = pole * y + (1.0 - pole) * x;
                y
            })
            .collect();
        let rms = (filtered.iter().map(|x| x * x).sum::<f64>() / filtered.len() as f64).sqrt();
        let samples: Vec<f32> = filtered.iter().map(|x| (0.1 * x / rms) as f32).collect();
        let shares = MODES.map(|lowest| {
            let frames = analyze(&samples, RATE_HZ, lowest).unwrap_or_default();
            100.0 * frames.iter().filter(|frame| frame.voicing >= 0.5).count() as f64 / frames.len() as f64
        });
        println!("| {title} | {:.2} | {:.2} | {:.2} |", shares[0], shares[1], shares[2]);
    }
    println!();
}
