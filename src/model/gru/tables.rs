//! What the GRU's gates get from a pitch and from a loudness, on a grid, with straight lines between.
//!
//! Each of the two input perceptrons sees one number, so `W_ih [f0_mlp(p), loudness_mlp(l)] + b_ih` is the sum of a curve in p
//! and a curve in l. Both are computed when the weights are loaded, over all pitches and loudnesses that a frame may have, and
//! kept in 16 bits, each output's relative to its largest.

use super::GruWeights;
use super::int8::{Layer, LayerBuffers};
use crate::model::file::Values;
use crate::model::kernels::LANES;
use crate::model::kernels::norm::layer_norm_leaky_exact;
use crate::model::kernels::ordered::OrderedMatrix;
use crate::model::kernels::quantised::{QuantisedMatrix, quantise_fine};
use crate::simd::Simd;
use crate::simd_dispatch;

/// Both curves.
#[derive(Clone, Debug)]
pub(super) struct InputTables {
    pitch: Table,
    loudness: Table,
    /// b_ih, padded.
    bias: Vec<f32>,
    simd: Simd,
}

/// The points of a grid: input i / per_unit + first.
#[derive(Clone, Copy, Debug)]
struct Grid {
    first: f32,
    per_unit: f32,
    points: usize,
}

/// p is a key number / 127; frames are between 8 Hz and 16 kHz (-0.4 to 131.3). A quarter of a semitone.
const PITCHES: Grid = Grid { first: -1.0 / 127.0, per_unit: 4.0 * 127.0, points: 4 * 133 + 1 };

/// l is dB / 80 + 1; frames are between -80 and 20 dB. A quarter of a dB.
const LOUDNESSES: Grid = Grid { first: 0.0, per_unit: 4.0 * 80.0, points: 4 * 100 + 1 };

/// Rows that are computed in one pass over the weights.
const TOGETHER: usize = 4;

#[derive(Clone, Debug)]
struct Table {
    grid: Grid,
    /// `[points, width]`, the outputs padded to whole registers.
    rows: Vec<i16>,
    /// What 1 stands for in each column.
    scales: Vec<f32>,
}

impl InputTables {
    /// Computes both tables. Allocates, and takes some ms for a wide network.
    pub(super) fn new(weights: &GruWeights, simd: Simd) -> Self {
        let mut bias = weights.tensor("gru.bias_ih").to_f32();
        bias.resize(bias.len().next_multiple_of(LANES), 0.0);
        let h = weights.hidden();
        Self {
            pitch: Table::new(&Branch::new(weights, "f0_mlp", 0..h, simd), PITCHES),
            loudness: Table::new(&Branch::new(weights, "loudness_mlp", h..2 * h, simd), LOUDNESSES),
            bias,
            simd,
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let table = |table: &Table| size_of_val(&table.rows[..]) + size_of_val(&table.scales[..]);
        table(&self.pitch) + table(&self.loudness) + size_of_val(&self.bias[..])
    }

    /// `from_input = W_ih [f0_mlp(p), loudness_mlp(l)] + b_ih` for the inputs `[p, l]`, at least as long as the three gates,
    /// padded to whole registers. Never allocates.
    pub(super) fn look_up(&self, [p, l]: [f32; 2], from_input: &mut [f32]) {
        let from_input = &mut from_input[..self.bias.len()];
        from_input.copy_from_slice(&self.bias);
        for (table, x) in [(&self.pitch, p), (&self.loudness, l)] {
            let (below, above, weight) = table.around(x);
            add_between(self.simd, from_input, below, above, &table.scales, weight);
        }
    }
}

impl Table {
    fn new(branch: &Branch, grid: Grid) -> Self {
        let width = branch.width();
        let mut values = vec![0.0; grid.points * width];
        let mut buffers = branch.buffers();
        for (block, values) in values.chunks_mut(TOGETHER * width).enumerate() {
            let x = |v: usize| grid.first + (block * TOGETHER + v) as f32 / grid.per_unit;
            branch.apply(std::array::from_fn(x), &mut buffers);
            for (row, buffers) in values.chunks_exact_mut(width).zip(&buffers) {
                row.copy_from_slice(&buffers.out);
            }
        }
        let mut peaks = vec![f32::MIN_POSITIVE; width];
        for row in values.chunks_exact(width) {
            // In this order what is no number does not count.
            peaks.iter_mut().zip(row).for_each(|(peak, value)| *peak = peak.max(value.abs()).min(1e30));
        }
        let scales: Vec<f32> = peaks.into_iter().map(|peak| peak / 32_767.0).collect();
        let mut rows = vec![0; values.len()];
        for (row, values) in rows.chunks_exact_mut(width).zip(values.chunks_exact(width)) {
            // The conversion makes 0 of what is no number, and cuts off at the ends.
            let stored = |((q, value), scale): ((&mut i16, &f32), &f32)| *q = (value / scale).round_ties_even() as i16;
            row.iter_mut().zip(values).zip(&scales).for_each(stored);
        }
        Self { grid, rows, scales }
    }

