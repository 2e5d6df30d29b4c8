//! MIDI messages: wheels, pedals, pressure and controllers of a channel, and MPE. In VST3 they are hidden parameters.

use super::playing::{RATE_HZ, opened_still, pitch_track, played};
use super::{Happening, TestHost, brightness_db, cents_off, first_difference, hz, level_db, peak, rms_db};
use retort::engine::{Setting, cc};

fn on(channel: u8, key: u8, velocity: u8) -> Happening {
    Happening::Midi([0x90 | channel, key, velocity])
}

fn off(channel: u8, key: u8) -> Happening {
    Happening::Midi([0x80 | channel, key, 0])
}

fn control(channel: u8, number: u8, value: u8) -> Happening {
    Happening::Midi([0xb0 | channel, number, value])
}

fn press(channel: u8, value: u8) -> Happening {
    Happening::Midi([0xd0 | channel, value, 0])
}

/// 0 to 16,383; 8,192 is the middle.
fn bend(channel: u8, value: u16) -> Happening {
    Happening::Midi([0xe0 | channel, (value & 0x7f) as u8, (value >> 7) as u8])
}

fn play<H: TestHost>(settings: &[(Setting, f32)], len: usize, events: &[(usize, Happening)]) -> Vec<f32> {
    played::<H>(&mut opened_still(settings), len, events)
}

/// How far each of two keys changed in level from before sample 30,000 to after, in dB.
fn change(out: &[f32], key: u8) -> f64 {
    level_db(&out[40_000..70_000], RATE_HZ, hz(key)) - level_db(&out[10_000..29_000], RATE_HZ, hz(key))
}

/// A4 on the first channel, and what `event` at sample 30,000 does to it: before and after.
fn before_and_after<H: TestHost>(settings: &[(Setting, f32)], event: Happening) -> [Vec<f32>; 2] {
    let out = play::<H>(settings, 72_000, &[(0, on(0, 69, 60)), (30_000, event)]);
    [out[10_000..29_000].to_vec(), out[45_000..70_000].to_vec()]
}

pub fn midi_notes_sound_as_the_format_s_own_do<H: TestHost>() {
    let midi = play::<H>(&[], 24_000, &[(100, on(0, 60, 127)), (9_000, off(0, 60))]);
    let own = [(100, Happening::NoteOn { key: 60, velocity: 1.0 }), (9_000, Happening::off(60))];
    assert!(peak(&midi) > 0.005);
    assert_eq!(first_difference(&midi, &play::<H>(&[], 24_000, &own)), None);
    let unspoken = play::<H>(&[], 24_000, &[(100, on(0, 60, 127)), (9_000, on(0, 60, 0))]);
    assert_eq!(first_difference(&midi, &unspoken), None, "a note on without velocity ends the note");
}

pub fn the_sustain_pedal_holds_notes_until_it_is_up<H: TestHost>() {
    let pedal = |value| control(0, cc::SUSTAIN, value);
    let events = [(0, on(0, 60, 100)), (4_000, pedal(127)), (8_000, off(0, 60)), (48_000, pedal(0))];
    let out = play::<H>(&[], 96_000, &events);
    let held = level_db(&out[30_000..47_000], RATE_HZ, hz(60));
    assert!((held - level_db(&out[5_000..8_000], RATE_HZ, hz(60))).abs() < 3.0, "{held} dB");
    assert_eq!(peak(&out[80_000..]), 0.0, "the pedal is up");
    let without = play::<H>(&[], 96_000, &[events[0], events[2]]);
    assert_eq!(peak(&without[40_000..]), 0.0, "without the pedal the note ends with its key");
    // Half a pedal is none, and another channel's holds nothing.
    for other in [control(0, cc::SUSTAIN, 63), control(1, cc::SUSTAIN, 127)] {
        let out = play::<H>(&[], 96_000, &[events[0], (4_000, other), events[2]]);
        assert_eq!(first_difference(&out, &without), None);
    }
}

