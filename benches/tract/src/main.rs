//! What a call of an ONNX model takes with tract on one thread: `retort-tract MODEL.onnx`.
//!
//! The first input is fed with a number that moves, all others with the outputs of the same place in the call before, as a
//! decoder's state is. Prints the median of seven runs of many calls, in microseconds of processor time per call.

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
    let path = std::env::args().nth(1).unwrap_or_default();
    let model = tract_onnx::onnx().model_for_path(path)?.into_optimized()?.into_runnable()?;
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
    let mut call = |k: usize| -> TractResult<()> {
        let values = vec![0.3 + 0.4 * (k % 50) as f32 / 50.0; shapes[0].iter().product()];
        let x = Tensor::from_shape(&shapes[0], &values)?;
        let outputs = model.run(std::iter::once(x.into()).chain(state.iter().cloned()).collect())?;
        state = outputs.into_iter().skip(1).collect();
        Ok(())
    };
    // A run that warms up, and finds how many calls the others need.
    let (begin, mut calls) = (thread_s(), 0);
    while thread_s() - begin < LEAST_S {
        call(calls)?;
        calls += 1;
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begin = thread_s();
        (0..calls).try_for_each(&mut call)?;
        times.push((thread_s() - begin) / calls as f64 * 1e6);
    }
    times.sort_by(f64::total_cmp);
    println!("{}", times[RUNS / 2]);
    Ok(())
}
