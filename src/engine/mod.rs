//! Puts the rooms in a row: frames come from audio or notes, a model turns them into controls, the synthesiser into sound.
//!
//! Mono audio and events in, mono audio out, at the host's rate, in blocks of any size; hosts, files and windows are
//! somebody else's. [`Engine::process`] never allocates, locks, waits or panics, and its samples do not depend on how
//! they are cut into blocks.

mod blend;
mod gate;
mod instrument;
mod load;
mod meters;
mod mix;
mod profile;
mod settings;
mod shape;
mod source;
mod spectrum;
mod transcriber;

use std::sync::Arc;

pub use blend::{BlendError, BlendParts, can_blend};
pub use gate::{Gate, GateGains};
pub use instrument::{Instrument, InstrumentParts};
pub use load::{Load, LoadMeter};
pub use meters::Meters;
pub use mix::DryWet;
pub use profile::profile;
pub use settings::{LOUDNESS_PIVOT_DB, Setting, SettingSpec, Settings, Source, Unit, gain_from_db, map_loudness};
pub use shape::Shape;
pub use spectrum::{Spectrum, SpectrumMeter};
pub use transcriber::{BEND_RANGE_SEMITONES, HeardNote, Transcriber};

pub use crate::performer::{
    Event, EventKind, Expression, Mode, NoteAddress, Playing, SLOTS, Tuning, TuningError, bend_from_midi, cc, from_midi,
};

use crate::analysis::{AnalysisError, LowestPitch};
use crate::frame::{FRAME_RATE_HZ, Frame, FrameClock};
use crate::performer::{Change, note_seed};
pub use source::Wanted;
use source::{Listener, Player};

/// Time in which one instrument takes over from another, in seconds.
const SWAP_S: f32 = 0.03;

/// What is fixed for the life of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The host's sample rate in Hz, 8,000 to 384,000.
    pub sample_rate_hz: u32,
    pub source: Source,
    /// Matters for [`Source::Audio`] only.
    pub lowest_pitch: LowestPitch,
}

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the sample rate of {0} Hz is outside of what Retort runs at (8,000 to 384,000 Hz)")]
    SampleRate(u32),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}

/// The whole way from input to output for one activation.
pub struct Engine {
    config: EngineConfig,
    clock: FrameClock,
    /// Samples since the reset.
    position: u64,
    /// The next frame of the clock and the sample at which it begins.
    next_tick: u64,
    next_tick_start: u64,
    frames_from: FramesFrom,
    current: Option<Box<Instrument>>,
    /// The instrument that is being faded out, or has been and waits to be taken away.
    outgoing: Option<Box<Instrument>>,
    pending: Option<Box<Instrument>>,
    /// Samples of the swap that are done.
    fade_position: u32,
    fade_len: u32,
    seed: u64,
    notes_started: u64,
    room: f32,
    blend: f32,
    /// The setting of the last tick, for the tail.
    release: f32,
    meters: Arc<Meters>,
    /// What was heard in the last block, with the samples at which it became known.
    heard: Vec<(u32, HeardNote)>,
    scratch: Vec<f32>,
}

enum FramesFrom {
    Audio(Box<Listener>),
    Notes(Box<Player>),
}

/// Ticks from one picture of the spectrum to the next: 32 ms.
const TICKS_A_PICTURE: u64 = 8;

/// The longest stretch rendered in one go, in samples.
const CHUNK: usize = 512;

/// Notes and bends that one block can tell of; a block of 16,384 samples at 48 kHz has up to 256. The rest is left out.
const MAX_HEARD: usize = 512;

/// What is heard without an input.
const SILENCE: [f32; CHUNK] = [0.0; CHUNK];

/// The sample rates that an engine runs at, in Hz.
pub const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=384_000;

// Models are loaded for the frames of one analysis only.
const _: () = assert!(crate::model::ANALYSIS_VERSION == crate::analysis::ANALYSIS_VERSION as u64);

