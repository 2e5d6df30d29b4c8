//! The renderer without a device.

use rtrb::RingBuffer;

use super::*;
use crate::{
    allocation::counted,
    analysis::LowestPitch,
    app::recorder::TapState,
    engine::{EngineConfig, EventKind, InstrumentParts, NoteAddress, SLOTS, Source, cc, profile},
    model::{Model, testing::random_model},
};

/// The ends of a renderer's queues that belong to others.
struct Others {
    instruments: Producer<Box<Instrument>>,
    retired: Consumer<Box<Instrument>>,
    listeners: Producer<Listener>,
    done: Consumer<Listener>,
}

fn renderer(microphone: Option<Bridge>) -> (Renderer, Producer<TimedEvent>, Arc<Shared>) {
    let (renderer, events, shared, _) = whole_renderer(microphone);
    (renderer, events, shared)
}

fn whole_renderer(microphone: Option<Bridge>) -> (Renderer, Producer<TimedEvent>, Arc<Shared>, Others) {
    let config = EngineConfig { sample_rate_hz: 48_000, source: Source::Notes, lowest_pitch: LowestPitch::default() };
    let engine = Engine::new(config).expect("48 kHz is a rate");
    let shared = Arc::new(Shared::new(&Settings { mix: 0.0, ..Settings::default() }));
    let (events_in, events) = RingBuffer::new(1_024);
    let (instruments_in, instruments) = RingBuffer::new(4);
    let (retired, retired_out) = RingBuffer::new(4);
    let (listeners_in, listeners) = RingBuffer::new(4);
    let (done, done_out) = RingBuffer::new(4);
    let queues = Queues { events, instruments, retired, listeners, done };
    let renderer = Renderer::new(engine, 48_000, microphone, Arc::clone(&shared), queues);
    let others = Others { instruments: instruments_in, retired: retired_out, listeners: listeners_in, done: done_out };
    (renderer, events_in, shared, others)
}

#[test]
fn the_dry_microphone_reaches_both_channels_and_no_others() {
    let (mut samples, queue) = RingBuffer::new(4_096);
    (0..1_000).for_each(|_| samples.push(0.25).expect("the queue has room"));
    let (mut renderer, _events, shared) = renderer(Some(Bridge::new(queue, 48_000, 48_000, 256)));
    let mut out = vec![9.0f32; 4 * 500];
    renderer.render(&mut out, 4, |x| x);
    assert_eq!(out[4 * 499..], [0.25, 0.25, 0.0, 0.0]);
    assert!(out.iter().all(|&x| x == 0.0 || x == 0.25));
    assert_eq!((shared.take_output_peak(), shared.take_output_peak()), (0.25, 0.0));
}

#[test]
fn blocks_longer_than_a_stretch_and_devices_with_one_channel_are_filled() {
    let (mut renderer, _events, _) = renderer(None);
    let mut out = vec![9.0f32; 3 * CHUNK + 17];
    renderer.render(&mut out, 1, |x| x);
    assert!(out.iter().all(|&x| x == 0.0));
}

#[test]
fn notes_keep_their_distance_within_a_block() {
    let (mut renderer, mut events, _) = renderer(None);
    let from = Instant::now();
    let at = |ms| from + std::time::Duration::from_millis(ms);
    let note = NoteAddress { note_id: None, channel: 0, key: 60 };
    for ms in [0, 5, 15] {
        events.push(TimedEvent { at: at(ms), kind: EventKind::NoteOff { note } }).expect("the queue has room");
    }
    // A block of 480 samples whose time was 10 ms: half a block in, and one that belongs to the next block's time.
    renderer.collect_events(from, at(10), 480, 0, 480);
    let offsets: Vec<u32> = renderer.events.iter().map(|event| event.offset).collect();
    assert_eq!(offsets, [0, 240]);
}

