//! From a model's statistics of its recordings to how its notes are played.

use crate::model::{Density, Metadata};
use crate::performer::Profile;

/// Shares of the training frames that are softer than velocity 0 and softer than velocity 1.
const SOFTEST: f64 = 0.1;
const LOUDEST: f64 = 0.97;

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

/// The loudness below which `share` of all training frames lie, in dB; `None` if nothing was counted.
fn quantile(density: &Density, share: f64) -> Option<f32> {
    let columns = density.counts.first().map_or(0, Vec::len);
    let per_column = |column: usize| density.counts.iter().map(|row| u64::from(row[column])).sum::<u64>();
    let total: u64 = (0..columns).map(per_column).sum();
    let mut below = 0;
    (0..columns).find_map(|column| {
        below += per_column(column);
        let loudness_db = density.loudness_min_db + (column as f32 + 0.5) * density.loudness_step_db;
        (below > 0 && below as f64 >= share * total as f64).then_some(loudness_db)
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
            counts: vec![vec![1, 0, 0, 50, 40, 0, 1], vec![0, 0, 9, 50, 49, 0, 0]],
        };
        assert_eq!(quantile(&density, SOFTEST), Some(-45.0));
        assert_eq!(quantile(&density, LOUDEST), Some(-35.0));
        assert_eq!(quantile(&Density { counts: Vec::new(), ..density }, 0.5), None);
    }
}
