//! Silence in gives silence out: fades the parts of a voice by how voiced and how loud the frame is.
//!
//! A pitch tracker hears pitches in breath, hum and room noise. Played by a model these become the buzzing that players
//! call mosquitoes. Harmonics therefore need a voiced frame; noise without a pitch (consonants, bow and key noise) passes
//! when it is loud and is expanded downwards when it is soft; hum, which does have a pitch, is caught by its low loudness.

use crate::frame::{FRAME_RATE_HZ, Frame};

/// Voicing at and above this counts as a pitch.
pub const VOICED: f32 = 0.5;
/// Below this loudness, frames with a pitch are expanded downwards, in dB.
const VOICED_KNEE_DB: f32 = -56.0;
/// Below this loudness, frames without a pitch are expanded downwards, in dB.
const UNVOICED_KNEE_DB: f32 = -34.0;
/// dB of attenuation for each dB below the knee.
const EXPANSION: f32 = 2.5;
/// Attenuation at which a part is taken as silent, in dB.
const CLOSED_DB: f32 = -60.0;
/// After its last voiced frame a sound still counts as voiced for this long: trackers drop frames in fast passages, and
/// the decay of a note loses its pitch before it is silent.
const HOLD_FRAMES: u32 = FRAME_RATE_HZ / 20;
/// Longest step of attenuation from frame to frame when closing: 60 dB in 60 ms.
const CLOSE_DB_PER_FRAME: f32 = 60.0 / (0.06 * FRAME_RATE_HZ as f32);

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
    harmonic_db: f32,
    noise_db: f32,
}

impl Default for Gate {
    fn default() -> Self {
        Self { hold: 0, harmonic_db: CLOSED_DB, noise_db: CLOSED_DB }
    }
}

impl Gate {
    /// Takes the next frame of the clock and gives the gains to play it with.
    pub fn next(&mut self, frame: &Frame) -> GateGains {
        if frame.voicing >= VOICED {
            self.hold = HOLD_FRAMES;
        } else {
            self.hold = self.hold.saturating_sub(1);
        }
        let voiced = self.hold > 0;
        let expand = |knee_db: f32| ((frame.loudness_db - knee_db).min(0.0) * EXPANSION).max(CLOSED_DB);
        let (harmonic_db, noise_db) = if voiced {
            (expand(VOICED_KNEE_DB), expand(VOICED_KNEE_DB))
        } else {
            (CLOSED_DB, expand(UNVOICED_KNEE_DB))
        };
        // It opens at once: the ramp from frame to frame keeps that from clicking, and anything slower is latency.
        self.harmonic_db = harmonic_db.max(self.harmonic_db - CLOSE_DB_PER_FRAME);
        self.noise_db = noise_db.max(self.noise_db - CLOSE_DB_PER_FRAME);
        GateGains { harmonic: linear(self.harmonic_db), noise: linear(self.noise_db) }
    }
}

fn linear(db: f32) -> f32 {
    if db <= CLOSED_DB { 0.0 } else { 10f32.powf(db / 20.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(gate: &mut Gate, loudness_db: f32, voicing: f32) -> GateGains {
        let frame = Frame { f0_hz: 440.0, loudness_db, voicing };
        (0..100).map(|_| gate.next(&frame)).last().unwrap()
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
    fn a_loud_consonant_keeps_its_noise() {
        assert_eq!(settle(&mut Gate::default(), -20.0, 0.1), GateGains { harmonic: 0.0, noise: 1.0 });
    }

    #[test]
    fn one_dropped_frame_does_not_interrupt_a_note() {
        let mut gate = Gate::default();
        settle(&mut gate, -30.0, 1.0);
        let gains = gate.next(&Frame { f0_hz: 440.0, loudness_db: -30.0, voicing: 0.0 });
        assert_eq!(gains, GateGains { harmonic: 1.0, noise: 1.0 });
    }

    #[test]
    fn the_gate_opens_with_the_first_voiced_frame() {
        let frame = Frame { f0_hz: 440.0, loudness_db: -20.0, voicing: 1.0 };
        assert_eq!(Gate::default().next(&frame), GateGains { harmonic: 1.0, noise: 1.0 });
    }
}
