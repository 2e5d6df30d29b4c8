//! The streaming decoder against its f64 twin, and both against PyTorch.

use retort::model::gru::{GruDecoder, GruWeights, PlainGru, plain_controls};
use retort::model::testing::{metadata_for, random_model};
use retort::model::{Decoder, Model, State};
use retort::simd::Simd;
use retort::{Controls, Frame};

fn sets() -> Vec<Simd> {
    Simd::all().collect()
}

/// A phrase: glides over five octaves, vibrato, swells, rests.
fn phrase(len: usize) -> Vec<Frame> {
    (0..len)
        .map(|k| {
            let t = k as f32 / 250.0;
            Frame {
                f0_hz: 440.0 * (2.5 * (0.7 * t).sin() + 0.02 * (35.0 * t).sin()).exp2(),
                loudness_db: if k % 500 < 60 { -80.0 } else { -30.0 + 25.0 * (1.3 * t).sin() },
                voicing: 1.0,
            }
        })
        .collect()
}

fn flat(controls: &Controls) -> Vec<f64> {
    let rest = controls.harmonics.iter().chain(&controls.noise);
    std::iter::once(&controls.amplitude).chain(rest).map(|value| f64::from(*value)).collect()
}

/// Largest difference in dB among the values that are above -100 dB on either side.
fn largest_db(found: &[f64], expected: &[f64]) -> f64 {
    let audible = found.iter().zip(expected).filter(|(a, b)| a.max(**b) > 1e-5);
    audible.map(|(a, b)| (20.0 * (a / b).log10()).abs()).fold(0.0, f64::max)
}

