//! The whole way from notes or audio to the output: its mean, and the worst of its blocks.

use std::f32::consts::TAU;
use std::time::Instant;

use serde::Serialize;

use super::sounds::{key_on, melody, note_events};
use super::time::median_s;
use super::{BLOCK, CHORD_S, LONGEST_BLOCK, RATE_HZ, RUN_S};
use crate::analysis::LowestPitch;
use crate::cli::error::CliError;
use crate::cli::model_choice::Chosen;
use crate::engine::{Engine, EngineConfig, Event, Settings, Source};

/// Equal renders of which each block's least time counts, so that what other programs did in one of them does not.
const RENDERS: usize = 7;

/// How often what is played in four seconds is played where blocks are counted: even of the longest there are a thousand,
/// so that one in a thousand is no single one.
const BLOCKS_REPEATS: usize = 6;

/// Everything between events or audio and the output.
#[derive(Serialize)]
pub struct VoiceSpeed {
    pub id: String,
    pub source: &'static str,
    /// Notes that sound at a time.
    pub voices: usize,
    pub x_realtime: f64,
    /// Share of one core that all of them take.
    pub cpu_share: f64,
    /// Time of the slowest block of 64 samples as a share of its 1.33 ms: the least of seven equal renders for each block.
    pub worst_block_share: f64,
}

/// The blocks of one length.
#[derive(Serialize)]
pub struct BlockSpeed {
    pub id: String,
    pub source: &'static str,
    pub voices: usize,
    /// Samples in a block.
    pub block: usize,
    #[serde(flatten)]
    pub shares: BlockShares,
}

/// Times of blocks as shares of what they last: the least of seven equal renders for each block, then over all blocks.
#[derive(Clone, Copy, Serialize)]
pub struct BlockShares {
    pub mean_share: f64,
    pub p99_share: f64,
    pub p999_share: f64,
    pub worst_share: f64,
}

/// An engine that has nothing to do.
#[derive(Serialize)]
pub struct IdleSpeed {
    pub id: String,
    pub source: &'static str,
    pub cpu_share: f64,
}

/// What is played.
struct Scene<'a> {
    source: Source,
    settings: Settings,
    input: &'a [f32],
    events: Events<'a>,
}

/// Events of the block that begins at a sample.
enum Events<'a> {
    None,
    Melody,
    /// In the first block.
    Chord(&'a [Event]),
}

impl<'a> Events<'a> {
    fn at(&self, sample: usize) -> &'a [Event] {
        match self {
            Self::Melody => note_events(sample),
            Self::Chord(keys) if sample == 0 => keys,
            Self::None | Self::Chord(_) => &[],
        }
    }
}

/// One voice, from notes or from audio.
pub fn voice(chosen: &Chosen, source: Source) -> Result<VoiceSpeed, CliError> {
    let input = melody();
    speed(chosen, &one_voice(source, &input), 1)
}

fn one_voice(source: Source, input: &[f32]) -> Scene<'_> {
    // One voice: notes must not overlap while the one before dies away.
    let settings = Settings { mode: 1.0, ..Settings::default() };
    Scene { source, settings, input, events: Events::Melody }
}

/// A chord of `voices` notes, held.
pub fn chord(chosen: &Chosen, voices: usize) -> Result<VoiceSpeed, CliError> {
    with_chord(voices, CHORD_S, |scene| speed(chosen, scene, voices))
}

