//! The way through the plugin: notes and audio, blocks and rates, latency, tail, states. Each host's test file runs all of it.

use retort::analysis::LowestPitch;

use super::{Class, Happening, Sent, TestHost, cents_off, peak, tone};

const RATE_HZ: f64 = 48_000.0;
const A4: u8 = 69;
const NOTE_ON: Happening = Happening::NoteOn { key: A4, velocity: 0.8 };
const NOTE_OFF: Happening = Happening::NoteOff { key: A4 };
/// Values of the parameter `Source`.
const NOTES: f64 = 0.0;
const AUDIO: f64 = 1.0;

/// Only the pitched part is heard, dry: what is measured shall not depend on how noisy or roomy the model is.
fn opened_dry<H: TestHost>(class: Class, source: f64, rate_hz: f64) -> H {
    let mut host = H::open(class);
    for (name, value) in [("Source", source), ("Noise", 0.0), ("Room", 0.0)] {
        host.set(name, value);
    }
    host.activate(rate_hz, 4_096);
    host
}

fn opened<H: TestHost>(class: Class, rate_hz: f64) -> H {
    let mut host = H::open(class);
    host.activate(rate_hz, 4_096);
    host
}

pub fn a_note_plays_from_its_sample_on_at_its_pitch<H: TestHost>() {
    let mut host = opened_dry::<H>(Class::Instrument, NOTES, RATE_HZ);
    let out = host.render(&[], 48_000, &[(1_000, NOTE_ON)], 256);
    assert_eq!(peak(&out[0][..1_000]), 0.0);
    assert!(peak(&out[0][1_000..]) > 0.005, "peak {}", peak(&out[0]));
    assert_eq!(out[0], out[1]);
    let cents = cents_off(&out[0][20_000..30_000], RATE_HZ, 440.0);
    assert!(cents.abs() < 30.0, "{cents} cents off");
}

pub fn audio_goes_through_the_effect_at_its_pitch<H: TestHost>() {
    let mut host = opened_dry::<H>(Class::Effect, AUDIO, RATE_HZ);
    let out = host.render(&tone(RATE_HZ, 1.0, 440.0, 0.1, 0.9), 48_000, &[], 256);
    assert!(peak(&out[0][10_000..40_000]) > 0.005, "peak {}", peak(&out[0]));
    let cents = cents_off(&out[0][20_000..30_000], RATE_HZ, 440.0);
    assert!(cents.abs() < 30.0, "{cents} cents off");
}

pub fn the_side_input_drives_the_instrument<H: TestHost>() {
    let input = tone(RATE_HZ, 1.0, 330.0, 0.1, 0.9);
    let mut host = opened_dry::<H>(Class::Instrument, AUDIO, RATE_HZ);
    let out = host.render(&input, 48_000, &[], 256);
    assert!(peak(&out[0][10_000..40_000]) > 0.005, "peak {}", peak(&out[0]));
    let cents = cents_off(&out[0][20_000..30_000], RATE_HZ, 330.0);
    assert!(cents.abs() < 30.0, "{cents} cents off");
    // With notes as the source it is not heard.
    let mut host = opened::<H>(Class::Instrument, RATE_HZ);
    assert_eq!(peak(&host.render(&input, 48_000, &[], 256)[0]), 0.0);
}

pub fn notes_can_drive_the_effect<H: TestHost>() {
    let mut host = H::open(Class::Effect);
    host.set("Source", NOTES);
    host.activate(RATE_HZ, 4_096);
    let out = host.render(&[], 24_000, &[(0, NOTE_ON)], 256);
    assert!(peak(&out[0]) > 0.005, "peak {}", peak(&out[0]));
}

