//! The room's impulse response at the host's rate, cut where it has died away.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const HALF_WIDTH: usize = 32;
/// Kaiser window's shape: side lobes below -100 dB.
const KAISER_BETA: f64 = 10.0;
/// Most kernels in the table, for as many places between two samples. Rates whose ratio needs fewer have a kernel for each
/// place that occurs; else linear interpolation errs by 1e-6 (-118 dB).
const TABLE_STEPS: u32 = 1024;
/// Nearer to a kernel's place than this share of a step is at it.
const AT_A_STEP: f64 = 1e-6;
/// What remains after the cut, as a share of the response's energy: -100 dB.
const REMAINDER: f64 = 1e-10;

/// `response` at `model_rate_hz`, resampled to `host_rate_hz` and scaled by the ratio of the rates, so that convolution at
/// the host's rate has the same gain. Band-limited at the lower Nyquist frequency, without look-ahead: what the sinc
/// rings before time 0 is left out. Values that are no number count as 0.
#[must_use]
pub(super) fn response_at_host_rate(response: &[f32], model_rate_hz: u32, host_rate_hz: u32) -> Vec<f32> {
    let source: Vec<f64> = response.iter().map(|&x| if x.is_finite() { f64::from(x) } else { 0.0 }).collect();
    let source = until_silent(&source);
    let resampled =
        if model_rate_hz == host_rate_hz { source.to_vec() } else { resample(source, model_rate_hz, host_rate_hz) };
    until_silent(&resampled).iter().map(|&x| x as f32).collect()
}

/// The response up to where -100 dB of its energy remain.
fn until_silent(response: &[f64]) -> &[f64] {
    let total: f64 = response.iter().map(|x| x * x).sum();
    let mut remainder = 0.0;
    for (n, x) in response.iter().enumerate().rev() {
        remainder += x * x;
        if remainder > total * REMAINDER {
            return &response[..=n];
        }
    }
    &[]
}

fn resample(source: &[f64], model_rate_hz: u32, host_rate_hz: u32) -> Vec<f64> {
    if source.is_empty() {
        return Vec::new();
    }
    // Samples of the host lie at so many places between samples of the model.
    let places = host_rate_hz / common_divisor(model_rate_hz, host_rate_hz);
    let (model_rate, host_rate) = (f64::from(model_rate_hz), f64::from(host_rate_hz));
    // The kernel's zero crossings lie 1 / the lower rate apart.
    let cutoff = (host_rate / model_rate).min(1.0);
    let kernels = KernelTable::new(cutoff, places.min(TABLE_STEPS) as usize);
    let gain = cutoff * model_rate / host_rate;
    let reach = kernels.n_taps / 2;
    let len = ((source.len() + reach) as f64 * host_rate / model_rate).ceil() as usize;
    (0..len)
        .map(|n| {
            let centre = n as f64 * model_rate / host_rate;
            let (below, above, blend) = kernels.around(centre.fract());
            // Tap j lies at sample `floor(centre) + 1 - reach + j`; those outside the response are left out.
            let before_start = (reach - 1).saturating_sub(centre as usize);
            let first = (centre as usize + 1 + before_start).saturating_sub(reach);
            let taps = source.get(first..).unwrap_or_default();
            let sum_below = dot(taps, &below[before_start..]);
            let sum_above = || dot(taps, &above[before_start..]);
            let sum = if blend < AT_A_STEP { sum_below } else { sum_below + (sum_above() - sum_below) * blend };
            sum * gain
        })
        .collect()
}

/// The sum of products, as long as both last, in parts that the compiler puts side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let ((a, a_rest), (b, b_rest)) = (a[..n].as_chunks::<8>(), b[..n].as_chunks::<8>());
    let mut parts = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        parts.iter_mut().zip(a.iter().zip(b)).for_each(|(part, (a, b))| *part += a * b);
    }
    parts.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Kaiser-windowed sincs around places between two samples.
struct KernelTable {
    /// Places from one sample to the next.
    steps: usize,
    /// Taps of each kernel, even.
    n_taps: usize,
    /// `[steps + 1, n_taps]`
    kernels: Vec<f64>,
}

