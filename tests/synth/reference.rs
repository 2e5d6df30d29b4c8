//! The definitions of `docs/architecture.md` written out in f64, and measurements of sound.

use std::f64::consts::{PI, TAU};

use retort::Controls;
use retort::synth::{PartGains, SynthSpec, VoiceSynth};

pub const RATES: [u32; 9] = [8_000, 22_050, 32_000, 44_100, 47_999, 48_000, 96_000, 192_000, 384_000];

pub fn violin_spec() -> SynthSpec {
    SynthSpec { sample_rate_hz: 32_000, bandwidth_hz: 15_500.0, n_harmonics: 80, n_noise_bands: 65, noise_fir_ms: 4.0 }
}

pub fn tone(f0_hz: f32, amplitude: f32, share: impl Fn(usize) -> f32) -> Controls {
    let spec = violin_spec();
    let mut controls = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    controls.f0_hz = f0_hz;
    controls.amplitude = amplitude;
    controls.harmonics = (1..=spec.n_harmonics).map(share).collect();
    controls
}

pub fn noise_bands(magnitude: impl Fn(usize) -> f32) -> Controls {
    let spec = violin_spec();
    let mut controls = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
    controls.noise = (0..spec.n_noise_bands).map(magnitude).collect();
    controls
}

/// Frames of a melody that leaps, glides, swells and falls silent, with noise that changes its colour.
pub fn lively_frames(n: usize) -> Vec<Controls> {
    (0..n)
        .map(|t| {
            let x = t as f32;
            let f0_hz = 196.0 * 2_f32.powf((x * 0.021).sin() * 1.5) * if t % 40 < 20 { 1.0 } else { 1.5 };
            let mut controls = tone(f0_hz, if t % 50 < 44 { 0.3 + 0.2 * (x * 0.1).sin() } else { 0.0 }, |k| {
                if k as f32 * f0_hz < 15_500.0 {
                    0.6_f32.powi(k as i32) + 0.002 * (k as f32 + x * 0.3).sin().abs()
                } else {
                    0.0
                }
            });
            controls.noise = (0..65)
                .map(|j| if t % 50 < 44 && j < 60 { 0.05 * (1.0 + (j as f32 * 0.2 + x * 0.05).sin()) } else { 0.0 })
                .collect();
            controls
        })
        .collect()
}

/// Segments of the frame clock at `rate`, each ramping to the next frame; the first frame is jumped to.
pub fn render_frames(voice: &mut VoiceSynth, frames: &[Controls], rate: u32, gains: PartGains) -> Vec<f32> {
    let clock = retort::FrameClock::new(rate, 250);
    let mut sound = Vec::new();
    voice.jump_to(&frames[0]);
    for (t, frame) in (1_u64..).zip(&frames[1..]) {
        let len = (clock.start(t) - clock.start(t - 1)) as usize;
        voice.begin_segment(frame, len, gains);
        let start = sound.len();
        sound.resize(start + len, 0.0);
        voice.render(&mut sound[start..]);
    }
    sound
}

/// Plays unchanging controls for a while.
pub fn render_steady(controls: &Controls, rate: u32, seconds: f64, seed: u64) -> Vec<f32> {
    let mut voice = VoiceSynth::new(&violin_spec(), rate);
    voice.reset(seed);
    let frames = vec![controls.clone(); (seconds * 250.0) as usize + 1];
    render_frames(&mut voice, &frames, rate, PartGains::default())
}

fn host_fade(frequency_hz: f64, rate: f64) -> f64 {
    if frequency_hz <= 0.46 * rate || rate >= 32_000.0 {
        1.0
    } else if frequency_hz >= 0.5 * rate {
        0.0
    } else {
        0.5 * (1.0 + (PI * (frequency_hz - 0.46 * rate) / (0.04 * rate)).cos())
    }
}

/// Frames from the first on with the segments' lengths between them.
fn segments(frames: &[Controls], rate: u32) -> impl Iterator<Item = (&Controls, &Controls, usize)> {
    let clock = retort::FrameClock::new(rate, 250);
    (1..frames.len()).map(move |t| {
        let len = (clock.start(t as u64) - clock.start(t as u64 - 1)) as usize;
        (&frames[t - 1], &frames[t], len)
    })
}