pub fn what_is_heard_is_sent_as_notes<H: TestHost>() {
    // A4, then a B4 that is 20 cents flat, with a rest between.
    let high_hz = 440.0 * (1.8f64 / 12.0).exp2();
    let low = tone(RATE_HZ, 1.5, 440.0, 0.1, 0.6);
    let high = tone(RATE_HZ, 1.5, high_hz, 0.8, 1.3);
    let input: Vec<Vec<f32>> =
        low.iter().zip(&high).map(|(low, high)| low.iter().zip(high).map(|(a, b)| a + b).collect()).collect();
    for class in [Class::Instrument, Class::Effect] {
        let mut host = opened_dry::<H>(class, AUDIO, RATE_HZ);
        host.render(&input, 72_000, &[], 256);
        assert_eq!(host.take_sent(), [], "nothing is sent unless it is asked for");
        let mut host = H::open(class);
        for (name, value) in [("Source", AUDIO), ("Notes out", 1.0)] {
            host.set(name, value);
        }
        host.activate(RATE_HZ, 4_096);
        host.render(&input, 72_000, &[], 256);
        let sent = host.take_sent();
        let keys: Vec<Sent> =
            sent.iter().map(|(_, sent)| *sent).filter(|sent| !matches!(sent, Sent::Bend(_))).collect();
        let (a, b) = (69, 71);
        let expected =
            [Sent::NoteOn { key: a }, Sent::NoteOff { key: a }, Sent::NoteOn { key: b }, Sent::NoteOff { key: b }];
        assert_eq!(keys, expected);
        assert!(sent.iter().all(|(at, _)| *at < 256));
        let last = sent.iter().rev().find_map(|(_, sent)| if let Sent::Bend(bend) = sent { Some(*bend) } else { None });
        // 20 of 200 cents.
        assert!(last.is_some_and(|bend| (bend + 0.1).abs() < 0.03), "{last:?}");
    }
}

pub fn silence_gives_silence_and_rubbish_in_the_output_is_overwritten<H: TestHost>() {
    for class in [Class::Instrument, Class::Effect] {
        let mut host = opened::<H>(class, RATE_HZ);
        let out = host.render(&[], 24_000, &[], 512);
        assert_eq!((peak(&out[0]), peak(&out[1])), (0.0, 0.0), "{class:?}");
    }
}

pub fn what_is_no_number_never_leaves<H: TestHost>() {
    let mut input = tone(RATE_HZ, 0.5, 440.0, 0.0, 0.5);
    for n in (5_000..5_100).chain([10_000]) {
        input[0][n] = f32::NAN;
        input[1][n] = f32::INFINITY;
    }
    let mut host = H::open(Class::Effect);
    host.set("Dry/wet", 0.5);
    host.activate(RATE_HZ, 4_096);
    let out = host.render(&input, 24_000, &[], 512);
    assert!(out.iter().flatten().all(|x| x.is_finite() && x.abs() < 10.0));
    assert!(peak(&out[0][20_000..]) > 0.005, "it goes on after that");
}

pub fn blocks_of_any_size_give_the_same_samples<H: TestHost>() {
    const LEN: usize = 12_000;
    let input = tone(RATE_HZ, 0.25, 440.0, 0.02, 0.2);
    // Parameters move in the middle of blocks too.
    let events = [
        (100, NOTE_ON),
        (2_345, Happening::Param { name: "Transpose", value: 0.6 }),
        (4_000, Happening::Param { name: "Dry/wet", value: 0.7 }),
        (5_001, Happening::NoteOn { key: 74, velocity: 0.5 }),
        (7_777, Happening::Param { name: "Bypass", value: 1.0 }),
        (8_888, Happening::Param { name: "Bypass", value: 0.0 }),
        (9_000, NOTE_OFF),
        (9_100, Happening::NoteOff { key: 74 }),
    ];
    for class in [Class::Instrument, Class::Effect] {
        let rendered = |block| opened::<H>(class, RATE_HZ).render(&input, LEN, &events, block);
        let whole = rendered(4_096);
        assert!(peak(&whole[0]) > 0.005);
        for block in [1, 17, 64, 1_000] {
            let split = rendered(block);
            for (channel, (split, whole)) in split.iter().zip(&whole).enumerate() {
                let first = split.iter().zip(whole).position(|(a, b)| a.to_bits() != b.to_bits());
                assert_eq!(first, None, "{class:?}, channel {channel}: first difference with blocks of {block}");
            }
        }
    }
}

