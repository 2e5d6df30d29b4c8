"""Recordings and their frames as training material: crops of a fixed length with a pre-roll.

Long recordings are tapes of their own. Single notes of one source are spliced into one tape, in an order drawn with a
seed, with a short gap between: so that the decoder meets attacks from silence and releases into it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from . import FRAME_RATE_HZ, HOP, LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ
from .features import Features
from .split import TAKE, Piece

GAP_FRAMES = 15
# Crops vary by so much in level: more would teach that timbre does not follow loudness.
LEVEL_SPREAD_DB = 3.0


@dataclass
class Tape:
    """Audio at 32 kHz and its frames: frame k lies at sample k * HOP; one frame more than whole hops of audio."""

    source: str
    audio: np.ndarray
    features: Features
    bandwidth_hz: float

    def __len__(self) -> int:
        """Segments between frames."""
        return len(self.features) - 1


@dataclass
class Batch:
    """Crops side by side: frames are `[T, voices]`, audio is `[voices, (T - 1) * HOP]`, the rest `[voices]`."""

    f0_hz: torch.Tensor
    loudness_db: torch.Tensor
    audio: torch.Tensor
    source: torch.Tensor
    bandwidth_hz: torch.Tensor


def read_audio(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """A recording as mono float32 at `rate_hz` (resampled by soxr, HQ)."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return mono if rate == rate_hz else soxr.resample(mono, rate, rate_hz, quality="HQ").astype(np.float32)


def cut(audio: np.ndarray, features: Features, start_s: float, end_s: float) -> tuple[np.ndarray, Features]:
    """The segments between `start_s` and `end_s` with the frames at both ends."""
    first = round(start_s * FRAME_RATE_HZ)
    last = min(round(end_s * FRAME_RATE_HZ), len(features) - 1, len(audio) // HOP)
    return audio[first * HOP : last * HOP], features[first : last + 1]


def load_tapes(
    pieces: list[Piece], data: Path, measure: Callable[[Path], Features], seed: int = 0
) -> list[Tape]:
    """Tapes of `pieces`; `measure` gives a recording's frames (see `features.measure`)."""
    tapes: list[Tape] = []
    notes: dict[tuple[str, float], list[tuple[np.ndarray, Features]]] = {}
    for piece in pieces:
        path = Path(data) / piece.file
        audio, features = cut(read_audio(path), measure(path), piece.start_s, piece.end_s)
        if piece.kind == TAKE:
            tapes.append(Tape(piece.source, audio, features, piece.bandwidth_hz))
        else:
            notes.setdefault((piece.source, piece.bandwidth_hz), []).append((audio, features))
    rng = np.random.default_rng(seed)
    for (source, bandwidth_hz), parts in notes.items():
        order = rng.permutation(len(parts))
        tapes.append(splice([parts[i] for i in order], source, bandwidth_hz))
    return tapes


def splice(parts: list[tuple[np.ndarray, Features]], source: str, bandwidth_hz: float) -> Tape:
    """Notes one after the other with a silent gap, in which the pitch is held as it is live."""
    audio, f0, voicing, loudness = [], [], [], []
    for samples, features in parts:
        n = len(features) - 1
        audio += [samples, np.zeros(GAP_FRAMES * HOP, np.float32)]
        # The frame at the end of a note opens the gap: the tape keeps one frame per hop.
        f0 += [features.f0_hz[:n], np.full(GAP_FRAMES, features.f0_hz[n - 1], np.float32)]
        voicing += [features.voicing[:n], np.zeros(GAP_FRAMES, np.float32)]
        gap = np.full(GAP_FRAMES, LOUDNESS_FLOOR_DB, np.float32)
        # The analysis window still holds the end of the note for some frames after it.
        gap[0] = features.loudness_db[n]
        loudness += [features.loudness_db[:n], gap]
    f0.append(f0[-1][-1:])
    voicing.append(voicing[-1][-1:])
    loudness.append(loudness[-1][-1:])
    frames = Features(np.concatenate(f0), np.concatenate(voicing), np.concatenate(loudness))
    return Tape(source, np.concatenate(audio), frames, bandwidth_hz)


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
        """A batch of crops; each at a level of its own within the spread, audio and loudness alike."""
        chosen = []
        for i in self.rng.choice(len(self.tapes), voices, p=self.shares):
            tape = self.tapes[i]
            start = int(self.rng.integers(0, len(tape) - self.n_segments))
            gain_db = float(self.rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB))
            chosen.append((tape, start, gain_db))
        return self.batch(chosen)

    def batch(self, chosen: list[tuple[Tape, int, float]]) -> Batch:
        """Crops of `(tape, first frame, gain in dB)`."""
        n = self.n_segments
        f0 = np.stack([t.features.f0_hz[s : s + n + 1] for t, s, _ in chosen], axis=1)
        loudness = np.stack([t.features.loudness_db[s : s + n + 1] + g for t, s, g in chosen], axis=1)
        audio = np.stack([t.audio[s * HOP : (s + n) * HOP] * 10.0 ** (g / 20.0) for t, s, g in chosen])
        return Batch(
            torch.from_numpy(f0.astype(np.float32)),
            torch.from_numpy(np.maximum(loudness, LOUDNESS_FLOOR_DB).astype(np.float32)),
            torch.from_numpy(audio.astype(np.float32)),
            torch.tensor([self.sources.index(t.source) for t, _, _ in chosen]),
            torch.tensor([t.bandwidth_hz for t, _, _ in chosen], dtype=torch.float32),
        )
