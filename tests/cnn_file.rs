//! Whatever is wrong with the file of a convolutional decoder, the message says so, and nothing panics.

mod model_parts;

use model_parts::Parts;
use retort::model::cnn::CnnWeights;
use retort::model::testing::{DILATIONS, cnn_metadata_for};
use retort::model::{Metadata, Model, ModelError, file};
use retort::{Controls, Frame};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

#[test]
fn what_is_written_is_read_back() {
    let random = CnnWeights::random(2, 16, &DILATIONS, 60, 65);
    for weights in [CnnWeights::random(1, 7, &[2, 5], 20, 9), random.to_f16(), random.to_bf16(), random.to_int8()] {
        let metadata = cnn_metadata_for(&weights, "violin/test");
        let bytes = weights.to_bytes(&metadata);
        assert_eq!(*Model::from_bytes(&bytes).unwrap().metadata, metadata);
        let tensors = file::Tensors::parse(&bytes).unwrap();
        let read = CnnWeights::from_file(&tensors, &metadata, weights.channels(), weights.dilations()).unwrap();
        assert_eq!(read, weights);
        assert_eq!(Metadata::from_json(&metadata.to_json()).unwrap(), metadata);
    }
}

#[test]
fn the_usual_sizes_have_the_usual_number_of_parameters() {
    let parameters = |channels| CnnWeights::random(1, channels, &DILATIONS, 60, 65).to_int8().parameters();
    assert_eq!(parameters(128), 128 * 7 + 6 * (128 * 128 * 3 + 128) + 126 * 129);
    assert_eq!(parameters(8), 8 * 7 + 6 * (8 * 8 * 3 + 8) + 126 * 9);
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    let architecture = |field: &str, value: Value| {
        let mut architecture = json!({"type": "cnn", "channels": 8, "kernel": 3, "dilations": DILATIONS});
        architecture[field] = value;
        ("architecture", architecture)
    };
    let cases = [
        (architecture("channels", json!(0)), "architecture.channels"),
        (architecture("channels", json!(1u64 << 40)), "architecture.channels"),
        (architecture("channels", json!(-8)), "architecture"),
        (architecture("kernel", json!(5)), "architecture.kernel"),
        (architecture("dilations", json!([])), "architecture.dilations"),
        (architecture("dilations", json!([1, 0, 9, 1, 3, 9])), "architecture.dilations"),
        (architecture("dilations", json!([1, 3, 1u64 << 40, 1, 3, 9])), "architecture.dilations"),
        (architecture("dilations", json!(vec![1; 100_000])), "architecture.dilations"),
        (architecture("dilations", json!("1, 3, 9")), "architecture"),
        (architecture("dilations", Value::Null), "architecture"),
        (("frame_rate_hz", json!(250)), "frame_rate_hz"),
        (("frame_rate_hz", json!(0)), "frame_rate_hz"),
        (("precision", json!("int4")), "precision"),
        (("parameters", json!(12)), "parameters"),
    ];
    for ((field, value), named) in cases {
        let mut parts = Parts::cnn(false);
        parts.metadata[field] = value.clone();
        let error = parts.model_error();
        assert!(matches!(error, ModelError::Field { .. }), "{field} = {value}: {error:?}");
        assert!(error.to_string().contains(named), "{field} = {value}: {error}");
    }
}

#[test]
fn metadata_and_weights_of_different_sizes_do_not_fit() {
    let with = |field: &str, value: Value| {
        let mut parts = Parts::cnn(false);
        parts.metadata["architecture"][field] = value;
        parts.model_error()
    };
    let shape = with("channels", json!(16));
    assert!(matches!(&shape, ModelError::Shape { tensor, .. } if tensor == "conv.input.weight"), "{shape}");
    assert_eq!(with("dilations", json!([1, 3])), ModelError::UnknownTensor { tensor: "conv.2.bias".into() });
    let missing = with("dilations", json!([1, 3, 9, 1, 3, 9, 27]));
    assert_eq!(missing, ModelError::MissingTensor { tensor: "conv.6.weight".into() });
    let mut parts = Parts::cnn(false);
    parts.metadata["architecture"] = json!({"type": "gru", "hidden": 8, "mlp_layers": 3});
    parts.metadata["frame_rate_hz"] = json!(250);
    assert!(matches!(parts.model_error(), ModelError::MissingTensor { .. }), "a CNN is no GRU");
}

