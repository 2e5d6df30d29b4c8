"""Crops of fixed length, with a pre-roll, drawn from tapes."""

from dataclasses import dataclass

import numpy as np
import torch

from . import FRAME_RATE_HZ, HOP, LOUDNESS_FLOOR_DB
from .synth import Controls
from .tapes import Tape


@dataclass
class Batch:
    """Crops side by side: frames are `[T, voices]`, audio is `[voices, (T - 1) * HOP]`, the rest `[voices]`.

    `taught`: a teacher's controls for these frames, if the tapes carry them.
    """

    f0_hz: torch.Tensor
    loudness_db: torch.Tensor
    audio: torch.Tensor
    source: torch.Tensor
    bandwidth_hz: torch.Tensor
    taught: Controls | None = None

    def without(self, frames: int) -> "Batch":
        """The batch without its first frames."""
        taught = self.taught and tuple(part[frames:] for part in self.taught)
        audio = self.audio[:, frames * HOP :]
        return Batch(self.f0_hz[frames:], self.loudness_db[frames:], audio, self.source, self.bandwidth_hz, taught)

    def to(self, device: str) -> "Batch":
        """The batch on another device."""
        move = lambda x: tuple(map(move, x)) if isinstance(x, tuple) else x if x is None else x.to(device)  # noqa: E731
        return Batch(*(move(getattr(self, name)) for name in self.__dataclass_fields__))


class Crops:
    """Draws batches of crops from tapes, each tape as often as its length times its source's weight."""

    def __init__(self, tapes: list[Tape], sources: list[str], n_segments: int, weights: dict[str, float], seed: int):
        self.tapes = [t for t in tapes if len(t) > n_segments]
        if not self.tapes:
            raise ValueError(f"no recording is longer than a crop of {n_segments / FRAME_RATE_HZ:.1f} s")
        self.sources, self.n_segments = sources, n_segments
        shares = np.array([len(t) * weights.get(t.source, 1.0) for t in self.tapes], np.float64)
        self.shares = shares / shares.sum()
        self.rng = np.random.default_rng(seed)

    def draw(self, voices: int) -> Batch:
        """A batch of crops."""
        chosen = []
        for i in self.rng.choice(len(self.tapes), voices, p=self.shares):
            tape = self.tapes[i]
            chosen.append((tape, int(self.rng.integers(0, len(tape) - self.n_segments))))
        return self.batch(chosen)

    def batch(self, chosen: list[tuple[Tape, int]]) -> Batch:
        """Crops of `(tape, first frame)`."""
        n = self.n_segments
        f0 = np.stack([t.features.f0_hz[s : s + n + 1] for t, s in chosen], axis=1)
        loudness = np.stack([t.features.loudness_db[s : s + n + 1] for t, s in chosen], axis=1)
        audio = np.stack([t.audio[s * HOP : (s + n) * HOP] for t, s in chosen])
        taught = None
        if all(t.taught is not None for t, _ in chosen):
            taught = tuple(
                torch.from_numpy(np.stack([t.taught[part][s : s + n + 1] for t, s in chosen], axis=1)).float()
                for part in range(3)
            )
        return Batch(
            torch.from_numpy(f0.astype(np.float32)),
            torch.from_numpy(np.maximum(loudness, LOUDNESS_FLOOR_DB).astype(np.float32)),
            torch.from_numpy(audio.astype(np.float32)),
            torch.tensor([self.sources.index(t.source) for t, _ in chosen]),
            torch.tensor([t.bandwidth_hz for t, _ in chosen], dtype=torch.float32),
            taught,
        )
