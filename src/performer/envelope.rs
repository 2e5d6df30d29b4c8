//! The loudness of one note: an exponential approach on, a straight fall in dB off.

use super::Playing;
use crate::frame::LOUDNESS_FLOOR_DB;

/// What the performer needs to know of an instrument: from the model's statistics of its training recordings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Lowest and highest pitch that the model knows, in Hz.
    pub pitch_hz: [f32; 2],
    /// Loudness of the softest playing that the model knows, in dB: velocity 0.
    pub softest_db: f32,
    /// Loudness of the hardest playing that the model knows, in dB: velocity 1.
    pub loudest_db: f32,
    /// Time in which a note reaches its loudness to within a decibel, in seconds.
    pub onset_s: f32,
    /// Time in which a released note falls by 60 dB, in seconds.
    pub release_s: f32,
    /// Deviation of the pitch within a steady note, in cents.
    pub jitter_cents: f32,
    /// Deviation of the loudness within a steady note, in dB.
    pub jitter_db: f32,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            pitch_hz: [8.0, 16_000.0],
            softest_db: -50.0,
            loudest_db: -15.0,
            onset_s: 0.06,
            release_s: 0.25,
            jitter_cents: 4.0,
            jitter_db: 0.5,
        }
    }
}

impl Profile {
    /// Loudness of a steady note, in dB. Linear in dB: equal steps of velocity are equal steps of loudness.
    #[must_use]
    pub fn loudness_db(&self, velocity: f32) -> f32 {
        self.softest_db + (self.loudest_db - self.softest_db) * velocity.clamp(0.0, 1.0)
    }

    /// Linear gain of notes, at most 1: the hardest playing of every instrument is no louder than the same level, which leaves room
    /// for a chord. Without it an instrument is as loud as the microphone stood near.
    #[must_use]
    pub fn note_gain(&self) -> f32 {
        10.0f32.powf((LOUDEST_NOTE_DB - self.loudest_db).min(0.0) / 20.0)
    }
}

/// A note of full velocity is at most this loud, in dB (A-weighted).
const LOUDEST_NOTE_DB: f32 = -15.0;

/// A fresh note starts this far below its loudness, in dB.
const ATTACK_DEPTH_DB: f32 = 18.0;
/// The fall of a release, in dB, over which the voice's own gain closes.
const RELEASE_FADE_DB: [f32; 2] = [30.0, 60.0];

/// One note's loudness over time; times in seconds since its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    /// Where the approach comes from, and since when.
    from_db: f32,
    approach_start_s: f32,
    target_db: f32,
    time_constant_s: f32,
    decay_s: f32,
    /// 0 or below.
    sustain_db: f32,
    released: Option<Release>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Release {
    at_s: f32,
    db_per_s: f32,
}

impl Envelope {
    /// A note that begins: from `current_db` if the voice sounds already, else from below.
    #[must_use]
    pub fn begin(profile: &Profile, playing: &Playing, velocity: f32, current_db: Option<f32>) -> Self {
        let target_db = profile.loudness_db(playing.velocity(velocity));
        Self {
            from_db: current_db.unwrap_or(target_db - ATTACK_DEPTH_DB),
            approach_start_s: 0.0,
            target_db,
            // e^-3 of 18 dB is 0.9 dB.
            time_constant_s: (playing.attack * profile.onset_s / 3.0).max(1e-4),
            decay_s: playing.decay_s,
            sustain_db: playing.sustain_db,
            released: None,
        }
    }

    /// The same course towards the loudness of another `velocity`, for a key that takes over a sounding note.
    pub fn aim(&mut self, profile: &Profile, playing: &Playing, velocity: f32, time_s: f32) {
        let now_db = self.loudness_db(time_s);
        self.target_db = profile.loudness_db(playing.velocity(velocity));
        self.from_db = now_db - self.decayed_db(time_s);
        self.approach_start_s = time_s;
    }

    /// The key is let go at `time_s`. A second release can only hurry the first.
    pub fn release(&mut self, profile: &Profile, playing: &Playing, time_s: f32) {
        self.release_in(playing.release * profile.release_s, time_s);
    }

    /// The note is over within `seconds` of `time_s`, if it does not end sooner.
    pub fn release_in(&mut self, seconds: f32, time_s: f32) {
        let db_per_s = RELEASE_FADE_DB[1] / seconds.max(1e-3);
        match &mut self.released {
            // What has fallen stays fallen.
            Some(release) if time_s >= release.at_s && db_per_s > release.db_per_s => {
                let fallen = (time_s - release.at_s) * release.db_per_s;
                *release = Release { at_s: time_s - fallen / db_per_s, db_per_s };
            }
            Some(_) => {}
            None => self.released = Some(Release { at_s: time_s, db_per_s }),
        }
    }

