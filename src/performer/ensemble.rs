//! The voices of one instrument: which key sounds where, what the pedals hold, and who gives way when all are taken.
//!
//! More slots than voices: a stolen voice fades out in a slot of its own while the new note begins in another.

use super::controllers::{Channel, byte, cc, rpn};
use super::envelope::Envelope;
use super::voice::{Context, Voice};
use super::{EventKind, MAX_VOICES, Mode, NoteAddress, Playing, Profile, Tuning, VoiceFrame};

/// Slots for stolen voices that are fading out: a whole chord may take the place of another.
const SPARE: usize = MAX_VOICES;
/// Slots that an instrument needs a synthesiser for.
pub const SLOTS: usize = MAX_VOICES + SPARE;
/// Keys that can be held at a time in the modes with one voice; more push out the oldest.
const MAX_HELD: usize = 32;
/// Time in which a stolen voice fades out, in seconds: long enough not to click.
const STEAL_S: f32 = 0.03;
/// A key that articulates a sounding voice anew in [`Mode::Mono`] begins this far below its loudness, in dB.
const TONGUE_DB: f32 = 9.0;
/// The channel that speaks for all in MPE.
const MASTER: usize = 0;

/// What an event means for the slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Nothing, or sounding voices change their course: the next tick begins the ramp there.
    Nothing,
    /// A sound begins in this slot at the event's sample.
    Start { slot: usize, note: NoteAddress },
    /// The voices in these slots stop at once: bit n stands for slot n.
    Stop { slots: u32 },
    /// Every voice stops at once.
    StopAll,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    note: NoteAddress,
    velocity: f32,
}

/// The channels that a message of one channel means: in MPE the first channel's means all of them.
#[derive(Clone, Copy)]
struct Meant(Option<u8>);

impl Meant {
    /// `None` means all channels.
    fn new(channel: Option<u8>, playing: &Playing) -> Self {
        Self(channel.map(|channel| channel.min(15)).filter(|channel| !playing.mpe || usize::from(*channel) != MASTER))
    }

    fn is(self, channel: u8) -> bool {
        self.0.is_none_or(|meant| meant == channel.min(15))
    }
}

/// Up to [`MAX_VOICES`] notes. Nothing here allocates after [`Ensemble::new`].
#[derive(Clone, Debug)]
pub struct Ensemble {
    sample_rate_hz: f32,
    profile: Profile,
    tuning: Tuning,
    slots: [Option<Voice>; SLOTS],
    channels: [Channel; 16],
    /// Whether the first channel was told that the others carry notes of their own.
    mpe: bool,
    /// Keys that are down, the newest last; only the modes with one voice need them.
    held: Vec<Held>,
    notes_started: u64,
    seed: u64,
    /// The vibrato's rate since the last tick.
    vibrato_hz: f32,
}

