//! From a model's statistics of its recordings to how its notes are played.

use crate::model::{Density, Metadata};
use crate::performer::Profile;

/// Shares of a pitch's training frames that are softer than velocity 0 and softer than velocity 1.
const SOFTEST: f64 = 0.1;
const LOUDEST: f64 = 0.97;

/// A pitch with fewer frames than the mean of all pitches over this says nothing of its dynamics.
const RARE: u64 = 10;

/// How notes are played by this model: inside the loudness that it knows, with its instrument's onset and release.
#[must_use]
pub fn profile(metadata: &Metadata) -> Profile {
    let [lowest, highest] = metadata.range.loudness_db;
    Profile {
        pitch_hz: metadata.range.f0_hz,
        softest_db: quantile(&metadata.density, SOFTEST).unwrap_or(lowest),
        loudest_db: quantile(&metadata.density, LOUDEST).unwrap_or(highest),
        onset_s: (metadata.performance.onset_ms / 1e3).clamp(0.002, 0.5),
        // Measured from 3 to 30 dB under the level of the note; a release falls by 60.
        release_s: (metadata.performance.release_ms / 1e3 * 60.0 / 27.0).clamp(0.02, 4.0),
        jitter_cents: metadata.performance.f0_jitter_cents.clamp(0.0, 30.0),
        jitter_db: metadata.performance.loudness_jitter_db.clamp(0.0, 3.0),
    }
}

/// The loudness below which `share` of the frames of a pitch lie, in dB: the median over all pitches that were played often enough, since
/// few pitches are played over all of an instrument's dynamics. `None` if nothing was counted.
fn quantile(density: &Density, share: f64) -> Option<f32> {
    let total = |row: &Vec<u32>| row.iter().copied().map(u64::from).sum::<u64>();
    let all: u64 = density.counts.iter().map(total).sum();
    let often = |row: &&Vec<u32>| all > 0 && total(row) * RARE * density.counts.len() as u64 >= all;
    let mut of_pitches: Vec<usize> =
        density.counts.iter().filter(often).filter_map(|row| column_of(row, share * total(row) as f64)).collect();
    of_pitches.sort_unstable();
    let column = of_pitches.get(of_pitches.len() / 2)?;
    Some(density.loudness_min_db + (*column as f32 + 0.5) * density.loudness_step_db)
}

/// The first column up to which at least `count` frames lie.
fn column_of(row: &[u32], count: f64) -> Option<usize> {
    let mut below = 0;
    row.iter().position(|&frames| {
        below += u64::from(frames);
        below > 0 && below as f64 >= count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_stays_within_the_loudness_of_nearly_all_recordings() {
        let density = Density {
            midi_min: 60.0,
            midi_step: 1.0,
            loudness_min_db: -80.0,
            loudness_step_db: 10.0,
            counts: vec![
                vec![1, 0, 0, 50, 40, 0, 1],
                vec![0, 0, 9, 50, 41, 0, 0],
                vec![0, 0, 0, 0, 0, 9, 91],
                // One stray frame.
                vec![0, 0, 0, 0, 0, 0, 1],
            ],
        };
        assert_eq!(quantile(&density, SOFTEST), Some(-45.0));
        assert_eq!(quantile(&density, LOUDEST), Some(-35.0), "one loud pitch is not the instrument");
        assert_eq!(quantile(&Density { counts: Vec::new(), ..density }, 0.5), None);
    }
}
