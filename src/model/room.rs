//! The room of an instrument: what its recordings' room adds to the direct sound.

use serde_json::{Map, Value};

use super::ModelError;
use super::file::{self, Tensors, Values};
use super::metadata::{FORMAT_VERSION, check_format_version, take, within};

/// Longest response, in seconds.
const LONGEST_S: usize = 10;

/// A learned impulse response without its direct tap, shared by the variants of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomResponse {
    /// `<instrument>/room`.
    pub id: String,
    /// Rate of `impulse_response`, the model's own.
    pub sample_rate_hz: u32,
    /// Which recordings' room it is.
    pub source: String,
    /// Licence of the response.
    pub licence: String,
    /// The response; the first value is 0, since the direct sound goes round the room.
    pub impulse_response: Vec<f32>,
}

impl RoomResponse {
    /// Reads a whole room file. Allocates; not for the audio thread.
    ///
    /// # Errors
    /// [`ModelError`], which names the field or tensor.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let text = file::metadata_text(bytes, "retort-room")?;
        let fields: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| ModelError::field("retort-room", format!("not readable ({error})"), "a JSON object"))?;
        check_format_version(&fields)?;
        let sample_rate_hz: u32 = take(&fields, "sample_rate_hz")?;
        within("sample_rate_hz", sample_rate_hz, 8_000, 384_000)?;

        let tensors = Tensors::parse(bytes)?;
        if let Some(name) = tensors.names().into_iter().find(|name| *name != TENSOR) {
            return Err(ModelError::UnknownTensor { tensor: name.into() });
        }
        let shape = tensors.shape(TENSOR)?;
        let longest = LONGEST_S * sample_rate_hz as usize;
        let [len] = shape[..] else {
            return Err(ModelError::Shape { tensor: TENSOR.into(), found: shape, expected: vec![longest] });
        };
        within("the length of impulse_response", len, 1, longest)?;
        let impulse_response = tensors.values(TENSOR, &[len])?.to_f32();
        if impulse_response[0] != 0.0 {
            return Err(ModelError::DirectTap { found: impulse_response[0] });
        }
        Ok(Self {
            id: take(&fields, "id")?,
            sample_rate_hz,
            source: take(&fields, "source")?,
            licence: take(&fields, "licence")?,
            impulse_response,
        })
    }

    /// Writes the file that [`RoomResponse::from_bytes`] reads, with f32 values.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = serde_json::json!({
            "format_version": FORMAT_VERSION, "id": self.id, "sample_rate_hz": self.sample_rate_hz,
            "source": self.source, "licence": self.licence, "data": [],
        });
        let values = Values::F32(self.impulse_response.clone());
        file::write(&[(TENSOR.into(), vec![self.impulse_response.len()], values)], "retort-room", &text.to_string())
    }
}

const TENSOR: &str = "impulse_response";
