//! How notes are played, whatever the instrument: the settings of the performer.

/// How keys share the voices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every key has a voice of its own.
    #[default]
    Poly,
    /// One voice: the last key that is held sounds, and each key is articulated anew.
    Mono,
    /// One voice: a key that is pressed while another is held takes over its sound without a new attack.
    Legato,
}

impl Mode {
    /// All modes, in the order in which settings number them.
    pub const ALL: [Self; 3] = [Self::Poly, Self::Mono, Self::Legato];

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Poly => "Poly",
            Self::Mono => "Mono",
            Self::Legato => "Legato",
        }
    }
}

/// Voices that can sound at a time.
pub const MAX_VOICES: usize = 16;

/// Settings of the performer. The defaults are musical without being touched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    pub mode: Mode,
    /// Voices that sound at a time in [`Mode::Poly`], 1 to [`MAX_VOICES`].
    pub voices: usize,
    /// Time of a glide from key to key in [`Mode::Mono`] and [`Mode::Legato`], in seconds; 0 jumps.
    pub glide_s: f32,
    /// Semitones of a full pitch bend, unless the channel is told otherwise.
    pub bend_semitones: f32,
    /// Channels 2 to 16 carry one note each, with bend, pressure and brightness of its own; channel 1 is for all of them.
    pub mpe: bool,
    /// Semitones of a full bend of one note's own channel, unless the channel is told otherwise.
    pub mpe_bend_semitones: f32,
    /// -1 (soft keys play harder) over 0 (straight) to 1 (hard keys play softer).
    pub velocity_curve: f32,
    /// Multiplies the instrument's own onset.
    pub attack: f32,
    /// Time in which a held note falls to its sustained loudness, in seconds.
    pub decay_s: f32,
    /// The sustained loudness under that of the attack, in dB, 0 or below.
    pub sustain_db: f32,
    /// Multiplies the instrument's own release.
    pub release: f32,
    /// Depth of the vibrato that held notes come to have, in cents.
    pub vibrato_cents: f32,
    /// Depth of the vibrato that the modulation wheel or a note's own expression adds at its top, in cents.
    pub wheel_vibrato_cents: f32,
    /// In Hz.
    pub vibrato_hz: f32,
    /// How long a note is held before its vibrato begins, in seconds.
    pub vibrato_delay_s: f32,
    /// How much of the small variations of pitch and loudness of the recorded players is played, 0 to 1 and beyond.
    pub variation: f32,
    /// How far pressure raises the loudness, as a share of what is left to the loudest, 0 to 1.
    pub pressure_amount: f32,
}

impl Default for Playing {
    fn default() -> Self {
        Self {
            mode: Mode::Poly,
            voices: 8,
            glide_s: 0.06,
            bend_semitones: 2.0,
            mpe: false,
            mpe_bend_semitones: 48.0,
            velocity_curve: 0.0,
            attack: 1.0,
            decay_s: 0.5,
            sustain_db: 0.0,
            release: 1.0,
            vibrato_cents: 12.0,
            wheel_vibrato_cents: 50.0,
            vibrato_hz: 5.5,
            vibrato_delay_s: 0.35,
            variation: 1.0,
            pressure_amount: 1.0,
        }
    }
}

impl Playing {
    /// Velocity as it is meant, 0 to 1: bent by the curve.
    #[must_use]
    pub fn velocity(&self, velocity: f32) -> f32 {
        velocity.clamp(0.0, 1.0).powf(3f32.powf(self.velocity_curve.clamp(-1.0, 1.0)))
    }

    /// The same with every value inside of what the performer can play; what is no number becomes the default.
    #[must_use]
    pub fn checked(self) -> Self {
        let d = Self::default();
        let within = |x: f32, or: f32, min: f32, max: f32| if x.is_finite() { x.clamp(min, max) } else { or };
        Self {
            mode: self.mode,
            voices: self.voices.clamp(1, MAX_VOICES),
            mpe: self.mpe,
            glide_s: within(self.glide_s, d.glide_s, 0.0, 5.0),
            bend_semitones: within(self.bend_semitones, d.bend_semitones, 0.0, 96.0),
            mpe_bend_semitones: within(self.mpe_bend_semitones, d.mpe_bend_semitones, 0.0, 96.0),
            velocity_curve: within(self.velocity_curve, d.velocity_curve, -1.0, 1.0),
            attack: within(self.attack, d.attack, 0.02, 20.0),
            decay_s: within(self.decay_s, d.decay_s, 0.001, 20.0),
            sustain_db: within(self.sustain_db, d.sustain_db, -60.0, 0.0),
            release: within(self.release, d.release, 0.02, 50.0),
            vibrato_cents: within(self.vibrato_cents, d.vibrato_cents, 0.0, 1200.0),
            wheel_vibrato_cents: within(self.wheel_vibrato_cents, d.wheel_vibrato_cents, 0.0, 1200.0),
            vibrato_hz: within(self.vibrato_hz, d.vibrato_hz, 0.05, 20.0),
            vibrato_delay_s: within(self.vibrato_delay_s, d.vibrato_delay_s, 0.0, 10.0),
            variation: within(self.variation, d.variation, 0.0, 4.0),
            pressure_amount: within(self.pressure_amount, d.pressure_amount, 0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_straight_curve_leaves_velocity_as_it_is() {
        assert_eq!(Playing::default().velocity(0.3), 0.3);
    }

    #[test]
    fn a_curve_bends_the_middle_and_keeps_the_ends() {
        let curve = |velocity_curve| Playing { velocity_curve, ..Playing::default() };
        assert!(curve(-1.0).velocity(0.4) > 0.6 && curve(1.0).velocity(0.4) < 0.2);
        for bent in [-1.0, 1.0] {
            assert!((curve(bent).velocity(1.0) - 1.0).abs() < 1e-6 && curve(bent).velocity(0.0) < 1e-6);
        }
    }

    #[test]
    fn absurd_settings_become_playable_ones() {
        let absurd = Playing { voices: 0, vibrato_hz: f32::NAN, release: 1e9, ..Playing::default() }.checked();
        assert_eq!((absurd.voices, absurd.vibrato_hz), (1, 5.5));
        assert!(absurd.release <= 50.0);
    }
}
