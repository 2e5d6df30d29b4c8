"""How far the timbre of held-out notes is off, as played by a model and as guessed from pitch and level by plain statistics.

Of every single note the powers of eight bands are measured. A Gaussian process learns them from the reference source's steady ones of those that models learn from, as a smooth function of pitch and level, and guesses those of the
held-out ones: no decoder, no loss and no training comes into it. Its widths are those that guess the learned notes best, each pitch from all others. It is a yardstick and no limit: a model that is further off than
so simple a guess leaves something unused; of one that is no further off it does not follow that nothing more can be learned.

A Gaussian process with explicit basis functions: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 2.7.
"""

import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy import special

from . import held_out, metrics, split, statistics
from .equalised import BANDS
from .hearing import Heard, Target, resampled
from .loss import a_weighting

# Raised when a figure's definition changes: these figures are then made anew.
VERSION = 2
WINDOW = 2048
# Of a note those frames count that are within so much of its loudest.
DEPTH_DB = 20.0
# A band says nothing that lies so far under the note's strongest.
FLOOR_DB = 60.0
# What widths are chosen from: in semitones, in dB, and variances of what is a note's own, over that of what notes have in common.
PITCH_WIDTHS, LEVEL_WIDTHS, OWN = (2.0, 4.0, 8.0, 16.0, 32.0), (3.0, 6.0, 12.0, 24.0, 48.0), (0.03, 0.1, 0.3, 1.0, 3.0)
# A lead is clear if chance alone would reach it this seldom, to either side.
CHANCE = 0.05


@dataclass
class Notes:
    """Single notes: pitch in semitones (MIDI), A-weighted level in dB of full scale `[n]`, and powers of bands in dB `[n, BANDS]`, each the median over the note's frames."""

    pitch: np.ndarray
    level_db: np.ndarray
    bands_db: np.ndarray

    def __len__(self) -> int:
        return len(self.pitch)

    def __getitem__(self, which) -> "Notes":
        return Notes(self.pitch[which], self.level_db[which], self.bands_db[which])

    @classmethod
    def joined(cls, several: "list[Notes]") -> "Notes":
        empty = cls(np.zeros(0), np.zeros(0), np.zeros((0, BANDS)))
        return cls(*(np.concatenate([getattr(n, name) for n in [empty, *several]]) for name in cls.__dataclass_fields__))


def is_steady(part: held_out.Part) -> bool:
    """Whether it is a single note that neither swells nor shakes. (A piano's decay; of them, too, only the loud frames count.)"""
    name = Path(part.file).name.replace("non-vibrato", "")
    return part.label_hz is not None and not any(word in name for word in ("cresc", "vibrato"))


def notes_of(audio: np.ndarray, parts: list[held_out.Part], renderings: tuple[np.ndarray, ...] = ()) -> list[Notes]:
    """The steady notes of a recording at 16 kHz without its pre-roll, and the same frames of renderings of it.

    Notes are left out that are nearly silent, or of which too few frames count; everything is cut to the shortest.
    """
    heard = [audio, *renderings]
    shortest = min(map(len, heard))
    found: list[list[tuple[float, float, np.ndarray]]] = [[] for _ in heard]
    for part in filter(is_steady, parts):
        excerpt = slice(round(part.start_s * metrics.RATE_HZ), min(round(part.end_s * metrics.RATE_HZ), shortest))
        if excerpt.stop - excerpt.start < WINDOW or np.sqrt(np.mean(np.square(audio[excerpt]))) < metrics.SILENCE_RMS:
            continue
        # The window's mean square is 3 / 8, and half of the spectrum is there.
        powers = [np.square(metrics.spectra(x[excerpt], WINDOW)) / (WINDOW * 3.0 / 16.0) for x in heard]
        frames = powers[0].sum(axis=1)
        counted = frames >= frames.max() * 10.0 ** (-DEPTH_DB / 10.0)
        if counted.sum() < metrics.LEAST_FRAMES:
            continue
        for mine, power in zip(found, powers):
            mine.append((statistics.midi(part.label_hz), *_level_and_bands(power[counted])))
    return [Notes.joined([Notes(np.array([p]), np.array([level]), bands[None]) for p, level, bands in mine]) for mine in found]


def _level_and_bands(power: np.ndarray) -> tuple[float, np.ndarray]:
    """Of power spectra `[frames, bins]`."""
    decibels = lambda x: np.median(10.0 * np.log10(x + 1e-14), axis=0)  # noqa: E731
    bands = np.stack([bins.sum(axis=1) for bins in np.array_split(power, BANDS, axis=1)], axis=1)
    weights = a_weighting(np.fft.rfftfreq(WINDOW, 1.0 / metrics.RATE_HZ))
    return float(decibels(power @ np.square(weights))), decibels(bands)


@dataclass(frozen=True)
class Widths:
    """How far a note speaks for others, in semitones and dB; `own`: the variance of what is a note's own over that of what notes have in common."""

    semitones: float
    level_db: float
    own: float