pub fn the_sostenuto_pedal_holds_what_was_down_and_nothing_later<H: TestHost>() {
    let pedal = |value| control(0, cc::SOSTENUTO, value);
    let out = play::<H>(
        &[],
        120_000,
        &[
            (0, on(0, 57, 100)),
            (4_000, pedal(127)),
            (8_000, on(0, 64, 100)),
            (20_000, off(0, 57)),
            (20_000, off(0, 64)),
            (70_000, pedal(0)),
        ],
    );
    let level = |range: std::ops::Range<usize>, key| level_db(&out[range], RATE_HZ, hz(key));
    assert!((level(45_000..69_000, 57) - level(9_000..19_000, 57)).abs() < 1.0);
    assert!(level(45_000..69_000, 64) < level(10_000..19_000, 64) - 40.0);
    assert_eq!(peak(&out[100_000..]), 0.0);
}

pub fn a_bend_reaches_its_range_and_a_wheel_at_rest_changes_nothing<H: TestHost>() {
    let range = |semitones| (Setting::BendRange, semitones);
    for (semitones, value, cents) in
        [(2.0, 16_383, 200.0), (2.0, 0, -200.0), (2.0, 12_288, 100.0), (3.5, 16_383, 350.0), (0.0, 16_383, 0.0)]
    {
        let [_, bent] = before_and_after::<H>(&[range(semitones)], bend(0, value));
        let found = cents_off(&bent, RATE_HZ, 440.0);
        assert!((found - cents).abs() < 5.0, "{found} cents with {value} of {semitones} semitones");
    }
    let plain = play::<H>(&[], 30_000, &[(0, on(0, 69, 100))]);
    let rested = play::<H>(&[range(48.0)], 30_000, &[(0, on(0, 69, 100)), (5_000, bend(0, 8_192))]);
    assert_eq!(first_difference(&plain, &rested), None);
}

pub fn the_modulation_wheel_adds_half_a_semitone_of_vibrato<H: TestHost>() {
    let [still, modulated] = before_and_after::<H>(&[], control(0, cc::MODULATION, 127));
    let spread = |out: &[f32]| {
        let track = pitch_track(out, 440.0);
        track.iter().copied().fold(f64::MIN, f64::max) - track.iter().copied().fold(f64::MAX, f64::min)
    };
    assert!(spread(&still) < 5.0, "{} cents", spread(&still));
    assert!((spread(&modulated) - 100.0).abs() < 12.0, "{} cents", spread(&modulated));
}

pub fn breath_and_expression_play_softer_and_volume_is_a_gain<H: TestHost>() {
    let louder = |event| {
        let [before, after] = before_and_after::<H>(&[], event);
        (rms_db(&after) - rms_db(&before), brightness_db(&after) - brightness_db(&before))
    };
    let (volume, tone) = louder(control(0, cc::VOLUME, 64));
    // The square of 64 of 127.
    assert!((volume + 11.9).abs() < 0.3 && tone.abs() < 0.2, "{volume} dB, {tone} dB brighter");
    let (none, _) = louder(control(0, cc::VOLUME, 0));
    assert!(none < -100.0, "{none} dB");
    for number in [cc::BREATH, cc::EXPRESSION] {
        let (half, _) = louder(control(0, number, 96));
        let (low, _) = louder(control(0, number, 64));
        assert!(half < -2.0 && low < half - 2.0, "controller {number}: {half} and {low} dB");
        let (full, _) = louder(control(0, number, 127));
        assert!(full.abs() < 0.1, "controller {number} at its top changes nothing: {full} dB");
    }
}

pub fn controller_74_tilts_the_channel_s_spectrum<H: TestHost>() {
    let brighter = |value| {
        let [before, after] = before_and_after::<H>(&[], control(0, cc::BRIGHTNESS, value));
        assert!((rms_db(&after) - rms_db(&before)).abs() < 1.0);
        brightness_db(&after) - brightness_db(&before)
    };
    assert!(brighter(127) > 1.0 && brighter(0) < -1.0, "{} and {} dB", brighter(127), brighter(0));
}

