"""Sums harmonics and carries the gradient back to their amplitudes; nothing else of a harmonic voice needs one.

f0 is measured, not learned, so the sines are constants of the backward pass. Both directions therefore make the
sines by rotation over k, segment by segment in the cache, and keep none of them. The phase is float64 cycles.
"""

import math

import numba
import numpy as np
import torch

from . import HOP, SAMPLE_RATE_HZ

_FAST = {"contract", "reassoc", "nsz", "arcp"}


@numba.njit(cache=True)
def _base_rotation(f0_from, f0_to, phase, sines, cosines):
    """Fills sin and cos of 2 pi phi for one segment; returns the phase (cycles, wrapped) at its end."""
    for i in range(HOP):
        # Sample 0 of the segment carries frame t-1's value; the sample after the last carries frame t's.
        phase += (f0_from + (f0_to - f0_from) * (i / HOP)) / SAMPLE_RATE_HZ
        phase -= math.floor(phase)
        angle = 2.0 * math.pi * phase
        sines[i] = math.sin(angle)
        cosines[i] = math.cos(angle)
    return phase


@numba.njit(cache=True)
def _audible_harmonics(f0_from, f0_to, n_harmonics):
    """How many harmonics of this segment lie under the Nyquist frequency; the rest have amplitude 0 (see `synth.fade`)."""
    lowest = min(f0_from, f0_to)
    return min(n_harmonics, int(SAMPLE_RATE_HZ / 2 / max(lowest, 1.0)) + 1)


@numba.njit(cache=True, fastmath=_FAST)
def _forward(f0, amplitudes, out):
    n_frames, n_voices, n_harmonics = amplitudes.shape
    sines, cosines = np.empty(HOP, np.float32), np.empty(HOP, np.float32)
    s, c = np.empty(HOP, np.float32), np.empty(HOP, np.float32)
    ramp = (np.arange(HOP) / HOP).astype(np.float32)
    for b in range(n_voices):
        phase = 0.0
        for t in range(1, n_frames):
            phase = _base_rotation(f0[t - 1, b], f0[t, b], phase, sines, cosines)
            s[:], c[:] = sines, cosines
            x = out[b, (t - 1) * HOP : t * HOP]
            x[:] = 0.0
            for k in range(_audible_harmonics(f0[t - 1, b], f0[t, b], n_harmonics)):
                start = amplitudes[t - 1, b, k]
                slope = amplitudes[t, b, k] - start
                for i in range(HOP):
                    x[i] += (start + slope * ramp[i]) * s[i]
                    rotated = s[i] * cosines[i] + c[i] * sines[i]
                    c[i] = c[i] * cosines[i] - s[i] * sines[i]
                    s[i] = rotated


@numba.njit(cache=True, fastmath=_FAST)
def _backward(f0, grad_out, grad_amplitudes):
    n_frames, n_voices, n_harmonics = grad_amplitudes.shape
    sines, cosines = np.empty(HOP, np.float32), np.empty(HOP, np.float32)
    s, c = np.empty(HOP, np.float32), np.empty(HOP, np.float32)
    ramp = (np.arange(HOP) / HOP).astype(np.float32)
    for b in range(n_voices):
        phase = 0.0
        for t in range(1, n_frames):
            phase = _base_rotation(f0[t - 1, b], f0[t, b], phase, sines, cosines)
            s[:], c[:] = sines, cosines
            g = grad_out[b, (t - 1) * HOP : t * HOP]
            for k in range(_audible_harmonics(f0[t - 1, b], f0[t, b], n_harmonics)):
                whole, late = np.float32(0.0), np.float32(0.0)
                for i in range(HOP):
                    pulled = g[i] * s[i]
                    whole += pulled
                    late += pulled * ramp[i]
                    rotated = s[i] * cosines[i] + c[i] * sines[i]
                    c[i] = c[i] * cosines[i] - s[i] * sines[i]
                    s[i] = rotated
                grad_amplitudes[t - 1, b, k] += whole - late
                grad_amplitudes[t, b, k] += late


class _HarmonicSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f0_hz, amplitudes):
        f0 = np.ascontiguousarray(f0_hz.detach().numpy(), dtype=np.float64)
        values = np.ascontiguousarray(amplitudes.detach().numpy(), dtype=np.float32)
        out = np.empty((values.shape[1], (values.shape[0] - 1) * HOP), np.float32)
        _forward(f0, values, out)
        ctx.f0, ctx.shape = f0, values.shape
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx, grad_out):
        grad = np.zeros(ctx.shape, np.float32)
        _backward(ctx.f0, np.ascontiguousarray(grad_out.numpy()), grad)
        return None, torch.from_numpy(grad)


def harmonic_sum(f0_hz: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
    """Sines at the multiples of f0, interpolated between frames.

    `f0_hz` `[frames, voices]`, above 0; `amplitudes` `[frames, voices, harmonics]`, linear, zero above Nyquist.
    Returns `[voices, (frames - 1) * HOP]`: the segments between the frames. The phase starts at 0.
    Gradients flow to `amplitudes` only.
    """
    return _HarmonicSum.apply(f0_hz, amplitudes) if amplitudes.is_cpu else plain_harmonic_sum(f0_hz, amplitudes)


def plain_harmonic_sum(f0_hz: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
    """`harmonic_sum` in whole tensors, for a graphics processor: every sine is kept for the backward pass."""
    n_frames, n_voices, n_harmonics = amplitudes.shape
    ramp = torch.arange(HOP, device=f0_hz.device, dtype=torch.float64) / HOP
    f0 = f0_hz.detach().double().t()
    steps = (f0[:, :-1, None] + (f0[:, 1:] - f0[:, :-1])[..., None] * ramp) / SAMPLE_RATE_HZ
    phase = torch.remainder(torch.cumsum(steps.flatten(1), 1), 1.0)
    values = amplitudes.transpose(0, 1)
    slopes = values[:, 1:] - values[:, :-1]
    out = torch.zeros(n_voices, (n_frames - 1) * HOP, device=amplitudes.device)
    for k in range(n_harmonics):
        sines = torch.sin(2.0 * math.pi * torch.remainder((k + 1) * phase, 1.0)).float()
        levels = values[:, :-1, k, None] + slopes[:, :, k, None] * ramp.float()
        out = out + levels.flatten(1) * sines
    return out
