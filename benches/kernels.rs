//! What the kernels cost, each alone, by instruction set: products of matrices by number format and number of voices,
//! activations over a head, a causal convolution, and the hearing of a second of sound.

use std::array::from_fn;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use half::{bf16, f16};
use retort::analysis::{Analyzer, LowestPitch};
use retort::model::file::Values;
use retort::model::kernels::activation::{exp_in_place, exp_sigmoid, relu6, sigmoid_in_place, tanh_in_place};
use retort::model::kernels::matrix::Matrix;
use retort::model::kernels::ordered::OrderedMatrix;
use retort::model::kernels::quantised::{QuantisedMatrix, quantise, quantise_fine};
use retort::simd::Simd;

/// A layer of the largest network.
const WIDE: (usize, usize) = (512, 512);
/// The heads of the largest network: amplitude, 80 harmonics, 65 noise bands.
const HEADS: (usize, usize) = (146, 512);
/// A residual layer of the larger convolutional network: three taps of 128 channels.
const CONVOLUTION: (usize, usize) = (128, 384);

/// Numbers between -1 and 1 without a pattern.
fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7_919) % 10_007) as f32 / 5_003.5 - 1.0).collect()
}

fn bytes(len: usize) -> Vec<i8> {
    numbers(len).into_iter().map(|value| (value * 127.0) as i8).collect()
}

/// The same weights in each format.
fn formats((outputs, inputs): (usize, usize)) -> [Values; 3] {
    let f32s = numbers(outputs * inputs);
    let f16s = f32s.iter().map(|value| f16::from_f32(*value)).collect();
    let bf16s = f32s.iter().map(|value| bf16::from_f32(*value)).collect();
    [Values::F32(f32s), Values::F16(f16s), Values::Bf16(bf16s)]
}

/// Elements are products of a weight and an input.
fn per_product(group: &mut BenchmarkGroup<'_, WallTime>, (outputs, inputs): (usize, usize), voices: usize) {
    group.throughput(Throughput::Elements((outputs * inputs * voices) as u64));
}

fn name(kernel: &str, simd: Simd, voices: usize) -> BenchmarkId {
    BenchmarkId::new(format!("{kernel}/{}", simd.name()), format!("{voices} voices"))
}

fn matrix<const V: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    per_product(group, WIDE, V);
    let x: [Vec<f32>; V] = from_fn(|v| numbers(WIDE.1 + v));
    for weights in formats(WIDE) {
        for simd in Simd::all() {
            let matrix = Matrix::new(&weights, &numbers(WIDE.0), simd);
            let mut y: [Vec<f32>; V] = from_fn(|_| vec![0.0; matrix.padded_outputs()]);
            group.bench_function(name(weights.precision(), simd, V), |bencher| {
                bencher.iter(|| {
                    let mut x = x.iter();
                    matrix.apply(y.each_mut().map(|y| (&x.next().expect("one for each voice")[..], &mut y[..])));
                    black_box(&mut y);
                });
            });
        }
    }
}

fn ordered<const V: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    per_product(group, HEADS, V);
    let x: [Vec<f32>; V] = from_fn(|v| numbers(HEADS.1 + v));
    for weights in &formats(HEADS)[..2] {
        for simd in Simd::all() {
            let matrix = OrderedMatrix::new(weights, &numbers(HEADS.0), simd);
            let mut y: [Vec<f32>; V] = from_fn(|_| vec![0.0; matrix.padded_outputs()]);
            group.bench_function(name(weights.precision(), simd, V), |bencher| {
                bencher.iter(|| {
                    let mut x = x.iter();
                    matrix.apply(y.each_mut().map(|y| (&x.next().expect("one for each voice")[..], &mut y[..])));
                    black_box(&mut y);
                });
            });
        }
    }
}

/// Weights in 8 bits on activations in 14: the hidden layers of the largest network.
fn quantised<const V: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (outputs, inputs) = WIDE;
    per_product(group, WIDE, V);
    for simd in Simd::all() {
        let matrix = QuantisedMatrix::new(&bytes(outputs * inputs), &vec![0.01; outputs], &numbers(outputs), simd);
        let mut steps = [0.0; V];
        let halves: [Vec<u8>; V] = from_fn(|v| {
            let mut halves = vec![0; 2 * matrix.padded_inputs()];
            steps[v] = quantise_fine(simd, &numbers(inputs + v)[v..], &mut halves);
            halves
        });
        let mut y: [Vec<f32>; V] = from_fn(|_| vec![0.0; matrix.padded_outputs()]);
        group.bench_function(name("14-bit activations", simd, V), |bencher| {
            bencher.iter(|| {
                let mut voices = halves.iter().zip(steps);
                matrix.product(y.each_mut().map(|y| {
                    let (halves, step) = voices.next().expect("one for each voice");
                    (&halves[..], step, &mut y[..])
                }));
                black_box(&mut y);
            });
        });
    }
}

