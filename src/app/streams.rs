//! Opens the audio devices and keeps them running: the microphone feeds a queue, the output plays the [`Renderer`].

use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender, sync_channel},
};

use cpal::{
    BufferSize, Device, DeviceId, ErrorKind, FromSample, Host, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::{
    AppError,
    bridge::Bridge,
    config::DeviceChoice,
    device_format::{Buffers, best_format},
    events::TimedEvent,
    renderer::{Listener, Queues, Renderer, Shared},
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
    /// Recordings and previews for the audio thread.
    pub listeners: Producer<Listener>,
    /// Those that are done.
    pub done: Consumer<Listener>,
    pub meters: Arc<Meters>,
    /// Why a running stream broke.
    pub failures: Receiver<AppError>,
    /// Why there is no microphone though the source is audio.
    pub input_problem: Option<AppError>,
    /// Whether the output that was chosen is not there, and the system's takes its place.
    pub output_is_missing: bool,
    /// The same of the input.
    pub input_is_missing: bool,
}

impl Streams {
    /// Opens the devices of `choice`, or the system's in place of what is not there. Gives the entrance for events too.
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
        match Self::open_sized(choice, source, lowest_pitch, shared) {
            Err(AppError::NoOutput) if choice.output.is_some() => {
                let system = DeviceChoice { output: None, ..choice.clone() };
                let (streams, events) = Self::open_sized(&system, source, lowest_pitch, shared)?;
                Ok((Self { output_is_missing: true, ..streams }, events))
            }
            opened => opened,
        }
    }

    fn open_sized(
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
        let device = find(choice.output.as_deref(), HostTrait::default_output_device).ok_or(AppError::NoOutput)?;
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
        let (mut input, mut microphone, mut input_problem, mut input_is_missing) = (None, None, None, false);
        if source == Source::Audio {
            let open = |wanted| open_input(wanted, buffers, sample_rate_hz, shared, &failure_sender);
            let mut opened = open(choice.input.as_deref());
            if choice.input.is_some() && matches!(opened, Err(AppError::NoInput)) {
                input_is_missing = true;
                opened = open(None);
            }
            match opened {
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
        let (listeners_in, listeners) = RingBuffer::new(4);
        let (done, done_out) = RingBuffer::new(4);
        let queues = Queues { events, instruments, retired, listeners, done };
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
            listeners: listeners_in,
            done: done_out,
            meters,
            failures,
            input_problem,
            output_is_missing: false,
            input_is_missing,
        };
        Ok((streams, events_in))
    }
}

/// The device with the id `wanted`, or the default one; `None` if there is no such device now.
fn find(wanted: Option<&str>, default: impl FnOnce(&Host) -> Option<Device>) -> Option<Device> {
    let Some(wanted) = wanted else { return default(&cpal::default_host()) };
    let id: DeviceId = wanted.parse().ok()?;
    // An id names the sound system that the device belongs to.
    cpal::host_from_id(id.host()).ok()?.device_by_id(&id)
}

fn open_input(
    wanted: Option<&str>,
    buffers: Buffers,
    output_rate_hz: u32,
    shared: &Arc<Shared>,
    failures: &SyncSender<AppError>,
) -> Result<(Stream, Bridge), AppError> {
    let device = find(wanted, HostTrait::default_input_device).ok_or(AppError::NoInput)?;
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
