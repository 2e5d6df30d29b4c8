//! `retort controls` and `retort synth`: the streaming decoder and synthesiser on frames from a table, without room,
//! gate or noise, so that their numbers can be laid beside those of the training code.

use std::io::{self, Write};

use crate::frame::{Controls, FRAME_RATE_HZ, Frame, FrameClock};
use crate::model::Model;
use crate::offline::output_file;
use crate::synth::{PartGains, SynthSpec, VoiceSynth};

use super::arguments;
use super::error::CliError;
use super::{frames_csv, model_choice};

/// Writes, for each frame, the heads' pre-activations `[1 + K + B]` and then the controls made from them `[1 + K + B]`:
/// amplitude, K harmonics, B noise bands; little-endian 32-bit floats. Of a decoder that steps every fifth frame the
/// pre-activations are those of its last step, the same in five rows, and the controls the ramp's of that frame.
pub fn controls(arguments: &arguments::Controls) -> Result<(), CliError> {
    let loaded = model_choice::from_file(&arguments.model)?.loaded;
    let model = &loaded.model;
    let frames = frames_csv::read(&arguments.frames)?;
    Ok(output_file::write(&arguments.output, |out| {
        stream(model, &frames, |preactivations, controls| {
            write_row(out, preactivations)?;
            write_row(out, &[controls.amplitude])?;
            write_row(out, &controls.harmonics)?;
            write_row(out, &controls.noise)
        })
    })?)
}

/// Renders the harmonics: the first frame's controls are there at sample 0, frame t's are reached at `start(t)`, and the
/// output ends where the last frame is reached.
pub fn synth(arguments: &arguments::Synth) -> Result<(), CliError> {
    let loaded = model_choice::from_file(&arguments.model)?.loaded;
    let model = &loaded.model;
    let frames = frames_csv::read(&arguments.frames)?;
    output_file::check_wav_name(&arguments.output)?;
    let spec = model.decoder.spec();
    let rate_hz = arguments.rate.unwrap_or(spec.sample_rate_hz);
    let mut voice = VoiceSynth::new(
        &SynthSpec {
            sample_rate_hz: spec.sample_rate_hz,
            bandwidth_hz: spec.bandwidth_hz,
            n_harmonics: spec.n_harmonics,
            n_noise_bands: spec.n_noise_bands,
            noise_fir_ms: spec.noise_fir_ms,
        },
        rate_hz,
    );
    let clock = FrameClock::new(rate_hz, FRAME_RATE_HZ);
    let mut samples: Vec<f32> = Vec::new();
    let mut frame = 0;
    let never_fails = stream(model, &frames, |_, controls| {
        let end = clock.start(frame) as usize;
        frame += 1;
        if end == 0 {
            voice.reset(0);
            voice.jump_to(controls);
            return Ok(());
        }
        let start = samples.len();
        voice.begin_segment(controls, end - start, PartGains { harmonic: 1.0, noise: 0.0 });
        samples.resize(end, 0.0);
        voice.render(&mut samples[start..]);
        Ok(())
    });
    never_fails.map_err(|source| CliError::writing(&arguments.output, source))?;
    Ok(output_file::write_wav(&arguments.output, &samples, rate_hz)?)
}

/// Hands each frame's pre-activations and controls to `take`, from a fresh state.
fn stream(
    model: &Model,
    frames: &[Frame],
    mut take: impl FnMut(&[f32], &Controls) -> io::Result<()>,
) -> io::Result<()> {
    let spec = model.decoder.spec();
    let mut state = model.decoder.new_state();
    let mut controls = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    for frame in frames {
        let (states, frames) = (std::slice::from_mut(&mut state), std::slice::from_ref(frame));
        model.decoder.step(states, frames, std::slice::from_mut(&mut controls));
        take(state.preactivations(), &controls)?;
    }
    Ok(())
}

fn write_row(out: &mut impl Write, row: &[f32]) -> io::Result<()> {
    row.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}
