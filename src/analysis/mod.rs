//! Audio in, [`crate::Frame`]s out: pitch, loudness and voicing, 250 times a second, causal and streaming.

/// The lowest pitch that the tracker looks for. It fixes the latency: hearing a low note takes longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LowestPitch {
    /// 40 Hz: bass, bassoon, piano.
    Hz40,
    /// 80 Hz: voice, guitar, cello above its lowest string.
    #[default]
    Hz80,
    /// 160 Hz: violin, flute, trumpet, soprano.
    Hz160,
}

impl LowestPitch {
    /// In Hz.
    #[must_use]
    pub fn hz(self) -> f32 {
        match self {
            Self::Hz40 => 40.0,
            Self::Hz80 => 80.0,
            Self::Hz160 => 160.0,
        }
    }
}
