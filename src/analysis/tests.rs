//! What frames say about sounds that are known.

use super::made_sounds::{Kind, Score, ladder, make, white_noise};
use super::*;
use std::f64::consts::TAU;

const ALL: [LowestPitch; 3] = [LowestPitch::Hz40, LowestPitch::Hz80, LowestPitch::Hz160];

fn sine(f_hz: f64, amplitude: f64, seconds: f64, sample_rate_hz: u32) -> Vec<f32> {
    let n = (seconds * f64::from(sample_rate_hz)) as usize;
    (0..n).map(|i| (amplitude * (TAU * f_hz * i as f64 / f64::from(sample_rate_hz)).sin()) as f32).collect()
}

/// The A-weighting of IEC 61672-1, in dB.
fn a_weighting_db(f: f64) -> f64 {
    let gain = |f: f64| {
        let f2 = f * f;
        12_194.217_f64.powi(2) * f2 * f2
            / ((f2 + 20.598_997_f64.powi(2)) * (f2 + 12_194.217_f64.powi(2)))
            / ((f2 + 107.652_65_f64.powi(2)) * (f2 + 737.862_23_f64.powi(2))).sqrt()
    };
    20.0 * (gain(f) / gain(1_000.0)).log10()
}

fn frames_in_blocks(samples: &[f32], sample_rate_hz: u32, lowest: LowestPitch, block: usize) -> Vec<(u64, Frame)> {
    let mut analyzer = Analyzer::new(sample_rate_hz, lowest).unwrap();
    let mut frames = Vec::new();
    for samples in samples.chunks(block) {
        analyzer.push(samples, |k, frame| frames.push((k, frame)));
    }
    frames
}

#[test]
fn frames_are_the_same_for_any_block_size_at_any_rate() {
    for rate in [8_000, 22_050, 44_100, 44_101, 48_000, 96_000, 384_000] {
        let mut samples = make(Kind::Vibrato, 300.0, 0.25, rate, Some(20.0)).samples;
        samples[100] = f32::NAN;
        for lowest in ALL {
            let one = frames_in_blocks(&samples, rate, lowest, 1);
            assert!(one.len() > 40 && one.iter().enumerate().all(|(i, &(k, _))| i as u64 == k));
            for block in [17, 64, 1000, 4096] {
                assert_eq!(frames_in_blocks(&samples, rate, lowest, block), one, "blocks of {block} at {rate} Hz");
            }
        }
    }
}

#[test]
fn a_frame_is_known_with_the_last_sample_before_its_tick() {
    for rate in [8_000, 44_100, 44_101, 48_000] {
        for lowest in ALL {
            let clock = FrameClock::new(rate, FRAME_RATE_HZ);
            let mut analyzer = Analyzer::new(rate, lowest).unwrap();
            let mut next = 0;
            for sent in 1..=u64::from(rate / 4) {
                analyzer.push(&[0.1], |k, _| {
                    assert_eq!((k, sent), (next, clock.start(next + u64::from(lowest.delay_frames()))));
                    next += 1;
                });
            }
            assert!(next > 40);
        }
    }
}

#[test]
fn the_latency_is_short() {
    let ms = |lowest: LowestPitch| lowest.latency_samples(48_000) / 48;
    assert_eq!(ALL.map(ms), [56, 32, 24]);
}

#[test]
fn after_a_reset_nothing_is_remembered() {
    let loud = make(Kind::Harmonic, 700.0, 0.3, 44_100, None).samples;
    let sound = make(Kind::Harmonic, 330.0, 0.3, 44_100, Some(20.0)).samples;
    let mut analyzer = Analyzer::new(44_100, LowestPitch::Hz80).unwrap();
    let mut frames = Vec::new();
    analyzer.push(&loud, |_, _| {});
    analyzer.reset();
    analyzer.push(&sound, |k, frame| frames.push((k, frame)));
    assert_eq!(frames, frames_in_blocks(&sound, 44_100, LowestPitch::Hz80, 512));
}

