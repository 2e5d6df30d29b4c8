//! What the instance tells its panel: measurements and messages. Written while it plays, read by the window's thread.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Meters;
use crate::panel::{Banner, MeterSnapshot};

/// Shared by the audio thread (numbers only), the loader and the panel.
#[derive(Debug, Default)]
pub struct Status {
    /// Input, output and the frame that sounds.
    pub meters: Meters,
    /// Of the current activation; 0 before the first.
    sample_rate_hz: AtomicU32,
    latency_samples: AtomicU32,
    /// The host has been asked for a restart since the last activation.
    restart_asked: AtomicBool,
    banner: Mutex<Option<Banner>>,
    /// Of the current activation's engine.
    engine: Mutex<Option<Arc<Meters>>>,
}

impl Status {
    /// Notes what an activation runs at, and what its engine measures. Not for the audio thread.
    pub fn activated(&self, sample_rate_hz: u32, latency_samples: u32, engine: &Arc<Meters>) {
        *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(engine));
        self.sample_rate_hz.store(sample_rate_hz, Relaxed);
        self.latency_samples.store(latency_samples, Relaxed);
        self.restart_asked.store(false, Relaxed);
    }

    /// Whether a restart is to be asked for now; window and audio thread both notice, and one of them shall ask.
    #[must_use]
    pub fn asks_for_restart(&self) -> bool {
        !self.restart_asked.swap(true, Relaxed)
    }

    /// The activation is as it should be; a later change asks anew.
    pub fn needs_no_restart(&self) {
        self.restart_asked.store(false, Relaxed);
    }

    /// The host's rate; 48 kHz as long as the host has named none.
    #[must_use]
    pub fn sample_rate_hz(&self) -> u32 {
        match self.sample_rate_hz.load(Relaxed) {
            0 => 48_000,
            rate => rate,
        }
    }

    /// How late the output is, in ms.
    #[must_use]
    pub fn latency_ms(&self) -> f32 {
        self.latency_samples.load(Relaxed) as f32 * 1e3 / self.sample_rate_hz() as f32
    }

    /// What the window shows of it. Peaks count from one call to the next.
    #[must_use]
    pub fn snapshot(&self) -> MeterSnapshot {
        let db = |peak: f32| 20.0 * peak.log10();
        MeterSnapshot {
            input_peak_db: db(self.meters.take_input_peak()),
            output_peak_db: db(self.meters.take_output_peak()),
            frame: self.meters.frame(),
            voices: self.engine().map_or(0, |engine| engine.voices()),
            latency_ms: self.latency_ms(),
            load: Some(self.meters.load()),
        }
    }

    /// What the musician should know; not for the audio thread.
    pub fn say(&self, banner: Option<Banner>) {
        *self.banner.lock().unwrap_or_else(PoisonError::into_inner) = banner;
    }

    /// What the engine of the current activation measures.
    #[must_use]
    pub fn engine(&self) -> Option<Arc<Meters>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn banner(&self) -> Option<Banner> {
        self.banner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