impl Engine {
    /// Allocates; not for the audio thread.
    ///
    /// # Errors
    /// If the sample rate is out of range.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let rate = config.sample_rate_hz;
        if !SAMPLE_RATES_HZ.contains(&rate) {
            return Err(EngineError::SampleRate(rate));
        }
        let frames_from = match config.source {
            Source::Audio => FramesFrom::Audio(Box::new(Listener::new(rate, config.lowest_pitch)?)),
            Source::Notes => FramesFrom::Notes(Box::new(Player::new(rate))),
        };
        Ok(Self {
            config,
            clock: FrameClock::new(rate, FRAME_RATE_HZ),
            position: 0,
            next_tick: 0,
            next_tick_start: 0,
            frames_from,
            current: None,
            outgoing: None,
            pending: None,
            fade_position: 0,
            fade_len: (SWAP_S * rate as f32) as u32,
            seed: 0,
            notes_started: 0,
            room: 1.0,
            blend: 0.0,
            release: 1.0,
            meters: Arc::default(),
            heard: Vec::with_capacity(MAX_HEARD),
            scratch: vec![0.0; CHUNK],
        })
    }

    /// How late the output is, in samples: 0 for notes.
    #[must_use]
    pub fn latency_samples(&self) -> u32 {
        match self.config.source {
            Source::Notes => 0,
            Source::Audio => self.config.lowest_pitch.latency_samples(self.config.sample_rate_hz),
        }
    }

    /// How long it still sounds after its input has ended, in samples, the latency included.
    #[must_use]
    pub fn tail_samples(&self) -> u32 {
        let instrument = self.current.as_ref().map_or(0, |instrument| instrument.tail_samples());
        let release = match self.config.source {
            Source::Notes => self.current.as_ref().map_or(0.0, |i| i.profile().release_s) * self.release,
            Source::Audio => gate::LONGEST_S,
        };
        self.latency_samples() + instrument as u32 + (release * self.config.sample_rate_hz as f32) as u32
    }

    /// Whether nothing sounds or is about to.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let idle = self.current.as_ref().is_none_or(|instrument| instrument.is_silent());
        let fading = self.outgoing.is_some() && self.fade_position < self.fade_len;
        idle && !fading && matches!(&self.frames_from, FramesFrom::Notes(player) if player.is_silent(self.position))
    }

    /// Seeds noise and variation. Takes effect with [`Engine::reset`], an instrument or the next note.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Another tuning of the keys. Allocates nothing.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        if let FramesFrom::Notes(player) = &mut self.frames_from {
            player.set_tuning(tuning);
        }
    }

    /// Starts again: the same input gives the same samples as from a new engine with the same instrument.
    pub fn reset(&mut self) {
        self.position = 0;
        self.next_tick = 0;
        self.next_tick_start = 0;
        self.notes_started = 0;
        match &mut self.frames_from {
            FramesFrom::Audio(listener) => listener.reset(),
            FramesFrom::Notes(player) => player.reset(self.seed),
        }
        // A swap in progress is over at once; the old instrument waits in `outgoing` to be taken away.
        self.fade_position = self.fade_len;
        if self.outgoing.is_none() && self.pending.is_some() {
            self.outgoing = self.current.take();
            self.current = self.pending.take();
            self.introduce();
        }
        if let Some(instrument) = &mut self.current {
            instrument.reset(self.seed);
        }
    }

    /// Another instrument from the next tick on, with a crossfade of 30 ms. The latest request wins: one that is still
    /// waiting comes back, for the caller to drop off the audio thread.
    #[must_use = "dropping an instrument frees memory, which the audio thread must not do"]
    pub fn set_instrument(&mut self, instrument: Box<Instrument>) -> Option<Box<Instrument>> {
        if self.current.is_none() {
            self.current = Some(instrument);
            self.introduce();
            return None;
        }
        self.pending.replace(instrument)
    }

    /// The instrument that has been faded out, for the caller to drop off the audio thread. A next swap begins only
    /// after this was called.
    pub fn take_retired(&mut self) -> Option<Box<Instrument>> {
        if self.fade_position < self.fade_len { None } else { self.outgoing.take() }
    }

    /// The notes that were heard in the last block, if [`Setting::NotesOut`] is on, with the sample of the block at which each
    /// became known: with audio alone, and as late as [`Engine::latency_samples`] and 20 ms for a note to be steady.
    #[must_use]
    pub fn heard_notes(&self) -> &[(u32, HeardNote)] {
        &self.heard
    }

    /// What a panel shows; shared, so that it can be read from other threads.
    #[must_use]
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Processes a block. `input` is mono audio, as long as `output` or empty; what is not a number in it counts as 0.
    /// `output` is overwritten. `events` are sorted by offset. `settings` are taken over at ticks, every 4 ms.
    pub fn process(&mut self, input: &[f32], output: &mut [f32], events: &[Event], settings: &Settings) {
        self.meters.add_input(input);
        self.heard.clear();
        if output.is_empty() {
            // Hosts flush events with empty blocks; a key that is let go there must not sound for ever.
            events.iter().for_each(|event| self.happen(&event.kind, settings));
            return;
        }
        let mut events = events.iter().peekable();
        let mut done = 0;
        while done < output.len() {
            let last = output.len() - 1;
            while let Some(event) = events.next_if(|event| (event.offset as usize).min(last) <= done) {
                self.happen(&event.kind, settings);
            }
            if self.position == self.next_tick_start {
                self.tick(settings, done as u32);
            }
            let until_event = events.peek().map_or(usize::MAX, |event| (event.offset as usize).min(last) - done);
            let until_tick = (self.next_tick_start - self.position) as usize;
            let len = (output.len() - done).min(until_event).min(until_tick).min(CHUNK);
            let range = done..done + len;
            self.render(&mut output[range.clone()]);
            if let FramesFrom::Audio(listener) = &mut self.frames_from {
                // The listener's clock runs with ours, with an input or without.
                listener.hear(input.get(range).unwrap_or(&SILENCE[..len]));
            }
            self.position += len as u64;
            done += len;
        }
        self.meters.add_output(output);
    }

    /// Makes a new instrument this engine's own: its noise, and how the player plays its notes.
    fn introduce(&mut self) {
        if let Some(instrument) = &mut self.current {
            instrument.set_seed(self.seed);
        }
        if let (FramesFrom::Notes(player), Some(instrument)) = (&mut self.frames_from, &self.current) {
            player.set_profile(instrument.profile());
            if let Some(tuning) = instrument.tuning() {
                player.set_tuning(tuning.clone());
            }
        }
    }

    fn swap(&mut self) {
        if self.outgoing.is_none() && self.pending.is_some() {
            self.outgoing = self.current.take();
            self.current = self.pending.take();
            self.fade_position = 0;
            self.introduce();
        }
    }

    /// The frame that begins `offset` samples after the block's start.
    fn tick(&mut self, settings: &Settings, offset: u32) {
        self.swap();
        let end = self.clock.start(self.next_tick + 1);
        let len = (end - self.next_tick_start) as usize;
        let mut wanted = [None; SLOTS];
        match &mut self.frames_from {
            FramesFrom::Audio(listener) => {
                let profile = self.current.as_ref().map_or_else(Default::default, |instrument| instrument.profile());
                wanted[0] = Some(listener.wanted(settings, profile.pitch_hz));
                let heard = &mut self.heard;
                listener.transcribe(settings, |note| {
                    if heard.len() < MAX_HEARD {
                        heard.push((offset, note));
                    }
                });
            }
            FramesFrom::Notes(player) => {
                let playing = settings.playing();
                player.begin_tick(self.position, &playing);
                for (slot, wanted) in wanted.iter_mut().enumerate() {
                    *wanted = player.wanted(slot, end, settings, &playing);
                }
                self.meters.set_voices(player.n_sounding(end));
            }
        }
        let loudest = loudest(&wanted);
        self.meters.set_frame(&loudest.map_or(Frame::SILENCE, |(_, wanted)| wanted.frame));
        self.room = settings.room;
        self.blend = settings.blend;
        self.release = settings.release;
        let fading = self.fade_position < self.fade_len;
        let outgoing = self.outgoing.as_mut().filter(|_| fading);
        for instrument in [self.current.as_mut(), outgoing].into_iter().flatten() {
            instrument.advance(&wanted, len);
        }
        if self.next_tick.is_multiple_of(TICKS_A_PICTURE) {
            self.show_spectrum(loudest);
        }
        self.next_tick += 1;
        self.next_tick_start = end;
    }

    fn show_spectrum(&self, loudest: Option<(usize, Wanted)>) {
        let sounding = loudest.filter(|(_, wanted)| wanted.gains.harmonic > 0.0 || wanted.gains.noise > 0.0);
        match (sounding, &self.current) {
            (Some((slot, wanted)), Some(instrument)) => {
                self.meters.spectrum().set(instrument.played(slot), wanted.gains, instrument.noise_top_hz());
            }
            _ => self.meters.spectrum().clear(),
        }
    }

    fn happen(&mut self, event: &EventKind, settings: &Settings) {
        let FramesFrom::Notes(player) = &mut self.frames_from else { return };
        match player.happen(self.position, event, settings) {
            Change::Nothing => {}
            Change::Start { slot, note } => {
                self.notes_started += 1;
                let seed = note_seed(self.seed, note, self.notes_started);
                let len = (self.next_tick_start - self.position) as usize;
                if let (Some(instrument), Some(wanted)) =
                    (&mut self.current, player.wanted(slot, self.position, settings, &settings.playing()))
                {
                    instrument.start(slot, &wanted, len, seed);
                }
            }
            Change::Stop { slots } => {
                for slot in (0..SLOTS).filter(|slot| slots & (1 << slot) != 0) {
                    self.current.iter_mut().chain(&mut self.outgoing).for_each(|instrument| instrument.stop(slot));
                }
            }
            Change::StopAll => {
                let seed = self.seed;
                self.current.iter_mut().chain(&mut self.outgoing).for_each(|instrument| instrument.reset(seed));
            }
        }
    }

    fn render(&mut self, out: &mut [f32]) {
        match &mut self.current {
            Some(instrument) => instrument.render(out, self.room, self.blend),
            None => out.fill(0.0),
        }
        let left = self.fade_len.saturating_sub(self.fade_position);
        if let Some(outgoing) = self.outgoing.as_mut().filter(|_| left > 0) {
            let scratch = &mut self.scratch[..out.len()];
            outgoing.render(scratch, self.room, self.blend);
            let step = 1.0 / self.fade_len as f32;
            for (i, (out, old)) in out.iter_mut().zip(&*scratch).enumerate() {
                let new_gain = ((self.fade_position + i as u32) as f32 * step).min(1.0);
                *out = new_gain * *out + (1.0 - new_gain) * old;
            }
        }
        self.fade_position = (self.fade_position + out.len() as u32).min(self.fade_len);
        // What is not a number would stay in recirculating memory for ever: start afresh.
        if out.iter().any(|x| !x.is_finite()) {
            out.fill(0.0);
            let seed = self.seed;
            self.current.iter_mut().chain(&mut self.outgoing).for_each(|instrument| instrument.reset(seed));
        }
    }
}

/// What the panel shows of several voices: the loudest, with its slot.
fn loudest(wanted: &[Option<Wanted>]) -> Option<(usize, Wanted)> {
    let voices = wanted.iter().enumerate().filter_map(|(slot, wanted)| wanted.map(|wanted| (slot, wanted)));
    voices.max_by(|(_, a), (_, b)| a.frame.loudness_db.total_cmp(&b.frame.loudness_db))
}
