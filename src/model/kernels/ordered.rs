//! y = W x + b in floats whose roundings come in one fixed order: the same bits from every instruction set.
//!
//! An output's sum begins with its bias; products are added input after input, each product and each sum rounded on its
//! own. Outputs lie along the lanes, so that a set only decides how many of them are computed at a time.

use half::f16;

use super::LANES;
use super::lanes::{Lanes, Plain};
use super::matrix::{Product, Weight, pack};
use crate::model::file::Values;
use crate::simd::Simd;

/// Outputs in a full panel: as many sums at once as hide the delay of an addition.
const PANEL: usize = 64;

/// A matrix `[outputs, inputs]` with its bias, packed for one instruction set.
#[derive(Clone, Debug)]
pub struct OrderedMatrix {
    panels: Panels,
    /// Padded with zeros to whole registers.
    bias: Vec<f32>,
    inputs: usize,
    simd: Simd,
}

#[derive(Clone, Debug)]
enum Panels {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl OrderedMatrix {
    /// Packs `weights`, row after row as PyTorch has them; f16 stays as narrow as it is but in the plain build. A set that
    /// this machine lacks is replaced by its best.
    #[must_use]
    pub fn new(weights: &Values, bias: &[f32], simd: Simd) -> Self {
        let simd = simd.available();
        let outputs = bias.len();
        let inputs = weights.len() / outputs;
        assert_eq!(weights.len(), inputs * outputs, "a bias has one value for each row");
        let panels = match weights {
            Values::F16(weights) if simd != Simd::Plain => {
                Panels::F16(pack(weights, inputs, outputs, f16::ZERO, PANEL))
            }
            _ => Panels::F32(pack(&weights.to_f32(), inputs, outputs, 0.0, PANEL)),
        };
        let mut bias = bias.to_vec();
        bias.resize(outputs.next_multiple_of(LANES), 0.0);
        Self { panels, bias, inputs, simd }
    }

    /// How long an output slice must be: the outputs, padded to whole registers.
    #[must_use]
    pub fn padded_outputs(&self) -> usize {
        self.bias.len()
    }

    /// Bytes that weights and bias take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let panels = match &self.panels {
            Panels::F32(panels) => size_of_val(&panels[..]),
            Panels::F16(panels) => size_of_val(&panels[..]),
        };
        panels + size_of_val(&self.bias[..])
    }

    /// `y = W x + b` for `V` voices (1, 2 or 4). Each x has at least as many values as the matrix inputs, each y at least
    /// [`OrderedMatrix::padded_outputs`].
    pub fn apply<const V: usize>(&self, mut voices: [Product<'_>; V]) {
        for (x, y) in &voices {
            assert!(x.len() >= self.inputs && y.len() >= self.bias.len(), "slices fit the matrix");
        }
        let xs = voices.each_ref().map(|(x, _)| x.as_ptr());
        let ys = voices.each_mut().map(|(_, y)| y.as_mut_ptr());
        // SAFETY: the slices were just checked, the panels have one row of lanes for each input by construction, and `simd`
        // is a set of this machine, as `new` saw to.
        unsafe {
            match (self.simd, &self.panels) {
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx512, Panels::F16(panels)) => avx512_f16(panels, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx512, Panels::F32(panels)) => avx512_f32(panels, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx2, Panels::F16(panels)) => avx2_f16(panels, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "x86_64")]
                (Simd::Avx2, Panels::F32(panels)) => avx2_f32(panels, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "aarch64")]
                (Simd::Neon, Panels::F16(panels)) => product::<Neon, f16, V>(panels, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "aarch64")]
                (Simd::Neon, Panels::F32(panels)) => product::<Neon, f32, V>(panels, &self.bias, self.inputs, xs, ys),
                (_, Panels::F16(panels)) => product::<Plain, f16, V>(panels, &self.bias, self.inputs, xs, ys),
                (_, Panels::F32(panels)) => product::<Plain, f32, V>(panels, &self.bias, self.inputs, xs, ys),
            }
        }
    }
}

