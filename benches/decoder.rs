//! What one frame of the GRU decoder costs, by width, precision, instruction set and number of voices. 4 ms is real time.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use retort::model::Decoder;
use retort::model::gru::{GruDecoder, GruWeights};
use retort::model::testing::metadata_for;
use retort::simd::Simd;
use retort::{Controls, Frame};

fn decoder(criterion: &mut Criterion) {
    for (variant, hidden) in [("full", 512), ("reduced", 16)] {
        let f32s = GruWeights::random(1, hidden, 80, 65);
        for weights in [f32s.to_f16(), f32s] {
            let spec = metadata_for(&weights, "violin/bench").spec();
            let mut group = criterion.benchmark_group(format!("{variant}/{}", weights.precision()));
            for simd in [Simd::Plain, Simd::Avx2, Simd::Avx512].into_iter().filter(|simd| *simd <= Simd::detect()) {
                let decoder = GruDecoder::new(&weights, spec, simd);
                for voices in [1, 4] {
                    let mut states: Vec<_> = (0..voices).map(|_| decoder.new_state()).collect();
                    let mut controls = vec![Controls::silent(spec.n_harmonics, spec.n_noise_bands); voices];
                    let mut frames = vec![Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 }; voices];
                    group.bench_function(BenchmarkId::new(simd.name(), format!("{voices} voices")), |bencher| {
                        bencher.iter(|| {
                            // A pitch that moves: nothing may come from a frame before.
                            for frame in &mut frames {
                                frame.f0_hz = 200.0 + (frame.f0_hz * 1.01) % 1_000.0;
                            }
                            decoder.step(&mut states, &frames, &mut controls);
                        });
                    });
                }
            }
        }
    }
}

criterion_group!(benches, decoder);
criterion_main!(benches);
