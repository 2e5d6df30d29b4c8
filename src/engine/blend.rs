//! A second model beside an instrument's own: both decode the same frames, and their controls are mixed before anything sounds.
//!
//! One harmonic bank plays the mix, so that the two do not beat against each other: half way between two instruments is one
//! instrument, not a duet.

use std::sync::Arc;

use crate::frame::{Controls, Frame};
use crate::model::{Decoder, DecoderSpec, RoomResponse, State};
use crate::synth::Room;

/// What a second model is built from.
pub struct BlendParts<'a> {
    pub decoder: Arc<dyn Decoder>,
    /// `None` plays dry.
    pub room: Option<&'a RoomResponse>,
}

/// Why two models cannot be mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {0} differs from the first model's, so the two cannot be mixed")]
pub struct BlendError(&'static str);

/// Whether the controls of two models mean the same.
///
/// # Errors
/// Names what differs.
pub fn can_blend(first: &DecoderSpec, second: &DecoderSpec) -> Result<(), BlendError> {
    let same = [
        (first.sample_rate_hz == second.sample_rate_hz, "sample rate"),
        (first.n_noise_bands == second.n_noise_bands, "number of noise bands"),
        (first.noise_fir_ms == second.noise_fir_ms, "noise filter"),
        (first.bandwidth_hz == second.bandwidth_hz, "bandwidth"),
    ];
    same.iter().find(|(same, _)| !same).map_or(Ok(()), |(_, what)| Err(BlendError(what)))
}

/// The second model of an instrument: a row for each of the instrument's rows, and a room.
pub struct Second {
    decoder: Arc<dyn Decoder>,
    states: Vec<State>,
    controls: Vec<Controls>,
    rest: State,
    /// Whether the states have missed frames, because nothing of this model was wanted.
    stale: bool,
    room: Room,
    dry: Vec<f32>,
}

impl Second {
    /// Allocates. `chunk` is the most samples of a call of [`Second::add_room`].
    pub fn build(parts: &BlendParts<'_>, host_rate_hz: u32, rows: usize, chunk: usize) -> Self {
        let decoder = Arc::clone(&parts.decoder);
        let spec = decoder.spec();
        let silent = Controls::silent(spec.n_harmonics, spec.n_noise_bands);
        let rest = decoder.rested_state();
        Self {
            states: vec![rest.clone(); rows],
            controls: vec![silent; rows],
            rest,
            stale: false,
            room: room(parts.room, &spec, host_rate_hz),
            dry: vec![0.0; chunk],
            decoder,
        }
    }

    /// Samples that its room sounds on.
    pub fn tail_samples(&self) -> usize {
        self.room.tail_samples()
    }

    pub fn reset(&mut self) {
        self.states.iter_mut().for_each(|state| state.copy_from(&self.rest));
        self.stale = false;
        self.room.reset();
    }

    /// The instrument exchanges two of its rows.
    pub fn swap_rows(&mut self, a: usize, b: usize) {
        self.states.swap(a, b);
        self.controls.swap(a, b);
    }

    /// The voice in `row` has fallen silent.
    pub fn rest_row(&mut self, row: usize) {
        self.states[row].copy_from(&self.rest);
    }

    /// A sound begins in `row`.
    pub fn start_row_anew(&mut self, row: usize) {
        self.states[row].start_anew();
    }

    /// Decodes the frames of rows `first..first + frames.len()` and mixes each row's share of them into `mixed`, which holds
    /// the first model's `controls`.
    pub fn mix(
        &mut self,
        first: usize,
        frames: &[Frame],
        controls: &[Controls],
        shares: &[f32],
        mixed: &mut [Controls],
    ) {
        let rows = first..first + frames.len();
        if shares.iter().any(|share| *share > 0.0) {
            if self.stale {
                self.states.iter_mut().for_each(|state| state.copy_from(&self.rest));
                self.stale = false;
            }
            self.decoder.step(&mut self.states[rows.clone()], frames, &mut self.controls[rows.clone()]);
        } else if !frames.is_empty() {
            self.stale = true;
        }
        for (((own, other), share), mixed) in controls.iter().zip(&self.controls[rows]).zip(shares).zip(mixed) {
            mix_controls(own, other, *share, mixed);
        }
    }

    /// Adds this model's room, at `amount`, to `wet`, which already holds `dry` in the first model's room.
    pub fn add_room(&mut self, dry: &[f32], wet: &mut [f32], amount: f32) {
        let own = &mut self.dry[..dry.len()];
        own.copy_from_slice(dry);
        self.room.process(own, amount);
        for ((wet, own), dry) in wet.iter_mut().zip(own).zip(dry) {
            *wet += *own - dry;
        }
    }
}

/// Of every harmonic and band `1 - share` of the one and `share` of the other. `mixed` has room for the longer of the two.
fn mix_controls(own: &Controls, other: &Controls, share: f32, mixed: &mut Controls) {
    if share == 0.0 {
        mixed.copy_from_shorter(own);
        return;
    }
    let (own_share, other_share) = (1.0 - share, share);
    let (own_level, other_level) = (own_share * own.amplitude, other_share * other.amplitude);
    mixed.f0_hz = own.f0_hz;
    mixed.amplitude = own_level + other_level;
    let scale = if mixed.amplitude > 0.0 { 1.0 / mixed.amplitude } else { 0.0 };
    for (k, mixed) in mixed.harmonics.iter_mut().enumerate() {
        let part = |controls: &Controls, level: f32| controls.harmonics.get(k).map_or(0.0, |c| level * c);
        *mixed = (part(own, own_level) + part(other, other_level)) * scale;
    }
    for ((mixed, own), other) in mixed.noise.iter_mut().zip(&own.noise).zip(&other.noise) {
        *mixed = own_share * own + other_share * other;
    }
}

/// A room at the host's rate; dry without a response.
pub fn room(response: Option<&RoomResponse>, spec: &DecoderSpec, host_rate_hz: u32) -> Room {
    match response {
        Some(room) => Room::new(&room.impulse_response, room.sample_rate_hz, host_rate_hz),
        None => Room::new(&[], spec.sample_rate_hz, host_rate_hz),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: DecoderSpec = DecoderSpec {
        n_harmonics: 3,
        n_noise_bands: 2,
        frame_rate_hz: 250,
        sample_rate_hz: 32_000,
        bandwidth_hz: 15_500.0,
        noise_fir_ms: 4.0,
    };

    fn controls(amplitude: f32, harmonics: &[f32], noise: f32) -> Controls {
        Controls { f0_hz: 440.0, amplitude, harmonics: harmonics.to_vec(), noise: vec![noise; 2] }
    }

    #[test]
    fn half_way_every_partial_is_the_mean_of_both() {
        let own = controls(1.0, &[0.5, 0.5], 0.2);
        let other = controls(0.5, &[0.2, 0.2, 0.6], 0.4);
        let mut mixed = Controls::silent(3, 2);
        mix_controls(&own, &other, 0.5, &mut mixed);
        assert!((mixed.amplitude - 0.75).abs() < 1e-6);
        for (share, expected) in mixed.harmonics.iter().zip([0.3, 0.3, 0.15]) {
            assert!((mixed.amplitude * share - expected).abs() < 1e-6);
        }
        assert!((mixed.noise[1] - 0.3).abs() < 1e-6);
    }

    #[test]
    fn at_the_ends_there_is_one_of_the_two() {
        let own = controls(0.25, &[0.5, 0.5], 0.2);
        let other = controls(0.5, &[0.25, 0.25, 0.5], 0.4);
        let mut mixed = Controls::silent(3, 2);
        mix_controls(&own, &other, 0.0, &mut mixed);
        assert_eq!((mixed.amplitude, &mixed.harmonics[..]), (0.25, &[0.5, 0.5, 0.0][..]));
        mix_controls(&own, &other, 1.0, &mut mixed);
        assert_eq!(mixed, other);
        mix_controls(&controls(0.0, &[0.0; 3], 0.0), &controls(0.0, &[0.0; 3], 0.0), 0.5, &mut mixed);
        assert_eq!(mixed.harmonics, [0.0; 3], "silence stays silence");
    }

    #[test]
    fn models_of_other_rates_or_filters_are_refused_by_name() {
        assert_eq!(can_blend(&SPEC, &DecoderSpec { n_harmonics: 60, frame_rate_hz: 50, ..SPEC }), Ok(()));
        let error = can_blend(&SPEC, &DecoderSpec { n_noise_bands: 33, ..SPEC }).unwrap_err();
        assert!(error.to_string().contains("number of noise bands"));
    }
}
