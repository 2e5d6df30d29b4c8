//! `retort models`, `retort bench` and the commands for comparison with training: what programs read from them.

mod cli_process;

use cli_process::{command, finish, read_wav, write_random_model};
use retort::model::Scores;
use retort::model::cnn::CnnWeights;
use retort::model::testing::{DILATIONS, cnn_metadata_for};
use serde_json::Value;
use tempfile::tempdir;

#[test]
fn the_list_of_models_has_its_fixed_names() {
    let folder = tempdir().unwrap();
    write_random_model(folder.path());
    let outcome = retort!("models", "--json", "--models", folder.path()).succeeds();
    let models: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"violin/test") && ids.contains(&"violin/reduced"), "{ids:?}");
    for model in &models {
        for number in ["parameters", "bytes", "sample_rate", "frame_rate"] {
            assert!(model[number].as_u64().unwrap() > 0, "{number}");
        }
        assert!(model["licence"].is_string());
        assert!(model["scores"].is_null() || model["scores"]["multi_scale_loss"].is_number());
    }
    let table = retort!("models", "--models", folder.path()).succeeds().stdout;
    assert!(table.lines().any(|line| line.starts_with("violin/test ")), "{table}");
}

/// A convolutional model with scores, taught by another, that learned from a private recording too.
fn write_scored_cnn(folder: &std::path::Path) -> std::path::PathBuf {
    let weights = CnnWeights::random(1, 8, &DILATIONS, 60, 65).to_int8();
    let mut metadata = cnn_metadata_for(&weights, "violin/cnn-tiny-ad-q");
    metadata.room = None;
    metadata.data[0].private = true;
    metadata.scores = Some(Scores {
        multi_scale_loss: 5.31,
        f0_cents: 2.0,
        loudness_error_db: 1.0,
        loudness_bias_db: 0.1,
        gap_closed: Some(0.42),
        log_mel_db: None,
    });
    let path = folder.join("violin/cnn-tiny-ad-q.safetensors");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, weights.to_bytes(&metadata)).unwrap();
    path
}

#[test]
fn the_list_says_what_a_model_is_costs_and_learned_from() {
    let folder = tempdir().unwrap();
    write_scored_cnn(folder.path());
    let outcome = retort!("models", "--json", "--models", folder.path()).succeeds();
    let models: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    let model = models.iter().find(|model| model["id"] == "violin/cnn-tiny-ad-q").unwrap();
    assert_eq!((&model["instrument"], &model["variant"]), (&"violin".into(), &"cnn-tiny-ad-q".into()));
    assert_eq!(model["name"], "CNN Tiny, by ear (AD), 8 bit");
    assert_eq!(model["frame_rate"], 50);
    assert_eq!(model["architecture"]["channels"], 8);
    assert_eq!(model["data"][0]["private"], true);
    assert!((model["scores"]["gap_closed"].as_f64().unwrap() - 0.42).abs() < 1e-6);
    assert!(model["scores"].get("log_mel_db").is_none());
    assert!((0.0..0.02).contains(&model["cpu_share"].as_f64().unwrap()));
    let table = retort!("models", "--models", folder.path()).succeeds().stdout;
    let line = table.lines().find(|line| line.starts_with("violin/cnn-tiny-ad-q ")).unwrap();
    assert!(line.contains("CNN Tiny, by ear (AD), 8 bit") && line.contains("5.31") && line.contains("42 %"), "{line}");
    assert!(table.lines().any(|line| line == "Violin: CC0-1.0 [P]"), "{table}");
    assert!(table.contains("[P]: learned from recordings too that may not be passed on."), "{table}");
}

