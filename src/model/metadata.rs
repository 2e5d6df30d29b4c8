//! What a model file says about itself: the `retort` JSON of its header, each field checked by name.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{DecoderSpec, ModelError};

/// The newest layout of model and room files that this build reads.
pub const FORMAT_VERSION: u64 = 1;
/// The definition of pitch and loudness that models must have been trained with.
pub const ANALYSIS_VERSION: u64 = 1;
/// The only definition of loudness so far.
pub const LOUDNESS_DEFINITION: &str = "a-weighted-power";

/// The metadata of a model. Fields that this build does not know are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Layout of the file.
    pub format_version: u64,
    /// Definition of pitch and loudness.
    pub analysis_version: u64,
    /// `<instrument>/<variant>`, such as `violin/full`.
    pub id: String,
    /// The part of the id before the slash.
    pub instrument: String,
    /// The part of the id after the slash.
    pub variant: String,
    /// Kind and sizes of the decoder.
    pub architecture: Architecture,
    /// Rate of the audio that the model was trained on.
    pub sample_rate_hz: u32,
    /// Highest frequency that the model learned; below half the rate.
    pub bandwidth_hz: f32,
    /// Steps of the network per second: 250 for a GRU, 50 for a CNN.
    pub frame_rate_hz: u32,
    /// Number of harmonics.
    pub n_harmonics: usize,
    /// Number of noise bands.
    pub n_noise_bands: usize,
    /// Length of the noise filter.
    pub noise_fir_ms: f32,
    /// How loudness is defined; always [`LOUDNESS_DEFINITION`].
    pub loudness: String,
    /// Where the training data lies in pitch and loudness.
    pub range: Range,
    /// How densely.
    pub density: Density,
    /// How the instrument is played, for frames made from notes.
    pub performance: Performance,
    /// Id of the room, `<instrument>/room`, if the instrument has one.
    pub room: Option<String>,
    /// Number of decoder parameters.
    pub parameters: u64,
    /// Number format of the matrices: `f16`, `bf16`, `f32`, or `int8`, where narrow ones, the input's and the heads' stay f16.
    pub precision: String,
    /// Recordings that it was trained on.
    pub data: Vec<TrainingData>,
    /// Licence of the weights.
    pub licence: String,
    /// Held-out scores, if it was scored.
    pub scores: Option<Scores>,
}

/// Kind and sizes of a decoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Architecture {
    /// The HpN GRU decoder.
    Gru {
        /// Width of all layers.
        hidden: usize,
        /// Layers of each perceptron; always 3.
        mlp_layers: usize,
    },
    /// The causal convolutional decoder.
    Cnn {
        /// Width of all layers.
        channels: usize,
        /// Taps of each convolution; always 3.
        kernel: usize,
        /// Steps between the taps, one for each residual layer.
        dilations: Vec<usize>,
    },
}

/// Steps per second of the convolutional decoder.
pub(super) const CNN_RATE_HZ: u32 = 50;

impl Architecture {
    /// Each size within what a decoder of this kind can have, so that no file asks for absurd memory.
    fn check(&self) -> Result<(), ModelError> {
        match self {
            Self::Gru { hidden, mlp_layers } => {
                within("architecture.hidden", *hidden, 1, 4096)?;
                within("architecture.mlp_layers", *mlp_layers, 3, 3)
            }
            Self::Cnn { channels, kernel, dilations } => {
                within("architecture.channels", *channels, 1, 1024)?;
                within("architecture.kernel", *kernel, 3, 3)?;
                within("the number of architecture.dilations", dilations.len(), 1, 16)?;
                dilations.iter().try_for_each(|dilation| within("architecture.dilations", *dilation, 1, 64))
            }
        }
    }

    /// Steps per second of a decoder of this kind.
    fn frame_rate_hz(&self) -> u32 {
        match self {
            Self::Gru { .. } => crate::frame::FRAME_RATE_HZ,
            Self::Cnn { .. } => CNN_RATE_HZ,
        }
    }
}

/// Least and greatest values in the training data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// In Hz.
    pub f0_hz: [f32; 2],
    /// In dB.
    pub loudness_db: [f32; 2],
}

/// A histogram of the training frames over pitch and loudness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// MIDI note of the first row.
    pub midi_min: f32,
    /// MIDI notes from row to row.
    pub midi_step: f32,
    /// Loudness of the first column in dB.
    pub loudness_min_db: f32,
    /// dB from column to column.
    pub loudness_step_db: f32,
    /// Frames in each cell, rows of equal length.
    pub counts: Vec<Vec<u32>>,
}

