//! The engine's audio thread allocates and frees nothing, whatever happens in a block.

#[path = "../src/allocation.rs"]
mod allocation;
mod support;

use allocation::counted;
use retort::analysis::LowestPitch;
use retort::engine::{
    BlendParts, Engine, EngineConfig, Event, EventKind, Instrument, InstrumentParts, NoteAddress, SLOTS, Settings,
    Source, profile,
};
use retort::model::Model;
use retort::model::testing::{random_cnn, random_model};
use support::following_instrument;

/// An instrument of a model file.
fn instrument_of(bytes: &[u8]) -> Box<Instrument> {
    let model = Model::from_bytes(bytes).unwrap();
    Box::new(Instrument::build(&InstrumentParts {
        decoder: model.decoder,
        room: None,
        profile: profile(&model.metadata),
        sample_rate_hz: 44_100,
        blend: None,
        tuning: None,
        voices: SLOTS,
    }))
}

#[test]
fn processing_never_allocates() {
    processes_without_allocation(|_| following_instrument(44_100));
}

#[test]
fn a_blend_does_not_allocate() {
    let [first, second] = [random_model("violin/test", 16, 1), random_cnn("flute/test", 16, false, 1)]
        .map(|bytes| Model::from_bytes(&bytes).unwrap());
    processes_without_allocation(|_| {
        Box::new(Instrument::build(&InstrumentParts {
            decoder: first.decoder.clone(),
            room: None,
            profile: profile(&first.metadata),
            sample_rate_hz: 44_100,
            blend: Some(BlendParts { decoder: second.decoder.clone(), room: None }),
            tuning: None,
            voices: SLOTS,
        }))
    });
}

#[test]
fn no_decoder_allocates() {
    for int8 in [false, true] {
        processes_without_allocation(|first| match first {
            true => instrument_of(&random_model("violin/test", 16, 1)),
            false => instrument_of(&random_cnn("violin/test", 16, int8, 1)),
        });
        processes_without_allocation(|_| instrument_of(&random_cnn("violin/test", 8, int8, 2)));
    }
}

/// `instrument` gives the first one and the one that replaces it.
fn processes_without_allocation(instrument: impl Fn(bool) -> Box<Instrument>) {
    for source in [Source::Audio, Source::Notes] {
        let config = EngineConfig { sample_rate_hz: 44_100, source, lowest_pitch: LowestPitch::Hz40 };
        let mut engine = Engine::new(config).unwrap();
        assert!(engine.set_instrument(instrument(true)).is_none());
        let mut next = Some(instrument(false));
        let mut retired = None;
        let input: Vec<f32> = (0..44_100).map(|n| 0.3 * (n as f32 * 0.04).sin()).collect();
        let mut output = vec![0.0; 441];
        for (block, input) in input.chunks(441).enumerate() {
            let note = NoteAddress { note_id: None, channel: 0, key: 40 + block as u8 / 2 };
            let kind = match block % 4 {
                0 => EventKind::NoteOn { note, velocity: 0.7 },
                1 => EventKind::PitchBend { channel: 0, value: 0.3 },
                2 => EventKind::NoteOff { note },
                _ => EventKind::AllNotesOff { channel: None },
            };
            let events = [Event { offset: 100, kind }];
            let settings = Settings {
                transpose: block as f32 * 0.1,
                room: 0.5,
                blend: (block % 7) as f32 / 7.0,
                ..Settings::default()
            };
            let allocations = counted(|| {
                engine.process(input, &mut output, &events, &settings);
                if block == 20 {
                    retired = engine.set_instrument(next.take().unwrap());
                }
                if block == 30 {
                    retired = engine.take_retired();
                }
                if block == 60 {
                    engine.reset();
                }
            });
            assert_eq!(allocations, 0, "{source:?}, block {block}");
        }
        assert!(retired.is_some(), "the crossfade was part of it");
    }
}
