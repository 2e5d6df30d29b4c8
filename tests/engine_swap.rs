//! One model takes over from another while a note sounds, whatever their kinds, and nothing clicks.

use std::collections::HashMap;

use retort::Frame;
use retort::analysis::LowestPitch;
use retort::engine::{
    Engine, EngineConfig, Event, EventKind, Instrument, InstrumentParts, NoteAddress, SLOTS, Settings, Shape, Source,
    Wanted, profile,
};
use retort::model::testing::{random_cnn, random_model};
use retort::model::{Model, file};
use retort::synth::PartGains;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

const RATE_HZ: u32 = 48_000;
/// A player without vibrato or unrest: what is compared is the change of models alone.
fn still() -> Settings {
    Settings { vibrato_depth: 0.0, variation: 0.0, ..Settings::default() }
}
/// A quarter of a second.
const QUARTER: usize = RATE_HZ as usize / 4;
/// When the swap is asked for: it begins at the next tick.
const SWAP_AT: usize = 4 * QUARTER + 77;

/// The model with a violin's slope: partials fall, and there is little noise. Random weights alone give a buzz in which
/// a click would hide.
fn mellow(bytes: &[u8]) -> Model {
    let metadata = file::metadata_text(bytes, "retort").unwrap();
    let fall = |name: &str, o: usize| match name {
        "head.harmonics.bias" => Some(2.0 - 0.6 * o as f32),
        "head.noise.bias" => Some(-6.0),
        _ => None,
    };
    let tensors: Vec<_> = SafeTensors::deserialize(bytes)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let slope: Vec<u8> =
                (0..view.shape()[0]).map_while(|o| fall(&name, o)).flat_map(f32::to_le_bytes).collect();
            let data = if slope.is_empty() { view.data().to_vec() } else { slope };
            (name, view.dtype(), view.shape().to_vec(), data)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    let file = safetensors::serialize(views, Some(HashMap::from([("retort".to_owned(), metadata)]))).unwrap();
    Model::from_bytes(&file).unwrap()
}

fn instrument(model: &Model) -> Box<Instrument> {
    Box::new(Instrument::build(&InstrumentParts {
        decoder: model.decoder.clone(),
        room: None,
        profile: profile(&model.metadata),
        sample_rate_hz: RATE_HZ,
        blend: None,
        tuning: None,
        voices: SLOTS,
    }))
}

/// What `model` sounds like when it begins with `frame` at the level of its notes: decoders remember, so the sound changes for
/// a while. Without the first frame, which comes out of silence.
fn begun_with(model: &Model, frame: &Frame) -> Vec<f32> {
    let mut instrument = instrument(model);
    let tick = RATE_HZ as usize / 250;
    let level = profile(&model.metadata).note_gain();
    let gains = PartGains { harmonic: level, noise: level };
    let wanted = Wanted { frame: *frame, gains, shape: Shape::NONE, blend: 0.0 };
    let mut sound = vec![0.0; 2 * QUARTER / tick * tick];
    for segment in sound.chunks_exact_mut(tick) {
        instrument.advance(&[Some(wanted)], tick);
        instrument.render(segment, 1.0, 0.0);
    }
    sound.split_off(tick)
}

/// A note of two seconds on `first`, with `second` from [`SWAP_AT`] on, and the frame that is played last.
fn play(first: &Model, second: Option<&Model>) -> (Vec<f32>, Frame) {
    let config = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::Hz40 };
    let mut engine = Engine::new(config).unwrap();
    assert!(engine.set_instrument(instrument(first)).is_none());
    let note = NoteAddress { note_id: None, channel: 0, key: 57 };
    let on = [Event { offset: 0, kind: EventKind::NoteOn { note, velocity: 0.8 } }];
    let mut sound = vec![0.0; 8 * QUARTER];
    let (before, after) = sound.split_at_mut(SWAP_AT);
    engine.process(&[], before, &on, &still());
    if let Some(second) = second {
        assert!(engine.set_instrument(instrument(second)).is_none());
    }
    engine.process(&[], after, &[], &still());
    (sound, engine.meters().frame())
}

/// The largest second difference from sample to sample: a click is one that the sound has nowhere else.
fn sharpest(sound: &[f32]) -> f32 {
    sound.windows(3).map(|x| (x[2] - 2.0 * x[1] + x[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn any_model_takes_over_from_any_other_without_a_click() {
    let models = [
        ("gru", mellow(&random_model("violin/full", 32, 1))),
        ("gru of another width", mellow(&random_model("violin/reduced", 16, 2))),
        ("cnn", mellow(&random_cnn("violin/cnn", 16, false, 3))),
        ("cnn in 8 bits", mellow(&random_cnn("violin/cnn-q", 16, true, 4))),
    ];
    let (steady, frames): (Vec<Vec<f32>>, Vec<Frame>) = models.iter().map(|(_, model)| play(model, None)).unzip();
    let settled = 2 * QUARTER..8 * QUARTER;
    for (a, (from, first)) in models.iter().enumerate() {
        for (b, (to, second)) in models.iter().enumerate().filter(|(b, _)| *b != a) {
            let (sound, _) = play(first, Some(second));
            assert_eq!(sound[..SWAP_AT], steady[a][..SWAP_AT]);
            let swap = &sound[SWAP_AT - 100..SWAP_AT + 2 * QUARTER];
            assert!(swap.iter().any(|x| x.abs() > 0.01), "there is a sound to click in");
            let alone = [&steady[a][settled.clone()], &steady[b][settled.clone()], &begun_with(second, &frames[b])];
            let allowed = alone.map(sharpest).into_iter().fold(0.0, f32::max);
            let found = sharpest(swap);
            println!("{from} to {to}: {found:.2e}, each alone up to {allowed:.2e}");
            assert!(found <= 1.1 * allowed, "{from} to {to}: {found} where each alone has {allowed}");

            // The measure hears what it shall: the same swap without a crossfade.
            let cut = [&steady[a][SWAP_AT - 100..SWAP_AT], &sound[SWAP_AT + QUARTER..SWAP_AT + 2 * QUARTER]].concat();
            assert!(sharpest(&cut) > 1.3 * allowed, "{from} to {to}: {} after a cut", sharpest(&cut));
        }
    }
}
