//! The pitch tracker: a correlogram per frame, the periods that fit it, the path through them, and its fine measurement.

use super::correlation::{self, Correlator, MARGIN};
use super::path::{Candidate, MAX_CANDIDATES, Path};
use super::{ANALYSIS_RATE_HZ, LowestPitch};
use crate::simd::Simd;

/// The highest pitch, with some room above 3 kHz for a sharp one.
const HIGHEST_HZ: f32 = 3_300.0;
/// Weaker correlations are no candidates.
const WEAKEST: f32 = 0.4;
/// Multiples of a period are measured up to this lag, 8 ms: further away the pitch may already have changed.
const LONGEST_MULTIPLE: f32 = 128.0;
/// Loudness below which nothing is voiced, and above which level says nothing against it, in dB.
const SILENT_DB: f32 = -75.0;
const AUDIBLE_DB: f32 = -65.0;

/// Pitches closer than this are the same, in octaves: 30 cents.
const SAME_PITCH: f32 = 0.025;

/// After fewer unvoiced frames than this, 24 ms, a note has not begun but gone on.
const SHORTEST_REST: usize = 6;

/// What each lowest pitch needs: how long the shortest segment is and how many frames later a frame is decided.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub longest_lag: usize,
    pub span: usize,
    pub path_lag: usize,
    /// Whether the frames around an onset are measured in a way of their own: the first frames of a low note see less than
    /// two periods of it, too little to know its pitch or level from.
    pub follows_onsets: bool,
}

impl Sizes {
    pub fn of(lowest: LowestPitch) -> Self {
        let longest_lag = (ANALYSIS_RATE_HZ as f32 / lowest.hz() * 1.02).ceil() as usize;
        let (span, path_lag) = match lowest {
            LowestPitch::Hz160 => (332, 2),
            LowestPitch::Hz80 => (332, 3),
            LowestPitch::Hz40 => (332, 6),
        };
        Self { longest_lag, span, path_lag, follows_onsets: lowest == LowestPitch::Hz40 }
    }

    /// Samples that a frame needs to both sides of its centre.
    pub fn reach(&self) -> usize {
        correlation::reach(self.longest_lag, self.span)
    }
}

/// A frame's pitch, as decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    /// In samples of the analysis rate; `None` where nothing is voiced and nothing begins within the path's lag.
    pub period: Option<f32>,
    /// 0 to 1, below 0.5 where unvoiced.
    pub voicing: f32,
    /// Whether a note begins within the path's lag, or began as little as that ago; always false where the sizes don't
    /// follow onsets.
    pub onset: bool,
}

/// Tracks the pitch of frames that follow each other.
pub struct PitchTracker {
    sizes: Sizes,
    correlator: Correlator,
    path: Path,
    /// The correlograms of the frames that are not decided yet, a ring.
    correlograms: Vec<Vec<f32>>,
    newest: usize,
    states: Vec<Option<Candidate>>,
    /// Decided frames since the last unvoiced one.
    voiced_frames: usize,
    /// Unvoiced frames before those, up to [`SHORTEST_REST`].
    rest_frames: usize,
}

impl PitchTracker {
    pub fn new(simd: Simd, sizes: Sizes) -> Self {
        let correlator = Correlator::new(simd, sizes.longest_lag, sizes.span);
        let correlograms = vec![vec![0.0; correlator.len()]; sizes.path_lag + 1];
        Self {
            sizes,
            correlator,
            path: Path::new(sizes.path_lag, (sizes.longest_lag as f32).log2()),
            correlograms,
            newest: 0,
            states: vec![None; sizes.path_lag + 1],
            voiced_frames: 0,
            rest_frames: SHORTEST_REST,
        }
    }

    pub fn reset(&mut self) {
        self.path.reset();
        self.correlograms.iter_mut().for_each(|correlogram| correlogram.fill(0.0));
        self.newest = 0;
        self.states.fill(None);
        self.voiced_frames = 0;
        self.rest_frames = SHORTEST_REST;
    }

    /// Takes in the frame around `signal[centre]`, whose loudness is known, and decides the one `path_lag` frames before.
    pub fn push(&mut self, signal: &[f32], centre: usize, loudness_db: f32) -> Pitch {
        self.newest = (self.newest + 1) % self.correlograms.len();
        let correlogram = &mut self.correlograms[self.newest];
        self.correlator.correlate(signal, centre, correlogram);
        let mut candidates = [Candidate::default(); MAX_CANDIDATES];
        let n = candidates_of(&self.correlator, correlogram, self.sizes.longest_lag, &mut candidates);
        let quiet = ((AUDIBLE_DB - loudness_db) / (AUDIBLE_DB - SILENT_DB)).clamp(0.0, 1.0);
        self.path.push(&candidates[..n], 2.0 * quiet);
        self.path.trace(&mut self.states);
        self.decide()
    }

