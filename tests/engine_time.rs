//! Time in the engine: latency as reported, sample-accurate notes, results that do not depend on block size.

mod support;

use retort::Frame;
use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, Event, EventKind, NoteAddress, Settings, Source};
use support::{Noise, following_instrument, render};

const RATE: u32 = 48_000;
/// Samples of a frame at that rate.
const TICK: usize = RATE as usize / 250;
/// Of the onsets drawn by chance: a hundred each.
const SEEDS: [u64; 5] = [7, 1, 2, 3, 4];

fn engine(source: Source, lowest_pitch: LowestPitch, sample_rate_hz: u32) -> Engine {
    let mut engine = Engine::new(EngineConfig { sample_rate_hz, source, lowest_pitch }).unwrap();
    assert!(engine.set_instrument(following_instrument(sample_rate_hz)).is_none());
    engine
}

fn note(key: u8) -> NoteAddress {
    NoteAddress { note_id: None, channel: 0, key }
}

/// A tone with harmonics that begins at `onset` and is steady from there on.
fn tone(rate: u32, f0_hz: f32, onset: usize, len: usize, phase: f32) -> Vec<f32> {
    (0..len)
        .map(|n| {
            if n < onset {
                return 0.0;
            }
            let cycles = f0_hz * (n - onset) as f32 / rate as f32 + phase;
            (1..=8).map(|k| 0.1 / k as f32 * (std::f32::consts::TAU * cycles * k as f32).sin()).sum()
        })
        .collect()
}

