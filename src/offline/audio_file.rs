//! Audio files in (WAV, FLAC, MP3, Ogg Vorbis, AIFF), mono samples out.
//!
//! Everything after this works on one channel: full scale is 1, at the file's own rate. What had to be done to get
//! there (mixing down, silencing samples that are no numbers) comes back as notes for the user.

use std::fs::File;
use std::panic;
use std::path::Path;

use symphonia::core::audio::{Channels, GenericAudioBufferRef, Position};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;

use super::OfflineError;

/// Sample rates that are read and written, in Hz.
pub const RATES_HZ: (u32, u32) = (8_000, 384_000);

/// A channel mix this much softer than its channels, in power, means that they cancel each other (20 dB).
const CANCELLATION: f64 = 0.01;

/// A recording as one channel.
#[derive(Clone, Debug)]
pub struct Recording {
    /// One sample per sample period, full scale 1, every one finite.
    pub samples: Vec<f32>,
    pub sample_rate_hz: u32,
    /// What the user should know about how the file was read, one sentence each.
    pub notes: Vec<String>,
}

/// Which channels make up the one that is returned.
#[derive(Clone, Copy)]
enum Mix {
    /// The mean of all channels but the low-frequency effects.
    Mean,
    Only(usize),
}

/// What decoding gives besides samples.
struct Decoded {
    samples: Vec<f32>,
    sample_rate_hz: u32,
    /// Sum of squares per channel.
    energies: Vec<f64>,
    low_frequency_channel: Option<usize>,
    n_not_numbers: u64,
    n_damaged_packets: u64,
    n_expected: Option<u64>,
}

/// Reads `path` whole and mixes it to one channel.
///
/// Channels are averaged, without the low-frequency channel of 5.1; where they cancel each other (one of them with its
/// polarity reversed), the loudest one is taken alone. Samples that are not numbers count as silence, damaged packets
/// become silence of their length.
///
/// # Errors
/// The file is missing, a folder, no audio, in an unknown codec, empty, or at a rate outside [`RATES_HZ`].
pub fn read(path: &Path) -> Result<Recording, OfflineError> {
    let mut decoded = decode(path, Mix::Mean)?;
    let n_channels = decoded.energies.len();
    let mut notes = Vec::new();

    if n_channels > 1 {
        let mixed: f64 = decoded.samples.iter().map(|&x| f64::from(x).powi(2)).sum();
        let (loudest, &most) = decoded
            .energies
            .iter()
            .enumerate()
            .filter(|&(channel, _)| Some(channel) != decoded.low_frequency_channel)
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap_or((0, &0.0));
        let n_mixed = (n_channels - usize::from(decoded.low_frequency_channel.is_some())).max(1) as f64;
        // The mean of n channels, one of which sounds, has 1 / n^2 of its power: that is no cancellation.
        if mixed < CANCELLATION * most / n_mixed.powi(2) {
            decoded = decode(path, Mix::Only(loudest))?;
            notes
                .push(format!("the {n_channels} channels cancel each other, so channel {} is used alone", loudest + 1));
        } else if decoded.low_frequency_channel.is_some() {
            notes.push(format!("{n_channels} channels mixed down to mono, without the low-frequency channel"));
        } else {
            notes.push(format!("{n_channels} channels mixed down to mono"));
        }
    }
    if decoded.n_not_numbers > 0 {
        notes.push(format!("{} samples are not numbers and count as silence", decoded.n_not_numbers));
    }
    if decoded.n_damaged_packets > 0 {
        notes.push(format!("{} damaged pieces of the file are replaced by silence", decoded.n_damaged_packets));
    }
    if let Some(expected) = decoded.n_expected.filter(|&n| n > decoded.samples.len() as u64) {
        let rate = f64::from(decoded.sample_rate_hz);
        notes.push(format!(
            "the file is cut short: {:.2} s of {:.2} s are there",
            decoded.samples.len() as f64 / rate,
            expected as f64 / rate
        ));
    }
    Ok(Recording { samples: decoded.samples, sample_rate_hz: decoded.sample_rate_hz, notes })
}

fn open(path: &Path) -> Result<Box<dyn FormatReader>, OfflineError> {
    let file = File::open(path).map_err(|source| OfflineError::reading(path, source))?;
    let metadata = file.metadata().map_err(|source| OfflineError::reading(path, source))?;
    if metadata.is_dir() {
        return Err(OfflineError::Directory(path.into()));
    }
    if metadata.is_file() && metadata.len() == 0 {
        return Err(OfflineError::NoSamples(path.into()));
    }
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    symphonia::default::get_probe().probe(&hint, stream, Default::default(), Default::default()).map_err(|error| {
        match error {
            Error::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
                OfflineError::Unreadable { path: path.into(), source }
            }
            _ => OfflineError::NotAudio(path.into()),
        }
    })
}

