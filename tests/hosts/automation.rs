//! Automation: heard from its sample on, without clicks, whatever the blocks are.

use retort::engine::{Setting, Unit};

use super::playing::{DARK, RATE_HZ, opened_still, played};
use super::{Class, Happening, Sent, TestHost, first_difference, hz, level_db, peak, sharpest, tone};

/// Settings are taken over at the engine's frames.
const FRAME: usize = 192;

/// Settings that move what sounds already, with a value far from the default.
const HEARD: [(Setting, f32); 9] = [
    (Setting::Transpose, 7.0),
    (Setting::LoudnessOffset, -12.0),
    (Setting::LoudnessRange, 2.0),
    (Setting::HarmonicGain, -20.0),
    (Setting::NoiseGain, 6.0),
    (Setting::Room, 0.8),
    (Setting::OutputGain, -60.0),
    (Setting::Brightness, 6.0),
    (Setting::OddEven, -1.0),
];

pub fn automation_is_heard_from_its_sample_on<H: TestHost>() {
    let note = (0, Happening::on(64));
    let still = played::<H>(&mut opened_still(&[]), 16_000, &[note]);
    for (index, (setting, value)) in HEARD.into_iter().enumerate() {
        // In the middle of blocks and of frames.
        let at = 9_000 + 333 * index;
        let moved = played::<H>(&mut opened_still(&[]), 16_000, &[note, (at, Happening::set(setting, value))]);
        let first = first_difference(&moved, &still).unwrap_or_else(|| panic!("{setting:?} is heard"));
        assert!((at..at + FRAME + 2).contains(&first), "{setting:?} moved at {at} and is heard at {first}");
    }
}

pub fn a_jump_of_any_setting_does_not_click<H: TestHost>() {
    let opened_dark = || opened_still::<H>(&[(Setting::Brightness, DARK)]);
    let note = (0, Happening::on(52));
    for (setting, value) in HEARD {
        let default = match setting {
            Setting::NoiseGain => -60.0,
            Setting::Room => 0.0,
            Setting::Brightness => DARK,
            other => other.spec().default,
        };
        // There and back, at different points of the waves.
        let jumps = [(20_000, value), (22_017, default), (24_031, value), (26_500, default), (29_007, value)]
            .map(|(at, value)| (at, Happening::set(setting, value)));
        let moved = played::<H>(&mut opened_dark(), 48_000, &[&[note], &jumps[..]].concat());
        let allowed = sharpest(&moved[10_000..19_000]).max(sharpest(&moved[36_000..]));
        let found = sharpest(&moved[19_000..34_000]);
        assert!(found < 3.0 * allowed, "{setting:?}: a corner of {found} where a steady note has {allowed}");
    }
    // The measure hears a click: a note that is cut off.
    let mut cut = played::<H>(&mut opened_dark(), 24_000, &[note]);
    let allowed = sharpest(&cut[12_000..]);
    cut[20_000..].fill(0.0);
    assert!(sharpest(&cut) > 20.0 * allowed, "{} beside {allowed}", sharpest(&cut));
}

pub fn automation_of_every_setting_does_not_depend_on_the_blocks<H: TestHost>() {
    const LEN: usize = 16_000;
    let mut events = vec![(7, Happening::on(57)), (3_333, Happening::on(64)), (12_001, Happening::off(57))];
    for (index, spec) in Setting::ALL.iter().enumerate() {
        for step in 0..6_usize {
            let share = (step * 5 % 7) as f32 / 6.0;
            let value = if spec.unit == Unit::Switch { (step % 2) as f32 } else { spec.at(0.2 + 0.6 * share) };
            events.push((500 + 2_203 * step + 61 * index, Happening::set(spec.setting, value)));
        }
    }
    events.push((13_000, Happening::set(Setting::OutputGain, 0.0)));
    events.sort_by_key(|(at, _)| *at);
    let input = tone(RATE_HZ, 0.4, 330.0, 0.02, 0.3);
    for class in [Class::Instrument, Class::Effect] {
        let rendered = |block| {
            let mut host = H::open(class);
            host.activate(RATE_HZ, 4_096);
            let out = host.render(&input, LEN, &events, block).swap_remove(0);
            // Where each lies is told from the start of its block.
            let sent: Vec<Sent> = host.take_sent().into_iter().map(|(_, sent)| sent).collect();
            (out, sent)
        };
        let (whole, sent) = rendered(4_096);
        assert!(peak(&whole) > 0.005);
        assert!(class == Class::Instrument || !sent.is_empty(), "notes out was on for a while");
        for block in [17, 1_000] {
            let (split, split_sent) = rendered(block);
            assert_eq!(first_difference(&split, &whole), None, "{class:?}, blocks of {block}");
            assert_eq!(split_sent, sent, "{class:?}, blocks of {block}");
        }
    }
}

pub fn notes_are_sent_at_the_same_samples_while_parameters_move<H: TestHost>() {
    let input = tone(RATE_HZ, 1.0, 440.0, 0.1, 0.6);
    let sent = |events: &[(usize, Happening)], block: usize| {
        let mut host = H::open(Class::Effect);
        host.set("Notes out", 1.0);
        host.activate(RATE_HZ, 4_096);
        let mut all = Vec::new();
        for start in (0..48_000).step_by(block) {
            let end = (start + block).min(48_000);
            let here: Vec<(usize, Happening)> =
                events.iter().filter(|(at, _)| (start..end).contains(at)).map(|(at, h)| (at - start, *h)).collect();
            let input: Vec<&[f32]> = input.iter().map(|channel| &channel[start..end]).collect();
            host.block(&input, end - start, &here);
            all.extend(host.take_sent().into_iter().map(|(at, sent)| (start + at, sent)));
        }
        all
    };
    let expected = sent(&[], 256);
    assert!(expected.len() >= 2, "{expected:?}");
    // The framework cuts blocks at changes of parameters.
    let moving: Vec<(usize, Happening)> =
        (0..480).map(|i| (7 + i * 100, Happening::set(Setting::Room, (i % 10) as f32 / 10.0))).collect();
    assert_eq!(sent(&moving, 256), expected);
    assert_eq!(sent(&moving, 4_096), expected);
}

pub fn voices_that_automation_takes_away_fade_with_the_next_note<H: TestHost>() {
    let chord = [52, 57, 62].map(|key| (0, Happening::on(key)));
    let fewer = [(20_000, Happening::set(Setting::Voices, 1.0)), (24_000, Happening::on(66))];
    let out = played::<H>(&mut opened_still(&[]), 60_000, &[&chord[..], &fewer].concat());
    let level = |range: std::ops::Range<usize>, key| level_db(&out[range], RATE_HZ, hz(key));
    for key in [52, 57, 62] {
        assert!(level(10_000..19_000, key) - level(36_000..60_000, key) > 30.0, "key {key} has made room");
    }
    assert!(level(36_000..60_000, 66) > -60.0);
}

/// All of this topic for a host.
#[macro_export]
macro_rules! automation_tests {
    ($host:ty) => {
        $crate::host_tests!($host, automation:
            automation_is_heard_from_its_sample_on,
            a_jump_of_any_setting_does_not_click,
            automation_of_every_setting_does_not_depend_on_the_blocks,
            notes_are_sent_at_the_same_samples_while_parameters_move,
            voices_that_automation_takes_away_fade_with_the_next_note,
        );
    };
}
