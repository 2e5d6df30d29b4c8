//! Two models mixed: at the ends each sounds as it does alone, on the way nothing clicks, and blocks do not matter.

use retort::analysis::LowestPitch;
use retort::engine::{
    BlendParts, Engine, EngineConfig, Event, EventKind, Instrument, InstrumentParts, NoteAddress, SLOTS, Settings,
    Source, profile,
};
use retort::model::testing::{random_cnn, random_model};
use retort::model::{Model, RoomResponse};

const RATE_HZ: u32 = 48_000;
const SECOND: usize = RATE_HZ as usize;

fn models() -> [Model; 2] {
    [random_model("violin/test", 24, 1), random_cnn("flute/test", 16, false, 2)]
        .map(|bytes| Model::from_bytes(&bytes).unwrap())
}

fn echo(at: usize) -> RoomResponse {
    let mut impulse_response = vec![0.0; 12_000];
    impulse_response[at] = 0.5;
    let (id, source, licence) = ("test/room".into(), "test".into(), "CC0-1.0".into());
    RoomResponse { id, sample_rate_hz: 32_000, source, licence, impulse_response }
}

fn engine(first: (&Model, &RoomResponse), second: Option<(&Model, &RoomResponse)>) -> Engine {
    let config = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::Hz40 };
    let mut engine = Engine::new(config).unwrap();
    let instrument = Instrument::build(&InstrumentParts {
        decoder: first.0.decoder.clone(),
        room: Some(first.1),
        // Both are played alike, so that what is compared is the sound.
        profile: profile(&models()[0].metadata),
        sample_rate_hz: RATE_HZ,
        blend: second.map(|(model, room)| BlendParts { decoder: model.decoder.clone(), room: Some(room) }),
        tuning: None,
        voices: SLOTS,
    });
    assert!(engine.set_instrument(Box::new(instrument)).is_none());
    engine
}

/// Two notes, one after the other, in blocks of `block`; `blend` is asked for with each.
fn play(engine: &mut Engine, block: usize, blend: impl Fn(usize) -> f32) -> Vec<f32> {
    let note = |key| NoteAddress { note_id: None, channel: 0, key };
    let events = [
        (1_000, EventKind::NoteOn { note: note(60), velocity: 0.8 }),
        (SECOND / 2, EventKind::NoteOn { note: note(67), velocity: 0.6 }),
        (SECOND, EventKind::NoteOff { note: note(60) }),
    ];
    let mut sound = vec![0.0; 2 * SECOND];
    let mut start = 0;
    for out in sound.chunks_mut(block) {
        let here: Vec<Event> = events
            .iter()
            .filter(|(at, _)| (start..start + out.len()).contains(at))
            .map(|(at, kind)| Event { offset: (at - start) as u32, kind: *kind })
            .collect();
        engine.process(&[], out, &here, &Settings { blend: blend(start), ..Settings::default() });
        start += out.len();
    }
    sound
}

#[test]
fn at_its_ends_a_blend_is_one_of_the_two() {
    let [violin, flute] = models();
    let (hall, bath) = (echo(4_000), echo(9_000));
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let alone = play(&mut engine((&violin, &hall), None), 256, |_| 0.0);
    assert!(alone.iter().any(|x| x.abs() > 0.01));
    let mut both = engine((&violin, &hall), Some((&flute, &bath)));
    assert_eq!(close(&play(&mut both, 256, |_| 0.0), &alone), 0.0);
    let other = play(&mut engine((&flute, &bath), None), 256, |_| 0.0);
    assert!(close(&other, &alone) > 0.01, "they differ");
    both.reset();
    let error = close(&play(&mut both, 256, |_| 1.0), &other);
    assert!(error < 1e-5, "{error}");
}

#[test]
fn a_blend_in_motion_does_not_depend_on_blocks_and_does_not_click() {
    let [violin, flute] = models();
    let (hall, bath) = (echo(4_000), echo(9_000));
    // Settings are read at ticks; every block here begins at one of the steps of the automation.
    let automation = |start: usize| if (start / 9_600).is_multiple_of(2) { 0.0 } else { 0.9 };
    let sharpest = |sound: &[f32]| sound.windows(3).map(|x| (x[2] - 2.0 * x[1] + x[0]).abs()).fold(0.0, f32::max);
    let moving = play(&mut engine((&violin, &hall), Some((&flute, &bath))), 960, automation);
    for block in [64, 192, 4_800] {
        assert!(moving == play(&mut engine((&violin, &hall), Some((&flute, &bath))), block, automation), "{block}");
    }
    let ends = [0.0, 0.9].map(|blend| play(&mut engine((&violin, &hall), Some((&flute, &bath))), 960, |_| blend));
    let allowed = ends.iter().map(|sound| sharpest(sound)).fold(0.0, f32::max);
    assert!(sharpest(&moving) <= 1.2 * allowed, "{} where {allowed} is allowed", sharpest(&moving));
}
