//! Makes models ready to sound on a thread of its own. The latest request wins.

use std::sync::mpsc::{self, Receiver, Sender};

use crate::{
    library::{Built, Library, Sound, Unplayable, tunings::SavedTuning},
    panel::ModelEntry,
};

/// A model for a sample rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: String,
    /// The id of a second model to mix in.
    pub blend: Option<String>,
    /// `None` is twelve equal steps.
    pub tuning: Option<SavedTuning>,
    pub sample_rate_hz: u32,
}

/// What a request has led to.
pub struct Answer {
    pub request: Request,
    pub result: Result<Built, Unplayable>,
}

/// The loading thread. Dropping it ends it after the model that it is loading.
pub struct Loader {
    requests: Sender<Request>,
    answers: Receiver<Answer>,
}

impl Loader {
    /// `done` is called on the loading thread after each answer.
    pub fn start(done: impl Fn() + Send + 'static) -> Self {
        let (requests, wanted) = mpsc::channel::<Request>();
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(first) = wanted.recv() {
                let request = wanted.try_iter().last().unwrap_or(first);
                let result = build(&request);
                if sender.send(Answer { request, result }).is_err() {
                    return;
                }
                done();
            }
        });
        Self { requests, answers }
    }

    /// Asks for a model; what was asked for before and is not begun is forgotten.
    pub fn request(&self, request: Request) {
        // The thread lives as long as this.
        let _ = self.requests.send(request);
    }

    /// The next answer, if there is one.
    pub fn poll(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

fn build(request: &Request) -> Result<Built, Unplayable> {
    let Request { id, blend, tuning, sample_rate_hz } = request;
    let sound = Sound { id, blend: blend.as_deref(), tuning: tuning.as_ref() };
    Library::standard().build(sound, *sample_rate_hz)
}

/// Every model on this machine, for the panel. Reads the files' headers only.
pub fn list() -> Vec<ModelEntry> {
    Library::standard().list().iter().map(ModelEntry::from).collect()
}
