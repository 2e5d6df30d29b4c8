//! Retort distils any sound to two curves, pitch and loudness, and plays them as another instrument.
//!
//! Three values flow between four rooms, in one direction:
//!
//! ```text
//! audio ──> analysis ─┐
//!                     ├─> Frame ──> model ──> Controls ──> synth ──> audio
//! notes ──> performer ┘
//! ```
//!
//! [`engine`] puts the rooms in a row and is the only place that knows all of them. These modules are the core: they
//! build with `--no-default-features` and need no system library, thread or file. The plugin, the application and the
//! command line are features on top. `docs/architecture.md` gives the exact definitions that the rooms share.

#[cfg(all(test, feature = "app"))]
mod allocation;
pub mod analysis;
pub mod engine;
pub mod frame;
pub mod model;
pub mod performer;
pub mod preset;
pub mod simd;
pub mod synth;

#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "library")]
pub mod library;
#[cfg(feature = "cli")]
pub mod offline;
#[cfg(feature = "panel")]
pub mod panel;
#[cfg(feature = "plugin")]
pub mod plugin;

pub use frame::{Controls, Frame, FrameClock};
