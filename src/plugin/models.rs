//! The models on this machine: listing them for the panel and making them ready to sound. Reads files; never on the audio
//! thread.

use crate::engine::{Instrument, InstrumentParts, profile};
use crate::library;
use crate::panel::{ModelEntry, TrainedRange};

/// Voices of an instrument.
const VOICES: usize = 1;

/// The instrument of a model for a sample rate in Hz, or why there is none, as the end of a sentence.
pub fn build(id: &str, sample_rate_hz: u32) -> Result<Instrument, String> {
    let loaded = library::load(id).map_err(|error| error.to_string())?;
    Ok(Instrument::build(&InstrumentParts {
        decoder: loaded.model.decoder,
        room: loaded.room.as_deref(),
        profile: profile(&loaded.model.metadata),
        sample_rate_hz,
        voices: VOICES,
    }))
}

/// Every model that can be chosen, in the library's order. Reads the files' headers only.
pub fn list() -> Vec<ModelEntry> {
    library::list()
        .into_iter()
        .map(|model| ModelEntry {
            instrument: model.instrument.clone(),
            variant: model.variant.clone(),
            n_parameters: model.parameters,
            multi_scale_loss: model.scores.as_ref().map(|scores| scores.multi_scale_loss),
            cpu_share: None,
            range: Some(TrainedRange { f0_hz: model.range.f0_hz, loudness_db: model.range.loudness_db }),
            id: model.id,
        })
        .collect()
}
