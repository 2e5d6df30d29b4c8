//! Many voices at a time: what sounds, when, and that nobody hears how it is done.

mod support;

use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, EventKind, Mode, NoteAddress, Setting, Settings, Source, cc};
use support::{following_instrument, render};

const RATE: u32 = 48_000;

fn engine() -> Engine {
    let config = EngineConfig { sample_rate_hz: RATE, source: Source::Notes, lowest_pitch: LowestPitch::Hz80 };
    let mut engine = Engine::new(config).unwrap();
    assert!(engine.set_instrument(following_instrument(RATE)).is_none());
    engine
}

fn on(key: u8) -> EventKind {
    EventKind::NoteOn { note: NoteAddress { note_id: None, channel: 0, key }, velocity: 0.7 }
}

fn off(key: u8) -> EventKind {
    EventKind::NoteOff { note: NoteAddress { note_id: None, channel: 0, key } }
}

fn hz(key: u8) -> f32 {
    440.0 * ((f32::from(key) - 69.0) / 12.0).exp2()
}

/// Amplitude of the sine of `f_hz` in `samples`, in dB (a Hann window, one bin of a Fourier transform).
fn level_db(samples: &[f32], f_hz: f32) -> f32 {
    let (mut re, mut im, mut sum) = (0.0f64, 0.0f64, 0.0f64);
    for (n, x) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / samples.len() as f64).cos();
        let angle = std::f64::consts::TAU * f64::from(f_hz) * n as f64 / f64::from(RATE);
        re += window * f64::from(*x) * angle.cos();
        im -= window * f64::from(*x) * angle.sin();
        sum += window;
    }
    (20.0 * (2.0 * re.hypot(im) / sum).log10()) as f32
}

/// The greatest second difference: a click is a corner.
fn sharpest(samples: &[f32]) -> f32 {
    samples.windows(3).map(|x| (x[0] - 2.0 * x[1] + x[2]).abs()).fold(0.0, f32::max)
}

#[test]
fn every_note_of_a_chord_sounds_at_its_pitch_and_level() {
    let chord = [48, 55, 64, 72];
    let events: Vec<_> = chord.iter().map(|&key| (0, on(key))).collect();
    let output = render(&mut engine(), &[0.0; 48_000], &events, 512);
    let alone = render(&mut engine(), &[0.0; 48_000], &[(0, on(64))], 512);
    let steady = |samples: &[f32]| samples[12_000..16_000].to_vec();
    let one = level_db(&steady(&alone), hz(64));
    for key in chord {
        let level = level_db(&steady(&output), hz(key));
        // Every note lives a little of its own.
        assert!((level - one).abs() < 3.0, "key {key}: {level} dB, alone {one} dB");
    }
    assert!(level_db(&steady(&output), hz(60)) < one - 30.0, "what is not played is not there");
}

#[test]
fn notes_begin_at_their_samples_whatever_sounds_already() {
    let mut engine = engine();
    let mut settings = Settings::default();
    settings.set(Setting::Variation, 0.0);
    let events = [(100, on(60)), (1_237, on(67))];
    let both = render(&mut engine, &[0.0; 4_800], &events, 480);
    engine.reset();
    let first = render(&mut engine, &[0.0; 4_800], &events[..1], 480);
    assert!(both[..100].iter().all(|x| *x == 0.0));
    assert_ne!(both[101], 0.0);
    assert_eq!(both[..1_237], first[..1_237]);
    assert_ne!(both[1_238], first[1_238], "the second note is there one sample after its own");
}

#[test]
fn chords_and_pedals_do_not_depend_on_the_blocks() {
    let pedal = |value| EventKind::Controller { channel: 0, number: cc::SUSTAIN, value };
    let events = [
        (7, on(50)),
        (7, on(57)),
        (900, pedal(1.0)),
        (1_500, off(50)),
        (2_222, on(62)),
        (3_001, EventKind::PitchBend { channel: 0, value: 0.4 }),
        (5_000, on(66)),
        (6_000, pedal(0.0)),
        (7_777, off(62)),
    ];
    let whole = render(&mut engine(), &[0.0; 12_000], &events, 12_000);
    for block in [1, 17, 64, 1_000, 4_096] {
        assert!(render(&mut engine(), &[0.0; 12_000], &events, block) == whole, "blocks of {block}");
    }
}

#[test]
fn a_voice_that_is_taken_away_does_not_click() {
    let mut events: Vec<_> = (0..8).map(|i| (0, on(40 + 3 * i))).collect();
    let held = render(&mut engine(), &[0.0; 48_000], &events, 512);
    // All eight voices are taken: four more notes steal.
    events.extend((0..4).map(|i| (24_000 + 100 * i, on(41 + 3 * i as u8))));
    let stolen = render(&mut engine(), &[0.0; 48_000], &events, 512);
    let steady = sharpest(&held[20_000..]);
    // Notes of the same level begin from 18 dB below with a corner of their own, which is small here.
    let found = sharpest(&stolen[23_900..30_000]);
    assert!(found < 3.0 * steady, "sharpest corner {found}, of the steady chord {steady}");
    let cut = render(
        &mut engine(),
        &[0.0; 48_000],
        &[&events[..8], &[(24_000, EventKind::AllSoundOff { channel: None })]].concat(),
        512,
    );
    assert!(sharpest(&cut[23_900..30_000]) > 10.0 * steady, "the measure hears a click");
}

#[test]
fn the_pedal_holds_and_lets_go() {
    let pedal = |value| EventKind::Controller { channel: 0, number: cc::SUSTAIN, value };
    let events = [(0, on(60)), (100, pedal(1.0)), (200, off(60)), (24_000, pedal(0.0))];
    let output = render(&mut engine(), &[0.0; 96_000], &events, 512);
    assert!(level_db(&output[19_000..23_000], hz(60)) > -40.0);
    assert!(output[72_000..].iter().all(|x| x.abs() < 1e-4));
}

#[test]
fn one_voice_in_mono_however_many_keys() {
    let mut settings = Settings::default();
    settings.set(Setting::Mode, Mode::ALL.iter().position(|mode| *mode == Mode::Mono).unwrap() as f32);
    let mut engine = engine();
    let mut output = vec![0.0; 24_000];
    let events: Vec<_> = [60, 64, 67].iter().map(|&key| retort::engine::Event { offset: 0, kind: on(key) }).collect();
    engine.process(&[], &mut output, &events, &settings);
    let late = &output[16_000..20_000];
    assert!(level_db(late, hz(67)) > level_db(late, hz(60)) + 30.0);
    assert_eq!(engine.meters().voices(), 1);
}

#[test]
fn a_brighter_setting_keeps_the_level() {
    // The test instrument has one harmonic: what is tilted is its noise alone, and its sine stays.
    let mut settings = Settings::default();
    let mut play = |tilt| {
        settings.set(Setting::Brightness, tilt);
        settings.set(Setting::Variation, 0.0);
        let mut engine = engine();
        let mut output = vec![0.0; 24_000];
        let event = retort::engine::Event { offset: 0, kind: on(69) };
        engine.process(&[], &mut output, &[event], &settings);
        level_db(&output[16_000..20_000], 440.0)
    };
    assert!((play(6.0) - play(0.0)).abs() < 0.1);
}
