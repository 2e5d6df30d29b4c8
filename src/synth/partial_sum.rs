//! The samples of a harmonic bank: sums of sines at multiples of one phase, many samples side by side.
//!
//! Each sample gets its own phase in f64, reduced to x within a quarter of a cycle. Its partials then follow by Reinsch's
//! form of the recurrence for sin k x, which adds to each sine a difference that is itself of the size of x, so that no
//! rounding is amplified (Stoer and Bulirsch, "Introduction to Numerical Analysis", 1.3): two operations a partial in
//! f32, and errors that grow at most linearly with k.

use crate::simd::{Simd, mul_add};
use crate::simd_dispatch;

/// Samples that are computed together.
pub(super) const LANES: usize = 64;
/// Samples in registers at once: as many as hide the latency of the recurrence and still fit.
const NARROW: usize = 32;
/// The same where a register has four lanes and there are 32 of them.
const NARROWEST: usize = 16;

/// Amplitude of a partial over a segment: where it begins, and how far it rises.
#[derive(Clone, Copy, Default)]
pub(super) struct PartialRamp {
    pub start: f32,
    pub rise: f32,
}

/// Phase over a segment, in cycles: at sample i it is `phase + (i + 1) (step + bend i)`.
#[derive(Clone, Copy, Default)]
pub(super) struct Sweep {
    pub phase: f64,
    pub step: f64,
    pub bend: f64,
}

/// Samples `first..first + LANES` of a segment of `len` samples, partial 1 first in `ramps`. Against f64 the error is below
/// -90 dB for a hundred partials of a moving pitch, after an hour, and below -95 dB for the last two of eighty alone.
pub(super) fn sum_partials(
    simd: Simd,
    out: &mut [f32; LANES],
    ramps: &[PartialRamp],
    sweep: Sweep,
    first: usize,
    len: usize,
) {
    match simd {
        Simd::Avx512 => sum_wide(simd, out, ramps, sweep, first, len),
        Simd::Avx2 | Simd::Plain => sum_narrow(simd, out, ramps, sweep, first, len),
        Simd::Neon => sum_narrowest(simd, out, ramps, sweep, first, len),
    }
}

simd_dispatch!(
    /// With all [`LANES`] samples in registers at once. Below -90 dB and -95 dB against f64, as [`sum_partials`] states.
    fn sum_wide(out: &mut [f32; LANES], ramps: &[PartialRamp], sweep: Sweep, first: usize, len: usize) = wide_body
);
simd_dispatch!(
    /// With [`NARROW`] samples in registers at once. Below -90 dB and -95 dB against f64, as [`sum_partials`] states.
    fn sum_narrow(out: &mut [f32; LANES], ramps: &[PartialRamp], sweep: Sweep, first: usize, len: usize) = narrow_body
);
simd_dispatch!(
    /// With [`NARROWEST`] samples in registers at once. Below -90 dB and -95 dB against f64, as [`sum_partials`] states.
    fn sum_narrowest(out: &mut [f32; LANES], ramps: &[PartialRamp], sweep: Sweep, first: usize, len: usize) = narrowest_body
);

#[inline(always)]
fn wide_body<const F: bool>(out: &mut [f32; LANES], ramps: &[PartialRamp], sweep: Sweep, first: usize, len: usize) {
    sum_body::<F, LANES>(out, ramps, sweep, first, len);
}

#[inline(always)]
fn narrow_body<const F: bool>(out: &mut [f32; LANES], ramps: &[PartialRamp], sweep: Sweep, first: usize, len: usize) {
    in_parts::<F, NARROW>(out, ramps, sweep, first, len);
}

#[inline(always)]
fn narrowest_body<const F: bool>(
    out: &mut [f32; LANES],
    ramps: &[PartialRamp],
    sweep: Sweep,
    first: usize,
    len: usize,
) {
    in_parts::<F, NARROWEST>(out, ramps, sweep, first, len);
}

#[inline(always)]
fn in_parts<const F: bool, const N: usize>(
    out: &mut [f32; LANES],
    ramps: &[PartialRamp],
    sweep: Sweep,
    first: usize,
    len: usize,
) {
    for (part, out) in out.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        sum_body::<F, N>(out, ramps, sweep, first + part * N, len);
    }
}

