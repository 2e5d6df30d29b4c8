//! Carries the microphone to the output: two devices with clocks and rates of their own, one queue between them.
//!
//! Samples are read at the ratio of the two rates by cubic interpolation. When the queue is longer or shorter than it
//! should be, the ratio is bent by at most a thousandth (under 2 cents) until it is right again, so that clocks which
//! drift apart make no clicks. Equal rates in step are passed on sample by sample, unchanged.

use rtrb::Consumer;

/// The target may grow to this many times its first value on machines whose callbacks come unevenly.
const GROWTH: usize = 4;
/// How much the ratio is bent when the queue is off.
const BEND: f64 = 1e-3;

/// The reading end; belongs to the output's audio thread.
pub struct Bridge {
    queue: Consumer<f32>,
    /// Input samples per output sample.
    ratio: f64,
    /// Input samples that should wait in the queue: enough for both devices' blocks.
    target: usize,
    largest_target: usize,
    /// The last four input samples; the output lies between the second and third.
    window: [f32; 4],
    /// Where between them, 0 to 1.
    fraction: f64,
    bend: f64,
    /// False until the queue has filled up to the target, at the start and after it ran dry.
    running: bool,
}

impl Bridge {
    /// The queue's size over the target.
    pub const CAPACITY: usize = 4 * GROWTH + 4;

    /// `target` is in input samples; the queue must be able to hold [`Bridge::CAPACITY`] times as many.
    pub fn new(queue: Consumer<f32>, input_rate_hz: u32, output_rate_hz: u32, target: usize) -> Self {
        let ratio = f64::from(input_rate_hz) / f64::from(output_rate_hz);
        Self {
            queue,
            ratio,
            target,
            largest_target: GROWTH * target,
            window: [0.0; 4],
            fraction: 0.0,
            bend: 0.0,
            running: false,
        }
    }

    /// Fills `out`; silence where nothing has come in.
    pub fn read(&mut self, out: &mut [f32]) {
        let waiting = self.queue.slots();
        if !self.running && waiting < self.target {
            out.fill(0.0);
            return;
        }
        self.running = true;
        if waiting > 4 * self.target {
            // The output stood still for a while: what is old is of no use.
            self.skip(waiting - self.target);
        }
        // A band around the target, so that ordinary jitter of the callbacks bends nothing.
        if waiting > 2 * self.target + out.len() {
            self.bend = BEND;
        } else if waiting < self.target / 2 {
            self.bend = -BEND;
        } else if self.bend * (waiting as f64 - self.target as f64) <= 0.0 {
            self.bend = 0.0;
        }
        let step = self.ratio * (1.0 + self.bend);
        for (done, sample) in out.iter_mut().enumerate() {
            self.fraction += step;
            while self.fraction >= 1.0 {
                let Ok(new) = self.queue.pop() else {
                    self.running = false;
                    // Longer from now on: a little later is better than broken.
                    self.target = (self.target + self.target / 2).min(self.largest_target);
                    self.fraction = 0.0;
                    self.window = [0.0; 4];
                    out[done..].fill(0.0);
                    return;
                };
                self.window.rotate_left(1);
                self.window[3] = new;
                self.fraction -= 1.0;
            }
            *sample = cubic(self.window, self.fraction as f32);
        }
    }

    fn skip(&mut self, n: usize) {
        if let Ok(chunk) = self.queue.read_chunk(n) {
            chunk.commit_all();
        }
    }
}

/// Catmull-Rom interpolation between `y[1]` (`x` = 0) and `y[2]` (`x` = 1).
fn cubic(y: [f32; 4], x: f32) -> f32 {
    let a = 0.5 * (3.0 * (y[1] - y[2]) + y[3] - y[0]);
    let b = y[0] - 2.5 * y[1] + 2.0 * y[2] - 0.5 * y[3];
    let c = 0.5 * (y[2] - y[0]);
    ((a * x + b) * x + c) * x + y[1]
}

#[cfg(test)]
mod tests {
    use rtrb::{Producer, RingBuffer};

    use super::*;

