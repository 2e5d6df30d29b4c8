//! The past of one dilated layer: a ring of the last steps' activations in a voice's memory.

use super::TAPS;

/// Where a layer's ring lies: `2 d + 1` steps of `channels` values from `start` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    start: usize,
    channels: usize,
    dilation: usize,
}

impl Ring {
    /// One ring for each dilation, one after the other from `start` on.
    pub(super) fn row(start: usize, channels: usize, dilations: &[usize]) -> Vec<Self> {
        let mut start = start;
        let mut next = |dilation: &usize| {
            let ring = Self { start, channels, dilation: *dilation };
            start = ring.end();
            ring
        };
        dilations.iter().map(&mut next).collect()
    }

    fn steps(&self) -> usize {
        (TAPS - 1) * self.dilation + 1
    }

    /// Where the next ring begins.
    pub(super) fn end(&self) -> usize {
        self.start + self.steps() * self.channels
    }

    /// `taps` holds the activations of step `t` as its last third: they are remembered, and those of steps `t - 2 d` and
    /// `t - d` become the first two thirds. Before the first step all activations were 0.
    pub(super) fn turn<T: Copy>(&self, memory: &mut [T], t: u64, taps: &mut [T]) {
        let ring = &mut memory[self.start..self.end()];
        let width = self.channels;
        // Modulo the ring's length, t - 2 d is t + 1, and t - d is t + 1 + d.
        let slot = |steps_later: usize| {
            let slot = (t % self.steps() as u64) as usize + steps_later;
            let slot = if slot < self.steps() { slot } else { slot - self.steps() };
            slot * width..(slot + 1) * width
        };
        let (past, now) = taps[..TAPS * width].split_at_mut((TAPS - 1) * width);
        ring[slot(0)].copy_from_slice(now);
        past[..width].copy_from_slice(&ring[slot(1)]);
        past[width..].copy_from_slice(&ring[slot(1 + self.dilation)]);
    }
}
