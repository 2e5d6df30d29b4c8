//! The parts that a voice is made of: decoder, synthesiser, room, analysis; and what a model takes to load and to keep.

use std::hint::black_box;
use std::path::Path;

use serde::Serialize;

use super::sounds::{frames, melody};
use super::time::{least_s, median_s};
use super::{BLOCK, RATE_HZ};
use crate::analysis::{Analyzer, LowestPitch};
use crate::cli::error::CliError;
use crate::cli::model_choice::Chosen;
use crate::frame::{Controls, FRAME_RATE_HZ, Frame, FrameClock};
use crate::model::{Decoder, Model};
use crate::simd::name_in_use;
use crate::synth::{PartGains, Room, SynthSpec, VoiceSynth};

/// Voices whose decoders step together to find what one more costs.
const TOGETHER: usize = 8;
/// Frames that are measured with cold caches.
const COLD_FRAMES: usize = 21;
/// Times that a model is loaded.
const LOADS: usize = 7;

#[derive(Serialize)]
pub struct DecoderSpeed {
    pub id: String,
    /// Mean over frames of 4 ms, of which the network of a slower decoder sees only some.
    pub us_per_frame: f64,
    /// A step of the network with the frames up to the next.
    pub us_per_step: f64,
    pub x_realtime: f64,
    pub simd: &'static str,
    pub precision: String,
    /// What each of eight voices beyond the first adds, per frame.
    pub us_per_added_voice: f64,
    /// A step of the network after `cold_mib` of other memory have been written: the median of 21.
    pub us_per_step_cold: f64,
    /// MiB: more than all caches of this machine, see [`flush_bytes`].
    pub cold_mib: usize,
    pub memory: Memory,
    pub load: Load,
}

/// Bytes.
#[derive(Serialize)]
pub struct Memory {
    /// The weights as they are kept for this machine, shared by all voices and all instances of a process.
    pub weights: usize,
    /// What the decoder keeps for each voice.
    pub state: usize,
    /// The room at 48 kHz.
    pub room: usize,
}

/// Milliseconds on the wall, the least of seven runs.
#[derive(Serialize)]
pub struct Load {
    /// From the bytes of the file to weights; none for a model that is part of the program.
    pub model_ms: Option<f64>,
    /// From weights to something that can be swapped in: states, synthesisers and room of all voices at 48 kHz.
    pub instrument_ms: f64,
}

#[derive(Serialize)]
pub struct PartSpeed {
    pub name: String,
    pub x_realtime: f64,
}

pub fn decoder(chosen: &Chosen, file: Option<&Path>) -> Result<DecoderSpeed, CliError> {
    let decoder = &*chosen.loaded.model.decoder;
    let spec = decoder.spec();
    let alone_s = per_frame_s(decoder, 1);
    let together_s = per_frame_s(decoder, TOGETHER);
    let frames_per_step = f64::from(FRAME_RATE_HZ) / f64::from(spec.frame_rate_hz);
    let room = chosen.loaded.room.as_ref();
    let room = room.map(|room| Room::new(&room.impulse_response, room.sample_rate_hz, RATE_HZ));
    Ok(DecoderSpeed {
        id: chosen.id(),
        us_per_frame: alone_s * 1e6,
        us_per_step: alone_s * 1e6 * frames_per_step,
        x_realtime: 1.0 / (alone_s * f64::from(FRAME_RATE_HZ)),
        simd: name_in_use(),
        precision: chosen.loaded.model.metadata.precision.clone(),
        us_per_added_voice: (together_s - alone_s) / (TOGETHER - 1) as f64 * 1e6,
        us_per_step_cold: cold_step_s(decoder, frames_per_step as usize) * 1e6,
        cold_mib: flush_bytes() >> 20,
        memory: Memory {
            weights: decoder.memory_bytes(),
            state: decoder.new_state().memory_bytes(),
            room: room.map_or(0, |room| room.memory_bytes()),
        },
        load: load(chosen, file)?,
    })
}

/// Time of a frame of `voices` voices, each a little further in the music than the one before.
fn per_frame_s(decoder: &dyn Decoder, voices: usize) -> f64 {
    let spec = decoder.spec();
    let music = frames();
    let mut states = vec![decoder.new_state(); voices];
    let mut controls = vec![Controls::silent(spec.n_harmonics, spec.n_noise_bands); voices];
    let mut now = vec![Frame::SILENCE; voices];
    let seconds = median_s(|| {
        for k in 0..music.len() {
            for (v, frame) in now.iter_mut().enumerate() {
                *frame = music[(k + 37 * v) % music.len()];
            }
            decoder.step(&mut states, &now, &mut controls);
        }
        black_box(&controls);
    });
    seconds / music.len() as f64
}

/// Bytes to write so that nothing of what was used before is left in any cache: a quarter more than the largest that Linux
/// tells of, 64 to 1,024 MiB.
fn flush_bytes() -> usize {
    let largest_kib = (0..8).filter_map(|index| {
        let file = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        std::fs::read_to_string(file).ok()?.trim().strip_suffix('K')?.parse::<usize>().ok()
    });
    (largest_kib.max().unwrap_or(0) * 1024 / 4 * 5).clamp(64 << 20, 1 << 30)
}

