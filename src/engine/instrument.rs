//! One model made ready to sound: weights, decoder states, synthesisers and room for one sample rate.
//!
//! Built off the audio thread, where everything is allocated, and handed to the engine as a whole.

use std::sync::Arc;

use super::blend::{BlendParts, Second, can_blend, room};
use super::shape::{Shape, Shaper};
use super::source::Wanted;
use crate::frame::{Controls, FRAME_RATE_HZ, Frame, LOUDNESS_FLOOR_DB};
use crate::model::{Decoder, DecoderSpec, RoomResponse, State};
use crate::performer::{Profile, Tuning};
use crate::synth::{PartGains, Room, SynthSpec, SynthTables, VoiceSynth};

/// A voice with both gains at 0 for this long rests: it costs nothing until it is played again.
const FRAMES_TO_REST: u32 = FRAME_RATE_HZ;

/// A slot that no note needs any more rests after this: its gains have gone to 0 in one frame, and the noise filter has rung out.
const FRAMES_TO_FADE: u32 = 4;

/// The gains of a voice that is not heard.
const SILENT: PartGains = PartGains { harmonic: 0.0, noise: 0.0 };

/// What an instrument is built from.
pub struct InstrumentParts<'a> {
    pub decoder: Arc<dyn Decoder>,
    /// `None` plays dry.
    pub room: Option<&'a RoomResponse>,
    /// How its notes are played.
    pub profile: Profile,
    /// The sample rate to play at, in Hz.
    pub sample_rate_hz: u32,
    /// A second model to mix in; [`super::can_blend`] says whether it can be.
    pub blend: Option<BlendParts<'a>>,
    /// How keys are tuned; `None` leaves the engine's as it is.
    pub tuning: Option<Tuning>,
    /// Slots for voices, at least 1; notes need [`crate::performer::SLOTS`], audio plays in the first.
    pub voices: usize,
}

/// A rendering set: everything that depends on the model.
pub struct Instrument {
    decoder: Arc<dyn Decoder>,
    profile: Profile,
    tuning: Option<Tuning>,
    /// Parallel slices, as the decoder takes them: one row a voice. The rows that sound come first, so that one call of
    /// the decoder, with one pass over its weights, serves all of them.
    states: Vec<State>,
    frames: Vec<Frame>,
    controls: Vec<Controls>,
    /// Each row's share of the second model, 0 to 1, if there is one, and what is played of both.
    shares: Vec<f32>,
    mixed: Vec<Controls>,
    second: Option<Box<Second>>,
    /// The row of each slot, and the slot of each row.
    row_of: Vec<usize>,
    slot_of: Vec<usize>,
    /// One a slot.
    voices: Vec<Voice>,
    shaper: Shaper,
    /// The decoder after a long silence: where every note begins.
    rest: State,
    room: Room,
    /// Of the longer of the rooms.
    tail_samples: usize,
    /// Samples since the synthesisers last gave anything but zeros, up to [`Instrument::rested_after`].
    silent_samples: usize,
    /// Of the noise of voices that no note started.
    seed: u64,
    scratch: Vec<f32>,
    dry: Vec<f32>,
}

struct Voice {
    synth: VoiceSynth,
    /// Frames with both gains at 0 so far.
    silent_frames: u32,
}

/// The longest stretch rendered in one go, in samples.
const CHUNK: usize = 512;

impl Instrument {
    /// Allocates and warms up; milliseconds, so not for the audio thread.
    #[must_use]
    pub fn build(parts: &InstrumentParts<'_>) -> Self {
        let decoder = Arc::clone(&parts.decoder);
        let n_voices = parts.voices.max(1);
        let spec = decoder.spec();
        let second = parts.blend.as_ref().filter(|blend| can_blend(&spec, &blend.decoder.spec()).is_ok());
        let most_harmonics = second.map_or(0, |second| second.decoder.spec().n_harmonics).max(spec.n_harmonics);
        let played = DecoderSpec { n_harmonics: most_harmonics, ..spec };
        let tables = Arc::new(SynthTables::new(&synth_spec(&played), parts.sample_rate_hz));
        let silent = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
        let rest = decoder.rested_state();
        let voice = || Voice { synth: VoiceSynth::with_tables(Arc::clone(&tables)), silent_frames: FRAMES_TO_REST };
        let room = room(parts.room, &spec, parts.sample_rate_hz);
        let second = second.map(|second| Box::new(Second::build(second, parts.sample_rate_hz, n_voices, CHUNK)));
        let n_mixed = if second.is_some() { n_voices } else { 0 };
        let tail_samples = room.tail_samples().max(second.as_ref().map_or(0, |second| second.tail_samples()));
        Self {
            profile: parts.profile,
            tuning: parts.tuning.clone(),
            states: vec![rest.clone(); n_voices],
            frames: vec![Frame::SILENCE; n_voices],
            controls: vec![silent; n_voices],
            shares: vec![0.0; n_voices],
            mixed: vec![Controls::silent(most_harmonics, spec.n_noise_bands); n_mixed],
            second,
            row_of: (0..n_voices).collect(),
            slot_of: (0..n_voices).collect(),
            voices: (0..n_voices).map(|_| voice()).collect(),
            shaper: Shaper::new(&played),
            rest,
            silent_samples: tail_samples + CHUNK,
            tail_samples,
            room,
            seed: 0,
            scratch: vec![0.0; CHUNK],
            dry: vec![0.0; CHUNK],
            decoder,
        }
    }

