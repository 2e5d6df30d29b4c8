"""Pictures for the report and the listening page: spectrograms, loss against size, loss against cost.

`evaluate` keeps a small spectrogram of every rendering, so that the report can be drawn without rendering again.
"""

import json
from pathlib import Path

import numpy as np

from . import metrics

EXCERPT_S = 6.0
WINDOW = 1024
TOP_HZ = 15_500.0
# Shown range, in dB under full scale of a windowed sine.
FLOOR_DB, CEILING_DB = -75.0, 5.0


def spectrogram(audio: np.ndarray) -> np.ndarray:
    """Mel bands to 15.5 kHz of audio at 32 kHz as bytes, `[frames, bands]`: 0 is the floor, 255 the ceiling."""
    decibels = metrics.log_mel(audio, metrics.FULL_RATE_HZ, TOP_HZ, WINDOW)
    return np.round(np.clip((decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0.0, 1.0) * 255.0).astype(np.uint8)


def keep_spectrogram(cache: Path, instrument: str, label: str, audio: np.ndarray) -> None:
    """Of the first seconds of a rendering at 32 kHz."""
    path = Path(cache) / "spectrograms" / instrument / f"{label}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, spectrogram(audio[: round(EXCERPT_S * metrics.FULL_RATE_HZ)]))
