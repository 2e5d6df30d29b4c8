use retort::simd::Simd;
use retort::synth::{PartGains, SynthTables, VoiceSynth};

use crate::reference::*;

#[test]
fn partials_equal_the_definition_at_every_rate() {
    let mut frames = lively_frames(150);
    frames.iter_mut().for_each(|frame| frame.noise.fill(0.0));
    for rate in RATES {
        let mut voice = VoiceSynth::new(&violin_spec(), rate);
        let sound = render_frames(&mut voice, &frames, rate, PartGains::default());
        let error = error_db(&sound, &harmonics_in_f64(&frames, rate));
        assert!(error < -100.0, "{rate} Hz: {error} dB");
    }
}

#[test]
fn the_highest_partials_are_as_exact_as_the_lowest() {
    // Rounding grows along the chain of partials: the last two alone are the worst case.
    let frames: Vec<_> =
        (0..250).map(|t| tone(150.0 + 0.3 * t as f32, 0.5, |k| if k >= 79 { 0.5 } else { 0.0 })).collect();
    let want = harmonics_in_f64(&frames, 48_000);
    for simd in Simd::all() {
        let tables = SynthTables::with_simd(&violin_spec(), 48_000, simd);
        let mut voice = VoiceSynth::with_tables(tables.into());
        let sound = render_frames(&mut voice, &frames, 48_000, PartGains::default());
        let error = error_db(&sound, &want);
        println!("{}: {error:.1} dB", simd.name());
        assert!(error < -95.0, "{}: {error} dB", simd.name());
    }
}

#[test]
fn a_tone_has_no_direct_current() {
    let sound = render_steady(&tone(441.0, 1.0, |k| if k <= 30 { 1.0 / 30.0 } else { 0.0 }), 44_100, 1.0, 0);
    let mean = sound.iter().map(|&x| f64::from(x)).sum::<f64>() / sound.len() as f64;
    assert!(mean.abs() < 1e-7, "{mean}");
}

#[test]
fn the_timbre_does_not_change_with_the_hosts_rate() {
    let controls = tone(700.0, 0.5, |k| if k <= 22 { 0.8_f32.powi(k as i32) } else { 0.0 });
    for rate in RATES {
        let sound = render_steady(&controls, rate, 0.5, 0);
        for k in (1..=22).filter(|&k| 700.0 * f64::from(k) < 0.46 * f64::from(rate)) {
            let want = 0.5 * 0.8_f64.powi(k);
            let error_db = 20.0 * (level_at(&sound, 700.0 * f64::from(k), rate) / want).log10();
            assert!(error_db.abs() < 0.001, "partial {k} at {rate} Hz: {error_db} dB");
        }
    }
}

#[test]
fn partials_beyond_the_hosts_nyquist_frequency_do_not_fold_back() {
    let sound = render_steady(&tone(1_000.0, 1.0, |k| if k <= 15 { 1.0 } else { 0.0 }), 22_050, 0.5, 0);
    for k in 12..=15 {
        let level = level_at(&sound, 22_050.0 - 1_000.0 * f64::from(k), 22_050);
        assert!(level < 1e-5, "partial {k} folds back at {level}");
    }
}

#[test]
fn gains_ramp_with_the_controls_and_scale_the_notes_start() {
    let controls = tone(440.0, 1.0, |k| if k == 1 { 1.0 } else { 0.0 });
    let half = PartGains { harmonic: 0.5, noise: 1.0 };
    let mut voice = VoiceSynth::new(&violin_spec(), 48_000);
    let mut sound = vec![0.0; 384];
    voice.jump_to(&controls);
    voice.begin_segment(&controls, 192, half);
    voice.render(&mut sound[..192]);
    voice.begin_segment(&controls, 192, PartGains::default());
    voice.render(&mut sound[192..]);
    for (n, &x) in sound.iter().enumerate() {
        let gain = if n < 192 { 0.5 } else { 0.5 + 0.5 * (n - 192) as f64 / 192.0 };
        let want = gain * (std::f64::consts::TAU * 440.0 * (n + 1) as f64 / 48_000.0).sin();
        assert!((f64::from(x) - want).abs() < 1e-6, "sample {n}");
    }
}

#[test]
fn controls_that_are_no_numbers_never_reach_the_sound() {
    let mut controls = tone(f32::NAN, 1.0, |k| if k % 2 == 0 { f32::NAN } else { f32::INFINITY });
    controls.noise.fill(f32::NAN);
    let mut voice = VoiceSynth::new(&violin_spec(), 48_000);
    voice.jump_to(&controls);
    let mut sound = [1.0; 192];
    for frame in [&controls, &tone(220.0, 1.0, |_| 0.01), &controls, &tone(220.0, f32::MAX, |_| f32::MAX)] {
        voice.begin_segment(frame, 192, PartGains { harmonic: f32::NAN, noise: 1.0 });
        voice.render(&mut sound);
        assert!(sound.iter().all(|x| x.is_finite()));
        voice.begin_segment(frame, 192, PartGains::default());
        voice.render(&mut sound);
        assert!(sound.iter().all(|x| x.is_finite()));
    }
}
