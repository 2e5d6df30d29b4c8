//! Audio in, [`Frame`]s out: pitch, loudness and voicing, 250 times a second, causal and streaming.
//!
//! In comes mono audio at the host's rate, in blocks of any size; out come frames whose time, `k / 250` s, is the centre of the
//! signal that they describe. The engine calls this live; `retort features` calls it for training; the results are the same.
//!
//! ```text
//! host's rate ──> resample ──> 16 kHz ─┬─> high-pass ──> correlation ──> candidates ──> path ──> f0_hz, voicing
//!                                      └─> A-weighting ──> squares ──> mean around the frame ──> loudness_db
//! ```
//!
//! All work is done once per frame, at a fixed host sample, so the block size changes nothing. What a frame says is frozen as
//! [`ANALYSIS_VERSION`]: models are trained on it.

mod correlation;
mod loudness;
#[cfg(test)]
mod made_sounds;
mod path;
mod pitch;
mod resample;
#[cfg(test)]
mod tests;
mod weighting;

use crate::frame::{FRAME_RATE_HZ, Frame, FrameClock, LOUDNESS_FLOOR_DB};
use crate::simd::Simd;
use pitch::{PitchTracker, Sizes};
use resample::Resampler;
use weighting::{AWeighting, HighPass};

/// Raised by any change that changes frames; a model says which version it was trained with.
pub const ANALYSIS_VERSION: u32 = 1;

/// The rate at which everything is computed.
const ANALYSIS_RATE_HZ: u32 = 16_000;
/// Samples per frame at the analysis rate.
const HOP: usize = (ANALYSIS_RATE_HZ / FRAME_RATE_HZ) as usize;
/// When the host has sent the samples up to the time t, the analysis rate's are known up to this many samples before t: the
/// resampler's half width, and the host's last sample, which may lie up to one of its own periods before t.
const BEHIND: usize = resample::HALF_WIDTH + 2;
const LOWEST_RATE_HZ: u32 = 8_000;
const HIGHEST_RATE_HZ: u32 = 768_000;

/// The lowest pitch that the tracker looks for. It fixes the latency: hearing a low note takes longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LowestPitch {
    /// 40 Hz: bass, bassoon, piano.
    Hz40,
    /// 80 Hz: voice, guitar, cello above its lowest string.
    #[default]
    Hz80,
    /// 160 Hz: violin, flute, trumpet, soprano.
    Hz160,
}

impl LowestPitch {
    /// In Hz.
    #[must_use]
    pub fn hz(self) -> f32 {
        match self {
            Self::Hz40 => 40.0,
            Self::Hz80 => 80.0,
            Self::Hz160 => 160.0,
        }
    }

    /// d: how many frames after its own time a frame is known.
    #[must_use]
    pub fn delay_frames(self) -> u32 {
        let sizes = Sizes::of(self);
        let pitch = sizes.path_lag * HOP + sizes.reach() + BEHIND;
        let loudness = loudness::reach(sizes.longest_lag as f32) + BEHIND;
        pitch.max(loudness).div_ceil(HOP) as u32
    }

    /// The latency to report, in samples: a frame's values are reached by a ramp that ends one frame after it is known.
    #[must_use]
    pub fn latency_samples(self, sample_rate_hz: u32) -> u32 {
        // No clip: some 64 ms of samples.
        FrameClock::new(sample_rate_hz, FRAME_RATE_HZ).start(u64::from(self.delay_frames()) + 1) as u32
    }
}

/// Why audio can't be analysed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnalysisError {
    #[error("the sample rate of {0} Hz is outside of what can be analysed ({LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz)")]
    SampleRate(u32),
}

