//! Undo and redo: what the user changed, gesture by gesture.
//!
//! A [`super::recorder::Recorder`] writes down what goes from the panel to the host. What the host changes by itself, such
//! as automation, never comes by there and is no entry.

use std::collections::VecDeque;

use crate::{
    analysis::LowestPitch,
    engine::{Setting, Source},
    preset::{LoadedPreset, is_same},
};

/// Gestures that are remembered; the oldest are forgotten first.
pub const LIMIT: usize = 200;
/// Steps of one setting that follow each other faster than this, in seconds, are one gesture: a wheel that is turned, an arrow
/// that is held.
const STEPS_S: f64 = 0.5;

/// One thing before and after a gesture.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Value(Setting, [f32; 2]),
    Model([String; 2]),
    Blend([Option<String>; 2]),
    Tuning([String; 2]),
    Source([Source; 2]),
    LowestPitch([LowestPitch; 2]),
    Bypass([bool; 2]),
    Preset([Option<LoadedPreset>; 2]),
}

/// What one gesture changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// For the buttons' tooltips: `Transpose`.
    pub name: String,
    pub changes: Vec<Change>,
}

/// A setting that the user holds.
struct Held {
    setting: Setting,
    before: f32,
    now: f32,
}

/// What can be undone and redone.
#[derive(Default)]
pub struct History {
    done: VecDeque<Entry>,
    undone: Vec<Entry>,
    held: Vec<Held>,
    /// Settings that were let go while others are still held: they are one gesture.
    let_go: Vec<(&'static str, Change)>,
    /// The entry that several changes are collected in.
    group: Option<Entry>,
    /// The setting whose step is the last entry, and when it was made.
    last_step: Option<(Setting, f64)>,
}

impl History {
    /// The name of what an undo would take back.
    pub fn next_undo(&self) -> Option<&str> {
        self.done.back().map(|entry| entry.name.as_str())
    }

    /// The name of what a redo would do again.
    pub fn next_redo(&self) -> Option<&str> {
        self.undone.last().map(|entry| entry.name.as_str())
    }

    /// How many gestures can be undone, up to [`LIMIT`].
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether the user holds a setting: then nothing is undone.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// The user takes hold of a setting that has the value `before`.
    pub fn hold(&mut self, setting: Setting, before: f32) {
        self.held.push(Held { setting, before, now: before });
    }

    /// What is held moves to `value`.
    pub fn move_to(&mut self, setting: Setting, value: f32) {
        if let Some(held) = self.held.iter_mut().find(|held| held.setting == setting) {
            held.now = value;
        }
    }

    /// The user lets go. A setting that is where it was is no entry; several that were held at a time are one.
    pub fn let_go(&mut self, setting: Setting) {
        let Some(index) = self.held.iter().position(|held| held.setting == setting) else { return };
        let Held { before, now, .. } = self.held.remove(index);
        if !is_same(setting.spec(), before, now) {
            self.let_go.push((setting.spec().full_name(), Change::Value(setting, [before, now])));
        }
        if self.held.is_empty() {
            let (names, changes): (Vec<&str>, Vec<Change>) = self.let_go.drain(..).unzip();
            match &mut self.group {
                Some(group) => group.changes.extend(changes),
                None if changes.is_empty() => {}
                None => self.push(Entry { name: names.join(", "), changes }),
            }
        }
    }

    /// A step from `before` to `now`: an entry of its own, or part of the one before it if that was made just now.
    pub fn step(&mut self, setting: Setting, [before, now]: [f32; 2], now_s: f64) {
        let follows = self.last_step.is_some_and(|(last, at_s)| last == setting && now_s - at_s <= STEPS_S);
        let first = match self.done.back().map(|entry| &entry.changes[..]) {
            Some([Change::Value(_, [first, _])]) if follows => *first,
            _ => before,
        };
        if follows {
            self.done.pop_back();
        }
        if !is_same(setting.spec(), first, now) {
            let changes = vec![Change::Value(setting, [first, now])];
            self.push(Entry { name: setting.spec().full_name().to_owned(), changes });
            self.last_step = Some((setting, now_s));
        }
    }

    /// A change that is an entry of its own, or part of the open group.
    pub fn record(&mut self, name: &str, change: Change) {
        if let Some(group) = &mut self.group {
            group.changes.push(change);
        } else {
            self.push(Entry { name: name.to_owned(), changes: vec![change] });
        }
    }

    /// From now on changes belong to one entry.
    pub fn open_group(&mut self, name: &str) {
        self.group = Some(Entry { name: name.to_owned(), changes: Vec::new() });
    }

    /// The entry is complete; one without changes is none.
    pub fn close_group(&mut self) {
        if let Some(entry) = self.group.take().filter(|entry| !entry.changes.is_empty()) {
            self.push(entry);
        }
    }

    fn push(&mut self, entry: Entry) {
        self.last_step = None;
        self.undone.clear();
        if self.done.len() == LIMIT {
            self.done.pop_front();
        }
        self.done.push_back(entry);
    }

    /// Moves the last entry to those that can be redone, and gives it.
    pub fn step_back(&mut self) -> Option<Entry> {
        self.last_step = None;
        let entry = self.done.pop_back()?;
        self.undone.push(entry.clone());
        Some(entry)
    }

    /// Moves the entry that was undone last back, and gives it.
    pub fn step_forward(&mut self) -> Option<Entry> {
        let entry = self.undone.pop()?;
        self.done.push_back(entry.clone());
        Some(entry)
    }
}
