//! What a call of an ONNX model takes with tract on one thread: `retort-tract MODEL.onnx INPUTS OUTPUTS`.
//!
//! `INPUTS` holds the first input of each call of a clip, one after the other, in little-endian f32; the first output of each
//! is written to `OUTPUTS` in the same way. All other inputs are the outputs of the same place in the call before, zero at
//! first, as a decoder's state is. Then the clip is played again and again: prints the median of seven runs of many calls, in
//! microseconds of processor time per call.

use tract_onnx::prelude::*;

const RUNS: usize = 7;

/// How long a run takes at least: Linux brings a thread's account up to date every few milliseconds only.
const LEAST_S: f64 = 0.2;

/// Processor time of this thread in seconds, where Linux tells it.
fn thread_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
}

fn main() -> TractResult<()> {
    let mut paths = std::env::args().skip(1);
    let mut path = || paths.next().unwrap_or_default();
    let model = tract_onnx::onnx().model_for_path(path())?.into_optimized()?.into_runnable()?;
    let shapes: Vec<Vec<usize>> = model
        .model()
        .input_outlets()?
        .iter()
        .map(|outlet| {
            let shape = model.model().outlet_fact(*outlet)?.shape.as_concrete().unwrap_or_default();
            Ok(shape.to_vec())
        })
        .collect::<TractResult<_>>()?;
    let mut state: Vec<TValue> =
        shapes[1..].iter().map(|shape| Ok(Tensor::zero::<f32>(shape)?.into())).collect::<TractResult<_>>()?;
    let clip: Vec<f32> = std::fs::read(path())?
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let step: usize = shapes[0].iter().product();
    let mut call = |k: usize| -> TractResult<TValue> {
        let begin = k % (clip.len() / step) * step;
        let x = Tensor::from_shape(&shapes[0], &clip[begin..begin + step])?;
        let mut outputs = model.run(std::iter::once(x.into()).chain(state.iter().cloned()).collect())?;
        let first = outputs.remove(0);
        state = outputs.into_vec();
        Ok(first)
    };
    let mut heard = Vec::new();
    for k in 0..clip.len() / step {
        let heads = call(k)?;
        heard.extend(heads.to_plain_array_view::<f32>()?.iter().flat_map(|value| value.to_le_bytes()));
    }
    std::fs::write(path(), heard)?;
    // A run that warms up, and finds how many calls the others need.
    let (begin, mut calls) = (thread_s(), 0);
    while thread_s() - begin < LEAST_S {
        let _ = call(calls)?;
        calls += 1;
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begin = thread_s();
        (0..calls).try_for_each(|k| call(k).map(drop))?;
        times.push((thread_s() - begin) / calls as f64 * 1e6);
    }
    times.sort_by(f64::total_cmp);
    println!("{}", times[RUNS / 2]);
    Ok(())
}
