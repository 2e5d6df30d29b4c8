"""The figures by which renderings are compared with recordings, at 16 kHz mono.

The caller resamples both with soxr HQ and cuts to the shorter; f0 and loudness are measured elsewhere.
"""

import math

import numpy as np

RATE_HZ = 16_000
WINDOWS = (2048, 1024, 512, 256, 128, 64)
SILENCE_RMS = 10.0 ** (-80.0 / 20.0)


def _frames(audio: np.ndarray, n: int, hop: int) -> np.ndarray:
    padded = np.pad(np.asarray(audio, np.float64), n // 2, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, n)[::hop]


def _magnitudes(frames: np.ndarray) -> np.ndarray:
    n = frames.shape[1]
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)
    return np.abs(np.fft.rfft(frames * hann, axis=1)) / math.sqrt(n)


def multi_scale_loss(reference: np.ndarray, output: np.ndarray) -> float:
    """Sum over windows of mean |S - S'| + mean |ln(S + 1e-7) - ln(S' + 1e-7)|, hop n / 4, reflect padding n / 2;
    frames whose reference RMS is under -80 dBFS are dropped. Both inputs are 16 kHz and equally long."""
    total = 0.0
    for n in WINDOWS:
        wanted, heard = _frames(reference, n, n // 4), _frames(output, n, n // 4)
        sounding = np.sqrt(np.mean(wanted**2, axis=1)) >= SILENCE_RMS
        wanted, heard = _magnitudes(wanted[sounding]), _magnitudes(heard[sounding])
        total += np.mean(np.abs(wanted - heard))
        total += np.mean(np.abs(np.log(wanted + 1e-7) - np.log(heard + 1e-7)))
    return float(total)


def mel_bands(n_bands: int = 80, low_hz: float = 30.0, high_hz: float = 8000.0, n_fft: int = 1024) -> np.ndarray:
    """Triangles evenly spaced on the mel scale (2595 log10(1 + f / 700)), `[bands, bins]`, each with peak 1."""
    to_mel = lambda f: 2595.0 * np.log10(1.0 + f / 700.0)  # noqa: E731
    mels = np.linspace(to_mel(low_hz), to_mel(high_hz), n_bands + 2)
    corners = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins = np.arange(n_fft // 2 + 1) * RATE_HZ / n_fft
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))


def log_mel_distance(reference: np.ndarray, output: np.ndarray) -> float:
    """Mean |dB difference| of 80 mel bands of the power spectrum (n 1024, hop 256), floor 60 dB under the reference's peak."""
    bands = mel_bands()
    # A narrow low band may hold no bin; it says nothing.
    bands = bands[bands.sum(axis=1) > 0]
    frames = _frames(reference, 1024, 256)
    sounding = np.sqrt(np.mean(frames**2, axis=1)) >= SILENCE_RMS
    wanted = _magnitudes(frames[sounding]) ** 2 @ bands.T
    heard = _magnitudes(_frames(output, 1024, 256)[sounding]) ** 2 @ bands.T
    floor = wanted.max() * 1e-6
    decibels = [10.0 * np.log10(np.maximum(x, floor)) for x in (wanted, heard)]
    return float(np.mean(np.abs(decibels[0] - decibels[1])))


def pitch_error(reference_hz, reference_voiced, output_hz, output_voiced) -> tuple[float, float]:
    """(median |cents| where both are voiced, share of the reference's voiced frames within 50 cents)."""
    n = min(len(reference_hz), len(output_hz))
    voiced = reference_voiced[:n]
    cents = 1200.0 * np.abs(np.log2(np.maximum(output_hz[:n], 1.0) / np.maximum(reference_hz[:n], 1.0)))[voiced]
    heard = output_voiced[:n][voiced]
    within = heard & (cents <= 50.0)
    # Unvoiced output counts as wrong in both figures: as far off as can be in the median.
    return float(np.median(np.where(heard, cents, 1e9))), float(np.mean(within))


def loudness_error(reference_db: np.ndarray, output_db: np.ndarray) -> tuple[float, float]:
    """(mean absolute, mean signed) difference in dB over frames in which the reference is above -60 dB."""
    n = min(len(reference_db), len(output_db))
    sounding = reference_db[:n] > -60.0
    difference = (output_db[:n] - reference_db[:n])[sounding]
    return float(np.mean(np.abs(difference))), float(np.mean(difference))
