//! What the synthesiser sounds like, against slow and obvious references in f64.

mod allocation;
#[path = "../../src/allocation.rs"]
mod counting;
mod harmonics;
mod noise;
mod reference;
mod room;
mod splits;