fn matrices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matrix, 512 x 512");
    matrix::<1>(&mut group);
    matrix::<4>(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("ordered matrix, 146 x 512");
    ordered::<1>(&mut group);
    ordered::<4>(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("8-bit matrix, 512 x 512");
    quantised::<1>(&mut group);
    quantised::<4>(&mut group);
}

/// A residual layer as the convolutional decoders compute it: the activation of what is new, then the three taps.
fn convolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("causal convolution of 128 channels");
    per_product(&mut group, CONVOLUTION, 1);
    let (channels, taps) = CONVOLUTION;
    let (new, bias) = (numbers(channels), numbers(channels));
    for simd in Simd::all() {
        for weights in formats(CONVOLUTION) {
            let matrix = Matrix::new(&weights, &bias, simd);
            let (mut x, mut y) = (numbers(taps), vec![0.0; matrix.padded_outputs()]);
            group.bench_function(name(weights.precision(), simd, 1), |bencher| {
                bencher.iter(|| {
                    relu6(simd, black_box(&new), &mut x[taps - channels..]);
                    matrix.apply([(&x, &mut y)]);
                    black_box(&mut y);
                });
            });
        }
        let scales = vec![0.001; channels];
        let matrix = QuantisedMatrix::new(&bytes(channels * taps), &scales, &bias, simd);
        let (mut q, mut x) = (vec![1; matrix.padded_inputs()], vec![0.0; matrix.padded_outputs()]);
        group.bench_function(name("int8", simd, 1), |bencher| {
            bencher.iter(|| {
                quantise(simd, 6.0, black_box(&new), &mut q[taps - channels..taps]);
                matrix.add_product([(&q, &mut x)]);
                black_box(&mut x);
            });
        });
    }
}

fn activations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activation of a head");
    let values: Vec<f32> = numbers(HEADS.0).into_iter().map(|value| 8.0 * value).collect();
    group.throughput(Throughput::Elements(values.len() as u64));
    let kernels = [
        ("exp", exp_in_place as fn(Simd, &mut [f32])),
        ("sigmoid", sigmoid_in_place),
        ("tanh", tanh_in_place),
        ("exp_sigmoid", exp_sigmoid),
    ];
    for simd in Simd::all() {
        for (kernel, apply) in kernels {
            let mut out = values.clone();
            group.bench_function(format!("{kernel}/{}", simd.name()), |bencher| {
                bencher.iter(|| {
                    out.copy_from_slice(black_box(&values));
                    apply(simd, &mut out);
                    black_box(&mut out);
                });
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("quantising 512 activations");
    let values = numbers(512);
    group.throughput(Throughput::Elements(512));
    for simd in Simd::all() {
        let mut out = vec![0; 1_024];
        group.bench_function(format!("7 bits/{}", simd.name()), |bencher| {
            bencher.iter(|| {
                quantise(simd, 6.0, black_box(&values), &mut out[..512]);
                black_box(&mut out);
            });
        });
        group.bench_function(format!("14 bits/{}", simd.name()), |bencher| {
            bencher.iter(|| black_box(quantise_fine(simd, black_box(&values), black_box(&mut out))));
        });
    }
}

/// Resampler, weighting and pitch tracker together, with the set that `RETORT_SIMD` names. Work at 16 kHz is the same for
/// every rate, so what rates differ in is the resampler.
fn analysis(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("analysis of 1 s/{}", Simd::detect().name()));
    for (lowest, rate) in [
        (LowestPitch::Hz40, 48_000),
        (LowestPitch::Hz160, 48_000),
        (LowestPitch::Hz80, 16_000),
        (LowestPitch::Hz80, 48_000),
        (LowestPitch::Hz80, 96_000),
        (LowestPitch::Hz80, 192_000),
    ] {
        // A sawtooth that glides, of 20 partials.
        let sound: Vec<f32> = (0..rate)
            .map(|n| {
                let t = f64::from(n) / f64::from(rate);
                let turns = std::f64::consts::TAU * (220.0 * t + 40.0 * t * t);
                (1..=20).map(|k| (f64::from(k) * turns).sin() / f64::from(3 * k)).sum::<f64>() as f32
            })
            .collect();
        let mut analyzer = Analyzer::new(rate, lowest).expect("a usual rate");
        group.bench_function(BenchmarkId::new(format!("from {} Hz", lowest.hz()), format!("{rate} Hz")), |bencher| {
            bencher.iter(|| {
                for block in sound.chunks(256) {
                    analyzer.push(black_box(block), |k, frame| {
                        black_box((k, frame));
                    });
                }
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = matrices, convolution, activations, analysis
}
criterion_main!(benches);
