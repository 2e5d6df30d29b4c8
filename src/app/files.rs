//! Everything of the application that makes files: recordings of what is played, and files that are dropped on the
//! window. The window shows it; the player lends its audio thread.

use std::path::{Path, PathBuf};

use egui::Context;

use super::{
    AppError,
    player::Player,
    recorder::{self, Recorder},
    renderer::Listener,
    transform::{Item, Transforms, overlay, pasted, playback::Playback},
};
use crate::{library::Library, panel::PanelHost};

/// Recordings, dropped files, and what is listened to of their results.
pub struct Files {
    recorder: Recorder,
    transforms: Transforms,
    playback: Playback,
    list_is_shown: bool,
}

impl Files {
    /// `wake` is called on other threads when there is something new to show.
    pub fn start(wake: impl Fn() + Send + 'static) -> Self {
        let load = |id: &str| Library::standard().load(id).map_err(|error| error.to_string());
        Self {
            recorder: Recorder::default(),
            transforms: Transforms::start(load, wake),
            playback: Playback::default(),
            list_is_shown: false,
        }
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Every file that was dropped, until the list is closed.
    pub fn items(&self) -> Vec<Item> {
        self.transforms.items()
    }

    /// Begins or ends a recording.
    pub fn toggle_recording(&mut self, player: &mut Player, ctx: &Context) {
        if self.recorder.elapsed_s().is_some() {
            self.recorder.stop();
            return;
        }
        let Some(rate_hz) = player.sample_rate_hz() else { return };
        let Some(folder) = recorder::folder() else {
            player.show_file_problem(Some(AppError::NoRecordingFolder));
            return;
        };
        let problem = match self.recorder.start(&folder, rate_hz, wake(ctx)) {
            // A tap that nobody takes ends the recording by itself.
            Ok(tap) => (!player.listen(Listener::Recording(tap))).then_some(AppError::Stuck),
            Err(error) => Some(error),
        };
        player.show_file_problem(problem);
    }

    /// Takes the files that were dropped on the window or pasted into it.
    pub fn take_from(&mut self, ctx: &Context, player: &Player) {
        self.add(&given(ctx), player);
    }

    /// Has files played by the model and with the settings that are chosen now.
    pub fn add(&mut self, paths: &[PathBuf], player: &Player) {
        for path in paths {
            // A name in the folder that the program was started in is of no use in the list.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            self.transforms.add(path, player.model_id(), player.sound());
            self.list_is_shown = true;
        }
    }

    pub fn show_list(&mut self) {
        self.list_is_shown = true;
    }

    /// Shows the list over the window, if there is one to show.
    pub fn show(&mut self, ctx: &Context, player: &mut Player, accent: egui::Color32) {
        if ctx.input(|input| !input.raw.hovered_files.is_empty()) {
            overlay::show_drop_sign(ctx, player.model_id(), accent);
        }
        let items = self.transforms.items();
        if items.is_empty() || !self.list_is_shown {
            return;
        }
        let can_play = player.sample_rate_hz().is_some();
        let is_playing = |path: &Path| self.playback.is_playing(path);
        match overlay::show(ctx, &items, accent, can_play, is_playing) {
            Some(overlay::Wish::Cancel(index)) => self.transforms.cancel(index),
            Some(overlay::Wish::Play(path)) => {
                if let Some(rate_hz) = player.sample_rate_hz() {
                    self.playback.play(&path, rate_hz, wake(ctx));
                }
            }
            Some(overlay::Wish::Stop) => self.playback.stop(),
            Some(overlay::Wish::Hide) => self.list_is_shown = false,
            Some(overlay::Wish::Clear) => {
                self.playback.stop();
                self.transforms.clear();
                self.list_is_shown = false;
            }
            None => {}
        }
    }

    /// Takes over what other threads have done.
    pub fn poll(&mut self, player: &mut Player) {
        if let Some(problem) = self.recorder.poll() {
            player.show_file_problem(Some(problem));
        }
        match self.playback.poll() {
            Some(Ok(preview)) => {
                let is_heard = player.listen(Listener::Preview(preview));
                if !is_heard {
                    self.playback.stop();
                }
            }
            Some(Err(reason)) => player.show_file_problem(Some(AppError::Playback(reason))),
            None => {}
        }
    }

    /// Whether something moves that no other thread wakes the window for.
    pub fn is_moving(&self) -> bool {
        self.recorder.elapsed_s().is_some() || self.playback.is_busy()
    }

    /// Completes what is being written, for a window that closes.
    pub fn finish(&mut self) {
        self.playback.stop();
        self.recorder.finish();
    }
}

/// Files that were dropped on the window, or pasted while nothing is typed into a field.
fn given(ctx: &Context) -> Vec<PathBuf> {
    let is_typing = ctx.text_edit_focused();
    ctx.input(|input| {
        let dropped = input.raw.dropped_files.iter().map(|file| file.path().to_owned());
        let pasted = input.events.iter().filter_map(|event| match event {
            egui::Event::Paste(text) if !is_typing => Some(pasted(text)),
            _ => None,
        });
        dropped.chain(pasted.flatten()).collect()
    })
}

fn wake(ctx: &Context) -> impl Fn() + Send + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egui::{DroppedFile, Event, RawInput};

    use super::*;

    #[derive(Debug)]
    struct File(PathBuf);

    impl DroppedFile for File {
        fn path(&self) -> &Path {
            &self.0
        }

        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("nobody reads it here".into())
        }
    }

    #[test]
    fn files_are_dropped_and_pasted() {
        let files = ["/a.wav", "/b.mid"].map(PathBuf::from);
        let input = RawInput {
            dropped_files: vec![Arc::new(File(files[0].clone()))],
            events: vec![Event::Paste("file:///b.mid".into()), Event::Paste("440".into())],
            ..RawInput::default()
        };
        let (ctx, mut taken) = (Context::default(), Vec::new());
        ctx.run_ui(input, |ui| taken.extend(given(ui.ctx()))).drop_without_applying_deltas();
        assert_eq!(taken, files);
        ctx.run_ui(RawInput::default(), |ui| assert!(given(ui.ctx()).is_empty())).drop_without_applying_deltas();
    }
}