def guess(known: Notes, wanted: Notes, widths: Widths) -> np.ndarray:
    """The bands of `wanted` in dB, from its pitches and levels and from `known`."""

    def alike(a: Notes, b: Notes) -> np.ndarray:
        semitones = (a.pitch[:, None] - b.pitch) / widths.semitones
        decibels = (a.level_db[:, None] - b.level_db) / widths.level_db
        return np.exp(-0.5 * (np.square(semitones) + np.square(decibels)))

    def basis(notes: Notes) -> np.ndarray:
        return np.stack([np.ones(len(notes)), (notes.pitch - 60.0) / 12.0, (notes.level_db + 30.0) / 12.0], axis=1)

    inverse = np.linalg.inv(alike(known, known) + widths.own * np.eye(len(known)))
    plane = basis(known)
    # Where two pitches are known and one is left out, the plane's slope would be open.
    slopes = np.linalg.solve(plane.T @ inverse @ plane + 1e-6 * np.eye(3), plane.T @ inverse @ known.bands_db)
    return basis(wanted) @ slopes + alike(wanted, known) @ (inverse @ (known.bands_db - plane @ slopes))


def off_db(wanted: Notes, bands_db: np.ndarray) -> np.ndarray:
    """How far bands are off, `[n, BANDS]`; what lies deep under a note's strongest band counts as being there."""
    floor = wanted.bands_db.max(axis=1, keepdims=True) - FLOOR_DB
    return np.abs(np.maximum(wanted.bands_db, floor) - np.maximum(bands_db, floor))


def best_widths(known: Notes) -> tuple[Widths, float]:
    """Those that guess every pitch best from the others, and by how much they are off, in dB."""
    pitches = np.unique(known.pitch)
    if len(pitches) < 2:
        raise ValueError("a note is guessed from those of other pitches, and there is only one pitch")

    def off(widths: Widths) -> float:
        errors = []
        for pitch in pitches:
            here = known.pitch == pitch
            errors.append(off_db(known[here], guess(known[~here], known[here], widths)))
        return float(np.mean(np.concatenate(errors)))

    every = [Widths(*values) for values in product(PITCH_WIDTHS, LEVEL_WIDTHS, OWN)]
    return min(((widths, off(widths)) for widths in every), key=lambda found: found[1])


def learned_notes(pieces: list[split.Piece], source: str, data: Path, gain_db) -> Notes:
    """What the steady notes of a source are that models learn from; none if it has none."""
    mine = [p for p in pieces if p.part == split.TRAIN and p.kind == split.NOTE and p.source == source]
    found = []
    for take in held_out.takes(mine, data, gain_db):
        low = resampled(take.audio, take.rate_hz, metrics.RATE_HZ)
        found += notes_of(low[round(held_out.PRE_ROLL_S * metrics.RATE_HZ) :], take.parts)
    return Notes.joined(found)


def clear_db(error_db: float, pitches: int) -> float:
    """From where a lead with this standard error is more than chance: Student's t, since pitches are few."""
    return error_db * float(special.stdtrit(pitches - 1, 1.0 - CHANCE / 2.0))


class Yardstick:
    """Holds renderings of held-out notes against what the learned ones let one guess; of music, or of one pitch, there is nothing to say."""

    def __init__(self, known: Notes):
        self.known = known
        self.widths, self.learned_off_db = best_widths(known) if len(np.unique(known.pitch)) > 1 else (None, math.nan)

    def compare(self, targets: list[Target], renderings: list[Heard]) -> dict[str, float]:
        """How far the bands of steady held-out notes are off, in dB, on the average over pitches, since notes of one pitch err alike: `bands_off_db` as rendered, `guess_off_db` as guessed, `lead_db` by how
        much less the rendering is off, with its standard error if there are several pitches; `guess_learned_off_db` is the guess's at learned pitches that it was not told. Empty where there is nothing to compare."""
        if self.widths is None:
            return {}
        pairs = [notes_of(target.heard.low, target.take.parts, (rendering.low,)) for target, rendering in zip(targets, renderings)]
        wanted, played = (Notes.joined(list(side)) for side in zip(*pairs))
        if not len(wanted):
            return {}
        errors = [off_db(wanted, bands).mean(axis=1) for bands in (played.bands_db, guess(self.known, wanted, self.widths))]
        pitches = np.unique(wanted.pitch)
        off, guess_off = (np.array([e[wanted.pitch == pitch].mean() for pitch in pitches]) for e in errors)
        figures = {
            "bands_off_db": float(off.mean()),
            "guess_off_db": float(guess_off.mean()),
            "guess_learned_off_db": self.learned_off_db,
            "lead_db": float(np.mean(guess_off - off)),
            "notes": len(wanted),
            "pitches": len(pitches),
        }
        if len(pitches) > 1:
            figures["lead_error_db"] = float(np.std(guess_off - off, ddof=1) / math.sqrt(len(pitches)))
        return figures