impl KernelTable {
    /// `cutoff`: zero crossings per sample of the source.
    fn new(cutoff: f64, steps: usize) -> Self {
        let n_taps = 2 * (HALF_WIDTH as f64 / cutoff).ceil() as usize;
        let peak = bessel_i0(KAISER_BETA);
        let kernels = (0..(steps + 1) * n_taps)
            .map(|i| {
                let place = (i / n_taps) as f64 / steps as f64;
                let t = (place + (n_taps / 2) as f64 - 1.0 - (i % n_taps) as f64) * cutoff;
                let sinc = if t.abs() < 1e-12 { 1.0 } else { (PI * t).sin() / (PI * t) };
                let window = 1.0 - (t / HALF_WIDTH as f64).powi(2);
                if window > 0.0 { sinc * bessel_i0(KAISER_BETA * window.sqrt()) / peak } else { 0.0 }
            })
            .collect();
        Self { steps, n_taps, kernels }
    }

    /// The kernels below and above a place from 0 to 1, and the share of the upper one.
    fn around(&self, place: f64) -> (&[f64], &[f64], f64) {
        let steps = place * self.steps as f64;
        // A rounding error below a place is at it.
        let steps = if steps.ceil() - steps < AT_A_STEP { steps.ceil() } else { steps };
        let start = (steps as usize).min(self.steps - 1) * self.n_taps;
        let (below, above) = self.kernels[start..start + 2 * self.n_taps].split_at(self.n_taps);
        (below, above, steps - (start / self.n_taps) as f64)
    }
}

/// Modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1.0;
    while term > sum * 1e-12 {
        term *= quarter / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gain of a response at a frequency.
    fn gain(response: &[f32], frequency_hz: f64, rate: u32) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &x) in response.iter().enumerate() {
            let angle = 2.0 * PI * frequency_hz * n as f64 / f64::from(rate);
            re += f64::from(x) * angle.cos();
            im += f64::from(x) * angle.sin();
        }
        re.hypot(im)
    }

    /// A short decaying response with most of its energy away from time 0.
    fn response() -> Vec<f32> {
        (0..2000).map(|n| if n < 100 { 0.0 } else { (n as f32 * 0.37).sin() * (-0.004 * n as f32).exp() }).collect()
    }

    #[test]
    fn a_room_colours_the_sound_alike_at_every_rate() {
        let at_model_rate = response();
        for rate in [22_050, 44_100, 47_999, 48_000, 96_000, 192_000] {
            let at_host_rate = response_at_host_rate(&at_model_rate, 32_000, rate);
            for frequency_hz in [100.0, 1_000.0, 1_884.0, 5_000.0, 9_000.0] {
                let (want, got) = (gain(&at_model_rate, frequency_hz, 32_000), gain(&at_host_rate, frequency_hz, rate));
                let error_db = 20.0 * (got / want).log10();
                assert!(error_db.abs() < 0.02, "{frequency_hz} Hz at {rate}: {error_db} dB");
            }
        }
    }

    #[test]
    fn nothing_is_heard_above_the_models_bandwidth() {
        let at_host_rate = response_at_host_rate(&response(), 32_000, 96_000);
        let inside = gain(&at_host_rate, 1_884.0, 96_000);
        for frequency_hz in [18_000.0, 25_000.0, 30_116.0, 40_000.0] {
            let level_db = 20.0 * (gain(&at_host_rate, frequency_hz, 96_000) / inside).log10();
            assert!(level_db < -90.0, "{frequency_hz} Hz: {level_db} dB");
        }
    }

    #[test]
    fn a_silent_end_is_cut_off_and_silence_is_no_room() {
        let mut long = response();
        long.resize(32_000, 0.0);
        assert!(response_at_host_rate(&long, 32_000, 32_000).len() <= 2000);
        assert!(response_at_host_rate(&[0.0; 500], 32_000, 48_000).is_empty());
        assert!(response_at_host_rate(&[], 32_000, 48_000).is_empty());
        assert!(response_at_host_rate(&[f32::NAN; 4], 32_000, 48_000).is_empty());
    }
}
