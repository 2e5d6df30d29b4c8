//! Looks at the meters 30 times a second and wakes the window when there is something new to see, so that a silent window
//! draws nothing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{held_keys::HeldKeys, renderer::Shared};
use crate::{
    engine::{Meters, Spectrum},
    panel::MeterSnapshot,
};

const INTERVAL: Duration = Duration::from_millis(33);

/// The watching thread. Dropping it ends it.
pub struct Watch {
    state: Arc<State>,
}

struct State {
    /// What to look at, with the latency of its engine in ms; `None` while nothing runs.
    source: Mutex<Option<(Arc<Meters>, f32)>>,
    newest: Mutex<MeterSnapshot>,
    stop: AtomicBool,
}

impl Watch {
    /// `wake` is called on the watching thread.
    pub fn start(shared: Arc<Shared>, held: Arc<HeldKeys>, wake: impl Fn() + Send + 'static) -> Self {
        let newest = Mutex::new(MeterSnapshot::SILENCE);
        let state = Arc::new(State { source: Mutex::default(), newest, stop: AtomicBool::new(false) });
        let watch = Self { state: Arc::clone(&state) };
        std::thread::spawn(move || {
            let mut keys = 0;
            while !state.stop.load(Relaxed) {
                std::thread::sleep(INTERVAL);
                let now = state.look(&shared);
                let mut newest = state.newest.lock().unwrap_or_else(PoisonError::into_inner);
                let keys_before = std::mem::replace(&mut keys, held.snapshot());
                let is_news = newest.differs_visibly(&now) || keys != keys_before;
                *newest = now;
                drop(newest);
                if is_news {
                    wake();
                }
            }
        });
        watch
    }

    /// Looks at another engine from now on.
    pub fn look_at(&self, source: Option<(Arc<Meters>, f32)>) {
        *self.state.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// Reads what the loudest voice plays.
    pub fn spectrum(&self, spectrum: &mut Spectrum) {
        match &*self.state.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((meters, _)) => meters.spectrum().read(spectrum),
            None => *spectrum = Spectrum::default(),
        }
    }

    /// The newest measurements.
    pub fn newest(&self) -> MeterSnapshot {
        *self.state.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.stop.store(true, Relaxed);
    }
}

impl State {
    fn look(&self, shared: &Shared) -> MeterSnapshot {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((meters, latency_ms)) = &*source else { return MeterSnapshot::SILENCE };
        let db = |peak: f32| 20.0 * peak.log10();
        MeterSnapshot {
            input_peak_db: db(meters.take_input_peak()),
            output_peak_db: db(shared.take_output_peak()),
            frame: meters.frame(),
            voices: meters.voices(),
            latency_ms: *latency_ms,
            cpu_share: Some(shared.cpu_share()),
        }
    }
}