#[test]
fn a_decoder_that_steps_every_fifth_frame_fills_every_row() {
    let folder = tempdir().unwrap();
    let model = write_scored_cnn(folder.path());
    let path = |name: &str| folder.path().join(name);
    let row = |k: usize| format!("{},{},1,-20\n", k as f64 * 0.004, 440 + 10 * k);
    let frames: String = (0..15).map(row).collect();
    std::fs::write(path("frames.csv"), format!("time_s,f0_hz,voicing,loudness_db\n{frames}")).unwrap();
    retort!("controls", model, path("frames.csv"), path("out.f32")).succeeds();
    let bytes = std::fs::read(path("out.f32")).unwrap();
    let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let n_outputs = 1 + 60 + 65;
    assert_eq!(numbers.len(), 15 * 2 * n_outputs);
    let rows: Vec<(&[f32], &[f32])> = numbers.chunks_exact(2 * n_outputs).map(|row| row.split_at(n_outputs)).collect();
    for (k, (preactivations, controls)) in rows.iter().enumerate() {
        assert_eq!(*preactivations, rows[k / 5 * 5].0, "row {k} holds the step's pre-activations");
        let amplitude = |k: usize| 2.0 * (1.0 + (-rows[k].0[0]).exp()).recip().powf(10f32.ln()) + 1e-7;
        let (from, to) = (amplitude((k / 5).saturating_sub(1) * 5), amplitude(k));
        let expected = from + (to - from) * (k % 5 + 1) as f32 / 5.0;
        assert!((controls[0] / expected - 1.0).abs() < 1e-4, "row {k}: {} instead of {expected}", controls[0]);
    }
    assert_ne!(rows[0].0, rows[5].0);
}

#[test]
fn folders_of_models_come_from_the_environment_too() {
    let folder = tempdir().unwrap();
    write_random_model(folder.path());
    let mut command = command();
    command.arg("models").env("RETORT_MODELS", folder.path());
    assert!(finish(command).succeeds().stdout.contains("violin/test"));
}

#[test]
fn a_broken_model_is_named_and_the_others_are_listed() {
    let folder = tempdir().unwrap();
    let model = write_random_model(folder.path());
    std::fs::write(model.with_file_name("broken.safetensors"), "a poem").unwrap();
    let outcome = retort!("models", "--json", "--models", folder.path()).succeeds().says("broken.safetensors");
    assert!(outcome.stdout.contains("violin/test") && !outcome.stdout.contains("broken"));
}

#[test]
fn an_unknown_model_is_refused_with_those_that_there_are() {
    let folder = tempdir().unwrap();
    let input = folder.path().join("tone.wav");
    cli_process::write_wav(&input, &cli_process::tone(440.0, 44_100), 44_100, 1);
    let output = folder.path().join("out.wav");
    for (id, near) in
        [("violin/reducd", "violin/reduced"), ("../../etc/passwd", "violin"), ("violin", "violin"), ("", "violin")]
    {
        retort!("render", input, output, "--model", id).fails(1, &[id, near, "retort models"]);
    }
    retort!("models", "--models", folder.path().join("absent")).fails(1, &["absent", "no such folder", "--models"]);
    assert!(!output.exists());
}

#[test]
fn a_measurement_has_its_fixed_names() {
    let folder = tempdir().unwrap();
    write_random_model(folder.path());
    let outcome = retort!("bench", "--json", "--model", "violin/test", "--models", folder.path()).succeeds();
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let list = |name: &str| report[name].as_array().unwrap().clone();
    let positive = |entry: &Value, name: &str| assert!(entry[name].as_f64().unwrap() > 0.0, "{name} in {entry}");
    assert_eq!(list("decoder").len(), 1);
    for entry in list("decoder") {
        assert_eq!(entry["id"], "violin/test");
        assert!(entry["simd"].is_string() && entry["precision"] == "f16");
        positive(&entry, "us_per_frame");
        let agreement = entry["us_per_frame"].as_f64().unwrap() * entry["x_realtime"].as_f64().unwrap() / 4_000.0;
        assert!((agreement - 1.0).abs() < 1e-6, "a frame lasts 4,000 microseconds");
        assert_eq!(entry["us_per_step"], entry["us_per_frame"], "a GRU steps with every frame");
        positive(&entry, "us_per_step_cold");
        positive(&entry, "cold_mib");
        assert!(entry["us_per_added_voice"].is_number());
        positive(&entry["load"], "model_ms");
        positive(&entry["load"], "instrument_ms");
        for what in ["weights", "state", "room"] {
            assert!(entry["memory"][what].as_u64().unwrap() > 0, "{what} in {entry}");
        }
    }
    assert_eq!(list("idle").len(), 2);
    list("idle").iter().for_each(|entry| positive(entry, "cpu_share"));
    assert!(list("blocks").is_empty(), "these are for --full");
    positive(&report, "ns_per_oscillator_sample");
    positive(&report, "room_worst_by_mean");
    let sources: Vec<Value> = list("voice").iter().map(|entry| entry["source"].clone()).collect();
    assert_eq!(sources, ["notes", "audio", "notes", "notes"]);
    let voices: Vec<u64> = list("voice").iter().filter_map(|entry| entry["voices"].as_u64()).collect();
    assert_eq!(voices, [1, 1, 8, 16]);
    for entry in list("voice") {
        positive(&entry, "cpu_share");
        positive(&entry, "x_realtime");
        positive(&entry, "worst_block_share");
    }
    for entry in list("synth").iter().chain(&list("analysis")) {
        assert!(entry["name"].is_string());
        positive(entry, "x_realtime");
    }
    assert!(!list("synth").is_empty() && !list("analysis").is_empty());
}

