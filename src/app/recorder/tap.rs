//! The audio thread's end of a recording: copies what is played into a queue. No allocation, lock or wait.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use rtrb::{Consumer, Producer, RingBuffer};

const N_CHANNELS: usize = 2;
/// How much the queue holds: a disk may be busy with something else for a while.
const QUEUE_S: usize = 8;

/// What the audio thread, the writer and the window know of a recording.
#[derive(Debug, Default)]
pub struct TapState {
    stop: AtomicBool,
    lost_frames: AtomicU64,
    written_frames: AtomicU64,
}

impl TapState {
    /// Ends the recording; the audio thread gives its [`Tap`] back.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Frames for which there was no room in the queue. They are silent in the file.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames.load(Relaxed)
    }

    /// Frames that are in the file.
    pub fn written_frames(&self) -> u64 {
        self.written_frames.load(Relaxed)
    }

    pub fn set_written_frames(&self, n: u64) {
        self.written_frames.store(n, Relaxed);
    }
}

/// Takes what is played.
pub struct Tap {
    queue: Producer<f32>,
    state: Arc<TapState>,
    /// Silence that stands for what was lost and is not yet in the queue, so that what follows keeps its time.
    owed_frames: usize,
}

impl Tap {
    /// A tap and the other end of its queue: left and right in turn. Allocates; not for the audio thread.
    pub fn new(sample_rate_hz: u32, state: Arc<TapState>) -> (Self, Consumer<f32>) {
        Self::with_queue(sample_rate_hz as usize * QUEUE_S, state)
    }

    fn with_queue(n_frames: usize, state: Arc<TapState>) -> (Self, Consumer<f32>) {
        let (queue, samples) = RingBuffer::new(N_CHANNELS * n_frames);
        (Self { queue, state, owed_frames: 0 }, samples)
    }

    /// Whether the recording is over, and the tap of no use.
    pub fn is_stopped(&self) -> bool {
        self.state.is_stopped()
    }

    /// Takes a block, as a whole or not at all. `left` and `right` are of one length.
    pub fn push(&mut self, left: &[f32], right: &[f32]) {
        let free = self.queue.slots() / N_CHANNELS;
        let paid = self.owed_frames.min(free);
        self.fill(paid, std::iter::repeat_n(0.0, N_CHANNELS * paid));
        self.owed_frames -= paid;
        if self.owed_frames > 0 || free - paid < left.len() {
            self.owed_frames += left.len();
            self.state.lost_frames.fetch_add(left.len() as u64, Relaxed);
            return;
        }
        self.fill(left.len(), left.iter().zip(right).flat_map(|(&left, &right)| [left, right]));
    }

    fn fill(&mut self, n_frames: usize, samples: impl Iterator<Item = f32>) {
        if n_frames > 0
            && let Ok(room) = self.queue.write_chunk_uninit(N_CHANNELS * n_frames)
        {
            room.fill_from_iter(samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(queue: &mut Consumer<f32>) -> Vec<f32> {
        std::iter::from_fn(|| queue.pop().ok()).collect()
    }

    #[test]
    fn both_channels_come_out_in_turn() {
        let (mut tap, mut queue) = Tap::with_queue(8, Arc::default());
        tap.push(&[1.0, 2.0], &[-1.0, -2.0]);
        assert_eq!(take(&mut queue), [1.0, -1.0, 2.0, -2.0]);
    }

    #[test]
    fn what_is_lost_is_counted_and_silent_and_the_rest_keeps_its_time() {
        let state = Arc::<TapState>::default();
        let (mut tap, mut queue) = Tap::with_queue(8, Arc::clone(&state));
        for block in 1..=4 {
            tap.push(&[block as f32; 3], &[block as f32; 3]);
        }
        assert_eq!(state.lost_frames(), 6);
        let mut heard = take(&mut queue);
        for block in 5..=8 {
            tap.push(&[block as f32; 3], &[block as f32; 3]);
            heard.extend(take(&mut queue));
        }
        let left: Vec<f32> = heard.into_iter().step_by(2).collect();
        let expected = [1.0, 2.0, 0.0, 0.0, 5.0, 6.0, 7.0, 8.0].into_iter().flat_map(|block| [block; 3]);
        assert_eq!(left, expected.collect::<Vec<f32>>());
        assert_eq!(state.lost_frames(), 6);
    }

    #[test]
    fn taking_what_is_played_allocates_nothing_whether_there_is_room_or_not() {
        let (mut tap, mut queue) = Tap::with_queue(1_000, Arc::default());
        let block = [0.5; 480];
        for round in 0..8 {
            assert_eq!(crate::allocation::counted(|| tap.push(&block, &block)), 0, "block {round}");
            if round == 5 {
                take(&mut queue);
            }
        }
        assert!(tap.state.lost_frames() > 0, "there was no room for some");
    }
}
