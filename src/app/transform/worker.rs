//! Works through the list, file by file.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{Item, List, State, names};
use crate::{
    analysis::LowestPitch,
    library::{Choice, LoadedModel},
    offline::{
        Observer, OfflineError, Stage, output_file,
        render::{Found, Job, render},
    },
};

/// Between two news about one file.
const NEWS_INTERVAL: Duration = Duration::from_millis(100);
/// Before that, nobody can say how long it takes.
const LEAST_SHARE: f32 = 0.03;
/// Listening takes about this share of the time for a recording.
const LISTENING_SHARE: f32 = 0.3;

/// What the working thread needs.
pub struct Worker<L, C> {
    pub list: List,
    pub load: L,
    pub changed: C,
}

impl<L: Fn(&str) -> Result<Arc<LoadedModel>, String>, C: Fn()> Worker<L, C> {
    /// Works until nothing waits any more.
    pub fn all(&self) {
        while let Some((index, item)) = self.next() {
            let outcome = self.transform(index, &item);
            self.publish(index, outcome);
        }
    }

    fn next(&self) -> Option<(usize, Item)> {
        let items = self.list.lock();
        items
            .iter()
            .enumerate()
            .find(|(_, item)| item.state == State::Waiting)
            .map(|(index, item)| (index, item.clone()))
    }

    fn publish(&self, index: usize, state: State) {
        if let Some(item) = self.list.lock().get_mut(index) {
            item.state = state;
        }
        (self.changed)();
    }

    /// Makes one result and gives the state in which that leaves the file.
    fn transform(&self, index: usize, item: &Item) -> State {
        let target = names::target(&item.input, &item.model_id);
        let working = Working {
            worker: self,
            index,
            item,
            target: &target,
            began: Instant::now(),
            told_at: None,
            stage: Stage::Listening,
            length: 0,
            notes: Vec::new(),
        };
        match working.run() {
            Ok((path, notes)) => State::Done { path, notes },
            Err(Failure::Offline(OfflineError::Cancelled)) => State::Cancelled,
            Err(Failure::Offline(error)) => State::Failed(error.to_string()),
            Err(Failure::Model(reason)) => State::Failed(reason),
        }
    }
}

enum Failure {
    Offline(OfflineError),
    Model(String),
}

impl From<OfflineError> for Failure {
    fn from(error: OfflineError) -> Self {
        Self::Offline(error)
    }
}

/// One file that is being worked on.
struct Working<'a, L, C> {
    worker: &'a Worker<L, C>,
    index: usize,
    item: &'a Item,
    target: &'a Path,
    began: Instant,
    told_at: Option<Instant>,
    stage: Stage,
    /// Of the stage, in steps.
    length: usize,
    notes: Vec<String>,
}

impl<L: Fn(&str) -> Result<Arc<LoadedModel>, String>, C: Fn()> Working<'_, L, C> {
    fn run(mut self) -> Result<(PathBuf, Vec<String>), Failure> {
        self.tell(0.0);
        // Better now than after minutes of work.
        output_file::check(self.target)?;
        let loaded = (self.worker.load)(&self.item.model_id).map_err(Failure::Model)?;
        let sound = &self.item.sound;
        let second = sound.blend.as_deref().map(&self.worker.load).transpose().map_err(Failure::Model)?;
        let job = Job {
            input: &self.item.input,
            output: self.target,
            loaded: &loaded,
            choice: Choice { blend: second.as_deref(), tuning: sound.tuning.as_ref() },
            settings: sound.settings,
            is_matched: true,
            rate_hz: None,
            // What `retort render` takes: nobody waits for what is not live.
            lowest_pitch: LowestPitch::Hz40,
            seed: 0,
        };
        let mut found = None;
        let rendered = render(&job, &mut self, &mut |new: &Found| found = Some(*new))?;
        if self.is_cancelled() {
            return Err(OfflineError::Cancelled.into());
        }
        let path = output_file::write_new_wav(self.target, &rendered.samples, rendered.rate_hz)?;
        if let Some(found) = found {
            let moved = found.changes().filter(|_| found.is_pitched);
            self.notes.extend(moved.map(|changes| format!("moved by {changes} to suit the instrument")));
            self.notes.extend(found.warning());
        }
        let over = rendered.over_db().map(|db| format!("peaks {db:.1} dB above full scale; turn Output down for less"));
        self.notes.extend(over);
        Ok((path, self.notes))
    }

    fn is_cancelled(&self) -> bool {
        self.item.cancel.load(Relaxed)
    }

    /// Publishes how far it is; `share` is of the whole, 0 to 1.
    fn tell(&mut self, share: f32) {
        let now = Instant::now();
        if self.told_at.is_some_and(|at| now - at < NEWS_INTERVAL) {
            return;
        }
        self.told_at = Some(now);
        let remaining = (share >= LEAST_SHARE).then(|| self.began.elapsed().mul_f32((1.0 - share) / share));
        let state = State::Working { target: self.target.into(), stage: self.stage, share, remaining };
        self.worker.publish(self.index, state);
    }
}

impl<L: Fn(&str) -> Result<Arc<LoadedModel>, String>, C: Fn()> Observer for Working<'_, L, C> {
    fn begin(&mut self, stage: Stage, length: usize) {
        (self.stage, self.length) = (stage, length);
    }

    fn advance(&mut self, done: usize) -> ControlFlow<()> {
        let part = (done as f32 / self.length.max(1) as f32).min(1.0);
        let share = match self.stage {
            Stage::Listening => LISTENING_SHARE * part,
            Stage::Rendering => LISTENING_SHARE + (1.0 - LISTENING_SHARE) * part,
            Stage::Playing => part,
        };
        self.tell(share);
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self) {}

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}
