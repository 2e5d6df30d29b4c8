//! Keys, pedals and channels, read from the frames that voices give.

use super::*;
use crate::performer::Expression;

const RATE_HZ: u32 = 48_000;
/// Nothing moves on its own, so that tests can read pitch and loudness.
const STILL: Playing = Playing {
    mode: Mode::Poly,
    voices: 4,
    glide_s: 0.0,
    bend_semitones: 2.0,
    mpe: false,
    mpe_bend_semitones: 48.0,
    velocity_curve: 0.0,
    attack: 1.0,
    decay_s: 0.5,
    sustain_db: 0.0,
    release: 1.0,
    vibrato_cents: 0.0,
    wheel_vibrato_cents: 50.0,
    vibrato_hz: 5.0,
    vibrato_delay_s: 0.0,
    variation: 0.0,
    pressure_amount: 1.0,
};

fn key(key: u8) -> NoteAddress {
    on_channel(0, key)
}

fn on_channel(channel: u8, key: u8) -> NoteAddress {
    NoteAddress { note_id: None, channel, key }
}

fn on(note: NoteAddress) -> EventKind {
    EventKind::NoteOn { note, velocity: 0.6 }
}

fn off(note: NoteAddress) -> EventKind {
    EventKind::NoteOff { note }
}

fn cc(channel: u8, number: u8, value: f32) -> EventKind {
    EventKind::Controller { channel, number, value }
}

/// Semitones of every voice that sounds at `sample` and is not released, sorted.
fn held_semitones(ensemble: &Ensemble, sample: u64, playing: &Playing) -> Vec<f32> {
    let mut found: Vec<f32> = ensemble
        .sounding(sample)
        .filter(|(_, voice)| !voice.envelope.is_released())
        .filter_map(|(slot, _)| ensemble.frame_at(slot, sample, playing))
        .map(|voice| 69.0 + 12.0 * (voice.frame.f0_hz / 440.0).log2())
        .map(|semitones| (semitones * 100.0).round() / 100.0)
        .collect();
    found.sort_by(f32::total_cmp);
    found
}

fn loudness_db(ensemble: &Ensemble, sample: u64, playing: &Playing) -> f32 {
    let frames = (0..SLOTS).filter_map(|slot| ensemble.frame_at(slot, sample, playing));
    frames.map(|voice| voice.frame.loudness_db).fold(-200.0, f32::max)
}

fn after(events: &[(u64, EventKind)], playing: &Playing) -> Ensemble {
    let mut ensemble = Ensemble::new(RATE_HZ);
    for (sample, event) in events {
        ensemble.happen(*sample, event, playing);
    }
    ensemble
}

#[test]
fn every_key_of_a_chord_sounds() {
    let ensemble = after(&[(0, on(key(60))), (0, on(key(64))), (10, on(key(67)))], &STILL);
    assert_eq!(held_semitones(&ensemble, 1_000, &STILL), [60.0, 64.0, 67.0]);
}

#[test]
fn one_voice_too_many_takes_the_place_of_one_that_was_let_go() {
    let mut events: Vec<_> = [60, 62, 64, 65].map(|k| (0, on(key(k)))).to_vec();
    events.extend([(20_000, off(key(62))), (20_001, on(key(72)))]);
    let ensemble = after(&events, &STILL);
    assert_eq!(held_semitones(&ensemble, 20_100, &STILL), [60.0, 64.0, 65.0, 72.0]);
    assert_eq!(ensemble.n_sounding(20_100), 4);
    let faded = 20_001 + (STEAL_S * RATE_HZ as f32) as u64 + 2;
    assert_eq!(ensemble.sounding(faded).count(), 4, "the stolen voice has faded out");
}

#[test]
fn of_held_keys_the_softest_gives_way() {
    let loud = |k| EventKind::NoteOn { note: key(k), velocity: 0.9 };
    let soft = EventKind::NoteOn { note: key(62), velocity: 0.1 };
    let events = [(0, loud(60)), (0, soft), (0, loud(64)), (0, loud(65)), (20_000, loud(70))];
    let ensemble = after(&events, &STILL);
    assert_eq!(held_semitones(&ensemble, 20_100, &STILL), [60.0, 64.0, 65.0, 70.0]);
}

#[test]
fn a_shower_of_notes_never_runs_out_of_slots() {
    let mut ensemble = Ensemble::new(RATE_HZ);
    for i in 0..500u64 {
        let note = key(30 + (i * 7 % 60) as u8);
        assert!(matches!(ensemble.happen(i * 50, &on(note), &STILL), Change::Start { .. }));
        assert!(ensemble.n_sounding(i * 50) <= 4);
    }
}

