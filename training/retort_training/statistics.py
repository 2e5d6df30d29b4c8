"""What a model file says of its training data: where it lies in pitch and loudness, how steadily and how fast it is played."""

import numpy as np

from . import FRAME_RATE_HZ, LOUDNESS_FLOOR_DB
from .features import VOICED, Features

DENSITY_MIDI_MIN, DENSITY_MIDI_MAX = 24, 108
DENSITY_LOUDNESS_STEP_DB = 2
# Jitter is what is left after a mean over so many frames: 100 ms, shorter than a cycle of vibrato.
_SMOOTHING_FRAMES = 25


def midi(f0_hz: np.ndarray) -> np.ndarray:
    return 69.0 + 12.0 * np.log2(f0_hz / 440.0)


def density(frames: list[Features]) -> dict:
    """Voiced frames per semitone (row) and 2 dB of loudness (column)."""
    f0, loudness = _voiced(frames)
    rows = np.arange(DENSITY_MIDI_MIN - 0.5, DENSITY_MIDI_MAX + 1)
    columns = np.arange(LOUDNESS_FLOOR_DB, 4 + 1, DENSITY_LOUDNESS_STEP_DB)
    counts, _, _ = np.histogram2d(midi(f0), loudness, bins=[rows, columns])
    return {
        "midi_min": DENSITY_MIDI_MIN,
        "midi_step": 1,
        "loudness_min_db": LOUDNESS_FLOOR_DB,
        "loudness_step_db": DENSITY_LOUDNESS_STEP_DB,
        "counts": counts.astype(int).tolist(),
    }


def value_range(frames: list[Features]) -> dict:
    """Where the voiced frames lie in pitch and loudness, from the 3rd percentile to the 99.5th.

    What lies below are octave errors in double stops and the last of a note's decay; the highest notes are few but real.
    """
    f0, loudness = _voiced(frames)
    limits = lambda x: [round(float(q), 2) for q in np.percentile(x, [3.0, 99.5])]  # noqa: E731
    return {"f0_hz": limits(f0), "loudness_db": limits(loudness)}


def _voiced(frames: list[Features]) -> tuple[np.ndarray, np.ndarray]:
    f0 = np.concatenate([f.f0_hz[f.voicing >= VOICED] for f in frames])
    loudness = np.concatenate([f.loudness_db[f.voicing >= VOICED] for f in frames])
    return f0, loudness


def jitter(frames: list[Features]) -> dict:
    """Standard deviation of pitch and loudness around their 100 ms means, over frames inside steady notes."""
    cents, decibels = [], []
    kernel = np.ones(_SMOOTHING_FRAMES) / _SMOOTHING_FRAMES
    for f in frames:
        if len(f) < 3 * _SMOOTHING_FRAMES:
            continue
        pitch = 100.0 * midi(f.f0_hz.astype(np.float64))
        windows = np.lib.stride_tricks.sliding_window_view
        inside = slice(_SMOOTHING_FRAMES // 2, -(_SMOOTHING_FRAMES // 2))
        around = windows(pitch, _SMOOTHING_FRAMES)
        levels = windows(f.loudness_db.astype(np.float64), _SMOOTHING_FRAMES)
        voiced = windows(f.voicing >= VOICED, _SMOOTHING_FRAMES).all(axis=1)
        steady = voiced & (np.ptp(around, axis=1) < 80.0) & (np.ptp(levels, axis=1) < 6.0)
        cents.append((pitch[inside] - np.convolve(pitch, kernel, "valid"))[steady])
        loudness = f.loudness_db.astype(np.float64)
        decibels.append((loudness[inside] - np.convolve(loudness, kernel, "valid"))[steady])
    spread = lambda parts: round(float(np.std(np.concatenate(parts))), 3) if parts else 0.0  # noqa: E731
    return {"f0_jitter_cents": spread(cents), "loudness_jitter_db": spread(decibels)}


def onset_and_release(notes: list[Features]) -> dict:
    """Medians over single notes: from 30 dB under the note's level up to 3 dB under it, and from there down again."""
    onsets, releases = [], []
    for f in notes:
        loudness = f.loudness_db.astype(np.float64)
        level = np.median(loudness[loudness > loudness.max() - 10.0])
        sounding = np.flatnonzero(loudness > level - 30.0)
        full = np.flatnonzero(loudness > level - 3.0)
        onsets.append((full[0] - sounding[0]) * 1000.0 / FRAME_RATE_HZ)
        releases.append((sounding[-1] - full[-1]) * 1000.0 / FRAME_RATE_HZ)
    median = lambda x: round(float(np.median(x)), 1) if x else 0.0  # noqa: E731
    return {"onset_ms": median(onsets), "release_ms": median(releases)}


def all_of(frames: list[Features], notes: list[Features]) -> dict:
    """`range`, `density` and `performance` of the metadata; `notes` are single notes."""
    return {
        "range": value_range(frames),
        "density": density(frames),
        "performance": jitter(frames) | onset_and_release(notes),
    }
