//! What the user sees while a command works: a bar on a terminal, notes on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::plain::plain;

/// A bar that counts `length` steps of any kind. It is drawn on a terminal only, and is gone when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    #[must_use]
    pub fn new(what: &'static str, length: usize) -> Self {
        let bar = ProgressBar::new(length as u64);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub fn set(&self, position: usize) {
        self.0.set_position(position as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Says what was done with `subject` that the user did not ask for in so many words.
pub fn note(subject: &impl std::fmt::Display, text: &str) {
    eprintln!("{}: {}", plain(&subject.to_string()), plain(text));
}
