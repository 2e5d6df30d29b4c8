//! What the plain kernels make of a phrase, by its hash: faster must not mean different.
//!
//! Decoders of random weights and the harmonic bank, since nothing in them depends on the machine. Noise and room go through
//! FFTs, whose roundings differ between processors: those are held to their definitions in f64 (`tests/synth`).
//!
//! A hash that changes here is a change of every song that was ever made: only for a reason, and with a line in CHANGELOG.md.

use retort::model::cnn::{CnnDecoder, CnnWeights};
use retort::model::gru::{GruDecoder, GruWeights};
use retort::model::testing::{DILATIONS, cnn_metadata_for, metadata_for};
use retort::model::{Decoder, DecoderSpec};
use retort::simd::Simd;
use retort::synth::{PartGains, SynthSpec, SynthTables, VoiceSynth};
use retort::{Controls, Frame, FrameClock};

const RATE_HZ: u32 = 48_000;

/// Glides over three octaves, swells, a rest: numbers that are the same on every machine.
fn phrase() -> impl Iterator<Item = Frame> {
    (0..600u32).map(|k| {
        let wave = |period: u32| (k % period).abs_diff(period / 2) as f32 / (period / 2) as f32;
        Frame {
            f0_hz: 110.0 + 700.0 * wave(240) + 6.0 * wave(46),
            loudness_db: if k % 200 > 185 { -80.0 } else { -45.0 + 38.0 * wave(150) },
            voicing: 1.0,
        }
    })
}

/// FNV-1a (Fowler, Noll and Vo) of the bits.
fn hash(hash: u64, values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Hashes of all pre-activations and of the sound of the harmonics.
fn render(decoder: &dyn Decoder, simd: Simd) -> (u64, u64) {
    let spec = decoder.spec();
    let mut voice = VoiceSynth::with_tables(SynthTables::with_simd(&synth_spec(&spec), RATE_HZ, simd).into());
    let mut state = [decoder.new_state()];
    let mut controls = [Controls::silent(spec.n_harmonics, spec.n_noise_bands)];
    let clock = FrameClock::new(RATE_HZ, 250);
    let mut sound = [0.0; 192];
    let (mut network, mut heard) = (0xcbf2_9ce4_8422_2325, 0xcbf2_9ce4_8422_2325);
    for (k, frame) in (0..).zip(phrase()) {
        decoder.step(&mut state, &[frame], &mut controls);
        network = hash(network, state[0].preactivations());
        controls[0].noise.fill(0.0);
        voice.begin_segment(&controls[0], (clock.start(k + 1) - clock.start(k)) as usize, PartGains::default());
        voice.render(&mut sound);
        heard = hash(heard, &sound);
    }
    (network, heard)
}

fn synth_spec(spec: &DecoderSpec) -> SynthSpec {
    SynthSpec {
        sample_rate_hz: spec.sample_rate_hz,
        bandwidth_hz: spec.bandwidth_hz,
        n_harmonics: spec.n_harmonics,
        n_noise_bands: spec.n_noise_bands,
        noise_fir_ms: spec.noise_fir_ms,
    }
}

fn gru(weights: &GruWeights, simd: Simd) -> (u64, u64) {
    render(&GruDecoder::new(weights, metadata_for(weights, "violin/test").spec(), simd), simd)
}

fn cnn(weights: &CnnWeights, simd: Simd) -> (u64, u64) {
    render(&CnnDecoder::new(weights, cnn_metadata_for(weights, "violin/test").spec(), simd), simd)
}

#[test]
fn the_plain_kernels_play_what_they_always_played() {
    let reduced = GruWeights::random(1, 16, 80, 65).to_f16();
    let wide = GruWeights::random(2, 128, 80, 65).to_int8();
    let tiny = CnnWeights::random(3, 8, &DILATIONS, 60, 65);
    let found = [
        ("reduced, f16", gru(&reduced, Simd::Plain)),
        ("128 wide, int8", gru(&wide, Simd::Plain)),
        ("cnn-tiny, f16", cnn(&tiny.to_f16(), Simd::Plain)),
        ("cnn-tiny, int8", cnn(&tiny.to_int8(), Simd::Plain)),
    ];
    let kept = [
        ("reduced, f16", (0xde7d_909c_9175_390f, 0x8930_3117_047c_6ef3)),
        ("128 wide, int8", (0xa6a0_d7ef_be23_f74b, 0x4280_ee88_2a8d_1875)),
        ("cnn-tiny, f16", (0x7ad3_90ca_6304_ed6b, 0x502f_7c2e_3ddc_36bc)),
        ("cnn-tiny, int8", (0xf542_d85d_fea0_792d, 0xc537_f932_d522_baf8)),
    ];
    assert_eq!(found, kept, "{found:#x?}");
}

#[test]
fn what_8_bit_networks_think_is_the_same_on_every_instruction_set() {
    let wide = GruWeights::random(2, 128, 80, 65).to_int8();
    let tiny = CnnWeights::random(3, 8, &DILATIONS, 60, 65).to_int8();
    for simd in Simd::all() {
        assert_eq!(gru(&wide, simd).0, gru(&wide, Simd::Plain).0, "{}", simd.name());
        assert_eq!(cnn(&tiny, simd).0, cnn(&tiny, Simd::Plain).0, "{}", simd.name());
    }
}
