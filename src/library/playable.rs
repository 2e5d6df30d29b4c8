//! From loaded models to an instrument that sounds.

use std::sync::Arc;

use super::LoadedModel;
use crate::engine::{BlendError, BlendParts, Instrument, InstrumentParts, SLOTS, can_blend, profile};

impl LoadedModel {
    /// The instrument for a sample rate in Hz, with all voices; `blend` is a second model to mix in. Allocates and takes
    /// milliseconds.
    ///
    /// # Errors
    /// The two cannot be mixed.
    pub fn instrument(&self, blend: Option<&Self>, sample_rate_hz: u32) -> Result<Instrument, BlendError> {
        if let Some(second) = blend {
            can_blend(&self.model.decoder.spec(), &second.model.decoder.spec())?;
        }
        Ok(Instrument::build(&InstrumentParts {
            decoder: Arc::clone(&self.model.decoder),
            room: self.room.as_deref(),
            profile: profile(&self.model.metadata),
            sample_rate_hz,
            blend: blend
                .map(|second| BlendParts { decoder: Arc::clone(&second.model.decoder), room: second.room.as_deref() }),
            voices: SLOTS,
        }))
    }
}
