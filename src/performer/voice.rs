//! One sounding note: which key it is, how it began, and what its own expression stands at.

use super::controllers::Channel;
use super::envelope::Envelope;
use super::variation::variation;
use super::{Expression, NoteAddress, Playing, Profile, Tuning, VoiceFrame};
use crate::frame::{Frame, LOUDNESS_FLOOR_DB};

/// Time in which a vibrato grows to its depth once its delay is over, in seconds.
const VIBRATO_GROWTH_S: f32 = 0.4;
/// Swell of the loudness with the vibrato, in dB per 100 cents.
const VIBRATO_DB: f32 = 3.0;

const PITCH: u64 = 0;
const LOUDNESS: u64 = 1;

/// A glide from another pitch.
#[derive(Clone, Copy, Debug)]
struct Glide {
    /// Semitones from the new key to where the pitch was.
    from: f32,
    start: u64,
}

/// Where the vibrato stood at a sample: from there on it has one rate.
#[derive(Clone, Copy, Debug)]
struct Vibrato {
    since: u64,
    /// Of the cycle, 0 to 1.
    phase: f32,
}

impl Vibrato {
    fn phase(&self, sample: u64, vibrato_hz: f32, sample_rate_hz: f32) -> f32 {
        (self.phase + vibrato_hz * ((sample - self.since) as f32 / sample_rate_hz)).fract()
    }
}

/// What one note's own expression stands at.
#[derive(Clone, Copy, Debug)]
struct NoteExpression {
    tuning: f32,
    pressure: f32,
    /// `None` until the note has a brightness of its own.
    brightness: Option<f32>,
    volume: f32,
    vibrato: f32,
}

/// A sounding note. Samples are counted on the engine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    pub note: NoteAddress,
    /// Sample at which its envelope began.
    pub start: u64,
    pub envelope: Envelope,
    /// The key is still down.
    pub key_down: bool,
    /// Let go, but held by the sustain pedal.
    pub pedalled: bool,
    /// Held by the sostenuto pedal since before it was let go.
    pub caught: bool,
    /// Another note took its place: it is fading out.
    pub stolen: bool,
    seed: u64,
    glide: Option<Glide>,
    vibrato: Vibrato,
    own: NoteExpression,
}

impl NoteExpression {
    /// What a note begins with.
    const REST: Self = Self { tuning: 0.0, pressure: 0.0, brightness: None, volume: 1.0, vibrato: 0.0 };
}

impl Voice {
    /// A note that begins at `sample`.
    #[must_use]
    pub fn begin(note: NoteAddress, sample: u64, envelope: Envelope, seed: u64) -> Self {
        Self {
            note,
            start: sample,
            envelope,
            key_down: true,
            pedalled: false,
            caught: false,
            stolen: false,
            seed,
            glide: None,
            vibrato: Vibrato { since: sample, phase: 0.0 },
            own: NoteExpression::REST,
        }
    }

    /// Takes over one of the note's own expressions; what is no number changes nothing.
    pub fn express(&mut self, expression: Expression, value: f32) {
        if !value.is_finite() {
            return;
        }
        match expression {
            Expression::Tuning => self.own.tuning = value.clamp(-120.0, 120.0),
            Expression::Pressure => self.own.pressure = value.clamp(0.0, 1.0),
            Expression::Brightness => self.own.brightness = Some(value.clamp(0.0, 1.0)),
            Expression::Volume => self.own.volume = value.clamp(0.0, 4.0),
            Expression::Vibrato => self.own.vibrato = value.clamp(0.0, 1.0),
        }
    }

    /// From the next sample on it is another key, gliding there from `from` semitones away.
    pub fn become_note(&mut self, note: NoteAddress, from: f32, sample: u64) {
        self.note = note;
        self.key_down = true;
        self.pedalled = false;
        self.caught = false;
        self.own = NoteExpression::REST;
        self.glide = Some(Glide { from, start: sample });
    }

