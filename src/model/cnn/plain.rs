//! The convolutional decoder in plain sight, on a whole clip at once: the oracle that the streaming one is measured
//! against. Slow, allocates.

use super::{CnnWeights, INPUTS, TAPS};
use crate::frame::Frame;
use crate::model::decoder::inputs;
use crate::model::file::Values;

/// What the two arithmetics have in common with real numbers.
trait Number: Copy + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> + PartialOrd {
    fn of(value: f32) -> Self;
    fn wide(self) -> f64;
}

impl Number for f64 {
    fn of(value: f32) -> Self {
        value.into()
    }
    fn wide(self) -> f64 {
        self
    }
}

impl Number for f32 {
    fn of(value: f32) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self.into()
    }
}

/// Pre-activations `[1 + n_harmonics + n_noise_bands]` for each step of the network, which sees the frames that it is given
/// (every fifth of the engine's). Weights that are floats are computed with in f64; 8-bit ones in f32 just as the streaming
/// decoder must, to the last bit.
#[must_use]
pub fn plain_cnn(weights: &CnnWeights, frames: &[Frame]) -> Vec<Vec<f64>> {
    if weights.precision() == "int8" { clip::<f32>(weights, frames) } else { clip::<f64>(weights, frames) }
}

fn clip<T: Number>(weights: &CnnWeights, frames: &[Frame]) -> Vec<Vec<f64>> {
    let vector = |name: &str| weights.tensor(name).to_f32().into_iter().map(T::of).collect::<Vec<T>>();
    let first: Vec<[T; INPUTS]> = frames.iter().map(|frame| inputs(frame).map(|input| T::of(input as f32))).collect();
    let (weight, bias) = (vector("conv.input.weight"), vector("conv.input.bias"));
    let mut x: Vec<Vec<T>> = (0..frames.len())
        .map(|t| {
            let output = |(o, bias): (usize, &T)| {
                let mut sum = *bias;
                for tap in 0..TAPS {
                    for i in 0..INPUTS {
                        let then = (t + tap).checked_sub(TAPS - 1).map_or(T::of(0.0), |then| first[then][i]);
                        sum = sum + weight[(o * INPUTS + i) * TAPS + tap] * then;
                    }
                }
                sum
            };
            bias.iter().enumerate().map(output).collect()
        })
        .collect();
    for (layer, dilation) in weights.dilations().iter().enumerate() {
        let bias = vector(&format!("conv.{layer}.bias"));
        let change = match weights.tensor(&format!("conv.{layer}.weight")) {
            Values::I8 { values, scales } => int8_layer(values, scales, &bias, *dilation, &x),
            floats => float_layer(&floats.to_f32(), &bias, *dilation, &x),
        };
        for (x, change) in x.iter_mut().flatten().zip(change.into_iter().flatten()) {
            *x = *x + change;
        }
    }
    let heads = ["amplitude", "harmonics", "noise"]
        .map(|head| (vector(&format!("head.{head}.weight")), vector(&format!("head.{head}.bias"))));
    let row = |x: &Vec<T>| {
        let head = |(weight, bias): &(Vec<T>, Vec<T>)| {
            let rows = weight.chunks_exact(x.len()).zip(bias);
            let sum = |(row, bias): (&[T], &T)| row.iter().zip(x).fold(*bias, |sum, (w, x)| sum + *w * *x).wide();
            rows.map(sum).collect::<Vec<f64>>()
        };
        heads.iter().flat_map(head).collect()
    };
    x.iter().map(row).collect()
}

/// The activations that output `t` of a layer sees: tap 0 is the oldest.
fn taps<A>(past: &[Vec<A>], t: usize, dilation: usize) -> impl Iterator<Item = (usize, &Vec<A>)> {
    (0..TAPS).filter_map(move |tap| Some((tap, &past[t.checked_sub((TAPS - 1 - tap) * dilation)?])))
}

fn float_layer<T: Number>(weight: &[f32], bias: &[T], dilation: usize, x: &[Vec<T>]) -> Vec<Vec<T>> {
    let relu6 = |x: &T| {
        if *x < T::of(0.0) {
            T::of(0.0)
        } else if *x > T::of(6.0) {
            T::of(6.0)
        } else {
            *x
        }
    };
    let past: Vec<Vec<T>> = x.iter().map(|x| x.iter().map(relu6).collect()).collect();
    let channels = bias.len();
    let output = |t: usize, o: usize| {
        taps(&past, t, dilation).fold(bias[o], |sum, (tap, a)| {
            (0..channels).fold(sum, |sum, i| sum + T::of(weight[(o * channels + i) * TAPS + tap]) * a[i])
        })
    };
    (0..x.len()).map(|t| (0..channels).map(|o| output(t, o)).collect()).collect()
}

fn int8_layer<T: Number>(weight: &[i8], scales: &[f32], bias: &[T], dilation: usize, x: &[Vec<T>]) -> Vec<Vec<T>> {
    let quantise = |x: &T| ((x.wide() as f32).clamp(0.0, 6.0) * (127.0f32 / 6.0)).round_ties_even() as i32;
    let past: Vec<Vec<i32>> = x.iter().map(|x| x.iter().map(quantise).collect()).collect();
    let channels = bias.len();
    let output = |t: usize, o: usize| {
        let sum = taps(&past, t, dilation).fold(0, |sum, (tap, q)| {
            (0..channels).fold(sum, |sum, i| sum + i32::from(weight[(o * channels + i) * TAPS + tap]) * q[i])
        });
        T::of(sum as f32) * T::of(scales[o] * (6.0f32 / 127.0)) + bias[o]
    };
    (0..x.len()).map(|t| (0..channels).map(|o| output(t, o)).collect()).collect()
}