/// Turns a stream of audio into frames. Nothing is allocated after [`Analyzer::new`].
pub struct Analyzer {
    clock: FrameClock,
    delay_frames: u64,
    resampler: Resampler,
    a_weighting: AWeighting,
    high_pass: HighPass,
    tracker: PitchTracker,
    /// How far the pitch tracker's frame lies behind the newest sample.
    reach: usize,
    path_lag: u64,
    /// The newest samples at the analysis rate, high-passed; the last one is the newest.
    signal: Vec<f32>,
    /// The newest squares of the A-weighted signal; the last one is the newest.
    squares: Vec<f32>,
    /// Host samples of the tick that is under way.
    chunk: Vec<f32>,
    chunk_filled: usize,
    /// Ticks so far: tick j is when the host's samples up to `clock.start(j)` are in.
    tick: u64,
    /// Host samples of the current tick.
    until_tick: usize,
    last_f0_hz: f32,
}

impl Analyzer {
    /// # Errors
    /// If the sample rate is not between 8 and 768 kHz.
    pub fn new(sample_rate_hz: u32, lowest: LowestPitch) -> Result<Self, AnalysisError> {
        if !(LOWEST_RATE_HZ..=HIGHEST_RATE_HZ).contains(&sample_rate_hz) {
            return Err(AnalysisError::SampleRate(sample_rate_hz));
        }
        let simd = Simd::detect();
        let sizes = Sizes::of(lowest);
        let clock = FrameClock::new(sample_rate_hz, FRAME_RATE_HZ);
        let delay_frames = u64::from(lowest.delay_frames());
        let max_chunk = sample_rate_hz.div_ceil(FRAME_RATE_HZ) as usize;
        // The pitch tracker's frame is the one whose centre lies this far behind the newest sample, or a little more.
        let reach = (delay_frames as usize - sizes.path_lag) * HOP - BEHIND;
        let loudness_behind = delay_frames as usize * HOP;
        let longest_window = loudness::window(Some(sizes.longest_lag as f32)).ceil() as usize + HOP;
        Ok(Self {
            clock,
            delay_frames,
            resampler: Resampler::new(simd, sample_rate_hz, max_chunk, BEHIND as u64 - 1),
            a_weighting: AWeighting::new(),
            high_pass: HighPass::new(f64::from(lowest.hz()) * 0.5),
            tracker: PitchTracker::new(simd, sizes),
            reach,
            path_lag: sizes.path_lag as u64,
            // Long enough for the tracker and for the window of the loudness.
            signal: vec![0.0; (reach + sizes.reach() + 1).max(loudness_behind + longest_window)],
            squares: vec![0.0; loudness_behind + longest_window],
            chunk: vec![0.0; max_chunk],
            chunk_filled: 0,
            tick: 0,
            until_tick: clock.start(1) as usize,
            last_f0_hz: Frame::SILENCE.f0_hz,
        })
    }

    /// Forgets everything heard; the next sample is sample 0.
    pub fn reset(&mut self) {
        self.resampler.reset();
        self.a_weighting.reset();
        self.high_pass.reset();
        self.tracker.reset();
        self.signal.fill(0.0);
        self.squares.fill(0.0);
        self.chunk_filled = 0;
        self.tick = 0;
        self.until_tick = self.clock.start(1) as usize;
        self.last_f0_hz = Frame::SILENCE.f0_hz;
    }

    /// Takes in mono audio and calls `on_frame` with each frame that became known, in order, from 0. Frame k becomes known with
    /// the last sample before `FrameClock::start(k + d)`, d being [`LowestPitch::delay_frames`], whatever the block sizes.
    /// Samples that are not finite count as 0; those beyond 40 dB above full scale are clipped.
    pub fn push(&mut self, mut input: &[f32], mut on_frame: impl FnMut(u64, Frame)) {
        while !input.is_empty() {
            let n = input.len().min(self.until_tick - self.chunk_filled);
            let (now, later) = input.split_at(n);
            self.chunk[self.chunk_filled..][..n].copy_from_slice(now);
            self.chunk_filled += n;
            input = later;
            if self.chunk_filled == self.until_tick
                && let Some((k, frame)) = self.tick()
            {
                on_frame(k, frame);
            }
        }
    }