#[inline(always)]
fn sum_body<const F: bool, const N: usize>(
    out: &mut [f32; N],
    ramps: &[PartialRamp],
    sweep: Sweep,
    first: usize,
    len: usize,
) {
    // x is the phase less a number of half cycles: where that is odd, odd partials have the opposite sign.
    let mut odd_sign = [0.0_f32; N];
    let mut sine = [0.0_f32; N];
    let mut minus_bend = [0.0_f32; N];
    let mut weight = [0.0_f32; N];
    let per_sample = 1.0 / len as f32;
    // 32-bit numbers become floating ones in one instruction everywhere; no segment is longer than that.
    let first = first as i32;
    for lane in 0..N {
        let sample = first.wrapping_add(lane as i32);
        let i = f64::from(sample);
        let reduced = Reduced::of(sweep.phase + (i + 1.0) * (sweep.step + sweep.bend * i));
        odd_sign[lane] = reduced.odd_sign as f32;
        sine[lane] = reduced.sin as f32;
        minus_bend[lane] = (-2.0 * reduced.one_minus_cos) as f32;
        weight[lane] = sample as f32 * per_sample;
    }
    // sin(k x) and sin(k x) - sin((k - 1) x), from k = 1 on; sums of odd and of even partials.
    let mut difference = sine;
    let mut odd = [0.0_f32; N];
    let mut even = [0.0_f32; N];
    let (pairs, single) = ramps.as_chunks::<2>();
    for [first_ramp, second_ramp] in pairs {
        for lane in 0..N {
            let amplitude = mul_add::<F>(weight[lane], first_ramp.rise, first_ramp.start);
            odd[lane] = mul_add::<F>(amplitude, sine[lane], odd[lane]);
            difference[lane] = mul_add::<F>(minus_bend[lane], sine[lane], difference[lane]);
            sine[lane] += difference[lane];
        }
        for lane in 0..N {
            let amplitude = mul_add::<F>(weight[lane], second_ramp.rise, second_ramp.start);
            even[lane] = mul_add::<F>(amplitude, sine[lane], even[lane]);
            difference[lane] = mul_add::<F>(minus_bend[lane], sine[lane], difference[lane]);
            sine[lane] += difference[lane];
        }
    }
    for ramp in single {
        for lane in 0..N {
            let amplitude = mul_add::<F>(weight[lane], ramp.rise, ramp.start);
            odd[lane] = mul_add::<F>(amplitude, sine[lane], odd[lane]);
        }
    }
    for lane in 0..N {
        out[lane] = mul_add::<F>(odd_sign[lane], odd[lane], even[lane]);
    }
}

/// A phase less the nearest number of half cycles.
struct Reduced {
    /// -1 if the number of half cycles is odd, 1 if it is even.
    odd_sign: f64,
    sin: f64,
    one_minus_cos: f64,
}

impl Reduced {
    /// For `cycles` from 0 to 2^40, within 1e-9, without a branch or a library call, so that lanes vectorise.
    #[inline(always)]
    fn of(cycles: f64) -> Self {
        // Adding 1.5 * 2^52 rounds to a whole number, whose lowest bit then is the lowest of the mantissa.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let halves = cycles * 2.0 + ROUND;
        let odd_sign = f64::from_bits(1.0_f64.to_bits() | (halves.to_bits() << 63));
        let x = (cycles - (halves - ROUND) * 0.5) * std::f64::consts::TAU;
        let y = x * x;
        // Taylor series; at pi / 2 the first terms left out are 7e-10 and 7e-11.
        let sin = 1.0 / 6_227_020_800.0;
        let sin = sin * y - 1.0 / 39_916_800.0;
        let sin = sin * y + 1.0 / 362_880.0;
        let sin = sin * y - 1.0 / 5_040.0;
        let sin = sin * y + 1.0 / 120.0;
        let sin = sin * y - 1.0 / 6.0;
        let sin = (sin * y + 1.0) * x;
        let one_minus_cos = 1.0 / 87_178_291_200.0;
        let one_minus_cos = one_minus_cos * y - 1.0 / 479_001_600.0;
        let one_minus_cos = one_minus_cos * y + 1.0 / 3_628_800.0;
        let one_minus_cos = one_minus_cos * y - 1.0 / 40_320.0;
        let one_minus_cos = one_minus_cos * y + 1.0 / 720.0;
        let one_minus_cos = one_minus_cos * y - 1.0 / 24.0;
        let one_minus_cos = (one_minus_cos * y + 0.5) * y;
        Self { odd_sign, sin, one_minus_cos }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_exact_at_all_phases() {
        for n in 0..100_000_u32 {
            let cycles = f64::from(n) * 0.001_237;
            let reduced = Reduced::of(cycles);
            let angle = std::f64::consts::TAU * cycles;
            assert!((reduced.odd_sign * reduced.sin - angle.sin()).abs() < 1e-9, "{cycles}");
            assert!((reduced.odd_sign * (1.0 - reduced.one_minus_cos) - angle.cos()).abs() < 1e-9, "{cycles}");
        }
    }
}
