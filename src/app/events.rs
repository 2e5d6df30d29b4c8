//! Notes on their way to the audio thread: whatever is played becomes an event with the time of its arrival.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rtrb::Producer;

use super::held_keys::HeldKeys;
use crate::engine::EventKind;

/// An event and when it came in.
#[derive(Clone, Copy, Debug)]
pub struct TimedEvent {
    pub at: Instant,
    pub kind: EventKind,
}

/// The entrance that all MIDI ports, the computer's keys and the mouse share. The lock is between them alone: the audio
/// thread reads the other end of the queue, which has none.
#[derive(Clone, Default)]
pub struct EventSink {
    queue: Arc<Mutex<Option<Producer<TimedEvent>>>>,
    held: Arc<HeldKeys>,
}

impl EventSink {
    /// Sends events to another queue from now on; `None` drops them.
    pub fn connect(&self, queue: Option<Producer<TimedEvent>>) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = queue;
        // Another engine knows nothing of what the last one played.
        self.held.clear();
    }

    /// Passes `kind` on. What finds the queue full is lost: it holds seconds of the densest playing.
    pub fn send(&self, kind: EventKind) {
        self.held.follow(&kind);
        if let Some(queue) = self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = queue.push(TimedEvent { at: Instant::now(), kind });
        }
    }

    /// What is held, whoever holds it.
    pub fn held(&self) -> &Arc<HeldKeys> {
        &self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NoteAddress;

    #[test]
    fn what_is_played_is_passed_on_and_seen_as_held_until_the_engine_changes() {
        let sink = EventSink::default();
        let (queue, mut events) = rtrb::RingBuffer::new(8);
        sink.connect(Some(queue));
        let note = NoteAddress { note_id: None, channel: 5, key: 64 };
        // As a MIDI port does, from a thread of its own with an entrance of its own.
        sink.clone().send(EventKind::NoteOn { note, velocity: 0.5 });
        assert_eq!(sink.held().snapshot(), 1 << 64);
        assert!(matches!(events.pop(), Ok(TimedEvent { kind: EventKind::NoteOn { .. }, .. })));
        sink.connect(None);
        assert_eq!(sink.held().snapshot(), 0);
    }
}
