//! What all voices of one model at one host rate share: sizes, the noise filter's cosines, FFT plans.

use std::f64::consts::TAU;

use super::fade::HostFade;
use super::real_fft::FftPlan;
use crate::frame::FRAME_RATE_HZ;
use crate::simd::Simd;

/// Taps that are computed together; rows of the filter's matrix are padded to it.
pub(super) const TAP_LANES: usize = 32;

/// What the synthesiser needs to know of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthSpec {
    /// The model's own sample rate in Hz.
    pub sample_rate_hz: u32,
    /// Highest frequency that the model was trained to play at full level, in Hz.
    pub bandwidth_hz: f32,
    /// Partials of the harmonic bank.
    pub n_harmonics: usize,
    /// Noise bands, evenly spaced from 0 Hz to the model's Nyquist frequency; at least 2.
    pub n_noise_bands: usize,
    /// Length of the noise filter in ms.
    pub noise_fir_ms: f32,
}

/// Read-only tables for any number of [`super::VoiceSynth`]s.
pub struct SynthTables {
    pub(super) spec: SynthSpec,
    pub(super) host_rate_hz: u32,
    pub(super) simd: Simd,
    pub(super) fade: HostFade,
    /// Taps of the noise filter at the host's rate.
    pub(super) n_taps: usize,
    /// Taps of band j for magnitude 1, `[n_taps / TAP_LANES, n_noise_bands, TAP_LANES]`, padded with zeros. It carries
    /// the host fade of the bands and the inverse FFT's scale.
    pub(super) band_taps: Vec<f32>,
    /// Most samples of noise that are filtered at once.
    pub(super) block_len: usize,
    pub(super) fft: FftPlan,
}

impl SynthTables {
    /// Tables for `spec` at `host_rate_hz`, with the best instruction set of this machine.
    #[must_use]
    pub fn new(spec: &SynthSpec, host_rate_hz: u32) -> Self {
        Self::with_simd(spec, host_rate_hz, Simd::detect())
    }

    /// As [`SynthTables::new`] with a given instruction set, which the machine must have.
    ///
    /// # Panics
    /// If a rate is 0 or there are fewer than two noise bands.
    #[must_use]
    pub fn with_simd(spec: &SynthSpec, host_rate_hz: u32, simd: Simd) -> Self {
        assert!(spec.sample_rate_hz > 0 && host_rate_hz > 0, "rates are above 0 Hz");
        assert!(spec.n_noise_bands >= 2, "noise has at least two bands");
        let fs = f64::from(host_rate_hz);
        let fir_s = f64::from(spec.noise_fir_ms) / 1000.0;
        // The last tap at tau = L / 2 is there even if L fs comes out a rounding error below a whole number.
        let n_taps = (fir_s * fs + 1e-6).floor() as usize + 1;
        let block_len = host_rate_hz.div_ceil(FRAME_RATE_HZ) as usize;
        let fft = FftPlan::new(FftPlan::fast_size(block_len + n_taps - 1));
        let fade = HostFade::new(spec.sample_rate_hz, host_rate_hz);
        let band_taps = band_taps(spec, fade, fs, n_taps, 1.0 / fft.size() as f64);
        Self { spec: spec.clone(), host_rate_hz, simd, fade, n_taps, band_taps, block_len, fft }
    }

    /// The model that these tables are for.
    #[must_use]
    pub fn spec(&self) -> &SynthSpec {
        &self.spec
    }

    /// The host's rate that these tables are for, in Hz.
    #[must_use]
    pub fn host_rate_hz(&self) -> u32 {
        self.host_rate_hz
    }
}

/// h(tau) of each band at magnitude 1, sampled at the host's rate; see `docs/architecture.md`, "Noise".
fn band_taps(spec: &SynthSpec, fade: HostFade, fs: f64, n_taps: usize, scale: f64) -> Vec<f32> {
    let fir_s = f64::from(spec.noise_fir_ms) / 1000.0;
    let bands = spec.n_noise_bands;
    let model_rate = f64::from(spec.sample_rate_hz);
    let last = bands - 1;
    let level = (model_rate / fs).sqrt() * scale;
    let mut taps = vec![0.0; n_taps.div_ceil(TAP_LANES) * bands * TAP_LANES];
    for (chunk, rows) in taps.chunks_exact_mut(bands * TAP_LANES).enumerate() {
        for (j, row) in rows.chunks_exact_mut(TAP_LANES).enumerate() {
            let band_hz = j as f64 * (model_rate / 2.0) / last as f64;
            // The bands at 0 Hz and at the Nyquist frequency have no mirror image.
            let sides = if j == 0 || j == last { 1.0 } else { 2.0 };
            let gain = level * sides / (2 * last) as f64 * f64::from(fade.gain(band_hz));
            for (lane, tap) in row.iter_mut().enumerate() {
                let n = chunk * TAP_LANES + lane;
                if n < n_taps {
                    let tau = n as f64 / fs - fir_s / 2.0;
                    let hann = 0.5 * (1.0 + (TAU * tau / fir_s).cos());
                    *tap = (gain * hann * (TAU * band_hz * tau).cos()) as f32;
                }
            }
        }
    }
    taps
}
