//! A model in a narrow number format plays just what the same numbers play in 32 bits.

mod model_parts;

use half::{bf16, f16};
use retort::model::cnn::CnnWeights;
use retort::model::gru::GruWeights;
use retort::model::testing::{DILATIONS, cnn_metadata_for, metadata_for};
use retort::model::{Model, ModelError};
use retort::simd::Simd;
use retort::{Controls, Frame};
use safetensors::tensor::Dtype;

use model_parts::Parts;

/// The file with every matrix widened, value by value.
fn widened(bytes: &[u8]) -> Vec<u8> {
    let mut parts = Parts::of(bytes, "retort");
    for (_, dtype, _, data) in &mut parts.tensors {
        let wide: fn([u8; 2]) -> f32 = match *dtype {
            Dtype::F16 => |bytes| f16::from_le_bytes(bytes).to_f32(),
            Dtype::BF16 => |bytes| bf16::from_le_bytes(bytes).to_f32(),
            _ => continue,
        };
        *data = data.as_chunks().0.iter().flat_map(|bytes| wide(*bytes).to_le_bytes()).collect();
        *dtype = Dtype::F32;
    }
    parts.metadata["precision"] = "f32".into();
    parts.bytes()
}

/// Controls of five voices that glide, frame by frame, in bits.
fn play(model: &Model) -> Vec<u32> {
    let spec = model.decoder.spec();
    let mut states: Vec<_> = (0..5).map(|_| model.decoder.new_state()).collect();
    let mut controls = vec![Controls::silent(spec.n_harmonics, spec.n_noise_bands); states.len()];
    let mut played = Vec::new();
    for k in 0..60 {
        let frame = |voice: usize| Frame {
            f0_hz: 110.0 * (1 + voice) as f32 * (k as f32 / 40.0).exp2(),
            loudness_db: -50.0 + k as f32,
            voicing: 1.0,
        };
        let frames: Vec<Frame> = (0..states.len()).map(frame).collect();
        model.decoder.step(&mut states, &frames, &mut controls);
        for controls in &controls {
            let values = controls.harmonics.iter().chain(&controls.noise).chain([&controls.amplitude]);
            played.extend(values.map(|value| value.to_bits()));
        }
    }
    played
}

fn check(bytes: &[u8], precision: &str) {
    let wide = widened(bytes);
    for simd in Simd::all() {
        let model = Model::from_bytes_with(bytes, simd).unwrap();
        assert_eq!(model.metadata.precision, precision);
        let wide = Model::from_bytes_with(&wide, simd).unwrap();
        assert!(play(&model) == play(&wide), "{precision}, {}", simd.name());
        if simd != Simd::Plain {
            assert!(model.decoder.memory_bytes() < wide.decoder.memory_bytes(), "weights stay narrow");
        }
    }
}

#[test]
fn a_recurrent_decoder_in_bf16_or_f16_plays_the_bits_of_the_same_weights_in_f32() {
    for hidden in [16, 70] {
        let weights = GruWeights::random(5, hidden, 80, 65);
        for weights in [weights.to_bf16(), weights.to_f16()] {
            check(&weights.to_bytes(&metadata_for(&weights, "violin/test")), weights.precision());
        }
    }
}

#[test]
fn a_convolutional_decoder_in_bf16_or_f16_plays_the_bits_of_the_same_weights_in_f32() {
    for channels in [8, 40] {
        let weights = CnnWeights::random(6, channels, &DILATIONS, 60, 65);
        for weights in [weights.to_bf16(), weights.to_f16()] {
            check(&weights.to_bytes(&cnn_metadata_for(&weights, "violin/test")), weights.precision());
        }
    }
}

#[test]
fn a_bf16_weight_that_is_no_number_and_a_bf16_vector_are_refused_by_name() {
    let weights = GruWeights::random(7, 8, 9, 5).to_bf16();
    let bytes = weights.to_bytes(&metadata_for(&weights, "violin/test"));
    let mut parts = Parts::of(&bytes, "retort");
    parts.tensor("gru.weight_hh").3[6..8].copy_from_slice(&bf16::INFINITY.to_le_bytes());
    assert_eq!(parts.model_error(), ModelError::NotFinite { tensor: "gru.weight_hh".into(), index: 3 });
    let mut parts = Parts::of(&bytes, "retort");
    let bias = parts.tensor("gru.bias_hh");
    (bias.1, bias.3) = (Dtype::BF16, vec![0; 2 * bias.2[0]]);
    let error = parts.model_error().to_string();
    assert!(error.contains("gru.bias_hh") && error.contains("BF16") && error.contains("F32"), "{error}");
    let mut parts = Parts::of(&bytes, "retort");
    parts.metadata["precision"] = "f16".into();
    let error = parts.model_error().to_string();
    assert!(error.contains("the type bf16, expected f16"), "{error}");
}