#[test]
fn loudness_follows_the_a_weighting_curve_at_every_rate() {
    for rate in [22_050, 44_100, 44_101, 96_000] {
        for f_hz in [50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 6_000.0, 7_000.0] {
            let frames = analyze(&sine(f_hz, 1.0, 0.3, rate), rate, LowestPitch::Hz80).unwrap();
            let error_db = f64::from(frames[40].loudness_db) - a_weighting_db(f_hz);
            let bound_db = if f_hz > 6_500.0 { 0.25 } else { 0.06 };
            assert!(error_db.abs() < bound_db, "{error_db} dB at {f_hz} Hz, rate {rate} Hz");
        }
    }
}

#[test]
fn a_steady_note_has_steady_loudness() {
    for f_hz in [43.0, 85.0, 131.7, 440.0] {
        let sound = make(Kind::Harmonic, f_hz, 0.6, 44_100, None);
        let frames = analyze(&sound.samples, sound.sample_rate_hz, LowestPitch::Hz40).unwrap();
        let levels = frames[50..120].iter().map(|frame| frame.loudness_db);
        let (lo, hi) = levels.fold((f32::MAX, f32::MIN), |(lo, hi), db| (lo.min(db), hi.max(db)));
        assert!(hi - lo < 0.1, "{} dB of ripple at {f_hz} Hz", hi - lo);
    }
}

#[test]
fn sounds_by_construction_have_their_pitch() {
    for lowest in ALL {
        for kind in Kind::ALL {
            for noise_db in [None, Some(20.0)] {
                let mut score = Score::default();
                for f_hz in ladder(lowest.hz().into(), kind.highest_hz(), 7) {
                    let sound = make(kind, f_hz, 0.4, 44_100, noise_db);
                    let frames = analyze(&sound.samples, sound.sample_rate_hz, lowest).unwrap();
                    // From the first 50 ms on, and while the window is full of sound.
                    for (k, frame) in frames.iter().enumerate().take(frames.len() - 8).skip(13) {
                        score.add(frame.f0_hz, frame.voicing, sound.f0_hz[(k as f64 * 176.4) as usize]);
                    }
                }
                let what = format!("{kind:?}, noise {noise_db:?}, {lowest:?}: {} frames", score.n);
                assert!(score.median_cents() < 5.0, "median {} cents, {what}", score.median_cents());
                assert!(score.percent(score.octave) < 1.0, "{} octave errors, {what}", score.octave);
                assert!(score.percent(score.right) > 97.0, "{} right, {what}", score.right);
            }
        }
    }
}

#[test]
fn the_pitch_is_exact_from_40_hz_to_3_khz() {
    for f_hz in [40.5, 55.0, 220.0, 1_234.5, 2_500.0, 2_960.0] {
        let frames = analyze(&sine(f_hz, 0.5, 0.5, 48_000), 48_000, LowestPitch::Hz40).unwrap();
        let cents = 1200.0 * (f64::from(frames[60].f0_hz) / f_hz).log2();
        assert!(cents.abs() < 1.5, "{cents} cents at {f_hz} Hz");
    }
}

#[test]
fn silence_and_noise_are_unvoiced() {
    for lowest in ALL {
        for frame in analyze(&vec![0.0; 22_050], 44_100, lowest).unwrap() {
            assert_eq!(frame, Frame::SILENCE);
        }
        for level in [0.1, 0.005] {
            let noise: Vec<f32> = white_noise(88_200, 1).iter().map(|x| (level * x) as f32).collect();
            let frames = analyze(&noise, 44_100, lowest).unwrap();
            let voiced = frames.iter().filter(|frame| frame.voicing >= 0.5).count();
            assert_eq!(voiced, 0, "of {} frames of white noise, {lowest:?}", frames.len());
        }
    }
}

#[test]
fn an_offset_at_0_hz_changes_neither_pitch_nor_loudness() {
    let sound = make(Kind::Harmonic, 200.0, 0.5, 44_100, None).samples;
    let shifted: Vec<f32> = sound.iter().map(|x| x + 0.2).collect();
    let [a, b] = [sound, shifted].map(|samples| analyze(&samples, 44_100, LowestPitch::Hz80).unwrap()[100]);
    assert!((a.f0_hz - b.f0_hz).abs() < 0.05 && (a.loudness_db - b.loudness_db).abs() < 0.1, "{a:?} {b:?}");
}

