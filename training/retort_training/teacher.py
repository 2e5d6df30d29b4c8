"""What a trained teacher would play on every tape, kept beside the tape for its students.

A student then learns from the teacher at the price of a look-up: the teacher's network does not run in the training loop.
"""

import numpy as np
import torch

from . import LOUDNESS_FLOOR_DB
from .tapes import Tape
from .train import Run

# Tapes are decoded in pieces side by side; each begins so many frames early, to warm up.
PIECE, WARM_UP = 1500, 375
VOICES = 48


def controls_of(run: Run, tape: Tape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amplitude, shares and bands of all frames of a tape, f16, by the averaged weights."""
    n = len(tape.features)
    offset = float(run.rooms.offsets_db().detach()[run.rooms.sources.index(tape.source)])
    loudness = np.maximum(tape.features.loudness_db + offset, LOUDNESS_FLOOR_DB)
    starts = np.arange(0, n, PIECE)
    # Before the first frame there is silence at the first pitch.
    index = starts[None, :] - WARM_UP + np.arange(WARM_UP + PIECE)[:, None]
    f0 = tape.features.f0_hz[index.clip(0, n - 1)]
    level = np.where(index < 0, LOUDNESS_FLOOR_DB, loudness[index.clip(0, n - 1)])
    parts: list[list[np.ndarray]] = [[], [], []]
    for first in range(0, len(starts), VOICES):
        voices = slice(first, first + VOICES)
        with torch.no_grad():
            played = run.decoder.controls(
                torch.from_numpy(np.ascontiguousarray(f0[:, voices], np.float32)),
                torch.from_numpy(np.ascontiguousarray(level[:, voices], np.float32)),
            )
        for part, values in zip(parts, played):
            kept = values[WARM_UP:].transpose(0, 1).half().numpy()
            part.append(kept.reshape(-1, kept.shape[-1]))
    return tuple(np.concatenate(part)[:n] for part in parts)


def teach(tapes: list[Tape], teacher: Run) -> None:
    """Fills `taught` of all tapes from the teacher."""
    with teacher.with_average():
        for tape in tapes:
            tape.taught = controls_of(teacher, tape)
