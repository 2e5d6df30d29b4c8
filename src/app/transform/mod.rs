//! Files that are played by an instrument, one after the other, on a thread of their own: recordings are followed, MIDI
//! files are played, as `retort render` does. Results lie beside their inputs and replace nothing.

mod names;
pub mod overlay;
pub mod playback;
mod worker;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Sender},
    },
    time::Duration,
};

use crate::{
    engine::Settings,
    library::{LoadedModel, tunings::SavedTuning},
    offline::Stage,
};
pub use names::pasted;

/// One file and what has become of it.
#[derive(Clone, Debug)]
pub struct Item {
    pub input: PathBuf,
    /// Of the model that plays it.
    pub model_id: String,
    sound: Sound,
    pub state: State,
    cancel: Arc<AtomicBool>,
}

/// How a model is to sound.
#[derive(Clone, Debug, Default)]
pub struct Sound {
    /// The id of a second model to mix in.
    pub blend: Option<String>,
    pub tuning: Option<SavedTuning>,
    pub settings: Settings,
}

/// What has become of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Waiting,
    Working {
        target: PathBuf,
        stage: Stage,
        /// 0 to 1, of everything.
        share: f32,
        /// Once it can be told.
        remaining: Option<Duration>,
    },
    Done {
        path: PathBuf,
        /// What the user should know, a sentence each.
        notes: Vec<String>,
    },
    /// With the reason, which names the file.
    Failed(String),
    Cancelled,
}

impl Item {
    /// Whether it waits or is worked on.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting | State::Working { .. })
    }
}

/// All files since the list was cleared, in order; the window and the worker share it.
#[derive(Clone, Default)]
struct List(Arc<Mutex<Vec<Item>>>);

impl List {
    fn lock(&self) -> MutexGuard<'_, Vec<Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The working thread and its list. Dropping it ends the thread soon; nothing half done is left.
pub struct Transforms {
    list: List,
    /// Wakes the worker after something was added.
    added: Sender<()>,
}

impl Transforms {
    /// `load` finds models by their ids. `changed` is called on the working thread when there is something new to show.
    pub fn start(
        load: impl Fn(&str) -> Result<Arc<LoadedModel>, String> + Send + 'static,
        changed: impl Fn() + Send + 'static,
    ) -> Self {
        let list = List::default();
        let (added, wake) = mpsc::channel();
        let work = worker::Worker { list: list.clone(), load, changed };
        std::thread::spawn(move || {
            while wake.recv().is_ok() {
                work.all();
            }
        });
        Self { list, added }
    }

    /// Has `input` played by a model like this, after all that is in the list.
    pub fn add(&self, input: PathBuf, model_id: &str, sound: Sound) {
        self.list.lock().push(Item {
            input,
            model_id: model_id.to_owned(),
            sound,
            state: State::Waiting,
            cancel: Arc::default(),
        });
        // The thread lives as long as this.
        let _ = self.added.send(());
    }

    /// The list as it is now.
    pub fn items(&self) -> Vec<Item> {
        self.list.lock().clone()
    }

    /// Ends the work on the file at `index`, or before it begins.
    pub fn cancel(&self, index: usize) {
        if let Some(item) = self.list.lock().get_mut(index).filter(|item| item.is_open()) {
            item.cancel.store(true, Relaxed);
            if item.state == State::Waiting {
                item.state = State::Cancelled;
            }
        }
    }

    /// Forgets what is done. Does nothing while there is work, whose place in the list must stay.
    pub fn clear(&self) {
        let mut items = self.list.lock();
        if !items.iter().any(Item::is_open) {
            items.clear();
        }
    }
}

impl Drop for Transforms {
    fn drop(&mut self) {
        self.list.lock().iter_mut().for_each(|item| {
            item.cancel.store(true, Relaxed);
            if item.state == State::Waiting {
                item.state = State::Cancelled;
            }
        });
    }
}

#[cfg(test)]
mod tests;
