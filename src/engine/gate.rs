//! Silence in gives silence out: fades the parts of a voice by how voiced and how loud the frame is.
//!
//! A pitch tracker hears pitches in breath, hum and room noise. Played by a model these become the buzzing that players
//! call mosquitoes. Harmonics therefore need a voiced frame; noise without a pitch (consonants, bow and key noise) passes
//! when it is loud and is expanded downwards when it is soft; hum, which does have a pitch, is caught by its low loudness and,
//! where its harmonics make it louder, by its pitch: that of the mains, which lies between the notes of the scale.
//!
//! Single frames of low noise do pass for voiced. A soft sound therefore has to be voiced clearly or for long before it opens the
//! gate; a sound at the level of music opens it with its first voiced frame.
//!
//! What has sounded may die away by itself, with or without a pitch: whatever lies under a line that falls from the last note
//! passes as it is. Nothing is pressed far below what can be heard, since models play about as loud as they are told: expansion
//! ends there. Silence itself is played for a moment, as in a room, and then is silence.

use crate::frame::{FRAME_RATE_HZ, Frame};

/// Voicing at and above this counts as a pitch.
pub const VOICED: f32 = 0.5;
/// Below this loudness, frames with a pitch are expanded downwards, in dB.
const VOICED_KNEE_DB: f32 = -56.0;
/// Below this loudness, frames without a pitch are expanded downwards, in dB.
const UNVOICED_KNEE_DB: f32 = -34.0;
/// From this loudness on a voiced frame opens the gate at once, in dB. Below, what is voiced has to add up to more.
const PLAIN_DB: f32 = -38.0;
/// Where it has to add up to all of [`EVIDENCE`], in dB.
const FAINT_DB: f32 = -44.0;
/// What the voicing above [`VOICED`] of the frames in a row has to add up to. A clear note gives that in 20 ms. Room noise at
/// -45 dBFS is voiced by 0.15 above it for up to 36 ms.
const EVIDENCE: f32 = 2.5;
/// Fundamentals of mains hum, in Hz: once and twice the mains' frequency.
const HUM_HZ: [f32; 4] = [50.0, 60.0, 100.0, 120.0];
/// How near to them a pitch counts as hum, as a ratio: 12 cents. The notes of the scale lie 35 cents away or more.
const HUM_NEARNESS: f32 = 0.007;
/// Below this loudness, frames with the pitch of hum are expanded downwards, in dB.
const HUM_KNEE_DB: f32 = -40.0;
/// A pitch so far under the instrument's lowest is foreign to it, as a ratio: an octave.
const FOREIGN: f32 = 0.5;
/// Below this loudness, frames with a foreign pitch are expanded downwards, in dB: rumble, of which a model would make a roar.
const FOREIGN_KNEE_DB: f32 = -44.0;
/// Expansion brings a frame down to this loudness and no further, in dB.
const INAUDIBLE_DB: f32 = -75.0;
/// Where the line of a dying note ends, in dB: here the input is silent.
const SILENT_DB: f32 = -78.0;
/// For so long after the last note expansion ends at [`INAUDIBLE_DB`]; then it knows no bound.
const AFTER_FRAMES: u32 = FRAME_RATE_HZ * 4;
/// For so long a silence is played as it is, with what the model takes for the end of a note.
const REST_FRAMES: u32 = FRAME_RATE_HZ * 4 / 5;
/// dB of attenuation for each dB below the knee.
const EXPANSION: f32 = 2.5;
/// Attenuation at which a part is taken as silent, in dB.
const CLOSED_DB: f32 = -60.0;
/// After its last voiced frame a sound still counts as voiced for this long: trackers drop frames in fast passages, and
/// the decay of a note loses its pitch before it is silent.
const HOLD_FRAMES: u32 = FRAME_RATE_HZ / 20;
/// Longest step of attenuation from frame to frame when closing: 60 dB in 60 ms.
const CLOSE_DB_PER_FRAME: f32 = 60.0 / (0.06 * FRAME_RATE_HZ as f32);

/// How fast the line falls under which a note dies away, in dB a frame: 45 dB in a second, as in a room that rings for 1.3 s.
const TAIL_DB_PER_FRAME: f32 = 45.0 / FRAME_RATE_HZ as f32;