fn largest(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

/// Streams `frames` through both and holds the differences to the bounds: those of floats, or those of a wide network in 8
/// bits, whose activations have 14 and whose inputs go through tables.
fn compare(weights: &GruWeights, frames: &[Frame]) {
    let in_integers = weights.precision() == "int8" && weights.hidden() >= 64;
    let (bound, bound_db) = if in_integers { (0.03, 0.3) } else { (1e-4, 0.01) };
    let spec = metadata_for(weights, "violin/test").spec();
    let mut plain = PlainGru::new(weights);
    let expected: Vec<Vec<f64>> = frames.iter().map(|frame| plain.step(frame)).collect();
    for simd in sets() {
        let decoder = GruDecoder::new(weights, spec, simd);
        let mut state = [decoder.new_state()];
        let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
        let (mut preactivation, mut db) = (0f64, 0f64);
        for (frame, expected) in frames.iter().zip(&expected) {
            decoder.step(&mut state, &[*frame], &mut controls);
            preactivation = preactivation.max(largest(state[0].preactivations(), expected));
            let expected = plain_controls(&spec, f64::from(frame.f0_hz), expected);
            db = db.max(largest_db(&flat(&controls[0]), &expected));
        }
        let set = format!("H = {}, {}, {}", weights.hidden(), weights.precision(), simd.name());
        println!("{set}: pre-activations within {preactivation:.1e}, controls within {db:.1e} dB");
        assert!(preactivation < bound, "{set}: pre-activations differ by {preactivation}");
        assert!(db < bound_db, "{set}: controls differ by {db} dB");
    }
}

#[test]
fn the_reduced_decoder_follows_its_f64_twin_for_2000_frames() {
    let weights = GruWeights::random(1, 16, 80, 65);
    compare(&weights, &phrase(2_000));
    compare(&weights.to_f16(), &phrase(2_000));
    compare(&weights.to_int8(), &phrase(2_000));
}

#[test]
fn the_full_decoder_follows_its_f64_twin_for_2000_frames() {
    let weights = GruWeights::random(2, 512, 80, 65);
    compare(&weights.to_int8(), &phrase(2_000));
    compare(&weights.to_f16(), &phrase(300));
    compare(&weights, &phrase(300));
}

#[test]
fn widths_that_fill_no_register_are_decoded_as_well() {
    for (hidden, harmonics, bands) in [(1, 1, 2), (3, 60, 65), (17, 33, 9), (40, 95, 65), (70, 5, 129)] {
        let weights = GruWeights::random(3, hidden, harmonics, bands);
        compare(&weights, &phrase(200));
        compare(&weights.to_f16(), &phrase(200));
        compare(&weights.to_int8(), &phrase(200));
    }
}

#[test]
fn pytorch_in_f64_agrees() {
    let model = include_bytes!("golden/decoder.safetensors");
    let frames: Vec<f32> = floats(include_bytes!("golden/decoder_frames.f32"));
    let expected: Vec<f32> = floats(include_bytes!("golden/decoder_outputs.f32"));
    let frames: Vec<Frame> = frames
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&[f0_hz, loudness_db]| Frame { f0_hz, loudness_db, voicing: 1.0 })
        .collect();
    assert_eq!(frames.len(), 2_000);
    for simd in sets() {
        let model = Model::from_bytes_with(model, simd).unwrap();
        let spec = model.decoder.spec();
        let outputs = spec.n_outputs();
        assert_eq!(expected.len(), 40 * 2 * outputs);
        let mut state = [model.decoder.new_state()];
        let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
        let mut rows = expected.chunks_exact(outputs);
        for (k, frame) in frames.iter().enumerate() {
            model.decoder.step(&mut state, &[*frame], &mut controls);
            // Every 50th frame is stored, the last included.
            if k % 50 == 49 {
                let mut row = || rows.next().unwrap().iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
                let difference = largest(state[0].preactivations(), &row());
                assert!(difference < 1e-4, "{} frame {k}: {difference}", simd.name());
                let difference = largest_db(&flat(&controls[0]), &row());
                assert!(difference < 0.01, "{} frame {k}: {difference} dB", simd.name());
            }
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn a_voice_sounds_the_same_alone_and_in_company() {
    for (simd, hidden) in sets().into_iter().flat_map(|simd| [(simd, 16), (simd, 64), (simd, 37)]) {
        let model = Model::from_bytes_with(&random_model("violin/test", hidden, 4), simd).unwrap();
        let decoder = &model.decoder;
        let phrase = phrase(60);
        for voices in 1..=9 {
            let mut together: Vec<State> = (0..voices).map(|_| decoder.new_state()).collect();
            let mut alone = together.clone();
            let mut controls = vec![Controls::silent(80, 65); voices];
            let mut controls_alone = controls.clone();
            for start in 0..20 {
                let frames: Vec<Frame> = (0..voices).map(|v| phrase[start + 4 * v]).collect();
                decoder.step(&mut together, &frames, &mut controls);
                for v in 0..voices {
                    decoder.step(&mut alone[v..=v], &frames[v..=v], &mut controls_alone[v..=v]);
                }
                assert_eq!(controls, controls_alone, "{voices} voices, {}", simd.name());
            }
        }
    }
}

#[test]
fn a_reset_voice_begins_anew() {
    let model = Model::from_bytes(&random_model("violin/test", 16, 5)).unwrap();
    let mut state = [model.decoder.new_state()];
    let mut first = [Controls::silent(80, 65)];
    let mut again = first.clone();
    let mut other = first.clone();
    let frames = phrase(100);
    model.decoder.step(&mut state, &frames[99..], &mut first);
    for frame in &frames {
        model.decoder.step(&mut state, &[*frame], &mut other);
    }
    assert_ne!(first, other, "a decoder that remembers nothing cannot show what reset does");
    state[0].reset();
    model.decoder.step(&mut state, &frames[99..], &mut again);
    assert_eq!(first, again);
}

#[test]
fn frames_that_are_no_numbers_leave_no_trace() {
    for simd in sets() {
        let model = Model::from_bytes_with(&random_model("violin/test", 16, 6), simd).unwrap();
        let mut state = [model.decoder.new_state()];
        let mut controls = [Controls::silent(80, 65)];
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -5.0, 1e30, 1e-30];
        for (f0_hz, loudness_db) in bad.iter().flat_map(|a| bad.iter().map(move |b| (*a, *b))) {
            model.decoder.step(&mut state, &[Frame { f0_hz, loudness_db, voicing: f32::NAN }], &mut controls);
            assert!(flat(&controls[0]).iter().all(|value| value.is_finite()), "{f0_hz} Hz, {loudness_db} dB");
            assert!((8.0..=16_000.0).contains(&controls[0].f0_hz));
        }
        let after = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
        model.decoder.step(&mut state, &[after], &mut controls);
        let kept = controls[0].clone();
        model.decoder.step(&mut state, &[Frame { f0_hz: f32::NAN, ..after }], &mut controls);
        assert_eq!(controls[0].f0_hz, kept.f0_hz, "an unknown pitch stays where it was");
    }
}

#[test]
fn controls_keep_the_models_bandwidth() {
    let model = Model::from_bytes(&random_model("violin/test", 16, 7)).unwrap();
    let mut state = [model.decoder.new_state()];
    let mut controls = [Controls::silent(80, 65)];
    for f0_hz in [27.5, 193.7, 440.0, 1_000.0, 5_000.0, 15_400.0, 15_900.0] {
        model.decoder.step(&mut state, &[Frame { f0_hz, loudness_db: -20.0, voicing: 1.0 }], &mut controls);
        let [controls] = &controls;
        let sum: f32 = controls.harmonics.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "shares at {f0_hz} Hz sum to {sum}");
        for (k, share) in controls.harmonics.iter().enumerate() {
            assert_eq!(*share > 0.0, (k + 1) as f32 * f0_hz < 16_000.0, "harmonic {} of {f0_hz} Hz", k + 1);
        }
        assert_eq!(controls.noise[64], 0.0, "the band at the Nyquist frequency is faded out");
        assert!(controls.noise[..=62].iter().all(|magnitude| *magnitude >= 1e-7));
    }
    model.decoder.step(&mut state, &[Frame { f0_hz: 16_000.0, loudness_db: -20.0, voicing: 1.0 }], &mut controls);
    assert!(controls[0].harmonics.iter().all(|share| *share == 0.0), "no harmonic is left at 16 kHz");
}