    /// Counts its time from `sample` on.
    pub fn restart(&mut self, sample: u64) {
        self.start = sample;
        self.vibrato = Vibrato { since: sample, phase: 0.0 };
    }

    /// From `sample` on the vibrato has another rate than `before_hz`.
    pub fn keep_vibrato(&mut self, sample: u64, before_hz: f32, sample_rate_hz: f32) {
        self.vibrato = Vibrato { since: sample, phase: self.vibrato.phase(sample, before_hz, sample_rate_hz) };
    }

    /// Semitones that a glide still is away from the key at `sample`.
    #[must_use]
    pub fn glide(&self, sample: u64, playing: &Playing, sample_rate_hz: f32) -> f32 {
        let Some(glide) = self.glide else { return 0.0 };
        let time_s = (sample - glide.start) as f32 / sample_rate_hz;
        if time_s >= playing.glide_s { 0.0 } else { glide.from * (1.0 - time_s / playing.glide_s) }
    }

    /// Whether it has ended by `sample`.
    #[must_use]
    pub fn is_over(&self, sample: u64, sample_rate_hz: f32) -> bool {
        self.envelope.is_over((sample - self.start) as f32 / sample_rate_hz)
    }

    /// The voice at `sample`. `channel` is what its channel stands at, `semitones` its bend.
    #[must_use]
    pub fn frame(
        &self,
        sample: u64,
        sample_rate_hz: f32,
        context: &Context<'_>,
        channel: &Channel,
        bend_semitones: f32,
    ) -> VoiceFrame {
        let Context { playing, profile, tuning } = *context;
        let time_s = (sample - self.start) as f32 / sample_rate_hz;
        let phase = self.vibrato.phase(sample, playing.vibrato_hz, sample_rate_hz);
        let vibrato = self.vibrato_cents(time_s, phase, playing, channel);
        let wander = playing.variation;
        let cents = vibrato + wander * profile.jitter_cents * variation(self.seed, PITCH, time_s);
        let semitones = self.glide(sample, playing, sample_rate_hz) + bend_semitones + self.own.tuning + cents / 100.0;
        let f0_hz = (tuning.frequency_hz(self.note.key) * (semitones / 12.0).exp2()).clamp(8.0, 16_000.0);
        if self.envelope.is_over(time_s) {
            return VoiceFrame { frame: Frame { f0_hz, ..Frame::SILENCE }, level: 0.0, brightness: 0.5 };
        }
        let range_db = profile.loudest_db - profile.softest_db;
        let below = (channel.expression.min(channel.breath) - 1.0) * range_db;
        let steady = self.envelope.loudness_db(time_s);
        let pressure = channel.pressure.max(self.own.pressure) * playing.pressure_amount;
        // Of what the note is meant to have: pressed or not, it rises first and falls in the end.
        let above = pressure * (profile.loudest_db - self.envelope.held_db(time_s)).max(0.0);
        let small = vibrato / 100.0 * VIBRATO_DB + wander * profile.jitter_db * variation(self.seed, LOUDNESS, time_s);
        let loudness_db = (steady + below + above + small).max(LOUDNESS_FLOOR_DB);
        VoiceFrame {
            frame: Frame { f0_hz, loudness_db, voicing: 1.0 },
            // The square of the controller is the usual taper of a volume.
            level: self.envelope.level(time_s) * channel.volume * channel.volume * self.own.volume,
            brightness: self.own.brightness.unwrap_or(channel.brightness),
        }
    }

    fn vibrato_cents(&self, time_s: f32, phase: f32, playing: &Playing, channel: &Channel) -> f32 {
        let grown = ((time_s - playing.vibrato_delay_s) / VIBRATO_GROWTH_S).clamp(0.0, 1.0);
        let wheel = channel.modulation.max(self.own.vibrato) * playing.wheel_vibrato_cents;
        let depth = playing.vibrato_cents * grown + wheel;
        depth * (std::f32::consts::TAU * phase).sin()
    }
}

/// What all voices share at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub playing: &'a Playing,
    pub profile: &'a Profile,
    pub tuning: &'a Tuning,
}
