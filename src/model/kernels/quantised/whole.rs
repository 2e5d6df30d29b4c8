//! Products with whole 14-bit activations, for sets that have no instruction for sums of four products of bytes.
//!
//! Without one, a half of 7 bits costs two multiplications for four products. Widened to 16 bits, weights are multiplied with
//! the activations as they are, two products at a time: half as many multiplications, on weights that are widened once for
//! all voices. The sums are the same integers.

use super::sums::Sums;
use super::{Columns, FINE_ZERO, GROUP, PANEL, QuantisedMatrix, x86};

/// Room for one voice's activations: [`QuantisedMatrix::MOST_INPUTS`], padded to groups.
const ROOM: usize = QuantisedMatrix::MOST_INPUTS.next_multiple_of(GROUP);

/// A set whose registers hold 16-bit numbers besides sums of 32.
pub(super) trait Pairs: Sums {
    /// The weights of `N` outputs on one group of inputs, widened: those of the first `N / 2` outputs, and the others'.
    ///
    /// # Safety
    /// As [`Sums::load`].
    unsafe fn widen(weights: *const i8) -> [Self; 2];
    /// The same group of activations for each output.
    fn splat_pairs(group: [i16; GROUP]) -> Self;
    /// Adds two products in each lane; an output has two lanes.
    fn add_pairs(self, weights: Self, q: Self) -> Self;
    /// One sum for each output from those of the first `N / 2` outputs and those of the others.
    fn join(halves: [Self; 2]) -> Self;
}

macro_rules! compile_for {
    ($name:ident, $features:literal, $pairs:ty) => {
        /// # Safety
        /// As [`panels`].
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name<const V: usize>(
            matrix: &QuantisedMatrix,
            halves: [*const u8; V],
            steps: [f32; V],
            ys: [*mut f32; V],
        ) {
            // SAFETY: the caller's promise.
            unsafe { panels::<$pairs, V>(matrix, halves, steps, ys) }
        }
    };
}
compile_for!(avx2, "avx2,fma,f16c", x86::Avx2<false>);
compile_for!(avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", x86::Avx512<false>);

/// # Safety
/// As [`QuantisedMatrix::call`] with `FINE`, the matrix has at most [`QuantisedMatrix::MOST_INPUTS`] inputs, and the processor
/// has the instruction set of `S`.
#[inline(always)]
unsafe fn panels<S: Pairs, const V: usize>(
    matrix: &QuantisedMatrix,
    halves: [*const u8; V],
    steps: [f32; V],
    ys: [*mut f32; V],
) {
    let padded = matrix.padded_inputs();
    let mut whole = [[0; ROOM]; V];
    for (whole, halves) in whole.iter_mut().zip(halves) {
        // SAFETY: the caller's promise.
        let (high, low) = unsafe { std::slice::from_raw_parts(halves, 2 * padded) }.split_at(padded);
        for ((q, high), low) in whole.iter_mut().zip(high).zip(low) {
            *q = i16::from(*high) * 128 + i16::from(*low) - FINE_ZERO as i16;
        }
    }
    let outputs = matrix.bias.len();
    for start in (0..outputs).step_by(PANEL) {
        let width = PANEL.min(outputs - start);
        let from = Columns { matrix, start, width };
        let registers = width / S::N;
        // SAFETY: the steps divide the width. As many registers at once as the set has room for with two sums each.
        unsafe {
            if (V <= 2 || S::MANY_REGISTERS) && registers.is_multiple_of(2) {
                from.whole::<S, V, 2>(&whole, steps, ys);
            } else {
                from.whole::<S, V, 1>(&whole, steps, ys);
            }
        }
    }
}

impl Columns<'_> {
    /// The panel's columns, `R` registers at a time.
    ///
    /// # Safety
    /// As [`panels`], and `R * S::N` divides the width.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
    unsafe fn whole<S: Pairs, const V: usize, const R: usize>(
        &self,
        qs: &[[i16; ROOM]; V],
        steps: [f32; V],
        ys: [*mut f32; V],
    ) {
        let groups = self.matrix.groups;
        for column in (0..self.width).step_by(R * S::N) {
            // SAFETY: panels before this one hold `start * groups` lanes of four bytes, this one `width * groups`; every
            // access is at a group below `groups` and a lane below `width`.
            unsafe {
                let mut row = self.matrix.panels.as_ptr().add(GROUP * (self.start * groups + column));
                let mut sums = [[[S::zero(); 2]; R]; V];
                for group in 0..groups {
                    let qs: [S; V] = std::array::from_fn(|v| {
                        S::splat_pairs(qs[v].as_ptr().cast::<[i16; GROUP]>().add(group).read())
                    });
                    for r in 0..R {
                        let weights = S::widen(row.add(GROUP * r * S::N));
                        for v in 0..V {
                            for half in 0..2 {
                                sums[v][r][half] = sums[v][r][half].add_pairs(weights[half], qs[v]);
                            }
                        }
                    }
                    row = row.add(GROUP * self.width);
                }
                for v in 0..V {
                    for r in 0..R {
                        let lanes = self.start + column + r * S::N;
                        let scale = self.matrix.scales.as_ptr().add(lanes);
                        let bias = self.matrix.bias.as_ptr().add(lanes);
                        S::join(sums[v][r]).write(steps[v], scale, bias, ys[v].add(lanes));
                    }
                }
            }
        }
    }
}
