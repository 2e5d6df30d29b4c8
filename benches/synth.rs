//! What a voice's parts and the room cost per second of sound, for each instruction set.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retort::Controls;
use retort::simd::Simd;
use retort::synth::{PartGains, Room, SynthSpec, SynthTables, VoiceSynth};

const FRAMES: usize = 25;

fn spec() -> SynthSpec {
    SynthSpec { sample_rate_hz: 32_000, bandwidth_hz: 15_500.0, n_harmonics: 80, n_noise_bands: 65, noise_fir_ms: 4.0 }
}

/// Two sets of controls between which a voice moves; the pitch is low enough for all partials.
fn controls(harmonic: f32, noise: f32) -> [Controls; 2] {
    [1.0, 1.01].map(|bend| Controls {
        f0_hz: 180.0 * bend,
        amplitude: harmonic,
        harmonics: vec![1.0 / 80.0 * bend; 80],
        noise: vec![noise * bend; 65],
    })
}

fn voice(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("voice at 48 kHz, 0.1 s");
    for simd in Simd::all() {
        let tables = Arc::new(SynthTables::with_simd(&spec(), 48_000, simd));
        for (part, harmonic, noise) in
            [("harmonics", 1.0, 0.0), ("noise", 0.0, 0.1), ("both", 1.0, 0.1), ("silence", 0.0, 0.0)]
        {
            let ends = controls(harmonic, noise);
            let mut voice = VoiceSynth::with_tables(tables.clone());
            voice.jump_to(&ends[0]);
            let mut sound = [0.0; 192];
            // For harmonics, an element is one oscillator's sample.
            let per_sample = if part == "harmonics" { 80 } else { 1 };
            group.throughput(Throughput::Elements(FRAMES as u64 * 192 * per_sample));
            group.bench_function(format!("{part}/{}", simd.name()), |bencher| {
                bencher.iter(|| {
                    for t in 0..FRAMES {
                        voice.begin_segment(&ends[t % 2], 192, PartGains::default());
                        voice.render(&mut sound);
                        black_box(&sound);
                    }
                });
            });
        }
    }
}

fn room(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("room of 1 s, 0.1 s");
    let response: Vec<f32> = (0..32_000).map(|n| if n == 0 { 0.0 } else { (n as f32 * 1.3).sin() * 0.01 }).collect();
    for simd in Simd::all() {
        for rate in [48_000_u32, 192_000] {
            let mut room = Room::with_simd(&response, 32_000, rate, simd);
            let mut sound = vec![0.5; rate as usize / 10];
            group.throughput(Throughput::Elements(sound.len() as u64));
            group.bench_function(format!("{rate} Hz/{}", simd.name()), |bencher| {
                bencher.iter(|| {
                    sound.fill(0.5);
                    room.process(black_box(&mut sound), 0.5);
                });
            });
        }
    }
}

criterion_group!(benches, voice, room);
criterion_main!(benches);
