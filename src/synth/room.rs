//! The room: convolution with a learned impulse response, without latency and without bursts of work.
//!
//! `y = x + amount (r * x)`. The response's first 64 taps are convolved directly; then come partitions of 64, whose work
//! is done as soon as a step of 64 samples is complete; from twice the long block on come long partitions, whose work
//! on one block is spread evenly over the steps of the next. Everything happens at fixed positions of the room's own
//! sample counter.

use super::room_levels::{DirectTaps, Partitions, STEP};
use super::room_response::response_at_host_rate;
use crate::simd::Simd;

/// Seconds that the amount takes from 0 to 1.
const AMOUNT_RAMP_S: f64 = 0.02;

/// A mono room for one output; see the module's description.
pub struct Room {
    simd: Simd,
    n_taps: usize,
    direct: DirectTaps,
    short: Partitions,
    /// Response of `short` to play in the current step.
    short_out: [f32; STEP],
    long: Partitions,
    long_block: usize,
    /// Response of `long` to play in the current block, and the one that is made meanwhile.
    long_out: Vec<f32>,
    long_next: Vec<f32>,
    /// Sample within the current step, and step within the current long block.
    at: usize,
    step: usize,
    /// Steps until all state is silent if nothing more comes in.
    sounding_steps: usize,
    /// Amount at the step's start, its rise per sample, and whether one was ever set.
    amount: f32,
    amount_rise: f32,
    amount_known: bool,
    most_rise: f32,
}

impl Room {
    /// A room from its impulse response without the direct sound (`impulse_response[0] = 0`) at `model_rate_hz`. An empty or
    /// silent response leaves sound exactly as it is. Allocates, and takes some ms: not for the audio thread.
    ///
    /// # Panics
    /// If a rate is 0.
    #[must_use]
    pub fn new(impulse_response: &[f32], model_rate_hz: u32, host_rate_hz: u32) -> Self {
        Self::with_simd(impulse_response, model_rate_hz, host_rate_hz, Simd::detect())
    }

    /// As [`Room::new`] with a given instruction set, which the machine must have.
    ///
    /// # Panics
    /// If a rate is 0.
    #[must_use]
    pub fn with_simd(impulse_response: &[f32], model_rate_hz: u32, host_rate_hz: u32, simd: Simd) -> Self {
        assert!(model_rate_hz > 0 && host_rate_hz > 0, "rates are above 0 Hz");
        let response = response_at_host_rate(impulse_response, model_rate_hz, host_rate_hz);
        let long_block = long_block(response.len());
        let short_end = response.len().min(2 * long_block);
        Self {
            simd,
            n_taps: response.len(),
            direct: DirectTaps::new(&response),
            short: Partitions::new(&response[short_end.min(STEP)..short_end], STEP),
            short_out: [0.0; STEP],
            long: Partitions::new(&response[short_end..], long_block),
            long_block,
            long_out: vec![0.0; long_block],
            long_next: vec![0.0; long_block],
            at: 0,
            step: 0,
            sounding_steps: 0,
            amount: 0.0,
            amount_rise: 0.0,
            amount_known: false,
            most_rise: (1.0 / (AMOUNT_RAMP_S * f64::from(host_rate_hz))) as f32,
        }
    }

    /// Silence, as if nothing had ever sounded in the room.
    pub fn reset(&mut self) {
        self.direct.reset();
        self.short.reset();
        self.long.reset();
        self.short_out.fill(0.0);
        self.long_out.fill(0.0);
        self.long_next.fill(0.0);
        self.at = 0;
        self.step = 0;
        self.sounding_steps = 0;
        self.amount_rise = 0.0;
        self.amount_known = false;
    }