    fn bridge(input_rate_hz: u32, output_rate_hz: u32) -> (Producer<f32>, Bridge) {
        let (producer, consumer) = RingBuffer::new(512 * Bridge::CAPACITY);
        (producer, Bridge::new(consumer, input_rate_hz, output_rate_hz, 512))
    }

    fn sine(f_hz: f64, rate_hz: u32, n: usize) -> f32 {
        (std::f64::consts::TAU * f_hz * n as f64 / f64::from(rate_hz)).sin() as f32
    }

    #[test]
    fn equal_rates_in_step_change_no_sample() {
        let (mut producer, mut bridge) = bridge(48_000, 48_000);
        let mut heard = Vec::new();
        for block in 0..100 {
            for n in 0..256 {
                producer.push((block * 256 + n) as f32).expect("the queue has room");
            }
            let mut out = [0.0; 256];
            bridge.read(&mut out);
            heard.extend(out);
        }
        let sounding: Vec<f32> = heard.into_iter().skip_while(|&x| x == 0.0).collect();
        assert!(sounding.len() > 90 * 256);
        assert!(sounding.windows(2).all(|pair| pair[1] - pair[0] == 1.0));
    }

    #[test]
    fn a_tone_keeps_its_pitch_between_44100_and_48000_hz() {
        let (mut producer, mut bridge) = bridge(44_100, 48_000);
        let (mut sent, mut heard) = (0, Vec::new());
        for block in 1..=400 {
            while sent < block * 256 * 441 / 480 {
                producer.push(sine(440.0, 44_100, sent)).expect("the queue has room");
                sent += 1;
            }
            let mut out = [0.0; 256];
            bridge.read(&mut out);
            heard.extend(out);
        }
        let steady = &heard[20_000..68_000];
        let crossings = steady.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((439..=441).contains(&crossings), "{crossings} periods in a second");
        let peak = steady.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!((peak - 1.0).abs() < 0.01, "peak {peak}");
    }

    #[test]
    fn clocks_that_drift_apart_make_no_click() {
        let (mut producer, mut bridge) = bridge(48_000, 48_000);
        let (mut sent, mut heard) = (0, Vec::new());
        // The input runs 300 ppm fast: 10 s bring 144 samples too many, 100 s would fill the queue.
        for block in 1..=20_000_usize {
            while (sent as f64) < block as f64 * 256.0 * 1.000_3 {
                producer.push(sine(440.0, 48_000, sent)).expect("the queue does not fill up");
                sent += 1;
            }
            let mut out = [0.0; 256];
            bridge.read(&mut out);
            heard.extend(out);
        }
        let largest = heard[4_096..].windows(2).fold(0.0f32, |step, pair| step.max((pair[1] - pair[0]).abs()));
        // The steepest step of the sine itself is 2 pi 440 / 48000 = 0.0576.
        assert!(largest < 0.06, "step {largest}");
    }

    #[test]
    fn uneven_callbacks_break_the_sound_a_few_times_at_most() {
        let (mut producer, mut bridge) = bridge(48_000, 48_000);
        let mut breaks = 0;
        for block in 0..4_000 {
            // The input comes in bursts of 1,280 samples, the output asks for 256 at a time.
            if block % 5 == 0 {
                for _ in 0..1_280 {
                    producer.push(0.5).expect("the queue does not fill up");
                }
            }
            let mut out = [0.0; 256];
            bridge.read(&mut out);
            breaks += usize::from(out[0] == 0.0);
        }
        assert!(breaks < 20, "{breaks} broken blocks");
    }

    #[test]
    fn an_input_that_stops_gives_silence_and_comes_back() {
        let (mut producer, mut bridge) = bridge(48_000, 48_000);
        let mut out = [1.0; 256];
        bridge.read(&mut out);
        assert_eq!(out, [0.0; 256]);
        for _ in 0..600 {
            producer.push(0.5).expect("the queue has room");
        }
        bridge.read(&mut out);
        assert_eq!(out[100], 0.5);
        bridge.read(&mut out);
        bridge.read(&mut out);
        bridge.read(&mut out);
        assert_eq!(out, [0.0; 256]);
    }
}
