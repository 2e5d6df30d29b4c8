use retort::synth::{PartGains, VoiceSynth};

use crate::reference::*;

/// The white noise that a voice uses, taken from the voice itself through a filter that is known: at the model's own rate
/// flat bands make a single tap after half the filter's length.
fn white_noise(seed: u64, len: usize) -> Vec<f64> {
    let sound = render_steady(&noise_bands(|_| 1.0), 32_000, (len + 400) as f64 / 32_000.0, seed);
    sound[64..64 + len].iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn flat_bands_let_white_noise_through_unchanged() {
    // The published synthesiser lost the centre tap here, and was silent.
    let sound = render_steady(&noise_bands(|_| 1.0), 32_000, 2.0, 1);
    assert!((rms(&sound) - (1.0_f64 / 3.0).sqrt()).abs() < 0.005, "{}", rms(&sound));
    let want = 2.0 / 3.0 / 32_000.0;
    for band in 0..15 {
        let from_hz = 100.0 + 1000.0 * f64::from(band);
        let level_db = 10.0 * (density(&sound, from_hz, from_hz + 900.0, 32_000) / want).log10();
        assert!(level_db.abs() < 0.6, "{from_hz} Hz: {level_db} dB");
    }
}

#[test]
fn noise_is_as_loud_at_every_rate() {
    let controls = noise_bands(|j| if j <= 36 { 0.5 } else { 0.0 });
    for rate in [22_050, 32_000, 44_100, 47_999, 48_000, 96_000, 192_000] {
        let sound = render_steady(&controls, rate, 4.0, 3);
        let level_db = 10.0 * (density(&sound, 500.0, 8_000.0, rate) / (0.25 * 2.0 / 3.0 / 32_000.0)).log10();
        assert!(level_db.abs() < 0.2, "{rate} Hz: {level_db} dB");
        if rate > 32_000 {
            let above_db = 10.0 * (density(&sound, 17_000.0, 0.5 * f64::from(rate), rate) / (0.25 / 48_000.0)).log10();
            assert!(above_db < -60.0, "{rate} Hz: {above_db} dB above the model's bandwidth");
        }
    }
}

#[test]
fn filtered_noise_equals_the_definition_while_its_filter_moves() {
    let mut frames = lively_frames(70);
    frames.iter_mut().for_each(|frame| frame.amplitude = 0.0);
    for rate in [22_050, 32_000, 44_100, 48_000, 96_000] {
        let mut voice = VoiceSynth::new(&violin_spec(), rate);
        voice.reset(5);
        let sound = render_frames(&mut voice, &frames, rate, PartGains::default());
        let want = filtered_noise_in_f64(&white_noise(5, sound.len()), &frames, rate);
        // The reference's white noise went through a voice too, which leaves rounding of its own.
        let error = error_db(&sound, &want);
        assert!(error < -100.0, "{rate} Hz: {error} dB");
    }
}

#[test]
fn a_gain_of_one_half_halves_the_noise() {
    let controls = noise_bands(|_| 0.25);
    let render = |noise| {
        let mut voice = VoiceSynth::new(&violin_spec(), 48_000);
        voice.reset(2);
        render_frames(&mut voice, &vec![controls.clone(); 50], 48_000, PartGains { harmonic: 1.0, noise })
    };
    assert!((rms(&render(0.5)) / rms(&render(1.0)) - 0.5).abs() < 1e-5);
    assert_eq!(rms(&render(0.0)), 0.0);
}

#[test]
fn noise_rings_out_for_the_tail_and_is_then_exactly_silent() {
    for rate in [8_000, 44_100, 48_000, 192_000] {
        let mut voice = VoiceSynth::new(&violin_spec(), rate);
        let (loud, silent) = (noise_bands(|_| 1.0), noise_bands(|_| 0.0));
        let len = rate as usize / 250;
        let mut sound = vec![0.0; len];
        voice.jump_to(&loud);
        for controls in [&loud, &loud, &silent] {
            voice.begin_segment(controls, len, PartGains::default());
            voice.render(&mut sound);
            assert!(rms(&sound) > 0.05);
        }
        let mut tail = vec![1.0; voice.tail_samples() + 500];
        voice.begin_segment(&silent, tail.len(), PartGains::default());
        voice.render(&mut tail);
        assert!(rms(&tail[..len / 4]) > 0.01);
        assert!(tail[voice.tail_samples()..].iter().all(|&x| x == 0.0));
    }
}
