//! Loads models beside the audio thread. In: the song's model ids and the automated slot. Out: instruments that are ready
//! to sound, through a lock-free queue; the ones that have sounded come back through another and are dropped here.
//!
//! Each activation has one loader thread. It looks for changes itself, every [`PATIENCE`]: the audio thread wakes nobody,
//! because that would be a system call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};

use super::models;
use super::params::RetortParams;
use super::status::Status;
use crate::engine::Instrument;
use crate::library::{Sound, Unplayable, tunings::SavedTuning};
use crate::panel::{Banner, Severity};

/// Between two looks at what is wanted.
const PATIENCE: Duration = Duration::from_millis(10);
/// Between two looks for a model that was not there.
const RETRY: Duration = Duration::from_secs(2);
/// The longest that an offline render waits for a model.
const LONGEST_LOAD: Duration = Duration::from_secs(30);

/// The audio thread's end.
pub struct Loader {
    ready: Consumer<Box<Instrument>>,
    retired: Producer<Box<Instrument>>,
    answer: Arc<Answer>,
    thread: Option<JoinHandle<()>>,
}

/// What the loader has got to.
#[derive(Debug)]
struct Answer {
    /// The [`request`] that was served last.
    served: AtomicU64,
    /// The wanted model cannot be played: nothing sounds in its place.
    missing: AtomicBool,
    stop: AtomicBool,
}

/// Everything that decides which model is wanted, as one number that the audio thread can compare.
fn request(params: &RetortParams) -> u64 {
    u64::from(params.song.revision()) << 8 | params.slot() as u64
}

impl Loader {
    /// Loads what is wanted now, which may take some milliseconds, and begins to look for changes. The instrument is
    /// `None` if its model is missing.
    pub fn start(
        params: &Arc<RetortParams>,
        status: &Arc<Status>,
        sample_rate_hz: u32,
    ) -> (Self, Option<Box<Instrument>>) {
        let (ready_in, ready) = RingBuffer::new(4);
        let (retired, retired_out) = RingBuffer::new(16);
        let answer = Arc::new(Answer {
            served: AtomicU64::new(request(params)),
            missing: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let mut worker = Worker {
            params: Arc::clone(params),
            status: Arc::clone(status),
            answer: Arc::clone(&answer),
            sample_rate_hz,
            ready: ready_in,
            retired: retired_out,
            playing: None,
            finished: None,
            tried: Instant::now(),
        };
        let playable = worker.load();
        answer.missing.store(!playable, Ordering::Release);
        let first = worker.finished.take();
        let thread = thread::Builder::new().name("retort loader".into()).spawn(move || worker.run());
        if let Err(error) = &thread {
            status.say(Some(Banner {
                severity: Severity::Warning,
                text: format!("Other models cannot be loaded: {error}."),
            }));
        }
        (Self { ready, retired, answer, thread: thread.ok() }, first)
    }

    /// The next instrument to play, if there is one and the old one could be taken back.
    pub fn next(&mut self) -> Option<Box<Instrument>> {
        // A swap gives back at most two: the one that has faded out and one that never got to play.
        if self.retired.slots() < 2 { None } else { self.ready.pop().ok() }
    }

    /// Whether an instrument can be handed back with [`Loader::retire`].
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.retired.slots() > 0
    }

    /// Hands an instrument back to be dropped. The queue has room: see [`Loader::next`] and [`Loader::has_room`].
    pub fn retire(&mut self, instrument: Box<Instrument>) {
        if let Err(rtrb::PushError::Full(instrument)) = self.retired.push(instrument) {
            // Never on the audio thread. It can't come to this, and a leak is the lesser harm.
            std::mem::forget(instrument);
        }
    }

    /// Whether the wanted model cannot be played.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.answer.missing.load(Ordering::Acquire)
    }

    /// Offline only: waits until what is wanted now is there, or known to be missing.
    pub fn wait(&self, params: &RetortParams) {
        let Some(thread) = &self.thread else { return };
        let since = Instant::now();
        let behind = || self.answer.served.load(Ordering::Acquire) != request(params);
        while behind() && !thread.is_finished() && since.elapsed() < LONGEST_LOAD {
            thread.thread().unpark();
            thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.answer.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A host may unload the library after this, so no thread may be left. A panic there has been reported.
            let _ = thread.join();
        }
    }
}

struct Worker {
    params: Arc<RetortParams>,
    status: Arc<Status>,
    answer: Arc<Answer>,
    sample_rate_hz: u32,
    ready: Producer<Box<Instrument>>,
    retired: Consumer<Box<Instrument>>,
    /// Ids of the model that plays or is on its way, and of the one it blends with, and the tuning.
    playing: Option<(String, Option<String>, Option<SavedTuning>)>,
    /// Built, but not in the queue yet.
    finished: Option<Box<Instrument>>,
    /// When the missing model was last looked for.
    tried: Instant,
}

impl Worker {
    fn run(mut self) {
        while !self.answer.stop.load(Ordering::Acquire) {
            while let Ok(retired) = self.retired.pop() {
                drop(retired);
            }
            let asked = self.answer.served.load(Ordering::Acquire) != request(&self.params);
            if asked || (self.answer.missing.load(Ordering::Acquire) && self.tried.elapsed() > RETRY) {
                let request = request(&self.params);
                let playable = self.load();
                self.deliver();
                self.answer.missing.store(!playable, Ordering::Release);
                self.answer.served.store(request, Ordering::Release);
            } else {
                self.deliver();
                thread::park_timeout(PATIENCE);
            }
        }
    }

    /// Builds what is wanted now into `finished`, unless it plays already, and says what is wrong. `false`: missing.
    fn load(&mut self) -> bool {
        let song = &self.params.song;
        let wanted = (song.model(self.params.slot()), song.blend(), song.tuning());
        self.tried = Instant::now();
        if self.playing.as_ref() == Some(&wanted) {
            return true;
        }
        let (id, blend, tuning) = &wanted;
        let sound = Sound { id, blend: blend.as_deref(), tuning: tuning.as_ref() };
        match models::build(sound, self.sample_rate_hz) {
            Ok(built) => {
                self.finished = Some(Box::new(built.instrument));
                let alone = built.without_blend.map(|blend| without_blend(id, &blend));
                self.status.say(alone.or_else(|| self.params.song.is_newer().then(newer_song)));
                self.playing = Some(wanted);
                true
            }
            Err(Unplayable { id, reason, .. }) => {
                self.finished = None;
                self.playing = None;
                self.status.say(Some(Banner {
                    severity: Severity::Error,
                    text: format!("{id} is silent: {reason}. The song keeps its name and plays it once it is there."),
                }));
                false
            }
        }
    }

    /// Passes on what is finished. While the host does not process, the queue may be full; a later request replaces it.
    fn deliver(&mut self) {
        if let Some(finished) = self.finished.take() {
            self.finished = self.ready.push(finished).err().map(|rtrb::PushError::Full(finished)| finished);
        }
    }
}

fn without_blend(id: &str, blend: &Unplayable) -> Banner {
    let Unplayable { id: blend, reason, .. } = blend;
    Banner {
        severity: Severity::Warning,
        text: format!("{id} plays without {blend}, which it should blend with: {reason}. The song keeps its name."),
    }
}

fn newer_song() -> Banner {
    Banner {
        severity: Severity::Warning,
        text: "This song was saved by a newer Retort; settings that this one does not know are lost when it is saved."
            .into(),
    }
}