#[test]
fn the_decoder_is_measured_alone_with_the_instruction_set_that_is_named() {
    let folder = tempdir().unwrap();
    write_random_model(folder.path());
    let arguments = ["bench", "--json", "--decoder", "--model", "violin/test", "--models"];
    let mut bench = command();
    bench.args(arguments).arg(folder.path()).env("RETORT_SIMD", "plain");
    let report: Value = serde_json::from_str(&finish(bench).succeeds().stdout).unwrap();
    assert_eq!(report["decoder"][0]["simd"], "plain");
    assert!(report["voice"].as_array().unwrap().is_empty());
}

#[test]
fn an_instruction_set_that_the_machine_does_not_have_is_refused() {
    let mut models = command();
    models.arg("models").env("RETORT_SIMD", "mmx");
    finish(models).fails(2, &["RETORT_SIMD", "plain"]);
}

#[test]
fn frames_stream_through_the_decoder_as_rows_of_numbers() {
    let folder = tempdir().unwrap();
    let model = write_random_model(folder.path());
    let path = |name: &str| folder.path().join(name);
    let frames = "time_s,f0_hz,voicing,loudness_db\n0,440,1,-20\n0.004,441,1,-21\n0.008,442,1,-22\n";
    std::fs::write(path("frames.csv"), frames).unwrap();
    retort!("controls", model, path("frames.csv"), path("out.f32")).succeeds();
    let numbers: Vec<f32> = std::fs::read(path("out.f32"))
        .unwrap()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let n_outputs = 1 + 80 + 65;
    assert_eq!(numbers.len(), 3 * 2 * n_outputs);
    for row in numbers.chunks_exact(2 * n_outputs) {
        let (preactivations, controls) = row.split_at(n_outputs);
        let amplitude = 2.0 * (1.0 + (-preactivations[0]).exp()).recip().powf(10f32.ln()) + 1e-7;
        assert!((controls[0] / amplitude - 1.0).abs() < 1e-4, "{} and {amplitude}", controls[0]);
        let sum: f32 = controls[1..81].iter().sum();
        assert!((sum - 1.0).abs() < 1e-4, "the harmonics' shares sum to {sum}");
    }

    retort!("synth", model, path("frames.csv"), path("out.wav"), "--no-noise", "--rate", "44100").succeeds();
    let (samples, rate_hz) = read_wav(&path("out.wav"));
    assert_eq!((samples.len(), rate_hz), (353, 44_100), "frame 2 is reached at sample 353");
    // At sample 0 the first frame's controls are there as they are, one step of the phase after 0.
    let (amplitude, harmonics) = (numbers[n_outputs], &numbers[n_outputs + 1..n_outputs + 81]);
    let phase = std::f64::consts::TAU * 440.0 / 44_100.0;
    let expected: f64 =
        (1u8..).zip(harmonics).map(|(k, &c)| f64::from(amplitude * c) * (f64::from(k) * phase).sin()).sum();
    assert!((f64::from(samples[0]) - expected).abs() < 1e-4, "{} instead of {expected}", samples[0]);
    assert!(samples[352].abs() > 0.0);

    std::fs::write(path("frames.csv"), "time_s,f0_hz,voicing,loudness_db\n0,none,1,-20\n").unwrap();
    retort!("controls", model, path("frames.csv"), path("out.f32")).fails(1, &["frames.csv", "line 2"]);
    retort!("synth", model, path("absent.csv"), path("out.wav"), "--no-noise")
        .fails(1, &["absent.csv", "no such file"]);
}