impl Ensemble {
    /// Allocates.
    #[must_use]
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz: sample_rate_hz as f32,
            profile: Profile::default(),
            tuning: Tuning::default(),
            slots: [None; SLOTS],
            channels: [Channel::default(); 16],
            mpe: false,
            held: Vec::with_capacity(MAX_HELD),
            notes_started: 0,
            seed: 0,
            vibrato_hz: Playing::default().vibrato_hz,
        }
    }

    /// Another instrument: its range and unrest at once, its attack from the next note on.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// Another tuning; sounding notes move there.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }

    /// As new but for profile and tuning: samples count from 0 again. Variations are made from `seed`.
    pub fn reset(&mut self, seed: u64) {
        self.slots = [None; SLOTS];
        self.channels = [Channel::default(); 16];
        self.mpe = false;
        self.held.clear();
        self.notes_started = 0;
        self.seed = seed;
    }

    /// Whether nothing sounds at `sample`, if no event comes before it.
    #[must_use]
    pub fn is_silent(&self, sample: u64) -> bool {
        self.slots.iter().flatten().all(|voice| voice.is_over(sample, self.sample_rate_hz))
    }

    /// Notes that sound at `sample` and are not being stolen.
    #[must_use]
    pub fn n_sounding(&self, sample: u64) -> usize {
        self.sounding(sample).filter(|(_, voice)| !voice.stolen).count()
    }

    /// Takes note of an event at `sample`, which is at or after all before it.
    pub fn happen(&mut self, sample: u64, event: &EventKind, playing: &Playing) -> Change {
        let playing = &self.told(playing);
        match *event {
            EventKind::NoteOn { note, velocity } => return self.note_on(sample, note, velocity, playing),
            EventKind::NoteOff { note } => self.note_off(sample, note, playing),
            EventKind::PitchBend { channel, value } => self.channel(channel).bend_to(value),
            EventKind::ChannelPressure { channel, value } => self.channel(channel).press(value),
            EventKind::Controller { channel, number, value } => {
                return self.control(sample, channel, number, value, playing);
            }
            EventKind::Expression { note, expression, value } => {
                for voice in self.slots.iter_mut().flatten().filter(|voice| voice.note.matches(&note)) {
                    voice.express(expression, value);
                }
            }
            EventKind::Choke { note } => {
                self.held.retain(|held| !held.note.matches(&note));
                return Change::Stop { slots: self.stop(|voice| voice.note.matches(&note)) };
            }
            EventKind::AllNotesOff { channel } => {
                // Pedals too: this is for keyboards that are gone and files that have ended.
                let meant = Meant::new(channel, playing);
                self.held.retain(|held| !meant.is(held.note.channel));
                let channels = self.channels.iter_mut().zip(0..);
                channels.filter(|(_, number)| meant.is(*number)).for_each(|(channel, _)| channel.lift_pedals());
                let voices = self.slots.iter_mut().flatten();
                voices.filter(|voice| meant.is(voice.note.channel)).for_each(|voice| voice.caught = false);
                self.release_all(sample, playing, |voice| meant.is(voice.note.channel));
            }
            EventKind::AllSoundOff { channel } => {
                let meant = Meant::new(channel, playing);
                self.held.retain(|held| !meant.is(held.note.channel));
                let slots = self.stop(|voice| meant.is(voice.note.channel));
                // The room's tail belongs to no channel: it stops where nothing else sounds.
                let others = self.slots.iter().any(Option::is_some);
                return if others { Change::Stop { slots } } else { Change::StopAll };
            }
        }
        Change::Nothing
    }

    /// `playing` with what MIDI itself has said of it.
    fn told(&self, playing: &Playing) -> Playing {
        Playing { mpe: playing.mpe || self.mpe, ..*playing }
    }

    /// The voice in `slot` at `sample`, which is at or after the last event; `None` if the slot is empty or has ended.
    #[must_use]
    pub fn frame_at(&self, slot: usize, sample: u64, playing: &Playing) -> Option<VoiceFrame> {
        let voice = self.slots[slot].as_ref().filter(|voice| !voice.is_over(sample, self.sample_rate_hz))?;
        let playing = &self.told(playing);
        let (channel, bend) = self.context_of(voice, playing);
        let context = Context { playing, profile: &self.profile, tuning: &self.tuning };
        Some(voice.frame(sample, self.sample_rate_hz, &context, &channel, bend))
    }

    /// Call once a tick, before frames after `sample` are asked for. Voices that have ended are forgotten: their slots are
    /// free. A new rate of the vibrato goes on from where the vibrato is.
    pub fn begin_tick(&mut self, sample: u64, playing: &Playing) {
        let rate = self.sample_rate_hz;
        for slot in &mut self.slots {
            *slot = slot.filter(|voice| !voice.is_over(sample, rate));
        }
        let before_hz = std::mem::replace(&mut self.vibrato_hz, playing.vibrato_hz);
        if before_hz != playing.vibrato_hz {
            self.slots.iter_mut().flatten().for_each(|voice| voice.keep_vibrato(sample, before_hz, rate));
        }
    }

    /// Empties the slots of the voices that `which` names, and gives them: bit n stands for slot n.
    fn stop(&mut self, which: impl Fn(&Voice) -> bool) -> u32 {
        let mut slots = 0;
        for (slot, voice) in self.slots.iter_mut().enumerate() {
            if voice.as_ref().is_some_and(&which) {
                *voice = None;
                slots |= 1 << slot;
            }
        }
        slots
    }

    fn channel(&mut self, channel: u8) -> &mut Channel {
        &mut self.channels[usize::from(channel).min(15)]
    }

    /// What a voice's channel stands at, the channel for all included, and its bend in semitones.
    fn context_of(&self, voice: &Voice, playing: &Playing) -> (Channel, f32) {
        let number = usize::from(voice.note.channel).min(15);
        let own = self.channels[number];
        let bent = |channel: &Channel, semitones: f32| channel.bend * channel.bend_semitones.unwrap_or(semitones);
        if !playing.mpe || number == MASTER {
            return (own, bent(&own, playing.bend_semitones));
        }
        let master = self.channels[MASTER];
        // One channel of notes speaks for the bend range of all of them.
        let of_notes = self.channels[MASTER + 1].bend_semitones.unwrap_or(playing.mpe_bend_semitones);
        let bend = bent(&own, of_notes) + bent(&master, playing.bend_semitones);
        let both = Channel {
            modulation: own.modulation.max(master.modulation),
            breath: own.breath.min(master.breath),
            expression: own.expression.min(master.expression),
            volume: own.volume * master.volume,
            pressure: own.pressure.max(master.pressure),
            brightness: (own.brightness + master.brightness - 0.5).clamp(0.0, 1.0),
            ..own
        };
        (both, bend)
    }

    fn sounding(&self, sample: u64) -> impl Iterator<Item = (usize, &Voice)> {
        let rate = self.sample_rate_hz;
        let voices = self.slots.iter().enumerate().filter_map(|(slot, voice)| Some((slot, voice.as_ref()?)));
        voices.filter(move |(_, voice)| !voice.is_over(sample, rate))
    }

    fn note_on(&mut self, sample: u64, note: NoteAddress, velocity: f32, playing: &Playing) -> Change {
        self.held.retain(|held| !held.note.matches(&note));
        if self.held.len() == MAX_HELD {
            self.held.remove(0);
        }
        self.held.push(Held { note, velocity });
        if playing.mode == Mode::Poly {
            // The same key once more: what still sounds of it gives way as if it had been let go.
            let again = |voice: &Voice| voice.key_down && voice.note.matches(&note);
            self.release_all(sample, playing, again);
            return self.start(sample, note, velocity, playing);
        }
        match self.single(sample) {
            Some(slot) => {
                self.take_over(slot, sample, Held { note, velocity }, playing);
                Change::Nothing
            }
            None => self.start(sample, note, velocity, playing),
        }
    }

    /// The voice of the modes with one voice: the newest that is not fading out for another.
    fn single(&self, sample: u64) -> Option<usize> {
        self.sounding(sample)
            .filter(|(_, voice)| !voice.stolen)
            .max_by_key(|(_, voice)| voice.start)
            .map(|(slot, _)| slot)
    }

    fn start(&mut self, sample: u64, note: NoteAddress, velocity: f32, playing: &Playing) -> Change {
        let voices = if playing.mode == Mode::Poly { playing.voices.clamp(1, MAX_VOICES) } else { 1 };
        for _ in voices..=self.n_sounding(sample) {
            self.steal(sample);
        }
        // A voice that has ended keeps its slot until the next tick: its synthesiser is still on its way to silence.
        let free = self.slots.iter().position(Option::is_none);
        // All spare slots are fading out: the one that is softest ends at once.
        let slot = free.unwrap_or_else(|| self.softest(sample, |voice| voice.stolen).unwrap_or(0));
        self.notes_started += 1;
        let seed = note_seed(self.seed, note, self.notes_started);
        let envelope = Envelope::begin(&self.profile, playing, velocity, None);
        self.slots[slot] = Some(Voice::begin(note, sample, envelope, seed));
        Change::Start { slot, note }
    }

    /// Lets the voice that will be missed least fade out: one that was let go, else the softest.
    fn steal(&mut self, sample: u64) {
        let rate = self.sample_rate_hz;
        let let_go = self.softest(sample, |voice| !voice.stolen && voice.envelope.is_released());
        let pedalled = || self.softest(sample, |voice| !voice.stolen && !voice.key_down);
        let any = || self.softest(sample, |voice| !voice.stolen);
        if let Some(voice) = let_go.or_else(pedalled).or_else(any).and_then(|slot| self.slots[slot].as_mut()) {
            voice.stolen = true;
            voice.envelope.release_in(STEAL_S, (sample - voice.start) as f32 / rate);
        }
    }

    /// The softest of the voices that `which` names; of equals the oldest.
    fn softest(&self, sample: u64, which: impl Fn(&Voice) -> bool) -> Option<usize> {
        let rate = self.sample_rate_hz;
        let loudness = |voice: &Voice| voice.envelope.weight_db((sample - voice.start) as f32 / rate);
        let candidates = self.sounding(sample).filter(|(_, voice)| which(voice));
        candidates
            .min_by(|(_, a), (_, b)| loudness(a).total_cmp(&loudness(b)).then(a.start.cmp(&b.start)))
            .map(|(slot, _)| slot)
    }

    /// A sounding voice becomes another key: articulated anew in [`Mode::Mono`], bound in [`Mode::Legato`].
    fn take_over(&mut self, slot: usize, sample: u64, held: Held, playing: &Playing) {
        let rate = self.sample_rate_hz;
        let Some(voice) = &mut self.slots[slot] else { return };
        let time_s = (sample - voice.start) as f32 / rate;
        let interval =
            12.0 * (self.tuning.frequency_hz(voice.note.key) / self.tuning.frequency_hz(held.note.key)).log2();
        let from = interval + voice.glide(sample, playing, rate);
        let bound = playing.mode == Mode::Legato && !voice.envelope.is_released();
        voice.become_note(held.note, from, sample);
        if bound {
            voice.envelope.aim(&self.profile, playing, held.velocity, time_s);
        } else {
            let target_db = self.profile.loudness_db(playing.velocity(held.velocity));
            let from_db = voice.envelope.loudness_db(time_s).min(target_db - TONGUE_DB);
            voice.envelope = Envelope::begin(&self.profile, playing, held.velocity, Some(from_db));
            voice.restart(sample);
        }
    }

    fn note_off(&mut self, sample: u64, note: NoteAddress, playing: &Playing) {
        let was_top = self.held.last().is_some_and(|held| held.note.matches(&note));
        self.held.retain(|held| !held.note.matches(&note));
        if playing.mode != Mode::Poly
            && was_top
            && let (Some(&before), Some(slot)) = (self.held.last(), self.single(sample))
        {
            self.take_over(slot, sample, before, playing);
        }
        // Beside the voice that was taken over there may be more of this key, from before the mode changed.
        self.release_all(sample, playing, |voice| voice.key_down && voice.note.matches(&note));
    }

    /// Lets go of the keys that `which` names; pedals go on holding their notes.
    fn release_all(&mut self, sample: u64, playing: &Playing, which: impl Fn(&Voice) -> bool) {
        let rate = self.sample_rate_hz;
        let master_holds = playing.mpe && self.channels[MASTER].sustain;
        for voice in self.slots.iter_mut().flatten().filter(|voice| which(voice)) {
            voice.key_down = false;
            let pedal = self.channels[usize::from(voice.note.channel).min(15)].sustain || master_holds;
            if pedal {
                voice.pedalled = true;
            } else if !voice.caught {
                let time_s = (sample - voice.start) as f32 / rate;
                voice.envelope.release(&self.profile, playing, time_s);
            }
        }
    }

    fn control(&mut self, sample: u64, channel: u8, number: u8, value: f32, playing: &Playing) -> Change {
        match number {
            cc::ALL_SOUND_OFF => {
                return self.happen(sample, &EventKind::AllSoundOff { channel: Some(channel) }, playing);
            }
            // What follows on "all notes off" changes modes and implies it.
            cc::ALL_NOTES_OFF..=127 => {
                return self.happen(sample, &EventKind::AllNotesOff { channel: Some(channel) }, playing);
            }
            _ => {}
        }
        let before = *self.channel(channel);
        if number == cc::DATA_ENTRY && before.registered == rpn::MPE && usize::from(channel) == MASTER {
            self.mpe = byte(value) > 0;
            // As the message demands: every channel has the usual range of bend again.
            self.channels.iter_mut().for_each(|channel| channel.bend_semitones = None);
        }
        self.channel(channel).set(number, value);
        let now = *self.channel(channel);
        let everyone = playing.mpe && usize::from(channel) == MASTER;
        let concerned = |voice: &Voice| everyone || voice.note.channel.min(15) == channel.min(15);
        if now.sostenuto && !before.sostenuto {
            for voice in self.slots.iter_mut().flatten().filter(|voice| concerned(voice) && voice.key_down) {
                voice.caught = true;
            }
        }
        if before.sustain && !now.sustain || before.sostenuto && !now.sostenuto {
            let (rate, channels) = (self.sample_rate_hz, self.channels);
            let holds = |voice: &Voice, pedal: fn(&Channel) -> bool| {
                pedal(&channels[usize::from(voice.note.channel).min(15)]) || (playing.mpe && pedal(&channels[MASTER]))
            };
            for voice in self.slots.iter_mut().flatten().filter(|voice| concerned(voice)) {
                voice.pedalled &= holds(voice, |channel| channel.sustain);
                voice.caught &= holds(voice, |channel| channel.sostenuto);
                if !voice.key_down && !voice.pedalled && !voice.caught {
                    voice.envelope.release(&self.profile, playing, (sample - voice.start) as f32 / rate);
                }
            }
        }
        Change::Nothing
    }
}

/// The same song gives the same variations and noise, and no two notes of it share theirs (SplitMix64's mixing steps).
#[must_use]
pub fn note_seed(seed: u64, note: NoteAddress, count: u64) -> u64 {
    let mut x = seed ^ (count << 16) ^ (u64::from(note.channel) << 8) ^ u64::from(note.key);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
