"""How recordings and renderings are listened to before they are compared: the same for models, anchor and oracle.

Both are resampled (soxr HQ) to 16 kHz for the published figures and to 32 kHz for the full band, f0 is SwiftF0's, loudness is that of `retort
features`. The pre-roll of a take is cut off everything.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from . import FRAME_RATE_HZ, metrics
from .features import Features, measure
from .held_out import PRE_ROLL_S, Take

# SwiftF0's confidence from which a frame counts as voiced.
CONFIDENCE = 0.5
FIGURES = (
    "multi_scale_loss",
    "log_mel_db",
    "full_band_loss",
    "full_band_log_mel_db",
    "f0_cents",
    "f0_within_50_cents",
    "loudness_error_db",
    "loudness_bias_db",
)


@dataclass
class Heard:
    """Audio at 16 and 32 kHz; SwiftF0's pitch with its frames' times; `retort`'s loudness per 4 ms."""

    low: np.ndarray
    full: np.ndarray
    time_s: np.ndarray
    f0_hz: np.ndarray
    voiced: np.ndarray
    loudness_db: np.ndarray


def resampled(audio: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    return audio if from_hz == to_hz else soxr.resample(audio, from_hz, to_hz, quality="HQ").astype(np.float32)


class Ear:
    """Listens with one setting of `retort`; renderings' frames are not kept, recordings' are, in `cache`."""

    def __init__(self, retort: str, cache: Path, lowest_pitch_hz: int):
        self.retort, self.cache, self.lowest_pitch_hz = retort, Path(cache), lowest_pitch_hz
        # Only for scores: whoever makes an instrument of his own does without it.
        from swift_f0 import SwiftF0

        self.tracker = SwiftF0(threads=1, spin=False)

    def frames(self, audio: np.ndarray, rate_hz: int, keep: bool = False) -> Features:
        """What `retort features` measures in `audio`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "heard.wav"
            soundfile.write(path, audio, rate_hz, subtype="FLOAT")
            return measure(path, self.retort, self.cache if keep else Path(folder), self.lowest_pitch_hz)

    def pitch(self, low: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(times, Hz, voiced) of audio at 16 kHz."""
        found = self.tracker.detect(low, metrics.RATE_HZ)
        return np.asarray(found.timestamps), np.asarray(found.pitch_hz), np.asarray(found.confidence) >= CONFIDENCE

    def hear(self, audio: np.ndarray, rate_hz: int, full: np.ndarray | None = None, keep: bool = False) -> Heard:
        """`full` at 32 kHz takes the place of the resampled audio where a system makes both by itself."""
        low = resampled(audio, rate_hz, metrics.RATE_HZ)
        full = resampled(audio, rate_hz, metrics.FULL_RATE_HZ) if full is None else full
        time_s, f0_hz, voiced = self.pitch(low)
        counted = time_s >= PRE_ROLL_S
        return Heard(
            low[round(PRE_ROLL_S * metrics.RATE_HZ) :],
            full[round(PRE_ROLL_S * metrics.FULL_RATE_HZ) :],
            time_s[counted] - PRE_ROLL_S,
            f0_hz[counted],
            voiced[counted],
            self.frames(audio, rate_hz, keep).loudness_db[round(PRE_ROLL_S * FRAME_RATE_HZ) :],
        )


class Target:
    """A take that was listened to, ready for comparison.

    Where a file's name states its pitch and SwiftF0 hears another octave in the recording, those frames say nothing about a model's pitch: they count as
    unvoiced, and `octave_errors` says in how many files that was so.
    """

    def __init__(self, take: Take, ear: Ear):
        self.take = take
        self.frames = ear.frames(take.audio, take.rate_hz, keep=True)
        self.heard = ear.hear(take.audio, take.rate_hz, keep=True)
        self.low = metrics.Reference(self.heard.low)
        self.full = metrics.Reference(self.heard.full, metrics.FULL_RATE_HZ, take.bandwidth_hz)
        self.octave_errors = 0
        for part in take.parts:
            inside = (self.heard.time_s >= part.start_s) & (self.heard.time_s < part.end_s) & self.heard.voiced
            if part.label_hz is None or not inside.any():
                continue
            off = np.abs(np.log2(self.heard.f0_hz / part.label_hz)) > 0.5
            self.octave_errors += bool(np.mean(off[inside]) > 0.5)
            self.heard.voiced &= ~(inside & off)


def compare(targets: list[Target], renderings: list[Heard]) -> dict[str, float]:
    """The figures of all takes together: losses weighted by length, pitch and loudness over all frames."""
    losses, lengths = [], []
    series = {name: [[], []] for name in ("f0_hz", "voiced", "loudness_db")}
    for target, rendering in zip(targets, renderings):
        losses.append(
            (
                target.low.multi_scale_loss(rendering.low),
                target.low.log_mel_distance(rendering.low),
                target.full.multi_scale_loss(rendering.full),
                target.full.log_mel_distance(rendering.full),
            )
        )
        lengths.append(min(len(target.heard.low), len(rendering.low)))
        for name, (wanted, heard) in series.items():
            a, b = getattr(target.heard, name), getattr(rendering, name)
            frames = min(len(a), len(b))
            wanted.append(a[:frames])
            heard.append(b[:frames])
    joined = {name: [np.concatenate(side) for side in sides] for name, sides in series.items()}
    (f0, heard_f0), (voiced, heard_voiced) = joined["f0_hz"], joined["voiced"]
    values = (
        *np.average(losses, axis=0, weights=lengths),
        *metrics.pitch_error(f0, voiced, heard_f0, heard_voiced),
        *metrics.loudness_error(*joined["loudness_db"]),
    )
    return dict(zip(FIGURES, map(float, values)))