pub fn every_rate_works<H: TestHost>() {
    for rate_hz in [22_050.0, 32_000.0, 44_100.0, 47_952.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0, 384_000.0] {
        let second = rate_hz as usize;
        let mut host = opened_dry::<H>(Class::Instrument, NOTES, rate_hz);
        let out = host.render(&[], second / 2, &[(0, NOTE_ON)], 1_024);
        let cents = cents_off(&out[0][second * 3 / 10..second * 45 / 100], rate_hz, 440.0);
        assert!(cents.abs() < 30.0, "{cents} cents off at {rate_hz} Hz");
        let mut host = opened_dry::<H>(Class::Effect, AUDIO, rate_hz);
        let out = host.render(&tone(rate_hz, 0.6, 440.0, 0.05, 0.6), second * 6 / 10, &[], 1_024);
        let cents = cents_off(&out[0][second * 4 / 10..second * 55 / 100], rate_hz, 440.0);
        assert!(cents.abs() < 30.0, "{cents} cents off at {rate_hz} Hz from audio");
    }
}

pub fn the_latency_is_that_of_the_analysis_and_changes_only_with_a_restart<H: TestHost>() {
    let mut host = opened::<H>(Class::Effect, RATE_HZ);
    let reported = LowestPitch::Hz80.latency_samples(48_000);
    assert_eq!(host.latency(), reported);
    host.take_restart_request();
    host.set("Lowest pitch", 1.0);
    host.render(&[], 512, &[], 256);
    assert!(host.take_restart_request(), "a lower latency needs a restart");
    assert_eq!(host.latency(), reported, "and does not come without");
    host.deactivate();
    host.activate(RATE_HZ, 256);
    assert_eq!(host.latency(), LowestPitch::Hz160.latency_samples(48_000));
    host.set("Source", NOTES);
    host.render(&[], 512, &[], 256);
    assert!(host.take_restart_request());
    host.deactivate();
    host.activate(RATE_HZ, 256);
    assert_eq!(host.latency(), 0);
    host.set("Lowest pitch", 0.0);
    host.take_restart_request();
    host.render(&[], 512, &[], 256);
    assert!(!host.take_restart_request(), "notes are not late, whatever the lowest pitch");
}

pub fn bypass_passes_the_input_late_by_the_latency<H: TestHost>() {
    let input: Vec<Vec<f32>> =
        (0..2).map(|channel| (0..9_600).map(|n| ((n * (37 + channel)) % 101) as f32 / 101.0).collect()).collect();
    for (class, source) in [(Class::Effect, AUDIO), (Class::Effect, NOTES), (Class::Instrument, AUDIO)] {
        let mut host = H::open(class);
        host.set("Source", source);
        host.set("Bypass", 1.0);
        host.activate(RATE_HZ, 4_096);
        let latency = host.latency() as usize;
        let out = host.render(&input, 9_600, &[], 480);
        for (out, input) in out.iter().zip(&input) {
            assert_eq!(peak(&out[..latency]), 0.0, "{class:?}");
            assert!(out[latency..] == input[..9_600 - latency], "{class:?}");
        }
    }
}

pub fn switching_bypass_makes_no_step<H: TestHost>() {
    let mut host = opened::<H>(Class::Effect, RATE_HZ);
    let input = vec![vec![0.5; 24_000]; 2];
    let on = Happening::Param { name: "Bypass", value: 1.0 };
    let out = host.render(&input, 24_000, &[(12_000, on)], 512);
    assert!((out[0][23_999] - 0.5).abs() < 1e-6, "in the end it is the input");
    let step = out[0][11_000..].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.02, "a step of {step}");
}