#[test]
fn a_recording_holds_what_the_device_got_and_nothing_of_a_preview() {
    let (mut samples, queue) = RingBuffer::new(8_192);
    let (mut renderer, _events, _, mut others) = whole_renderer(Some(Bridge::new(queue, 48_000, 48_000, 256)));
    let mut n_sung = 0;
    let mut render = |renderer: &mut Renderer| {
        for _ in 0..500 {
            samples.push((n_sung as f32 * 0.05).sin()).expect("the queue has room");
            n_sung += 1;
        }
        let mut out = [0.0f32; 2 * 500];
        renderer.render(&mut out, 2, |x| x);
        out
    };
    let push = |others: &mut Others, listener| {
        others.listeners.push(listener).map_err(drop).expect("the queue has room");
    };

    let state = Arc::<TapState>::default();
    let (tap, mut taken) = Tap::new(48_000, Arc::clone(&state));
    push(&mut others, Listener::Recording(tap));
    let heard: Vec<f32> = (0..4).flat_map(|_| render(&mut renderer)).collect();
    assert!(heard.iter().any(|&x| x != 0.0));
    state.stop();
    assert!(render(&mut renderer).iter().any(|&x| x != 0.0), "what is played goes on");
    assert!(matches!(others.done.pop(), Ok(Listener::Recording(_))), "a stopped tap is given back");
    assert_eq!(std::iter::from_fn(|| taken.pop().ok()).collect::<Vec<f32>>(), heard);

    let (tap, mut taken) = Tap::new(48_000, Arc::default());
    push(&mut others, Listener::Recording(tap));
    render(&mut renderer);
    push(&mut others, Listener::Preview(Box::new(Preview::new(vec![4.0; 700], Arc::default()))));
    assert!(render(&mut renderer).iter().all(|&x| x > 2.0));
    assert!(render(&mut renderer)[2 * 200..].iter().all(|&x| x < 2.0));
    render(&mut renderer);
    assert!(matches!(others.done.pop(), Ok(Listener::Preview(_))), "what has ended is given back");
    assert!(std::iter::from_fn(|| taken.pop().ok()).all(|x| x.abs() < 2.0));
}

#[test]
fn neither_notes_nor_recordings_previews_and_new_instruments_allocate() {
    let (mut samples, queue) = RingBuffer::new(65_536);
    let (mut renderer, mut events, shared, mut others) = whole_renderer(Some(Bridge::new(queue, 48_000, 48_000, 256)));
    shared.set(Setting::Mix, 0.5);
    let instrument = || {
        let model = Model::from_bytes(&random_model("violin/test", 16, 1)).expect("it is a model");
        Box::new(Instrument::build(&InstrumentParts {
            decoder: model.decoder,
            room: None,
            profile: profile(&model.metadata),
            sample_rate_hz: 48_000,
            blend: None,
            tuning: None,
            voices: SLOTS,
        }))
    };
    // Nobody empties the queue of 8 s: it runs full.
    let (tap, _taken) = Tap::new(1_000, Arc::default());
    others.listeners.push(Listener::Recording(tap)).map_err(drop).expect("the queue has room");
    let (state, mut out) = (Arc::<TapState>::default(), [0.0f32; 2 * 480]);
    let (mut n_retired, mut n_done) = (0, 0);
    for block in 0..100_u8 {
        (0..480).for_each(|n| samples.push((n as f32 * 0.05).sin()).expect("the queue has room"));
        let note = |key| NoteAddress { note_id: None, channel: 0, key };
        for kind in [
            EventKind::NoteOn { note: note(40 + block % 40), velocity: 0.8 },
            EventKind::Controller { channel: 0, number: cc::SUSTAIN, value: f32::from(block % 2) },
            EventKind::PitchBend { channel: 0, value: 0.3 },
            EventKind::NoteOff { note: note(36 + block % 40) },
        ] {
            events.push(TimedEvent { at: Instant::now(), kind }).expect("the queue has room");
        }
        match block % 25 {
            3 => others.instruments.push(instrument()).map_err(drop).expect("the queue has room"),
            9 => {
                let preview = Box::new(Preview::new(vec![0.1; 700], Arc::default()));
                others.listeners.push(Listener::Preview(preview)).map_err(drop).expect("the queue has room");
            }
            // In the place of the one that has run full.
            15 => {
                let (tap, _) = Tap::new(48_000, Arc::clone(&state));
                others.listeners.push(Listener::Recording(tap)).map_err(drop).expect("the queue has room");
            }
            20 => state.stop(),
            _ => {}
        }
        assert_eq!(counted(|| renderer.render(&mut out, 2, |x| x)), 0, "block {block}");
        n_retired += std::iter::from_fn(|| others.retired.pop().ok()).count();
        n_done += std::iter::from_fn(|| others.done.pop().ok()).count();
    }
    assert!(n_retired >= 2 && n_done >= 4, "{n_retired} instruments and {n_done} listeners came back");
    assert!(out.iter().any(|x| *x != 0.0));
}
