//! One activation at work: engine, mixer and loader between buffers that a host filled and the ones it reads.
//!
//! In: stereo (or mono) dry samples in place, events, settings. Out: the same buffers with the instrument in them. Knows
//! nothing of plugin formats.

use std::sync::Arc;
use std::time::Instant;

use super::loader::Loader;
use super::params::RetortParams;
use super::status::Status;
use crate::engine::{
    DryWet, Engine, EngineConfig, EngineError, Event, HeardNote, LoadMeter, Meters, Setting, Settings, Source,
};

/// The longest stretch that is processed in one go, in samples; results do not depend on it.
const CHUNK: usize = 1024;
/// Most notes and bends that are sent for one block.
const MAX_HEARD: usize = 1024;

pub struct Stage {
    config: EngineConfig,
    engine: Engine,
    mixer: DryWet,
    load: LoadMeter,
    loader: Loader,
    status: Arc<Status>,
    /// The input mixed to mono.
    heard: Vec<f32>,
    wet: Vec<f32>,
    /// The second channel where the host has only one.
    second: Vec<f32>,
    /// The notes that were heard in the last block, with their samples.
    heard_notes: Vec<(u32, HeardNote)>,
    /// Whether the last block had sound in it, going in or coming out.
    sounding: bool,
}

impl Stage {
    /// Allocates and loads the song's model; not for the audio thread.
    ///
    /// # Errors
    /// If the engine cannot run at this rate.
    pub fn new(config: EngineConfig, params: &Arc<RetortParams>, status: &Arc<Status>) -> Result<Self, EngineError> {
        let mut engine = Engine::new(config)?;
        let (loader, first) = Loader::start(params, status, config.sample_rate_hz);
        if let Some(instrument) = first {
            // A new engine has none to give back.
            drop(engine.set_instrument(instrument));
        }
        Ok(Self {
            config,
            mixer: DryWet::new(config.sample_rate_hz, engine.latency_samples()),
            load: LoadMeter::new(config.sample_rate_hz),
            engine,
            loader,
            status: Arc::clone(status),
            heard: vec![0.0; CHUNK],
            wet: vec![0.0; CHUNK],
            second: vec![0.0; CHUNK],
            heard_notes: Vec::with_capacity(MAX_HEARD),
            sounding: true,
        })
    }

    #[must_use]
    pub fn config(&self) -> EngineConfig {
        self.config
    }

    #[must_use]
    pub fn latency_samples(&self) -> u32 {
        self.engine.latency_samples()
    }

    /// What the engine measures.
    #[must_use]
    pub fn meters(&self) -> &Arc<Meters> {
        self.engine.meters()
    }

    /// How long the last sound needs to die away, the latency included.
    #[must_use]
    pub fn tail_samples(&self) -> u32 {
        self.engine.tail_samples()
    }

    /// Whether `source` or `lowest_pitch` ask for an activation other than this one.
    #[must_use]
    pub fn is_outdated(&self, params: &RetortParams) -> bool {
        let source = params.source();
        source != self.config.source || (source == Source::Audio && params.lowest_pitch() != self.config.lowest_pitch)
    }

    /// What an activation at the same rate would be made for now.
    #[must_use]
    pub fn wanted(&self, params: &RetortParams) -> EngineConfig {
        EngineConfig { source: params.source(), lowest_pitch: params.lowest_pitch(), ..self.config }
    }

    /// Whether nothing came in, sounds, or is about to.
    #[must_use]
    pub fn rests(&self) -> bool {
        !self.sounding && self.engine.is_silent()
    }

    /// The notes that were heard in the last block, sorted by their samples.
    #[must_use]
    pub fn heard_notes(&self) -> &[(u32, HeardNote)] {
        &self.heard_notes
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.take_over();
        self.engine.reset();
        self.mixer.reset();
    }

    /// Offline only: waits for the model that the parameters want.
    pub fn wait_for_model(&mut self, params: &RetortParams) {
        self.loader.wait(params);
    }

    /// Processes a block in place. `right` is `None` for a mono host and else as long as `left`. `events` are sorted;
    /// their offsets, from the block's start, are used up.
    pub fn process(
        &mut self,
        left: &mut [f32],
        mut right: Option<&mut [f32]>,
        mut events: &mut [Event],
        mut settings: Settings,
        bypass: bool,
    ) {
        let begin = Instant::now();
        self.take_over();
        if self.loader.is_missing() {
            // Whatever still plays is not what the song asks for: its parts fade out at the next tick.
            settings.set(Setting::HarmonicGain, Setting::HarmonicGain.spec().min);
            settings.set(Setting::NoiseGain, Setting::NoiseGain.spec().min);
        }
        self.sounding = false;
        self.heard_notes.clear();
        let len = left.len();
        if len == 0 {
            // Hosts flush events with empty blocks.
            self.engine.process(&[], &mut [], events, &settings);
        }
        let mut start = 0;
        while start < len {
            let end = (start + CHUNK).min(len);
            let here = events.partition_point(|event| (event.offset as usize) < end || end == len);
            let (now, later) = events.split_at_mut(here);
            now.iter_mut().for_each(|event| event.offset = event.offset.saturating_sub(start as u32));
            let right = right.as_deref_mut().map(|right| &mut right[start..end]);
            self.chunk(&mut left[start..end], right, now, &settings, bypass);
            let room = MAX_HEARD - self.heard_notes.len();
            let told = self.engine.heard_notes().iter().take(room);
            self.heard_notes.extend(told.map(|(offset, note)| (start as u32 + offset, *note)));
            events = later;
            start = end;
        }
        self.status.meters.set_load(self.load.add(begin.elapsed(), len));
    }

