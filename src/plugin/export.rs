//! The entry points that hosts look for in the file.
#![allow(unsafe_code, missing_docs, reason = "the framework's macros make them")]

use super::class::{Clap, Effect, Instrument, Vst3};
use super::instance::RetortPlugin;
use nice_plug::prelude::*;

nice_export_clap!(RetortPlugin<Instrument, Clap>, RetortPlugin<Effect, Clap>);
nice_export_vst3!(RetortPlugin<Instrument, Vst3>, RetortPlugin<Effect, Vst3>);
