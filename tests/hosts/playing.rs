//! Notes: chords and voices, modes, where in a block they begin, and what each of them expresses on its own.

use retort::engine::{Expression, Mode, Setting};

use super::{
    Class, Happening, TestHost, brightness_db, cents_off, first_difference, hz, level_db, peak, rms_db, sharpest,
};

pub const RATE_HZ: f64 = 48_000.0;
/// Samples from one frame of the engine to the next.
const FRAME: usize = 192;

/// A brightness in dB per octave, the least there is: a bowed string has corners of its own, beside which a click is small.
pub const DARK: f32 = -12.0;

/// Opened with nothing that moves by itself, so that pitch and level can be measured: no vibrato, variation, noise or room.
pub fn opened_still<H: TestHost>(settings: &[(Setting, f32)]) -> H {
    let mut host = H::open(Class::Instrument);
    let still =
        [(Setting::Variation, 0.0), (Setting::VibratoDepth, 0.0), (Setting::NoiseGain, -60.0), (Setting::Room, 0.0)];
    for (setting, value) in still.iter().chain(settings) {
        if let Happening::Param { name, value } = Happening::set(*setting, *value) {
            host.set(name, value);
        }
    }
    host.activate(RATE_HZ, 4_096);
    host
}

/// The left channel of a rendering in blocks of 256.
pub fn played<H: TestHost>(host: &mut H, len: usize, events: &[(usize, Happening)]) -> Vec<f32> {
    host.render(&[], len, events, 256).swap_remove(0)
}

/// The pitch every 10 ms of `samples`, in cents from `expected_hz`.
pub fn pitch_track(samples: &[f32], expected_hz: f64) -> Vec<f64> {
    samples.windows(960).step_by(480).map(|window| cents_off(window, RATE_HZ, expected_hz)).collect()
}

pub fn every_key_of_a_chord_sounds_at_its_pitch_and_level<H: TestHost>() {
    let steady = 20_000..44_000;
    let chord = [60, 64, 67, 71];
    let events = chord.map(|key| (100, Happening::on(key)));
    let out = played::<H>(&mut opened_still(&[]), 44_000, &events);
    for key in chord {
        let alone = played::<H>(&mut opened_still(&[]), 44_000, &[(100, Happening::on(key))]);
        let [alone, together] = [&alone, &out].map(|out| level_db(&out[steady.clone()], RATE_HZ, hz(key)));
        assert!((together - alone).abs() < 1.0, "key {key}: {together} dB in the chord, {alone} dB alone");
    }
    let absent = level_db(&out[steady.clone()], RATE_HZ, hz(62));
    assert!(absent < level_db(&out[steady], RATE_HZ, hz(60)) - 40.0, "what is not played is not there: {absent} dB");
}

pub fn one_voice_too_many_takes_the_softest_one_s_place_without_a_click<H: TestHost>() {
    let on = |key, velocity| Happening::NoteOn { key, velocity };
    // The new note is soft, so that its own beginning hides nothing.
    let four = [(0, on(57, 0.9)), (0, on(62, 0.8)), (0, on(66, 0.9)), (20_000, on(71, 0.3))];
    let dark = (Setting::Brightness, DARK);
    let rendered = |voices| played::<H>(&mut opened_still(&[(Setting::Voices, voices), dark]), 48_000, &four);
    let [together, stolen] = [4.0, 3.0].map(rendered);
    let change = |key| {
        let [together, stolen] = [&together, &stolen].map(|out| level_db(&out[26_000..], RATE_HZ, hz(key)));
        stolen - together
    };
    assert!(change(62) < -30.0, "the softest is gone: {} dB", change(62));
    assert!([57, 66, 71].iter().all(|key| change(*key).abs() < 1.0), "the others sound on");
    // A note begins with a corner of its own, with a free voice too.
    let [allowed, found] = [&together, &stolen].map(|out| sharpest(&out[19_000..26_000]));
    assert!(found < 1.1 * allowed, "a corner of {found} where a free voice has {allowed}");
}

