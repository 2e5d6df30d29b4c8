//! The pitch path: of each frame's candidates, the one that makes the best path through time, decided a few frames late.
//!
//! A Viterbi search with a fixed lag. A state is a candidate or "unvoiced"; staying near costs little, leaping costs more.

/// Candidates per frame.
pub const MAX_CANDIDATES: usize = 16;
/// The state after the candidates.
const UNVOICED: usize = MAX_CANDIDATES;
/// The longest lag of the decision, in frames.
const MAX_LAG: usize = 8;

/// How a candidate fits beside the frame's others: its correlation `r`, plus `CLARITY_WEIGHT` times how few of its parts are
/// left over (`-ln(1 - r + CLARITY_FLOOR)`), minus what a period costs for being long, since its multiples fit as well as
/// itself: each cost is per octave, up to so many octaves above one sample.
///
/// The logarithm tells a strong second partial (half the period leaves 2 to 4 % over, the whole one almost nothing) from the
/// undertones of breath (the period leaves 0.5 %, its double 0.1 %); the costs grow towards short periods, where breath and
/// bow noise are strongest. Fitted on 65 000 frames of recorded notes and
/// then set by hand so that every row of `docs/pitch.md` keeps its bounds.
const CLARITY_WEIGHT: f32 = 0.055;
const CLARITY_FLOOR: f32 = 0.004;
const OCTAVE_COSTS: [(f32, f32); 3] = [(5.0, 0.118), (4.3, -0.06), (3.4, 0.13)];
/// The same, up to an octave below the longest period, and within that octave: there the double of a period is out of range, so
/// less is needed to keep it away, and low violin notes with a weak fundamental win their attacks.
const INNER_OCTAVE_COST: f32 = 0.028;
const LAST_OCTAVE_COST: f32 = 0.016;
/// The correlation below which "unvoiced" fits better.
const UNVOICED_STRENGTH: f32 = 0.55;
/// Cost of changing pitch, per octave, and the most a leap costs.
const LEAP_COST_PER_OCTAVE: f32 = 0.5;
const MAX_LEAP_COST: f32 = 0.17;
/// Cost of beginning or ending a note.
const VOICING_COST: f32 = 0.15;

/// A period that fits a frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate {
    /// In samples of the analysis rate.
    pub lag: f32,
    /// log2 of the lag.
    pub octaves: f32,
    /// Correlation at that lag.
    pub strength: f32,
}

impl Candidate {
    /// How well it fits the frame, against the frame's other candidates.
    pub fn merit(&self, longest_octaves: f32) -> f32 {
        let clarity = -(1.0 - self.strength + CLARITY_FLOOR).ln();
        let cost = |(up_to, cost): (f32, f32)| cost * self.octaves.min(up_to);
        let range = [(f32::INFINITY, LAST_OCTAVE_COST), (longest_octaves - 1.0, INNER_OCTAVE_COST)];
        self.strength + CLARITY_WEIGHT * clarity - OCTAVE_COSTS.into_iter().chain(range).map(cost).sum::<f32>()
    }
}

/// A frame's candidates with the best path that ends in each.
#[derive(Clone, Copy)]
struct Column {
    n: usize,
    candidates: [Candidate; MAX_CANDIDATES],
    score: [f32; MAX_CANDIDATES + 1],
    /// The state before, on the best path.
    from: [u8; MAX_CANDIDATES + 1],
}

impl Column {
    const EMPTY: Self = Self {
        n: 0,
        candidates: [Candidate { lag: 0.0, octaves: 0.0, strength: 0.0 }; MAX_CANDIDATES],
        score: [0.0; MAX_CANDIDATES + 1],
        from: [UNVOICED as u8; MAX_CANDIDATES + 1],
    };
}

/// The search; a ring of the frames that are not decided yet.
pub struct Path {
    columns: [Column; MAX_LAG + 1],
    lag: usize,
    newest: usize,
    longest_octaves: f32,
}

impl Path {
    /// Decides a frame when `lag` later ones are known, 0 to 8. `longest_octaves` is log2 of the longest period.
    pub fn new(lag: usize, longest_octaves: f32) -> Self {
        assert!(lag <= MAX_LAG, "the ring holds {MAX_LAG} frames");
        Self { columns: [Column::EMPTY; MAX_LAG + 1], lag, newest: 0, longest_octaves }
    }

    pub fn reset(&mut self) {
        self.columns = [Column::EMPTY; MAX_LAG + 1];
        self.newest = 0;
    }

    /// Adds a frame. `unvoiced_bonus` (0 or more) speaks against all of its candidates.
    pub fn push(&mut self, candidates: &[Candidate], unvoiced_bonus: f32) {
        let before = self.columns[self.newest];
        self.newest = (self.newest + 1) % (self.lag + 1);
        let column = &mut self.columns[self.newest];
        column.n = candidates.len().min(MAX_CANDIDATES);
        column.candidates[..column.n].copy_from_slice(&candidates[..column.n]);
        let merits = column.candidates.map(|candidate| candidate.merit(self.longest_octaves));
        let favourite = (0..column.n).max_by(|&a, &b| merits[a].total_cmp(&merits[b]));
        // Against "unvoiced" the frame's favourite stands with its correlation alone.
        let offset = favourite.map_or(0.0, |i| column.candidates[i].strength - merits[i]);
        let mut best = f32::NEG_INFINITY;
        for (i, candidate) in candidates[..column.n].iter().enumerate() {
            let mut score = before.score[UNVOICED] - VOICING_COST;
            let mut from = UNVOICED;
            for (j, earlier) in before.candidates[..before.n].iter().enumerate() {
                let leap = (candidate.octaves - earlier.octaves).abs() * LEAP_COST_PER_OCTAVE;
                let through = before.score[j] - leap.min(MAX_LEAP_COST);
                if through > score {
                    (score, from) = (through, j);
                }
            }
            column.score[i] = score + merits[i] + offset;
            column.from[i] = from as u8;
            best = best.max(column.score[i]);
        }
        let mut score = before.score[UNVOICED];
        let mut from = UNVOICED;
        for j in 0..before.n {
            if before.score[j] - VOICING_COST > score {
                (score, from) = (before.score[j] - VOICING_COST, j);
            }
        }
        column.score[UNVOICED] = score + UNVOICED_STRENGTH + unvoiced_bonus;
        column.from[UNVOICED] = from as u8;
        best = best.max(column.score[UNVOICED]);
        column.score.iter_mut().for_each(|score| *score -= best);
    }

    /// The states of the frames from `lag` frames ago (first) to the newest (last) on the best path: `None` is unvoiced.
    /// Writes `lag + 1` of them.
    pub fn trace(&self, states: &mut [Option<Candidate>]) {
        let mut index = self.newest;
        let newest = &self.columns[index];
        let mut state = UNVOICED;
        for i in 0..newest.n {
            if newest.score[i] > newest.score[state] {
                state = i;
            }
        }
        for slot in states[..=self.lag].iter_mut().rev() {
            let column = &self.columns[index];
            *slot = (state != UNVOICED).then(|| column.candidates[state]);
            state = column.from[state].into();
            index = (index + self.lag) % (self.lag + 1);
        }
    }
}
