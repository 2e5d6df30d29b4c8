//! The audio thread must not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use retort::synth::{PartGains, Room, VoiceSynth};

use crate::reference::*;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator; counting touches only a thread's own cell, which needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn playing_never_allocates() {
    let frames = lively_frames(200);
    for rate in [44_100, 96_000] {
        let mut voice = VoiceSynth::new(&violin_spec(), rate);
        let mut room = Room::new(&[0.0, 0.5, 0.25, 0.1].repeat(2_000), 32_000, rate);
        let mut sound = vec![0.0; 400];
        let clock = retort::FrameClock::new(rate, 250);
        let before = ALLOCATIONS.with(Cell::get);
        voice.reset(1);
        voice.jump_to(&frames[0]);
        for (t, frame) in (1_u64..).zip(&frames[1..]) {
            let len = (clock.start(t) - clock.start(t - 1)) as usize;
            voice.begin_segment(frame, len, PartGains::default());
            voice.render(&mut sound[..len / 2]);
            voice.render(&mut sound[len / 2..len]);
            room.process(&mut sound[..len], 0.5);
        }
        room.reset();
        assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "at {rate} Hz");
    }
    drop(Vec::<u8>::with_capacity(10));
    assert!(ALLOCATIONS.with(Cell::get) > 0, "the count works");
}
