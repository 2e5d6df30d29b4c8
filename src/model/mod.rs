//! Frames in, controls out: the model file, the decoders and their matrix kernels.
//!
//! A [`Model`] comes from the bytes of one file and holds its [`Metadata`] and a [`Decoder`]: weights that any number of
//! voices share. Each voice owns a [`State`]; [`Decoder::step`] takes one [`crate::Frame`] (Hz, dB) per voice to one
//! [`crate::Controls`] (linear amplitudes) per voice. The [`RoomResponse`] of an instrument is a file of its own. The engine
//! calls `step` on the audio thread; everything else here allocates and belongs elsewhere. Nothing here knows of audio.

pub mod cnn;
mod controls;
mod cost;
mod decoder;
mod error;
pub mod file;
pub mod gru;
pub mod kernels;
mod metadata;
mod ramp;
mod room;
pub mod testing;
mod weights;

use std::sync::Arc;

pub use controls::ControlScale;
pub use decoder::{Decoder, DecoderSpec, State};
pub use error::ModelError;
pub use metadata::{
    ANALYSIS_VERSION, Architecture, Density, FORMAT_VERSION, LOUDNESS_DEFINITION, Metadata, Performance, Range, Scores,
    TrainingData,
};
pub use room::RoomResponse;

use crate::simd::Simd;

/// One instrument in one size, ready to play.
#[derive(Clone)]
pub struct Model {
    /// What the file says about itself.
    pub metadata: Arc<Metadata>,
    /// The weights, shared by all voices.
    pub decoder: Arc<dyn Decoder>,
}

impl Model {
    /// Reads a whole model file with the best kernels of this machine. Allocates; not for the audio thread.
    ///
    /// # Errors
    /// Every field of the metadata and every tensor is checked; see [`ModelError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_bytes_with(bytes, Simd::detect())
    }

    /// As [`Model::from_bytes`] with the kernels of `simd` or, if this machine lacks it, of its best set.
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn from_bytes_with(bytes: &[u8], simd: Simd) -> Result<Self, ModelError> {
        let metadata = Self::read_metadata(bytes)?;
        let tensors = file::Tensors::parse(bytes)?;
        let decoder: Arc<dyn Decoder> = match &metadata.architecture {
            Architecture::Gru { hidden, .. } => {
                let weights = gru::GruWeights::from_file(&tensors, &metadata, *hidden)?;
                Arc::new(gru::GruDecoder::new(&weights, metadata.spec(), simd))
            }
            Architecture::Cnn { channels, dilations, .. } => {
                let weights = cnn::CnnWeights::from_file(&tensors, &metadata, *channels, dilations)?;
                Arc::new(cnn::CnnDecoder::new(&weights, metadata.spec(), simd))
            }
        };
        Ok(Self { metadata: Arc::new(metadata), decoder })
    }

    /// Reads only the header: `bytes` is the beginning of a model file, at least its first [`file::header_len`] bytes.
    ///
    /// # Errors
    /// [`ModelError`] for anything wrong with the header or a field of the metadata; the weights are not looked at.
    pub fn read_metadata(bytes: &[u8]) -> Result<Metadata, ModelError> {
        Metadata::from_json(&file::metadata_text(bytes, "retort")?)
    }
}
