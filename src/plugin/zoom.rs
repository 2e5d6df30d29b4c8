//! How large the plugin's window is: chosen in the panel, remembered for all instances, and never larger than the window that
//! the host gives.

use std::fs;
use std::path::PathBuf;

use egui::{Context, Vec2, ViewportCommand};

use crate::panel::{Panel, zoom};

/// Where the zoom is remembered.
fn file() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.config_dir().join("retort").join("plugin-window.json"))
}

/// What the file holds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved {
    zoom: f32,
}

/// The zoom that was chosen last in any instance; 1 is 100 %. A file that cannot be read counts as none.
#[must_use]
pub fn remembered() -> f32 {
    let text = file().and_then(|path| fs::read_to_string(path).ok());
    text.and_then(|text| serde_json::from_str::<Saved>(&text).ok()).map_or(1.0, |saved| zoom::limit(saved.zoom))
}

/// Keeps the zoom for the next window. Failing is not worth a message: the next window has the size that was kept last.
#[cfg(not(test))]
fn remember(zoom: f32) {
    let Some(path) = file() else { return };
    let text = serde_json::to_string(&Saved { zoom });
    if let (Some(folder), Ok(text)) = (path.parent(), text) {
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    }
}

/// Tests leave the user's files alone.
#[cfg(test)]
fn remember(_zoom: f32) {}

/// Keeps zoom and window together.
pub struct WindowZoom {
    /// What the user wants.
    chosen: f32,
    /// As it was in the last picture.
    shown: f32,
    /// Set here and not by the user.
    set: Option<f32>,
    /// Until when the host may take to give the window that was asked for, in seconds of egui's clock.
    waits_until_s: f64,
}

/// How long that may be.
const PATIENCE_S: f64 = 0.5;

impl WindowZoom {
    /// For a window that is made for the zoom `chosen`.
    pub fn new(chosen: f32) -> Self {
        Self { chosen, shown: 1.0, set: None, waits_until_s: 0.0 }
    }

    /// A window opens.
    pub fn open(&mut self, ctx: &Context) {
        self.shown = ctx.zoom_factor();
        self.waits_until_s = PATIENCE_S;
        if self.shown != self.chosen {
            self.set(ctx, self.chosen);
        }
    }

    /// Looks, before each picture, whether the user has chosen another zoom or the host another size. `window` is the window's
    /// size in points of a zoom of 100 %.
    pub fn follow(&mut self, ctx: &Context, window: Vec2) {
        let (now, now_s) = (ctx.zoom_factor(), ctx.input(|input| input.time));
        if now != self.shown {
            self.shown = now;
            if self.set.take() == Some(now) {
                // Without a word, the window would be made to hold as many points as before.
                ctx.send_viewport_cmd(ViewportCommand::InnerSize(window / now));
                return;
            }
            self.chosen = zoom::limit(now);
            remember(self.chosen);
            if self.chosen != now {
                self.set(ctx, self.chosen);
            }
            ctx.send_viewport_cmd(ViewportCommand::InnerSize(Panel::SIZE.into()));
            self.waits_until_s = now_s + PATIENCE_S;
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(PATIENCE_S));
        } else if now_s >= self.waits_until_s {
            // A window that is too small for what was chosen shows all of the panel, smaller; one that has grown again shows
            // it as it was chosen.
            let fitting = zoom::limit(self.chosen.min((window / Vec2::from(Panel::SIZE)).min_elem()));
            if (fitting - now).abs() > 1e-3 {
                self.set(ctx, fitting);
            }
        }
    }

    fn set(&mut self, ctx: &Context, zoom: f32) {
        self.set = Some(zoom);
        ctx.set_zoom_factor(zoom);
    }
}

#[cfg(test)]
mod tests {
    use egui::{Pos2, RawInput, Rect, ViewportId, vec2};

    use super::*;

    /// A picture at a time and in a window; gives the size that was asked for.
    fn picture(ctx: &Context, zoom: &mut WindowZoom, time_s: f64, window: Vec2) -> Option<Vec2> {
        let screen = Rect::from_min_size(Pos2::ZERO, window / ctx.zoom_factor());
        let input = RawInput { screen_rect: Some(screen), time: Some(time_s), ..RawInput::default() };
        let output = ctx.run_ui(input, |ui| zoom.follow(ui.ctx(), window));
        let commands = output.viewport_output[&ViewportId::ROOT].commands.clone();
        output.drop_without_applying_deltas();
        commands.into_iter().find_map(|command| match command {
            ViewportCommand::InnerSize(size) => Some(size * ctx.zoom_factor()),
            _ => None,
        })
    }

    #[test]
    fn a_window_that_the_host_makes_smaller_shows_all_of_the_panel_and_stays_as_small() {
        let (ctx, mut zoom) = (Context::default(), WindowZoom::new(1.0));
        let size = Vec2::from(Panel::SIZE);
        zoom.open(&ctx);
        assert_eq!(picture(&ctx, &mut zoom, 1.0, size), None);
        let small = 0.8 * size;
        assert_eq!(picture(&ctx, &mut zoom, 2.0, small), None);
        let asked = picture(&ctx, &mut zoom, 2.1, small).expect("the window is held");
        assert!((asked - small).length() < 0.1 && (ctx.zoom_factor() - 0.8).abs() < 1e-3);
        assert_eq!(picture(&ctx, &mut zoom, 2.2, small), None);
        picture(&ctx, &mut zoom, 3.0, vec2(1_400.0, 1_000.0));
        picture(&ctx, &mut zoom, 3.1, vec2(1_400.0, 1_000.0));
        assert_eq!((ctx.zoom_factor(), zoom.chosen), (1.0, 1.0), "larger than chosen it never is");
    }

    #[test]
    fn a_zoom_that_the_user_chooses_asks_for_its_window_and_stays_within_what_can_be_shown() {
        let (ctx, mut zoom) = (Context::default(), WindowZoom::new(1.5));
        let size = Vec2::from(Panel::SIZE);
        zoom.open(&ctx);
        let asked = picture(&ctx, &mut zoom, 0.1, 1.5 * size).expect("the window is held");
        assert!((asked - 1.5 * size).length() < 0.1 && ctx.zoom_factor() == 1.5);
        ctx.set_zoom_factor(1.25);
        let asked = picture(&ctx, &mut zoom, 1.0, 1.5 * size).expect("a smaller window is asked for");
        assert!((asked - 1.25 * size).length() < 0.1 && zoom.chosen == 1.25);
        ctx.set_zoom_factor(9.0);
        picture(&ctx, &mut zoom, 2.0, 1.25 * size);
        picture(&ctx, &mut zoom, 2.1, 1.25 * size);
        assert_eq!((ctx.zoom_factor(), zoom.chosen), (2.0, 2.0));
    }
}