    fn tick(&mut self) -> Option<(u64, Frame)> {
        self.tick += 1;
        self.resampler.push(&self.chunk[..self.chunk_filled]);
        self.chunk_filled = 0;
        self.until_tick = (self.clock.start(self.tick + 1) - self.clock.start(self.tick)) as usize;

        let mut fresh = [0.0; HOP];
        self.resampler.pull(&mut fresh);
        self.squares.copy_within(HOP.., 0);
        let n = self.squares.len();
        self.a_weighting.squares(&fresh, &mut self.squares[n - HOP..]);
        self.high_pass.apply(&mut fresh);
        self.signal.copy_within(HOP.., 0);
        let n = self.signal.len();
        self.signal[n - HOP..].copy_from_slice(&fresh);

        // Frames before 0 would lie before the sound.
        if self.tick + self.path_lag < self.delay_frames {
            return None;
        }
        let heard = self.loudness_db(self.reach, None);
        let centre = self.signal.len() - 1 - self.reach;
        let pitch = self.tracker.push(&self.signal, centre, heard);
        let k = self.tick.checked_sub(self.delay_frames)?;
        if let Some(period) = pitch.period {
            self.last_f0_hz = ANALYSIS_RATE_HZ as f32 / period;
        }
        let period = pitch.period.filter(|_| pitch.voicing >= 0.5);
        let behind = self.delay_frames as usize * HOP - BEHIND;
        let mut loudness_db = self.loudness_db(behind, period);
        if let Some(period) = period.filter(|_| pitch.onset) {
            loudness_db = self.onset_loudness_db(behind, period, loudness_db);
        }
        Some((k, Frame { f0_hz: self.last_f0_hz, loudness_db, voicing: pitch.voicing }))
    }

    /// The loudness of the frame whose centre lies `behind` samples before the newest.
    fn loudness_db(&self, behind: usize, period: Option<f32>) -> f32 {
        let centre = self.squares.len() - 1 - behind;
        loudness::loudness_db(&self.squares, centre, loudness::window(period)).max(LOUDNESS_FLOOR_DB)
    }

    /// [`Analyzer::loudness_db`] of a frame at an onset, given that loudness.
    fn onset_loudness_db(&self, behind: usize, period: f32, loudness_db: f32) -> f32 {
        let window = loudness::window(Some(period));
        let ahead = loudness::ahead(window);
        let later = ((2.0 * period) as usize).min(behind - ahead);
        let stretch = |len: usize| (len - behind + ahead - window.round() as usize)..(len - behind + ahead + later);
        let (weighted, unweighted) =
            (&self.squares[stretch(self.squares.len())], &self.signal[stretch(self.signal.len())]);
        loudness::onset_loudness_db(loudness_db, weighted, unweighted, window)
    }
}

/// Analyses a whole recording: frames 0 to `floor(250 n / sample_rate_hz)`, aligned with it; silence follows its end.
///
/// # Errors
/// As [`Analyzer::new`].
pub fn analyze(samples: &[f32], sample_rate_hz: u32, lowest: LowestPitch) -> Result<Vec<Frame>, AnalysisError> {
    let mut analyzer = Analyzer::new(sample_rate_hz, lowest)?;
    let n_frames = samples.len() as u64 * u64::from(FRAME_RATE_HZ) / u64::from(sample_rate_hz) + 1;
    let mut frames = Vec::with_capacity(n_frames as usize);
    let mut keep = |_, frame| frames.push(frame);
    analyzer.push(samples, &mut keep);
    let clock = FrameClock::new(sample_rate_hz, FRAME_RATE_HZ);
    let end = clock.start(n_frames - 1 + u64::from(lowest.delay_frames()));
    let silence = vec![0.0; end.saturating_sub(samples.len() as u64) as usize];
    analyzer.push(&silence, &mut keep);
    frames.truncate(n_frames as usize);
    Ok(frames)
}