fn with_chord<T>(voices: usize, seconds: f64, measure: impl FnOnce(&Scene<'_>) -> T) -> T {
    let settings = Settings { voices: voices as f32, ..Settings::default() };
    // All of them within the first block of any length, so that all are played from then on.
    let keys: Vec<Event> = (0..voices).map(|k| key_on(48 + 2 * k as u8)).collect();
    let silence = vec![0.0; (seconds * f64::from(RATE_HZ)) as usize / LONGEST_BLOCK * LONGEST_BLOCK];
    measure(&Scene { source: Source::Notes, settings, input: &silence, events: Events::Chord(&keys) })
}

/// Blocks of `block` samples of a chord; one voice is a melody, from notes or audio.
pub fn blocks(chosen: &Chosen, source: Source, voices: usize, block: usize) -> Result<BlockSpeed, CliError> {
    let shares = if voices == 1 {
        let input = melody().repeat(BLOCKS_REPEATS);
        block_shares(chosen, &one_voice(source, &input), block)?
    } else {
        with_chord(voices, BLOCKS_REPEATS as f64 * RUN_S, |scene| block_shares(chosen, scene, block))?
    };
    Ok(BlockSpeed { id: chosen.id(), source: name(source), voices, block, shares })
}

/// No note, or silence to listen to.
pub fn idle(chosen: &Chosen, source: Source) -> Result<IdleSpeed, CliError> {
    let input = vec![0.0; (CHORD_S * f64::from(RATE_HZ)) as usize / BLOCK * BLOCK];
    let scene = Scene { source, settings: Settings::default(), input: &input, events: Events::None };
    let speed = speed(chosen, &scene, 0)?;
    Ok(IdleSpeed { id: speed.id, source: speed.source, cpu_share: speed.cpu_share })
}

fn name(source: Source) -> &'static str {
    match source {
        Source::Notes => "notes",
        Source::Audio => "audio",
    }
}

fn speed(chosen: &Chosen, scene: &Scene<'_>, voices: usize) -> Result<VoiceSpeed, CliError> {
    let mut engine = engine(chosen, scene.source)?;
    let mut output = [0.0; BLOCK];
    let seconds = median_s(|| render(&mut engine, scene, &mut output, |_, process| process()));
    let x_realtime = scene.input.len() as f64 / f64::from(RATE_HZ) / seconds;
    // Looking at the clock at each block costs time, which the whole must not contain: passes of their own.
    let worst_block_share = block_shares(chosen, scene, BLOCK)?.worst_share;
    let (id, source) = (chosen.id(), name(scene.source));
    Ok(VoiceSpeed { id, source, voices, x_realtime, cpu_share: 1.0 / x_realtime, worst_block_share })
}

fn engine(chosen: &Chosen, source: Source) -> Result<Engine, CliError> {
    let mut engine =
        Engine::new(EngineConfig { sample_rate_hz: RATE_HZ, source, lowest_pitch: LowestPitch::default() })?;
    // The first instrument replaces nothing.
    let _ = engine.set_instrument(Box::new(chosen.instrument(RATE_HZ)?));
    Ok(engine)
}

/// Plays a scene from the start in blocks as long as `output`; `around` is given each block's number and its work.
fn render(engine: &mut Engine, scene: &Scene<'_>, output: &mut [f32], mut around: impl FnMut(usize, &mut dyn FnMut())) {
    engine.reset();
    let len = output.len();
    let mut settings = scene.settings;
    for (k, block) in scene.input.chunks_exact(len).enumerate() {
        // Controls move as automation does.
        let turn = (TAU * 0.5 * (k * len) as f32 / RATE_HZ as f32).sin();
        (settings.brightness, settings.room) = (0.3 * turn, 0.8 + 0.2 * turn);
        around(k, &mut || engine.process(block, output, scene.events.at(k * len), &settings));
    }
}

fn block_shares(chosen: &Chosen, scene: &Scene<'_>, block: usize) -> Result<BlockShares, CliError> {
    let mut engine = engine(chosen, scene.source)?;
    let mut output = vec![0.0; block];
    let mut least_s = vec![f64::INFINITY; scene.input.len() / block];
    for _ in 0..RENDERS {
        render(&mut engine, scene, &mut output, |k, process| {
            let started = Instant::now();
            process();
            least_s[k] = least_s[k].min(started.elapsed().as_secs_f64());
        });
    }
    least_s.sort_by(f64::total_cmp);
    let block_s = block as f64 / f64::from(RATE_HZ);
    let share = |rank: f64| least_s[((least_s.len() - 1) as f64 * rank).round() as usize] / block_s;
    Ok(BlockShares {
        mean_share: least_s.iter().sum::<f64>() / least_s.len() as f64 / block_s,
        p99_share: share(0.99),
        p999_share: share(0.999),
        worst_share: share(1.0),
    })
}