/// By how much a dying note may rise from frame to frame, in dB: its loudness is never quite even.
const TAIL_RISE_DB: f32 = 0.5;

/// How long after the end of its input a gate may stay open, in seconds: the analysis' window, the rest, the closing.
pub(super) const LONGEST_S: f32 = 0.15 + REST_FRAMES as f32 / FRAME_RATE_HZ as f32 + 0.06;

/// Linear gains of a voice's parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateGains {
    pub harmonic: f32,
    pub noise: f32,
}

/// The state of one voice's gate. Starts closed.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    hold: u32,
    /// Voicing above [`VOICED`] that the frames in a row add up to; it halves with each unvoiced one.
    evidence: f32,
    /// Loudness up to which a frame belongs to the end of the last note.
    tail_db: f32,
    /// Frames since the last note, up to [`AFTER_FRAMES`].
    after: u32,
    /// Silent frames in a row, up to [`REST_FRAMES`].
    rest: u32,
    harmonic_db: f32,
    noise_db: f32,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            hold: 0,
            evidence: 0.0,
            tail_db: SILENT_DB,
            after: AFTER_FRAMES,
            rest: REST_FRAMES,
            harmonic_db: CLOSED_DB,
            noise_db: CLOSED_DB,
        }
    }
}

impl Gate {
    /// Takes the next frame of the clock and gives the gains to play it with. `lowest_hz` is the lowest pitch that the instrument knows.
    pub fn next(&mut self, frame: &Frame, lowest_hz: f32) -> GateGains {
        let needed = EVIDENCE * ((PLAIN_DB - frame.loudness_db) / (PLAIN_DB - FAINT_DB)).clamp(0.0, 1.0);
        if frame.voicing >= VOICED {
            self.evidence = (self.evidence + frame.voicing - VOICED).min(EVIDENCE);
        } else {
            self.evidence *= 0.5;
        }
        if frame.voicing >= VOICED && (self.hold > 0 || self.evidence >= needed) {
            self.hold = HOLD_FRAMES;
        } else {
            self.hold = self.hold.saturating_sub(1);
        }
        let voiced = self.hold > 0;
        let voiced_knee_db = if is_hum(frame.f0_hz) {
            HUM_KNEE_DB
        } else if frame.f0_hz < FOREIGN * lowest_hz {
            FOREIGN_KNEE_DB
        } else {
            VOICED_KNEE_DB
        };
        // A struck string falls more slowly than the line: as long as it is heard with its pitch, the line waits for it.
        let lasts =
            self.tail_db > SILENT_DB && frame.loudness_db <= self.tail_db + TAIL_RISE_DB && !is_hum(frame.f0_hz);
        self.tail_db = (self.tail_db - TAIL_DB_PER_FRAME).max(SILENT_DB);
        if voiced && frame.voicing >= VOICED && (frame.loudness_db >= voiced_knee_db || lasts) {
            self.tail_db = self.tail_db.max(frame.loudness_db);
            self.after = 0;
        } else {
            self.after = (self.after + 1).min(AFTER_FRAMES);
        }
        self.rest = if frame.loudness_db <= SILENT_DB { (self.rest + 1).min(REST_FRAMES) } else { 0 };
        // A loud sound without a pitch is no tail but a consonant, say.
        let is_tail = voiced || frame.loudness_db <= UNVOICED_KNEE_DB;
        let dies_away = is_tail && frame.loudness_db <= self.tail_db;
        let expand = |knee_db: f32, rate: f32| {
            let bound = self.after < AFTER_FRAMES && !is_hum(frame.f0_hz);
            let least_db = if bound { (INAUDIBLE_DB - frame.loudness_db) * rate } else { CLOSED_DB };
            ((frame.loudness_db - knee_db) * EXPANSION).max(least_db).clamp(CLOSED_DB, 0.0)
        };
        let (harmonic_db, noise_db) = if self.rest >= REST_FRAMES {
            (CLOSED_DB, CLOSED_DB)
        } else if dies_away {
            (0.0, 0.0)
        } else if voiced {
            (expand(voiced_knee_db, 1.0), expand(voiced_knee_db, 1.0))
        } else {
            // Harmonics of a pitch that is none go down much further.
            (expand(f32::INFINITY, EXPANSION), expand(UNVOICED_KNEE_DB, 1.0))
        };
        // It opens at once: the ramp from frame to frame keeps that from clicking, and anything slower is latency.
        self.harmonic_db = harmonic_db.max(self.harmonic_db - CLOSE_DB_PER_FRAME);
        self.noise_db = noise_db.max(self.noise_db - CLOSE_DB_PER_FRAME);
        GateGains { harmonic: linear(self.harmonic_db), noise: linear(self.noise_db) }
    }
}