    /// The rows below and above `x`, and the share of the one above.
    fn around(&self, x: f32) -> (&[i16], &[i16], f32) {
        let Grid { first, per_unit, points } = self.grid;
        let place = ((x - first) * per_unit).clamp(0.0, (points - 1) as f32);
        let row = (place as usize).min(points - 2);
        let width = self.scales.len();
        let (below, above) = self.rows[row * width..][..2 * width].split_at(width);
        (below, above, place - row as f32)
    }
}

#[inline(always)]
fn add_between_body<const F: bool>(y: &mut [f32], below: &[i16], above: &[i16], scales: &[f32], weight: f32) {
    let n = y.len();
    let (below, above, scales) = (&below[..n], &above[..n], &scales[..n]);
    for i in 0..n {
        let (from, to) = (i32::from(below[i]), i32::from(above[i]));
        y[i] += (from as f32 + (to - from) as f32 * weight) * scales[i];
    }
}

simd_dispatch!(
    /// `y += (below + (above - below) weight) scales`, never fused: the same bits on every set.
    unfused fn add_between(y: &mut [f32], below: &[i16], above: &[i16], scales: &[f32], weight: f32) = add_between_body
);

/// One input's way to the gates: a perceptron and its columns of W_ih.
struct Branch {
    first: OrderedMatrix,
    norm_weight: Vec<f32>,
    norm_bias: Vec<f32>,
    layers: [Layer; 2],
    to_gates: QuantisedMatrix,
    simd: Simd,
}

/// One row's room to work in.
struct Buffers {
    x: Vec<f32>,
    fine: Vec<u8>,
    linear: Vec<f32>,
    out: Vec<f32>,
}

impl Branch {
    fn new(weights: &GruWeights, mlp: &str, columns: std::ops::Range<usize>, simd: Simd) -> Self {
        let vector = |name: &str| weights.tensor(&format!("{mlp}.0.{name}")).to_f32();
        let Values::I8 { values, scales } = weights.tensor("gru.weight_ih") else {
            unreachable!("tables are made of 8-bit weights")
        };
        let rows = values.chunks_exact(values.len() / scales.len());
        let part: Vec<i8> = rows.flat_map(|row| &row[columns.clone()]).copied().collect();
        Self {
            first: OrderedMatrix::new(weights.tensor(&format!("{mlp}.0.linear.weight")), &vector("linear.bias"), simd),
            norm_weight: vector("norm.weight"),
            norm_bias: vector("norm.bias"),
            layers: [1, 2].map(|layer| Layer::new(weights, &format!("{mlp}.{layer}"), simd)),
            to_gates: QuantisedMatrix::new(&part, scales, &vec![0.0; scales.len()], simd),
            simd,
        }
    }

    fn width(&self) -> usize {
        self.to_gates.padded_outputs()
    }

    fn buffers(&self) -> [Buffers; TOGETHER] {
        let h = self.norm_bias.len();
        std::array::from_fn(|_| Buffers {
            x: vec![0.0; h],
            fine: vec![0; self.layers[0].fine_len()],
            linear: vec![0.0; self.first.padded_outputs()],
            out: vec![0.0; self.width()],
        })
    }

    fn apply(&self, inputs: [f32; TOGETHER], buffers: &mut [Buffers; TOGETHER]) {
        for (input, v) in inputs.iter().zip(&mut *buffers) {
            self.first.apply([(std::slice::from_ref(input), &mut v.linear)]);
            layer_norm_leaky_exact(self.simd, &v.linear, &self.norm_weight, &self.norm_bias, &mut v.x);
        }
        for layer in &self.layers {
            layer.apply(buffers.each_mut().map(|v| LayerBuffers {
                x: &mut v.x,
                fine: &mut v.fine,
                linear: &mut v.linear,
            }));
        }
        self.to_gates.product(buffers.each_mut().map(|v| {
            let step = quantise_fine(self.simd, &v.x, &mut v.fine);
            (&v.fine[..], step, &mut v.out[..])
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_rows_are_the_same_bits_on_every_set() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        // Whole registers, and what is left over.
        for n in [1, 15, 16, 48, 67, 768] {
            let mut below: Vec<i16> = (0..n).map(|_| next()).collect();
            let mut above: Vec<i16> = (0..n).map(|_| next()).collect();
            // The longest way between two rows.
            (below[0], above[0]) = (i16::MIN, i16::MAX);
            let scales: Vec<f32> = (0..n).map(|_| f32::from(next()).abs() * 1e-8 + 1e-6).collect();
            let before: Vec<f32> = (0..n).map(|_| f32::from(next()) * 1e-4).collect();
            for weight in [0.0, 1e-3, 0.3, 0.5, 0.999, 1.0] {
                let sums = |simd| {
                    let mut y = before.clone();
                    add_between(simd, &mut y, &below, &above, &scales, weight);
                    y.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
                };
                let plain = sums(Simd::Plain);
                Simd::all().for_each(|simd| assert_eq!(sums(simd), plain, "{n} values, {weight}, {}", simd.name()));
                let at_end = match weight {
                    0.0 => &below,
                    1.0 => &above,
                    _ => continue,
                };
                let rows = before.iter().zip(at_end).zip(&scales);
                let expected: Vec<u32> = rows.map(|((y, q), scale)| (y + f32::from(*q) * scale).to_bits()).collect();
                assert_eq!(plain, expected, "at the ends it is the row itself: {n} values, {weight}");
            }
        }
    }
}