/// How the recorded players play.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Standard deviation of the pitch from frame to frame within a note.
    pub f0_jitter_cents: f32,
    /// The same of the loudness.
    pub loudness_jitter_db: f32,
    /// Median time from the beginning of a note to its level.
    pub onset_ms: f32,
    /// Median time of the fall after a note.
    pub release_ms: f32,
}

/// One recording, for attribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingData {
    /// Title or file.
    pub name: String,
    /// Who made it.
    pub author: String,
    /// Under which licence.
    pub licence: String,
    /// Whether it may not be passed on.
    pub private: bool,
}

/// Scores on held-out recordings. Beyond 1000 (of a loss or in dB), or 12,000 cents, they are no scores, and the file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Multi-scale spectral loss at 16 kHz.
    pub multi_scale_loss: f32,
    /// Median absolute pitch error.
    pub f0_cents: f32,
    /// Mean absolute loudness error.
    pub loudness_error_db: f32,
    /// Mean signed loudness error.
    pub loudness_bias_db: f32,
    /// How far the loss lies on the way from a crude resynthesis of the held-out recordings (linear prediction, 0) to
    /// controls that were fitted to them through the same synthesiser (1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_closed: Option<f32>,
    /// Mean distance of the log mel spectra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_mel_db: Option<f32>,
}

impl Metadata {
    /// Reads and checks the `retort` JSON.
    ///
    /// # Errors
    /// [`ModelError::NewerFormat`], [`ModelError::OtherAnalysis`], [`ModelError::MissingField`] or [`ModelError::Field`].
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| ModelError::field("retort", format!("not readable ({error})"), "a JSON object"))?;
        // Versions come first: other fields may mean something else in a file from the future.
        let format_version = check_format_version(&fields)?;
        let analysis_version = take(&fields, "analysis_version")?;
        if analysis_version != ANALYSIS_VERSION {
            return Err(ModelError::OtherAnalysis { found: analysis_version, supported: ANALYSIS_VERSION });
        }
        let metadata = Self {
            format_version,
            analysis_version,
            id: take(&fields, "id")?,
            instrument: take(&fields, "instrument")?,
            variant: take(&fields, "variant")?,
            architecture: take(&fields, "architecture")?,
            sample_rate_hz: take(&fields, "sample_rate_hz")?,
            bandwidth_hz: take(&fields, "bandwidth_hz")?,
            frame_rate_hz: take(&fields, "frame_rate_hz")?,
            n_harmonics: take(&fields, "n_harmonics")?,
            n_noise_bands: take(&fields, "n_noise_bands")?,
            noise_fir_ms: take(&fields, "noise_fir_ms")?,
            loudness: take(&fields, "loudness")?,
            range: take(&fields, "range")?,
            density: take(&fields, "density")?,
            performance: take(&fields, "performance")?,
            room: take_optional(&fields, "room")?,
            parameters: take(&fields, "parameters")?,
            precision: take(&fields, "precision")?,
            data: take(&fields, "data")?,
            licence: take(&fields, "licence")?,
            scores: take_optional(&fields, "scores")?,
        };
        metadata.check()?;
        Ok(metadata)
    }

    /// The `retort` JSON, as [`Metadata::from_json`] reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain fields with string keys always have a JSON form")
    }

    /// What engine and synthesiser need to know.
    #[must_use]
    pub fn spec(&self) -> DecoderSpec {
        DecoderSpec {
            n_harmonics: self.n_harmonics,
            n_noise_bands: self.n_noise_bands,
            frame_rate_hz: self.frame_rate_hz,
            sample_rate_hz: self.sample_rate_hz,
            bandwidth_hz: self.bandwidth_hz,
            noise_fir_ms: self.noise_fir_ms,
        }
    }

    fn check(&self) -> Result<(), ModelError> {
        for (field, part) in [("instrument", &self.instrument), ("variant", &self.variant)] {
            check_name(field, part)?;
        }
        if self.id != format!("{}/{}", self.instrument, self.variant) {
            let expected = format!("\"{}/{}\"", self.instrument, self.variant);
            return Err(ModelError::field("id", format!("{:?}", self.id), expected));
        }
        self.architecture.check()?;
        within("sample_rate_hz", self.sample_rate_hz, 8_000, 384_000)?;
        within("bandwidth_hz", self.bandwidth_hz, 100.0, self.sample_rate_hz as f32 / 2.0 - 1.0)?;
        let rate_hz = self.architecture.frame_rate_hz();
        within("frame_rate_hz", self.frame_rate_hz, rate_hz, rate_hz)?;
        within("n_harmonics", self.n_harmonics, 1, 512)?;
        within("n_noise_bands", self.n_noise_bands, 2, 1025)?;
        within("noise_fir_ms", self.noise_fir_ms, 0.1, 100.0)?;
        if self.loudness != LOUDNESS_DEFINITION {
            let expected = format!("\"{LOUDNESS_DEFINITION}\"");
            return Err(ModelError::field("loudness", format!("{:?}", self.loudness), expected));
        }
        ordered("range.f0_hz", self.range.f0_hz, 1.0, 100_000.0)?;
        ordered("range.loudness_db", self.range.loudness_db, -200.0, 100.0)?;
        self.density.check()?;
        for (field, value) in [
            ("performance.f0_jitter_cents", self.performance.f0_jitter_cents),
            ("performance.loudness_jitter_db", self.performance.loudness_jitter_db),
            ("performance.onset_ms", self.performance.onset_ms),
            ("performance.release_ms", self.performance.release_ms),
        ] {
            within(field, value, 0.0, 100_000.0)?;
        }
        self.scores.iter().try_for_each(Scores::check)?;
        if let Some(room) = &self.room {
            let (instrument, name) = room.split_once('/').unwrap_or((room, ""));
            check_name("room", instrument)?;
            check_name("room", name)?;
        }
        if !matches!(self.precision.as_str(), "f16" | "bf16" | "f32" | "int8") {
            return Err(ModelError::field(
                "precision",
                format!("{:?}", self.precision),
                "\"f16\", \"bf16\", \"f32\" or \"int8\"",
            ));
        }
        Ok(())
    }
}

