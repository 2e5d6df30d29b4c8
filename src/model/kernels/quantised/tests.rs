//! Every set against sums of integers in plain sight.

use super::*;

fn sets() -> Vec<Set> {
    let mut sets = vec![Set::Plain];
    #[cfg(target_arch = "x86_64")]
    {
        let best = Simd::detect();
        let (vnni, vnni_512) = (is_x86_feature_detected!("avxvnni"), is_x86_feature_detected!("avx512vnni"));
        sets.extend((best >= Simd::Avx2).then_some(Set::Avx2));
        sets.extend((best >= Simd::Avx2 && vnni).then_some(Set::Avx2Vnni));
        sets.extend((best >= Simd::Avx512).then_some(Set::Avx512));
        sets.extend((best >= Simd::Avx512 && vnni_512).then_some(Set::Avx512Vnni));
    }
    #[cfg(target_arch = "aarch64")]
    {
        let dot = std::arch::is_aarch64_feature_detected!("dotprod");
        sets.extend((Simd::detect() == Simd::Neon).then_some(Set::Neon));
        sets.extend((Simd::detect() == Simd::Neon && dot).then_some(Set::NeonDot));
    }
    sets
}

/// Every value of a byte occurs, the extremes often: sums of 16 bits would overflow if they could.
fn weight(i: usize) -> i8 {
    if i % 5 < 2 { [-128, 127][i % 2] } else { ((i * 7_919) % 256) as u8 as i8 }
}

fn check<const V: usize>(set: Set, inputs: usize, outputs: usize) {
    let weights: Vec<i8> = (0..inputs * outputs).map(weight).collect();
    let scales: Vec<f32> = (0..outputs).map(|o| 1e-4 * (o + 1) as f32 / 7.0).collect();
    let bias: Vec<f32> = (0..outputs).map(|o| 0.3 - 0.07 * o as f32).collect();
    let matrix = QuantisedMatrix::with_set(&weights, &scales, &bias, set);
    let activation = |v: usize, i: usize| if i.is_multiple_of(3) { 127 } else { ((i * 31 + v * 17) % 128) as u8 };
    let qs: [Vec<u8>; V] = std::array::from_fn(|v| {
        (0..matrix.padded_inputs()).map(|i| if i < inputs { activation(v, i) } else { 0 }).collect()
    });
    let before: Vec<f32> = (0..matrix.padded_outputs()).map(|o| 1.0 / (o + 1) as f32).collect();
    let mut xs: [Vec<f32>; V] = std::array::from_fn(|_| before.clone());
    let mut q = qs.iter();
    matrix.add_product(xs.each_mut().map(|x| (&q.next().unwrap()[..], &mut x[..])));
    for (q, x) in qs.iter().zip(&xs) {
        for (o, row) in weights.chunks_exact(inputs).enumerate() {
            let sum: i64 = row.iter().zip(q).map(|(w, q)| i64::from(*w) * i64::from(*q)).sum();
            let expected = before[o] + (sum as f32 * scales[o] + bias[o]);
            assert_eq!(x[o].to_bits(), expected.to_bits(), "{set:?}, {V} voices, {outputs} x {inputs}, output {o}");
        }
    }
}

#[test]
fn every_set_gives_the_bits_of_the_exact_sum() {
    for set in sets() {
        for (outputs, inputs) in [(1, 1), (8, 24), (16, 48), (17, 5), (48, 36), (96, 12), (128, 384), (160, 384)] {
            check::<1>(set, inputs, outputs);
            check::<2>(set, inputs, outputs);
            check::<4>(set, inputs, outputs);
        }
    }
}

#[test]
fn a_set_of_another_machine_becomes_the_best_of_this_one() {
    for asked in [Simd::Plain, Simd::Avx2, Simd::Avx512, Simd::Neon] {
        let matrix = QuantisedMatrix::new(&[1; 4], &[1.0], &[0.0], asked);
        assert_eq!(matrix.set, Set::of(asked.available()), "{}", asked.name());
    }
}

#[test]
#[should_panic(expected = "sums fit 32 bits")]
fn more_inputs_than_32_bits_can_sum_are_refused() {
    let inputs = QuantisedMatrix::MOST_INPUTS + 1;
    let matrix = QuantisedMatrix::new(&vec![1; inputs], &[1.0], &[0.0], Simd::Plain);
    matrix.product([(&vec![127; 2 * matrix.padded_inputs()], 1.0, &mut [0.0; LANES])]);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "activations have 7 bits")]
fn activations_that_the_sets_would_take_differently_are_refused() {
    let matrix = QuantisedMatrix::new(&[1; 4], &[1.0], &[0.0], Simd::Plain);
    matrix.add_product([(&[0, 0, 0, 128], &mut [0.0; LANES])]);
}

