"""Controls to audio, as the plugin plays it at the model's own rate, with gradients: harmonics plus filtered noise.

In: head pre-activations `[frames, voices, 1 | K | B]` and f0 in Hz `[frames, voices]`. Out: audio `[voices, samples]`,
`HOP` samples per segment between two frames. The definitions are those of docs/architecture.md, "The signal model".
"""

import math

import torch

from . import BANDWIDTH_HZ, HOP, SAMPLE_RATE_HZ
from .harmonic_kernel import harmonic_sum

_LN_10 = math.log(10.0)


# (amplitude `[T, V, 1]`, harmonic shares `[T, V, K]` that sum to 1, band magnitudes `[T, V, B]`)
Controls = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def exp_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """2 sigmoid(x)^ln(10) + 1e-7, by way of the logarithm so that the gradient stays finite far below 0."""
    return 2.0 * torch.exp(_LN_10 * torch.nn.functional.logsigmoid(x)) + 1e-7


def fade(frequency_hz: torch.Tensor) -> torch.Tensor:
    """1 up to the bandwidth, 0 from the Nyquist frequency, half a cosine between."""
    nyquist_hz = SAMPLE_RATE_HZ / 2
    position = ((frequency_hz - BANDWIDTH_HZ) / (nyquist_hz - BANDWIDTH_HZ)).clamp(0.0, 1.0)
    return 0.5 * (1.0 + torch.cos(math.pi * position))


def band_frequencies_hz(n_bands: int) -> torch.Tensor:
    return torch.linspace(0.0, SAMPLE_RATE_HZ / 2, n_bands, dtype=torch.float64)


def controls(pre_amplitude, pre_harmonics, pre_noise, f0_hz):
    """Pre-activations to (amplitude `[T, V, 1]`, harmonic shares `[T, V, K]` that sum to 1, band magnitudes `[T, V, B]`)."""
    amplitude = exp_sigmoid(pre_amplitude)
    numbers = torch.arange(1, pre_harmonics.shape[-1] + 1, dtype=f0_hz.dtype, device=f0_hz.device)
    faded = exp_sigmoid(pre_harmonics) * fade(f0_hz[..., None] * numbers).to(pre_harmonics.dtype)
    total = faded.sum(-1, keepdim=True)
    shares = torch.where(total < 1e-7, torch.zeros_like(faded), faded / total.clamp_min(1e-7))
    noise = exp_sigmoid(pre_noise) * fade(band_frequencies_hz(pre_noise.shape[-1])).to(pre_noise)
    return amplitude, shares, noise


def noise_response(n_bands: int, fir_ms: float) -> torch.Tensor:
    """The matrix `[n_bands, taps]` (float64) from band magnitudes to the causal Hann-windowed FIR.

    Tap n lies at tau = n / rate - L / 2; both ends of the window are 0, so a 4 ms filter at 32 kHz has 128 taps
    with a delay of 64 samples.
    """
    length_s = fir_ms / 1000.0
    n_taps = round(length_s * SAMPLE_RATE_HZ)
    tau = torch.arange(n_taps, dtype=torch.float64) / SAMPLE_RATE_HZ - length_s / 2
    hann = 0.5 * (1.0 + torch.cos(2.0 * math.pi * tau / length_s))
    weights = torch.full((n_bands, 1), 2.0, dtype=torch.float64)
    weights[0] = weights[-1] = 1.0
    cosines = torch.cos(2.0 * math.pi * band_frequencies_hz(n_bands)[:, None] * tau)
    return weights * cosines * hann / (2.0 * (n_bands - 1))


class FilteredNoise:
    """White noise through the FIR of each frame, the taps interpolated between frames.

    A sample at weight w between two frames passes (1 - w) of the one filter and w of the other. That equals cutting
    the noise with triangles of two segments, one per frame, filtering each piece with its frame's FIR and adding up.
    """

    def __init__(self, n_bands: int, fir_ms: float):
        response = noise_response(n_bands, fir_ms)
        self.n_taps = response.shape[1]
        if self.n_taps % 2:
            raise ValueError(f"a noise filter of {fir_ms} ms has {self.n_taps} taps: their number must be even")
        # A piece and its tail in whole hops, so that overlap-add is a sum of shifted rows.
        self.n_hops = math.ceil((2 * HOP + self.n_taps - 1) / HOP)
        self.n_fft = self.n_hops * HOP
        # The zero-phase spectrum is real: the gradient passes one real matrix product instead of an FFT. The delay of half
        # the taps comes from where a piece lies in its transform.
        advance = torch.exp(2j * math.pi * torch.arange(self.n_fft // 2 + 1, dtype=torch.float64) * (self.n_taps / 2) / self.n_fft)
        self.to_spectrum = (torch.fft.rfft(response, n=self.n_fft) * advance).real.float()
        rising = torch.arange(HOP, dtype=torch.float32) / HOP
        self.triangle = torch.cat([rising, 1.0 - rising])

    def __call__(self, noise: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
        """`noise` `[voices, (T - 1) * HOP]`, `magnitudes` `[T, voices, bands]`; returns the shape of `noise`."""
        n_frames, n_voices, _ = magnitudes.shape
        if self.triangle.device != noise.device:
            self.triangle, self.to_spectrum = self.triangle.to(noise.device), self.to_spectrum.to(noise.device)
        padded = torch.nn.functional.pad(noise, (HOP, HOP))
        pieces = padded.unfold(-1, 2 * HOP, HOP) * self.triangle
        late = self.n_taps // 2
        spectrum = torch.fft.rfft(torch.nn.functional.pad(pieces, (late, self.n_fft - 2 * HOP - late)))
        filters = (magnitudes @ self.to_spectrum).transpose(0, 1)
        filtered = torch.fft.irfft(spectrum * filters, n=self.n_fft).reshape(n_voices, n_frames, self.n_hops, HOP)
        total = filtered.new_zeros(n_voices, n_frames + self.n_hops, HOP)
        for hop in range(self.n_hops):
            total[:, hop : hop + n_frames] += filtered[:, :, hop]
        return total.reshape(n_voices, -1)[:, HOP : HOP + noise.shape[-1]]


class Synth:
    """One voice per batch entry; holds only constants."""

    def __init__(self, n_bands: int, fir_ms: float):
        self.noise_filter = FilteredNoise(n_bands, fir_ms)

    def __call__(self, pre, f0_hz, noise):
        """`pre`: the three heads' outputs; `noise` `[voices, (T - 1) * HOP]`, uniform in [-1, 1]; returns dry audio."""
        return self.play(controls(*pre, f0_hz), f0_hz, noise)

    def play(self, played: Controls, f0_hz, noise):
        """Dry audio of controls."""
        amplitude, shares, magnitudes = played
        return harmonic_sum(f0_hz, amplitude * shares) + self.noise_filter(noise, magnitudes)
