//! Whatever is wrong with a model or room file, the message says so, and nothing panics.

mod model_parts;

use retort::model::gru::GruWeights;
use retort::model::testing::{decaying_room, metadata_for, random_model};
use retort::model::{Metadata, Model, ModelError, RoomResponse, file};
use retort::{Controls, Frame};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use model_parts::Parts;

#[test]
fn what_is_written_is_read_back() {
    let random = GruWeights::random(2, 16, 80, 65);
    for weights in [GruWeights::random(1, 7, 20, 9), random.to_f16(), random.to_bf16(), random.to_int8()] {
        let metadata = metadata_for(&weights, "violin/test");
        let bytes = weights.to_bytes(&metadata);
        let model = Model::from_bytes(&bytes).unwrap();
        assert_eq!(*model.metadata, metadata);
        let tensors = file::Tensors::parse(&bytes).unwrap();
        assert_eq!(GruWeights::from_file(&tensors, &metadata, weights.hidden()).unwrap(), weights);
        assert_eq!(Metadata::from_json(&metadata.to_json()).unwrap(), metadata);
        let header = &bytes[..file::header_len(&bytes[..8]).unwrap()];
        assert_eq!(Model::read_metadata(header).unwrap(), metadata, "the header is enough for the metadata");
    }
    let room = decaying_room("violin/room", 321);
    assert_eq!(RoomResponse::from_bytes(&room.to_bytes()).unwrap(), room);
}

#[test]
fn the_published_sizes_have_the_published_number_of_parameters() {
    assert_eq!(GruWeights::random(1, 512, 100, 65).parameters(), 4_298_406);
    assert_eq!(GruWeights::random(1, 16, 100, 65).parameters(), 7_510);
}

#[test]
fn each_field_of_the_metadata_is_needed_and_named() {
    let metadata = Parts::model().metadata;
    let optional = ["room", "scores"];
    for field in metadata.as_object().unwrap().keys() {
        let mut parts = Parts::model();
        parts.metadata.as_object_mut().unwrap().remove(field);
        if optional.contains(&field.as_str()) {
            Model::from_bytes(&parts.bytes()).unwrap();
            continue;
        }
        assert_eq!(parts.model_error(), ModelError::MissingField { field: field.clone() });
        for wrong in [json!(null), json!({"a": []}), json!([[]]), json!(-1.5e300)] {
            parts.metadata[field] = wrong.clone();
            let message = parts.model_error().to_string();
            assert!(message.contains(field.as_str()), "{field} = {wrong}: {message}");
        }
    }
}

#[test]
fn unknown_fields_are_tolerated() {
    let mut parts = Parts::model();
    parts.metadata["training"] = json!({"steps": 7, "seed": 1});
    parts.metadata["range"]["flavour"] = json!("sweet");
    Model::from_bytes(&parts.bytes()).unwrap();
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    let cases = [
        ("architecture", json!({"type": "gru", "hidden": 0, "mlp_layers": 3}), "architecture.hidden"),
        ("architecture", json!({"type": "gru", "hidden": 1u64 << 40, "mlp_layers": 3}), "architecture.hidden"),
        ("architecture", json!({"type": "gru", "hidden": 8, "mlp_layers": 4}), "architecture.mlp_layers"),
        ("architecture", json!({"type": "oracle", "hidden": 8}), "architecture"),
        ("sample_rate_hz", json!(3), "sample_rate_hz"),
        ("bandwidth_hz", json!(16_000.0), "bandwidth_hz"),
        ("bandwidth_hz", json!(1e39), "bandwidth_hz"),
        ("frame_rate_hz", json!(0), "frame_rate_hz"),
        ("n_harmonics", json!(0), "n_harmonics"),
        ("n_harmonics", json!(1_000_000_000), "n_harmonics"),
        ("n_noise_bands", json!(1), "n_noise_bands"),
        ("noise_fir_ms", json!(0.0), "noise_fir_ms"),
        ("loudness", json!("sones"), "loudness"),
        ("range", json!({"f0_hz": [500.0, 100.0], "loudness_db": [-60.0, 0.0]}), "range.f0_hz"),
        ("precision", json!("f64"), "precision"),
        ("room", json!("../../etc/passwd"), "room"),
        ("instrument", json!("../violin"), "instrument"),
        ("id", json!("violin/other"), "id"),
        ("parameters", json!(12), "parameters"),
        (
            "performance",
            json!({"f0_jitter_cents": -1.0, "loudness_jitter_db": 0, "onset_ms": 0, "release_ms": 0}),
            "f0_jitter",
        ),
    ];
    for (field, value, named) in cases {
        let mut parts = Parts::model();
        parts.metadata[field] = value.clone();
        let error = parts.model_error();
        assert!(matches!(error, ModelError::Field { .. }), "{field} = {value}: {error:?}");
        assert!(error.to_string().contains(named), "{field} = {value}: {error}");
    }
    let mut parts = Parts::model();
    parts.metadata["density"]["counts"] = json!([[1, 2], [3]]);
    assert!(parts.model_error().to_string().contains("density.counts"));
}

