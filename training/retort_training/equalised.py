"""What is left of a model's loss if the average spectrum of each held-out note is put right.

The notes that are scored were never heard in training, and what a player, a reed or a microphone's place made of one of them does not follow from pitch and loudness. So the
recording itself sets an equaliser for each note, in eight bands or in every bin of every window, behind the rendering: it takes off what is constantly wrong with a note's timbre. What remains is
what moves within a note, and chance: noise is never the same noise twice. It is no lower bound. It mends this rendering alone, and with few frames it follows a little of the chance.
"""

import numpy as np

from . import FRAME_RATE_HZ
from .hearing import Heard, Target
from .held_out import PRE_ROLL_S
from .statistics import midi

# Of 1 kHz each at 16 kHz.
BANDS = 8


def note_numbers(target: Target, times_s: np.ndarray) -> np.ndarray:
    """For each time the note that it lies in: a semitone, in one of the files that the take was joined from (or between them)."""
    # The pitch is known from before what is scored.
    f0_hz = target.frames.f0_hz
    frame = np.round((times_s + PRE_ROLL_S) * FRAME_RATE_HZ).astype(int)
    pitch = f0_hz[np.minimum(frame, len(f0_hz) - 1)]
    semitone = np.round(midi(pitch)).astype(int)
    part = np.zeros(len(times_s), int)
    for number, p in enumerate(target.take.parts, 1):
        part[(times_s >= p.start_s) & (times_s < p.end_s)] = number
    return part * 256 + semitone


def compare(targets: list[Target], renderings: list[Heard]) -> dict[str, float]:
    """The loss at 16 kHz with an equaliser of every bin, and with one of eight bands; takes weighted by length."""
    losses, lengths = [], []
    for target, rendering in zip(targets, renderings):
        notes = lambda times_s: note_numbers(target, times_s)  # noqa: B023, E731 (used at once)
        losses.append([target.low.equalised_loss(rendering.low, notes, n_bands) for n_bands in (None, BANDS)])
        lengths.append(min(len(target.heard.low), len(rendering.low)))
    return dict(zip(("multi_scale_loss", "in_bands"), map(float, np.average(losses, axis=0, weights=lengths))))
