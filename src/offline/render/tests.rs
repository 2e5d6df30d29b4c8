//! Rendering with a small made-up model, watched and interrupted.

use std::ops::ControlFlow;
use std::path::Path;

use super::*;

/// Writes down what it is told, and ends the work after some reports if it is asked to.
#[derive(Default)]
pub struct Watcher {
    pub stages: Vec<Stage>,
    pub reports: usize,
    pub stop_after: Option<usize>,
}

impl Observer for Watcher {
    fn begin(&mut self, stage: Stage, _length: usize) {
        self.stages.push(stage);
    }

    fn advance(&mut self, _done: usize) -> ControlFlow<()> {
        self.reports += 1;
        if self.stop_after.is_some_and(|n| self.reports >= n) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn end(&mut self) {}

    fn note(&mut self, _text: &str) {}
}

#[test]
fn midi_files_are_known_by_their_name() {
    for (name, midi) in [("a.mid", true), ("a.MIDI", true), ("a.wav", false), ("mid", false)] {
        assert_eq!(is_midi(Path::new(name)), midi, "{name}");
    }
}

#[test]
fn an_observer_ends_the_work_between_two_blocks() {
    let mut watcher = Watcher { stop_after: Some(2), ..Watcher::default() };
    let ended = in_blocks(Stage::Rendering, 10 * BLOCK, &mut watcher, |_, block| block.fill(1.0));
    assert!(matches!(ended, Err(OfflineError::Cancelled)));
    assert_eq!((watcher.reports, watcher.stages), (2, vec![Stage::Rendering]));
}

#[test]
fn blocks_follow_each_other_up_to_the_last_sample() {
    let whole = in_blocks(Stage::Playing, 2 * BLOCK + 7, &mut Watcher::default(), |start, block| {
        block.iter_mut().enumerate().for_each(|(i, sample)| *sample = (start + i) as f32);
    });
    let whole = whole.expect("nobody ends it");
    assert_eq!(whole.len(), 2 * BLOCK + 7);
    assert!(whole.iter().enumerate().all(|(i, &sample)| sample == i as f32));
}

#[test]
fn the_recording_lies_under_the_instrument_as_the_mix_says() {
    let mut wet = vec![1.0, 1.0, 1.0];
    mix_in(&mut wet, &[0.5, -0.5], 0.25);
    assert_eq!(wet, [0.625, -0.125, 0.25]);
}