    fn chunk(
        &mut self,
        left: &mut [f32],
        right: Option<&mut [f32]>,
        events: &[Event],
        settings: &Settings,
        bypass: bool,
    ) {
        let (heard, wet) = (&mut self.heard[..left.len()], &mut self.wet[..left.len()]);
        let right = match right {
            Some(right) => right,
            None => {
                let second = &mut self.second[..left.len()];
                second.copy_from_slice(left);
                second
            }
        };
        for ((heard, left), right) in heard.iter_mut().zip(&*left).zip(&*right) {
            *heard = 0.5 * (left + right);
        }
        self.engine.process(heard, wet, events, settings);
        self.sounding |= heard.iter().chain(&*wet).any(|x| *x != 0.0);
        self.mixer.process(left, right, wet, settings, bypass);
        let meters = &self.status.meters;
        meters.set_frame(&self.engine.meters().frame());
        meters.add_input(heard);
        meters.add_output(left);
        meters.add_output(right);
    }

    /// Hands new instruments in and old ones out.
    fn take_over(&mut self) {
        if self.loader.has_room()
            && let Some(old) = self.engine.take_retired()
        {
            self.loader.retire(old);
        }
        while let Some(new) = self.loader.next() {
            if let Some(unused) = self.engine.set_instrument(new) {
                self.loader.retire(unused);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::LowestPitch;
    use crate::engine::{EventKind, NoteAddress};

    const RATE_HZ: u32 = 48_000;

    fn stage(source: Source) -> (Stage, Arc<RetortParams>, Arc<Status>) {
        let (params, status) = (Arc::new(RetortParams::new(source)), Arc::<Status>::default());
        let config = EngineConfig { sample_rate_hz: RATE_HZ, source, lowest_pitch: LowestPitch::Hz80 };
        let stage = Stage::new(config, &params, &status).expect("48 kHz is a rate that everybody knows");
        (stage, params, status)
    }

    fn note_on(offset: u32) -> Event {
        let note = NoteAddress { note_id: None, channel: 0, key: 69 };
        Event { offset, kind: EventKind::NoteOn { note, velocity: 0.8 } }
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    #[test]
    fn a_note_sounds_from_its_sample_on_and_not_before() {
        let (mut stage, params, status) = stage(Source::Notes);
        assert_eq!(status.banner(), None);
        // Longer than a chunk, with the event in the second one.
        let (mut left, mut right) = (vec![0.0; 4_800], vec![0.0; 4_800]);
        stage.process(&mut left, Some(&mut right), &mut [note_on(1_500)], params.settings(), false);
        assert_eq!(peak(&left[..1_500]), 0.0);
        assert!(peak(&left[1_500..]) > 1e-3, "{}", peak(&left));
        assert_eq!(left, right);
    }

    #[test]
    fn a_missing_model_is_silent_says_so_and_sounds_when_another_is_chosen() {
        let (mut stage, params, status) = stage(Source::Notes);
        params.song.set_model(0, "glass-harp/full");
        stage.wait_for_model(&params);
        let mut left = vec![0.0; 9_600];
        stage.process(&mut left, None, &mut [note_on(0)], params.settings(), false);
        assert_eq!(peak(&left), 0.0);
        assert!(status.banner().expect("the panel is told").text.starts_with("glass-harp/full is silent"));
        assert_eq!(params.song.model(0), "glass-harp/full");
        params.song.set_model(0, super::super::song::DEFAULT_MODEL);
        stage.wait_for_model(&params);
        left.fill(0.0);
        stage.process(&mut left, None, &mut [], params.settings(), false);
        assert!(peak(&left) > 1e-3);
        assert_eq!(status.banner(), None);
    }

    #[test]
    fn bypass_passes_the_input_late_by_the_latency() {
        let (mut stage, params, _) = stage(Source::Audio);
        let latency = stage.latency_samples() as usize;
        assert!(latency > 0);
        let input: Vec<f32> = (0..9_600).map(|n| ((n * 37) % 101) as f32 / 101.0).collect();
        let mut left = input.clone();
        stage.process(&mut left, None, &mut [], params.settings(), true);
        assert_eq!(peak(&left[..latency]), 0.0);
        assert_eq!(left[latency..], input[..9_600 - latency]);
    }

    #[test]
    fn only_settings_that_change_the_latency_ask_for_a_restart() {
        let (stage, params, _) = stage(Source::Notes);
        assert!(!stage.is_outdated(&params));
        let other = RetortParams::new(Source::Audio);
        assert!(stage.is_outdated(&other));
    }
}
