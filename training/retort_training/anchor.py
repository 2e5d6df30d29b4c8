"""The low anchor: linear prediction of order 10 with impulses as its source. It only gives the scale its lower end.

Per window of 800 samples at 16 kHz (50 ms, Hann, half overlapping): the all-pole filter by the autocorrelation method (Levinson's
recursion), driven by impulses at the tracked pitch, its output set to the window's RMS, the windows added up. Impulses are its
only source, as in the published test: where nothing is voiced they go on at the held pitch, so breath and bow noise buzz.

Impulses lie between samples (windowed sinc), or a high note would be out of tune. For the full band the same is made at 32 kHz from the resampled
recording, with windows as long in time and twice the order, so the same number of poles per kHz.
"""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from . import FRAME_RATE_HZ

ORDER, WINDOW, RATE_HZ = 10, 800, 16_000
# Half the length of an impulse's sinc, in samples.
_SIDE = 16
# A little white noise in the correlation keeps the filter of a pure tone stable.
_NOISE_FLOOR = 1e-6


def impulses(f0_hz: np.ndarray, n_samples: int, rate_hz: int) -> np.ndarray:
    """A band-limited impulse wherever the running phase of `f0_hz` (one value per 4 ms frame, above 0) passes a whole cycle."""
    times = np.arange(n_samples) / rate_hz
    pitch = np.interp(times, np.arange(len(f0_hz)) / FRAME_RATE_HZ, f0_hz)
    phase = np.concatenate([[0.0], np.cumsum(pitch / rate_hz)])
    positions = np.interp(np.arange(1, int(phase[-1]) + 1), phase, np.arange(n_samples + 1))
    first = np.floor(positions).astype(int)
    offsets = np.arange(-_SIDE + 1, _SIDE + 1)
    distance = offsets[None] - (positions - first)[:, None]
    taper = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / _SIDE, -1.0, 1.0))
    source = np.zeros(n_samples + 2 * _SIDE)
    np.add.at(source, first[:, None] + offsets + _SIDE, np.sinc(distance) * taper)
    return source[_SIDE : _SIDE + n_samples]


def predictor(frame: np.ndarray, order: int) -> np.ndarray:
    """The coefficients `[1, a1 .. a_order]` of the inverse filter of a windowed frame."""
    size = 1 << int(np.ceil(np.log2(2 * len(frame))))
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frame, size)) ** 2)[: order + 1]
    if correlation[0] <= 1e-12:
        return np.eye(1, order + 1)[0]
    correlation[0] *= 1.0 + _NOISE_FLOOR
    return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])


def resynthesise(audio: np.ndarray, f0_hz: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """The anchor's version of `audio`: mono at `rate_hz` (a multiple of 16 kHz), as long and aligned; `f0_hz` per 4 ms frame."""
    scale = rate_hz // RATE_HZ
    window, order = WINDOW * scale, ORDER * scale
    hop = window // 2
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)
    n_windows = -(-len(audio) // hop) + 1
    padded = np.zeros((n_windows + 1) * hop)
    padded[hop : hop + len(audio)] = audio
    source = np.zeros_like(padded)
    source[hop : hop + len(audio)] = impulses(f0_hz, len(audio), rate_hz)
    total = np.zeros_like(padded)
    for start in range(0, n_windows * hop, hop):
        part = slice(start, start + window)
        frame = padded[part] * hann
        made = lfilter([1.0], predictor(frame, order), source[part]) * hann
        power = np.sum(made**2)
        if power > 0.0:
            total[part] += made * np.sqrt(np.sum(frame**2) / power)
    return total[hop : hop + len(audio)].astype(np.float32)
