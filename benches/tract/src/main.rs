//! What a call of an ONNX model takes with tract on one thread: `retort-tract MODEL.onnx CALLS`.
//!
//! The first input is fed with a number that moves, all others with the outputs of the same place in the call before, as a
//! decoder's state is. Prints the median of seven runs of so many calls, in microseconds of processor time per call.

use tract_onnx::prelude::*;

const RUNS: usize = 7;

/// Processor time of this thread in seconds, where Linux tells it.
fn thread_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
}

fn main() -> TractResult<()> {
    let mut words = std::env::args().skip(1);
    let path = words.next().unwrap_or_default();
    let calls: usize = words.next().and_then(|number| number.parse().ok()).unwrap_or(1);
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
    let mut times = Vec::new();
    for _ in 0..=RUNS {
        let begin = thread_s();
        for k in 0..calls {
            let values = vec![0.3 + 0.4 * (k % 50) as f32 / 50.0; shapes[0].iter().product()];
            let x = Tensor::from_shape(&shapes[0], &values)?;
            let inputs = std::iter::once(x.into()).chain(state.iter().cloned()).collect();
            let outputs = model.run(inputs)?;
            state = outputs.into_iter().skip(1).collect();
        }
        times.push((thread_s() - begin) / calls as f64 * 1e6);
    }
    // The first run warms up.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    println!("{}", times[RUNS / 2]);
    Ok(())
}