/// Decodes the file, whatever is in it. The decoders are good, but a damaged header can make one of them panic (an
/// overflow in a debug build, say), and a damaged file is no reason for a program to crash.
fn decode(path: &Path, mix: Mix) -> Result<Decoded, OfflineError> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let decoded = panic::catch_unwind(|| decode_or_panic(path, mix));
    panic::set_hook(hook);
    decoded.unwrap_or_else(|_| Err(OfflineError::Damaged(path.into())))
}

fn decode_or_panic(path: &Path, mix: Mix) -> Result<Decoded, OfflineError> {
    let mut reader = open(path)?;
    let not_audio = || OfflineError::NotAudio(path.into());
    let track = reader.default_track(TrackType::Audio).ok_or_else(not_audio)?;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(not_audio)?;
    let (track_id, n_expected, rate_hz) = (track.id, track.num_frames, parameters.sample_rate);
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| OfflineError::Codec(path.into()))?;

    let mut decoded = Decoded {
        samples: Vec::new(),
        sample_rate_hz: rate_hz.unwrap_or(0),
        energies: Vec::new(),
        low_frequency_channel: None,
        n_not_numbers: 0,
        n_damaged_packets: 0,
        n_expected,
    };
    let mut interleaved: Vec<f32> = Vec::new();
    // A file that ends in the middle ends here too; how much was there is compared with what was promised.
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(buffer) => {
                // Chained streams may change their format; what follows is another recording.
                if !decoded.accepts(&buffer) {
                    break;
                }
                buffer.copy_to_vec_interleaved(&mut interleaved);
                decoded.push(&interleaved, mix);
            }
            // Time goes on where a piece cannot be decoded. Before the first good one there is nothing to keep in time.
            Err(Error::DecodeError(_) | Error::IoError(_)) => {
                if !decoded.samples.is_empty() {
                    decoded.n_damaged_packets += 1;
                    // No codec packs more than this into a packet; a damaged length must not fill the memory.
                    let length = decoded.samples.len() + packet.dur.get().min(1 << 16) as usize;
                    decoded.samples.resize(length, 0.0);
                }
            }
            Err(_) => break,
        }
    }
    if decoded.samples.is_empty() {
        // Text that looks like a stream of packets ends up here too: nothing in it could be decoded.
        return Err(if decoded.energies.is_empty() && n_expected.unwrap_or(0) > 0 {
            not_audio()
        } else {
            OfflineError::NoSamples(path.into())
        });
    }
    if !(RATES_HZ.0..=RATES_HZ.1).contains(&decoded.sample_rate_hz) {
        return Err(OfflineError::Rate { path: path.into(), rate_hz: decoded.sample_rate_hz, range: RATES_HZ });
    }
    Ok(decoded)
}

impl Decoded {
    /// Whether a decoded buffer continues what came before; the first one decides the format.
    fn accepts(&mut self, buffer: &GenericAudioBufferRef<'_>) -> bool {
        let channels: &Channels = buffer.spec().channels();
        if self.energies.is_empty() {
            self.sample_rate_hz = buffer.spec().rate();
            self.energies = vec![0.0; channels.count()];
            if channels.count() > 2 {
                self.low_frequency_channel = channels.get_canonical_index_for_positioned_channel(Position::LFE1);
            }
        }
        !self.energies.is_empty()
            && self.energies.len() == channels.count()
            && self.sample_rate_hz == buffer.spec().rate()
    }

    fn push(&mut self, interleaved: &[f32], mix: Mix) {
        let n_channels = self.energies.len();
        let n_mixed = (n_channels - usize::from(self.low_frequency_channel.is_some())).max(1);
        for frame in interleaved.chunks_exact(n_channels) {
            let mut sum = 0.0;
            for (channel, &sample) in frame.iter().enumerate() {
                let sample = if sample.is_finite() {
                    sample
                } else {
                    self.n_not_numbers += 1;
                    0.0
                };
                self.energies[channel] += f64::from(sample).powi(2);
                sum += match mix {
                    Mix::Mean if Some(channel) == self.low_frequency_channel => 0.0,
                    Mix::Mean => sample / n_mixed as f32,
                    Mix::Only(only) => f32::from(channel == only) * sample,
                };
            }
            self.samples.push(sum);
        }
    }
}