    /// Adds the room to `io`. `amount` is 0 to 1: the first one after a reset counts at once; later ones are looked at
    /// every 64 samples of the room's counter, and reached by ramps that would take 20 ms from 0 to 1.
    pub fn process(&mut self, io: &mut [f32], amount: f32) {
        if self.n_taps == 0 {
            return;
        }
        let amount = if amount.is_finite() { amount } else { 0.0 };
        if !self.amount_known && !io.is_empty() {
            self.amount = amount;
            self.amount_known = true;
        }
        let mut rest = io;
        while !rest.is_empty() {
            if self.at == 0 {
                let reachable = self.most_rise * STEP as f32;
                self.amount_rise = (amount - self.amount).clamp(-reachable, reachable) / STEP as f32;
            }
            let run = rest.len().min(STEP - self.at);
            let (now, later) = rest.split_at_mut(run);
            self.process_run(now);
            self.at += run;
            if self.at == STEP {
                self.finish_step(amount);
            }
            rest = later;
        }
    }

    /// Samples within one step.
    fn process_run(&mut self, io: &mut [f32]) {
        let mut first_taps = [0.0; STEP];
        let first_taps = &mut first_taps[..io.len()];
        self.direct.process(self.simd, self.at, io, first_taps);
        let short = &self.short_out[self.at..];
        let long = &self.long_out[self.step * STEP + self.at..];
        for (i, (x, &direct)) in io.iter_mut().zip(first_taps.iter()).enumerate() {
            let amount = self.amount + self.amount_rise * (self.at + i) as f32;
            *x += amount * (direct + short[i] + long[i]);
        }
    }

    /// A step of input is complete: does the partitions' share of work.
    fn finish_step(&mut self, amount: f32) {
        self.at = 0;
        self.amount += self.amount_rise * STEP as f32;
        if (self.amount - amount).abs() < 1e-6 {
            self.amount = amount;
        }
        let steps = self.long_block / STEP;
        let input = self.direct.step_input();
        let silent_input = input.iter().all(|&x| x == 0.0);
        if silent_input {
            self.sounding_steps = self.sounding_steps.saturating_sub(1);
        } else {
            // All that this step's input can reach, and the two long blocks in which work on it is under way.
            self.sounding_steps = self.n_taps / STEP + 4 * steps + 2;
        }
        if self.sounding_steps == 0 {
            // Every block of input that still counts was zeros, and so are all results: only the counters go on.
            self.step = (self.step + 1) % steps;
            self.direct.advance();
            return;
        }
        self.short.write_input(0, input);
        self.short.transform_input();
        self.short.multiply(self.simd, 0..self.short.n_partitions());
        self.short.transform_sum(&mut self.short_out);
        self.long.write_input(self.step * STEP, input);
        self.direct.advance();
        self.step += 1;
        if self.step == steps {
            self.step = 0;
            std::mem::swap(&mut self.long_out, &mut self.long_next);
        }
        self.long_share(steps);
    }

    /// The work of the long partitions in the step that begins: transforms in the first and the last, products between.
    fn long_share(&mut self, steps: usize) {
        let last = steps - 1;
        if self.step == 0 {
            self.long.transform_input();
        } else if self.step == last {
            self.long.transform_sum(&mut self.long_next);
        } else {
            let n = self.long.n_partitions();
            let share = |step: usize| n * step / (steps - 2);
            self.long.multiply(self.simd, share(self.step - 1)..share(self.step));
        }
    }

    /// Bytes that response and state take, transforms' tables not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.short.memory_bytes() + self.long.memory_bytes() + 2 * size_of_val(&self.long_out[..])
    }

    /// Samples that still sound when the input has ended: the response's length less one.
    #[must_use]
    pub fn tail_samples(&self) -> usize {
        self.n_taps.saturating_sub(1)
    }
}

/// Long enough that products, which shrink with it, and transforms, which cannot be spread, cost about the same per step.
fn long_block(n_taps: usize) -> usize {
    match n_taps {
        0..=65_536 => 512,
        65_537..=196_608 => 1024,
        _ => 2048,
    }
}