#[test]
fn the_sustain_pedal_holds_what_was_let_go() {
    let mut ensemble = after(&[(0, on(key(60))), (10, cc(0, cc::SUSTAIN, 1.0)), (20, off(key(60)))], &STILL);
    assert_eq!(held_semitones(&ensemble, 90_000, &STILL), [60.0]);
    ensemble.happen(90_000, &cc(0, cc::SUSTAIN, 0.0), &STILL);
    assert!(ensemble.is_silent(200_000) && !ensemble.is_silent(91_000));
}

#[test]
fn the_sostenuto_pedal_holds_only_what_was_down() {
    let events =
        [(0, on(key(60))), (10, cc(0, cc::SOSTENUTO, 1.0)), (20, on(key(64))), (30, off(key(60))), (30, off(key(64)))];
    let mut ensemble = after(&events, &STILL);
    assert_eq!(held_semitones(&ensemble, 90_000, &STILL), [60.0]);
    ensemble.happen(90_000, &cc(0, cc::SOSTENUTO, 0.0), &STILL);
    assert!(ensemble.is_silent(200_000));
}

#[test]
fn a_chord_takes_the_place_of_another_whole() {
    let first = [60, 62, 64, 65].map(|k| (0, on(key(k))));
    let second = [72, 74, 76, 77].map(|k| (20_000, on(key(k))));
    let ensemble = after(&[first, second].concat(), &STILL);
    assert_eq!(held_semitones(&ensemble, 20_100, &STILL), [72.0, 74.0, 76.0, 77.0]);
}

#[test]
fn no_key_stays_behind_when_the_mode_changes_under_a_chord() {
    let mono = Playing { mode: Mode::Mono, ..STILL };
    let mut ensemble = after(&[60, 64, 67].map(|k| (0, on(key(k)))), &STILL);
    for (i, k) in [67, 64, 60].into_iter().enumerate() {
        ensemble.happen(1_000 + i as u64, &off(key(k)), &mono);
    }
    assert!(ensemble.is_silent(200_000));
}

#[test]
fn all_notes_off_lifts_the_pedals() {
    let off = EventKind::AllNotesOff { channel: None };
    let events = [(0, on(key(60))), (5, cc(0, cc::SUSTAIN, 1.0)), (9, off)];
    assert!(after(&events, &STILL).is_silent(200_000));
}

#[test]
fn a_channel_that_is_silenced_leaves_the_others() {
    let notes = [(0, on(on_channel(1, 60))), (0, on(on_channel(2, 64))), (1, cc(2, cc::SUSTAIN, 1.0))];
    let mpe = Playing { mpe: true, ..STILL };
    for number in [cc::ALL_SOUND_OFF, cc::ALL_NOTES_OFF] {
        let silenced = |channel, playing: &Playing| {
            let mut ensemble = after(&notes, playing);
            let change = ensemble.happen(9, &cc(channel, number, 0.0), playing);
            (held_semitones(&ensemble, 10, playing), change)
        };
        assert_eq!(silenced(1, &STILL).0, [64.0]);
        assert_eq!(silenced(2, &STILL).0, [60.0]);
        assert_eq!(silenced(0, &STILL).0, [60.0, 64.0]);
        assert_eq!(silenced(0, &mpe).0, [0.0; 0], "the first channel speaks for all in MPE");
    }
    let mut ensemble = after(&notes, &STILL);
    let off = |channel| EventKind::AllSoundOff { channel: Some(channel) };
    assert!(matches!(ensemble.happen(9, &off(1), &STILL), Change::Stop { .. }));
    assert_eq!(ensemble.happen(9, &off(2), &STILL), Change::StopAll, "nothing is left, so the room stops too");
}

#[test]
fn a_vibrato_whose_rate_changes_goes_on_from_where_it_is() {
    let playing = |vibrato_hz| Playing { vibrato_cents: 50.0, vibrato_hz, ..STILL };
    let mut ensemble = after(&[(0, on(key(69)))], &playing(3.0));
    let cents = |ensemble: &Ensemble, sample, playing: &Playing| {
        1_200.0 * (ensemble.frame_at(0, sample, playing).expect("it is held").frame.f0_hz / 440.0).log2()
    };
    let mut before = None;
    for tick in 0..2_000_u64 {
        // Moves back and forth between 3 and 8 Hz, as a knob does.
        let now = playing(5.5 - 2.5 * (tick as f32 * 0.01).cos());
        ensemble.begin_tick(tick * 192, &now);
        let next = cents(&ensemble, (tick + 1) * 192, &now);
        // The steepest slope of 50 cents at 8 Hz in 4 ms.
        let step = before.map_or(0.0, |before: f32| (next - before).abs());
        assert!(step < 50.0 * std::f32::consts::TAU * 8.0 * 0.004 + 0.5, "{step} cents at tick {tick}");
        before = Some(next);
    }
    assert!(cents(&ensemble, 384_000, &playing(8.0)).abs() <= 50.1);
}

