//! However a host cuts time into blocks, the samples are the same.

use retort::synth::{PartGains, Room, VoiceSynth};

use crate::reference::*;

/// Lengths of segments as notes that begin between ticks make them, and one of 20 ms.
const SEGMENTS: [usize; 9] = [177, 176, 5, 1, 171, 176, 882, 13, 2000];

fn render_in_blocks(rate: u32, mut block: impl FnMut() -> usize) -> Vec<f32> {
    let frames = lively_frames(SEGMENTS.len() + 1);
    let mut voice = VoiceSynth::new(&violin_spec(), rate);
    voice.reset(11);
    voice.jump_to(&frames[0]);
    let mut sound = Vec::new();
    for (frame, len) in frames[1..].iter().zip(SEGMENTS) {
        voice.begin_segment(frame, len, PartGains::default());
        let mut left = len;
        while left > 0 {
            let run = block().min(left);
            let start = sound.len();
            sound.resize(start + run, f32::NAN);
            voice.render(&mut sound[start..]);
            left -= run;
        }
    }
    sound
}

/// Block sizes from 1 to 100 without a pattern.
fn ragged() -> impl FnMut() -> usize {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (state >> 16) as usize % 100
    }
}

#[test]
fn a_voice_sounds_the_same_in_blocks_of_any_size() {
    for rate in [8_000, 44_100, 96_000] {
        let whole = render_in_blocks(rate, || usize::MAX);
        assert!(rms(&whole) > 0.05);
        for size in [1, 7, 17, 64, 176] {
            assert_eq!(render_in_blocks(rate, || size), whole, "blocks of {size} at {rate} Hz");
        }
        assert_eq!(render_in_blocks(rate, ragged()), whole);
    }
}

#[test]
fn a_segment_cut_short_goes_on_from_where_it_was() {
    let frames = lively_frames(4);
    // Cut at a ramp's middle, whole or by a ramp that was meant to end there: the same sound but for rounding.
    for at in [0, 1, 63, 100, 176, 177, 300] {
        let between = |a: f32, b: f32| a + (b - a) * at as f32 / 400.0;
        let mut middle = frames[1].clone();
        middle.f0_hz = between(frames[0].f0_hz, frames[1].f0_hz);
        // Amplitudes are what ramps, not shares of them.
        let level = |t: usize, k: usize| frames[t].amplitude * frames[t].harmonics[k];
        middle.amplitude = 1.0;
        middle.harmonics = (0..80).map(|k| between(level(0, k), level(1, k))).collect();
        middle.noise = (0..65).map(|j| between(frames[0].noise[j], frames[1].noise[j])).collect();
        let render = |first: &retort::Controls, len: usize| {
            let mut voice = VoiceSynth::new(&violin_spec(), 44_100);
            voice.reset(4);
            voice.jump_to(&frames[0]);
            let mut sound = vec![0.0; at + 500];
            voice.begin_segment(first, len, PartGains::default());
            voice.render(&mut sound[..at]);
            voice.begin_segment(&frames[2], 500, PartGains::default());
            voice.render(&mut sound[at..]);
            sound
        };
        let want: Vec<f64> = render(&middle, at).iter().map(|&x| f64::from(x)).collect();
        let error = error_db(&render(&frames[1], 400), &want);
        assert!(error < -90.0, "cut at {at}: {error} dB");
    }
}

#[test]
fn a_room_sounds_the_same_in_blocks_of_any_size() {
    let input: Vec<f32> = lively_input(9_000);
    let response: Vec<f32> = (0..3_000).map(|n| if n == 0 { 0.0 } else { (n as f32 * 1.7).sin() * 0.01 }).collect();
    let render = |mut block: Box<dyn FnMut() -> usize>| {
        let mut room = Room::new(&response, 32_000, 44_100);
        let mut sound = input.clone();
        let mut start = 0;
        while start < sound.len() {
            // The amount changes at one sample, wherever blocks end.
            let change = if start < 5_000 { 5_000 } else { sound.len() };
            let end = (start + block()).min(change);
            room.process(&mut sound[start..end], if start < 5_000 { 1.0 } else { 0.25 });
            start = end;
        }
        sound
    };
    let whole = render(Box::new(|| 100_000));
    assert_ne!(whole, input);
    for size in [1, 17, 64, 1000, 4096] {
        assert_eq!(render(Box::new(move || size)), whole, "blocks of {size}");
    }
    assert_eq!(render(Box::new(ragged())), whole);
}

/// Noise with silences of all lengths.
pub fn lively_input(len: usize) -> Vec<f32> {
    let mut random = ragged();
    (0..len).map(|n| if n / 700 % 3 == 2 { 0.0 } else { random() as f32 / 50.0 - 1.0 }).collect()
}
