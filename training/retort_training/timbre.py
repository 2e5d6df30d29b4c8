"""Where the timbre of a note lies that was never learned from, guessed from its pitch and level alone.

Of every single note the levels of eight bands are measured. A Gaussian process learns them from the notes that models learn from, as a smooth function of pitch and level, and guesses those of the
held-out ones: no decoder, no loss and no training comes into it. Its widths are those that guess the learned notes best, each pitch from all others. What lies beyond that guess is a note's own, and a model
that comes as near has got out of such recordings what they say of notes that are not among them.

A Gaussian process with explicit basis functions: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 2.7.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from . import held_out, metrics, split
from .hearing import Heard, Target, resampled

# Of 1 kHz each at 16 kHz.
BANDS = 8
WINDOW = 2048
# A note's timbre is that of its frames within so much of the loudest.
DEPTH_DB = 20.0
# Widths in semitones and dB, and the variance of what is a note's own, as a share.
PITCH_WIDTHS, LEVEL_WIDTHS, SHARES = (2.0, 4.0, 8.0, 16.0), (3.0, 6.0, 12.0, 24.0), (0.1, 0.3, 1.0)


@dataclass
class Notes:
    """Single notes: pitch in semitones (MIDI) and A-weighted level in dB of full scale `[n]`, medians of the bands' bins in dB `[n, BANDS]`."""

    pitch: np.ndarray
    level_db: np.ndarray
    bands_db: np.ndarray

    def __len__(self) -> int:
        return len(self.pitch)

    def __getitem__(self, which) -> "Notes":
        return Notes(self.pitch[which], self.level_db[which], self.bands_db[which])


def is_steady(part: held_out.Part) -> bool:
    """Whether it is one note that is played at one level."""
    return part.label_hz is not None and "cresc" not in part.file


def notes_of(audio: np.ndarray, parts: list[held_out.Part], sounding: np.ndarray | None = None) -> Notes:
    """The steady ones in audio at 16 kHz without its pre-roll; `sounding` is the recording that says which frames count, if `audio` is a rendering of it."""
    found: list[tuple[float, float, np.ndarray]] = []
    for part in filter(is_steady, parts):
        excerpt = slice(round(part.start_s * metrics.RATE_HZ), round(part.end_s * metrics.RATE_HZ))
        spectra = metrics.spectra(audio[excerpt], WINDOW)
        power = np.square(spectra if sounding is None else metrics.spectra(sounding[excerpt], WINDOW)).sum(axis=1)
        # A rendering may be a little shorter than what it renders.
        counted = np.flatnonzero(power >= power.max() * 10.0 ** (-DEPTH_DB / 10.0))
        spectra = spectra[counted[counted < len(spectra)]]
        # The window's mean square is 3 / 8, and half of the spectrum is there.
        power = np.square(spectra * a_weights()).sum(axis=1) / (WINDOW * 3.0 / 16.0)
        level = 10.0 * np.log10(np.median(power) + 1e-14)
        decibels = 20.0 * np.log10(spectra + 1e-7)
        bands = [np.median(decibels[:, bins]) for bins in np.array_split(np.arange(spectra.shape[1]), BANDS)]
        found.append((69.0 + 12.0 * np.log2(part.label_hz / 440.0), level, np.array(bands)))
    pitch, level, bands = zip(*found) if found else ((), (), np.zeros((0, BANDS)))
    return Notes(np.array(pitch), np.array(level), np.array(bands))


def a_weights() -> np.ndarray:
    """IEC 61672's A curve as factors of magnitudes, `[bins]`; 1 at 1 kHz."""
    squares = np.square(np.fft.rfftfreq(WINDOW, 1.0 / metrics.RATE_HZ))
    curve = lambda f2: 12194.0**2 * f2**2 / ((f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2))  # noqa: E731
    return curve(squares) / curve(1e6)


@dataclass(frozen=True)
class Widths:
    """How far a note speaks for others, and how much of it is its own (a share of what notes have in common)."""

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
    # All notes of one pitch or level would leave the plane's slope open.
    slopes = np.linalg.solve(plane.T @ inverse @ plane + 1e-6 * np.eye(3), plane.T @ inverse @ known.bands_db)
    return basis(wanted) @ slopes + alike(wanted, known) @ (inverse @ (known.bands_db - plane @ slopes))


def best_widths(known: Notes) -> tuple[Widths, float]:
    """Those that guess every pitch best from the others, and by how much they are off, in dB."""
    pitches = np.unique(known.pitch)
    if len(pitches) < 2:
        raise ValueError("a note is guessed from those of other pitches, and there is only one pitch")

    def off(widths: Widths) -> float:
        errors = [np.abs(guess(known[known.pitch != p], known[here], widths) - known.bands_db[here]) for p in pitches for here in [known.pitch == p]]
        return float(np.mean(np.concatenate(errors)))

    return min(((w, off(w)) for w in (Widths(*values) for values in product(PITCH_WIDTHS, LEVEL_WIDTHS, SHARES))), key=lambda found: found[1])


def learned_notes(pieces: list[split.Piece], source: str, data, gain_db) -> Notes:
    """What the steady notes of a source are that models learn from; none if it has none."""
    mine = [p for p in pieces if p.part == split.TRAIN and p.kind == split.NOTE and p.source == source]
    found = [Notes(np.zeros(0), np.zeros(0), np.zeros((0, BANDS)))]
    for take in held_out.takes(mine, data, gain_db):
        low = resampled(take.audio, take.rate_hz, metrics.RATE_HZ)
        found.append(notes_of(low[round(held_out.PRE_ROLL_S * metrics.RATE_HZ) :], take.parts))
    return Notes(*(np.concatenate([getattr(n, name) for n in found]) for name in Notes.__dataclass_fields__))


class Stranger:
    """Compares renderings of held-out notes with what the learned ones let one guess; of music, or of too few notes, there is nothing to say."""

    def __init__(self, known: Notes):
        self.known = known
        self.widths = best_widths(known)[0] if len(np.unique(known.pitch)) > 1 else None

    def compare(self, targets: list[Target], renderings: list[Heard]) -> dict[str, float]:
        """How far the bands of the steady held-out notes are off on the average, in dB: those of the renderings, and those that are guessed. Empty where there is nothing to compare."""
        played, guessed = [], []
        for target, rendering in zip(targets, renderings):
            wanted = notes_of(target.heard.low, target.take.parts)
            if self.widths is None or not len(wanted):
                continue
            played.append(notes_of(rendering.low, target.take.parts, target.heard.low).bands_db - wanted.bands_db)
            guessed.append(guess(self.known, wanted, self.widths) - wanted.bands_db)
        if not played:
            return {}
        return {name: float(np.mean(np.abs(np.concatenate(errors)))) for name, errors in (("bands_off_db", played), ("guess_off_db", guessed))}
