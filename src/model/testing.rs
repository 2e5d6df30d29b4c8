//! Models without training, for tests and benches: random weights in valid files.

use super::cnn::CnnWeights;
use super::gru::GruWeights;
use super::{
    ANALYSIS_VERSION, Architecture, Density, FORMAT_VERSION, LOUDNESS_DEFINITION, Metadata, Performance, Range,
    RoomResponse, TrainingData,
};

/// The usual dilations of a convolutional decoder.
pub const DILATIONS: [usize; 6] = [1, 3, 9, 1, 3, 9];

/// Metadata that fits `weights`, at 32 kHz, under the given id (`<instrument>/<variant>`).
#[must_use]
pub fn metadata_for(weights: &GruWeights, id: &str) -> Metadata {
    let architecture = Architecture::Gru { hidden: weights.hidden(), mlp_layers: 3 };
    Metadata {
        n_harmonics: weights.n_harmonics(),
        n_noise_bands: weights.n_noise_bands(),
        parameters: weights.parameters(),
        precision: weights.precision().into(),
        ..metadata(architecture, 250, id)
    }
}

/// The same for a convolutional decoder.
#[must_use]
pub fn cnn_metadata_for(weights: &CnnWeights, id: &str) -> Metadata {
    let (channels, dilations) = (weights.channels(), weights.dilations().to_vec());
    Metadata {
        n_harmonics: weights.n_harmonics(),
        n_noise_bands: weights.n_noise_bands(),
        parameters: weights.parameters(),
        precision: weights.precision().into(),
        ..metadata(Architecture::Cnn { channels, kernel: 3, dilations }, 50, id)
    }
}

fn metadata(architecture: Architecture, frame_rate_hz: u32, id: &str) -> Metadata {
    let (instrument, variant) = id.split_once('/').unwrap_or((id, "test"));
    Metadata {
        format_version: FORMAT_VERSION,
        analysis_version: ANALYSIS_VERSION,
        id: format!("{instrument}/{variant}"),
        instrument: instrument.into(),
        variant: variant.into(),
        architecture,
        sample_rate_hz: 32_000,
        bandwidth_hz: 15_500.0,
        frame_rate_hz,
        n_harmonics: 1,
        n_noise_bands: 2,
        noise_fir_ms: 4.0,
        loudness: LOUDNESS_DEFINITION.into(),
        range: Range { f0_hz: [190.0, 2_600.0], loudness_db: [-60.0, -6.0] },
        density: Density {
            midi_min: 24.0,
            midi_step: 1.0,
            loudness_min_db: -80.0,
            loudness_step_db: 2.0,
            counts: (0..84).map(|row| vec![if (31..76).contains(&row) { 100 } else { 0 }; 42]).collect(),
        },
        performance: Performance { f0_jitter_cents: 3.0, loudness_jitter_db: 0.5, onset_ms: 40.0, release_ms: 80.0 },
        room: Some(format!("{instrument}/room")),
        parameters: 0,
        precision: "f32".into(),
        data: vec![TrainingData {
            name: "none: random weights".into(),
            author: "nobody".into(),
            licence: "CC0-1.0".into(),
            private: false,
        }],
        licence: "CC0-1.0".into(),
        scores: None,
    }
}

/// The bytes of a model file with random f16 weights, 80 harmonics and 65 noise bands.
#[must_use]
pub fn random_model(id: &str, hidden: usize, seed: u64) -> Vec<u8> {
    let weights = GruWeights::random(seed, hidden, 80, 65).to_f16();
    weights.to_bytes(&metadata_for(&weights, id))
}

/// The bytes of a convolutional model of 60 harmonics and 65 noise bands with random weights, f16 or int8.
#[must_use]
pub fn random_cnn(id: &str, channels: usize, int8: bool, seed: u64) -> Vec<u8> {
    let weights = CnnWeights::random(seed, channels, &DILATIONS, 60, 65);
    let weights = if int8 { weights.to_int8() } else { weights.to_f16() };
    weights.to_bytes(&cnn_metadata_for(&weights, id))
}

/// A room with a decaying response of `len` samples at 32 kHz, 0 at first.
#[must_use]
pub fn decaying_room(id: &str, len: usize) -> RoomResponse {
    let impulse_response = (0..len)
        .map(|n| {
            let sign = if (n * n) % 7 < 3 { 0.05 } else { -0.05 };
            if n == 0 { 0.0 } else { sign * (-6.9 * n as f32 / len as f32).exp() }
        })
        .collect();
    RoomResponse {
        id: id.into(),
        sample_rate_hz: 32_000,
        source: "none: made by a formula".into(),
        licence: "CC0-1.0".into(),
        impulse_response,
    }
}
