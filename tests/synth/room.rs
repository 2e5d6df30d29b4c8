use retort::synth::Room;

use crate::reference::error_db;
use crate::splits::lively_input;

fn response(len: usize) -> Vec<f32> {
    let decay = 5.0 / len as f32;
    (0..len)
        .map(|n| if n == 0 { 0.0 } else { ((n * n) as f32 * 0.61).sin() * 0.2 * (-decay * n as f32).exp() })
        .collect()
}

/// `x + amount (r * x)`, sample by sample.
fn convolved(input: &[f32], response: &[f32], amount: f64) -> Vec<f64> {
    let mut sound: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
    for (n, &x) in input.iter().enumerate().filter(|(_, x)| **x != 0.0) {
        for (y, &r) in sound[n..].iter_mut().zip(response) {
            *y += amount * f64::from(r) * f64::from(x);
        }
    }
    sound
}

#[test]
fn the_room_is_a_convolution_without_latency() {
    // Lengths at the borders of the stages: direct taps, short partitions, long ones.
    for len in [2, 63, 64, 65, 128, 129, 1000, 1024, 1025, 1536, 1537, 5000] {
        let (response, input) = (response(len), lively_input(8_000));
        let mut sound = input.clone();
        Room::new(&response, 32_000, 32_000).process(&mut sound, 0.7);
        let error = error_db(&sound, &convolved(&input, &response, 0.7));
        assert!(error < -110.0, "{len} taps: {error} dB");
    }
}

#[test]
fn the_room_answers_again_after_it_has_fallen_silent() {
    let (response, mut input) = (response(3_000), lively_input(30_000));
    input[2_000..12_345].fill(0.0);
    input[14_000..23_000].fill(0.0);
    let mut sound = input.clone();
    Room::new(&response, 32_000, 32_000).process(&mut sound, 1.0);
    let error = error_db(&sound, &convolved(&input, &response, 1.0));
    assert!(error < -110.0, "{error} dB");
    assert!(sound[9_000..12_345].iter().all(|&x| x == 0.0), "silence stays silence");
}

#[test]
fn no_room_leaves_every_sample_as_it_is() {
    let input = lively_input(1_000);
    for response in [&[][..], &[0.0; 100]] {
        let mut room = Room::new(response, 32_000, 48_000);
        let mut sound = input.clone();
        room.process(&mut sound, 1.0);
        assert_eq!(sound, input);
        assert_eq!(room.tail_samples(), 0);
    }
}

#[test]
fn the_tail_is_as_long_as_stated() {
    for rate in [22_050, 32_000, 48_000] {
        let mut room = Room::new(&response(4_000), 32_000, rate);
        let mut sound = vec![0.0; room.tail_samples() + 600];
        sound[300] = 1.0;
        room.process(&mut sound, 1.0);
        let end = 301 + room.tail_samples();
        assert!(sound[end - 1].abs() > 1e-7, "{rate} Hz ends at {}", sound[end - 1]);
        assert!(sound[end..].iter().all(|x| x.abs() < 1e-6), "{rate} Hz");
    }
}

#[test]
fn the_amount_moves_without_a_click_and_arrives() {
    // A room that only holds sound for a while: on a constant input, what it adds is the amount.
    let mut response = vec![0.0; 100];
    response[10] = 1.0;
    let mut room = Room::new(&response, 48_000, 48_000);
    let mut sound = vec![1.0; 4_000];
    room.process(&mut sound[..1_000], 1.0);
    room.process(&mut sound[1_000..], 0.0);
    assert!((sound[500] - 2.0).abs() < 1e-5);
    for pair in sound[200..].windows(2) {
        assert!((pair[1] - pair[0]).abs() < 1.1 / 960.0, "{pair:?}");
    }
    assert!(sound[1_000 + 64 + 960 + 64..].iter().all(|x| (x - 1.0).abs() < 1e-6));
}

#[test]
fn a_reset_room_is_a_new_room() {
    let (response, input) = (response(3_000), lively_input(5_000));
    let mut room = Room::new(&response, 32_000, 48_000);
    let mut first = input.clone();
    room.process(&mut first, 0.5);
    room.reset();
    let mut again = input.clone();
    room.process(&mut again, 0.5);
    assert_eq!(first, again);
}

#[test]
fn rooms_work_from_8_to_384_khz() {
    for rate in [8_000, 22_050, 47_999, 192_000, 384_000] {
        let mut room = Room::new(&response(16_000), 32_000, rate);
        let mut sound = vec![0.0; rate as usize / 4];
        sound[0] = 1.0;
        room.process(&mut sound, 1.0);
        assert!(sound.iter().all(|x| x.is_finite()));
        assert!(sound[sound.len() / 2..].iter().any(|x| x.abs() > 1e-5), "{rate} Hz");
    }
}