pub fn the_tail_is_as_long_as_reported<H: TestHost>() {
    let mut host = opened::<H>(Class::Effect, RATE_HZ);
    let input = tone(RATE_HZ, 0.5, 440.0, 0.0, 0.5);
    let out = host.render(&input, 24_000, &[], 512);
    let tail = host.tail() as usize;
    assert!(tail > host.latency() as usize && tail < 480_000, "{tail} samples");
    let after = host.render(&[], tail + 24_000, &[], 512);
    assert!(peak(&after[0][..2_000]) > 1e-4, "it rings on");
    let left = peak(&after[0][tail..]) / peak(&out[0]);
    assert!(left < 1e-3, "{left} of the level is left after the tail");
}

pub fn a_state_comes_back_equal_and_sounds_the_same<H: TestHost>() {
    let events = [(0, NOTE_ON), (9_000, NOTE_OFF)];
    let mut host = H::open(Class::Instrument);
    for (name, value) in [
        ("Transpose", 0.55),
        ("Noise", 0.4),
        ("Room", 0.25),
        ("Output", 0.9),
        ("Model slot", 1.0),
        ("Lowest pitch", 0.0),
    ] {
        host.set(name, value);
    }
    let saved = host.save();
    let params = host.params();
    host.activate(RATE_HZ, 4_096);
    let sound = host.render(&[], 12_000, &events, 512);
    let mut other = H::open(Class::Instrument);
    assert_ne!(other.params(), params);
    assert!(other.load(&saved));
    assert_eq!(other.params(), params);
    assert_eq!(other.save(), saved);
    other.activate(RATE_HZ, 4_096);
    assert!(other.render(&[], 12_000, &events, 512) == sound);
}

pub fn a_state_that_is_loaded_while_it_plays_is_heard<H: TestHost>() {
    let mut quiet = H::open(Class::Instrument);
    quiet.set("Output", 0.0);
    let saved = quiet.save();
    let mut host = opened::<H>(Class::Instrument, RATE_HZ);
    assert!(peak(&host.render(&[], 12_000, &[(0, NOTE_ON)], 512)[0]) > 0.005);
    assert!(host.load(&saved));
    let out = host.render(&[], 12_000, &[], 512);
    assert_eq!(peak(&out[0][6_000..]), 0.0, "the output is turned off");
}

