//! Looks 30 times a second whether there is something new to see, and only then wakes the window: a silent one draws nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::MeterSnapshot;

const INTERVAL: Duration = Duration::from_millis(33);

/// The watching thread. Dropping it ends it.
pub struct Watch {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    newest: Mutex<MeterSnapshot>,
    stop: AtomicBool,
}

impl Watch {
    /// `look` gives the measurements now and whatever else is shown; `wake` is called when either has changed so much that
    /// it can be seen. Both are called on the watching thread.
    pub fn start<Rest: PartialEq + Send + 'static>(
        mut look: impl FnMut() -> (MeterSnapshot, Rest) + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let state = Arc::<State>::default();
        let watch = Self { state: Arc::clone(&state) };
        std::thread::spawn(move || {
            let mut before: Option<(MeterSnapshot, Rest)> = None;
            while !state.stop.load(Relaxed) {
                let (meters, rest) = look();
                *state.newest.lock().unwrap_or_else(PoisonError::into_inner) = meters;
                // Against what was shown last and not what was seen last: what creeps moves, too.
                let is_news = before.as_ref().is_none_or(|(shown, old)| shown.differs_visibly(&meters) || *old != rest);
                if is_news {
                    before = Some((meters, rest));
                    wake();
                }
                std::thread::sleep(INTERVAL);
            }
        });
        watch
    }

    /// The newest measurements.
    #[must_use]
    pub fn newest(&self) -> MeterSnapshot {
        *self.state.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.stop.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::AtomicUsize, mpsc};

    use super::*;

    #[test]
    fn the_window_is_woken_by_news_and_left_alone_without() {
        let (wakes, woken) = mpsc::channel();
        let value = Arc::new(AtomicUsize::new(0));
        let looks = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&value), Arc::clone(&looks));
        let look = move || {
            counted.fetch_add(1, Relaxed);
            (MeterSnapshot::SILENCE, seen.load(Relaxed))
        };
        let watch = Watch::start(look, move || {
            let _ = wakes.send(());
        });
        woken.recv().expect("the first picture is news");
        // However slow the machine is: many looks, and no other wake.
        while looks.load(Relaxed) < 8 {
            std::thread::yield_now();
        }
        assert!(woken.try_recv().is_err());
        value.store(1, Relaxed);
        woken.recv().expect("another value is news");
        drop(watch);
        assert!(woken.recv().is_err(), "the thread ends with the watch");
    }
}
