//! Activations as small integers.

use crate::simd_dispatch;

/// Adding this to a small number rounds it to an integer, halves to even, in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// The largest 14-bit activation.
const FINE_LARGEST: f32 = 8_191.0;

/// Greater values count as this one, so that no step is infinite.
const LARGEST: f32 = 1e30;

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would let NaN through")]
fn quantise_body<const F: bool>(largest: f32, x: &[f32], out: &mut [u8]) {
    let steps = 127.0 / largest;
    for (out, x) in out.iter_mut().zip(x) {
        let product = x.max(0.0).min(largest) * steps;
        *out = (product + ROUNDER).to_bits() as u8;
    }
}

simd_dispatch!(
    /// Activations in 7 bits: `x`, cut off at 0 and at `largest`, which 127 stands for, times `127 / largest` and rounded to
    /// an integer, halves to even; NaN gives 0.
    pub unfused fn quantise(largest: f32, x: &[f32], out: &mut [u8]) = quantise_body
);

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would let NaN through")]
fn quantise_fine_body<const F: bool>(x: &[f32], out: &mut [u8]) -> f32 {
    // The greatest of all, in as many parts as registers hold: it is the same in any order.
    let mut peaks = [0.0f32; 32];
    let (chunks, rest) = x.as_chunks::<32>();
    for chunk in chunks {
        peaks.iter_mut().zip(chunk).for_each(|(peak, x)| *peak = peak.max(x.abs()));
    }
    peaks.iter_mut().zip(rest).for_each(|(peak, x)| *peak = peak.max(x.abs()));
    let peak = peaks.into_iter().fold(0.0, f32::max).min(LARGEST);
    let steps = if peak > f32::MIN_POSITIVE * FINE_LARGEST { FINE_LARGEST / peak } else { 0.0 };
    let half = out.len() / 2;
    let (high, low) = out.split_at_mut(half);
    for ((high, low), x) in high.iter_mut().zip(&mut *low).zip(x) {
        let product = x.max(-peak).min(peak) * steps;
        let q = (product + ROUNDER).to_bits().wrapping_add(super::FINE_ZERO as u32);
        *high = (q >> 7 & 127) as u8;
        *low = (q & 127) as u8;
    }
    peak / FINE_LARGEST
}

simd_dispatch!(
    /// Activations in 14 bits with a sign, relative to the greatest: `x = step q` within half a step, with q from -8191 to
    /// 8191 as two halves, `q = 128 high + low - 8192`. The first half of `out` gets the high halves, the second the low ones,
    /// from its beginning each; places beyond `x` stay as they are. Returns the step; NaN becomes the lowest q.
    pub unfused fn quantise_fine(x: &[f32], out: &mut [u8]) -> f32 = quantise_fine_body
);
