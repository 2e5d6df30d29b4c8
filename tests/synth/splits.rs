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