#[test]
fn a_file_from_the_future_asks_for_an_update() {
    let mut parts = Parts::model();
    parts.metadata = json!({"format_version": 2, "everything": "is different"});
    let error = parts.model_error();
    assert_eq!(error, ModelError::NewerFormat { found: 2, supported: 1 });
    assert!(error.to_string().contains("update Retort"));
    let mut parts = Parts::model();
    parts.metadata["analysis_version"] = json!(9);
    assert_eq!(parts.model_error(), ModelError::OtherAnalysis { found: 9, supported: 1 });
    let mut parts = Parts::room();
    parts.metadata["format_version"] = json!(7);
    assert_eq!(parts.room_error(), ModelError::NewerFormat { found: 7, supported: 1 });
}

#[test]
fn each_tensor_is_needed_whole_and_of_its_kind() {
    let count = Parts::model().tensors.len();
    assert_eq!(count, 3 * 3 * 4 + 4 + 6);
    for i in 0..count {
        let mut parts = Parts::model();
        let (name, dtype, shape, data) = parts.tensors[i].clone();

        parts.tensors.remove(i);
        assert_eq!(parts.model_error(), ModelError::MissingTensor { tensor: name.clone() });

        let row = data.len() / shape[0];
        let mut longer = shape.clone();
        longer[0] += 1;
        parts.tensors.push((name.clone(), dtype, longer.clone(), [&data[..], &data[..row]].concat()));
        let expected = ModelError::Shape { tensor: name.clone(), found: longer, expected: shape.clone() };
        assert_eq!(parts.model_error(), expected);

        let zeros = vec![0; shape.iter().product::<usize>() * 8];
        *parts.tensor(&name) = (name.clone(), Dtype::F64, shape.clone(), zeros);
        let error = parts.model_error();
        assert!(matches!(&error, ModelError::Dtype { tensor, .. } if *tensor == name), "{error}");

        let nan: &[u8] = if dtype == Dtype::F16 { &[0, 0x7e] } else { &[0, 0, 0xc0, 0x7f] };
        let mut spoilt = data.clone();
        let last = spoilt.len() - nan.len();
        spoilt[last..].copy_from_slice(nan);
        *parts.tensor(&name) = (name.clone(), dtype, shape.clone(), spoilt);
        let error = parts.model_error();
        assert!(matches!(&error, ModelError::NotFinite { tensor, .. } if *tensor == name), "{error}");
    }
}

#[test]
fn a_tensor_too_many_and_a_wrong_precision_are_named() {
    let mut parts = Parts::model();
    parts.tensors.push(("head.smell.bias".into(), Dtype::F32, vec![1], vec![0; 4]));
    assert_eq!(parts.model_error(), ModelError::UnknownTensor { tensor: "head.smell.bias".into() });
    let mut parts = Parts::model();
    parts.metadata["precision"] = json!("f32");
    assert!(matches!(parts.model_error(), ModelError::Dtype { .. }));
}

