//! The plugin's whole `process`, the framework's part included, must not allocate: it is linked into this test, whose
//! allocator counts.

mod hosts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use clack_host::events::event_types::{NoteOffEvent, NoteOnEvent, ParamValueEvent};
use clack_host::prelude::*;
use hosts::clap_host::ClapHost;
use hosts::{Class, MEASURING, TestHost};

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
        host.activate(44_100.0, 512);
        let id = |host: &ClapHost, name: &str| {
            host.described_params().iter().find(|param| param.name == name).expect("it is a parameter").id
        };
        let moved = ["Transpose", "Room", "Noise", "Dry/wet", "Bypass", "Output"].map(|name| id(&host, name));
        let mut input = hosts::tone(44_100.0, 512.0 / 44_100.0 + 1e-6, 440.0, -1.0, 2.0);
        let mut output = vec![vec![0.0; 512]; 2];
        COUNT.store(0, Ordering::SeqCst);
        for block in 0..200_u32 {
            let mut events = EventBuffer::new();
            let note = Pckn::new(0u16, 0u16, (60 + block % 12) as u16, block);
            events.push(&NoteOnEvent::new(10, note, 0.8));
            for (index, id) in moved.iter().enumerate() {
                let at = 30 * (index as u32 + 1);
                events.push(&ParamValueEvent::new(
                    at,
                    *id,
                    Pckn::match_all(),
                    f64::from((block + index as u32) % 7) / 6.0,
                ));
            }
            events.push(&NoteOffEvent::new(400, note, 0.0));
            // Another model now and then: the new one comes in and the old one goes out without freeing it.
            if block % 50 == 49 {
                let state = String::from_utf8(host.save()).expect("a state is text");
                let other = if block % 100 == 49 { "nothing/here" } else { "violin/reduced" };
                let state = state.replace("nothing/here", other).replace("violin/reduced", other);
                assert!(host.load(state.as_bytes()));
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            host.process(&mut input, &mut output, &events);
        }
        assert_eq!(COUNT.load(Ordering::SeqCst), 0, "{class:?}, source {source}");
    }
}
