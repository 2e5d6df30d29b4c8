//! The streaming convolutional decoder against the whole clip at once, and its ramps on the 4 ms grid.

use retort::model::cnn::{CnnDecoder, CnnWeights, plain_cnn};
use retort::model::gru::plain_controls;
use retort::model::testing::{DILATIONS, cnn_metadata_for, random_cnn};
use retort::model::{Decoder, Model, State};
use retort::simd::Simd;
use retort::{Controls, Frame};

/// Frames from step to step of the network.
const HOLD: usize = 5;

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

fn every_fifth(frames: &[Frame]) -> Vec<Frame> {
    frames.iter().copied().step_by(HOLD).collect()
}

/// Streams `frames` and holds the differences to the clip at once to `bound`: pre-activations absolutely, controls in dB.
fn compare(weights: &CnnWeights, frames: &[Frame], bound: f64, bound_db: f64) {
    let spec = cnn_metadata_for(weights, "violin/test").spec();
    let expected = plain_cnn(weights, &every_fifth(frames));
    let targets: Vec<Vec<f64>> = expected
        .iter()
        .zip(every_fifth(frames))
        .map(|(row, frame)| plain_controls(&spec, f64::from(frame.f0_hz), row))
        .collect();
    for simd in sets() {
        let decoder = CnnDecoder::new(weights, spec, simd);
        let mut state = [decoder.new_state()];
        let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
        let (mut preactivation, mut db) = (0f64, 0f64);
        for (k, frame) in frames.iter().enumerate() {
            decoder.step(&mut state, &[*frame], &mut controls);
            let (j, i) = (k / HOLD, k % HOLD);
            preactivation = preactivation.max(largest(state[0].preactivations(), &expected[j]));
            let ramp = |(from, to): (&f64, &f64)| from + (to - from) * (i + 1) as f64 / HOLD as f64;
            let expected: Vec<f64> = targets[j.saturating_sub(1)].iter().zip(&targets[j]).map(ramp).collect();
            db = db.max(largest_db(&flat(&controls[0]), &expected));
            assert_eq!(controls[0].f0_hz, frame.f0_hz, "the pitch is never held");
        }
        let set = format!("{} channels, {}, {}", weights.channels(), weights.precision(), simd.name());
        println!("{set}: pre-activations within {preactivation:.1e}, controls within {db:.1e} dB");
        assert!(preactivation <= bound, "{set}: pre-activations differ by {preactivation}");
        assert!(db < bound_db, "{set}: controls differ by {db} dB");
    }
}

/// Widths and layers that fill no register and no group of four.
const ODD: [(usize, &[usize], usize, usize); 5] =
    [(1, &[1], 1, 2), (3, &[2, 5], 60, 65), (17, &[1, 3, 9], 33, 9), (40, &[64], 95, 65), (70, &DILATIONS, 5, 129)];

#[test]
fn streaming_in_floats_is_the_whole_clip_at_once() {
    for channels in [8, 128] {
        let weights = CnnWeights::random(1, channels, &DILATIONS, 60, 65);
        compare(&weights, &phrase(1_000), 1e-4, 0.01);
        compare(&weights.to_f16(), &phrase(1_000), 1e-4, 0.01);
    }
    for (channels, dilations, harmonics, bands) in ODD {
        let weights = CnnWeights::random(2, channels, dilations, harmonics, bands);
        compare(&weights, &phrase(800), 1e-4, 0.01);
        compare(&weights.to_f16(), &phrase(400), 1e-4, 0.01);
    }
}

#[test]
fn streaming_in_8_bits_is_the_whole_clip_at_once_to_the_last_bit() {
    for channels in [8, 128] {
        let weights = CnnWeights::random(3, channels, &DILATIONS, 60, 65).to_int8();
        compare(&weights, &phrase(1_000), 0.0, 0.01);
    }
    for (channels, dilations, harmonics, bands) in ODD {
        let weights = CnnWeights::random(4, channels, dilations, harmonics, bands).to_int8();
        compare(&weights, &phrase(800), 0.0, 0.01);
    }
}

