//! Whole files through the worker, with a small made-up model.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::*;
use crate::model::{Model, testing};

fn transforms() -> Transforms {
    let load = |id: &str| {
        if id == "violin/none" {
            return Err(format!("there is no model `{id}`"));
        }
        let model = Model::from_bytes(&testing::random_model(id, 8, 1)).expect("a made-up model is sound");
        Ok(Arc::new(LoadedModel { model, room: None }))
    };
    Transforms::start(load, || ())
}

/// Writes so many seconds of a tone.
fn write_tone(path: &Path, seconds: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the folder is there");
    for n in 0..(seconds * 16_000.0) as usize {
        file.write_sample((8_000.0 * (n as f32 * 0.17).sin()) as i16).expect("the disk has room");
    }
    file.finalize().expect("the disk has room");
}

fn wait(transforms: &Transforms) -> Vec<State> {
    wait_until(transforms, |items| !items.iter().any(Item::is_open))
}

fn wait_until(transforms: &Transforms, done: impl Fn(&[Item]) -> bool) -> Vec<State> {
    let begin = Instant::now();
    loop {
        let items = transforms.items();
        if done(&items) {
            return items.into_iter().map(|item| item.state).collect();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "it never ends: {items:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn files_are_played_one_after_the_other_and_replace_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("song.wav");
    write_tone(&input, 0.5);
    fs::write(folder.path().join("song - violin.wav"), "mine").expect("the folder is there");
    let transforms = transforms();
    for _ in 0..2 {
        transforms.add(input.clone(), "violin/reduced", Sound::default());
    }
    let states = wait(&transforms);
    let expected = ["song - violin 2.wav", "song - violin 3.wav"].map(|name| folder.path().join(name));
    for (state, expected) in states.iter().zip(&expected) {
        assert!(matches!(state, State::Done { path, .. } if path == expected), "{state:?}");
        let reader = hound::WavReader::open(expected).expect("it plays");
        assert_eq!(reader.spec().sample_rate, 16_000);
        assert!(reader.duration() >= 8_000, "as long as the input and its tail");
    }
    assert_eq!(fs::read(folder.path().join("song - violin.wav")).expect("it is there"), b"mine");
    assert_eq!(names(folder.path()).len(), 4, "no part is left");
    transforms.clear();
    assert!(transforms.items().is_empty());
}

#[test]
fn progress_grows_and_a_cancelled_file_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("long.wav");
    write_tone(&input, 60.0);
    let transforms = transforms();
    transforms.add(input.clone(), "violin/reduced", Sound::default());
    transforms.add(input, "violin/reduced", Sound::default());
    let share = |items: &[Item]| match items[0].state {
        State::Working { share, .. } => share,
        _ => 0.0,
    };
    wait_until(&transforms, |items| share(items) > 0.02);
    let before = share(&transforms.items());
    wait_until(&transforms, |items| share(items) > before);
    transforms.clear();
    assert_eq!(transforms.items().len(), 2, "what is worked on is not forgotten");
    transforms.cancel(1);
    transforms.cancel(0);
    assert_eq!(wait(&transforms), [State::Cancelled, State::Cancelled]);
    assert_eq!(names(folder.path()), ["long.wav"]);
}

#[test]
fn what_goes_wrong_is_told_with_the_files_name_and_the_next_file_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, good) = (folder.path().join("notes.txt"), folder.path().join("good.wav"));
    fs::write(&text, "no sound").expect("the folder is there");
    write_tone(&good, 0.2);
    let transforms = transforms();
    transforms.add(text, "violin/reduced", Sound::default());
    transforms.add(folder.path().join("missing.wav"), "violin/reduced", Sound::default());
    transforms.add(folder.path().join("nowhere/song.wav"), "violin/reduced", Sound::default());
    transforms.add(good.clone(), "violin/none", Sound::default());
    transforms.add(good, "violin/reduced", Sound::default());
    let states = wait(&transforms);
    for (state, words) in
        states.iter().zip(["notes.txt: not an audio", "missing.wav: no such", "nowhere", "violin/none"])
    {
        assert!(matches!(state, State::Failed(reason) if reason.contains(words)), "{state:?}");
    }
    assert!(matches!(states[4], State::Done { .. }), "{:?}", states[4]);
    assert_eq!(names(folder.path()), ["good - violin.wav", "good.wav", "notes.txt"]);
}

#[test]
fn results_are_as_loud_as_the_panel_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("a.wav");
    write_tone(&input, 0.4);
    let transforms = transforms();
    transforms.add(input.clone(), "violin/reduced", Sound::default());
    let softer = Settings { output_gain: -6.0, ..Settings::default() };
    transforms.add(input, "violin/reduced", Sound { settings: softer, ..Sound::default() });
    wait(&transforms);
    let read = |name: &str| -> Vec<f32> {
        let reader = hound::WavReader::open(folder.path().join(name)).expect("it is there");
        reader.into_samples().collect::<Result<_, _>>().expect("it is whole")
    };
    let (full, softer) = (read("a - violin.wav"), read("a - violin 2.wav"));
    let gain = crate::engine::gain_from_db(-6.0);
    assert!(full.iter().any(|&x| x != 0.0));
    assert!(full.iter().zip(&softer).all(|(a, b)| (a * gain - b).abs() < 1e-7));
}
