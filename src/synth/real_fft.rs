//! A real FFT of one size with the scratch memory that it needs, so that transforms on the audio thread never allocate.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Plans of one size; shared between voices.
#[derive(Clone)]
pub(super) struct FftPlan {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl FftPlan {
    /// `size` is even and above 0.
    #[must_use]
    pub(super) fn new(size: usize) -> Self {
        debug_assert!(size > 0 && size.is_multiple_of(2), "an even size");
        let mut planner = RealFftPlanner::new();
        Self { forward: planner.plan_fft_forward(size), inverse: planner.plan_fft_inverse(size) }
    }

    /// The least even size of at least `len` with no prime factor above 3: fast, and close to what is needed.
    #[must_use]
    pub(super) fn fast_size(len: usize) -> usize {
        let smooth = |mut n: usize| {
            while n.is_multiple_of(2) {
                n /= 2;
            }
            while n.is_multiple_of(3) {
                n /= 3;
            }
            n == 1
        };
        (len.max(2)..).find(|&n| n.is_multiple_of(2) && smooth(n)).unwrap_or(len.next_power_of_two())
    }

    #[must_use]
    pub(super) fn size(&self) -> usize {
        self.forward.len()
    }

    /// Bins of a spectrum: size / 2 + 1.
    #[must_use]
    pub(super) fn bins(&self) -> usize {
        self.size() / 2 + 1
    }

    /// Scratch memory for [`FftPlan::forward`] and [`FftPlan::inverse`].
    #[must_use]
    pub(super) fn scratch(&self) -> Vec<Complex32> {
        vec![Complex32::ZERO; self.forward.get_scratch_len().max(self.inverse.get_scratch_len())]
    }

    /// Overwrites `signal` (`[size]`), writes `spectrum` (`[bins]`).
    pub(super) fn forward(&self, signal: &mut [f32], spectrum: &mut [Complex32], scratch: &mut [Complex32]) {
        // Fails only for wrong lengths, and all lengths here come from this plan.
        let done = self.forward.process_with_scratch(signal, spectrum, scratch);
        debug_assert!(done.is_ok());
    }

    /// Overwrites `spectrum` (`[bins]`), writes `signal` (`[size]`), `size` times as loud as the input of `forward`.
    pub(super) fn inverse(&self, spectrum: &mut [Complex32], signal: &mut [f32], scratch: &mut [Complex32]) {
        // A real signal's spectrum is real at both ends; rounding must not make the transform complain.
        if let [first, .., last] = spectrum {
            first.im = 0.0;
            last.im = 0.0;
        }
        // Fails only for wrong lengths, as above.
        let done = self.inverse.process_with_scratch(spectrum, signal, scratch);
        debug_assert!(done.is_ok());
    }
}