pub fn harmonics_in_f64(frames: &[Controls], rate: u32) -> Vec<f64> {
    let fs = f64::from(rate);
    let mut phase = 0.0;
    let mut sound = Vec::new();
    for (from, to, len) in segments(frames, rate) {
        let amplitude = |frame: &Controls, k: usize| {
            let k_f0 = (k + 1) as f64 * f64::from(frame.f0_hz);
            f64::from(frame.amplitude) * f64::from(frame.harmonics[k]) * host_fade(k_f0, fs)
        };
        let ends: Vec<_> = (0..from.harmonics.len()).map(|k| (amplitude(from, k), amplitude(to, k))).collect();
        for i in 0..len {
            let w = i as f64 / len as f64;
            phase += (f64::from(from.f0_hz) + (f64::from(to.f0_hz) - f64::from(from.f0_hz)) * w) / fs;
            let partial = |(k, &(a, b)): (usize, &(f64, f64))| (a + (b - a) * w) * (TAU * (k + 1) as f64 * phase).sin();
            sound.push(ends.iter().enumerate().map(partial).sum());
        }
    }
    sound
}

/// The noise filter's taps at `rate` for a frame.
pub fn noise_taps_in_f64(bands: &[f32], rate: u32) -> Vec<f64> {
    let (fs, model_rate, fir_s) = (f64::from(rate), 32_000.0, 0.004);
    let last = bands.len() - 1;
    (0..)
        .map(|n| n as f64 / fs - fir_s / 2.0)
        .take_while(|&tau| tau <= fir_s / 2.0 + 1e-9)
        .map(|tau| {
            let sum: f64 = bands
                .iter()
                .enumerate()
                .map(|(j, &m)| {
                    let band_hz = j as f64 * model_rate / 2.0 / last as f64;
                    let sides = if j == 0 || j == last { 1.0 } else { 2.0 };
                    sides * f64::from(m) * host_fade(band_hz, fs) * (TAU * band_hz * tau).cos()
                })
                .sum();
            (1.0 + (TAU * tau / fir_s).cos()) / 2.0 / (2 * last) as f64 * sum * (model_rate / fs).sqrt()
        })
        .collect()
}

/// `white` through the filters of the frames, sample by sample.
pub fn filtered_noise_in_f64(white: &[f64], frames: &[Controls], rate: u32) -> Vec<f64> {
    let mut sound = vec![0.0; white.len() + 2000];
    let mut start = 0;
    for (from, to, len) in segments(frames, rate) {
        let (h0, h1) = (noise_taps_in_f64(&from.noise, rate), noise_taps_in_f64(&to.noise, rate));
        for i in 0..len {
            let w = i as f64 / len as f64;
            for (n, (a, b)) in h0.iter().zip(&h1).enumerate() {
                sound[start + i + n] += white[start + i] * ((1.0 - w) * a + w * b);
            }
        }
        start += len;
    }
    sound.truncate(white.len());
    sound
}

/// Level of the largest difference under the largest sample of `want`, in dB.
pub fn error_db(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let peak = want.iter().fold(0.0, |peak: f64, x| peak.max(x.abs()));
    let error = got.iter().zip(want).fold(0.0, |error: f64, (&a, b)| error.max((f64::from(a) - b).abs()));
    20.0 * (error / peak).log10()
}

pub fn rms(sound: &[f32]) -> f64 {
    (sound.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / sound.len() as f64).sqrt()
}

/// Amplitude of the component at a frequency, through a Hann window.
pub fn level_at(sound: &[f32], frequency_hz: f64, rate: u32) -> f64 {
    let (mut re, mut im, mut window_sum) = (0.0, 0.0, 0.0);
    for (n, &x) in sound.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * n as f64 / sound.len() as f64).cos();
        let angle = TAU * frequency_hz * n as f64 / f64::from(rate);
        re += window * f64::from(x) * angle.cos();
        im += window * f64::from(x) * angle.sin();
        window_sum += window;
    }
    2.0 * re.hypot(im) / window_sum
}

/// Power spectral density in 1 / Hz, averaged from `from_hz` to `to_hz`, by Welch's method.
pub fn density(sound: &[f32], from_hz: f64, to_hz: f64, rate: u32) -> f64 {
    let fs = f64::from(rate);
    let size = (fs / 31.25) as usize & !1;
    let plan = realfft::RealFftPlanner::<f64>::new().plan_fft_forward(size);
    let window: Vec<f64> = (0..size).map(|n| 0.5 - 0.5 * (TAU * n as f64 / size as f64).cos()).collect();
    let energy: f64 = window.iter().map(|w| w * w).sum();
    let mut spectrum = plan.make_output_vec();
    let (mut sum, mut count) = (0.0, 0.0);
    for block in sound.windows(size).step_by(size / 2) {
        let mut signal: Vec<f64> = block.iter().zip(&window).map(|(&x, w)| f64::from(x) * w).collect();
        plan.process(&mut signal, &mut spectrum).unwrap();
        for (bin, value) in spectrum.iter().enumerate() {
            if (from_hz..=to_hz).contains(&(bin as f64 * fs / size as f64)) {
                sum += 2.0 * value.norm_sqr() / (energy * fs);
                count += 1.0;
            }
        }
    }
    sum / count
}
