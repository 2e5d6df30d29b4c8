//! From loaded models to an instrument that sounds.

use std::sync::Arc;

use super::LoadedModel;
use super::tunings::SavedTuning;
use crate::engine::{
    BlendError, BlendParts, Instrument, InstrumentParts, SLOTS, Tuning, TuningError, can_blend, profile,
};

/// What is chosen besides the model itself.
#[derive(Clone, Copy, Default)]
pub struct Choice<'a> {
    /// A second model to mix in.
    pub blend: Option<&'a LoadedModel>,
    /// `None` is twelve equal steps.
    pub tuning: Option<&'a SavedTuning>,
}

/// Why a choice cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlayableError {
    #[error(transparent)]
    Blend(#[from] BlendError),
    #[error("its tuning is broken: {0}")]
    Tuning(#[from] TuningError),
}

impl LoadedModel {
    /// The instrument for a sample rate in Hz, with all voices. Allocates and takes milliseconds.
    ///
    /// # Errors
    /// The two models cannot be mixed, or the tuning is none.
    pub fn instrument(&self, choice: Choice<'_>, sample_rate_hz: u32) -> Result<Instrument, PlayableError> {
        if let Some(second) = choice.blend {
            can_blend(&self.model.decoder.spec(), &second.model.decoder.spec())?;
        }
        let tuning = choice.tuning.map_or_else(|| Ok(Tuning::default()), SavedTuning::tuning)?;
        Ok(Instrument::build(&InstrumentParts {
            decoder: Arc::clone(&self.model.decoder),
            room: self.room.as_deref(),
            profile: profile(&self.model.metadata),
            sample_rate_hz,
            blend: choice
                .blend
                .map(|second| BlendParts { decoder: Arc::clone(&second.model.decoder), room: second.room.as_deref() }),
            tuning: Some(tuning),
            voices: SLOTS,
        }))
    }
}