fn is_hum(f0_hz: f32) -> bool {
    HUM_HZ.iter().any(|hum_hz| (f0_hz / hum_hz - 1.0).abs() < HUM_NEARNESS)
}

fn linear(db: f32) -> f32 {
    if db <= CLOSED_DB { 0.0 } else { 10f32.powf(db / 20.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(gate: &mut Gate, loudness_db: f32, voicing: f32) -> GateGains {
        let frame = Frame { f0_hz: 440.0, loudness_db, voicing };
        (0..100).map(|_| gate.next(&frame, 0.0)).last().unwrap()
    }

    #[test]
    fn a_played_note_passes_unchanged() {
        assert_eq!(settle(&mut Gate::default(), -50.0, 0.9), GateGains { harmonic: 1.0, noise: 1.0 });
    }

    #[test]
    fn breath_at_minus_45_db_loses_at_least_20_db_and_all_harmonics() {
        let gains = settle(&mut Gate::default(), -45.0, 0.1);
        assert_eq!(gains.harmonic, 0.0);
        assert!(gains.noise < 0.1);
    }

    #[test]
    fn after_a_note_nothing_is_pressed_far_below_what_can_be_heard() {
        let after_note = |loudness_db, voicing| {
            let mut gate = Gate::default();
            settle(&mut gate, -20.0, 1.0);
            // The line of the dying note has fallen to the floor.
            for _ in 0..6 {
                settle(&mut gate, loudness_db, voicing);
            }
            settle(&mut gate, loudness_db, voicing)
        };
        for loudness_db in [-60.0, -65.0, -70.0, -74.0] {
            let breath = after_note(loudness_db, 0.1);
            let level_db = loudness_db + 20.0 * breath.noise.log10();
            assert!((level_db - INAUDIBLE_DB).abs() < 0.1, "breath of {loudness_db} dB is played at {level_db}");
            assert!(breath.harmonic < 0.9 * breath.noise, "a pitch that is none is held back more");
        }
        assert_eq!(after_note(-76.0, 0.1), GateGains { harmonic: 1.0, noise: 1.0 });
        let never = settle(&mut Gate::default(), -70.0, 0.1);
        assert_eq!(never, GateGains { harmonic: 0.0, noise: 0.0 }, "no note was there before");
    }

    #[test]
    fn silence_is_played_for_a_moment_and_then_is_silence() {
        let mut gate = Gate::default();
        let silence = Frame { f0_hz: 440.0, loudness_db: -80.0, voicing: 0.0 };
        assert_eq!(gate.next(&silence, 0.0), GateGains { harmonic: 0.0, noise: 0.0 }, "nothing has sounded yet");
        settle(&mut gate, -25.0, 1.0);
        let gains: Vec<GateGains> = (0..REST_FRAMES + 20).map(|_| gate.next(&silence, 0.0)).collect();
        assert_eq!(gains[REST_FRAMES as usize - 2], GateGains { harmonic: 1.0, noise: 1.0 });
        assert_eq!(gains.last(), Some(&GateGains { harmonic: 0.0, noise: 0.0 }));
    }

    #[test]
    fn a_note_dies_away_by_itself_and_breath_after_it_does_not_stay() {
        let mut gate = Gate::default();
        settle(&mut gate, -25.0, 1.0);
        for k in 0..100 {
            // 80 dB a second, without a pitch once it is soft.
            let loudness_db = -25.0 - 0.32 * k as f32;
            let voicing = if loudness_db > -45.0 { 1.0 } else { 0.2 };
            assert_eq!(
                gate.next(&Frame { f0_hz: 440.0, loudness_db, voicing }, 0.0),
                GateGains { harmonic: 1.0, noise: 1.0 }
            );
        }
        settle(&mut gate, -15.0, 1.0);
        let consonant = Frame { f0_hz: 440.0, loudness_db: -25.0, voicing: 0.1 };
        let gains = (0..30).map(|_| gate.next(&consonant, 0.0)).last().unwrap();
        assert_eq!(gains, GateGains { harmonic: 0.0, noise: 1.0 }, "a consonant is no tail");
        settle(&mut gate, -25.0, 1.0);
        let breath = Frame { f0_hz: 440.0, loudness_db: -45.0, voicing: 0.2 };
        let gains: Vec<GateGains> = (0..150).map(|_| gate.next(&breath, 0.0)).collect();
        assert!(gains[149].harmonic == 0.0 && gains[149].noise < 0.1);
        assert!(gains[130].harmonic < 0.1, "the line has fallen to the breath after 0.45 s");
    }

    #[test]
    fn a_struck_string_rings_to_its_end() {
        let mut gate = Gate::default();
        settle(&mut gate, -25.0, 1.0);
        // 15 dB a second, down to what is not heard any more.
        for k in 0..800 {
            let loudness_db = -25.0 - 0.06 * k as f32;
            let frame = Frame { f0_hz: 220.0, loudness_db, voicing: 0.9 };
            assert_eq!(gate.next(&frame, 0.0), GateGains { harmonic: 1.0, noise: 1.0 }, "{loudness_db} dB");
        }
    }

    #[test]
    fn a_loud_consonant_keeps_its_noise() {
        assert_eq!(settle(&mut Gate::default(), -20.0, 0.1), GateGains { harmonic: 0.0, noise: 1.0 });
    }

    #[test]
    fn one_dropped_frame_does_not_interrupt_a_note() {
        let mut gate = Gate::default();
        settle(&mut gate, -30.0, 1.0);
        let gains = gate.next(&Frame { f0_hz: 440.0, loudness_db: -30.0, voicing: 0.0 }, 0.0);
        assert_eq!(gains, GateGains { harmonic: 1.0, noise: 1.0 });
    }

    #[test]
    fn the_gate_opens_with_the_first_voiced_frame() {
        let frame = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
        assert_eq!(Gate::default().next(&frame, 0.0), GateGains { harmonic: 1.0, noise: 1.0 });
    }

    #[test]
    fn some_frames_of_noise_that_pass_for_voiced_do_not_open_the_gate() {
        let mut gate = Gate::default();
        let noise = Frame { f0_hz: 150.0, loudness_db: -46.0, voicing: 0.68 };
        for _ in 0..10 {
            assert_eq!(gate.next(&noise, 0.0).harmonic, 0.0);
        }
    }

    #[test]
    fn a_faint_but_clear_note_opens_the_gate_within_24_ms() {
        let mut gate = Gate::default();
        let note = Frame { f0_hz: 440.0, loudness_db: -48.0, voicing: 0.98 };
        let gains: Vec<f32> = (0..7).map(|_| gate.next(&note, 0.0).harmonic).collect();
        assert_eq!((gains[0], gains[6]), (0.0, 1.0), "{gains:?}");
    }

    #[test]
    fn soft_hum_is_held_back_and_the_notes_beside_it_are_not() {
        let at = |f0_hz| {
            let frame = Frame { f0_hz, loudness_db: -50.0, voicing: 1.0 };
            let mut gate = Gate::default();
            (0..100).map(|_| gate.next(&frame, 0.0)).last().unwrap()
        };
        for hum_hz in HUM_HZ {
            assert!(at(hum_hz).harmonic < 0.1);
        }
        // G1, B1, G2 and B2.
        for note_hz in [48.999, 61.735, 97.999, 123.471] {
            assert_eq!(at(note_hz).harmonic, 1.0);
        }
    }

    #[test]
    fn rumble_far_below_the_instrument_is_no_note_and_a_bass_that_plays_there_is() {
        let played = |f0_hz: f32, loudness_db: f32| {
            let mut gate = Gate::default();
            let frame = Frame { f0_hz, loudness_db, voicing: 0.9 };
            (0..100).map(|_| gate.next(&frame, 245.0)).last().unwrap().harmonic
        };
        assert!(played(55.0, -52.0) < 0.15);
        assert_eq!(played(55.0, -30.0), 1.0);
        assert_eq!(played(130.0, -52.0), 1.0);
    }
}
