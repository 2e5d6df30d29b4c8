//! In which format a device is asked to pass samples: their type, rate and the length of its blocks.

use cpal::{BufferSize, SampleFormat, SupportedBufferSize, SupportedStreamConfigRange};

/// How long a device's blocks are to be.
#[derive(Clone, Copy)]
pub enum Buffers {
    Sized(u32),
    AsTheDeviceLikes,
}

impl Buffers {
    /// What to ask of a device that supports `supported`.
    pub fn size(self, supported: &SupportedBufferSize) -> BufferSize {
        match (self, supported) {
            (Self::AsTheDeviceLikes, _) => BufferSize::Default,
            (Self::Sized(frames), SupportedBufferSize::Range { min, max }) => {
                BufferSize::Fixed(frames.clamp(*min, (*max).max(*min)))
            }
            (Self::Sized(frames), SupportedBufferSize::Unknown) => BufferSize::Fixed(frames),
        }
    }
}

/// A device's way of passing samples.
pub struct Format {
    pub sample_format: SampleFormat,
    pub rate_hz: u32,
}

/// The rate that is wanted if the device has it, else its default; floats if it has them.
pub fn best_format(
    ranges: &[SupportedStreamConfigRange],
    default_format: SampleFormat,
    wanted_rate_hz: Option<u32>,
    default_rate_hz: u32,
) -> Format {
    let takes =
        |rate: u32| ranges.iter().any(|range| (range.min_sample_rate()..=range.max_sample_rate()).contains(&rate));
    let rate_hz = wanted_rate_hz.filter(|&rate| takes(rate)).unwrap_or(default_rate_hz);
    let has_floats = ranges.iter().any(|range| {
        range.sample_format() == SampleFormat::F32
            && (range.min_sample_rate()..=range.max_sample_rate()).contains(&rate_hz)
    });
    Format { sample_format: if has_floats { SampleFormat::F32 } else { default_format }, rate_hz }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(format: SampleFormat, low: u32, high: u32) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(2, low, high, SupportedBufferSize::Unknown, format)
    }

    #[test]
    fn a_rate_that_the_device_lacks_falls_back_to_its_own() {
        let ranges = [range(SampleFormat::I16, 44_100, 48_000), range(SampleFormat::F32, 48_000, 48_000)];
        let best = |wanted| {
            let format = best_format(&ranges, SampleFormat::I16, wanted, 48_000);
            (format.sample_format, format.rate_hz)
        };
        assert_eq!(best(None), (SampleFormat::F32, 48_000));
        assert_eq!(best(Some(44_100)), (SampleFormat::I16, 44_100));
        assert_eq!(best(Some(96_000)), (SampleFormat::F32, 48_000));
    }

    #[test]
    fn blocks_stay_within_what_the_device_takes() {
        let range = SupportedBufferSize::Range { min: 512, max: 2_048 };
        assert_eq!(Buffers::Sized(256).size(&range), BufferSize::Fixed(512));
        assert_eq!(Buffers::Sized(1_024).size(&range), BufferSize::Fixed(1_024));
        assert_eq!(Buffers::AsTheDeviceLikes.size(&range), BufferSize::Default);
    }
}
