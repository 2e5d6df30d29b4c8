//! exp, sigmoid, tanh and the heads' exp_sigmoid over slices: branch-free, so that the compiler vectorises them.
//!
//! Bounds, held to by tests against f64 for x from -87 to 88: [`exp`] and [`sigmoid`] 3e-7 relative, [`tanh`] 5e-7
//! relative, [`exp_sigmoid`] 2e-6 relative. [`gru_gates`] states its own.

use std::f32::consts::LOG2_E;

use crate::simd::mul_add;
use crate::simd_dispatch;

/// ln 2 in two parts, the first with zeros at its end so that its small multiples are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Adding this to a small number rounds it to an integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// e^x for x in -87 to 88, beyond which it stays at the end's value; NaN counts as -87.
#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would let NaN through")]
fn exp<const F: bool>(x: f32) -> f32 {
    // In this order NaN becomes the lower end.
    let x = x.max(-87.0).min(88.0);
    let shifted = mul_add::<F>(x, LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = mul_add::<F>(n, -LN_2_LOW, mul_add::<F>(n, -LN_2_HIGH, x));
    // The series of e^r; |r| is at most ln(2) / 2, where the next term is below 6e-9.
    let mut p = 1.0 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = mul_add::<F>(p, r, c);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[inline(always)]
fn sigmoid<const F: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<F>(-x))
}

#[inline(always)]
fn tanh<const F: bool>(x: f32) -> f32 {
    // Far from 0 by exp; near 0, where that cancels, by Lambert's continued fraction of tanh, cut after four steps.
    let far = 1.0 - 2.0 / (exp::<F>(2.0 * x.abs()) + 1.0);
    let s = x * x;
    let above = mul_add::<F>(mul_add::<F>(s + 378.0, s, 17_325.0), s, 135_135.0);
    let below = mul_add::<F>(mul_add::<F>(mul_add::<F>(28.0, s, 3_150.0), s, 62_370.0), s, 135_135.0);
    let near = x * above / below;
    if x.abs() < 0.7 { near } else { far.copysign(x) }
}

/// ln(1 + t) for t in 0 to 1: twice the inverse hyperbolic tangent of t / (t + 2), by its series.
#[inline(always)]
fn ln_1p<const F: bool>(t: f32) -> f32 {
    let s = t / (t + 2.0);
    let s2 = s * s;
    let mut p = 1.0 / 15.0;
    for c in [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0] {
        p = mul_add::<F>(p, s2, c);
    }
    2.0 * s * p
}

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would let NaN through")]
fn exp_sigmoid_one<const F: bool>(x: f32) -> f32 {
    // sigmoid(x)^ln(10) = exp(-ln(10) softplus(-x)).
    let x = x.max(-80.0).min(80.0);
    let softplus = (-x).max(0.0) + ln_1p::<F>(exp::<F>(-x.abs()));
    mul_add::<F>(2.0, exp::<F>(-std::f32::consts::LN_10 * softplus), 1e-7)
}

#[inline(always)]
fn exp_body<const F: bool>(values: &mut [f32]) {
    for value in values {
        *value = exp::<F>(*value);
    }
}

#[inline(always)]
fn sigmoid_body<const F: bool>(values: &mut [f32]) {
    for value in values {
        *value = sigmoid::<F>(*value);
    }
}

#[inline(always)]
fn tanh_body<const F: bool>(values: &mut [f32]) {
    for value in values {
        *value = tanh::<F>(*value);
    }
}

#[inline(always)]
fn exp_sigmoid_body<const F: bool>(values: &mut [f32]) {
    for value in values {
        *value = exp_sigmoid_one::<F>(*value);
    }
}

/// h = (1 - z) n + z h with r = sigmoid(i_r + h_r), z = sigmoid(i_z + h_z), n = tanh(i_n + r h_n). Slices of `from_*` are
/// `[r, z, n]`, each as long as h.
#[inline(always)]
fn gru_body<const F: bool>(hidden: &mut [f32], from_input: &[f32], from_hidden: &[f32]) {
    let width = hidden.len();
    let (ir, rest) = from_input.split_at(width);
    let (iz, rest) = rest.split_at(width);
    let i_n = &rest[..width];
    let (hr, rest) = from_hidden.split_at(width);
    let (hz, rest) = rest.split_at(width);
    let hn = &rest[..width];
    for j in 0..width {
        let r = sigmoid::<F>(ir[j] + hr[j]);
        let z = sigmoid::<F>(iz[j] + hz[j]);
        let n = tanh::<F>(mul_add::<F>(r, hn[j], i_n[j]));
        let h = mul_add::<F>(z, hidden[j] - n, n);
        // Denormal numbers would slow every later step; NaN, which only absurd weights make, ends here too.
        hidden[j] = if h.abs() >= 1e-20 { h } else { 0.0 };
    }
}