/// The RMS of the `len` samples centred on `at`.
fn rms(samples: &[f32], at: usize, len: usize) -> f32 {
    let part = &samples[at - len / 2..at + len / 2];
    (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt()
}

#[test]
fn the_reported_latency_is_the_time_from_an_onset_to_half_the_steady_level() {
    for (lowest, f0_range) in [
        (LowestPitch::Hz160, [165.0_f32, 1_500.0]),
        (LowestPitch::Hz80, [82.0, 800.0]),
        (LowestPitch::Hz40, [55.0, 400.0]),
    ] {
        let reported_ms = 1e3 * lowest.latency_samples(RATE) as f32 / RATE as f32;
        let percent_on_time = |late_ms: &[f32]| {
            100.0 * late_ms.iter().filter(|late| (**late - reported_ms).abs() <= 4.0).count() as f32
                / late_ms.len() as f32
        };
        let mut all_late_ms = Vec::new();
        for seed in SEEDS {
            let late_ms = hundred_onsets(lowest, f0_range, seed);
            println!("lowest {} Hz, seed {seed}: {} % within 4 ms", lowest.hz(), percent_on_time(&late_ms));
            all_late_ms.extend(late_ms);
        }
        all_late_ms.sort_by(f32::total_cmp);
        let median = all_late_ms[all_late_ms.len() / 2];
        let on_time = percent_on_time(&all_late_ms);
        println!(
            "lowest {} Hz: reported {reported_ms:.2} ms, median {median:.2} ms, {on_time:.1} % within 4 ms",
            lowest.hz()
        );
        assert!(
            (median - reported_ms).abs() <= 1.0,
            "{median:.2} ms measured, {reported_ms:.2} ms reported, {lowest:?}"
        );
        assert!(on_time >= 90.0, "{on_time:.1} % within 4 ms, {lowest:?}");
    }
    assert!(LowestPitch::Hz160.latency_samples(RATE) as f32 / RATE as f32 <= 0.025);
}

/// How late 100 tones are heard whose onset, pitch and phase are drawn by chance, in ms.
fn hundred_onsets(lowest: LowestPitch, f0_range: [f32; 2], seed: u64) -> Vec<f32> {
    let mut random = Noise::new(seed);
    let onset_of = |_| {
        let onset = 9_600 + (random.uniform() * 480.0) as usize;
        let f0_hz = f0_range[0] * (f0_range[1] / f0_range[0]).powf(random.uniform());
        let input = tone(RATE, f0_hz, onset, 28_800, random.uniform());
        // Two octaves up the envelope can be read from a quarter of the time.
        let settings = Settings { transpose: 24.0, ..Settings::default() };
        let mut engine = engine(Source::Audio, lowest, RATE);
        let (output, frames) = support::render_with_frames(&mut engine, &input, &settings);
        late_ms_of(&output, &frames, 4.0 * f0_hz, onset)
    };
    (0..100).map(onset_of).collect()
}

/// Milliseconds from the onset to where the envelope passes -6 dB of its steady value with the pitch within 50 cents.
/// The test instrument plays a sine whose amplitude follows the loudness, so its envelope is known from its controls.
fn late_ms_of(output: &[f32], frames: &[Frame], f0_hz: f32, onset: usize) -> f32 {
    let steady = rms(output, output.len() - 2_400, 2_400);
    // A window of one period of the tone that is played: the shortest that gives an envelope without ripple.
    let period = (RATE as f32 / f0_hz) as usize & !1;
    (onset - 480..output.len() - period)
        .find(|&n| {
            // A frame is reached by a ramp of one tick.
            let weight = (n % TICK) as f32 / TICK as f32;
            let played_hz = frames[n - TICK].f0_hz * (1.0 - weight) + frames[n].f0_hz * weight;
            rms(output, n, period) >= 0.5 * steady && (1_200.0 * (played_hz / f0_hz).log2()).abs() < 50.0
        })
        .map_or(f32::INFINITY, |n| 1e3 * (n as f32 - onset as f32) / RATE as f32)
}

#[test]
fn a_note_sounds_from_its_own_sample_on() {
    for at in [0, 1, 100, 191, 192, 193, 5_000] {
        let mut engine = engine(Source::Notes, LowestPitch::default(), RATE);
        let events = [Event { offset: at, kind: EventKind::NoteOn { note: note(69), velocity: 0.8 } }];
        let mut output = vec![1.0; 9_600];
        engine.process(&[], &mut output, &events, &Settings::default());
        assert_eq!(output.iter().position(|x| *x != 0.0), Some(at as usize));
    }
}

#[test]
fn a_released_note_ends_in_silence_within_the_tail() {
    let mut engine = engine(Source::Notes, LowestPitch::default(), RATE);
    let on = Event { offset: 0, kind: EventKind::NoteOn { note: note(69), velocity: 0.8 } };
    let off = Event { offset: 4_000, kind: EventKind::NoteOff { note: note(69) } };
    let mut output = vec![0.0; 96_000];
    engine.process(&[], &mut output, &[on, off], &Settings::default());
    let tail = engine.tail_samples() as usize;
    assert!(output[4_000..8_000].iter().any(|x| x.abs() > 1e-3));
    assert!(output[4_000 + tail..].iter().all(|x| x.abs() < 1e-5), "silent after {tail} samples");
    assert!(engine.is_silent());
}

#[test]
fn samples_do_not_depend_on_how_they_are_cut_into_blocks() {
    for rate in [22_050, 44_100, 44_101, 48_000, 96_000, 384_000] {
        let len = rate as usize / 3;
        let input = tone(rate, 330.0, len / 5, len, 0.1);
        let events = [
            (len / 10, EventKind::NoteOn { note: note(60), velocity: 0.6 }),
            (len / 4, EventKind::NoteOn { note: note(67), velocity: 0.9 }),
            (len / 2, EventKind::NoteOff { note: note(67) }),
            (len * 2 / 3, EventKind::NoteOff { note: note(60) }),
        ];
        for source in [Source::Audio, Source::Notes] {
            let whole = render(&mut engine(source, LowestPitch::Hz80, rate), &input, &events, len);
            assert!(whole.iter().any(|x| x.abs() > 1e-3), "{source:?} sounds at {rate} Hz");
            for block in [1, 17, 64, 1_000, 4_096] {
                let cut = render(&mut engine(source, LowestPitch::Hz80, rate), &input, &events, block);
                assert!(whole == cut, "{source:?} at {rate} Hz in blocks of {block}");
            }
        }
    }
}

#[test]
fn after_a_reset_the_same_input_gives_the_same_samples() {
    let input = tone(RATE, 330.0, 1_000, 24_000, 0.0);
    let events = [(3_000, EventKind::NoteOn { note: note(60), velocity: 0.6 })];
    for source in [Source::Audio, Source::Notes] {
        let mut engine = engine(source, LowestPitch::Hz80, RATE);
        let first = render(&mut engine, &input, &events, 512);
        engine.reset();
        assert!(first == render(&mut engine, &input, &events, 512), "{source:?}");
    }
}

#[test]
fn without_an_input_a_listening_engine_hears_silence_and_keeps_its_time() {
    let input = tone(RATE, 330.0, 0, 24_000, 0.0);
    let run = |silence: &[f32]| {
        let mut engine = engine(Source::Audio, LowestPitch::Hz80, RATE);
        let mut output = vec![0.0; 24_000];
        engine.process(&input, &mut output, &[], &Settings::default());
        output.resize(57_600, 0.0);
        engine.process(silence, &mut output, &[], &Settings::default());
        output
    };
    let unplugged = run(&[]);
    assert!(unplugged == run(&[0.0; 57_600]));
    assert!(unplugged[50_000..].iter().all(|x| *x == 0.0));
}

#[test]
fn a_key_that_is_let_go_in_an_empty_block_is_let_go() {
    let mut engine = engine(Source::Notes, LowestPitch::default(), RATE);
    let at_once = |kind| [Event { offset: 0, kind }];
    let mut output = vec![0.0; 9_600];
    let on = at_once(EventKind::NoteOn { note: note(69), velocity: 0.8 });
    engine.process(&[], &mut output, &on, &Settings::default());
    engine.process(&[], &mut [], &at_once(EventKind::NoteOff { note: note(69) }), &Settings::default());
    let mut rest = vec![0.0; 96_000];
    engine.process(&[], &mut rest, &[], &Settings::default());
    assert!(engine.is_silent());
}

#[test]
fn absurd_sample_rates_are_refused() {
    for source in [Source::Audio, Source::Notes] {
        for sample_rate_hz in [0, 7_999, 400_000, u32::MAX] {
            assert!(Engine::new(EngineConfig { sample_rate_hz, source, lowest_pitch: LowestPitch::Hz80 }).is_err());
        }
    }
}