pub fn a_missing_model_is_silent_and_keeps_its_name<H: TestHost>() {
    let mut host = H::open(Class::Instrument);
    let state = String::from_utf8(host.save()).expect("a state is text");
    let missing = state.replace("violin/reduced", "glass-harp/full");
    assert_ne!(state, missing);
    // Loaded before it plays, and while it plays.
    assert!(host.load(missing.as_bytes()));
    host.activate(RATE_HZ, 4_096);
    assert_eq!(peak(&host.render(&[], 24_000, &[(0, NOTE_ON)], 512)[0]), 0.0);
    assert_eq!(host.save(), missing.as_bytes());
    let mut host = opened::<H>(Class::Instrument, RATE_HZ);
    assert!(peak(&host.render(&[], 12_000, &[(0, NOTE_ON)], 512)[0]) > 0.005);
    assert!(host.load(missing.as_bytes()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    host.render(&[], 96_000, &[], 512);
    assert_eq!(peak(&host.render(&[], 12_000, &[], 512)[0]), 0.0, "the old model is not what the song asks for");
    assert!(host.load(state.as_bytes()));
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(peak(&host.render(&[], 24_000, &[(0, NOTE_OFF), (4_800, NOTE_ON)], 512)[0]) > 0.005, "it plays again");
}

pub fn states_of_every_release_load<H: TestHost>() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (name, class) in [("retort-0.1.0.json", Class::Instrument), ("retort-fx-0.1.0.json", Class::Effect)] {
        let saved = read(name);
        let mut host = H::open(class);
        assert!(host.load(&saved), "{name}");
        let value = |host: &mut H, param: &str| {
            host.params().into_iter().find(|(name, _)| name == param).expect("a parameter of the first release").1
        };
        assert!((value(&mut host, "Transpose") - (5.0 + 36.0) / 72.0).abs() < 1e-6);
        assert!((value(&mut host, "Noise") - (-12.0 + 60.0) / 72.0).abs() < 1e-6);
        assert!((value(&mut host, "Room") - 0.25).abs() < 1e-6);
        assert_eq!(value(&mut host, "Lowest pitch"), 1.0);
        assert!((value(&mut host, "Model slot") - 2.0 / 7.0).abs() < 1e-6);
        let again = String::from_utf8(host.save()).expect("a state is text");
        assert!(again.contains(r#"\"trumpet/full\""#), "the third slot is kept: {again}");
    }
    // A later release: what is not known here is left out, what is known is read, absurd values are brought into range.
    let mut host = H::open(Class::Instrument);
    assert!(host.load(&read("from-a-later-release.json")));
    let params = host.params();
    let value = |param: &str| params.iter().find(|(name, _)| name == param).expect("a parameter of this release").1;
    assert_eq!((value("Transpose"), value("Room"), value("Source")), (1.0, 0.5, 0.0));
    host.activate(RATE_HZ, 512);
    assert!(peak(&host.render(&[], 12_000, &[(0, NOTE_ON)], 512)[0]).is_finite());
}

pub fn damaged_states_are_refused_and_change_nothing<H: TestHost>() {
    let mut host = H::open(Class::Instrument);
    host.set("Transpose", 0.75);
    let before = host.save();
    for damaged in [&b""[..], b"{", b"RIFF\x00\x00", &before[..before.len() / 2], b"[1,2,3]", b"{\"params\":7}"] {
        assert!(!host.load(damaged));
        assert_eq!(host.save(), before);
    }
}

pub fn values_are_readable_and_can_be_typed<H: TestHost>() {
    let mut host = H::open(Class::Instrument);
    let rows = [
        ("Source", 1.0, "Audio"),
        ("Lowest pitch", 1.0, "160 Hz"),
        ("Model slot", 1.0, "8"),
        ("Transpose", 0.75, "+18 st"),
        ("Output", 54.0 / 72.0, "-6.0 dB"),
        ("Output", 0.0, "-inf dB"),
        ("Dry/wet", 0.5, "50 %"),
        ("Bypass", 1.0, "On"),
    ];
    for (name, value, text) in rows {
        assert_eq!(host.text(name, value), text, "{name}");
        let typed = host.parse(name, text).expect("what is shown is understood");
        assert!((typed - value).abs() < 1e-4, "{name}: {text} is {typed}");
    }
    assert_eq!(host.parse("Source", "audio"), Some(1.0));
    assert_eq!(host.parse("Transpose", "-12"), Some(1.0 / 3.0_f64).map(|x| f64::from(x as f32)));
    assert_eq!(host.parse("Room", "loud"), None);
}

#[macro_export]
macro_rules! suite_tests {
    ($host:ty) => {
        $crate::host_tests!($host, suite:
            a_note_plays_from_its_sample_on_at_its_pitch,
            audio_goes_through_the_effect_at_its_pitch,
            the_side_input_drives_the_instrument,
            notes_can_drive_the_effect,
            silence_gives_silence_and_rubbish_in_the_output_is_overwritten,
            what_is_no_number_never_leaves,
            blocks_of_any_size_give_the_same_samples,
            every_rate_works,
            the_latency_is_that_of_the_analysis_and_changes_only_with_a_restart,
            bypass_passes_the_input_late_by_the_latency,
            switching_bypass_makes_no_step,
            the_tail_is_as_long_as_reported,
            a_state_comes_back_equal_and_sounds_the_same,
            a_state_that_is_loaded_while_it_plays_is_heard,
            a_missing_model_is_silent_and_keeps_its_name,
            states_of_every_release_load,
            damaged_states_are_refused_and_change_nothing,
            values_are_readable_and_can_be_typed,
            what_is_heard_is_sent_as_notes,
        );
    };
}
