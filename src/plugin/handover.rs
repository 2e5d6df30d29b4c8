//! From one stage to the next without a restart by the host.
//!
//! Source and Lowest pitch change the latency, so hosts are asked to activate anew. In VST3 some only read the latency again
//! (Ardour 7.3): an instance that was active before its song's state came would go on with the settings of a new one, and an
//! instrument that follows its side input would be silent. So where the host has not restarted after a while, a stage
//! that was prepared in the background takes over. In CLAP the latency must stay the same for a whole activation, and hosts
//! do restart.

use std::sync::{Arc, Mutex, PoisonError};

use nice_plug::nice_error;

use super::params::RetortParams;
use super::stage::Stage;
use super::status::Status;
use crate::engine::{EngineConfig, Meters};

/// How long a host has to restart, as a share of a second of its own audio.
const PATIENCE: u32 = 10;

/// What is not for the audio thread.
pub enum Task {
    /// Makes the stage that shall take over.
    Prepare(EngineConfig),
    /// Lets the old stage go, and the panel know what plays now.
    Settle { config: EngineConfig, latency_samples: u32, meters: Arc<Meters> },
}

/// Where both threads meet. The audio thread never waits for it.
#[derive(Default)]
pub struct Wings {
    next: Mutex<Option<Stage>>,
    retired: Mutex<Option<Stage>>,
}

impl Wings {
    /// Does what the audio thread has asked for.
    pub fn run(&self, task: Task, params: &Arc<RetortParams>, status: &Arc<Status>) {
        drop(self.retired.lock().unwrap_or_else(PoisonError::into_inner).take());
        match task {
            Task::Prepare(config) => match Stage::new(config, params, status) {
                Ok(stage) => *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage),
                Err(error) => nice_error!("{error}"),
            },
            Task::Settle { config, latency_samples, meters } => {
                status.activated(config.sample_rate_hz, latency_samples, &meters);
            }
        }
    }
}

/// The audio thread's side.
#[derive(Default)]
pub struct Handover {
    wings: Arc<Wings>,
    /// What the stage in the wings is made for.
    asked: Option<EngineConfig>,
    /// Samples since then.
    waited: u32,
}

impl Handover {
    #[must_use]
    pub fn wings(&self) -> Arc<Wings> {
        Arc::clone(&self.wings)
    }

    /// For the host's own activations, which make whatever was prepared superfluous. Not for the audio thread.
    pub fn forget(&mut self) {
        self.asked = None;
        drop(self.wings.next.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Once a block of `len` samples. A [`Task::Settle`] means that `stage` is another now, whose latency is to be reported.
    pub fn step(&mut self, stage: &mut Stage, params: &RetortParams, len: usize) -> Option<Task> {
        if !stage.is_outdated(params) {
            self.asked = None;
            return None;
        }
        let wanted = stage.wanted(params);
        if self.asked != Some(wanted) {
            (self.asked, self.waited) = (Some(wanted), 0);
            return Some(Task::Prepare(wanted));
        }
        self.waited = self.waited.saturating_add(len as u32);
        if self.waited < wanted.sample_rate_hz / PATIENCE || !self.exchange(stage, wanted) {
            return None;
        }
        self.asked = None;
        Some(Task::Settle {
            config: wanted,
            latency_samples: stage.latency_samples(),
            meters: Arc::clone(stage.meters()),
        })
    }

    fn exchange(&self, stage: &mut Stage, wanted: EngineConfig) -> bool {
        let (Ok(mut next), Ok(mut retired)) = (self.wings.next.try_lock(), self.wings.retired.try_lock()) else {
            return false;
        };
        // An old stage that is still there must not be dropped here.
        if retired.is_some() || next.as_ref().is_none_or(|next| next.config() != wanted) {
            return false;
        }
        if let Some(next) = next.take() {
            *retired = Some(std::mem::replace(stage, next));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::LowestPitch;
    use crate::engine::Source;

    const RATE_HZ: u32 = 48_000;

    struct Instance {
        params: Arc<RetortParams>,
        status: Arc<Status>,
        stage: Stage,
        handover: Handover,
    }

    /// Plays notes, while its parameters have come to say `source`.
    fn instance(source: Source) -> Instance {
        let (params, status) = (Arc::new(RetortParams::new(source)), Arc::<Status>::default());
        let config =
            EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::default() };
        let stage = Stage::new(config, &params, &status).expect("48 kHz is a rate that everybody knows");
        Instance { params, status, stage, handover: Handover::default() }
    }

    impl Instance {
        fn step(&mut self, len: usize) -> Option<Task> {
            self.handover.step(&mut self.stage, &self.params, len)
        }

        fn run(&self, task: Option<Task>) {
            let task = task.expect("there is something to do");
            self.handover.wings().run(task, &self.params, &self.status);
        }
    }

    #[test]
    fn the_next_stage_takes_over_once_the_host_had_its_time() {
        let mut instance = instance(Source::Audio);
        let task = instance.step(480);
        assert!(matches!(task, Some(Task::Prepare(_))));
        instance.run(task);
        for _ in 0..9 {
            assert!(instance.step(480).is_none(), "a tenth of a second is not over");
            assert_eq!(instance.stage.latency_samples(), 0);
        }
        let task = instance.step(480);
        assert!(matches!(task, Some(Task::Settle { .. })));
        let expected = LowestPitch::default().latency_samples(RATE_HZ);
        assert_eq!(instance.stage.latency_samples(), expected);
        instance.run(task);
        assert!((instance.status.latency_ms() - expected as f32 / 48.0).abs() < 1e-3);
        assert!(instance.step(480).is_none());
    }

    #[test]
    fn what_was_prepared_for_other_settings_never_plays() {
        let mut instance = instance(Source::Audio);
        let other = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Audio, lowest_pitch: LowestPitch::Hz40 };
        assert!(instance.step(480).is_some());
        instance.run(Some(Task::Prepare(other)));
        for _ in 0..100 {
            assert!(instance.step(480).is_none());
        }
        assert_eq!(instance.stage.latency_samples(), 0);
    }

    #[test]
    fn a_stage_that_suits_is_left_alone() {
        let mut instance = instance(Source::Notes);
        for _ in 0..100 {
            assert!(instance.step(480).is_none());
        }
    }
}