macro_rules! compile_for {
    ($name:ident, $features:literal, $lanes:ty, $weight:ty) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $name<const V: usize>(
            panels: &[$weight],
            bias: &[f32],
            inputs: usize,
            xs: [*const f32; V],
            ys: [*mut f32; V],
        ) {
            // SAFETY: the caller's promise.
            unsafe { product::<$lanes, $weight, V>(panels, bias, inputs, xs, ys) }
        }
    };
}
#[cfg(target_arch = "aarch64")]
use super::lanes::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::lanes::x86::{Avx2, Avx512};
compile_for!(avx2_f32, "avx2,fma,f16c", Avx2, f32);
compile_for!(avx2_f16, "avx2,fma,f16c", Avx2, f16);
compile_for!(avx512_f32, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", Avx512, f32);
compile_for!(avx512_f16, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", Avx512, f16);

/// # Safety
/// `panels` holds `bias.len() * inputs` weights, each x at least `inputs` values, each y at least `bias.len()`, `bias.len()` is
/// a multiple of [`LANES`], and the processor has the instruction set of `L`.
#[inline(always)]
unsafe fn product<L: Lanes, W: Weight, const V: usize>(
    panels: &[W],
    bias: &[f32],
    inputs: usize,
    xs: [*const f32; V],
    ys: [*mut f32; V],
) {
    for start in (0..bias.len()).step_by(PANEL) {
        let width = PANEL.min(bias.len() - start);
        // SAFETY: panels before this one hold `start * inputs` weights, this one `width * inputs`; bias and each y have
        // `width` values from `start` on, and `columns` goes through them in steps that divide it.
        unsafe {
            let panel = panels.as_ptr().add(start * inputs);
            let bias = bias.as_ptr().add(start);
            let ys = ys.map(|y| y.add(start));
            let registers = width / L::N;
            // As many sums at once as hide the delay of an addition and fit the registers.
            let many = V == 1 || L::MANY_REGISTERS;
            match registers {
                n if V == 1 && n.is_multiple_of(8) => columns::<L, W, V, 8>(panel, width, bias, inputs, xs, ys),
                n if many && n.is_multiple_of(4) => columns::<L, W, V, 4>(panel, width, bias, inputs, xs, ys),
                n if n.is_multiple_of(2) => columns::<L, W, V, 2>(panel, width, bias, inputs, xs, ys),
                _ => columns::<L, W, V, 1>(panel, width, bias, inputs, xs, ys),
            }
        }
    }
}

/// The columns of one panel, `R` registers at a time.
///
/// # Safety
/// As [`product`], and `R * L::N` divides `width`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
unsafe fn columns<L: Lanes, W: Weight, const V: usize, const R: usize>(
    panel: *const W,
    width: usize,
    bias: *const f32,
    inputs: usize,
    xs: [*const f32; V],
    ys: [*mut f32; V],
) {
    for column in (0..width).step_by(R * L::N) {
        // SAFETY: every access is at an input below `inputs` and a lane below `width`.
        unsafe {
            let mut sums = [[L::splat(0.0); R]; V];
            for sums in &mut sums {
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(bias.add(column + r * L::N));
                }
            }
            for i in 0..inputs {
                let row = panel.add(i * width + column);
                let xs = xs.map(|x| L::splat(*x.add(i)));
                for r in 0..R {
                    let weights = W::load::<L>(row.add(r * L::N));
                    for v in 0..V {
                        sums[v][r] = sums[v][r].add(weights.times(xs[v]));
                    }
                }
            }
            for v in 0..V {
                for r in 0..R {
                    sums[v][r].store(ys[v].add(column + r * L::N));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7_919 + seed * 104_729) % 10_007) as f32 / 5_003.5 - 1.0).collect()
    }

    fn other_input(inputs: usize) -> Vec<f32> {
        numbers(inputs, 5)
    }

    #[test]
    fn every_set_gives_the_bits_of_the_sum_in_order() {
        for simd in Simd::all() {
            for (outputs, inputs) in [(1, 1), (8, 6), (17, 3), (48, 32), (80, 7), (96, 5), (126, 128), (146, 16)] {
                let f32s = numbers(outputs * inputs, 1);
                let f16s = Values::F16(f32s.iter().map(|value| f16::from_f32(*value)).collect());
                let (bias, x) = (numbers(outputs, 2), numbers(inputs, 3));
                for weights in [Values::F32(f32s), f16s] {
                    let matrix = OrderedMatrix::new(&weights, &bias, simd);
                    let mut y = vec![f32::NAN; matrix.padded_outputs()];
                    matrix.apply([(&x, &mut y)]);
                    for ((row, bias), y) in weights.to_f32().chunks_exact(inputs).zip(&bias).zip(&y) {
                        let expected = row.iter().zip(&x).fold(*bias, |sum, (w, x)| sum + w * x);
                        assert_eq!(y.to_bits(), expected.to_bits(), "{}, {outputs} x {inputs}", simd.name());
                    }
                    let mut ys = [0; 4].map(|_| vec![f32::NAN; matrix.padded_outputs()]);
                    let x_of = [&x, &x, &other_input(inputs), &x].map(Clone::clone);
                    let mut v = 0..4;
                    matrix.apply(ys.each_mut().map(|y| (&x_of[v.next().unwrap()][..], &mut y[..])));
                    assert_eq!(ys[0], y, "four voices, {}, {outputs} x {inputs}", simd.name());
                    assert_eq!(ys[3], y);
                    assert!(ys[2].iter().all(|y| y.is_finite()));
                }
            }
        }
    }
}
