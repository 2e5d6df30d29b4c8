//! Training and playing hear the same: the tables that training reads hold the very frames of the analysis that plays live.

mod cli_process;

use cli_process::{read_features, write_wav};
use retort::analysis::{Analyzer, LowestPitch};
use retort::frame::{FRAME_RATE_HZ, Frame};
use tempfile::tempdir;

/// Two seconds with what is hard to hear: a soft onset, vibrato, a jump, noise, silence, and a low note.
fn phrase(rate_hz: u32) -> Vec<f32> {
    let mut noise = 1_u32;
    let mut phase = 0.0_f64;
    (0..2 * rate_hz)
        .map(|n| {
            let time = f64::from(n) / f64::from(rate_hz);
            let (f0_hz, level) = match time {
                t if t < 0.6 => (330.0 * (1.0 + 0.01 * (35.0 * t).sin()), 0.4 * t),
                t if t < 1.0 => (495.0, 0.3),
                t if t < 1.2 => (495.0, 0.0),
                _ => (98.0, 0.5),
            };
            phase += f0_hz / f64::from(rate_hz);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (f64::from(noise >> 8) / f64::from(1 << 24) - 0.5) * 0.004;
            let tone: f64 = (1..=6).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            (level * 0.5 * tone + hiss) as f32
        })
        .collect()
}

/// What a plugin hears when the host hands it blocks of these sizes in turns.
fn live(samples: &[f32], rate_hz: u32, lowest: LowestPitch, blocks: &[usize]) -> Vec<Frame> {
    let mut analyzer = Analyzer::new(rate_hz, lowest).unwrap();
    let mut frames = Vec::new();
    let mut rest = samples;
    for size in blocks.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (block, later) = rest.split_at((*size).min(rest.len()));
        analyzer.push(block, |_, frame| frames.push(frame));
        rest = later;
    }
    frames
}

#[test]
fn every_frame_of_a_table_is_the_frame_that_is_heard_live_to_the_last_bit() {
    let folder = tempdir().unwrap();
    let (input, output) = (folder.path().join("phrase.wav"), folder.path().join("phrase.csv"));
    for (rate_hz, lowest, option) in
        [(32_000, LowestPitch::Hz80, "80"), (44_100, LowestPitch::Hz40, "40"), (48_000, LowestPitch::Hz160, "160")]
    {
        let samples = phrase(rate_hz);
        write_wav(&input, &samples, rate_hz, 1);
        retort!("features", input, output, "--lowest-pitch", option).succeeds();
        let table = read_features(&output);
        for blocks in [&[512][..], &[1, 63, 4_096, 7], &[48_000]] {
            let heard = live(&samples, rate_hz, lowest, blocks);
            // The last frames become known only after the end.
            assert!(heard.len() + 40 > table.len() && heard.len() <= table.len());
            for (k, (frame, row)) in heard.iter().zip(&table).enumerate() {
                let [time_s, f0_hz, voicing, loudness_db] = *row;
                assert_eq!(time_s, k as f64 / f64::from(FRAME_RATE_HZ));
                let told = [f0_hz as f32, voicing as f32, loudness_db as f32].map(f32::to_bits);
                let live = [frame.f0_hz, frame.voicing, frame.loudness_db].map(f32::to_bits);
                assert_eq!(told, live, "frame {k} at {rate_hz} Hz in blocks of {blocks:?}");
            }
        }
        assert!(table.iter().filter(|row| row[2] >= 0.5).count() > 200, "there was something to hear");
    }
}
