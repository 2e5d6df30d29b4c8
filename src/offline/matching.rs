//! `--match auto`: moves a performance's octave and level into what an instrument has learned.

use crate::frame::Frame;

/// Octaves that are tried in each direction; the transposition's range is three.
const MAX_OCTAVES: i32 = 3;

/// Frames softer than the loudest one by more than this are gaps and echoes, and say nothing about how loud the music is.
const SOUNDING_RANGE_DB: f32 = 30.0;

/// Share of the frames, by loudness, below the level that is matched: the louder half's middle, which rests and soft
/// endings hardly move.
const LEVEL_QUANTILE: f64 = 0.75;

/// Share of the performance that must be in range for an octave to be good enough: players dislike to be moved for the
/// sake of one low note, and trackers err now and then.
const ENOUGH: f64 = 0.85;

/// The level moves by no more than this, as the loudness setting does.
const MAX_OFFSET_DB: f32 = 24.0;

/// What an instrument's model has heard in training.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Lowest and highest pitch in Hz.
    pub f0_hz: (f32, f32),
    /// How often (in any unit) each loudness in dB was heard.
    pub loudness: Vec<(f32, f64)>,
}

/// What to change before the model plays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Matching {
    /// Whole octaves, in semitones.
    pub semitones: f32,
    /// Added to the loudness, in dB.
    pub offset_db: f32,
    /// Share of the pitched frames that are in the instrument's range afterwards, 0 to 1; 1 if nothing is pitched.
    pub share_in_range: f64,
}

/// Finds the shift of octave and level that suits `frames` to what was `learned`.
#[must_use]
pub fn find(frames: &[Frame], learned: &Learned) -> Matching {
    let loudest_db = frames.iter().map(|frame| frame.loudness_db).fold(f32::NEG_INFINITY, f32::max);
    let sounding = |frame: &&Frame| frame.voicing >= 0.5 && frame.loudness_db >= loudest_db - SOUNDING_RANGE_DB;
    let pitches_hz: Vec<f32> = frames.iter().filter(sounding).map(|frame| frame.f0_hz).collect();
    let levels: Vec<(f32, f64)> = frames.iter().filter(sounding).map(|frame| (frame.loudness_db, 1.0)).collect();

    let (octaves, share_in_range) = best_octave(&pitches_hz, learned.f0_hz);
    let offset_db = match (upper_level(levels), upper_level(sounding_part(&learned.loudness))) {
        (Some(heard_db), Some(wanted_db)) => (wanted_db - heard_db).clamp(-MAX_OFFSET_DB, MAX_OFFSET_DB),
        _ => 0.0,
    };
    Matching { semitones: 12.0 * octaves as f32, offset_db, share_in_range }
}