#[inline(always)]
fn relu6_body<const F: bool>(x: &[f32], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        // Denormal numbers would slow later steps; NaN, which only absurd weights make, ends here too.
        *out = if *x >= 1e-20 { x.min(6.0) } else { 0.0 };
    }
}

simd_dispatch!(
    /// `out = min(max(x, 0), 6)`, and 0 for NaN and for what is below 1e-20.
    pub fn relu6(x: &[f32], out: &mut [f32]) = relu6_body
);
simd_dispatch!(
    /// e^x in place, for x from -87 to 88; beyond it stays at the end's value.
    pub fn exp_in_place(values: &mut [f32]) = exp_body
);
simd_dispatch!(
    /// 1 / (1 + e^-x) in place.
    pub fn sigmoid_in_place(values: &mut [f32]) = sigmoid_body
);
simd_dispatch!(
    /// tanh(x) in place.
    pub fn tanh_in_place(values: &mut [f32]) = tanh_body
);
simd_dispatch!(
    /// 2 sigmoid(x)^ln(10) + 1e-7 in place; NaN gives 1e-7.
    pub fn exp_sigmoid(values: &mut [f32]) = exp_sigmoid_body
);
simd_dispatch!(
    /// The gates of a GRU, PyTorch's definition: `hidden` `[H]` in place, from W_ih x + b_ih and W_hh h + b_hh, each at
    /// least `[3 H]` in the order r, z, n. Values below 1e-20 become 0. Within 2e-6 of f64 where `hidden` is within 1 and
    /// the others are within 8.
    pub fn gru_gates(hidden: &mut [f32], from_input: &[f32], from_hidden: &[f32]) = gru_body
);
simd_dispatch!(
    /// As [`gru_gates`], never fused: the same bits on every set.
    pub unfused fn gru_gates_exact(hidden: &mut [f32], from_input: &[f32], from_hidden: &[f32]) = gru_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Simd;

    /// Whether all sets stay within `bound`, relative to f64, over -87 to 88 and more densely near 0.
    fn check(kernel: fn(Simd, &mut [f32]), exact: fn(f64) -> f64, bound: f64) {
        let wide = (0..=50_000).map(|i| (i as f32 * 3.500_1e-3 - 87.0).min(88.0));
        let near = (-10_000..=10_000).map(|i| i as f32 * 1.000_1e-3);
        let xs: Vec<f32> = wide.chain(near).chain([1e-30, -1e-7, 3e-4]).collect();
        assert!(xs.contains(&-87.0) && xs.contains(&88.0));
        for simd in Simd::all() {
            let mut ys = xs.clone();
            kernel(simd, &mut ys);
            for (x, y) in xs.iter().zip(ys) {
                let expected = exact(f64::from(*x));
                let error = (f64::from(y) - expected).abs() / expected.abs().max(1e-37);
                assert!(error <= bound, "{}: f({x}) = {y}, not {expected}: {error:e}", simd.name());
            }
        }
    }

    #[test]
    fn each_function_keeps_its_bound() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        check(exp_in_place, f64::exp, 3e-7);
        check(sigmoid_in_place, sigmoid, 3e-7);
        check(tanh_in_place, f64::tanh, 5e-7);
    }

    #[test]
    fn beyond_its_range_exp_stays_at_the_ends_value() {
        for simd in Simd::all() {
            let mut values = [-87.0, -87.1, -1e4, f32::NEG_INFINITY, f32::NAN, 88.0, 88.1, 1e4, f32::INFINITY];
            exp_in_place(simd, &mut values);
            let [least, greatest] = [values[0], values[5]];
            assert_eq!(values[..5], [least; 5], "{}", simd.name());
            assert_eq!(values[5..], [greatest; 4], "{}", simd.name());
        }
    }

    #[test]
    fn a_cut_off_relu_is_exact_and_ends_what_is_too_faint_or_no_number() {
        let pairs = [
            (-1e30, 0.0),
            (-0.0, 0.0),
            (0.0, 0.0),
            (1e-40, 0.0),
            (9.9e-21, 0.0),
            (1.01e-20, 1.01e-20),
            (0.3, 0.3),
            (5.999_999_5, 5.999_999_5),
            (6.0, 6.0),
            (6.000_000_5, 6.0),
            (f32::INFINITY, 6.0),
            (f32::NEG_INFINITY, 0.0),
            (f32::NAN, 0.0),
        ];
        // So many that each value comes into every lane, and into what is left over.
        let (x, expected): (Vec<f32>, Vec<f32>) = pairs.into_iter().cycle().take(16 * 13 + 7).unzip();
        for simd in Simd::all() {
            let mut out = vec![f32::NAN; x.len()];
            relu6(simd, &x, &mut out);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(&out), bits(&expected), "{}", simd.name());
        }
    }

    #[test]
    fn exp_sigmoid_keeps_its_bound() {
        check(exp_sigmoid, |x| 2.0 * (1.0 / (1.0 + (-x).exp())).powf(10f64.ln()) + 1e-7, 2e-6);
    }

    #[test]
    fn absurd_values_stay_finite() {
        for kernel in [exp_in_place, sigmoid_in_place, exp_sigmoid] {
            for simd in Simd::all() {
                let mut values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-40];
                kernel(simd, &mut values);
                assert!(values.iter().all(|value| value.is_finite() && *value >= 0.0), "{values:?}");
            }
        }
    }

    #[test]
    fn a_gru_forgets_what_is_too_faint_and_survives_what_is_no_number() {
        for simd in Simd::all() {
            let mut hidden = [1e-21, 0.5, 0.5];
            // r, z, n: z open keeps h, and h is what n is drawn to.
            let from_input = [0.0, 0.0, 0.0, 30.0, 30.0, 30.0, 0.0, 0.0, f32::NAN];
            gru_gates(simd, &mut hidden, &from_input, &[0.0; 9]);
            assert_eq!(hidden[0], 0.0);
            assert!(hidden[2].abs() <= 1.0, "{}", hidden[2]);
            assert!((hidden[1] - 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn the_gates_keep_their_bound() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut state = 1_u32;
        let mut within = |limit: f32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * limit
        };
        // Whole registers, and what is left over; small inputs, and as large as the bound is for.
        for (width, limit) in [1, 7, 16, 67, 8_192].into_iter().flat_map(|width| [0.1, 1.0, 8.0].map(|l| (width, l))) {
            let before: Vec<f32> = (0..width).map(|_| within(1.0)).collect();
            let mut from_input: Vec<f32> = (0..3 * width).map(|_| within(limit)).collect();
            let from_hidden: Vec<f32> = (0..3 * width).map(|_| within(limit)).collect();
            for j in (0..width).step_by(2) {
                // Where both parts of n cancel, and z lets n through, r's error weighs most.
                let r = sigmoid(f64::from(from_input[j]) + f64::from(from_hidden[j]));
                from_input[width + j] = -limit;
                from_input[2 * width + j] = (-r * f64::from(from_hidden[2 * width + j])) as f32;
            }
            for simd in Simd::all() {
                let mut hidden = before.clone();
                gru_gates(simd, &mut hidden, &from_input, &from_hidden);
                for (j, (h, before)) in hidden.iter().zip(&before).enumerate() {
                    let [(ir, hr), (iz, hz), (i_n, hn)] = [0, 1, 2].map(|gate| {
                        let at = gate * width + j;
                        (f64::from(from_input[at]), f64::from(from_hidden[at]))
                    });
                    let z = sigmoid(iz + hz);
                    let expected = (1.0 - z) * (i_n + sigmoid(ir + hr) * hn).tanh() + z * f64::from(*before);
                    let error = (f64::from(*h) - expected).abs();
                    assert!(error <= 2e-6, "{}, {width} wide, inputs within {limit}: {error:e}", simd.name());
                }
            }
        }
    }

    #[test]
    fn exact_gates_are_the_same_bits_on_every_set() {
        let from_input: Vec<f32> = (0..3 * 67).map(|i| ((i * 37) % 101) as f32 / 12.0 - 4.0).collect();
        let from_hidden: Vec<f32> = (0..3 * 67).map(|i| ((i * 53) % 97) as f32 / 15.0 - 3.0).collect();
        let gates = |simd| {
            let mut hidden: Vec<f32> = (0..67).map(|i| (i as f32 * 0.7).sin()).collect();
            gru_gates_exact(simd, &mut hidden, &from_input, &from_hidden);
            hidden
        };
        Simd::all().for_each(|simd| assert_eq!(gates(simd), gates(Simd::Plain), "{}", simd.name()));
    }
}
