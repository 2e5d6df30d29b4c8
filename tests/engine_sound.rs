//! What an engine must never do: buzz in silence, click in a change of instruments, let what is not a number through.

mod support;

use retort::analysis::LowestPitch;
use retort::engine::{Engine, EngineConfig, EventKind, NoteAddress, Settings, Source};
use support::{Noise, following_instrument, render};

const RATE: u32 = 48_000;

fn engine(source: Source) -> Engine {
    let config = EngineConfig { sample_rate_hz: RATE, source, lowest_pitch: LowestPitch::Hz80 };
    let mut engine = Engine::new(config).unwrap();
    assert!(engine.set_instrument(following_instrument(RATE)).is_none());
    engine
}

fn rms_db(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).log10()
}

/// Scales to an RMS of `db` dBFS.
fn at_db(mut samples: Vec<f32>, db: f32) -> Vec<f32> {
    let gain = 10f32.powf((db - rms_db(&samples)) / 20.0);
    samples.iter_mut().for_each(|x| *x *= gain);
    samples
}

#[test]
fn silence_gives_silence() {
    assert!(render(&mut engine(Source::Audio), &[0.0; 48_000], &[], 512).iter().all(|x| *x == 0.0));
}

#[test]
fn breath_hum_and_room_noise_at_minus_45_dbfs_stay_under_minus_60() {
    let mut random = Noise::new(1);
    let white: Vec<f32> = (0..2 * RATE).map(|_| random.uniform() - 0.5).collect();
    let mut low = 0.0;
    let room: Vec<f32> = white
        .iter()
        .map(|x| {
            low += 0.02 * (x - low);
            low
        })
        .collect();
    let mut slow = 0.0;
    let breath: Vec<f32> = white
        .iter()
        .enumerate()
        .map(|(n, x)| {
            slow += 0.3 * (x - slow);
            (x - slow) * (0.6 + 0.4 * (n as f32 * 3.0 / RATE as f32).sin())
        })
        .collect();
    let hum = |f0_hz: f32| -> Vec<f32> {
        (0..2 * RATE)
            .map(|n| {
                (1..=6)
                    .map(|k| (std::f32::consts::TAU * f0_hz * (k * n) as f32 / RATE as f32).sin() / (k * k) as f32)
                    .sum()
            })
            .collect()
    };
    for (name, noise) in [
        ("white", white.clone()),
        ("room", room),
        ("breath", breath),
        ("hum of 50 Hz", hum(50.0)),
        ("hum of 100 Hz", hum(100.0)),
    ] {
        let mut engine = engine(Source::Audio);
        let _ = engine.set_instrument(support::breathing_instrument(RATE));
        let output = render(&mut engine, &at_db(noise, -45.0), &[], 512);
        let level = rms_db(&output);
        let burst = output.chunks_exact(RATE as usize / 10).map(rms_db).fold(f32::NEG_INFINITY, f32::max);
        println!("{name}: {level:.1} dBFS, loudest tenth of a second {burst:.1} dBFS");
        assert!(level < -60.0, "{name} gives {level:.1} dBFS");
        assert!(burst < -60.0, "{name} gives {burst:.1} dBFS for a tenth of a second");
    }
}

#[test]
fn what_is_not_a_number_never_leaves() {
    let mut input: Vec<f32> = (0..24_000).map(|n| 0.3 * (n as f32 * 0.05).sin()).collect();
    input[5_000] = f32::NAN;
    input[6_000] = f32::INFINITY;
    input[7_000] = -f32::MAX;
    let output = render(&mut engine(Source::Audio), &input, &[], 512);
    assert!(output.iter().all(|x| x.is_finite()));
    assert!(output[20_000..].iter().any(|x| x.abs() > 0.01), "the sound goes on");
}

#[test]
fn another_instrument_while_a_note_sounds_makes_no_click() {
    let mut engine = engine(Source::Notes);
    let on = EventKind::NoteOn { note: NoteAddress { note_id: None, channel: 0, key: 57 }, velocity: 0.8 };
    render(&mut engine, &[0.0; 24_000], &[(0, on)], 512);
    let steady = render(&mut engine, &[0.0; 9_600], &[], 512);
    assert!(engine.set_instrument(following_instrument(RATE)).is_none());
    let change = render(&mut engine, &[0.0; 9_600], &[], 512);
    assert!(engine.take_retired().is_some(), "the old instrument can be taken away after the crossfade");
    assert!(change.iter().all(|x| x.is_finite()));
    let curvature = |x: &[f32]| x.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).fold(0.0, f32::max);
    assert!(curvature(&change) < 2.0 * curvature(&steady), "{} against {}", curvature(&change), curvature(&steady));
}

#[test]
fn of_two_requests_for_another_instrument_the_latest_wins_and_the_other_comes_back() {
    let mut engine = engine(Source::Notes);
    assert!(engine.set_instrument(following_instrument(RATE)).is_none());
    assert!(engine.set_instrument(following_instrument(RATE)).is_some());
    let mut output = [0.0; 4_800];
    engine.process(&[], &mut output, &[], &Settings::default());
    assert!(engine.take_retired().is_some() && engine.take_retired().is_none());
}

#[test]
fn the_seed_decides_the_noise_of_what_is_heard_and_the_same_seed_repeats_it() {
    let input: Vec<f32> = (0..24_000).map(|n| 0.3 * (n as f32 * 0.05).sin()).collect();
    let rendered = |seed| {
        let config = EngineConfig { sample_rate_hz: RATE, source: Source::Audio, lowest_pitch: LowestPitch::Hz80 };
        let mut engine = Engine::new(config).unwrap();
        engine.set_seed(seed);
        assert!(engine.set_instrument(support::breathing_instrument(RATE)).is_none());
        render(&mut engine, &input, &[], 512)
    };
    assert!(rendered(1) == rendered(1));
    assert!(rendered(1) != rendered(2));
}
