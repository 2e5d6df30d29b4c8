//! The normalised cross-correlation of what lies just before an instant with what lies just after it, for every lag.
//!
//! For each lag two segments of the same length are compared, a lag apart, and the pair is centred on the instant. The
//! length grows with the lag, so about two periods are seen whatever the period is: long enough to hear a low note, short
//! enough to follow a high one. Compare D. Talkin, "A robust algorithm for pitch tracking (RAPT)", 1995, whose window has one
//! length and one side.

use crate::simd::{Simd, mul_add};
use crate::simd_dispatch;

/// Segments are multiples of this many samples, for the vector units.
const LANES: usize = 16;
/// Taps of the interpolation between lags, and the margin that a correlogram has for it at both ends.
pub const MARGIN: usize = 8;
const PHASES: usize = 64;

/// The length of the segments that are compared at `lag`.
#[inline(always)]
fn segment(lag: usize, span: usize) -> usize {
    lag.max(span.saturating_sub(lag)).next_multiple_of(LANES)
}

/// How far from the centre the correlation up to `longest_lag` reaches, in samples.
pub fn reach(longest_lag: usize, span: usize) -> usize {
    (0..=longest_lag + MARGIN).map(|lag| (lag + segment(lag, span)).div_ceil(2)).max().unwrap_or(0)
}

/// Computes correlograms: `[MARGIN + longest_lag + MARGIN + 1]` values from -1 to 1, of which `[MARGIN + lag]` belongs to
/// `lag`; the margins hold negative lags and those past the longest, for interpolation.
pub struct Correlator {
    simd: Simd,
    longest_lag: usize,
    span: usize,
    /// Energy of the signal before each sample.
    energy_before: Vec<f64>,
    /// `[PHASES + 1][2 MARGIN]` windowed sincs.
    interpolation: Vec<f32>,
}

impl Correlator {
    pub fn new(simd: Simd, longest_lag: usize, span: usize) -> Self {
        let mut interpolation = vec![0.0; (PHASES + 1) * 2 * MARGIN];
        for (phase, taps) in interpolation.chunks_exact_mut(2 * MARGIN).enumerate() {
            let centre = (MARGIN - 1) as f64 + phase as f64 / PHASES as f64;
            let mut sum = 0.0;
            for (i, tap) in taps.iter_mut().enumerate() {
                let t = i as f64 - centre;
                let sinc =
                    if t.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * t).sin() / (std::f64::consts::PI * t) };
                let hann = 0.5 + 0.5 * (std::f64::consts::PI * t / MARGIN as f64).cos();
                *tap = (sinc * hann) as f32;
                sum += *tap;
            }
            taps.iter_mut().for_each(|tap| *tap /= sum);
        }
        let length = 2 * reach(longest_lag, span);
        Self { simd, longest_lag, span, energy_before: vec![0.0; length + 1], interpolation }
    }

    /// The number of values of a correlogram.
    pub fn len(&self) -> usize {
        self.longest_lag + 2 * MARGIN + 1
    }

    /// Correlates `signal` around its sample `centre`, from which it must extend by [`reach`] to both sides.
    pub fn correlate(&mut self, signal: &[f32], centre: usize, correlogram: &mut [f32]) {
        let reach = reach(self.longest_lag, self.span);
        let signal = &signal[centre - reach..centre + reach];
        let mut sum = 0.0;
        for (before, &x) in self.energy_before[1..].iter_mut().zip(signal) {
            sum += f64::from(x) * f64::from(x);
            *before = sum;
        }
        products(self.simd, signal, self.span, &mut correlogram[MARGIN..]);
        for (lag, r) in correlogram[MARGIN..].iter_mut().enumerate() {
            let n = segment(lag, self.span);
            let a = reach - (lag + n) / 2;
            let energy = |from: usize| self.energy_before[from + n] - self.energy_before[from];
            // The small number keeps digital silence at 0; it lies 150 dB below full scale.
            let scale = (energy(a) * energy(a + lag)).sqrt() + 1e-15 * n as f64;
            *r = ((f64::from(*r) / scale) as f32).clamp(-1.0, 1.0);
        }
        for lag in 1..=MARGIN {
            correlogram[MARGIN - lag] = correlogram[MARGIN + lag];
        }
    }

    /// The correlogram at a fractional `lag` from 0 to the longest, interpolated.
    pub fn at(&self, correlogram: &[f32], lag: f32) -> f32 {
        let whole = lag.floor();
        let phase = ((lag - whole) * PHASES as f32).round() as usize;
        let taps = &self.interpolation[phase * 2 * MARGIN..][..2 * MARGIN];
        let values = &correlogram[whole as usize + 1..][..2 * MARGIN];
        taps.iter().zip(values).map(|(tap, value)| tap * value).sum()
    }

    /// The top of the peak around the local maximum at the whole `lag`: its fractional lag and its height.
    pub fn peak(&self, correlogram: &[f32], lag: usize) -> (f32, f32) {
        let [l, c, r] = [0, 1, 2].map(|i| correlogram[MARGIN + lag - 1 + i]);
        let mut top = lag as f32 + vertex(l, c, r).0;
        // Steps of the interpolation's own grid, so that its values are exact there.
        const STEP: f32 = 8.0 / PHASES as f32;
        let mut height = c;
        for _ in 0..2 {
            let on_grid = (top / STEP).round() * STEP;
            let around = [-STEP, 0.0, STEP].map(|offset| self.at(correlogram, on_grid + offset));
            let (offset, value) = vertex(around[0], around[1], around[2]);
            top = on_grid + offset * STEP;
            height = value;
        }
        (top, height)
    }

    /// The nearest local maximum to the whole `lag` at a distance of at most `climb`.
    pub fn local_maximum(&self, correlogram: &[f32], lag: usize, climb: usize) -> Option<usize> {
        let value = |lag: usize| correlogram[MARGIN + lag];
        let mut lag = lag;
        for _ in 0..=climb {
            if lag == 0 || lag > self.longest_lag {
                return None;
            }
            let next = if value(lag + 1) > value(lag) {
                lag + 1
            } else if value(lag - 1) > value(lag) {
                lag - 1
            } else {
                return Some(lag);
            };
            lag = next;
        }
        None
    }
}

/// The vertex of the parabola through (-1, l), (0, c), (1, r): its place, within -1 to 1, and its height.
fn vertex(l: f32, c: f32, r: f32) -> (f32, f32) {
    let curvature = l - 2.0 * c + r;
    if curvature >= -1e-9 {
        return (0.0, c);
    }
    let place = (0.5 * (l - r) / curvature).clamp(-1.0, 1.0);
    (place, c - 0.25 * (l - r) * place)
}

simd_dispatch!(
    /// Sums of products for each lag, over segments centred in `signal`. Within 2e-6 of the plain sums once both are divided
    /// by the root of the two energies, as a correlogram is.
    fn products(signal: &[f32], span: usize, sums: &mut [f32]) = products_body
);

#[inline(always)]
fn products_body<const F: bool>(signal: &[f32], span: usize, sums: &mut [f32]) {
    let centre = signal.len() / 2;
    for (lag, sum) in sums.iter_mut().enumerate() {
        let n = segment(lag, span);
        let a = centre - (lag + n) / 2;
        let left = &signal[a..a + n];
        let right = &signal[a + lag..a + lag + n];
        let mut lanes = [0.0_f32; LANES];
        for (x, y) in left.chunks_exact(LANES).zip(right.chunks_exact(LANES)) {
            for i in 0..LANES {
                lanes[i] = mul_add::<F>(x[i], y[i], lanes[i]);
            }
        }
        *sum = lanes.iter().sum();
    }
}
