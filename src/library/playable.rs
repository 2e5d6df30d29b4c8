//! From loaded models to an instrument that sounds.

use std::sync::Arc;

use super::tunings::SavedTuning;
use super::{Library, LibraryError, LoadedModel};
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

/// What a song or a panel asks for, by name.
#[derive(Clone, Copy)]
pub struct Sound<'a> {
    pub id: &'a str,
    /// The id of a second model to mix in.
    pub blend: Option<&'a str>,
    /// `None` is twelve equal steps.
    pub tuning: Option<&'a SavedTuning>,
}

/// An instrument, and what is wrong with its second model if that is not in it.
pub struct Built {
    pub instrument: Instrument,
    pub without_blend: Option<Unplayable>,
}

/// A model that does not play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplayable {
    pub id: String,
    /// The end of a sentence.
    pub reason: String,
    /// Whether there is no file of this name at all.
    pub is_missing: bool,
}

impl Library {
    /// The instrument of `sound` for a sample rate in Hz. Where the second model cannot be had, the first one plays alone.
    /// Reads files and takes milliseconds.
    ///
    /// # Errors
    /// The first model is missing or broken, or the tuning is none.
    pub fn build(&self, sound: Sound<'_>, sample_rate_hz: u32) -> Result<Built, Unplayable> {
        let Sound { id, blend, tuning } = sound;
        let failed = |id: &str, reason: String| Unplayable { id: id.to_owned(), reason, is_missing: false };
        let load = |id: &str| {
            self.load(id).map_err(|error| Unplayable {
                is_missing: matches!(error, LibraryError::Unknown { .. }),
                ..failed(id, error.to_string())
            })
        };
        let first = load(id)?;
        let with = |blend: Option<&LoadedModel>| {
            let made = first.instrument(Choice { blend, tuning }, sample_rate_hz);
            made.map_err(|error| error.to_string())
        };
        let mut without_blend = None;
        if let Some(second) = blend {
            let both = load(second).and_then(|loaded| with(Some(&loaded)).map_err(|reason| failed(second, reason)));
            match both {
                Ok(instrument) => return Ok(Built { instrument, without_blend }),
                Err(problem) => without_blend = Some(problem),
            }
        }
        let instrument = with(None).map_err(|reason| failed(id, reason))?;
        Ok(Built { instrument, without_blend })
    }
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
