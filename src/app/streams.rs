//! Opens the audio devices and keeps them running: the microphone feeds a queue, the output plays the [`Renderer`].

use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender, sync_channel},
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, SupportedStreamConfigRange,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::{
    AppError,
    bridge::Bridge,
    config::DeviceChoice,
    events::TimedEvent,
    renderer::{Queues, Renderer, Shared},
};
use crate::analysis::LowestPitch;
use crate::engine::{Engine, EngineConfig, Instrument, Meters, Source};

/// The block that is asked for when the user has not chosen: 5 ms at 48 kHz.
const USUAL_BUFFER_FRAMES: u32 = 256;
/// Room for events: seconds of dense playing.
const MAX_EVENTS: usize = 4_096;

/// Running streams and the queues that lead to them. Dropping it stops them.
pub struct Streams {
    _output: Stream,
    _input: Option<Stream>,
    pub sample_rate_hz: u32,
    pub latency_samples: u32,
    /// Instruments for the audio thread.
    pub instruments: Producer<Box<Instrument>>,
    /// What the audio thread no longer needs.
    pub retired: Consumer<Box<Instrument>>,
    pub meters: Arc<Meters>,
    /// Why a running stream broke.
    pub failures: Receiver<AppError>,
    /// Why there is no microphone though the source is audio.
    pub input_problem: Option<AppError>,
}

impl Streams {
    /// Opens the devices of `choice`. Gives the entrance for events too.
    ///
    /// Without a usable input it plays all the same and says why in [`Streams::input_problem`].
    ///
    /// # Errors
    /// When there is no usable output.
    pub fn open(
        choice: &DeviceChoice,
        source: Source,
        lowest_pitch: LowestPitch,
        shared: &Arc<Shared>,
    ) -> Result<(Self, Producer<TimedEvent>), AppError> {
        let open = |buffers| Self::open_with(choice, buffers, source, lowest_pitch, shared);
        match open(Buffers::Sized(choice.buffer_frames.unwrap_or(USUAL_BUFFER_FRAMES))) {
            // Not every device takes the block that it is asked for.
            Err(AppError::Output(_)) => open(Buffers::AsTheDeviceLikes),
            opened => opened,
        }
    }

    fn open_with(
        choice: &DeviceChoice,
        buffers: Buffers,
        source: Source,
        lowest_pitch: LowestPitch,
        shared: &Arc<Shared>,
    ) -> Result<(Self, Producer<TimedEvent>), AppError> {
        let host = cpal::default_host();
        let device = find(choice.output.as_deref(), || host.default_output_device(), |id| host.device_by_id(id))
            .ok_or(AppError::NoOutput)?;
        let default = device.default_output_config().map_err(AppError::output)?;
        let ranges: Vec<_> = device.supported_output_configs().map_err(AppError::output)?.collect();
        let format = best_format(&ranges, default.sample_format(), choice.sample_rate_hz, default.sample_rate());
        let sample_rate_hz = format.rate_hz;
        let config = StreamConfig {
            channels: default.channels(),
            sample_rate: sample_rate_hz,
            buffer_size: buffers.size(default.buffer_size()),
        };

        let (failure_sender, failures) = sync_channel(8);
        let (mut input, mut microphone, mut input_problem) = (None, None, None);
        if source == Source::Audio {
            match open_input(&host, choice, buffers, sample_rate_hz, shared, &failure_sender) {
                Ok((stream, bridge)) => (input, microphone) = (Some(stream), Some(bridge)),
                Err(error) => input_problem = Some(error),
            }
        }

        let engine = Engine::new(EngineConfig { sample_rate_hz, source, lowest_pitch })
            .map_err(|error| AppError::Engine(error.to_string()))?;
        let latency_samples = engine.latency_samples();
        let meters = Arc::clone(engine.meters());
        let (events_in, events) = RingBuffer::new(MAX_EVENTS);
        let (instruments_in, instruments) = RingBuffer::new(4);
        let (retired, retired_out) = RingBuffer::new(8);
        let queues = Queues { events, instruments, retired };
        let renderer = Renderer::new(engine, sample_rate_hz, microphone, Arc::clone(shared), queues);
        let output = play(&device, config, format.sample_format, renderer, Arc::clone(shared), failure_sender)?;
        output.play().map_err(AppError::output)?;
        if let Some(input) = &input
            && let Err(error) = input.play()
        {
            input_problem = Some(AppError::input(error));
        }
        let streams = Self {
            _output: output,
            _input: input,
            sample_rate_hz,
            latency_samples,
            instruments: instruments_in,
            retired: retired_out,
            meters,
            failures,
            input_problem,
        };
        Ok((streams, events_in))
    }
}

/// How long a device's blocks are to be.
#[derive(Clone, Copy)]
enum Buffers {
    Sized(u32),
    AsTheDeviceLikes,
}

impl Buffers {
    fn size(self, supported: &SupportedBufferSize) -> BufferSize {
        match (self, supported) {
            (Self::AsTheDeviceLikes, _) => BufferSize::Default,
            (Self::Sized(frames), SupportedBufferSize::Range { min, max }) => {
                BufferSize::Fixed(frames.clamp(*min, (*max).max(*min)))
            }
            (Self::Sized(frames), SupportedBufferSize::Unknown) => BufferSize::Fixed(frames),
        }
    }
}