/// Time of the frame in which the network steps, with cold caches.
fn cold_step_s(decoder: &dyn Decoder, frames_per_step: usize) -> f64 {
    let spec = decoder.spec();
    let mut states = [decoder.new_state()];
    let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
    let mut other = vec![0u64; flush_bytes() / 8];
    let music = frames();
    let mut times: Vec<f64> = (0..COLD_FRAMES)
        .map(|k| {
            other.iter_mut().step_by(8).for_each(|word| *word = word.wrapping_add(k as u64));
            black_box(&mut other);
            let first = k * frames_per_step;
            let time = least_s(1, || decoder.step(&mut states, &music[first % music.len()..][..1], &mut controls));
            for i in 1..frames_per_step {
                decoder.step(&mut states, &music[(first + i) % music.len()..][..1], &mut controls);
            }
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn load(chosen: &Chosen, file: Option<&Path>) -> Result<Load, CliError> {
    let bytes = file.map(std::fs::read).transpose().ok().flatten();
    let model_s = bytes.map(|bytes| {
        least_s(LOADS, || {
            black_box(Model::from_bytes(&bytes)).ok();
        })
    });
    chosen.instrument(RATE_HZ)?;
    let instrument_s = least_s(LOADS, || {
        black_box(chosen.instrument(RATE_HZ)).ok();
    });
    Ok(Load { model_ms: model_s.map(|s| s * 1e3), instrument_ms: instrument_s * 1e3 })
}

pub fn synth(spec: &SynthSpec) -> f64 {
    let clock = FrameClock::new(RATE_HZ, FRAME_RATE_HZ);
    let mut voice = VoiceSynth::new(spec, RATE_HZ);
    let mut controls = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    let frames = frames();
    let mut out = vec![0.0; RATE_HZ as usize / FRAME_RATE_HZ as usize + 1];
    let seconds = median_s(|| {
        voice.reset(0);
        for (k, frame) in (0u64..).zip(&frames) {
            controls.f0_hz = frame.f0_hz;
            controls.amplitude = 0.1;
            controls.harmonics.iter_mut().enumerate().for_each(|(i, share)| *share = 0.2 / (1.0 + i as f32));
            controls.noise.fill(0.01 * frame.voicing);
            let len = (clock.start(k + 1) - clock.start(k)) as usize;
            voice.begin_segment(&controls, len, PartGains::default());
            voice.render(&mut out[..len]);
        }
        black_box(&out);
    });
    frames.len() as f64 / f64::from(FRAME_RATE_HZ) / seconds
}

/// Nanoseconds for a sample of one of 100 partials that all sound.
pub fn ns_per_oscillator_sample() -> f64 {
    const PARTIALS: usize = 100;
    let spec = SynthSpec {
        sample_rate_hz: RATE_HZ,
        bandwidth_hz: 23_500.0,
        n_harmonics: PARTIALS,
        n_noise_bands: 2,
        noise_fir_ms: 4.0,
    };
    let mut voice = VoiceSynth::new(&spec, RATE_HZ);
    let mut controls = Controls::silent(PARTIALS, 2);
    controls.amplitude = 0.1;
    controls.harmonics.fill(1.0 / PARTIALS as f32);
    let mut out = [0.0; 192];
    let seconds = median_s(|| {
        for k in 0..250u16 {
            controls.f0_hz = 200.0 + f32::from(k % 32);
            voice.begin_segment(&controls, out.len(), PartGains::default());
            voice.render(&mut out);
        }
        black_box(&out);
    });
    seconds * 1e9 / (250 * out.len() * PARTIALS) as f64
}

/// A room of 1 s, and how the time of its 64 samples compares: the worst of the steps, each the least of seven, by their mean.
pub fn room() -> (f64, f64) {
    let response: Vec<f32> =
        (0..RATE_HZ).map(|n| if n == 0 { 0.0 } else { (-7.0 * n as f32 / RATE_HZ as f32).exp() * 0.01 }).collect();
    let mut room = Room::new(&response, RATE_HZ, RATE_HZ);
    let mut sound = melody();
    let seconds = median_s(|| {
        for block in sound.chunks_mut(BLOCK) {
            room.process(block, 1.0);
            // What comes out goes in again in the next run: kept small, so that it does not grow from run to run.
            block.iter_mut().for_each(|sample| *sample *= 0.5);
        }
    });
    let mut steps = vec![f64::INFINITY; sound.len() / BLOCK];
    for _ in 0..7 {
        room.reset();
        for (step, block) in steps.iter_mut().zip(sound.chunks_mut(BLOCK)) {
            *step = step.min(least_s(1, || room.process(block, 1.0)));
            block.iter_mut().for_each(|sample| *sample *= 0.5);
        }
    }
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    let worst = steps.into_iter().fold(0.0, f64::max);
    (sound.len() as f64 / f64::from(RATE_HZ) / seconds, worst / mean)
}

pub fn analysis(lowest: LowestPitch) -> Result<f64, CliError> {
    let mut analyzer = Analyzer::new(RATE_HZ, lowest)?;
    let sound = melody();
    let mut last = Frame::SILENCE;
    let seconds = median_s(|| {
        analyzer.reset();
        for block in sound.chunks(BLOCK) {
            analyzer.push(block, |_, frame| last = frame);
        }
        black_box(&last);
    });
    Ok(sound.len() as f64 / f64::from(RATE_HZ) / seconds)
}
