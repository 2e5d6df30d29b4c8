//! Listening to a result: reads the file on a thread of its own and hands it to the audio thread.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver, TryRecvError},
    },
};

use crate::{
    app::preview::Preview,
    offline::{audio_file, resample::resample},
};

/// What is listened to, if anything.
#[derive(Default)]
pub struct Playback {
    now: Option<(PathBuf, Arc<AtomicBool>)>,
    loading: Option<Receiver<Result<Preview, String>>>,
}

impl Playback {
    /// Begins to read `path`; whatever sounds ends. `wake` is called on the reading thread when it is read.
    pub fn play(&mut self, path: &Path, output_rate_hz: u32, wake: impl FnOnce() + Send + 'static) {
        self.stop();
        let stop = Arc::<AtomicBool>::default();
        let (sender, receiver) = mpsc::channel();
        let (name, stopped) = (path.to_owned(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let read = audio_file::read(&name).map_err(|error| error.to_string());
            let preview = read.map(|recording| {
                Preview::new(resample(&recording.samples, recording.sample_rate_hz, output_rate_hz), stopped)
            });
            // Something else may be wanted by now.
            let _ = sender.send(preview);
            wake();
        });
        self.now = Some((path.to_owned(), stop));
        self.loading = Some(receiver);
    }

    /// Ends what sounds.
    pub fn stop(&mut self) {
        if let Some((_, stop)) = self.now.take() {
            stop.store(true, Relaxed);
        }
        self.loading = None;
    }

    /// Whether `path` sounds, or is about to.
    pub fn is_playing(&self, path: &Path) -> bool {
        self.now.as_ref().is_some_and(|(now, stop)| now == path && !stop.load(Relaxed))
    }

    /// Whether anything sounds; its end has to be seen.
    pub fn is_busy(&self) -> bool {
        self.now.as_ref().is_some_and(|(_, stop)| !stop.load(Relaxed))
    }

    /// What has been read since, for the audio thread, or why it cannot be.
    pub fn poll(&mut self) -> Option<Result<Box<Preview>, String>> {
        let read = match self.loading.as_ref()?.try_recv() {
            Ok(read) => read,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the file cannot be read".into()),
        };
        self.loading = None;
        if read.is_err() {
            self.now = None;
        }
        Some(read.map(Box::new))
    }
}