pub fn pressure_of_a_channel_means_all_its_notes_and_that_of_a_key_one<H: TestHost>() {
    let notes = [(0, on(0, 57, 50)), (0, on(0, 64, 50)), (0, on(1, 71, 50))];
    let pressed = |event| play::<H>(&[], 72_000, &[&notes[..], &[(30_000, event)]].concat());
    let out = pressed(press(0, 127));
    assert!(change(&out, 57) > 4.0 && change(&out, 64) > 4.0, "{} and {} dB", change(&out, 57), change(&out, 64));
    assert!(change(&out, 71).abs() < 1.0, "another channel's note stays: {} dB", change(&out, 71));
    let out = pressed(Happening::Midi([0xa0, 64, 127]));
    assert!(change(&out, 64) > 4.0 && change(&out, 57).abs() < 1.0);
}

pub fn in_mpe_a_member_channel_speaks_for_its_note_and_the_first_for_all<H: TestHost>() {
    let notes = [(0, on(1, 57, 50)), (0, on(2, 64, 50))];
    let with = |mpe: f32, event| {
        play::<H>(&[(Setting::Mpe, mpe), (Setting::BendRange, 2.0)], 72_000, &[&notes[..], &[(30_000, event)]].concat())
    };
    // A sixteenth of 48 semitones.
    let out = with(1.0, bend(1, 8_192 + 512));
    assert!(change(&out, 57) < -30.0 && change(&out, 60) > 30.0, "three semitones up");
    assert!(change(&out, 64).abs() < 1.0, "the other note stays: {} dB", change(&out, 64));
    let out = with(1.0, bend(0, 16_383));
    assert!(change(&out, 59) > 30.0 && change(&out, 66) > 30.0, "the first channel bends both by its own range");
    let out = with(0.0, bend(0, 16_383));
    assert!(change(&out, 57).abs() < 1.0 && change(&out, 64).abs() < 1.0, "without MPE channels are alone");
    let out = with(1.0, press(2, 127));
    assert!(change(&out, 64) > 4.0 && change(&out, 57).abs() < 1.0);
    let out = with(1.0, press(0, 127));
    assert!(change(&out, 64) > 4.0 && change(&out, 57) > 4.0);
    // Fundamentals of a brighter note of the same power are softer.
    let out = with(1.0, control(1, cc::BRIGHTNESS, 127));
    assert!(change(&out, 57) < -0.5 && change(&out, 64).abs() < 0.5, "{} dB", change(&out, 57));
    let out = with(1.0, control(0, cc::BRIGHTNESS, 127));
    assert!(change(&out, 57) < -0.5 && change(&out, 64) < -0.5);
    let out = with(1.0, control(0, cc::VOLUME, 64));
    assert!((change(&out, 57) + 11.9).abs() < 1.0 && (change(&out, 64) + 11.9).abs() < 1.0);
}

pub fn in_mpe_the_first_channel_s_pedal_holds_every_note<H: TestHost>() {
    let events = [
        (0, on(1, 57, 100)),
        (0, on(2, 64, 100)),
        (4_000, control(0, cc::SUSTAIN, 127)),
        (9_000, off(1, 57)),
        (9_000, off(2, 64)),
        (72_000, control(0, cc::SUSTAIN, 0)),
    ];
    let out = play::<H>(&[(Setting::Mpe, 1.0)], 120_000, &events);
    for key in [57, 64] {
        let level_db = level_db(&out[40_000..70_000], RATE_HZ, hz(key));
        assert!(level_db > -46.0, "key {key} is held: {level_db:.1} dB");
    }
    assert_eq!(peak(&out[100_000..]), 0.0);
    let out = play::<H>(&[], 120_000, &events);
    assert_eq!(peak(&out[50_000..]), 0.0, "without MPE the first channel's pedal is its own");
}