#[test]
fn a_key_that_takes_over_does_not_inherit_the_expression_of_the_one_before() {
    let mono = Playing { mode: Mode::Legato, ..STILL };
    let tune = EventKind::Expression { note: key(60), expression: Expression::Tuning, value: 0.5 };
    let ensemble = after(&[(0, on(key(60))), (1, tune), (2, on(key(64)))], &mono);
    assert_eq!(held_semitones(&ensemble, 10, &mono), [64.0]);
}

#[test]
fn a_pedal_works_on_its_own_channel() {
    let events = [(0, on(on_channel(1, 60))), (5, cc(0, cc::SUSTAIN, 1.0)), (10, off(on_channel(1, 60)))];
    assert!(after(&events, &STILL).is_silent(100_000));
}

#[test]
fn in_mono_the_last_key_sounds_and_letting_go_returns_to_the_one_before() {
    let mono = Playing { mode: Mode::Mono, ..STILL };
    let mut ensemble = after(&[(0, on(key(60))), (1_000, on(key(64)))], &mono);
    assert_eq!(held_semitones(&ensemble, 2_000, &mono), [64.0]);
    ensemble.happen(3_000, &off(key(64)), &mono);
    assert_eq!(held_semitones(&ensemble, 4_000, &mono), [60.0]);
    ensemble.happen(5_000, &off(key(60)), &mono);
    assert!(ensemble.is_silent(100_000));
}

#[test]
fn mono_articulates_and_legato_binds() {
    let dip = |mode| {
        let playing = Playing { mode, ..STILL };
        let ensemble = after(&[(0, on(key(60))), (48_000, on(key(62)))], &playing);
        loudness_db(&ensemble, 48_001, &playing) - Profile::default().loudness_db(0.6)
    };
    assert!(dip(Mode::Mono) < -6.0, "mono {}", dip(Mode::Mono));
    assert!(dip(Mode::Legato).abs() < 0.5, "legato {}", dip(Mode::Legato));
}

#[test]
fn a_glide_is_a_straight_line_of_semitones() {
    let playing = Playing { mode: Mode::Legato, glide_s: 0.1, ..STILL };
    let ensemble = after(&[(0, on(key(60))), (48_000, on(key(72)))], &playing);
    assert_eq!(held_semitones(&ensemble, 48_000, &playing), [60.0]);
    assert_eq!(held_semitones(&ensemble, 48_000 + 2_400, &playing), [66.0]);
    assert_eq!(held_semitones(&ensemble, 48_000 + 4_800, &playing), [72.0]);
}

#[test]
fn in_mpe_each_note_bends_alone_and_the_first_channel_bends_all() {
    let playing = Playing { mpe: true, ..STILL };
    let bend = |channel, value| EventKind::PitchBend { channel, value };
    let events = [(0, on(on_channel(1, 60))), (0, on(on_channel(2, 64))), (5, bend(1, 0.5)), (6, bend(0, -1.0))];
    let ensemble = after(&events, &playing);
    assert_eq!(held_semitones(&ensemble, 100, &playing), [62.0, 60.0 + 24.0 - 2.0]);
}

/// A registered parameter as MIDI sends it.
fn registered(channel: u8, parameter: u8, value: u8) -> [(u64, EventKind); 3] {
    let part = |byte: u8| f32::from(byte) / 127.0;
    [
        (0, cc(channel, cc::REGISTERED, 0.0)),
        (0, cc(channel, cc::REGISTERED_FINE, part(parameter))),
        (0, cc(channel, cc::DATA_ENTRY, part(value))),
    ]
}

#[test]
fn a_keyboard_can_turn_mpe_on_and_off_by_itself() {
    let bend = |channel, value| EventKind::PitchBend { channel, value };
    let chord = [(1, on(on_channel(1, 60))), (1, on(on_channel(2, 64))), (5, bend(1, 0.5)), (6, bend(0, -1.0))];
    let played = |told: &[(u64, EventKind)]| {
        let ensemble = after(&[told, &chord[..]].concat(), &STILL);
        held_semitones(&ensemble, 100, &STILL)
    };
    assert_eq!(played(&[]), [61.0, 64.0]);
    let mpe = registered(0, 6, 15);
    assert_eq!(played(&mpe), [62.0, 60.0 + 24.0 - 2.0]);
    assert_eq!(played(&[mpe, registered(1, 0, 12)].concat()), [62.0, 60.0 + 6.0 - 2.0]);
    assert_eq!(played(&[mpe, registered(0, 6, 0)].concat()), [61.0, 64.0]);
}