/// The device with the id `wanted`, or the default one.
fn find(
    wanted: Option<&str>,
    default: impl FnOnce() -> Option<Device>,
    by_id: impl FnOnce(&cpal::DeviceId) -> Option<Device>,
) -> Option<Device> {
    match wanted {
        Some(id) => by_id(&id.parse().ok()?),
        None => default(),
    }
}

/// A device's way of passing samples.
struct Format {
    sample_format: SampleFormat,
    rate_hz: u32,
}

/// The rate that is wanted if the device has it, else its default; floats if it has them.
fn best_format(
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

fn open_input(
    host: &cpal::Host,
    choice: &DeviceChoice,
    buffers: Buffers,
    output_rate_hz: u32,
    shared: &Arc<Shared>,
    failures: &SyncSender<AppError>,
) -> Result<(Stream, Bridge), AppError> {
    let device = find(choice.input.as_deref(), || host.default_input_device(), |id| host.device_by_id(id))
        .ok_or(AppError::NoInput)?;
    let default = device.default_input_config().map_err(AppError::input)?;
    let ranges: Vec<_> = device.supported_input_configs().map_err(AppError::input)?.collect();
    let format = best_format(&ranges, default.sample_format(), Some(output_rate_hz), default.sample_rate());
    let config = StreamConfig {
        channels: default.channels(),
        sample_rate: format.rate_hz,
        buffer_size: buffers.size(default.buffer_size()),
    };
    // A block of each device can be under way at a time. What a device likes is not known; few like more than 1,024.
    let block = match config.buffer_size {
        BufferSize::Fixed(frames) => frames,
        BufferSize::Default => 1_024,
    };
    let target = 2 * block as usize;
    let (samples, queue) = RingBuffer::new(Bridge::CAPACITY * target);
    let stream = record(&device, config, format.sample_format, samples, Arc::clone(shared), failures.clone())?;
    Ok((stream, Bridge::new(queue, format.rate_hz, output_rate_hz, target)))
}

/// Calls a generic function for the sample type that a device has.
macro_rules! for_format {
    ($format:expr, $function:ident($($argument:expr),*)) => {
        match $format {
            SampleFormat::F32 => $function::<f32>($($argument),*),
            SampleFormat::F64 => $function::<f64>($($argument),*),
            SampleFormat::I16 => $function::<i16>($($argument),*),
            SampleFormat::I24 => $function::<cpal::I24>($($argument),*),
            SampleFormat::I32 => $function::<i32>($($argument),*),
            SampleFormat::U8 => $function::<u8>($($argument),*),
            SampleFormat::U16 => $function::<u16>($($argument),*),
            other => Err(AppError::SampleFormat(other.to_string())),
        }
    };
}

fn play(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    renderer: Renderer,
    shared: Arc<Shared>,
    failures: SyncSender<AppError>,
) -> Result<Stream, AppError> {
    for_format!(format, play_as(device, config, renderer, shared, failures))
}

fn play_as<T: SizedSample + FromSample<f32>>(
    device: &Device,
    config: StreamConfig,
    mut renderer: Renderer,
    shared: Arc<Shared>,
    failures: SyncSender<AppError>,
) -> Result<Stream, AppError> {
    let channels = usize::from(config.channels);
    device
        .build_output_stream::<T, _, _>(
            config,
            move |out, _| renderer.render(out, channels, |x| T::from_sample(x.clamp(-1.0, 1.0))),
            move |error| report(error, &shared, &failures, AppError::output),
            None,
        )
        .map_err(AppError::output)
}

fn record(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    samples: Producer<f32>,
    shared: Arc<Shared>,
    failures: SyncSender<AppError>,
) -> Result<Stream, AppError> {
    for_format!(format, record_as(device, config, samples, shared, failures))
}

/// Channels are mixed to one: a microphone often sits on one channel of two, so they are added, not averaged.
fn record_as<T: SizedSample>(
    device: &Device,
    config: StreamConfig,
    mut samples: Producer<f32>,
    shared: Arc<Shared>,
    failures: SyncSender<AppError>,
) -> Result<Stream, AppError>
where
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels).max(1);
    device
        .build_input_stream::<T, _, _>(
            config,
            move |heard, _| {
                for frame in heard.chunks_exact(channels) {
                    let sum: f32 = frame.iter().map(|&x| f32::from_sample(x)).sum();
                    // A full queue means that the output stands still; what comes in is of no use then.
                    let _ = samples.push(if sum.is_finite() { sum } else { 0.0 });
                }
            },
            move |error| report(error, &shared, &failures, AppError::input),
            None,
        )
        .map_err(AppError::input)
}

fn report(
    error: cpal::Error,
    shared: &Shared,
    failures: &SyncSender<AppError>,
    kind: impl FnOnce(cpal::Error) -> AppError,
) {
    match error.kind() {
        ErrorKind::Xrun => shared.count_dropout(),
        // The stream goes on with normal priority or on another device.
        ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        _ => {
            let _ = failures.try_send(kind(error));
        }
    }
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
