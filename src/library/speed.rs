//! How fast this machine is, so that lists can say what a model costs here.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{Choice, EMBEDDED_ID, HAS_EMBEDDED, LoadedModel};
use crate::analysis::LowestPitch;
use crate::engine::{Engine, EngineConfig, Event, EventKind, NoteAddress, Settings, Source};

const RATE_HZ: u32 = 48_000;
/// One measurement's samples, 20 ms: some five steps of the network, some ten parts of the room.
const STRETCH: usize = 960;
/// The shortest of so many counts: others may keep the processor busy meanwhile.
const STRETCHES: usize = 12;
/// What no machine is, in times of the reference.
const LIMITS: std::ops::RangeInclusive<f32> = 0.1..=100.0;

/// How many times as long as the reference of [`crate::model::Metadata::estimated_cpu_share`] this machine takes. Measured
/// once in a process, with one voice of the embedded model; that takes a few ms, so never on the audio thread. 1 where no
/// model is embedded.
#[must_use]
pub fn machine_factor() -> f32 {
    static FACTOR: LazyLock<f32> = LazyLock::new(|| {
        let embedded = HAS_EMBEDDED.then(|| super::Library::with_folders(Vec::new()).load(EMBEDDED_ID).ok()).flatten();
        embedded.and_then(|model| measure(&model)).map_or(1.0, |factor| factor.clamp(*LIMITS.start(), *LIMITS.end()))
    });
    *FACTOR
}

fn measure(loaded: &LoadedModel) -> Option<f32> {
    let config = EngineConfig { sample_rate_hz: RATE_HZ, source: Source::Notes, lowest_pitch: LowestPitch::Hz160 };
    let mut engine = Engine::new(config).ok()?;
    // A new engine has none to give back.
    drop(engine.set_instrument(Box::new(loaded.instrument(Choice::default(), RATE_HZ).ok()?)));
    let note = NoteAddress { note_id: None, channel: 0, key: 69 };
    let begin = [Event { offset: 0, kind: EventKind::NoteOn { note, velocity: 0.8 } }];
    let settings = Settings::default();
    let mut out = [0.0; STRETCH];
    engine.process(&[], &mut out, &begin, &settings);
    let took = (0..STRETCHES).map(|_| {
        let begin = Instant::now();
        engine.process(&[], &mut out, &[], &settings);
        begin.elapsed()
    });
    let share = took.min().unwrap_or(Duration::ZERO).as_secs_f32() * RATE_HZ as f32 / STRETCH as f32;
    (share > 0.0).then(|| share / loaded.model.metadata.estimated_cpu_share())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_measured_once_and_is_some_machine() {
        let factor = machine_factor();
        assert!(LIMITS.contains(&factor));
        assert!(!HAS_EMBEDDED || factor != 1.0, "nothing was measured");
        assert_eq!(factor, machine_factor());
    }
}
