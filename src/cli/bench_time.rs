//! Time as a benchmark needs it: what this thread used of the processor, so that other programs do not count.

use std::time::{Duration, Instant};

/// Times that each measurement is repeated; the median is reported.
pub const RUNS: usize = 5;

/// Processor time of this thread where the system tells it, else the time on the wall.
///
/// Linux brings its account up to date every few milliseconds, so what is measured should last a tenth of a second.
pub struct Stopwatch {
    wall: Instant,
    used: Option<Duration>,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { wall: Instant::now(), used: thread_time() }
    }

    pub fn elapsed(&self) -> Duration {
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

/// The median of [`RUNS`] times in seconds that `work` takes. One more run before them fills the caches.
pub fn median_s(mut work: impl FnMut()) -> f64 {
    work();
    median(
        (0..RUNS)
            .map(|_| {
                let stopwatch = Stopwatch::start();
                work();
                stopwatch.elapsed().as_secs_f64()
            })
            .collect(),
    )
}

/// The middle of an odd number of values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_no_time_and_working_does() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(100));
        if stopwatch.used.is_some() {
            assert!(stopwatch.elapsed() < Duration::from_millis(50));
        }
        let (stopwatch, wall) = (Stopwatch::start(), Instant::now());
        let mut x = 1.0f64;
        while wall.elapsed() < Duration::from_millis(300) {
            x = std::hint::black_box(x.sqrt() + 1.0);
        }
        let used = stopwatch.elapsed();
        assert!(used > Duration::from_millis(30) && used < Duration::from_millis(330), "{used:?}");
    }
}