#[test]
fn rooms_are_checked_as_well() {
    let mut parts = Parts::room();
    parts.tensor("impulse_response").3[..4].copy_from_slice(&1f32.to_le_bytes());
    assert_eq!(parts.room_error(), ModelError::DirectTap { found: 1.0 });
    let mut parts = Parts::room();
    parts.tensor("impulse_response").3[40..44].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(matches!(parts.room_error(), ModelError::NotFinite { index: 10, .. }));
    let mut parts = Parts::room();
    parts.tensor("impulse_response").2 = vec![2, 50];
    assert!(matches!(parts.room_error(), ModelError::Shape { .. }));
    for field in ["id", "sample_rate_hz", "source", "licence"] {
        let mut parts = Parts::room();
        parts.metadata.as_object_mut().unwrap().remove(field);
        assert_eq!(parts.room_error(), ModelError::MissingField { field: field.into() });
    }
    assert!(matches!(Parts::model().room_error(), ModelError::NotRetort { .. }), "a model is no room");
    assert!(matches!(Parts::room().model_error(), ModelError::NotRetort { .. }), "a room is no model");
}

#[test]
fn other_files_are_told_from_models() {
    let refused = |bytes: &[u8]| Model::from_bytes(bytes).err().unwrap();
    for bytes in [&b""[..], b"RIFF", b"A long letter that has nothing to do with sound.", &[0; 64], &[255; 64]] {
        let error = refused(bytes);
        assert!(matches!(error, ModelError::NotSafetensors { .. }), "{error:?}");
    }
    let plain = safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), None).unwrap();
    assert!(matches!(refused(&plain), ModelError::NotRetort { .. }));
    let huge = vec![0; (64 << 20) + 1];
    assert!(matches!(refused(&huge), ModelError::TooLarge { .. }));
}

#[test]
fn a_file_cut_anywhere_is_refused_and_says_so() {
    for bytes in [random_model("violin/test", 4, 1), decaying_room("violin/room", 300).to_bytes()] {
        for len in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            let (model, room) = (Model::from_bytes(&bytes[..len]), RoomResponse::from_bytes(&bytes[..len]));
            assert!(model.is_err() && room.is_err(), "cut at {len}");
            if len >= 9 {
                let cut = |error: Option<ModelError>| matches!(error, Some(ModelError::WrongLength { .. }));
                assert!(cut(model.err()) || cut(room.err()), "cut at {len}");
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Model::from_bytes(&longer).is_err() && RoomResponse::from_bytes(&longer).is_err());
    }
}

#[test]
fn a_flipped_bit_gives_an_error_or_a_model_that_stays_finite() {
    let weights = GruWeights::random(1, 4, 9, 5).to_f16();
    let mut metadata = metadata_for(&weights, "violin/test");
    metadata.density.counts.truncate(2);
    let bytes = weights.to_bytes(&metadata);
    let header = file::header_len(&bytes).unwrap();
    // Every byte of the header, and some of the weights.
    for i in (0..header).chain((header..bytes.len()).step_by(11)) {
        for bit in [0, 3, 6, 7] {
            let mut spoilt = bytes.clone();
            spoilt[i] ^= 1 << bit;
            let Ok(model) = Model::from_bytes(&spoilt) else { continue };
            let spec = model.decoder.spec();
            let mut state = [model.decoder.new_state()];
            let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
            for f0_hz in [100.0, 1_000.0] {
                model.decoder.step(&mut state, &[Frame { f0_hz, loudness_db: -20.0, voicing: 1.0 }], &mut controls);
                let [controls] = &controls;
                let mut values = controls.harmonics.iter().chain(&controls.noise).chain([&controls.amplitude]);
                assert!(values.all(|value| value.is_finite()), "byte {i}, bit {bit}");
            }
        }
    }
}