#[test]
fn a_channel_that_was_told_its_bend_range_bends_so_far() {
    let told = registered(0, 0, 12);
    let events = [&told[..], &[(1, on(key(69))), (2, EventKind::PitchBend { channel: 0, value: -1.0 })]].concat();
    assert_eq!(held_semitones(&after(&events, &STILL), 10, &STILL), [57.0]);
}

#[test]
fn without_mpe_a_full_bend_is_two_semitones() {
    let ensemble = after(&[(0, on(key(69))), (1, EventKind::PitchBend { channel: 0, value: -1.0 })], &STILL);
    assert_eq!(held_semitones(&ensemble, 10, &STILL), [67.0]);
}

#[test]
fn expression_and_pressure_move_within_the_instrument_s_loudness() {
    let profile = Profile::default();
    let steady = |events: &[(u64, EventKind)]| {
        let mut all = vec![(0, on(key(60)))];
        all.extend_from_slice(events);
        loudness_db(&after(&all, &STILL), 48_000, &STILL)
    };
    let plain = steady(&[]);
    assert!((plain - profile.loudness_db(0.6)).abs() < 0.1);
    assert!((steady(&[(1, EventKind::ChannelPressure { channel: 0, value: 1.0 })]) - profile.loudest_db).abs() < 0.1);
    let half = 0.5 * (profile.loudest_db - profile.softest_db);
    assert!((steady(&[(1, cc(0, cc::EXPRESSION, 0.5))]) - (plain - half)).abs() < 0.1);
    let press = EventKind::Expression { note: key(60), expression: Expression::Pressure, value: 0.5 };
    assert!((steady(&[(1, press)]) - 0.5 * (plain + profile.loudest_db)).abs() < 0.1);
}

#[test]
fn an_expression_means_one_note_alone() {
    let tune = EventKind::Expression { note: key(60), expression: Expression::Tuning, value: 0.5 };
    let ensemble = after(&[(0, on(key(60))), (0, on(key(64))), (1, tune)], &STILL);
    assert_eq!(held_semitones(&ensemble, 10, &STILL), [60.5, 64.0]);
}

#[test]
fn choking_a_note_leaves_the_others() {
    let mut ensemble = after(&[(0, on(key(60))), (0, on(key(64)))], &STILL);
    let change = ensemble.happen(10, &EventKind::Choke { note: key(60) }, &STILL);
    assert!(matches!(change, Change::Stop { .. }));
    assert_eq!(held_semitones(&ensemble, 10, &STILL), [64.0]);
}

#[test]
fn a_held_note_lives_and_a_still_one_does_not() {
    let spread = |playing: &Playing| {
        let ensemble = after(&[(0, on(key(69)))], playing);
        let cents: Vec<f32> = (0..1_000)
            .filter_map(|i| ensemble.frame_at(0, 20_000 + 192 * i, playing))
            .map(|voice| 1200.0 * (voice.frame.f0_hz / 440.0).log2())
            .collect();
        let mean = cents.iter().sum::<f32>() / cents.len() as f32;
        (cents.iter().map(|c| (c - mean).powi(2)).sum::<f32>() / cents.len() as f32).sqrt()
    };
    assert!(spread(&STILL) < 0.01);
    let jitter = Profile::default().jitter_cents;
    let alive = spread(&Playing { variation: 1.0, ..STILL });
    assert!(alive > 0.5 * jitter && alive < 1.6 * jitter, "{alive} cents");
    let vibrato = spread(&Playing { vibrato_cents: 20.0, ..STILL });
    assert!((vibrato - 20.0 / 2f32.sqrt()).abs() < 1.0, "{vibrato} cents");
}

#[test]
fn the_same_notes_vary_in_the_same_way_again() {
    let play = |seed| {
        let mut ensemble = Ensemble::new(RATE_HZ);
        ensemble.reset(seed);
        let playing = Playing::default();
        ensemble.happen(0, &on(key(60)), &playing);
        (0..50).map(|i| ensemble.frame_at(0, i * 192, &playing).map(|v| v.frame.f0_hz)).collect::<Vec<_>>()
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn a_note_is_known_by_its_id_where_hosts_give_one() {
    let note = |id| NoteAddress { note_id: Some(id), channel: 0, key: 60 };
    let mut ensemble = after(&[(0, on(note(1))), (10, on(note(2)))], &STILL);
    ensemble.happen(20, &off(note(1)), &STILL);
    assert_eq!(held_semitones(&ensemble, 30, &STILL), [60.0], "the other of the same key goes on");
}