/// The smallest shift in octaves that brings enough of the performance into range, or else the one that brings most.
fn best_octave(pitches_hz: &[f32], range_hz: (f32, f32)) -> (i32, f64) {
    if pitches_hz.is_empty() {
        return (0, 1.0);
    }
    // A semitone beyond the range is nothing that a model cannot do, and vibrato goes there.
    let (low_hz, high_hz) = (range_hz.0 * 2f32.powf(-1.0 / 12.0), range_hz.1 * 2f32.powf(1.0 / 12.0));
    let share = |octaves: i32| {
        let factor = 2f32.powi(octaves);
        let inside = pitches_hz.iter().filter(|&&hz| (low_hz..=high_hz).contains(&(hz * factor))).count();
        inside as f64 / pitches_hz.len() as f64
    };
    // Nearest first, and up before down: an octave too high sounds less wrong than one too low.
    let shifts = std::iter::once(0).chain((1..=MAX_OCTAVES).flat_map(|n| [n, -n]));
    let mut best = (0, -1.0);
    for candidate in shifts.map(|octaves| (octaves, share(octaves))) {
        if candidate.1 >= ENOUGH {
            return candidate;
        }
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    best
}

fn sounding_part(levels: &[(f32, f64)]) -> Vec<(f32, f64)> {
    let loudest_db = levels.iter().filter(|level| level.1 > 0.0).map(|level| level.0).fold(f32::NEG_INFINITY, f32::max);
    levels.iter().copied().filter(|level| level.1 > 0.0 && level.0 >= loudest_db - SOUNDING_RANGE_DB).collect()
}

/// The level with [`LEVEL_QUANTILE`] of the weight below it.
fn upper_level(mut levels: Vec<(f32, f64)>) -> Option<f32> {
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = levels.iter().map(|level| level.1).sum();
    let mut below = 0.0;
    levels.into_iter().find_map(|(db, weight)| {
        below += weight;
        (below >= LEVEL_QUANTILE * total).then_some(db)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn melody(f0_hz: &[f32], loudness_db: f32) -> Vec<Frame> {
        f0_hz.iter().map(|&f0_hz| Frame { f0_hz, loudness_db, voicing: 1.0 }).collect()
    }

    fn violin() -> Learned {
        Learned { f0_hz: (196.0, 2_600.0), loudness: vec![(-70.0, 50.0), (-24.0, 1.0), (-20.0, 2.0), (-16.0, 1.0)] }
    }

    #[test]
    fn a_melody_in_range_stays_in_its_octave() {
        assert_eq!(find(&melody(&[261.6, 392.0, 523.3], -20.0), &violin()).semitones, 0.0);
    }

    #[test]
    fn a_bass_line_is_raised_until_the_violin_can_play_it() {
        let matching = find(&melody(&[55.0, 61.7, 73.4, 82.4], -20.0), &violin());
        assert_eq!((matching.semitones, matching.share_in_range), (24.0, 1.0));
    }

    #[test]
    fn one_low_note_does_not_move_the_melody() {
        let mut notes = [440.0; 20];
        notes[7] = 98.0;
        let matching = find(&melody(&notes, -20.0), &violin());
        assert_eq!((matching.semitones, matching.share_in_range), (0.0, 0.95));
    }

    #[test]
    fn what_fits_nowhere_goes_where_most_of_it_fits() {
        let narrow = Learned { f0_hz: (300.0, 500.0), ..violin() };
        let matching = find(&melody(&[100.0, 110.0, 400.0], -20.0), &narrow);
        assert_eq!(matching.semitones, 24.0);
    }

    #[test]
    fn a_piccolo_is_lowered_for_a_cello() {
        let cello = Learned { f0_hz: (65.0, 880.0), ..violin() };
        assert_eq!(find(&melody(&[1_000.0, 1_500.0], -20.0), &cello).semitones, -12.0);
    }

    #[test]
    fn a_soft_recording_is_played_as_loudly_as_the_instrument_was_learned() {
        assert_eq!(find(&melody(&[440.0; 50], -38.0), &violin()).offset_db, 18.0);
        assert_eq!(find(&melody(&[440.0; 50], -2.0), &violin()).offset_db, -18.0);
        assert_eq!(find(&melody(&[440.0; 50], -79.0), &violin()).offset_db, 24.0, "no more than the setting can do");
    }

    #[test]
    fn rests_do_not_change_the_level_that_is_matched() {
        let mut frames = melody(&[440.0; 100], -30.0);
        frames.extend(vec![Frame::SILENCE; 1_000]);
        frames.extend(vec![Frame { f0_hz: 100.0, loudness_db: -70.0, voicing: 0.9 }; 1_000]);
        assert_eq!(find(&frames, &violin()).offset_db, 10.0);
    }

    #[test]
    fn silence_is_left_as_it_is() {
        let matching = find(&[Frame::SILENCE; 100], &violin());
        assert_eq!(matching, Matching { semitones: 0.0, offset_db: 0.0, share_in_range: 1.0 });
        assert_eq!(find(&[], &violin()).semitones, 0.0);
    }
}