impl Scores {
    fn check(&self) -> Result<(), ModelError> {
        within("scores.multi_scale_loss", self.multi_scale_loss, 0.0, 1_000.0)?;
        within("scores.f0_cents", self.f0_cents, 0.0, 12_000.0)?;
        within("scores.loudness_error_db", self.loudness_error_db, 0.0, 1_000.0)?;
        within("scores.loudness_bias_db", self.loudness_bias_db, -1_000.0, 1_000.0)?;
        within("scores.gap_closed", self.gap_closed.unwrap_or_default(), -1_000.0, 1_000.0)?;
        within("scores.log_mel_db", self.log_mel_db.unwrap_or_default(), 0.0, 1_000.0)
    }
}

impl Density {
    fn check(&self) -> Result<(), ModelError> {
        within("density.midi_min", self.midi_min, -20.0, 140.0)?;
        within("density.midi_step", self.midi_step, 0.01, 128.0)?;
        within("density.loudness_min_db", self.loudness_min_db, -200.0, 100.0)?;
        within("density.loudness_step_db", self.loudness_step_db, 0.01, 200.0)?;
        within("the number of rows of density.counts", self.counts.len(), 0, 4096)?;
        let columns = self.counts.first().map_or(0, Vec::len);
        within("the number of columns of density.counts", columns, 0, 4096)?;
        match self.counts.iter().find(|row| row.len() != columns) {
            Some(row) => Err(ModelError::field(
                "density.counts",
                format!("a table with rows of {columns} and {} values", row.len()),
                "rows of equal length",
            )),
            None => Ok(()),
        }
    }
}

/// The `format_version` of a model or room, if it is one that this build reads.
pub(super) fn check_format_version(fields: &Map<String, Value>) -> Result<u64, ModelError> {
    let found = take(fields, "format_version")?;
    within("format_version", found, 1, u64::MAX)?;
    if found > FORMAT_VERSION {
        return Err(ModelError::NewerFormat { found, supported: FORMAT_VERSION });
    }
    Ok(found)
}

/// A field that must be there.
pub(super) fn take<T: DeserializeOwned>(fields: &Map<String, Value>, field: &str) -> Result<T, ModelError> {
    let value = fields.get(field).ok_or_else(|| ModelError::MissingField { field: field.into() })?;
    T::deserialize(value).map_err(|error| ModelError::field(field, "of the wrong kind", error.to_string()))
}

/// A field that may be missing or null.
fn take_optional<T: DeserializeOwned>(fields: &Map<String, Value>, field: &str) -> Result<Option<T>, ModelError> {
    if fields.contains_key(field) { take(fields, field) } else { Ok(None) }
}

/// NaN and infinity are never within.
pub(super) fn within<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    least: T,
    greatest: T,
) -> Result<(), ModelError> {
    if value >= least && value <= greatest {
        Ok(())
    } else {
        let expected = if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
        Err(ModelError::field(field, value, expected))
    }
}

fn ordered(field: &str, [low, high]: [f32; 2], least: f32, greatest: f32) -> Result<(), ModelError> {
    within(field, low, least, greatest)?;
    within(field, high, low, greatest)
}

/// Instruments and variants become parts of file names.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ModelError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        Ok(())
    } else {
        Err(ModelError::field(field, format!("{name:?}"), "1 to 64 small letters, digits, hyphens or underscores"))
    }
}
