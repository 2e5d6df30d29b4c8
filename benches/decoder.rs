//! What one step of the decoders costs, by size, precision, instruction set and number of voices: 4 ms of a GRU, 20 ms
//! (five frames, of which the network sees one) of a CNN.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use retort::model::Decoder;
use retort::model::cnn::{CnnDecoder, CnnWeights};
use retort::model::gru::{GruDecoder, GruWeights};
use retort::model::testing::{DILATIONS, cnn_metadata_for, metadata_for};
use retort::simd::Simd;
use retort::{Controls, Frame};

/// One and four voices through `frames` frames.
fn bench(criterion: &mut Criterion, name: &str, frames_each: usize, decoder: impl Fn(Simd) -> Box<dyn Decoder>) {
    let mut group = criterion.benchmark_group(name);
    for simd in Simd::all() {
        let decoder = decoder(simd);
        let spec = decoder.spec();
        for voices in [1, 4] {
            let mut states: Vec<_> = (0..voices).map(|_| decoder.new_state()).collect();
            let mut controls = vec![Controls::silent(spec.n_harmonics, spec.n_noise_bands); voices];
            let mut frames = vec![Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 }; voices];
            group.bench_function(BenchmarkId::new(simd.name(), format!("{voices} voices")), |bencher| {
                bencher.iter(|| {
                    for _ in 0..frames_each {
                        // A pitch that moves: nothing may come from a frame before.
                        for frame in &mut frames {
                            frame.f0_hz = 200.0 + (frame.f0_hz * 1.01) % 1_000.0;
                        }
                        decoder.step(&mut states, &frames, &mut controls);
                    }
                });
            });
        }
    }
}

fn gru(criterion: &mut Criterion) {
    for (variant, hidden) in [("full", 512), ("reduced", 16)] {
        let f32s = GruWeights::random(1, hidden, 80, 65);
        for weights in [f32s.to_f16(), f32s.to_bf16(), f32s.to_int8(), f32s] {
            let spec = metadata_for(&weights, "violin/bench").spec();
            let name = format!("{variant}/{}", weights.precision());
            bench(criterion, &name, 1, |simd| Box::new(GruDecoder::new(&weights, spec, simd)));
        }
    }
}

fn cnn(criterion: &mut Criterion) {
    for (variant, channels) in [("cnn", 128), ("cnn-tiny", 8)] {
        let f32s = CnnWeights::random(1, channels, &DILATIONS, 60, 65);
        for weights in [f32s.to_f16(), f32s.to_int8(), f32s] {
            let spec = cnn_metadata_for(&weights, "violin/bench").spec();
            let name = format!("{variant}/{}", weights.precision());
            bench(criterion, &name, 5, |simd| Box::new(CnnDecoder::new(&weights, spec, simd)));
        }
    }
}

criterion_group!(benches, gru, cnn);
criterion_main!(benches);
