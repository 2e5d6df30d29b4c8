//! Recordings into real files.

use std::time::Instant;

use super::*;

/// Waits for the end of a recording.
fn wait(recorder: &mut Recorder) -> Option<AppError> {
    let begin = Instant::now();
    while recorder.running.is_some() {
        if let Some(problem) = recorder.poll() {
            return Some(problem);
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the recording does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn left_channel(path: &Path) -> Vec<f32> {
    let reader = hound::WavReader::open(path).expect("the file plays");
    reader.into_samples().step_by(2).collect::<Result<_, _>>().expect("all samples are there")
}

#[test]
fn what_is_played_between_start_and_stop_is_in_the_file_bit_by_bit() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("Music/Retort");
    let mut recorder = Recorder::default();
    for (name, sign) in [("Recording.wav", 1.0), ("Recording 2.wav", -1.0)] {
        let played: Vec<f32> = (0..4_800).map(|n| sign * (n as f32 * 0.1).sin() * 2.0).collect();
        let mut tap = recorder.start(&folder, 48_000, || ()).expect("the folder can be made");
        played.chunks(64).for_each(|block| tap.push(block, block));
        assert!(recorder.elapsed_s().is_some());
        recorder.stop();
        assert!(tap.is_stopped());
        drop(tap);
        assert!(wait(&mut recorder).is_none());
        assert_eq!(recorder.elapsed_s(), None);
        assert_eq!(recorder.path(), Some(folder.join(name).as_path()));
        assert_eq!(left_channel(&folder.join(name)), played);
    }
}

#[test]
fn gaps_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = Recorder::default();
    let mut tap = recorder.start(folder.path(), 8_000, || ()).expect("the folder is there");
    // More at once than the queue holds.
    tap.push(&[0.5; 80_000], &[0.5; 80_000]);
    recorder.stop();
    drop(tap);
    let problem = wait(&mut recorder).map(|problem| problem.to_string()).unwrap_or_default();
    assert!(problem.contains("10.0 s"), "{problem}");
}

#[test]
fn a_recording_that_ends_with_its_device_is_told_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = Recorder::default();
    let mut tap = recorder.start(folder.path(), 8_000, || ()).expect("the folder is there");
    tap.push(&[0.5; 800], &[0.5; 800]);
    drop(tap);
    assert!(matches!(wait(&mut recorder), Some(AppError::RecordingCut { .. })));
    assert_eq!(left_channel(&folder.path().join("Recording.wav")), [0.5; 800]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("the folder is there");
    let refused = Recorder::default().start(&file.join("Retort"), 48_000, || ()).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|text| text.contains("file")));
}

#[test]
fn closing_the_window_completes_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = Recorder::default();
    let mut tap = recorder.start(folder.path(), 48_000, || ()).expect("the folder is there");
    tap.push(&[0.25; 100], &[0.25; 100]);
    drop(tap);
    recorder.finish();
    assert_eq!(left_channel(&folder.path().join("Recording.wav")), [0.25; 100]);
}
