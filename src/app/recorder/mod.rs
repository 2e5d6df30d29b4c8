//! Records what is played into a WAV file.
//!
//! ```text
//! audio thread: Tap ── queue ──> writer thread ──> WavFile
//! ```
//!
//! The window starts and stops a recording and asks how far it is. A stopped recording ends when the audio thread has
//! given its [`Tap`] back, so that nothing that was heard before is missing.

mod tap;
mod wav_file;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use super::AppError;
use crate::offline::output_file;
pub use tap::{Tap, TapState};
use wav_file::WavFile;

/// The folder in the user's own one for music.
const FOLDER: &str = "Retort";
/// How long closing the window may take for the sake of a recording.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is being recorded, and what was recorded last.
#[derive(Default)]
pub struct Recorder {
    running: Option<Running>,
    saved: Option<PathBuf>,
}

struct Running {
    path: PathBuf,
    sample_rate_hz: u32,
    state: Arc<TapState>,
    end: Receiver<io::Result<()>>,
    /// Whether the user has ended it.
    is_asked: bool,
}

impl Recorder {
    /// Begins a recording in `folder`, which is made if it is not there, and gives the audio thread's end of it. `wake`
    /// is called on the writing thread once it is over.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn start(
        &mut self,
        folder: &Path,
        sample_rate_hz: u32,
        wake: impl FnOnce() + Send + 'static,
    ) -> Result<Tap, AppError> {
        let failed = |reason: io::Error| AppError::NoRecording { folder: folder.into(), reason: words(&reason) };
        fs::create_dir_all(folder).map_err(failed)?;
        let (path, file) = output_file::create_free(&first_name(folder)).map_err(failed)?;
        let mut file = WavFile::create(file, sample_rate_hz).map_err(|error| {
            // An empty file is of no use to anybody.
            let _ = fs::remove_file(&path);
            failed(error)
        })?;
        let state = Arc::<TapState>::default();
        let (tap, queue) = Tap::new(sample_rate_hz, Arc::clone(&state));
        let (sender, end) = mpsc::channel();
        let writer_state = Arc::clone(&state);
        std::thread::spawn(move || {
            let written = writer::write(queue, &mut file, &writer_state);
            // The window may be closed by now.
            let _ = sender.send(written);
            wake();
        });
        self.saved = None;
        self.running = Some(Running { path, sample_rate_hz, state, end, is_asked: false });
        Ok(tap)
    }

    /// Ends the recording, if there is one; what was played until now is still written.
    pub fn stop(&mut self) {
        if let Some(running) = &mut self.running {
            running.is_asked = true;
            running.state.stop();
        }
    }

    /// Seconds that are in the file so far; `None` while nothing is recorded.
    pub fn elapsed_s(&self) -> Option<f64> {
        let running = self.running.as_ref()?;
        Some(running.state.written_frames() as f64 / f64::from(running.sample_rate_hz))
    }

    /// The file that is being written, or the last one that was.
    pub fn path(&self) -> Option<&Path> {
        self.running.as_ref().map(|running| running.path.as_path()).or(self.saved.as_deref())
    }

    /// Looks whether a recording has ended. Gives what went wrong with it, if anything.
    pub fn poll(&mut self) -> Option<AppError> {
        let end = match self.running.as_ref()?.end.try_recv() {
            Ok(end) => end,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the writer has ended")),
        };
        self.close(end)
    }

    /// Stops and waits until the file is complete, at most a few seconds.
    pub fn finish(&mut self) {
        self.stop();
        let Some(running) = &self.running else { return };
        let end = match running.end.recv_timeout(PATIENCE) {
            Ok(end) => end,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        };
        // Nobody is left to be told.
        let _ = self.close(end);
    }

    fn close(&mut self, end: io::Result<()>) -> Option<AppError> {
        let Running { path, sample_rate_hz, state, is_asked, .. } = self.running.take()?;
        let problem = match end {
            Err(error) => Some(AppError::Recording { path: path.clone(), reason: words(&error) }),
            Ok(()) if state.lost_frames() > 0 => {
                let seconds = state.lost_frames() as f64 / f64::from(sample_rate_hz);
                Some(AppError::RecordingGaps { path: path.clone(), seconds })
            }
            // The audio thread has gone without being asked to.
            Ok(()) if !is_asked => Some(AppError::RecordingCut { path: path.clone() }),
            Ok(()) => None,
        };
        self.saved = Some(path);
        problem
    }
}

/// Where recordings go: the user's folder for music, else the one for documents, else the home folder.
pub fn folder() -> Option<PathBuf> {
    let user = directories::UserDirs::new()?;
    let parent = user.audio_dir().or(user.document_dir()).unwrap_or(user.home_dir());
    Some(parent.join(FOLDER))
}

fn first_name(folder: &Path) -> PathBuf {
    folder.join("Recording.wav")
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".into(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "writing there is not permitted".into(),
        io::ErrorKind::FileTooLarge => "a WAV file can be no longer than 4 GiB".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
