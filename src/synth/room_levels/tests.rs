//! The room's kernels on every instruction set against the same sums in f64.

use super::*;

fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7_919 + seed * 104_729) % 10_007) as f32 / 5_003.5 - 1.0).collect()
}

/// Whether `found` is the sum of `terms` within 1e-6 of their absolute sum.
fn check(found: f32, terms: &[f64], what: &str) {
    let error = (f64::from(found) - terms.iter().sum::<f64>()).abs();
    let bound = 1e-6 * terms.iter().map(|term| term.abs()).sum::<f64>();
    assert!(error <= bound, "{what}: {error:e}, beyond {bound:e}");
}

#[test]
fn the_first_taps_are_the_exact_convolution_on_every_instruction_set() {
    let taps: [f32; STEP] = std::array::from_fn(|j| numbers(STEP, 1)[j]);
    let input = numbers(STEP + LANES - 1, 2);
    for simd in Simd::all() {
        let mut sums = [f32::NAN; LANES];
        direct_sums(simd, &mut sums, &taps, &input);
        for (i, sum) in sums.into_iter().enumerate() {
            let product = |j: usize| f64::from(taps[j]) * f64::from(input[i + STEP - 1 - j]);
            check(sum, &(0..STEP).map(product).collect::<Vec<f64>>(), simd.name());
        }
    }
}

/// The terms of the real and of the imaginary part of `x h` at a bin.
fn product(x: &[f32], h: &[f32], bin: usize) -> [[f64; 2]; 2] {
    let parts = |spectrum: &[f32]| [bin, bin + spectrum.len() / 2].map(|i| f64::from(spectrum[i]));
    let ([x_re, x_im], [h_re, h_im]) = (parts(x), parts(h));
    [[x_re * h_re, -x_im * h_im], [x_re * h_im, x_im * h_re]]
}

#[test]
fn products_of_spectra_are_exact_on_every_instruction_set() {
    for stride in [16, 48, 1_040] {
        let [x0, h0, x1, h1, before] = [1, 2, 3, 4, 5].map(|seed| numbers(2 * stride, seed));
        for simd in Simd::all() {
            let (mut one, mut two) = (before.clone(), before.clone());
            add_product(simd, &mut one, [&x0, &h0]);
            add_two_products(simd, &mut two, [&x0, &h0, &x1, &h1]);
            for bin in 0..stride {
                let (first, second) = (product(&x0, &h0, bin), product(&x1, &h1, bin));
                for part in 0..2 {
                    let i = bin + part * stride;
                    let what = format!("{}, {stride} bins, bin {bin}", simd.name());
                    let terms = [&[f64::from(before[i])][..], &first[part]].concat();
                    check(one[i], &terms, &what);
                    check(two[i], &[&terms[..], &second[part]].concat(), &what);
                }
            }
        }
    }
}
