//! Analyses a recording in pieces, so that its progress can be seen; [`crate::analysis::analyze`] does it in one go.

use crate::analysis::{Analyzer, LowestPitch};
use crate::frame::{FRAME_RATE_HZ, Frame, FrameClock};

use super::audio_file::Recording;
use super::{Observer, OfflineError, Stage};

/// Samples that are analysed between two reports.
const BLOCK: usize = 1 << 15;

/// The frames of a whole recording: 0 to floor(250 n / rate), silence following its end.
///
/// # Errors
/// Its sample rate cannot be analysed, or the observer ends the work.
pub fn listen(
    recording: &Recording,
    lowest_pitch: LowestPitch,
    observer: &mut dyn Observer,
) -> Result<Vec<Frame>, OfflineError> {
    let rate_hz = recording.sample_rate_hz;
    let mut analyzer = Analyzer::new(rate_hz, lowest_pitch)?;
    let clock = FrameClock::new(rate_hz, FRAME_RATE_HZ);
    let last = clock.frame_at(recording.samples.len() as u64);
    let end = clock.start(last + u64::from(lowest_pitch.delay_frames())) as usize;

    let mut frames = Vec::with_capacity(last as usize + 1);
    let mut keep = |k, frame| {
        if k <= last {
            frames.push(frame);
        }
    };
    observer.begin(Stage::Listening, recording.samples.len());
    for (i, block) in recording.samples.chunks(BLOCK).enumerate() {
        analyzer.push(block, &mut keep);
        if observer.advance((i + 1) * BLOCK).is_break() {
            observer.end();
            return Err(OfflineError::Cancelled);
        }
    }
    observer.end();
    analyzer.push(&vec![0.0; end.saturating_sub(recording.samples.len())], &mut keep);
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis;
    use crate::offline::render::tests::Watcher;

    #[test]
    fn in_pieces_a_recording_sounds_the_same_as_in_one_go() {
        for (rate_hz, length) in [(44_100, 100_000), (48_000, 65_536), (47_999, 1), (22_050, 70_001), (8_000, 32)] {
            let samples = (0..length).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 1e-4).cos()).collect::<Vec<_>>();
            for lowest_pitch in [LowestPitch::Hz40, LowestPitch::Hz160] {
                let whole = analysis::analyze(&samples, rate_hz, lowest_pitch).unwrap();
                let recording = Recording { samples: samples.clone(), sample_rate_hz: rate_hz, notes: Vec::new() };
                assert!(
                    listen(&recording, lowest_pitch, &mut Watcher::default()).unwrap() == whole,
                    "{length} samples at {rate_hz} Hz"
                );
            }
        }
    }
}