    /// How its notes are played.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// What the voice in `slot` plays at the end of the segment that was begun last.
    #[must_use]
    pub fn played(&self, slot: usize) -> &Controls {
        let row = self.row_of[slot];
        self.mixed.get(row).unwrap_or(&self.controls[row])
    }

    /// The frequency of its highest noise band, in Hz.
    #[must_use]
    pub fn noise_top_hz(&self) -> f32 {
        self.decoder.spec().sample_rate_hz as f32 / 2.0
    }

    /// How its keys are tuned.
    #[must_use]
    pub fn tuning(&self) -> Option<&Tuning> {
        self.tuning.as_ref()
    }

    /// Samples that still sound after the last frame: the noise filter and the room.
    #[must_use]
    pub fn tail_samples(&self) -> usize {
        self.tail_samples + self.voices[0].synth.tail_samples()
    }

    /// Bytes that its own room takes; that of a blended model not counted.
    #[must_use]
    pub fn room_memory_bytes(&self) -> usize {
        self.room.memory_bytes()
    }

    /// Whether nothing sounds, not even the room.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.voices.iter().all(Voice::rests) && self.silent_samples >= self.tail_samples
    }

    /// Samples of silence after which the room is not asked any more; a chunk more than its tail, for its partitions.
    fn rested_after(&self) -> usize {
        self.tail_samples + CHUNK
    }

    /// Noise that no note starts is made from `seed`; for an instrument that has not sounded yet.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
        self.voices.iter_mut().for_each(|voice| voice.synth.reset(seed));
    }

    /// Forgets everything that sounded. Noise that no note starts is made from `seed`.
    pub fn reset(&mut self, seed: u64) {
        self.seed = seed;
        for (voice, state) in self.voices.iter_mut().zip(&mut self.states) {
            voice.synth.reset(seed);
            voice.silent_frames = FRAMES_TO_REST;
            state.copy_from(&self.rest);
        }
        self.room.reset();
        self.second.iter_mut().for_each(|second| second.reset());
        self.silent_samples = self.rested_after();
    }

    /// Begins a ramp of `len` samples of every voice towards what is wanted of its slot; an empty slot falls silent.
    pub fn advance(&mut self, wanted: &[Option<Wanted>], len: usize) {
        let mut rows = 0;
        for slot in 0..self.voices.len() {
            let wanted = wanted.get(slot).copied().flatten();
            let frames_to_rest = if wanted.is_some() { FRAMES_TO_REST } else { FRAMES_TO_FADE };
            if self.rest_or_wake(slot, wanted.is_none_or(|wanted| wanted.gains == SILENT), frames_to_rest) {
                continue;
            }
            self.move_row(slot, rows);
            // A voice that fades out keeps its pitch.
            self.frames[rows] =
                wanted.map_or(Frame { loudness_db: LOUDNESS_FLOOR_DB, ..self.frames[rows] }, |wanted| wanted.frame);
            // And its share of the second model.
            self.shares[rows] = wanted.map_or(self.shares[rows], |wanted| wanted.blend);
            rows += 1;
        }
        self.decode(0, rows);
        for row in 0..rows {
            let slot = self.slot_of[row];
            let wanted = wanted.get(slot).copied().flatten();
            let controls = if self.second.is_some() { &mut self.mixed[row] } else { &mut self.controls[row] };
            self.shaper.apply(wanted.map_or(Shape::NONE, |wanted| wanted.shape), controls);
            let gains = wanted.map_or(SILENT, |wanted| wanted.gains);
            self.voices[slot].synth.begin_segment(controls, len, gains);
        }
    }

    /// The frames of `n_rows` rows from `first` on become what is played.
    fn decode(&mut self, first: usize, n_rows: usize) {
        let rows = first..first + n_rows;
        let (frames, controls) = (&self.frames[rows.clone()], &mut self.controls[rows.clone()]);
        self.decoder.step(&mut self.states[rows.clone()], frames, controls);
        if let Some(second) = &mut self.second {
            second.mix(first, frames, controls, &self.shares[rows.clone()], &mut self.mixed[rows]);
        }
    }

    /// Counts a slot's silent frames. Returns whether it rests: then nothing needs to be done for it.
    fn rest_or_wake(&mut self, slot: usize, silent: bool, frames_to_rest: u32) -> bool {
        let voice = &mut self.voices[slot];
        if !silent {
            if voice.silent_frames > 0 {
                // A sound begins: a decoder that steps rarely begins with it, not with its next step.
                self.states[self.row_of[slot]].start_anew();
                self.second.iter_mut().for_each(|second| second.start_row_anew(self.row_of[slot]));
            }
            voice.silent_frames = 0;
            return false;
        }
        if voice.rests() {
            return true;
        }
        voice.silent_frames += 1;
        if voice.silent_frames >= frames_to_rest {
            voice.silent_frames = FRAMES_TO_REST;
            voice.synth.reset(self.seed);
            self.rest_row(self.row_of[slot]);
        }
        self.voices[slot].rests()
    }

    fn rest_row(&mut self, row: usize) {
        self.states[row].copy_from(&self.rest);
        self.second.iter_mut().for_each(|second| second.rest_row(row));
    }

    /// Lets `slot` have `row`, in exchange with the slot that has it. No allocation: what is large is behind pointers.
    fn move_row(&mut self, slot: usize, row: usize) {
        let (from, other) = (self.row_of[slot], self.slot_of[row]);
        if from == row {
            return;
        }
        self.states.swap(from, row);
        self.frames.swap(from, row);
        self.controls.swap(from, row);
        self.shares.swap(from, row);
        self.second.iter_mut().for_each(|second| second.swap_rows(from, row));
        self.row_of.swap(slot, other);
        self.slot_of.swap(from, row);
    }

    /// The voice in `slot` begins a sound at this very sample, `len` samples before the next frame of the clock.
    pub fn start(&mut self, slot: usize, wanted: &Wanted, len: usize, seed: u64) {
        // An instrument that was built for fewer slots plays what it has.
        let Some(&row) = self.row_of.get(slot) else { return };
        self.rest_row(row);
        self.frames[row] = wanted.frame;
        self.shares[row] = wanted.blend;
        self.decode(row, 1);
        let controls = if self.second.is_some() { &mut self.mixed[row] } else { &mut self.controls[row] };
        self.shaper.apply(wanted.shape, controls);
        let voice = &mut self.voices[slot];
        voice.silent_frames = 0;
        voice.synth.reset(seed);
        voice.synth.jump_to(controls);
        if len > 0 {
            voice.synth.begin_segment(controls, len, wanted.gains);
        }
    }

    /// The voice in `slot` stops at once.
    pub fn stop(&mut self, slot: usize) {
        let Some(voice) = self.voices.get_mut(slot) else { return };
        voice.silent_frames = FRAMES_TO_REST;
        voice.synth.reset(self.seed);
        self.rest_row(self.row_of[slot]);
    }

    /// The next `out.len()` samples of all voices in the room; at most what is left of their segments. `blend` is the second
    /// room's share, 0 to 1.
    pub fn render(&mut self, out: &mut [f32], room_amount: f32, blend: f32) {
        for out in out.chunks_mut(CHUNK) {
            self.render_chunk(out, room_amount, blend);
        }
    }

    fn render_chunk(&mut self, out: &mut [f32], room_amount: f32, blend: f32) {
        out.fill(0.0);
        let mut sounds = false;
        for voice in self.voices.iter_mut().filter(|voice| !voice.rests()) {
            let scratch = &mut self.scratch[..out.len()];
            voice.synth.render(scratch);
            out.iter_mut().zip(&*scratch).for_each(|(out, x)| *out += x);
            sounds = true;
        }
        // Once all of a room has died away, its memory is zero and so is its output. To the sample: a room counts what it was
        // given, and its results must not depend on how that was cut into blocks.
        let len = if sounds { out.len() } else { (self.rested_after() - self.silent_samples).min(out.len()) };
        self.silent_samples = if sounds { 0 } else { self.silent_samples + len };
        let heard = &mut out[..len];
        match &mut self.second {
            None => self.room.process(heard, room_amount),
            Some(second) => {
                let dry = &mut self.dry[..len];
                dry.copy_from_slice(heard);
                self.room.process(heard, room_amount * (1.0 - blend));
                second.add_room(dry, heard, room_amount * blend);
            }
        }
    }
}

impl Voice {
    fn rests(&self) -> bool {
        self.silent_frames >= FRAMES_TO_REST
    }
}

fn synth_spec(spec: &DecoderSpec) -> SynthSpec {
    SynthSpec {
        sample_rate_hz: spec.sample_rate_hz,
        bandwidth_hz: spec.bandwidth_hz,
        n_harmonics: spec.n_harmonics,
        n_noise_bands: spec.n_noise_bands,
        noise_fir_ms: spec.noise_fir_ms,
    }
}
