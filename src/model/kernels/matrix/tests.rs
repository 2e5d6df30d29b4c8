//! Every set and number format against sums in f64.

use super::*;

/// Of the sum of all absolute products and the bias's.
const BOUND: f64 = 1e-6;

/// Numbers between -1 and 1 without a pattern that could hide a mix-up.
fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7_919 + seed * 104_729) % 10_007) as f32 / 5_003.5 - 1.0).collect()
}

fn check<const V: usize>(simd: Simd, weights: &Values, inputs: usize, outputs: usize) {
    let bias = numbers(outputs, 2);
    let matrix = Matrix::new(weights, &bias, simd);
    let xs: [Vec<f32>; V] = std::array::from_fn(|v| numbers(inputs, 3 + v));
    let mut ys = xs.each_ref().map(|_| vec![f32::NAN; matrix.padded_outputs()]);
    let mut x = xs.iter();
    matrix.apply(ys.each_mut().map(|y| (&x.next().unwrap()[..], &mut y[..])));
    let weights = weights.to_f32();
    for (x, y) in xs.iter().zip(&ys) {
        for (o, (row, bias)) in weights.chunks_exact(inputs).zip(&bias).enumerate() {
            let products = || row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let exact = products().sum::<f64>() + f64::from(*bias);
            let bound = BOUND * (products().map(f64::abs).sum::<f64>() + f64::from(bias.abs()));
            let error = (f64::from(y[o]) - exact).abs();
            assert!(error <= bound, "{} {outputs} x {inputs}, {V}: {error:e}, beyond {bound:e}", simd.name());
        }
        assert!(y[outputs..].iter().all(|padding| *padding == 0.0));
    }
}

#[test]
fn a_set_of_another_machine_becomes_the_best_of_this_one() {
    let weights = Values::F16(numbers(32 * 5, 1).into_iter().map(f16::from_f32).collect());
    for asked in [Simd::Plain, Simd::Avx2, Simd::Avx512, Simd::Neon] {
        let product = |simd| {
            let matrix = Matrix::new(&weights, &numbers(32, 2), simd);
            let mut y = vec![f32::NAN; 32];
            matrix.apply([(&numbers(5, 3), &mut y)]);
            (matrix.simd, y)
        };
        assert_eq!(product(asked), product(asked.available()), "{}", asked.name());
        assert_eq!(product(asked).0, asked.available());
    }
}

#[test]
fn every_size_and_number_of_voices_is_the_plain_product() {
    for simd in Simd::all() {
        for (outputs, inputs) in [(1, 1), (16, 1), (17, 3), (48, 32), (146, 16), (33, 65), (64, 514)] {
            let f32s = numbers(outputs * inputs, 1);
            let f16s = Values::F16(f32s.iter().map(|value| f16::from_f32(*value)).collect());
            let bf16s = Values::Bf16(f32s.iter().map(|value| bf16::from_f32(*value)).collect());
            let i8s = Values::I8 {
                values: f32s.iter().map(|value| (value * 127.0) as i8).collect(),
                scales: numbers(outputs, 9).iter().map(|value| value / 127.0).collect(),
            };
            for weights in [Values::F32(f32s), f16s, bf16s, i8s] {
                check::<1>(simd, &weights, inputs, outputs);
                check::<2>(simd, &weights, inputs, outputs);
                check::<4>(simd, &weights, inputs, outputs);
            }
        }
    }
}

#[test]
fn narrow_floats_give_the_bits_of_the_same_numbers_in_32() {
    let (outputs, inputs) = (33, 65);
    let f32s = numbers(outputs * inputs, 1);
    let f16s = Values::F16(f32s.iter().map(|value| f16::from_f32(*value)).collect());
    // The extremes of bf16 besides: its least normal and subnormal numbers, its greatest, and zero with a sign.
    let mut values: Vec<bf16> = f32s.iter().map(|value| bf16::from_f32(*value)).collect();
    let extremes = [bf16::MIN_POSITIVE, bf16::from_bits(1), bf16::NEG_ZERO, bf16::from_f32(1e30)];
    values[..4].copy_from_slice(&extremes);
    let (bias, x) = (numbers(outputs, 2), numbers(inputs, 3));
    for simd in Simd::all() {
        for narrow in [&f16s, &Values::Bf16(values.clone())] {
            let [found, expected] = [narrow, &Values::F32(narrow.to_f32())].map(|weights| {
                let matrix = Matrix::new(weights, &bias, simd);
                let mut y = vec![f32::NAN; matrix.padded_outputs()];
                matrix.apply([(&x, &mut y)]);
                y.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
            });
            assert_eq!(found, expected, "{}, {}", simd.name(), narrow.precision());
        }
    }
}
