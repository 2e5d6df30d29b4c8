"""Faults of a recording that can be measured: a band limit, mains hum, a high noise floor."""

import numpy as np
import soxr

from .. import BANDWIDTH_HZ, SAMPLE_RATE_HZ
from ..features import VOICED, Features

_BAND_HZ = 500.0
# A codec or a resampler leaves a step of at least so much from one band to the next, and above it nothing: so far under the loudest band.
_EDGE_DB, _NOTHING_DB = 20.0, 70.0
# Hum stands out of its neighbourhood by so much in the quietest tenth of the time.
_HUM_OUT_DB = 12.0
_HUM_RATE_HZ, _HUM_WINDOW = 4_000, 4_096
# A pause is so far softer than the notes, and pauses take this share of the time at least.
_PAUSE_DB, _LEAST_PAUSE = 15.0, 0.03


def band_levels_db(audio: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    """What bands of 500 Hz hold in the loudest moments, in dB; `sounding` says of equal shares of the time whether there is sound."""
    n = 1024
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(audio, (0, n)), n)[::n]
    at = np.minimum(np.arange(len(frames)) * len(sounding) // max(len(frames), 1), len(sounding) - 1)
    chosen = np.flatnonzero(sounding[at]) if sounding[at].any() else np.arange(len(frames))
    per_band = round(_BAND_HZ * n / SAMPLE_RATE_HZ)
    window, parts = np.hanning(n).astype(np.float32), []
    for rows in _in_pieces(chosen):
        power = np.square(np.abs(np.fft.rfft(frames[rows] * window)))
        parts.append(power[:, : power.shape[1] // per_band * per_band].reshape(len(power), -1, per_band).sum(axis=2))
    bands = np.concatenate(parts)
    return 10.0 * np.log10(np.percentile(bands, 95.0, axis=0) + 1e-12)


def _in_pieces(rows: np.ndarray) -> list[np.ndarray]:
    """What is a few megabytes of spectra each: those of twenty minutes at once would take half a gigabyte."""
    return np.array_split(rows, 1 + len(rows) // 1024)


def bandwidth_hz(audio: np.ndarray, sounding: np.ndarray, rate_hz: int) -> float:
    """Up to where a recording at 32 kHz is to be trusted; `rate_hz` is the file's own."""
    level = band_levels_db(audio, sounding)
    limit = min(BANDWIDTH_HZ, 0.475 * rate_hz)
    for band in range(5, len(level) - 1):
        above = level[band + 1 :].max()
        if level[band] - above >= _EDGE_DB and level.max() - above >= _NOTHING_DB and band * _BAND_HZ < limit:
            return max(2_000.0, (band + 0.5) * _BAND_HZ)
    return float(limit)


def hum(audio: np.ndarray) -> tuple[int, float] | None:
    """The mains frequency that is heard in the quietest moments and its level in dBFS (of its sine), or `None`."""
    low = soxr.resample(audio, SAMPLE_RATE_HZ, _HUM_RATE_HZ, quality="HQ")
    if len(low) < 2 * _HUM_WINDOW:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(low, _HUM_WINDOW)[:: _HUM_WINDOW // 4]
    window = np.hanning(_HUM_WINDOW)
    # A full-scale sine is 0 dB.
    magnitude = np.concatenate([np.abs(np.fft.rfft(frames[rows] * window)).astype(np.float32) for rows in _in_pieces(np.arange(len(frames)))])
    magnitude /= window.sum() / 2.0
    quiet = 20.0 * np.log10(np.percentile(magnitude, 10.0, axis=0) + 1e-9)
    hz = np.arange(len(quiet)) * _HUM_RATE_HZ / _HUM_WINDOW
    best = None
    for mains in (50, 60):
        out = []
        for k in (1, 2, 3, 4):
            near = np.abs(hz - k * mains) < 1.6
            around = (np.abs(hz - k * mains) < 12.0) & (np.abs(hz - k * mains) > 4.0)
            out.append((quiet[near].max() - np.median(quiet[around]), quiet[near].max()))
        stands_out = [level for excess, level in out if excess > _HUM_OUT_DB]
        if len(stands_out) >= 2 and (best is None or max(stands_out) > best[1]):
            best = (mains, float(max(stands_out)))
    return best


def noise_floor_db(frames: Features) -> float | None:
    """Loudness of the pauses: the median of what is far softer than the notes and has no pitch. `None` where there are no pauses to measure it in."""
    voiced = frames.voicing >= VOICED
    if not voiced.any():
        return None
    pause = frames.loudness_db[~voiced & (frames.loudness_db < np.median(frames.loudness_db[voiced]) - _PAUSE_DB)]
    return float(np.median(pause)) if len(pause) > _LEAST_PAUSE * len(frames) else None
