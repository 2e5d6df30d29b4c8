//! The GRU decoder in f64 and in plain sight: the oracle that the streaming one is measured against. Slow, allocates.

use ndarray::{Array1, Array2, ArrayView1, concatenate, s};

use super::GruWeights;
use crate::frame::Frame;
use crate::model::DecoderSpec;
use crate::model::decoder::inputs;

/// One voice of a decoder in f64.
pub struct PlainGru {
    f0_mlp: Vec<Layer>,
    loudness_mlp: Vec<Layer>,
    out_mlp: Vec<Layer>,
    weight_ih: Array2<f64>,
    weight_hh: Array2<f64>,
    bias_ih: Array1<f64>,
    bias_hh: Array1<f64>,
    heads: Vec<(Array2<f64>, Array1<f64>)>,
    hidden: Array1<f64>,
}

struct Layer {
    weight: Array2<f64>,
    bias: Array1<f64>,
    norm_weight: Array1<f64>,
    norm_bias: Array1<f64>,
}

impl Layer {
    fn apply(&self, x: ArrayView1<'_, f64>) -> Array1<f64> {
        let y = self.weight.dot(&x) + &self.bias;
        let mean = y.sum() / y.len() as f64;
        let variance = y.mapv(|y| (y - mean).powi(2)).sum() / y.len() as f64;
        let normed = y.mapv(|y| (y - mean) / (variance + 1e-5).sqrt());
        (normed * &self.norm_weight + &self.norm_bias).mapv(|y| if y < 0.0 { 0.01 * y } else { y })
    }
}

fn mlp(layers: &[Layer], x: Array1<f64>) -> Array1<f64> {
    layers.iter().fold(x, |x, layer| layer.apply(x.view()))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl PlainGru {
    /// A voice from silence with these weights.
    #[must_use]
    pub fn new(weights: &GruWeights) -> Self {
        let vector = |name: &str| Array1::from_iter(weights.tensor(name).to_f32().into_iter().map(f64::from));
        let matrix = |name: &str, rows: usize| {
            let values = vector(name);
            let columns = values.len() / rows;
            Array2::from_shape_fn((rows, columns), |(row, column)| values[row * columns + column])
        };
        let h = weights.hidden();
        let layers = |mlp: &str| {
            (0..3)
                .map(|layer| Layer {
                    weight: matrix(&format!("{mlp}.{layer}.linear.weight"), h),
                    bias: vector(&format!("{mlp}.{layer}.linear.bias")),
                    norm_weight: vector(&format!("{mlp}.{layer}.norm.weight")),
                    norm_bias: vector(&format!("{mlp}.{layer}.norm.bias")),
                })
                .collect()
        };
        let heads = [("amplitude", 1), ("harmonics", weights.n_harmonics()), ("noise", weights.n_noise_bands())];
        Self {
            f0_mlp: layers("f0_mlp"),
            loudness_mlp: layers("loudness_mlp"),
            out_mlp: layers("out_mlp"),
            weight_ih: matrix("gru.weight_ih", 3 * h),
            weight_hh: matrix("gru.weight_hh", 3 * h),
            bias_ih: vector("gru.bias_ih"),
            bias_hh: vector("gru.bias_hh"),
            heads: heads
                .map(|(head, rows)| {
                    (matrix(&format!("head.{head}.weight"), rows), vector(&format!("head.{head}.bias")))
                })
                .into(),
            hidden: Array1::zeros(h),
        }
    }

    /// One frame to pre-activations, `[1 + n_harmonics + n_noise_bands]`.
    pub fn step(&mut self, frame: &Frame) -> Vec<f64> {
        let [p, l] = inputs(frame);
        let u = mlp(&self.f0_mlp, Array1::from_elem(1, p));
        let v = mlp(&self.loudness_mlp, Array1::from_elem(1, l));
        let from_input = self.weight_ih.dot(&concatenate![ndarray::Axis(0), u, v]) + &self.bias_ih;
        let from_hidden = self.weight_hh.dot(&self.hidden) + &self.bias_hh;
        let h = self.hidden.len();
        for j in 0..h {
            let r = sigmoid(from_input[j] + from_hidden[j]);
            let z = sigmoid(from_input[h + j] + from_hidden[h + j]);
            let n = (from_input[2 * h + j] + r * from_hidden[2 * h + j]).tanh();
            self.hidden[j] = (1.0 - z) * n + z * self.hidden[j];
        }
        let joined = concatenate![ndarray::Axis(0), self.hidden, Array1::from_vec(vec![p, l])];
        let y = mlp(&self.out_mlp, joined);
        self.heads.iter().flat_map(|(weight, bias)| weight.dot(&y) + bias).collect()
    }
}

/// Pre-activations to amplitude, harmonics and noise, `[1 + n_harmonics + n_noise_bands]`, in f64.
#[must_use]
pub fn plain_controls(spec: &DecoderSpec, f0_hz: f64, preactivations: &[f64]) -> Vec<f64> {
    let (bandwidth, nyquist) = (f64::from(spec.bandwidth_hz), f64::from(spec.sample_rate_hz) / 2.0);
    let fade = |f: f64| {
        let through = ((f - bandwidth) / (nyquist - bandwidth)).clamp(0.0, 1.0);
        0.5 * (1.0 + (std::f64::consts::PI * through).cos())
    };
    let mut out = Array1::from_iter(preactivations.iter().map(|x| 2.0 * sigmoid(*x).powf(10f64.ln()) + 1e-7));
    let k = spec.n_harmonics;
    for (i, c) in out.slice_mut(s![1..=k]).iter_mut().enumerate() {
        *c *= fade((i + 1) as f64 * f0_hz);
    }
    let sum = out.slice(s![1..=k]).sum();
    out.slice_mut(s![1..=k]).mapv_inplace(|c| if sum < 1e-7 { 0.0 } else { c / sum });
    for (j, m) in out.slice_mut(s![k + 1..]).iter_mut().enumerate() {
        *m *= fade(j as f64 * nyquist / (spec.n_noise_bands - 1) as f64);
    }
    out.to_vec()
}