#[test]
fn samples_that_are_no_numbers_count_as_silence() {
    let mut sound = make(Kind::Harmonic, 200.0, 0.3, 44_100, None).samples;
    for (i, bad) in
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE / 8.0].into_iter().enumerate()
    {
        sound[3_000 + 500 * i] = bad;
    }
    let frames = analyze(&sound, 44_100, LowestPitch::Hz80).unwrap();
    assert!(frames.iter().all(|f| f.f0_hz.is_finite() && f.f0_hz > 0.0 && f.loudness_db.is_finite()));
    assert!(frames.iter().all(|f| (0.0..=1.0).contains(&f.voicing)));
    assert!((frames[70].f0_hz - 200.0).abs() < 0.5, "it recovers: {:?}", frames[70]);
}

#[test]
fn an_onset_is_heard_when_it_happens_with_its_pitch() {
    for lowest in ALL {
        let mut times_ms: Vec<f64> = (0..40)
            .map(|i| {
                let rate = 48_000.0;
                let f_hz = f64::from(lowest.hz()) * 1.05 * 12_f64.powf(f64::from(i) / 40.0);
                let onset_s = 0.2 + 0.004 * (f64::from(i) * 0.618_034).fract();
                let sound = make(Kind::Harmonic, f_hz, 0.3, 48_000, None).samples;
                let mut samples = vec![0.0; (onset_s * rate) as usize];
                samples.extend(sound);
                let frames = analyze(&samples, 48_000, lowest).unwrap();
                // What a player hears: linear ramps between frames.
                let amplitude = |k: usize| 10_f64.powf(f64::from(frames[k].loudness_db) / 20.0);
                let at = |t: f64, value: &dyn Fn(usize) -> f64| {
                    let k = (t * 250.0).floor();
                    value(k as usize) + (value(k as usize + 1) - value(k as usize)) * (t * 250.0 - k)
                };
                let pitch = |k: usize| f64::from(frames[k].f0_hz);
                let steady = amplitude(100);
                let heard = (0..).map(|i| 0.15 + f64::from(i) * 1e-4).find(|&t| {
                    let cents = 1200.0 * (at(t, &pitch) / f_hz).log2();
                    let voiced = frames[(t * 250.0) as usize].voicing >= 0.5;
                    t > 0.3 || (at(t, &amplitude) >= 0.5 * steady && cents.abs() < 50.0 && voiced)
                });
                (heard.unwrap() - onset_s) * 1e3
            })
            .collect();
        times_ms.sort_by(f64::total_cmp);
        assert!(times_ms[20].abs() < 1.0, "median {} ms, {lowest:?}", times_ms[20]);
        let within = times_ms.iter().filter(|t| t.abs() <= 4.0).count();
        assert!(within >= 36, "{within} of 40 within 4 ms, {lowest:?}: {times_ms:?}");
    }
}

#[test]
fn instruction_sets_agree() {
    // The kernels differ in rounding only; a frame may differ by what rounding can do, and not by a decision.
    use super::correlation::Correlator;
    let signal: Vec<f32> = make(Kind::Harmonic, 300.0, 0.1, 16_000, Some(20.0)).samples;
    for longest_lag in [102, 408] {
        let correlogram = |simd| {
            let mut correlator = Correlator::new(simd, longest_lag, 332);
            let mut correlogram = vec![0.0; correlator.len()];
            correlator.correlate(&signal, 800, &mut correlogram);
            correlogram
        };
        let plain = correlogram(Simd::Plain);
        for simd in Simd::all() {
            let worst = plain.iter().zip(&correlogram(simd)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-6, "{worst} with {}", simd.name());
        }
    }
}

#[test]
fn a_rate_out_of_range_is_refused() {
    assert_eq!(Analyzer::new(4_000, LowestPitch::Hz80).err(), Some(AnalysisError::SampleRate(4_000)));
}

#[test]
fn a_recording_has_a_frame_for_each_4_ms_and_one_for_its_start() {
    for n in [0, 1, 175, 176, 177, 44_100] {
        let frames = analyze(&vec![0.0; n], 44_100, LowestPitch::Hz160).unwrap();
        assert_eq!(frames.len(), n * 250 / 44_100 + 1);
    }
}