pub fn a_channel_that_is_silenced_leaves_the_others<H: TestHost>() {
    let notes = [(0, on(0, 57, 100)), (0, on(1, 64, 100)), (1_000, control(0, cc::SUSTAIN, 127))];
    for number in [cc::ALL_SOUND_OFF, cc::ALL_NOTES_OFF] {
        let silenced =
            |channel| play::<H>(&[], 72_000, &[&notes[..], &[(30_000, control(channel, number, 0))]].concat());
        let out = silenced(0);
        assert!(change(&out, 57) < -40.0 && change(&out, 64).abs() < 1.0, "controller {number}");
        let out = silenced(1);
        assert!(change(&out, 64) < -40.0 && change(&out, 57).abs() < 1.0, "controller {number}");
    }
    // Nothing else sounds: the sound ends at its sample.
    let out =
        play::<H>(&[(Setting::Room, 1.0)], 48_000, &[(0, on(0, 57, 100)), (30_011, control(0, cc::ALL_SOUND_OFF, 0))]);
    assert!(peak(&out[29_000..30_011]) > 0.005);
    assert_eq!(peak(&out[30_011..]), 0.0, "the room's tail too");
}

pub fn resetting_controllers_brings_a_channel_back<H: TestHost>() {
    let moved = [
        (2_000, bend(0, 12_000)),
        (2_000, control(0, cc::MODULATION, 90)),
        (2_000, control(0, cc::EXPRESSION, 50)),
        (2_000, control(0, cc::BRIGHTNESS, 100)),
        (2_000, press(0, 100)),
        (30_000, control(0, cc::RESET, 0)),
    ];
    let note = (0, on(0, 69, 80));
    let (plain, reset) = (play::<H>(&[], 60_000, &[note]), play::<H>(&[], 60_000, &[&[note], &moved[..]].concat()));
    assert!(cents_off(&reset[10_000..29_000], RATE_HZ, 440.0) > 50.0);
    assert!(cents_off(&reset[40_000..], RATE_HZ, 440.0).abs() < 5.0);
    assert!((rms_db(&reset[40_000..]) - rms_db(&plain[40_000..])).abs() < 0.2);
}

pub fn controllers_do_not_depend_on_the_blocks<H: TestHost>() {
    let mut events = vec![(0, on(1, 57, 90)), (500, on(2, 64, 60)), (10_000, off(1, 57))];
    for i in 0..60_u8 {
        let at = 700 + 173 * usize::from(i);
        events.extend([
            (at, bend(1, 8_192 + 20 * u16::from(i))),
            (at + 7, press(2, 2 * i)),
            (at + 13, control(1, cc::BRIGHTNESS, 64 + i)),
            (at + 17, control(0, cc::MODULATION, i)),
            (at + 19, control(0, cc::SUSTAIN, if i % 20 < 15 { 127 } else { 0 })),
        ]);
    }
    events.sort_by_key(|(at, _)| *at);
    let rendered = |block| {
        let mut host: H = opened_still(&[(Setting::Mpe, 1.0)]);
        host.render(&[], 13_000, &events, block).swap_remove(0)
    };
    let whole = rendered(4_096);
    assert!(peak(&whole) > 0.005);
    for block in [1, 192, 777] {
        assert_eq!(first_difference(&rendered(block), &whole), None, "blocks of {block}");
    }
}

#[macro_export]
macro_rules! controllers_tests {
    ($host:ty) => {
        $crate::host_tests!($host, controllers:
            midi_notes_sound_as_the_format_s_own_do,
            the_sustain_pedal_holds_notes_until_it_is_up,
            the_sostenuto_pedal_holds_what_was_down_and_nothing_later,
            a_bend_reaches_its_range_and_a_wheel_at_rest_changes_nothing,
            the_modulation_wheel_adds_half_a_semitone_of_vibrato,
            breath_and_expression_play_softer_and_volume_is_a_gain,
            controller_74_tilts_the_channel_s_spectrum,
            pressure_of_a_channel_means_all_its_notes_and_that_of_a_key_one,
            in_mpe_a_member_channel_speaks_for_its_note_and_the_first_for_all,
            in_mpe_the_first_channel_s_pedal_holds_every_note,
            a_channel_that_is_silenced_leaves_the_others,
            resetting_controllers_brings_a_channel_back,
            controllers_do_not_depend_on_the_blocks,
        );
    };
}