#[test]
fn activations_are_rounded_to_the_nearest_of_128_steps_and_halves_to_even() {
    let step = 6.0 / 127.0;
    let x = [f32::NAN, -1.0, 0.0, 0.49 * step, 0.51 * step, 3.0, 5.99, 6.0, 1e9, f32::INFINITY];
    for simd in Simd::all() {
        let mut q = [255; 10];
        quantise(simd, 6.0, &x, &mut q);
        assert_eq!(q, [0, 0, 0, 0, 1, 64, 127, 127, 127, 127], "{}: 63.5 becomes 64", simd.name());
        let mut q = [255; 20_001];
        let x: Vec<f32> = (0..20_001).map(|i| i as f32 * 3.1e-4 - 0.1).collect();
        quantise(simd, 6.0, &x, &mut q);
        for (x, q) in x.iter().zip(q) {
            assert_eq!(f32::from(q), (x.clamp(0.0, 6.0) * (127.0 / 6.0)).round_ties_even(), "{x}, {}", simd.name());
        }
    }
}

/// 14-bit activations as their halves, and padding that must not matter since its weights are 0.
fn halves(q: &[i32], padded: usize) -> Vec<u8> {
    let mut halves = vec![127; 2 * padded];
    for (i, q) in q.iter().enumerate() {
        halves[i] = ((q + FINE_ZERO) >> 7) as u8;
        halves[padded + i] = ((q + FINE_ZERO) & 127) as u8;
    }
    halves
}

fn check_fine<const V: usize>(set: Set, inputs: usize, outputs: usize) {
    let weights: Vec<i8> = (0..inputs * outputs).map(weight).collect();
    let scales: Vec<f32> = (0..outputs).map(|o| 1e-4 * (o + 1) as f32 / 7.0).collect();
    let bias: Vec<f32> = (0..outputs).map(|o| 0.3 - 0.07 * o as f32).collect();
    let matrix = QuantisedMatrix::with_set(&weights, &scales, &bias, set);
    let activation = |v: usize, i: usize| match i % 3 {
        0 => [-8_191, 8_191][i / 3 % 2],
        _ => ((i * 3_571 + v * 1_009) % 16_383) as i32 - 8_191,
    };
    let steps: [f32; V] = std::array::from_fn(|v| 3e-5 * (v + 1) as f32);
    let qs: [Vec<i32>; V] = std::array::from_fn(|v| (0..inputs).map(|i| activation(v, i)).collect());
    let halves = qs.each_ref().map(|q| halves(q, matrix.padded_inputs()));
    let mut ys: [Vec<f32>; V] = std::array::from_fn(|_| vec![f32::NAN; matrix.padded_outputs()]);
    let mut v = 0..V;
    matrix.product(ys.each_mut().map(|y| {
        let v = v.next().unwrap();
        (&halves[v][..], steps[v], &mut y[..])
    }));
    for v in 0..V {
        for (o, row) in weights.chunks_exact(inputs).enumerate() {
            let sum: i64 = row.iter().zip(&qs[v]).map(|(w, q)| i64::from(*w) * i64::from(*q)).sum();
            let expected = sum as i32 as f32 * (scales[o] * steps[v]) + bias[o];
            assert_eq!(i64::from(sum as i32), sum, "sums fit 32 bits");
            assert_eq!(ys[v][o].to_bits(), expected.to_bits(), "{set:?}, {V} voices, {outputs} x {inputs}, output {o}");
        }
    }
}

#[test]
fn every_set_gives_the_bits_of_the_exact_sum_of_14_bit_activations() {
    for set in sets() {
        for (outputs, inputs) in [(1, 1), (16, 48), (17, 5), (48, 36), (128, 514), (96, QuantisedMatrix::MOST_INPUTS)] {
            check_fine::<1>(set, inputs, outputs);
            check_fine::<2>(set, inputs, outputs);
            check_fine::<4>(set, inputs, outputs);
        }
    }
}

#[test]
fn fine_activations_are_within_half_a_step_and_the_same_on_every_set() {
    let x: Vec<f32> = (0..517).map(|i| ((i * 7_919) % 10_007) as f32 / 2_500.0 - 2.1).collect();
    let peak = x.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let mut expected = vec![0; 2 * 520];
    let step = quantise_fine(Simd::Plain, &x, &mut expected);
    assert_eq!(step, peak / 8_191.0);
    for (i, x) in x.iter().enumerate() {
        let q = 128 * i32::from(expected[i]) + i32::from(expected[520 + i]) - FINE_ZERO;
        assert!((f64::from(*x) - f64::from(q) * f64::from(step)).abs() <= 0.501 * f64::from(step), "{x} became {q}");
    }
    for simd in Simd::all() {
        let mut found = vec![0; 2 * 520];
        assert_eq!(quantise_fine(simd, &x, &mut found), step, "{}", simd.name());
        assert_eq!(found, expected, "{}", simd.name());
    }
}

#[test]
fn activations_that_are_no_numbers_are_some_14_bit_number() {
    for simd in Simd::all() {
        let mut halves = [255; 8];
        let step = quantise_fine(simd, &[f32::NAN, f32::INFINITY, 1.0, -1e38], &mut halves);
        assert!(step.is_finite() && halves.iter().all(|half| *half <= 127), "{step}, {halves:?}");
        assert_eq!(quantise_fine(simd, &[0.0, 1e-40, -0.0, 0.0], &mut halves), 1e-40 / 8_191.0);
        assert_eq!(halves, [64, 64, 64, 64, 0, 0, 0, 0]);
    }
}