#[test]
fn each_tensor_is_needed_whole_and_of_its_kind() {
    for int8 in [false, true] {
        let scales = if int8 { 6 } else { 0 };
        assert_eq!(Parts::cnn(int8).tensors.len(), 2 + 12 + 6 + scales);
        for (name, dtype, shape, data) in Parts::cnn(int8).tensors {
            let mut parts = Parts::cnn(int8);
            parts.remove(&name);
            assert_eq!(parts.model_error(), ModelError::MissingTensor { tensor: name.clone() });

            let mut longer = shape.clone();
            longer[0] += 1;
            let row = data.len() / shape[0];
            parts.tensors.push((name.clone(), dtype, longer.clone(), [&data[..], &data[..row]].concat()));
            let expected = ModelError::Shape { tensor: name.clone(), found: longer, expected: shape.clone() };
            assert_eq!(parts.model_error(), expected);

            let zeros = vec![0; shape.iter().product::<usize>() * 8];
            *parts.tensor(&name) = (name.clone(), Dtype::F64, shape.clone(), zeros);
            let error = parts.model_error();
            assert!(matches!(&error, ModelError::Dtype { tensor, .. } if *tensor == name), "{error}");

            let nan: &[u8] = match dtype {
                Dtype::F16 => &[0, 0x7e],
                Dtype::F32 => &[0, 0, 0xc0, 0x7f],
                // Every byte is a number.
                _ => continue,
            };
            let mut spoilt = data.clone();
            let last = spoilt.len() - nan.len();
            spoilt[last..].copy_from_slice(nan);
            *parts.tensor(&name) = (name.clone(), dtype, shape.clone(), spoilt);
            let error = parts.model_error();
            assert!(matches!(&error, ModelError::NotFinite { tensor, .. } if *tensor == name), "{error}");
        }
    }
}

#[test]
fn only_the_residual_layers_have_8_bits_and_all_of_them() {
    let floats = Parts::cnn(false);
    for (name, int8) in [("conv.3.weight", false), ("conv.input.weight", true), ("head.noise.weight", true)] {
        let mut parts = Parts::cnn(true);
        let (_, _, shape, data) = floats.tensors.iter().find(|tensor| tensor.0 == name).unwrap().clone();
        if int8 {
            let scales = vec![0; 4 * shape[0]];
            parts.tensors.push((format!("{name}_scale"), Dtype::F32, vec![shape[0]], scales));
            *parts.tensor(name) = (name.into(), Dtype::I8, shape, vec![1; data.len() / 2]);
        } else {
            *parts.tensor(name) = (name.into(), Dtype::F16, shape, data);
        }
        let error = parts.model_error();
        assert!(matches!(&error, ModelError::Dtype { tensor, .. } if tensor == name), "{error}");
    }
    let mut parts = Parts::cnn(true);
    parts.metadata["precision"] = json!("f16");
    assert!(matches!(parts.model_error(), ModelError::Dtype { .. }));
    let mut parts = Parts::cnn(false);
    parts.tensors.push(("conv.0.weight_scale".into(), Dtype::F32, vec![8], vec![0; 32]));
    assert_eq!(parts.model_error(), ModelError::UnknownTensor { tensor: "conv.0.weight_scale".into() });
}

#[test]
fn a_flipped_bit_gives_an_error_or_a_model_that_stays_finite() {
    for weights in [CnnWeights::random(1, 4, &[1, 2], 9, 5).to_f16(), CnnWeights::random(1, 4, &[1, 2], 9, 5).to_int8()]
    {
        let mut metadata = cnn_metadata_for(&weights, "violin/test");
        metadata.density.counts.truncate(2);
        let bytes = weights.to_bytes(&metadata);
        let header = file::header_len(&bytes).unwrap();
        // Every byte of the header, and some of the weights.
        for i in (0..header).chain((header..bytes.len()).step_by(5)) {
            for bit in [0, 3, 6, 7] {
                let mut spoilt = bytes.clone();
                spoilt[i] ^= 1 << bit;
                let Ok(model) = Model::from_bytes(&spoilt) else { continue };
                let spec = model.decoder.spec();
                let mut state = [model.decoder.new_state()];
                let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
                for f0_hz in [100.0, 100.0, 100.0, 100.0, 100.0, 1_000.0, 500.0] {
                    model.decoder.step(&mut state, &[Frame { f0_hz, loudness_db: -20.0, voicing: 1.0 }], &mut controls);
                    let [controls] = &controls;
                    let mut values = controls.harmonics.iter().chain(&controls.noise).chain([&controls.amplitude]);
                    assert!(values.all(|value| value.is_finite()), "byte {i}, bit {bit}");
                }
            }
        }
    }
}
