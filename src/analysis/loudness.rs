//! A-weighted power around a frame, in dB.

use super::ANALYSIS_RATE_HZ;
use crate::frame::LOUDNESS_FLOOR_DB;

/// The shortest window, in samples of the analysis rate: 20 ms.
const MIN_WINDOW: f32 = 0.020 * ANALYSIS_RATE_HZ as f32;
/// The share of the window that lies after the frame. An abrupt onset then reaches a quarter of its power, -6 dB, just at its
/// own frame; half the window would make it -3 dB there, and every note would sound a quarter of the window early.
const AHEAD: f32 = 0.25;

/// Sums are taken in so many lanes, for the vector units.
const LANES: usize = 16;

/// The length of the window, in samples of the analysis rate: a whole number of periods, so that a steady note has no ripple, at
/// least two, and at least 20 ms; 20 ms for a frame without pitch.
pub fn window(period: Option<f32>) -> f32 {
    match period {
        Some(period) => period * (MIN_WINDOW / period).ceil().max(2.0),
        None => MIN_WINDOW,
    }
}

/// How many samples of the window lie after the frame.
pub fn ahead(window: f32) -> usize {
    (AHEAD * window).round() as usize
}

/// How many samples after the frame the window of the longest period reaches.
pub fn reach(longest_period: f32) -> usize {
    (AHEAD * window(Some(longest_period)).max(1.5 * MIN_WINDOW)).ceil() as usize + 1
}

/// Loudness of the frame at `centre`: the mean of `squares` over `window` samples; 0 dB is a full-scale sine of 1 kHz.
pub fn loudness_db(squares: &[f32], centre: usize, window: f32) -> f32 {
    // Sample i stands for the signal from i - 1/2 to i + 1/2; the window's ends cut samples into shares.
    let from = centre as f32 + 0.5 - window * (1.0 - AHEAD);
    let to = centre as f32 + 0.5 + window * AHEAD;
    let first = from.floor();
    let last = to.floor();
    let (head, tail) = (squares[first as usize], squares[last as usize]);
    let inner = &squares[first as usize + 1..last as usize];
    let mut lanes = [0.0_f32; LANES];
    let whole = inner.chunks_exact(LANES);
    let mut rest: f32 = whole.remainder().iter().sum();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, square)| *lane += square);
    }
    rest += lanes.iter().sum::<f32>();
    let sum = rest + head * (first + 1.0 - from) + tail * (to - last);
    let mean_square = sum / window;
    (10.0 * (mean_square / 0.5).max(1e-12).log10()).max(LOUDNESS_FLOOR_DB)
}

/// The loudness of a frame at an onset, from the plain `loudness_db` of its `window`: the level of a longer stretch, times the
/// share of the sound's energy that lies in the window. `weighted` (squares) and `unweighted` (samples) begin where the window
/// does and go on behind its end.
///
/// A-weighted, a low note is a row of pulses, one a period. One that follows an onset at once is half of the energy of a window
/// of two periods, and would make the note begin a quarter of a window early; the unweighted energy comes more evenly. The
/// result stays below the plain loudness, since the energy of a rumble says nothing about the note; out of silence, where there
/// is none, it may lie `MOST_LIFT_DB` above, for a pulse that comes late.
pub fn onset_loudness_db(loudness_db: f32, weighted: &[f32], unweighted: &[f32], window: f32) -> f32 {
    const MOST_LIFT_DB: f32 = 3.0;
    const SILENT_SHARE: f32 = 0.01;
    let energy = |part: &[f32]| part.iter().map(|x| x * x).sum::<f32>();
    let (now, later) = unweighted.split_at(window.round() as usize);
    let before = energy(&now[..now.len() / 2]);
    let begun = before + energy(&now[now.len() / 2..]);
    let all = begun + energy(later);
    if all <= 0.0 {
        return loudness_db;
    }
    let mean_square = weighted.iter().sum::<f32>() / window * (begun / all);
    let spread_db = 10.0 * (mean_square / 0.5).max(1e-12).log10();
    let lift_db = if before <= SILENT_SHARE * all { MOST_LIFT_DB } else { 0.0 };
    spread_db.min(loudness_db + lift_db).max(LOUDNESS_FLOOR_DB)
}
