//! The writing end of a recording: a thread of its own empties the queue into the file.

use std::{
    fs::File,
    io::{self, Cursor, Seek, Write},
    time::{Duration, Instant},
};

use rtrb::Consumer;

use super::{tap::TapState, wav_file::WavFile};

/// Between two looks at the queue.
const INTERVAL: Duration = Duration::from_millis(20);
/// How much of a recording a program that is killed may lose.
const HEADER_INTERVAL: Duration = Duration::from_secs(1);
/// An audio thread that stands still does not give its tap back; nobody waits longer for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that a recording is written into.
pub trait Disk: Write + Seek {
    /// Has everything put where a power cut does not reach it.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Disk for Cursor<Vec<u8>> {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until the other end of `queue` is gone, or does not come although the recording was stopped.
///
/// # Errors
/// What the disk says. The recording is stopped then, and the file holds what was written so far.
pub fn write(mut queue: Consumer<f32>, file: &mut WavFile<impl Disk>, state: &TapState) -> io::Result<()> {
    let written = empty_until_stopped(&mut queue, file, state);
    state.stop();
    state.set_written_frames(file.n_frames());
    // After an error too: the header is there already, so a full disk has room for it.
    let closed = file.update_header().and_then(|()| file.get_ref().sync());
    written.and(closed)
}

fn empty_until_stopped(queue: &mut Consumer<f32>, file: &mut WavFile<impl Disk>, state: &TapState) -> io::Result<()> {
    let (mut header_at, mut heard_at) = (Instant::now(), Instant::now());
    loop {
        // Asked first: what is in the queue when the other end goes is still written.
        let is_over = queue.is_abandoned();
        if empty(queue, file)? {
            heard_at = Instant::now();
            state.set_written_frames(file.n_frames());
        }
        if is_over || state.is_stopped() && heard_at.elapsed() > PATIENCE {
            return Ok(());
        }
        if header_at.elapsed() >= HEADER_INTERVAL {
            file.update_header()?;
            header_at = Instant::now();
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Gives whether there was anything.
fn empty(queue: &mut Consumer<f32>, file: &mut WavFile<impl Disk>) -> io::Result<bool> {
    let n = queue.slots();
    // As many as are there cannot be too many.
    let Ok(chunk) = queue.read_chunk(n) else { return Ok(false) };
    let (first, second) = chunk.as_slices();
    let written = file.append(first).and_then(|()| file.append(second));
    chunk.commit_all();
    written.map(|()| n > 0)
}

#[cfg(test)]
mod tests {
    use std::{io::SeekFrom, sync::Arc};

    use super::*;
    use crate::app::recorder::tap::Tap;

    /// A disk with room for so many bytes.
    struct SmallDisk {
        memory: Cursor<Vec<u8>>,
        room: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let free = self.room.saturating_sub(self.memory.position() as usize);
            if free == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.memory.write(&bytes[..bytes.len().min(free)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for SmallDisk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.memory.seek(to)
        }
    }

    impl Disk for SmallDisk {
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn samples(bytes: &[u8]) -> Vec<f32> {
        let mut reader = hound::WavReader::new(bytes).expect("the header is right");
        reader.samples().collect::<Result<_, _>>().expect("all samples are there")
    }

    #[test]
    fn everything_that_was_played_before_the_tap_went_is_written() {
        let state = Arc::<TapState>::default();
        let (mut tap, queue) = Tap::new(1_000, Arc::clone(&state));
        let played: Vec<f32> = (0..3_000).map(|n| n as f32 * 0.125).collect();
        let player = std::thread::spawn(move || {
            for block in played.chunks(100) {
                tap.push(block, block);
                std::thread::sleep(Duration::from_millis(2));
            }
            played
        });
        let mut file = WavFile::create(Cursor::new(Vec::new()), 1_000).expect("memory does not fail");
        write(queue, &mut file, &state).expect("memory does not fail");
        let played = player.join().expect("the player ends");
        let heard = samples(file.get_ref().get_ref());
        assert_eq!(heard.iter().copied().step_by(2).collect::<Vec<_>>(), played);
        assert_eq!((state.written_frames(), state.lost_frames()), (3_000, 0));
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_keeps_what_was_written() {
        let state = Arc::<TapState>::default();
        let (mut tap, queue) = Tap::new(1_000, Arc::clone(&state));
        tap.push(&[0.5; 1_000], &[0.25; 1_000]);
        // Not a whole number of frames.
        let disk = SmallDisk { memory: Cursor::new(Vec::new()), room: 58 + 8 * 700 + 3 };
        let mut file = WavFile::create(disk, 1_000).expect("the header fits");
        let error = write(queue, &mut file, &state).expect_err("the rest does not fit");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(tap.is_stopped());
        assert_eq!(state.written_frames(), 700);
        assert_eq!(samples(&file.get_ref().memory.get_ref()[..58 + 8 * 700]), [0.5, 0.25].repeat(700));
    }

    #[test]
    fn an_audio_thread_that_stands_still_does_not_keep_the_file_open() {
        let state = Arc::<TapState>::default();
        let (mut tap, queue) = Tap::new(1_000, Arc::clone(&state));
        tap.push(&[0.5; 10], &[0.5; 10]);
        state.stop();
        let mut file = WavFile::create(Cursor::new(Vec::new()), 1_000).expect("memory does not fail");
        write(queue, &mut file, &state).expect("memory does not fail");
        assert_eq!(samples(file.get_ref().get_ref()), [0.5; 20]);
        drop(tap);
    }
}
