//! Makes models ready to sound on a thread of its own. The latest request wins.

use std::sync::mpsc::{self, Receiver, Sender};

use super::AppError;
use crate::{
    engine::Instrument,
    library::{Choice, Library, LibraryError, tunings::SavedTuning},
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
    pub result: Result<Built, AppError>,
}

/// An instrument, and what is wrong with its second model if that is not in it.
pub struct Built {
    pub instrument: Box<Instrument>,
    pub without_blend: Option<AppError>,
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

fn build(request: &Request) -> Result<Built, AppError> {
    let failed = |id: &str, reason: String| AppError::Model { id: id.to_owned(), reason };
    let load = |id: &str, missing: fn(String) -> AppError| {
        Library::standard().load(id).map_err(|error| match error {
            LibraryError::Unknown { id, .. } => missing(id),
            other => failed(id, other.to_string()),
        })
    };
    let first = load(&request.id, AppError::NoModel)?;
    let (rate_hz, tuning) = (request.sample_rate_hz, request.tuning.as_ref());
    let mut without_blend = None;
    if let Some(id) = &request.blend {
        let both = load(id, AppError::NoBlend).and_then(|second| {
            first
                .instrument(Choice { blend: Some(&second), tuning }, rate_hz)
                .map_err(|error| failed(id, error.to_string()))
        });
        match both {
            Ok(instrument) => return Ok(Built { instrument: Box::new(instrument), without_blend }),
            Err(error) => without_blend = Some(error),
        }
    }
    let instrument = first
        .instrument(Choice { blend: None, tuning }, rate_hz)
        .map_err(|error| failed(&request.id, error.to_string()))?;
    Ok(Built { instrument: Box::new(instrument), without_blend })
}

/// Every model on this machine, for the panel. Reads the files' headers only.
pub fn list() -> Vec<ModelEntry> {
    Library::standard().list().iter().map(ModelEntry::from).collect()
}
