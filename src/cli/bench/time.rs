//! Time as a benchmark needs it: what this thread used of the processor, so that other programs do not count.

use std::time::{Duration, Instant};

/// Times that each measurement is repeated.
const RUNS: usize = 7;

/// How long a run takes at least. Linux brings a thread's account up to date every few milliseconds only.
const LEAST_TIME: Duration = Duration::from_millis(200);

/// Processor time of this thread where the system tells it, else the time on the wall.
struct Stopwatch {
    wall: Instant,
    used: Option<Duration>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), used: thread_time() }
    }

    fn elapsed(&self) -> Duration {
        match (self.used, thread_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.wall.elapsed(),
        }
    }
}

/// The first number of schedstat: nanoseconds that the thread has run.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Seconds that `work` takes: the median of [`RUNS`] runs, each of which repeats it often enough to be measured well. A
/// run before them fills the caches and finds how often that is.
pub fn median_s(mut work: impl FnMut()) -> f64 {
    let stopwatch = Stopwatch::start();
    let mut repeats = 0u32;
    while stopwatch.elapsed() < LEAST_TIME {
        work();
        repeats += 1;
    }
    let run_s = || {
        let stopwatch = Stopwatch::start();
        (0..repeats).for_each(|_| work());
        stopwatch.elapsed().as_secs_f64() / f64::from(repeats)
    };
    median(std::iter::repeat_with(run_s).take(RUNS).collect())
}

/// Seconds on the wall that `work` takes, the least of `runs`.
pub fn least_s(runs: usize, mut work: impl FnMut()) -> f64 {
    let run_s = || {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    std::iter::repeat_with(run_s).take(runs).fold(f64::INFINITY, f64::min)
}

/// The middle of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_over_at_once_is_measured_too() {
        let seconds = median_s(|| {
            std::hint::black_box((0..10_000).fold(1.0f64, |x, _| std::hint::black_box(x.sqrt() + 1.0)));
        });
        assert!(seconds > 1e-6 && seconds < 0.1, "{seconds}");
    }

    #[test]
    fn waiting_costs_no_time_and_working_does() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(100));
        if stopwatch.used.is_some() {
            assert!(stopwatch.elapsed() < Duration::from_millis(50));
        }
        let (stopwatch, wall) = (Stopwatch::start(), Instant::now());
        // A fixed amount of work costs the same however busy the machine is.
        std::hint::black_box((0..40_000_000).fold(1.0f64, |x, _| std::hint::black_box(x.sqrt() + 1.0)));
        let used = stopwatch.elapsed();
        assert!(used > Duration::from_millis(20) && used < wall.elapsed() + Duration::from_millis(20), "{used:?}");
    }
}
