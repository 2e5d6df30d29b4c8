//! What the window's watch looks at: the engine that runs now, and the keys that are held.

use std::sync::{Arc, Mutex, PoisonError};

use super::{held_keys::HeldKeys, renderer::Shared};
use crate::{
    engine::{Meters, Spectrum},
    panel::{self, MeterSnapshot},
};

/// Wakes the window when there is something new to see. Dropping it ends its thread.
pub struct Watch {
    engine: Arc<Watched>,
    watch: panel::Watch,
}

/// What to look at, with the latency of its engine in ms; `None` while nothing runs.
type Watched = Mutex<Option<(Arc<Meters>, f32)>>;

impl Watch {
    /// `wake` is called on the watching thread.
    pub fn start(shared: Arc<Shared>, held: Arc<HeldKeys>, wake: impl Fn() + Send + 'static) -> Self {
        let engine = Arc::<Watched>::default();
        let watched = Arc::clone(&engine);
        let watch = panel::Watch::start(move || (look(&watched, &shared), held.snapshot()), wake);
        Self { engine, watch }
    }

    /// Looks at another engine from now on.
    pub fn look_at(&self, engine: Option<(Arc<Meters>, f32)>) {
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// Reads what the loudest voice plays.
    pub fn spectrum(&self, spectrum: &mut Spectrum) {
        match &*self.engine.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((meters, _)) => meters.spectrum().read(spectrum),
            None => *spectrum = Spectrum::default(),
        }
    }

    /// The newest measurements.
    pub fn newest(&self) -> MeterSnapshot {
        self.watch.newest()
    }
}

fn look(engine: &Watched, shared: &Shared) -> MeterSnapshot {
    let engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((meters, latency_ms)) = &*engine else { return MeterSnapshot::SILENCE };
    let db = |peak: f32| 20.0 * peak.log10();
    MeterSnapshot {
        input_peak_db: db(meters.take_input_peak()),
        output_peak_db: db(shared.take_output_peak()),
        frame: meters.frame(),
        voices: meters.voices(),
        latency_ms: *latency_ms,
        load: Some(meters.load()),
    }
}
