//! A WAV file that grows: stereo, 32-bit float. Its header is brought up to date while it grows, so that a program that
//! is killed leaves a file that plays.

use std::io::{self, Seek, SeekFrom, Write};

const N_CHANNELS: u16 = 2;
const BYTES_PER_FRAME: u32 = 4 * N_CHANNELS as u32;
/// Chunks before the samples: `RIFF` 12, `fmt ` 8 + 18, `fact` 8 + 4, `data` 8.
const HEADER_BYTES: u32 = 58;
/// The format tag of floats.
const IEEE_FLOAT: u16 = 3;

/// The most frames that the 32-bit sizes in a header can tell: 4 GiB, over three hours at 48 kHz.
pub const MAX_FRAMES: u64 = ((u32::MAX - HEADER_BYTES) / BYTES_PER_FRAME) as u64;

/// The file, with as many frames as were really written.
pub struct WavFile<W> {
    out: W,
    sample_rate_hz: u32,
    n_frames: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> WavFile<W> {
    /// Begins an empty file in `out`.
    ///
    /// # Errors
    /// What `out` says.
    pub fn create(out: W, sample_rate_hz: u32) -> io::Result<Self> {
        let mut file = Self { out, sample_rate_hz, n_frames: 0, bytes: Vec::new() };
        file.out.write_all(&file.header())?;
        Ok(file)
    }

    /// Appends whole frames, left and right in turn.
    ///
    /// # Errors
    /// What `out` says; frames that still fitted count as written, and a longer file than [`MAX_FRAMES`].
    pub fn append(&mut self, interleaved: &[f32]) -> io::Result<()> {
        let room = (MAX_FRAMES - self.n_frames) as usize * usize::from(N_CHANNELS);
        let fits = &interleaved[..interleaved.len().min(room)];
        self.bytes.clear();
        self.bytes.extend(fits.iter().flat_map(|sample| sample.to_le_bytes()));
        let (mut done, mut written) = (0, Ok(()));
        while done < self.bytes.len() && written.is_ok() {
            match self.out.write(&self.bytes[done..]) {
                Ok(0) => written = Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => written = Err(error),
            }
        }
        self.n_frames += done as u64 / u64::from(BYTES_PER_FRAME);
        if written.is_ok() && fits.len() < interleaved.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        written
    }

    /// Makes the header tell of all frames that are written.
    ///
    /// # Errors
    /// What `out` says.
    pub fn update_header(&mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&self.header())?;
        let end = u64::from(HEADER_BYTES) + self.n_frames * u64::from(BYTES_PER_FRAME);
        self.out.seek(SeekFrom::Start(end)).map(drop)
    }

    pub fn n_frames(&self) -> u64 {
        self.n_frames
    }

    /// What it is written into.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    fn header(&self) -> Vec<u8> {
        // At most `MAX_FRAMES` are appended.
        let n_frames = self.n_frames as u32;
        let n_bytes = n_frames * BYTES_PER_FRAME;
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend(b"RIFF");
        header.extend((HEADER_BYTES - 8 + n_bytes).to_le_bytes());
        header.extend(b"WAVEfmt ");
        header.extend(18u32.to_le_bytes());
        header.extend(IEEE_FLOAT.to_le_bytes());
        header.extend(N_CHANNELS.to_le_bytes());
        header.extend(self.sample_rate_hz.to_le_bytes());
        header.extend((self.sample_rate_hz * BYTES_PER_FRAME).to_le_bytes());
        header.extend((BYTES_PER_FRAME as u16).to_le_bytes());
        header.extend(32u16.to_le_bytes());
        // No extension of the format.
        header.extend(0u16.to_le_bytes());
        header.extend(b"fact");
        header.extend(4u32.to_le_bytes());
        header.extend(n_frames.to_le_bytes());
        header.extend(b"data");
        header.extend(n_bytes.to_le_bytes());
        header
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(bytes: &[u8]) -> (hound::WavSpec, Vec<f32>) {
        let mut reader = hound::WavReader::new(bytes).expect("the header is right");
        let samples = reader.samples().collect::<Result<_, _>>().expect("all samples are there");
        (reader.spec(), samples)
    }

    #[test]
    fn what_is_appended_is_read_back_bit_by_bit() {
        let samples: Vec<f32> = (0..2_000).map(|n| (n as f32 * 0.37).sin() * 1.5e-3 * n as f32).collect();
        let mut file = WavFile::create(Cursor::new(Vec::new()), 44_100).expect("memory does not fail");
        samples.chunks(300).for_each(|block| file.append(block).expect("memory does not fail"));
        file.update_header().expect("memory does not fail");
        let (spec, heard) = read(file.get_ref().get_ref());
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 44_100, 32));
        assert_eq!(spec.sample_format, hound::SampleFormat::Float);
        assert_eq!(heard, samples);
    }

    #[test]
    fn a_file_that_is_left_alone_plays_up_to_the_last_look_at_its_header() {
        let mut file = WavFile::create(Cursor::new(Vec::new()), 48_000).expect("memory does not fail");
        assert!(read(file.get_ref().get_ref()).1.is_empty());
        file.append(&[0.25; 200]).expect("memory does not fail");
        file.update_header().expect("memory does not fail");
        file.append(&[0.5; 200]).expect("memory does not fail");
        // As if the program had been killed here.
        assert_eq!(read(file.get_ref().get_ref()).1, [0.25; 200]);
    }

    #[test]
    fn sizes_stay_within_the_header() {
        let mut file = WavFile::create(Cursor::new(Vec::new()), 48_000).expect("memory does not fail");
        file.n_frames = MAX_FRAMES - 1;
        let too_long = file.append(&[0.0; 6]);
        assert_eq!(too_long.map_err(|error| error.kind()), Err(io::ErrorKind::FileTooLarge));
        assert_eq!(file.n_frames(), MAX_FRAMES);
        assert_eq!(file.header().len(), HEADER_BYTES as usize);
    }
}
