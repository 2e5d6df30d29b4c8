//! One entry a gesture, back and forth.

use super::super::history::LIMIT;
use super::*;

const CTRL: Modifiers = Modifiers::COMMAND;

fn undo(bench: &mut Bench) {
    bench.undo();
}

fn redo(bench: &mut Bench) {
    bench.shortcut(CTRL | Modifiers::SHIFT, Key::Z);
}

#[test]
fn a_drag_is_one_entry_that_is_undone_and_redone() {
    let mut bench = Bench::new();
    bench.drag(dial(Setting::OutputGain), vec2(0.0, 60.0));
    let dragged = bench.host.settings.output_gain;
    assert!(dragged < -10.0 && bench.panel.history.len() == 1);
    bench.calls();
    undo(&mut bench);
    let gain = Setting::OutputGain;
    assert_eq!(bench.calls(), [Call::Begin(gain), Call::Set(gain, 0.0), Call::End(gain)], "the host sees a gesture");
    redo(&mut bench);
    assert_eq!(bench.host.settings.output_gain, dragged);
    undo(&mut bench);
    bench.shortcut(CTRL, Key::Y);
    assert_eq!(bench.host.settings.output_gain, dragged, "Ctrl+Y redoes, too");
}

#[test]
fn a_drag_a_reset_a_typed_value_and_the_choices_are_an_entry_each() {
    let mut bench = Bench::new();
    bench.drag(dial(Setting::Transpose), vec2(0.0, -60.0));
    bench.focus(Setting::Transpose);
    bench.key(Key::Delete);
    bench.picture(vec![Event::Text("3".into())]);
    bench.picture(vec![]);
    bench.key(Key::Enter);
    assert_eq!((bench.host.settings.transpose, bench.panel.history.len()), (3.0, 3));
    bench.click_on(bench.root.with("source").with(0));
    bench.click_on(bench.root.with("bypass"));
    bench.click(pos2(456.0, 72.0));
    bench.picture(vec![]);
    bench.click(pos2(456.0, 154.0));
    assert_eq!((bench.host.model_id.as_str(), bench.panel.history.len()), ("violin/reduced", 6));
    bench.calls();
    for _ in 0..3 {
        undo(&mut bench);
    }
    let calls = bench.calls();
    assert_eq!(calls, [Call::Model("violin/full".into()), Call::Bypass(false), Call::Source(Source::Audio)]);
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 0.0);
    undo(&mut bench);
    assert!(bench.host.settings.transpose > 10.0);
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 0.0);
    bench.calls();
    undo(&mut bench);
    assert_eq!(bench.calls(), [], "nothing is left");
}

#[test]
fn what_the_host_automates_is_no_entry_and_a_new_gesture_ends_redo() {
    let mut bench = Bench::new();
    bench.host.settings.room = 0.3;
    bench.picture(vec![]);
    assert_eq!(bench.panel.history.len(), 0);
    bench.focus(Setting::Mix);
    bench.key(Key::ArrowDown);
    undo(&mut bench);
    assert_eq!((bench.host.settings.mix, bench.host.settings.room), (1.0, 0.3));
    bench.focus(Setting::Mix);
    bench.key(Key::Home);
    redo(&mut bench);
    assert_eq!(bench.host.settings.mix, 0.0, "there is nothing to redo after another gesture");
}

#[test]
fn a_knob_that_comes_back_to_where_it_was_is_no_entry() {
    let mut bench = Bench::new();
    let dial = dial(Setting::Room);
    bench.picture(vec![Event::PointerMoved(dial)]);
    bench.press(dial, true);
    bench.picture(vec![Event::PointerMoved(dial + vec2(0.0, 40.0))]);
    bench.shortcut(CTRL, Key::Z);
    bench.picture(vec![Event::PointerMoved(dial + vec2(0.0, -100.0))]);
    bench.press(dial + vec2(0.0, -100.0), false);
    assert_eq!((bench.host.settings.room, bench.panel.history.len()), (1.0, 0));
}

#[test]
fn a_knob_that_is_held_when_the_window_closes_can_be_undone_later() {
    let mut bench = Bench::new();
    let dial = dial(Setting::NoiseGain);
    bench.picture(vec![Event::PointerMoved(dial)]);
    bench.press(dial, true);
    bench.picture(vec![Event::PointerMoved(dial + vec2(0.0, 30.0))]);
    bench.panel.release(&mut bench.host);
    bench.press(dial, false);
    assert!(bench.host.settings.noise_gain < 0.0 && bench.panel.history.len() == 1);
    undo(&mut bench);
    assert_eq!(bench.host.settings.noise_gain, 0.0);
}

#[test]
fn the_history_is_bounded_and_forgets_the_oldest() {
    let mut bench = Bench::new();
    bench.focus(Setting::Transpose);
    for _ in 0..LIMIT {
        bench.key(Key::Home);
        bench.key(Key::End);
    }
    assert_eq!(bench.panel.history.len(), LIMIT);
}

#[test]
fn the_buttons_undo_and_redo() {
    let mut bench = Bench::new();
    bench.focus(Setting::Room);
    bench.key(Key::Home);
    bench.click_on(bench.root.with("undo"));
    assert_eq!(bench.host.settings.room, 1.0);
    bench.click_on(bench.root.with("redo"));
    assert_eq!(bench.host.settings.room, 0.0);
}

#[test]
fn a_host_that_takes_values_over_late_confuses_nothing() {
    let mut bench = Bench::new();
    bench.focus(Setting::Transpose);
    bench.key(Key::ArrowUp);
    // The host still says the old value.
    bench.host.settings.transpose = 0.0;
    bench.key(Key::ArrowUp);
    assert_eq!(bench.host.settings.transpose, 2.0);
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 0.0);
}

#[test]
fn steps_in_quick_succession_are_one_entry_and_later_ones_another() {
    let mut bench = Bench::new();
    bench.focus(Setting::Transpose);
    (0..3).for_each(|_| bench.key(Key::ArrowUp));
    bench.time_s += 1.0;
    (0..2).for_each(|_| bench.key(Key::ArrowUp));
    assert_eq!((bench.host.settings.transpose, bench.panel.history.len()), (5.0, 2));
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 3.0);
    bench.focus(Setting::Transpose);
    bench.key(Key::ArrowUp);
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 3.0, "what follows an undo is a step of its own");
    undo(&mut bench);
    assert_eq!(bench.host.settings.transpose, 0.0);
}

#[test]
fn steps_that_come_back_to_where_they_began_are_no_entry() {
    let mut bench = Bench::new();
    bench.focus(Setting::Transpose);
    bench.key(Key::ArrowUp);
    bench.key(Key::ArrowDown);
    assert_eq!((bench.host.settings.transpose, bench.panel.history.len()), (0.0, 0));
}

#[test]
fn a_text_that_is_typed_has_an_undo_of_its_own() {
    let mut bench = Bench::new();
    bench.focus(Setting::Room);
    bench.key(Key::Home);
    bench.picture(vec![Event::Text("5".into())]);
    bench.picture(vec![]);
    undo(&mut bench);
    assert_eq!(bench.host.settings.room, 0.0);
}
