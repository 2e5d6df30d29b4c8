//! What runs on the output's audio thread: events and microphone in, stereo out. No allocation, lock or wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Instant,
};

use rtrb::{Consumer, Producer};

use super::{bridge::Bridge, events::TimedEvent, preview::Preview, recorder::Tap};
use crate::engine::{DryWet, Engine, Event, Instrument, LoadMeter, Setting, Settings};

/// The longest stretch that is processed in one go, in samples.
const CHUNK: usize = 1_024;
/// Events that fit into a chunk; more wait for the next one.
const MAX_EVENTS: usize = 256;

/// Values that the window writes and the audio thread reads, and the other way round.
#[derive(Debug)]
pub struct Shared {
    settings: [AtomicU32; Setting::ALL.len()],
    output_peak: AtomicU32,
    dropouts: AtomicU32,
}

impl Shared {
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: Setting::ALL.map(|spec| AtomicU32::new(settings.get(spec.setting).to_bits())),
            output_peak: AtomicU32::new(0),
            dropouts: AtomicU32::new(0),
        }
    }

    /// Window: a new value.
    pub fn set(&self, setting: Setting, value: f32) {
        self.settings[setting as usize].store(value.to_bits(), Relaxed);
    }

    /// The values now.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for spec in &Setting::ALL {
            settings.set(spec.setting, f32::from_bits(self.settings[spec.setting as usize].load(Relaxed)));
        }
        settings
    }

    /// Linear peak of the output since the last call.
    pub fn take_output_peak(&self) -> f32 {
        f32::from_bits(self.output_peak.swap(0, Relaxed))
    }

    /// A stream reports that a block came too late.
    pub fn count_dropout(&self) {
        self.dropouts.fetch_add(1, Relaxed);
    }

    /// Blocks that came too late so far.
    pub fn dropouts(&self) -> u32 {
        self.dropouts.load(Relaxed)
    }
}

/// Queues between the renderer and the rest of the application.
pub struct Queues {
    pub events: Consumer<TimedEvent>,
    pub instruments: Consumer<Box<Instrument>>,
    /// Instruments that are no longer needed, to be dropped elsewhere.
    pub retired: Producer<Box<Instrument>>,
    pub listeners: Consumer<Listener>,
    /// Listeners that are done, to be dropped elsewhere.
    pub done: Producer<Listener>,
}

/// Something beside the instrument that the audio thread serves; a new one takes the place of the last of its kind.
pub enum Listener {
    /// Takes what is played.
    Recording(Tap),
    /// Sounds together with what is played.
    Preview(Box<Preview>),
}

impl Listener {
    fn is_done(&self) -> bool {
        match self {
            Self::Recording(tap) => tap.is_stopped(),
            Self::Preview(preview) => preview.is_over(),
        }
    }
}

/// The engine with everything around it that the output needs.
pub struct Renderer {
    engine: Engine,
    mixer: DryWet,
    microphone: Option<Bridge>,
    recording: Option<Listener>,
    preview: Option<Listener>,
    shared: Arc<Shared>,
    queues: Queues,
    /// When the last block began.
    last_block: Option<Instant>,
    load: LoadMeter,
    events: Vec<Event>,
    left: Vec<f32>,
    right: Vec<f32>,
    wet: Vec<f32>,
}

impl Renderer {
    /// Allocates; not for the audio thread.
    pub fn new(
        engine: Engine,
        sample_rate_hz: u32,
        microphone: Option<Bridge>,
        shared: Arc<Shared>,
        queues: Queues,
    ) -> Self {
        Self {
            mixer: DryWet::new(sample_rate_hz, engine.latency_samples()),
            engine,
            microphone,
            recording: None,
            preview: None,
            shared,
            queues,
            last_block: None,
            load: LoadMeter::new(sample_rate_hz),
            events: Vec::with_capacity(MAX_EVENTS),
            left: vec![0.0; CHUNK],
            right: vec![0.0; CHUNK],
            wet: vec![0.0; CHUNK],
        }
    }