#[test]
fn eight_bits_sound_nearly_as_floats_do() {
    let weights = CnnWeights::random(5, 128, &DILATIONS, 60, 65);
    let frames = every_fifth(&phrase(1_000));
    let (exact, rounded) = (plain_cnn(&weights, &frames), plain_cnn(&weights.to_int8(), &frames));
    let differences = exact.iter().flatten().zip(rounded.iter().flatten()).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0, f64::max);
    println!("8 bits are within {worst:.3} of floats");
    assert!(worst > 0.0 && worst < 0.1, "{worst}");
}

#[test]
fn what_was_heard_is_remembered_for_54_steps_and_not_longer() {
    let weights = CnnWeights::random(6, 8, &DILATIONS, 60, 65);
    let decoder = CnnDecoder::new(&weights, cnn_metadata_for(&weights, "violin/test").spec(), Simd::detect());
    let outputs = |first_hz: f32| {
        let mut state = [decoder.new_state()];
        let mut controls = [Controls::silent(60, 65)];
        let mut rows = Vec::new();
        for k in 0..60 * HOLD {
            let f0_hz = if k == 0 { first_hz } else { 440.0 };
            decoder.step(&mut state, &[Frame { f0_hz, loudness_db: -20.0, voicing: 1.0 }], &mut controls);
            rows.push(state[0].preactivations().to_vec());
        }
        rows
    };
    let (low, high) = (outputs(110.0), outputs(1_760.0));
    assert_ne!(low[54 * HOLD], high[54 * HOLD]);
    assert_eq!(low[55 * HOLD..], high[55 * HOLD..]);
}

/// Frames of `voices` voices that begin `4 v + 1` frames late, so that they step at different times.
fn in_company(decoder: &dyn Decoder, voices: usize, phrase: &[Frame]) -> Vec<State> {
    let mut states: Vec<State> = (0..voices).map(|_| decoder.new_state()).collect();
    let mut controls = [Controls::silent(60, 65)];
    for (v, state) in states.iter_mut().enumerate() {
        for frame in &phrase[..4 * v + 1] {
            decoder.step(std::slice::from_mut(state), &[*frame], &mut controls);
        }
    }
    states
}

#[test]
fn a_voice_sounds_the_same_alone_and_in_company() {
    for (simd, channels, int8) in
        sets().into_iter().flat_map(|simd| [(simd, 8, false), (simd, 8, true), (simd, 40, false), (simd, 40, true)])
    {
        let model = Model::from_bytes_with(&random_cnn("violin/test", channels, int8, 4), simd).unwrap();
        let decoder = model.decoder.as_ref();
        let phrase = phrase(120);
        for voices in 1..=9 {
            let mut together = in_company(decoder, voices, &phrase);
            let mut alone = together.clone();
            let mut controls = vec![Controls::silent(60, 65); voices];
            let mut controls_alone = controls.clone();
            for start in 0..20 {
                let frames: Vec<Frame> = (0..voices).map(|v| phrase[start + 7 * v]).collect();
                decoder.step(&mut together, &frames, &mut controls);
                for v in 0..voices {
                    decoder.step(&mut alone[v..=v], &frames[v..=v], &mut controls_alone[v..=v]);
                }
                assert_eq!(controls, controls_alone, "{voices} voices, {}", simd.name());
            }
        }
    }
}

/// The controls of `frames`, one after the other.
fn play(decoder: &dyn Decoder, state: &mut State, frames: &[Frame]) -> Vec<Controls> {
    let mut controls = [Controls::silent(60, 65)];
    let mut played = Vec::new();
    for frame in frames {
        decoder.step(std::slice::from_mut(state), &[*frame], &mut controls);
        played.push(controls[0].clone());
    }
    played
}

#[test]
fn a_reset_or_copied_voice_goes_on_as_its_model_does() {
    for int8 in [false, true] {
        let model = Model::from_bytes(&random_cnn("violin/test", 16, int8, 5)).unwrap();
        let decoder = model.decoder.as_ref();
        let frames = phrase(203);
        let mut state = decoder.new_state();
        let first = play(decoder, &mut state, &frames);
        let mut copy = decoder.new_state();
        play(decoder, &mut copy, &frames[..7]);
        copy.copy_from(&state);
        let on = play(decoder, &mut state, &frames);
        assert_eq!(play(decoder, &mut copy, &frames), on);
        assert_ne!(on[..20], first[..20], "a decoder that remembers nothing cannot show what reset does");
        state.reset();
        assert!(state.preactivations().iter().all(|x| *x == 0.0));
        assert_eq!(play(decoder, &mut state, &frames), first);
    }
}

