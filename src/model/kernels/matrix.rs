//! y = W x + b for one to four voices at a time, each weight loaded and widened once.
//!
//! Weights lie in panels of 64 outputs (the last one of as many registers as are left): within a panel, input after input, so that
//! the whole matrix is one stream from memory and every register holds neighbouring outputs, without sums across lanes.

use half::{bf16, f16};

use super::LANES;
use super::lanes::{Lanes, Plain};
use crate::model::file::Values;
use crate::simd::Simd;

/// Outputs in a full panel: as many sums at once as hide the delay of a product in the widest registers.
const PANEL: usize = 64;

/// A matrix `[outputs, inputs]` with its bias, packed for one instruction set.
#[derive(Clone, Debug)]
pub struct Matrix {
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
    Bf16(Vec<bf16>),
    /// Each output is multiplied by its scale, one for each padded output.
    I8(Vec<i8>, Vec<f32>),
}

/// One voice's input and output of a product.
pub type Product<'a> = (&'a [f32], &'a mut [f32]);

impl Matrix {
    /// Packs `weights`, row after row as PyTorch has them. They stay as narrow as they are, except in the plain build, where
    /// widening them in every step would cost more than the memory saves. A set that this machine lacks is replaced by its
    /// best.
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
            Values::Bf16(weights) if simd != Simd::Plain => {
                Panels::Bf16(pack(weights, inputs, outputs, bf16::ZERO, PANEL))
            }
            Values::I8 { values, scales } if simd != Simd::Plain => {
                let mut scales = scales.clone();
                scales.resize(outputs.next_multiple_of(LANES), 0.0);
                Panels::I8(pack(values, inputs, outputs, 0, PANEL), scales)
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

    /// Bytes that weights, scales and bias take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let panels = match &self.panels {
            Panels::F32(panels) => size_of_val(&panels[..]),
            Panels::F16(panels) => size_of_val(&panels[..]),
            Panels::Bf16(panels) => size_of_val(&panels[..]),
            Panels::I8(panels, scales) => size_of_val(&panels[..]) + size_of_val(&scales[..]),
        };
        panels + size_of_val(&self.bias[..])
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// `y = W x + b` for `V` voices (1, 2 or 4). Each x has at least [`Matrix::inputs`] values, each y at least
    /// [`Matrix::padded_outputs`]. A voice's result is the same bits whatever `V` is, and within 1e-6 of the sum of all
    /// absolute products and of the bias's (held to by tests up to 514 inputs, against f64).
    pub fn apply<const V: usize>(&self, mut voices: [Product<'_>; V]) {
        for (x, y) in &voices {
            assert!(x.len() >= self.inputs && y.len() >= self.bias.len(), "slices fit the matrix");
        }
        let xs = voices.each_ref().map(|(x, _)| x.as_ptr());
        let ys = voices.each_mut().map(|(_, y)| y.as_mut_ptr());
        // SAFETY: the slices were just checked, the panels have one row of lanes for each input by construction, and
        // `simd` is a set of this machine, as `new` saw to.
        unsafe {
            match &self.panels {
                Panels::F32(panels) => self.product(panels, &[], xs, ys),
                Panels::F16(panels) => self.product(panels, &[], xs, ys),
                Panels::Bf16(panels) => self.product(panels, &[], xs, ys),
                Panels::I8(panels, scales) => self.product(panels, scales, xs, ys),
            }
        }
    }

    /// # Safety
    /// As [`product`], with this matrix's bias, inputs and set.
    unsafe fn product<W: Weight, const V: usize>(
        &self,
        panels: &[W],
        scales: &[f32],
        xs: [*const f32; V],
        ys: [*mut f32; V],
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.simd {
                #[cfg(target_arch = "x86_64")]
                Simd::Avx512 => avx512(panels, scales, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "x86_64")]
                Simd::Avx2 => avx2(panels, scales, &self.bias, self.inputs, xs, ys),
                #[cfg(target_arch = "aarch64")]
                Simd::Neon => product::<Neon, W, V>(panels, scales, &self.bias, self.inputs, xs, ys),
                _ => product::<Plain, W, V>(panels, scales, &self.bias, self.inputs, xs, ys),
            }
        }
    }
}

/// Panels of up to `panel` outputs, within each input after input, the outputs padded to whole registers.
pub(super) fn pack<T: Copy>(weights: &[T], inputs: usize, outputs: usize, zero: T, panel: usize) -> Vec<T> {
    let padded = outputs.next_multiple_of(LANES);
    let mut panels = Vec::with_capacity(padded * inputs);
    for start in (0..padded).step_by(panel) {
        let lanes = start..(start + panel).min(padded);
        for i in 0..inputs {
            panels.extend(lanes.clone().map(|o| if o < outputs { weights[o * inputs + i] } else { zero }));
        }
    }
    panels
}