    /// Fills `out`, `channels` interleaved channels of a device; `convert` makes its samples.
    ///
    /// Events sound one block after they came in, at the same distance from each other, so that timing does not depend
    /// on where in a block they fall.
    pub fn render<T: Copy>(&mut self, out: &mut [T], channels: usize, convert: impl Fn(f32) -> T) {
        let begin = Instant::now();
        let n_frames = out.len() / channels.max(1);
        let last_block = self.last_block.replace(begin).unwrap_or(begin);
        self.exchange_instruments();
        self.exchange_listeners();
        let settings = self.shared.settings();

        let mut done = 0;
        for stretch in out.chunks_mut(CHUNK * channels.max(1)) {
            let n = stretch.len() / channels.max(1);
            self.collect_events(last_block, begin, n_frames, done, n);
            self.fill(n, &settings);
            for (frame, (&left, &right)) in
                stretch.chunks_exact_mut(channels.max(1)).zip(self.left.iter().zip(&self.right))
            {
                match frame {
                    [mono] => *mono = convert(0.5 * (left + right)),
                    [first, second, rest @ ..] => {
                        *first = convert(left);
                        *second = convert(right);
                        rest.fill(convert(0.0));
                    }
                    [] => {}
                }
            }
            done += n;
        }
        self.engine.meters().set_load(self.load.add(begin.elapsed(), n_frames));
    }

    /// Renders `n` samples, at most [`CHUNK`], into `left` and `right`.
    fn fill(&mut self, n: usize, settings: &Settings) {
        let (left, right, wet) = (&mut self.left[..n], &mut self.right[..n], &mut self.wet[..n]);
        match &mut self.microphone {
            Some(microphone) => microphone.read(left),
            None => left.fill(0.0),
        }
        right.copy_from_slice(left);
        self.engine.process(left, wet, &self.events, settings);
        self.mixer.process(left, right, wet, settings, false);
        // What is listened to meanwhile is not recorded.
        if let Some(Listener::Recording(tap)) = &mut self.recording {
            tap.push(left, right);
        }
        if let Some(Listener::Preview(preview)) = &mut self.preview {
            preview.add_to(left, right);
        }
        let peak = left.iter().chain(&*right).fold(0.0f32, |peak, x| peak.max(x.abs()));
        // The bits of numbers of at least 0 have the same order as the numbers.
        self.shared.output_peak.fetch_max(peak.to_bits(), Relaxed);
    }

    /// Takes a new instrument over and gives old ones away, as far as there is room to give them away.
    fn exchange_instruments(&mut self) {
        if self.queues.retired.slots() < 2 {
            return;
        }
        if let Some(retired) = self.engine.take_retired() {
            let _ = self.queues.retired.push(retired);
        }
        if let Ok(instrument) = self.queues.instruments.pop()
            && let Some(unused) = self.engine.set_instrument(instrument)
        {
            let _ = self.queues.retired.push(unused);
        }
    }

    /// Gives away listeners that are done and takes new ones over, as far as there is room to give them away.
    fn exchange_listeners(&mut self) {
        for place in [&mut self.recording, &mut self.preview] {
            if place.as_ref().is_some_and(Listener::is_done)
                && self.queues.done.slots() > 0
                && let Some(done) = place.take()
            {
                let _ = self.queues.done.push(done);
            }
        }
        if self.queues.done.slots() == 0 {
            return;
        }
        if let Ok(new) = self.queues.listeners.pop() {
            let place = match &new {
                Listener::Recording(_) => &mut self.recording,
                Listener::Preview(_) => &mut self.preview,
            };
            if let Some(old) = place.replace(new) {
                let _ = self.queues.done.push(old);
            }
        }
    }

    /// Gathers the events of the samples from `done` to `done + n` of a block of `n_frames`, whose time was `from` to
    /// `to`.
    fn collect_events(&mut self, from: Instant, to: Instant, n_frames: usize, done: usize, n: usize) {
        self.events.clear();
        let span_s = to.duration_since(from).as_secs_f64();
        while self.events.len() < MAX_EVENTS {
            let Ok(&event) = self.queues.events.peek() else { return };
            if event.at > to {
                return;
            }
            let at = if span_s > 0.0 { event.at.saturating_duration_since(from).as_secs_f64() / span_s } else { 0.0 };
            let sample = ((at * n_frames as f64) as usize).min(n_frames.saturating_sub(1));
            if sample >= done + n {
                return;
            }
            let _ = self.queues.events.pop();
            let after = self.events.last().map_or(0, |event| event.offset);
            let offset = (sample.saturating_sub(done) as u32).max(after);
            self.events.push(Event { offset, kind: event.kind });
        }
    }
}

#[cfg(test)]
mod tests;