pub fn a_shower_of_notes_stays_finite_and_ends<H: TestHost>() {
    let mut events = Vec::new();
    for i in 0..400_usize {
        let key = (36 + i * 7 % 48) as u8;
        events.push((i * 60, Happening::NoteOn { key, velocity: 0.3 + 0.7 * (i % 5) as f64 / 4.0 }));
        events.push((i * 60 + 2_000, Happening::off(key)));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut host = opened_still::<H>(&[(Setting::Voices, 16.0)]);
    let out = played(&mut host, 96_000, &events);
    assert!(out.iter().all(|x| x.is_finite()) && peak(&out) < 4.0, "peak {}", peak(&out));
    assert!(peak(&out[12_000..24_000]) > 0.01);
    assert_eq!(peak(&out[72_000..]), 0.0, "every key was let go");
}

pub fn in_mono_one_key_sounds_and_the_one_before_comes_back<H: TestHost>() {
    let events = [(0, Happening::on(57)), (24_000, Happening::on(69)), (48_000, Happening::off(69))];
    let mode = |mode: Mode| {
        let index = Mode::ALL.iter().position(|other| *other == mode).expect("all modes are there");
        opened_still::<H>(&[(Setting::Mode, index as f32)])
    };
    let level = |out: &[f32], key| level_db(out, RATE_HZ, hz(key));
    let poly = played(&mut mode(Mode::Poly), 72_000, &events);
    assert!((level(&poly[32_000..47_000], 57) - level(&poly[10_000..23_000], 57)).abs() < 1.0);
    for one in [Mode::Mono, Mode::Legato] {
        let out = played(&mut mode(one), 72_000, &events);
        let low = [&out[10_000..23_000], &out[32_000..47_000], &out[58_000..]].map(|out| level(out, 57));
        assert!(low[1] < low[0] - 40.0, "{one:?}: the first key sounds on beside the second: {low:?} dB");
        assert!((low[2] - low[0]).abs() < 1.0, "{one:?}: it comes back: {low:?} dB");
        assert!(cents_off(&out[32_000..47_000], RATE_HZ, 440.0).abs() < 15.0);
        // A new articulation begins with a dip; a bound key has none.
        let quietest = |out: &[f32]| out.windows(960).step_by(48).map(rms_db).fold(0.0, f64::min);
        let dip = quietest(&out[24_000..30_000]) - quietest(&out[32_000..47_000]).min(quietest(&out[10_000..23_000]));
        assert!(if one == Mode::Mono { dip < -4.0 } else { dip > -2.0 }, "{one:?}: a dip of {dip} dB");
    }
}

pub fn legato_glides_in_a_straight_line_of_semitones<H: TestHost>() {
    let mut host = opened_still::<H>(&[(Setting::Mode, 2.0), (Setting::Glide, 0.5)]);
    let out = played(&mut host, 72_000, &[(0, Happening::on(57)), (24_000, Happening::on(64))]);
    for (part, semitones) in [(-0.1, 0.0), (0.25, 1.75), (0.5, 3.5), (0.75, 5.25), (1.2, 7.0)] {
        let middle = (24_000.0 + part * 24_000.0) as usize;
        let expected_hz = hz(57) * (semitones / 12.0_f64).exp2();
        let cents = cents_off(&out[middle - 600..middle + 600], RATE_HZ, expected_hz);
        assert!(cents.abs() < 15.0, "{cents} cents off at {part} of the glide");
    }
}

pub fn a_note_begins_at_its_sample_wherever_that_lies<H: TestHost>() {
    const LEN: usize = 12_000;
    let from = |at: usize| {
        let out = played::<H>(&mut opened_still(&[]), at + LEN, &[(at, Happening::on(69))]);
        assert_eq!(peak(&out[..at]), 0.0, "nothing before sample {at}");
        assert_ne!(out[at], 0.0, "it sounds from sample {at} on");
        out[at..].to_vec()
    };
    let first = from(0);
    // Whole frames later everything is the same, whatever the blocks are.
    for at in [FRAME, 4 * FRAME, 7 * FRAME, 21 * FRAME] {
        assert_eq!(first_difference(&from(at), &first), None, "{at} samples later");
    }
    // Between frames the envelope's corners lie elsewhere.
    for at in [1, 100, 191, 255, 257, 1_001, 4_095] {
        let error: Vec<f32> = from(at).iter().zip(&first).map(|(a, b)| a - b).collect();
        let below = rms_db(&error) - rms_db(&first);
        assert!(below < -15.0, "{at} samples later it is another sound: {below} dB");
    }
}

pub fn tuning_moves_one_note_alone<H: TestHost>() {
    let bend = Happening::Express { key: 57, about: Expression::Tuning, value: 3.0 };
    let out =
        played::<H>(&mut opened_still(&[]), 72_000, &[(0, Happening::on(57)), (0, Happening::on(67)), (30_000, bend)]);
    let change =
        |key| level_db(&out[40_000..70_000], RATE_HZ, hz(key)) - level_db(&out[10_000..29_000], RATE_HZ, hz(key));
    assert!(change(57) < -30.0 && change(60) > 30.0, "{} and {} dB", change(57), change(60));
    assert!(change(67).abs() < 1.0, "the other note stays: {} dB", change(67));
    let quarter = Happening::Express { key: 69, about: Expression::Tuning, value: -0.5 };
    let out = played::<H>(&mut opened_still(&[]), 48_000, &[(0, Happening::on(69)), (10, quarter)]);
    let cents = cents_off(&out[20_000..40_000], RATE_HZ, 440.0);
    assert!((cents + 50.0).abs() < 5.0, "{cents} cents");
}

pub fn volume_is_a_gain_of_one_note_alone<H: TestHost>() {
    let quiet = Happening::Express { key: 57, about: Expression::Volume, value: 0.25 };
    let out =
        played::<H>(&mut opened_still(&[]), 72_000, &[(0, Happening::on(57)), (0, Happening::on(64)), (30_000, quiet)]);
    let change =
        |key| level_db(&out[40_000..70_000], RATE_HZ, hz(key)) - level_db(&out[10_000..29_000], RATE_HZ, hz(key));
    assert!((change(57) + 12.04).abs() < 0.5, "{} dB", change(57));
    assert!(change(64).abs() < 0.5, "the other note stays: {} dB", change(64));
}

pub fn pressure_plays_one_note_louder_as_far_as_the_setting_says<H: TestHost>() {
    let on = Happening::NoteOn { key: 64, velocity: 0.4 };
    let press = Happening::Express { key: 64, about: Expression::Pressure, value: 1.0 };
    let other = Happening::Express { key: 65, about: Expression::Pressure, value: 1.0 };
    let louder = |amount, press| {
        let mut host = opened_still::<H>(&[(Setting::Pressure, amount)]);
        let out = played(&mut host, 72_000, &[(0, on), (30_000, press)]);
        rms_db(&out[45_000..70_000]) - rms_db(&out[10_000..29_000])
    };
    assert!(louder(1.0, press) > 6.0, "{} dB", louder(1.0, press));
    let half = louder(0.5, press);
    assert!(half > 2.0 && half < louder(1.0, press) - 2.0, "{half} dB with half of the amount");
    assert!(louder(0.0, press).abs() < 0.1 && louder(1.0, other).abs() < 0.1);
}

pub fn brightness_tilts_one_note_and_keeps_its_level<H: TestHost>() {
    let out = |value| {
        let bright = Happening::Express { key: 64, about: Expression::Brightness, value };
        played::<H>(&mut opened_still(&[]), 40_000, &[(0, Happening::on(64)), (10_000, bright)])[20_000..].to_vec()
    };
    let [dark, own, bright] = [0.0, 0.5, 1.0].map(out);
    let alone = played::<H>(&mut opened_still(&[]), 40_000, &[(0, Happening::on(64))]);
    assert_eq!(first_difference(&own, &alone[20_000..]), None, "a half is the model's own");
    let [low, middle, high] = [&dark, &own, &bright].map(|out| brightness_db(out));
    assert!(low < middle - 1.0 && high > middle + 1.0, "{low}, {middle} and {high} dB");
    for out in [&dark, &bright] {
        assert!((rms_db(out) - rms_db(&own)).abs() < 1.0, "{} dB where it was {} dB", rms_db(out), rms_db(&own));
    }
}

pub fn vibrato_swings_by_half_a_semitone<H: TestHost>() {
    let vibrato = Happening::Express { key: 69, about: Expression::Vibrato, value: 1.0 };
    let out = played::<H>(&mut opened_still(&[]), 96_000, &[(0, Happening::on(69)), (40_000, vibrato)]);
    let spread = |range: std::ops::Range<usize>| {
        let track = pitch_track(&out[range], 440.0);
        let [low, high] = [f64::min, f64::max].map(|f| track.iter().copied().reduce(f).expect("it is no empty track"));
        high - low
    };
    assert!(spread(15_000..39_000) < 5.0, "{} cents without", spread(15_000..39_000));
    assert!((spread(50_000..90_000) - 100.0).abs() < 12.0, "{} cents", spread(50_000..90_000));
}

/// Notes with all that they can express, on samples that no block begins with.
fn expressive() -> Vec<(usize, Happening)> {
    let express = |key, about, value| Happening::Express { key, about, value };
    let mut events = vec![(37, Happening::on(57)), (911, Happening::on(64)), (9_001, Happening::off(57))];
    for i in 0..40_usize {
        let (at, value) = (1_003 + 171 * i, i as f64 / 39.0);
        events.extend([
            (at, express(57, Expression::Tuning, 2.0 * value)),
            (at + 11, express(64, Expression::Pressure, value)),
            (at + 23, express(64, Expression::Brightness, value)),
            (at + 29, express(57, Expression::Volume, 1.0 - value)),
            (at + 31, express(64, Expression::Vibrato, value)),
        ]);
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

pub fn expression_does_not_depend_on_the_blocks<H: TestHost>() {
    let rendered = |block| opened_still::<H>(&[]).render(&[], 12_000, &expressive(), block).swap_remove(0);
    let whole = rendered(4_096);
    assert!(peak(&whole) > 0.005);
    for block in [13, 192, 1_000] {
        assert_eq!(first_difference(&rendered(block), &whole), None, "blocks of {block}");
    }
}

pub fn a_note_ends_however_many_events_come_before_its_end<H: TestHost>() {
    // More than one a sample, as controllers with high resolution send them.
    let tune = |i: usize| Happening::Express { key: 69, about: Expression::Tuning, value: (i % 97) as f64 / 97.0 };
    let mut events = vec![(0, Happening::on(69))];
    events.extend((0..5_000).map(|i| (4_096 + i * 3 / 4, tune(i))));
    events.extend([(7_900, Happening::off(69)), (7_901, Happening::on(60)), (7_902, Happening::off(60))]);
    let rendered = |block| opened_still::<H>(&[]).render(&[], 48_000, &events, block).swap_remove(0);
    let crowded = rendered(4_096);
    assert!(peak(&crowded[..7_000]) > 0.005);
    assert_eq!(peak(&crowded[40_000..]), 0.0, "no note hangs");
    assert_eq!(first_difference(&rendered(64), &crowded), None, "and nothing is left out");
}

/// All of this topic for a host.
#[macro_export]
macro_rules! playing_tests {
    ($host:ty) => {
        $crate::host_tests!($host, playing:
            every_key_of_a_chord_sounds_at_its_pitch_and_level,
            one_voice_too_many_takes_the_softest_one_s_place_without_a_click,
            a_shower_of_notes_stays_finite_and_ends,
            in_mono_one_key_sounds_and_the_one_before_comes_back,
            legato_glides_in_a_straight_line_of_semitones,
            a_note_begins_at_its_sample_wherever_that_lies,
            tuning_moves_one_note_alone,
            volume_is_a_gain_of_one_note_alone,
            pressure_plays_one_note_louder_as_far_as_the_setting_says,
            brightness_tilts_one_note_and_keeps_its_level,
            vibrato_swings_by_half_a_semitone,
            expression_does_not_depend_on_the_blocks,
            a_note_ends_however_many_events_come_before_its_end,
        );
    };
}
