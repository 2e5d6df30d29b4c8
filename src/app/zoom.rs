//! The size of everything in the window: what the user has chosen, within what is sensible and fits on the screen.

use egui::{Context, Vec2, ViewportCommand, vec2};

use crate::panel::zoom::{RANGE, limit};

/// Height of a screen that the window's title and the desktop take, in points.
const SCREEN_BARS: f32 = 64.0;

/// The zoom of a window that holds the same at every size.
pub struct Zoom {
    factor: f32,
    /// Of the window at 100 %, in points.
    size: Vec2,
}

impl Zoom {
    /// As it was remembered, for a window whose size at 100 % is `size` in points.
    pub fn new(factor: f32, size: Vec2) -> Self {
        Self { factor: limit(factor), size }
    }

    pub fn factor(&self) -> f32 {
        self.factor
    }

    /// In points of a zoom of 100 %.
    pub fn window_size(&self) -> Vec2 {
        self.size * self.factor
    }

    /// Makes the window follow the zoom, which egui changes by Ctrl and plus, minus or 0, as far as the screen has room. Gives a zoom that the user has chosen now, to be remembered.
    pub fn follow(&mut self, ctx: &Context) -> Option<f32> {
        let screen = ctx.input(|input| input.viewport().monitor_size);
        let most = screen.map_or(*RANGE.end(), |screen| fitting(self.size, screen * ctx.zoom_factor()));
        if most < self.factor {
            self.set(ctx, most);
            return None;
        }
        let wanted = limit(ctx.zoom_factor()).min(most);
        if wanted == self.factor {
            // What egui was asked for beyond the range.
            if wanted != ctx.zoom_factor() {
                ctx.set_zoom_factor(wanted);
            }
            return None;
        }
        self.set(ctx, wanted);
        Some(wanted)
    }

    fn set(&mut self, ctx: &Context, factor: f32) {
        self.factor = factor;
        ctx.set_zoom_factor(factor);
        // In points of the zoom that holds for this picture.
        let size = self.window_size() / ctx.zoom_factor();
        ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(size));
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
    }
}

/// The largest zoom with which a window of this size fits on a screen, both in points of a zoom of 100 %.
fn fitting(size: Vec2, screen: Vec2) -> f32 {
    let fitting = ((screen - vec2(0.0, SCREEN_BARS)) / size).min_elem();
    // In steps of 5 %, which look meant.
    ((fitting * 20.0).floor() / 20.0).max(*RANGE.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_screen_gets_a_smaller_window_down_to_what_can_be_read() {
        let size = vec2(1_000.0, 934.0);
        assert!(fitting(size, vec2(1_920.0, 1_080.0)) > 1.0);
        let small = fitting(size, vec2(1_366.0, 864.0));
        assert!(small < 1.0 && small * size.y <= 800.0);
        assert_eq!(fitting(size, vec2(800.0, 480.0)), 0.75);
    }
}
