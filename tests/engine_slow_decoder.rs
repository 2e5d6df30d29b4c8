//! A decoder that steps 50 times a second in an engine that ticks 250 times: notes begin afresh, blocks change nothing.

use retort::analysis::LowestPitch;
use retort::engine::{
    Engine, EngineConfig, Event, EventKind, Instrument, InstrumentParts, NoteAddress, SLOTS, Settings, Source, profile,
};
use retort::model::Model;
use retort::model::testing::random_cnn;

const RATE_HZ: u32 = 44_100;

/// Plays `keys` at samples, each for a fifth of a second, in blocks of `block`.
fn play(int8: bool, keys: &[(usize, u8)], len: usize, block: usize) -> Vec<f32> {
    let config = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::Hz40 };
    let mut engine = Engine::new(config).unwrap();
    let model = Model::from_bytes(&random_cnn("violin/cnn", 8, int8, 3)).unwrap();
    let instrument = Instrument::build(&InstrumentParts {
        decoder: model.decoder,
        room: None,
        profile: profile(&model.metadata),
        sample_rate_hz: RATE_HZ,
        blend: None,
        tuning: None,
        voices: SLOTS,
    });
    assert!(engine.set_instrument(Box::new(instrument)).is_none());
    // Every note has noise and variations of its own, which would hide what is compared.
    let settings = Settings { noise_gain: -60.0, variation: 0.0, ..Settings::default() };
    let mut events: Vec<(usize, EventKind)> = Vec::new();
    for &(at, key) in keys {
        let note = NoteAddress { note_id: None, channel: 0, key };
        events.push((at, EventKind::NoteOn { note, velocity: 0.8 }));
        events.push((at + RATE_HZ as usize / 5, EventKind::NoteOff { note }));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut sound = vec![0.0; len];
    for (k, out) in sound.chunks_mut(block).enumerate() {
        let here = k * block..k * block + out.len();
        let inside = events.iter().filter(|(at, _)| here.contains(at));
        let events: Vec<Event> =
            inside.map(|(at, kind)| Event { offset: (at - here.start) as u32, kind: *kind }).collect();
        engine.process(&[], out, &events, &settings);
    }
    sound
}

/// Between two ticks, and not where the network would step if it went on from the note before.
const SECOND: usize = 100_001;

#[test]
fn a_note_knows_nothing_of_the_one_before_it() {
    for int8 in [false, true] {
        let both = play(int8, &[(60, 57), (SECOND, 72)], 2 * SECOND, 64);
        let alone = play(int8, &[(SECOND, 72)], 2 * SECOND, 64);
        assert!(both[..SECOND / 2].iter().any(|x| x.abs() > 0.01), "the first note sounds");
        assert_eq!(both[SECOND - 1], 0.0, "and has died away");
        assert_ne!(both[SECOND], 0.0, "the second begins at its own sample");
        assert!(both[SECOND..] == alone[SECOND..]);
    }
}

#[test]
fn blocks_of_any_size_give_the_same_samples() {
    let keys = [(17, 57), (5_003, 64), (SECOND, 72)];
    let whole = play(false, &keys, 120_000, 120_000);
    for block in [1, 17, 64, 1_000] {
        assert!(play(false, &keys, 120_000, block) == whole, "blocks of {block}");
    }
}
