//! A decoder whose sound is known without training, and ways to run an engine on it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;

use retort::engine::{Engine, Event, EventKind, Instrument, InstrumentParts, Settings};
use retort::model::{Decoder, DecoderSpec, State};
use retort::performer::Profile;
use retort::{Controls, Frame};

/// Plays a pure sine whose amplitude is the frame's loudness: 0 dB is full scale.
pub struct Following {
    /// Magnitude of the noise bands, as a share of the sine's amplitude.
    noise: f32,
}

impl Decoder for Following {
    fn spec(&self) -> DecoderSpec {
        DecoderSpec {
            n_harmonics: 4,
            n_noise_bands: 5,
            frame_rate_hz: 250,
            sample_rate_hz: 32_000,
            bandwidth_hz: 15_500.0,
            noise_fir_ms: 4.0,
        }
    }

    fn new_state(&self) -> State {
        State::new(&self.spec(), 0, 0)
    }

    fn memory_bytes(&self) -> usize {
        0
    }

    fn step(&self, _: &mut [State], frames: &[Frame], controls: &mut [Controls]) {
        for (frame, controls) in frames.iter().zip(controls) {
            controls.f0_hz = frame.f0_hz;
            controls.amplitude = 10f32.powf(frame.loudness_db / 20.0);
            controls.harmonics.fill(0.0);
            controls.harmonics[0] = 1.0;
            controls.noise.fill(self.noise * controls.amplitude);
        }
    }
}

/// [`Following`] without noise or a room.
pub fn following_instrument(sample_rate_hz: u32) -> Box<Instrument> {
    instrument(sample_rate_hz, 0.0)
}

/// [`Following`] with noise, without a room.
pub fn breathing_instrument(sample_rate_hz: u32) -> Box<Instrument> {
    instrument(sample_rate_hz, 0.3)
}

fn instrument(sample_rate_hz: u32, noise: f32) -> Box<Instrument> {
    Box::new(Instrument::build(&InstrumentParts {
        decoder: Arc::new(Following { noise }),
        room: None,
        profile: Profile::default(),
        sample_rate_hz,
        blend: None,
        tuning: None,
        voices: retort::engine::SLOTS,
    }))
}

/// Runs `input` through the engine in blocks of `block`, with events at absolute samples.
pub fn render(engine: &mut Engine, input: &[f32], events: &[(usize, EventKind)], block: usize) -> Vec<f32> {
    let mut output = vec![0.0; input.len()];
    let settings = Settings::default();
    for (index, (input, output)) in input.chunks(block).zip(output.chunks_mut(block)).enumerate() {
        let start = index * block;
        let here: Vec<Event> = events
            .iter()
            .filter(|(at, _)| (start..start + output.len()).contains(at))
            .map(|(at, kind)| Event { offset: (at - start) as u32, kind: *kind })
            .collect();
        engine.process(input, output, &here, &settings);
    }
    output
}

/// As [`render`], with the frame that the engine plays at each sample (to within 16 samples).
pub fn render_with_frames(engine: &mut Engine, input: &[f32], settings: &Settings) -> (Vec<f32>, Vec<Frame>) {
    let mut output = vec![0.0; input.len()];
    let mut frames = Vec::with_capacity(input.len());
    for (input, output) in input.chunks(16).zip(output.chunks_mut(16)) {
        engine.process(input, output, &[], settings);
        frames.extend(std::iter::repeat_n(engine.meters().frame(), output.len()));
    }
    (output, frames)
}

/// A small random generator, so that tests repeat (xorshift64).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to 1.
    pub fn uniform(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}
