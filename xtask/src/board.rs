//! The example for small boards on an emulated processor, with its plain kernels and its own, beside the same one with plain
//! kernels on this machine: frames and audio through standard input, and the same sound from all.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::step::shown;
use crate::{Failure, Outcome, project_root};

/// The violin's models that frames are played with; audio is played with one of them.
const MODELS: [&str; 5] = ["full", "reduced", "cnn", "cnn-q", "cnn-tiny"];
const MODEL_FOR_AUDIO: &str = "reduced";

const RATE_HZ: usize = 48_000;
/// A second of each.
const FRAMES: usize = 250;
const AUDIO: usize = RATE_HZ;

/// How far two sounds of plain kernels may be apart, in dB of the whole sound: each machine has its own order of sums in FFTs.
const PLAIN_DB: f64 = -120.0;
/// The same for kernels that fuse products and sums, from frames.
const FUSED_DB: f64 = -100.0;
/// And from audio: the pitch is measured then, and a phase is the sum of all roundings of the pitch until then.
const FUSED_AUDIO_DB: f64 = -70.0;

/// Softer than this is silence: no model plays so softly what it is given here. RMS, linear.
const SILENCE: f64 = 0.003;

/// `arm` is the emulator with the example for it; `here` the example for this machine.
pub fn plays_alike(arm: impl Fn() -> Command, here: &Path) -> Outcome {
    let with_frames = MODELS.map(|model| (model, "frames"));
    for (model, kind) in with_frames.into_iter().chain([(MODEL_FOR_AUDIO, "audio")]) {
        let (input, least) = if kind == "frames" { (phrase(), FRAMES * RATE_HZ / 250) } else { (note(), AUDIO) };
        let play = |mut command: Command, plain: bool| {
            if plain {
                command.env("RETORT_SIMD", "plain");
            } else {
                command.env_remove("RETORT_SIMD");
            }
            command.arg(project_root().join("models/violin").join(format!("{model}.safetensors")));
            if kind == "frames" {
                command.arg("--frames");
            }
            sound(&mut command, input.clone())
        };
        let want = play(Command::new(here), true)?;
        let apart_db = |plain: bool, most_db: f64| {
            let found = play(arm(), plain)?;
            let about = |what: String| Failure::Failed(format!("violin/{model} from {kind}: {what}"));
            compare(&found, &want, least, most_db).map_err(about)
        };
        let plain_db = apart_db(true, PLAIN_DB)?;
        let fused_db = apart_db(false, if kind == "frames" { FUSED_DB } else { FUSED_AUDIO_DB })?;
        println!(
            "violin/{model} from {kind}: {} samples; from this machine's plain sound, plain {plain_db:.1} dB, NEON {fused_db:.1} dB",
            want.len()
        );
    }
    Ok(())
}

/// How far `found` is from `want`, in dB of `want`; or what is wrong with it, more than `most_db` for instance.
fn compare(found: &[f32], want: &[f32], least: usize, most_db: f64) -> Result<f64, String> {
    if found.len() != want.len() || found.len() <= least {
        return Err(format!(
            "{} samples, {} on this machine; the input lasts {least}, and a tail follows",
            found.len(),
            want.len()
        ));
    }
    let level = rms(want[..least].iter().map(|x| f64::from(*x)));
    if level.is_nan() || level < SILENCE {
        return Err(format!("a level of {level:e} on this machine, which is silence"));
    }
    let error = rms(found.iter().zip(want).map(|(x, y)| f64::from(*x) - f64::from(*y)));
    let apart_db = 20.0 * (error / rms(want.iter().map(|x| f64::from(*x)))).log10();
    if apart_db <= most_db {
        Ok(apart_db)
    } else {
        Err(format!("{apart_db:.1} dB from this machine's sound; {most_db} dB are allowed"))
    }
}

fn rms(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let len = values.len() as f64;
    (values.map(|x| x * x).sum::<f64>() / len).sqrt()
}

/// A slide with a vibrato that swells, and a rest of 40 ms before its end.
fn phrase() -> Vec<u8> {
    let line = |k: usize| {
        let t = k as f64 / 250.0;
        let f0_hz = 440.0 * (0.5 * t + 0.02 * (35.0 * t).sin()).exp2();
        let loudness_db = if (220..230).contains(&k) { -80.0 } else { -40.0 + 25.0 * t };
        format!("{f0_hz:.3} {loudness_db:.3}\n")
    };
    (0..FRAMES).map(line).collect::<String>().into_bytes()
}

/// A note with six partials that slides upwards, as raw samples.
fn note() -> Vec<u8> {
    let sample = |n: usize| {
        let t = n as f64 / RATE_HZ as f64;
        let cycles = 330.0 * t + 40.0 * t * t;
        (1..=6).map(|k| 0.1 / f64::from(k) * (std::f64::consts::TAU * f64::from(k) * cycles).sin()).sum::<f64>()
    };
    (0..AUDIO).flat_map(|n| (sample(n) as f32).to_le_bytes()).collect()
}

/// What a run with `input` writes, as samples.
fn sound(command: &mut Command, input: Vec<u8>) -> Result<Vec<f32>, Failure> {
    let line = shown(command);
    let failed = |why: String| Failure::Failed(format!("`{line}`: {why}"));
    let output = fed(command, input).map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())));
    }
    let (samples, rest) = output.stdout.as_chunks();
    if !rest.is_empty() {
        return Err(failed(format!("{} bytes are no whole number of samples", output.stdout.len())));
    }
    Ok(samples.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn fed(command: &mut Command, input: Vec<u8>) -> std::io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take();
    // One that ends early breaks the pipe; its exit code says why.
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let output = child.wait_with_output();
    drop(writer.join());
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_that_differ_are_silent_or_end_early_do_not_pass() {
        let want: Vec<f32> = (0..1_000).map(|n| 0.1 * (n as f32 * 0.05).sin()).collect();
        let near: Vec<f32> = want.iter().map(|x| x * 1.000_001).collect();
        let compare = |found: &[f32], want: &[f32], least| compare(found, want, least, -100.0);
        assert!(compare(&near, &want, 900).is_ok_and(|apart_db| apart_db < -110.0));
        let mut other = want.clone();
        other[500] += 0.01;
        assert!(compare(&other, &want, 900).is_err());
        other[500] = f32::NAN;
        assert!(compare(&other, &want, 900).is_err());
        assert!(compare(&want[..990], &want, 900).is_err());
        assert!(compare(&want, &want, 1_000).is_err(), "no tail");
        assert!(compare(&[0.0; 1_000], &[0.0; 1_000], 900).is_err());
    }

    #[test]
    fn a_program_that_fails_is_named_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no violin >&2; exit 3"]);
        let failure = sound(&mut command, vec![0; 1 << 20]).expect_err("it ends with 3");
        let message = failure.to_string();
        assert!(message.starts_with("`sh -c") && message.contains("no violin"), "{message}");
        let mut echo = Command::new("cat");
        assert_eq!(sound(&mut echo, note()).ok().map(|sound| sound.len()), Some(AUDIO));
    }
}