/// A stored weight that can be loaded into a register.
pub(super) trait Weight: Copy {
    /// Whether sums are multiplied by a scale of their output.
    const SCALED: bool = false;

    /// # Safety
    /// As [`Lanes::load`].
    unsafe fn load<L: Lanes>(from: *const Self) -> L;
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load(from) }
    }
}

impl Weight for f16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_f16(from) }
    }
}

impl Weight for bf16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_bf16(from) }
    }
}

impl Weight for i8 {
    const SCALED: bool = true;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_i8(from) }
    }
}

macro_rules! compile_for {
    ($name:ident, $features:literal, $lanes:ty) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $name<W: Weight, const V: usize>(
            panels: &[W],
            scales: &[f32],
            bias: &[f32],
            inputs: usize,
            xs: [*const f32; V],
            ys: [*mut f32; V],
        ) {
            // SAFETY: the caller's promise.
            unsafe { product::<$lanes, W, V>(panels, scales, bias, inputs, xs, ys) }
        }
    };
}
#[cfg(target_arch = "aarch64")]
use super::lanes::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::lanes::x86::{Avx2, Avx512};
compile_for!(avx2, "avx2,fma,f16c", Avx2);
compile_for!(avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", Avx512);

/// # Safety
/// `panels` holds `bias.len() * inputs` weights, each x `inputs` values, each y `bias.len()`, and `bias.len()` is a
/// multiple of [`LANES`]; `scales` is as long as `bias` if `W` is scaled; the processor has the instruction set of `L`.
#[inline(always)]
unsafe fn product<L: Lanes, W: Weight, const V: usize>(
    panels: &[W],
    scales: &[f32],
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
            let scales = if W::SCALED { scales.as_ptr().add(start) } else { std::ptr::null() };
            let ys = ys.map(|y| y.add(start));
            // As many registers at once as the set has room for with two sums each.
            let registers = width / L::N;
            match V {
                1 if registers.is_multiple_of(4) => columns::<L, W, V, 4>(panel, width, scales, bias, inputs, xs, ys),
                1 | 2 if registers.is_multiple_of(2) => {
                    columns::<L, W, V, 2>(panel, width, scales, bias, inputs, xs, ys)
                }
                _ if L::MANY_REGISTERS && registers.is_multiple_of(2) => {
                    columns::<L, W, V, 2>(panel, width, scales, bias, inputs, xs, ys);
                }
                _ => columns::<L, W, V, 1>(panel, width, scales, bias, inputs, xs, ys),
            }
        }
    }
}

/// The columns of one panel, `R` registers at a time. Even and odd inputs have sums of their own, which hides the delay of
/// the additions; the order is the same for every `V` and `R`.
///
/// # Safety
/// As [`product`], and `R * L::N` divides `width`.
#[inline(always)]
unsafe fn columns<L: Lanes, W: Weight, const V: usize, const R: usize>(
    panel: *const W,
    width: usize,
    scales: *const f32,
    bias: *const f32,
    inputs: usize,
    xs: [*const f32; V],
    ys: [*mut f32; V],
) {
    for column in (0..width).step_by(R * L::N) {
        // SAFETY: every access is at an input below `inputs` and a lane below `width`.
        unsafe {
            let mut even = [[L::splat(0.0); R]; V];
            let mut odd = [[L::splat(0.0); R]; V];
            for sums in even.iter_mut().filter(|_| !W::SCALED) {
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(bias.add(column + r * L::N));
                }
            }
            let mut row = panel.add(column);
            let mut i = 0;
            while i + 2 <= inputs {
                accumulate::<L, W, V, R>(&mut even, row, xs.map(|x| L::splat(*x.add(i))));
                accumulate::<L, W, V, R>(&mut odd, row.add(width), xs.map(|x| L::splat(*x.add(i + 1))));
                row = row.add(2 * width);
                i += 2;
            }
            if i < inputs {
                accumulate::<L, W, V, R>(&mut even, row, xs.map(|x| L::splat(*x.add(i))));
            }
            for v in 0..V {
                for r in 0..R {
                    let lanes = column + r * L::N;
                    let sum = even[v][r].add(odd[v][r]);
                    let y = if W::SCALED {
                        L::load(bias.add(lanes)).add_product(sum, L::load(scales.add(lanes)))
                    } else {
                        sum
                    };
                    y.store(ys[v].add(lanes));
                }
            }
        }
    }
}

/// # Safety
/// `row` points to `R * L::N` weights.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "r and v run over two dimensions at once")]
unsafe fn accumulate<L: Lanes, W: Weight, const V: usize, const R: usize>(
    sums: &mut [[L; R]; V],
    row: *const W,
    xs: [L; V],
) {
    for r in 0..R {
        // SAFETY: the caller's promise.
        let weights = unsafe { W::load::<L>(row.add(r * L::N)) };
        for v in 0..V {
            sums[v][r] = sums[v][r].add_product(weights, xs[v]);
        }
    }
}

#[cfg(test)]
mod tests;