#[test]
fn a_note_is_heard_at_once_and_later_steps_are_ramps_of_five_frames() {
    let model = Model::from_bytes(&random_cnn("violin/test", 16, false, 5)).unwrap();
    let decoder = model.decoder.as_ref();
    let mut state = decoder.new_state();
    // A rest, three frames into a step: the next one would come two frames later.
    let rest = play(decoder, &mut state, &[Frame::SILENCE; 8]);
    let note = Frame { f0_hz: 660.0, loudness_db: -10.0, voicing: 1.0 };
    let mut smeared = state.clone();
    state.start_anew();
    let heard = play(decoder, &mut state, &[note; 10]);
    assert_eq!(heard[0].amplitude, heard[4].amplitude, "the first controls hold for the whole step");
    assert_ne!(heard[0].amplitude, rest[7].amplitude);
    let change = heard[9].amplitude - heard[4].amplitude;
    assert!(change.abs() > 1e-3, "a second step that is like the first shows no ramp");
    for (i, controls) in heard[5..].iter().enumerate() {
        let expected = heard[4].amplitude + change * (i + 1) as f32 / 5.0;
        assert!((controls.amplitude - expected).abs() < 1e-6, "frame {i} after the step");
    }
    let late = play(decoder, &mut smeared, &[note; 10]);
    assert_eq!(late[0].f0_hz, 660.0);
    assert!(late[1].amplitude == rest[7].amplitude || late[1] != heard[1], "without it the rest would ring on");
}

#[test]
fn frames_that_are_no_numbers_leave_no_trace() {
    for (simd, int8) in sets().into_iter().flat_map(|simd| [(simd, false), (simd, true)]) {
        let model = Model::from_bytes_with(&random_cnn("violin/test", 16, int8, 6), simd).unwrap();
        let decoder = model.decoder.as_ref();
        let mut state = decoder.new_state();
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -5.0, 1e30, 1e-30];
        let frames: Vec<Frame> = bad
            .iter()
            .flat_map(|a| bad.iter().map(move |b| Frame { f0_hz: *a, loudness_db: *b, voicing: f32::NAN }))
            .collect();
        for controls in play(decoder, &mut state, &frames) {
            assert!(flat(&controls).iter().all(|value| value.is_finite()));
            assert!((8.0..=16_000.0).contains(&controls.f0_hz));
        }
        let after = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
        let kept = play(decoder, &mut state, &[after, Frame { f0_hz: f32::NAN, ..after }]);
        assert_eq!(kept[1].f0_hz, 440.0, "an unknown pitch stays where it was");
    }
}

#[test]
fn weights_beyond_reason_still_give_finite_controls() {
    for (simd, int8) in sets().into_iter().flat_map(|simd| [(simd, false), (simd, true)]) {
        let bytes = random_cnn("violin/test", 8, int8, 7);
        let mut model = safetensors::SafeTensors::deserialize(&bytes).unwrap().tensors();
        let metadata = retort::model::file::metadata_text(&bytes, "retort").unwrap();
        // The largest number that f32 has, in every bias and scale.
        let huge: Vec<Vec<u8>> =
            model.iter().map(|(_, view)| f32::MAX.to_le_bytes().repeat(view.data().len() / 4)).collect();
        for ((_, view), huge) in model.iter_mut().zip(&huge) {
            if view.dtype() == safetensors::Dtype::F32 {
                *view = safetensors::tensor::TensorView::new(view.dtype(), view.shape().to_vec(), huge).unwrap();
            }
        }
        let metadata = std::collections::HashMap::from([("retort".to_owned(), metadata)]);
        let model = Model::from_bytes_with(&safetensors::serialize(model, Some(metadata)).unwrap(), simd).unwrap();
        let mut state = model.decoder.new_state();
        for controls in play(model.decoder.as_ref(), &mut state, &phrase(100)) {
            assert!(flat(&controls).iter().all(|value| value.is_finite()));
        }
    }
}