    fn decide(&mut self) -> Pitch {
        self.count();
        // A note that begins within the path's lag lends its pitch to the frames before it, so that the pitch is there
        // when the first sound is.
        let Some((ahead, candidate)) =
            self.states.iter().enumerate().find_map(|(ahead, state)| state.map(|candidate| (ahead, candidate)))
        else {
            return Pitch { period: None, voicing: 0.0, onset: false };
        };
        let onset = self.sizes.follows_onsets
            && self.voiced_frames <= self.sizes.path_lag
            && self.rest_frames + ahead.saturating_sub(1) >= SHORTEST_REST;
        let (mut measured, mut heard) = (ahead, candidate);
        if onset {
            // The first frames of a note hold less than two of its periods: if they contradict a clearer one that is already
            // known, they are wrong.
            let (clearest_ahead, clearest) = self.clearest_of_note(ahead);
            if (clearest.octaves - candidate.octaves).abs() > SAME_PITCH {
                (measured, heard) = (clearest_ahead, clearest);
            }
        }
        let correlogram = &self.correlograms[(self.newest + 1 + measured) % self.correlograms.len()];
        let period = self.fine_period(correlogram, heard);
        let voicing = if ahead <= 2 { 0.5 + 0.5 * ((candidate.strength - 0.5) / 0.5).clamp(0.0, 1.0) } else { 0.0 };
        Pitch { period: Some(period), voicing, onset }
    }

    /// Counts how long the note has lasted, and the rest before it.
    fn count(&mut self) {
        if self.states[0].is_some() {
            self.voiced_frames = self.voiced_frames.saturating_add(1);
        } else {
            if self.voiced_frames > 0 {
                self.rest_frames = 0;
            }
            self.voiced_frames = 0;
            self.rest_frames = (self.rest_frames + 1).min(SHORTEST_REST);
        }
    }

    /// Of the frames of the note that begins at `first`, as far as they are known, the one with the strongest correlation.
    fn clearest_of_note(&self, first: usize) -> (usize, Candidate) {
        let note =
            self.states.iter().enumerate().skip(first).map_while(|(ahead, state)| state.map(|state| (ahead, state)));
        note.max_by(|(_, a), (_, b)| a.strength.total_cmp(&b.strength)).unwrap_or_default()
    }

    /// Measures a period by its multiples: the error of a peak's place is shared by all the periods up to it.
    fn fine_period(&self, correlogram: &[f32], candidate: Candidate) -> f32 {
        let mut period = candidate.lag;
        let mut multiple = 1.0_f32;
        let longest = LONGEST_MULTIPLE.min(self.sizes.longest_lag as f32 - 1.0);
        loop {
            let next = (2.0 * multiple).min((longest / period).floor());
            if next <= multiple {
                return period;
            }
            let expected = period * next;
            let found = self.correlator.local_maximum(correlogram, expected.round() as usize, 2);
            let Some((lag, strength)) = found.map(|lag| self.correlator.peak(correlogram, lag)) else {
                return period;
            };
            if strength < 0.85 * candidate.strength || (lag - expected).abs() > 0.15 * period {
                return period;
            }
            period = lag / next;
            multiple = next;
        }
    }
}

/// Finds the best periods among the peaks of a correlogram; returns how many.
fn candidates_of(
    correlator: &Correlator,
    correlogram: &[f32],
    longest_lag: usize,
    candidates: &mut [Candidate; MAX_CANDIDATES],
) -> usize {
    let shortest = ANALYSIS_RATE_HZ as f32 / HIGHEST_HZ;
    let longest_octaves = (longest_lag as f32).log2();
    let merit = |candidate: &Candidate| candidate.merit(longest_octaves);
    let mut n = 0;
    for lag in shortest as usize..=longest_lag {
        let [l, c, r] = [0, 1, 2].map(|i| correlogram[MARGIN + lag - 1 + i]);
        if c < WEAKEST || l >= c || r > c {
            continue;
        }
        let (lag, strength) = correlator.peak(correlogram, lag);
        if lag < shortest {
            continue;
        }
        let candidate = Candidate { lag, octaves: lag.log2(), strength: strength.min(1.0) };
        if n < MAX_CANDIDATES {
            candidates[n] = candidate;
            n += 1;
        } else if let Some(worst) = candidates.iter_mut().min_by(|a, b| merit(a).total_cmp(&merit(b)))
            && merit(worst) < merit(&candidate)
        {
            *worst = candidate;
        }
    }
    n
}
