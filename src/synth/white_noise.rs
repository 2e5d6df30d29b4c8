//! White noise as a function of seed and sample index: no state to carry, so splits and seeks cannot change it.

use crate::simd_dispatch;

/// The stream that a seed selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NoiseSeed {
    before: u32,
    after: u32,
}

impl NoiseSeed {
    /// Seeds that differ in any bit give unrelated streams.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        let low = scramble(seed as u32 ^ 0x243f_6a88);
        let high = scramble((seed >> 32) as u32 ^ low);
        Self { before: high, after: scramble(low ^ high.rotate_left(16)) }
    }

    /// Samples `first`, `first + 1`, ... of the stream, uniform in [-1, 1).
    pub(super) fn fill(self, simd: crate::simd::Simd, first: u64, out: &mut [f32]) {
        // The upper half of the counter turns once in 12 hours at 96 kHz; a fill across the turn is split there.
        let until_turn = (1_u64 << 32) - (first & 0xffff_ffff);
        let split = usize::try_from(until_turn).unwrap_or(usize::MAX).min(out.len());
        let (now, later) = out.split_at_mut(split);
        fill_stream(simd, self.at_turn(first >> 32), first as u32, now);
        if !later.is_empty() {
            fill_stream(simd, self.at_turn((first >> 32) + 1), 0, later);
        }
    }

    fn at_turn(self, turn: u64) -> Self {
        Self { before: self.before ^ scramble(turn as u32).wrapping_mul(2), after: self.after }
    }
}

/// An invertible mix of 32 bits in which every input bit moves about half of the output's: the finaliser of MurmurHash3
/// (Appleby, public domain).
#[inline(always)]
fn scramble(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

simd_dispatch!(fn fill_stream(seed: NoiseSeed, first: u32, out: &mut [f32]) = fill_stream_body);

#[inline(always)]
fn fill_stream_body<const F: bool>(seed: NoiseSeed, first: u32, out: &mut [f32]) {
    for (i, sample) in out.iter_mut().enumerate() {
        let counter = first.wrapping_add(i as u32);
        let bits = scramble(scramble(counter ^ seed.before).wrapping_add(seed.after));
        // 24 bits are all that a float keeps of a number below 1.
        *sample = ((bits as i32) >> 8) as f32 * (1.0 / 8_388_608.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Simd;

    fn noise(seed: u64, first: u64, len: usize) -> Vec<f32> {
        let mut out = vec![0.0; len];
        NoiseSeed::new(seed).fill(Simd::detect(), first, &mut out);
        out
    }

    fn correlation(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / a.len() as f64 * 3.0
    }

    #[test]
    fn noise_is_uniform_and_uncorrelated_from_sample_to_sample() {
        let noise = noise(7, 0, 1 << 18);
        let n = noise.len() as f64;
        let mean = noise.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        assert!(mean.abs() < 0.005, "mean {mean}");
        assert!((correlation(&noise, &noise) - 1.0).abs() < 0.01);
        assert!(noise.iter().all(|x| (-1.0..1.0).contains(x)));
        let mut histogram = [0_u32; 16];
        for &x in &noise {
            histogram[((x + 1.0) * 8.0) as usize] += 1;
        }
        for count in histogram {
            assert!((f64::from(count) / (n / 16.0) - 1.0).abs() < 0.04, "{histogram:?}");
        }
        for lag in 1..200 {
            let r = correlation(&noise[lag..], &noise[..noise.len() - lag]);
            assert!(r.abs() < 0.012, "lag {lag}: {r}");
        }
    }

    #[test]
    fn neighbouring_seeds_give_unrelated_noise() {
        let first = noise(0, 0, 1 << 16);
        for seed in [1, 2, 3, 1 << 32, 1 << 63] {
            let r = correlation(&first, &noise(seed, 0, 1 << 16));
            assert!(r.abs() < 0.02, "seed {seed}: {r}");
        }
    }

    #[test]
    fn noise_depends_only_on_the_sample_index() {
        let whole = noise(3, (1 << 32) - 100, 300);
        for (first, len) in [(0, 1), (1, 17), (99, 2), (100, 1), (101, 199)] {
            assert_eq!(noise(3, (1 << 32) - 100 + first as u64, len), whole[first..first + len]);
        }
        assert!(correlation(&noise(3, 0, 10_000), &noise(3, 1 << 32, 10_000)).abs() < 0.05);
    }

    #[test]
    fn every_instruction_set_makes_the_same_noise() {
        // Across the turn of the counter's upper half, too.
        let first = (1 << 32) - 400;
        let noise = |simd| {
            let mut out = vec![0.0; 1_003];
            NoiseSeed::new(9).fill(simd, first, &mut out);
            out
        };
        for simd in Simd::all() {
            assert!(noise(simd) == noise(Simd::Plain), "{}", simd.name());
        }
    }
}