    /// Whether the key was let go.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.released.is_some()
    }

    /// Loudness in dB at `time_s`.
    #[must_use]
    pub fn loudness_db(&self, time_s: f32) -> f32 {
        let held = |t: f32| {
            let since_s = (t - self.approach_start_s).max(0.0);
            let rising = (self.from_db - self.target_db) * (-since_s / self.time_constant_s).exp();
            self.target_db + rising + self.decayed_db(t)
        };
        let db = match self.released {
            Some(release) if time_s > release.at_s => held(release.at_s) - self.fall_db(time_s),
            _ => held(time_s),
        };
        db.max(LOUDNESS_FLOOR_DB)
    }

    /// Loudness in dB that the note is meant to have at `time_s`, as if it had neither to rise first nor to fall in the end.
    #[must_use]
    pub fn held_db(&self, time_s: f32) -> f32 {
        self.target_db + self.decayed_db(time_s)
    }

    /// How much the note weighs at `time_s`, in dB: what it is meant to have, less how far its release has gone.
    #[must_use]
    pub fn weight_db(&self, time_s: f32) -> f32 {
        self.held_db(time_s) - self.fall_db(time_s)
    }

    /// How far the decay has gone at `time_s`, in dB, 0 or below; it begins once the attack is over.
    fn decayed_db(&self, time_s: f32) -> f32 {
        let since_s = (time_s - 3.0 * self.time_constant_s).max(0.0);
        self.sustain_db * (1.0 - (-3.0 * since_s / self.decay_s).exp())
    }

    /// Linear gain at `time_s`: 1 until late in the release, then a smooth way to 0.
    #[must_use]
    pub fn level(&self, time_s: f32) -> f32 {
        let [from, to] = RELEASE_FADE_DB;
        let x = ((self.fall_db(time_s) - from) / (to - from)).clamp(0.0, 1.0);
        0.5 + 0.5 * (std::f32::consts::PI * x).cos()
    }

    /// Whether the release has ended at `time_s`.
    #[must_use]
    pub fn is_over(&self, time_s: f32) -> bool {
        self.fall_db(time_s) >= RELEASE_FADE_DB[1]
    }

    fn fall_db(&self, time_s: f32) -> f32 {
        self.released.map_or(0.0, |release| (time_s - release.at_s).max(0.0) * release.db_per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reaches_its_loudness_within_a_decibel_in_the_onset_time() {
        let profile = Profile::default();
        let envelope = Envelope::begin(&profile, &Playing::default(), 0.5, None);
        assert!((envelope.loudness_db(profile.onset_s) - profile.loudness_db(0.5)).abs() < 1.0);
    }

    #[test]
    fn the_hardest_playing_of_no_instrument_is_louder_than_the_common_level() {
        for (loudest_db, heard_db) in [(1.0, -15.0), (-7.0, -15.0), (-15.0, -15.0), (-21.0, -21.0)] {
            let profile = Profile { loudest_db, ..Profile::default() };
            let note_db = profile.loudness_db(1.0) + 20.0 * profile.note_gain().log10();
            assert!((note_db - heard_db).abs() < 1e-4, "{loudest_db}: {note_db}");
        }
    }

    #[test]
    fn a_released_note_is_silent_after_the_release_time_and_not_before() {
        let profile = Profile::default();
        let mut envelope = Envelope::begin(&profile, &Playing::default(), 1.0, None);
        envelope.release(&profile, &Playing::default(), 1.0);
        assert!(
            !envelope.is_over(1.0 + 0.9 * profile.release_s) && envelope.level(1.0 + 0.9 * profile.release_s) > 0.0
        );
        assert!(envelope.is_over(1.001 + profile.release_s) && envelope.level(1.001 + profile.release_s) < 1e-6);
    }

    #[test]
    fn a_release_begins_at_the_loudness_that_was_reached() {
        let profile = Profile::default();
        let mut envelope = Envelope::begin(&profile, &Playing::default(), 1.0, None);
        let before = envelope.loudness_db(0.01);
        envelope.release(&profile, &Playing::default(), 0.01);
        assert!((envelope.loudness_db(0.010_1) - before).abs() < 0.1);
    }

    #[test]
    fn a_note_decays_to_its_sustained_loudness() {
        let profile = Profile::default();
        let playing = Playing { sustain_db: -12.0, decay_s: 0.3, ..Playing::default() };
        let envelope = Envelope::begin(&profile, &playing, 0.8, None);
        let peak = profile.loudness_db(0.8);
        assert!((envelope.loudness_db(profile.onset_s) - peak).abs() < 1.5);
        assert!((envelope.loudness_db(2.0) - (peak - 12.0)).abs() < 0.1);
    }

    #[test]
    fn a_key_that_takes_over_goes_on_from_where_the_sound_is() {
        let profile = Profile::default();
        let mut envelope = Envelope::begin(&profile, &Playing::default(), 0.9, None);
        for (time_s, velocity) in [(0.02, 0.4), (0.5, 1.0), (0.9, 0.1)] {
            let before = envelope.loudness_db(time_s);
            envelope.aim(&profile, &Playing::default(), velocity, time_s);
            assert!((envelope.loudness_db(time_s) - before).abs() < 0.1);
        }
        assert!((envelope.loudness_db(3.0) - profile.loudness_db(0.1)).abs() < 0.1);
    }

    #[test]
    fn a_hurried_release_goes_on_from_where_the_slow_one_was() {
        let profile = Profile::default();
        let mut envelope = Envelope::begin(&profile, &Playing::default(), 0.9, None);
        envelope.release(&profile, &Playing::default(), 1.0);
        let before = envelope.loudness_db(1.1);
        envelope.release_in(0.01, 1.1);
        assert!((envelope.loudness_db(1.1) - before).abs() < 0.1);
        assert!(envelope.is_over(1.111));
        let mut both = Envelope::begin(&profile, &Playing::default(), 0.9, None);
        both.release(&profile, &Playing::default(), 1.0);
        both.release_in(0.01, 1.0);
        assert!(both.is_over(1.011), "let go and hurried at one and the same time");
    }
}
