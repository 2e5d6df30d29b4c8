//! The plugin's whole `process`, the framework's part included, must not allocate: it is linked into this test, whose
//! allocator counts.

mod hosts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use clack_host::events::event_types::{
    MidiEvent, NoteChokeEvent, NoteExpressionEvent, NoteExpressionType, NoteOffEvent, NoteOnEvent, ParamValueEvent,
};
use clack_host::prelude::*;
use hosts::clap_host::ClapHost;
use hosts::{Class, MEASURING, TestHost};
use retort::engine::cc;

/// Counts what the measured thread allocates or frees.
struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

fn count() {
    if MEASURING.try_with(std::cell::Cell::get).unwrap_or(false) {
        COUNT.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps to the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn linked() -> PluginEntry {
    // SAFETY: the entry is the plugin's own and lives as long as the program.
    unsafe { PluginEntry::load_from_raw(&retort::plugin::export::clap_entry, c"/linked") }.expect("the entry works")
}

/// Channels 2 to 16 in turn, as a keyboard with MPE has it.
fn member(block: u32) -> u16 {
    1 + (block % 15) as u16
}

/// Notes with all that they and their channels can express.
fn push_playing(events: &mut EventBuffer, block: u32) {
    let (channel, key) = (member(block), (50 + block % 24) as u16);
    let note = Pckn::new(0u16, channel, key, block);
    events.push(&NoteOnEvent::new(10, note, 0.8));
    let value = f64::from(block % 11) / 10.0;
    for (about, value) in [
        (NoteExpressionType::Tuning, 4.0 * value - 2.0),
        (NoteExpressionType::Pressure, value),
        (NoteExpressionType::Brightness, value),
        (NoteExpressionType::Volume, 2.0 * value),
        (NoteExpressionType::Vibrato, value),
    ] {
        events.push(&NoteExpressionEvent::new(40, note, about, value));
    }
    let (byte, master) = ((12 * (block % 11)) as u8, block.is_multiple_of(3));
    let channel = if master { 0 } else { channel as u8 };
    for number in [cc::MODULATION, cc::BREATH, cc::VOLUME, cc::EXPRESSION, cc::BRIGHTNESS] {
        events.push(&MidiEvent::new(90, 0, [0xb0 | channel, number, byte.max(20)]));
    }
    for (status, first, second) in [(0xe0, byte, byte), (0xd0, byte, 0), (0xa0, key as u8, byte)] {
        events.push(&MidiEvent::new(120, 0, [status | channel, first, second]));
    }
    // Pedals go down and up, and now and then everything is silenced.
    for (number, period) in [(cc::SUSTAIN, 16), (cc::SOSTENUTO, 10)] {
        events.push(&MidiEvent::new(200, 0, [0xb0 | channel, number, if block % period < 5 { 127 } else { 0 }]));
    }
    match block % 64 {
        40 => events.push(&MidiEvent::new(380, 0, [0xb0 | channel, cc::ALL_NOTES_OFF, 0])),
        60 => events.push(&MidiEvent::new(380, 0, [0xb0, cc::ALL_SOUND_OFF, 0])),
        50 => events.push(&NoteChokeEvent::new(380, note)),
        _ => {}
    }
    events.push(&NoteOffEvent::new(400, note, 0.0));
}

/// Every parameter that can be automated, at samples of its own.
fn push_automation(events: &mut EventBuffer, host: &ClapHost, block: u32) {
    let automatable = host.described_params().iter().filter(|param| param.is_automatable && param.name != "Model slot");
    for (param, index) in automatable.zip(0..) {
        // What is switched stays as it is for some blocks: a bypassed plugin would hide the rest.
        let step = if matches!(param.name.as_str(), "Bypass" | "Notes out" | "MPE" | "Voice mode") { 20 } else { 1 };
        let share = f64::from((block / step + index) % 7) / 6.0;
        let value = param.min + share * (param.max - param.min);
        events.push(&ParamValueEvent::new(410 + index * 3, param.id, Pckn::match_all(), value));
    }
}

/// The song with another model to play, to blend with, or another tuning.
fn changed_song(state: &[u8], round: u32) -> Vec<u8> {
    let mut state: serde_json::Value = serde_json::from_slice(state).expect("a state is JSON");
    let song = state["fields"]["song"].as_str().expect("the song is a text of its own");
    let mut song: serde_json::Value = serde_json::from_str(song).expect("it is JSON too");
    song["models"][0] = if round % 4 == 3 { "nothing/here" } else { "violin/reduced" }.into();
    song["blend"] = if round.is_multiple_of(2) { "violin/reduced".into() } else { serde_json::Value::Null };
    let tuning = retort::library::tunings::list(None).into_iter().next();
    song["tuning"] = if round.is_multiple_of(3) { serde_json::json!(tuning) } else { serde_json::Value::Null };
    state["fields"]["song"] = song.to_string().into();
    state.to_string().into_bytes()
}

#[test]
fn processing_neither_allocates_nor_frees() {
    let boxed = hosts::clap_host::measured(|| std::hint::black_box(Box::new(7)));
    drop(boxed);
    assert_eq!(COUNT.load(Ordering::SeqCst), 1, "the counter counts, and only what is measured");
    let entry = linked();
    for (class, source) in
        [(Class::Instrument, 0.0), (Class::Instrument, 1.0), (Class::Effect, 1.0), (Class::Effect, 0.0)]
    {
        let mut host = ClapHost::open_from(&entry, class);
        host.set("Source", source);
        host.set("Notes out", 1.0);
        host.activate(44_100.0, 512);
        // Changes its pitch now and then, so that there are notes to send.
        let inputs = [440.0, 587.3].map(|f0_hz| hosts::tone(44_100.0, 512.0 / 44_100.0 + 1e-6, f0_hz, -1.0, 2.0));
        let mut output = vec![vec![0.0; 512]; 2];
        COUNT.store(0, Ordering::SeqCst);
        let (mut n_sent, mut loudest) = (0, 0.0_f32);
        for block in 0..240_u32 {
            let mut events = EventBuffer::new();
            push_playing(&mut events, block);
            if block >= 60 {
                push_automation(&mut events, &host, block);
            }
            // A new instrument comes in and the old one goes out without being freed here.
            if block % 30 == 29 {
                let song = changed_song(&host.save(), block / 30);
                assert!(host.load(&song));
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            let mut input = inputs[(block / 20 % 2) as usize].clone();
            host.process(&mut input, &mut output, &events);
            n_sent += host.take_sent().len();
            loudest = output.iter().map(|channel| hosts::peak(channel)).fold(loudest, f32::max);
        }
        assert_eq!(COUNT.load(Ordering::SeqCst), 0, "{class:?}, source {source}");
        assert!(loudest > 0.01, "{class:?}, source {source}: it has played");
        assert!(source == 0.0 || n_sent > 4, "{class:?}: it has sent what it heard");
    }
}
