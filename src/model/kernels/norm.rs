//! Layer norm and leaky ReLU in one go.

use crate::simd::mul_add;
use crate::simd_dispatch;

const EPSILON: f32 = 1e-5;
const SLOPE: f32 = 0.01;
/// Sums are kept in this many parts, which the compiler puts into registers.
const PARTS: usize = 32;

/// The sum of `term` over `values`, in [`PARTS`] partial sums.
#[inline(always)]
fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0; PARTS];
    let (chunks, rest) = values.as_chunks::<PARTS>();
    for chunk in chunks {
        for (part, value) in parts.iter_mut().zip(chunk) {
            *part += term(*value);
        }
    }
    for (part, value) in parts.iter_mut().zip(rest) {
        *part += term(*value);
    }
    let mut width = PARTS;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            parts[i] += parts[i + width];
        }
    }
    parts[0]
}

#[inline(always)]
fn layer_norm_leaky_body<const F: bool>(values: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (values, weight, bias) = (&values[..n], &weight[..n], &bias[..n]);
    // Mean first, then the spread around it: one pass with squares would lose digits.
    let mean = sum(values, |x| x) / n as f32;
    let variance = sum(values, |x| (x - mean) * (x - mean)) / n as f32;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    for i in 0..n {
        let y = mul_add::<F>((values[i] - mean) * scale, weight[i], bias[i]);
        out[i] = y.max(SLOPE * y);
    }
}

simd_dispatch!(
    /// `out = leaky_relu(layer_norm(values), 0.01)` over the whole of `out` `[n]`, with eps 1e-5 and the norm's `weight`
    /// and `bias` `[n]`; `values` may be longer. Within 5e-5 of f64 for values from 100 to 103, a `weight` of 1.5
    /// and a `bias` of 0.25: most of it is the rounding of the mean.
    pub fn layer_norm_leaky(values: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) = layer_norm_leaky_body
);
simd_dispatch!(
    /// As [`layer_norm_leaky`], never fused: the same bits on every set.
    pub unfused fn layer_norm_leaky_exact(values: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) = layer_norm_leaky_body
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Simd;

    #[test]
    fn a_large_mean_costs_no_digits() {
        for n in [1, 16, 17, 100, 512] {
            let values: Vec<f32> = (0..n).map(|i| 100.0 + ((i * 37) % 23) as f32 / 8.0).collect();
            let (weight, bias) = (vec![1.5; n], vec![0.25; n]);
            let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
            let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n as f64;
            let mut exact = vec![f32::NAN; n];
            layer_norm_leaky(Simd::Plain, &values, &weight, &bias, &mut exact);
            for simd in Simd::all() {
                let mut out = vec![f32::NAN; n];
                layer_norm_leaky_exact(simd, &values, &weight, &bias, &mut out);
                assert_eq!(out, exact, "{n} values, {}", simd.name());
                layer_norm_leaky(simd, &values, &weight, &bias, &mut out);
                for (x, y) in values.iter().zip(&out) {
                    let normed = (f64::from(*x) - mean) / (variance + 1e-5).sqrt() * 1.5 + 0.25;
                    let expected = if normed < 0.0 { 0.01 * normed } else { normed };
                    assert!(
                        (f64::from(*y) - expected).abs() < 5e-5,
                        "{n} values, {}: {y}, not {expected}",
                        simd.name()
                    );
                }
            }
        }
    }
}
