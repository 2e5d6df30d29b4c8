"""Recordings become training material: tapes of 32 kHz audio with the frames that `retort features` measures in them.

Long recordings are tapes of their own. Single notes of one source become two tapes: apart, with silence between, so
that the decoder meets attacks from silence and releases into it; and bound, as lines of notes that follow each other as
a player's do. Notes that ring (a piano's) are bound by a damper. The finished sound is measured, not the single notes:
the frames at a transition are what the live analysis makes of one.

Copies at another pitch and level widen what a few minutes of recordings cover; everything here is decided by the seed.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr

from . import FRAME_RATE_HZ, HOP, SAMPLE_RATE_HZ
from .features import Features, write_audio
from .instruments import Instrument
from .split import NOTE, TAKE, Piece

# Silence between notes that stand apart.
GAP_S = (0.03, 0.3)
# A bound note sounds for so long, and the next one takes over within so long.
BOUND_S = (0.18, 1.1)
CROSSFADE_S = (0.012, 0.04)
# Part of the single notes that also appear in bound lines.
BOUND_SHARE = 0.6
# A line moves by at most so many semitones at a time where it can.
LEAP = 7
# A damped string falls by 60 dB in this time at A4, longer below.
DAMPER_S = 0.25
# Above this note a piano has no dampers.
UNDAMPED_MIDI = 89


@dataclass
class Tape:
    """Audio at 32 kHz and its frames: frame k lies at sample k * HOP; one frame more than whole hops of audio.

    `taught`: a teacher's amplitude `[frames, 1]`, harmonic shares `[frames, K]` and band magnitudes `[frames, B]`, f16.
    """

    source: str
    audio: np.ndarray
    features: Features
    bandwidth_hz: float
    taught: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        """Segments between frames."""
        return len(self.features) - 1


@dataclass(frozen=True)
class Copy:
    """How the material is heard once more: a tracker setting, a shift in semitones (varispeed) and a gain."""

    lowest_pitch_hz: int
    semitones: float = 0.0
    gain_db: float = 0.0


def copies(instrument: Instrument) -> list[Copy]:
    """The material as it is, a little higher and softer, a little lower and louder, and through the lowest setting."""
    own, *others = instrument.heard_with_hz
    shifted = [Copy(own, 0.6, -2.5), Copy(own, -0.6, 2.5)]
    return [Copy(own), *shifted, *(Copy(hz, 0.0, 0.0) for hz in others)]


def more_copies(instrument: Instrument) -> list[Copy]:
    """Of little material, for other lines of the same notes: shifted by nearly a semitone, so that every note lies where its neighbours are, too."""
    return [Copy(instrument.lowest_pitch_hz, 0.95, 1.2), Copy(instrument.lowest_pitch_hz, -0.95, -1.2)]


def read_audio(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """A recording as mono float32 at `rate_hz` (resampled by soxr, HQ)."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return mono if rate == rate_hz else soxr.resample(mono, rate, rate_hz, quality="HQ").astype(np.float32)


@dataclass
class Note:
    """A single note (or a phrase of a few) and what a line needs to know of it."""

    audio: np.ndarray
    midi: float
    dynamic: str
    single: bool


def _note(piece: Piece, audio: np.ndarray) -> Note:
    """Pitch and dynamic are in the file's name: `<source>_<note>_<dynamic>_<style>_<length>`."""
    parts = Path(piece.file).stem.split("_")
    single = not any(word in piece.file for word in ("phrase", "cresc", "vibrato"))
    return Note(audio, note_number(parts[1]), parts[2] if len(parts) > 2 else "", single)


def note_number(name: str) -> float:
    """`As3` or `C4` as a MIDI number; NaN for anything else."""
    steps = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    letter, rest = name[:1], name[1:]
    sharp = rest.startswith("s")
    octave = rest[1:] if sharp else rest
    if letter not in steps or not octave.lstrip("-").isdigit():
        return float("nan")
    return 12.0 * (int(octave) + 1) + steps[letter] + sharp


def apart(notes: list[Note], rng: np.random.Generator) -> np.ndarray:
    """All notes in an order of chance, silence between."""
    parts = [np.zeros(round(0.1 * SAMPLE_RATE_HZ), np.float32)]
    for i in rng.permutation(len(notes)):
        parts += [notes[i].audio, np.zeros(round(rng.uniform(*GAP_S) * SAMPLE_RATE_HZ), np.float32)]
    return np.concatenate(parts)


def _level_db(audio: np.ndarray) -> np.ndarray:
    """RMS in dB per 4 ms, over 12 ms."""
    power = np.square(audio[: len(audio) // HOP * HOP].reshape(-1, HOP)).mean(axis=1)
    return 10.0 * np.log10(np.convolve(power, np.ones(3) / 3.0, "same") + 1e-12)


def _sustain(audio: np.ndarray) -> tuple[int, int]:
    """First and last sample of the part within 8 dB of the note's level (its upper quartile)."""
    level = _level_db(audio)
    steady = np.flatnonzero(level > np.quantile(level, 0.75) - 8.0)
    return int(steady[0] * HOP), int((steady[-1] + 1) * HOP)


def _line(notes: list[Note], rng: np.random.Generator) -> list[Note]:
    """An order in which neighbours lie close in pitch and dynamic: each next one is the nearest of a few by chance."""
    left = [notes[i] for i in rng.permutation(len(notes))]
    line = [left.pop()]
    while left:
        here = line[-1]
        few = range(min(12, len(left)))
        distance = [
            abs(abs(left[i].midi - here.midi) - rng.uniform(1.0, LEAP)) + 4.0 * (left[i].dynamic != here.dynamic)
            for i in few
        ]
        line.append(left.pop(int(np.argmin(distance))))
    return line


def bound(notes: list[Note], rng: np.random.Generator) -> np.ndarray:
    """Lines of single notes that pass into each other: each enters at the end of its attack, within a short crossfade."""
    chosen = [n for n in notes if n.single and np.isfinite(n.midi)]
    chosen = [chosen[i] for i in rng.permutation(len(chosen))[: round(BOUND_SHARE * len(chosen))]]
    if len(chosen) < 2:
        return np.zeros(0, np.float32)
    out = np.zeros(round(0.1 * SAMPLE_RATE_HZ), np.float32)
    breath = 0
    for note in _line(chosen, rng):
        first, last = _sustain(note.audio)
        first = 0 if breath == 0 else max(0, first - round(0.004 * SAMPLE_RATE_HZ))
        length = round(rng.uniform(*BOUND_S) * SAMPLE_RATE_HZ)
        breath = (breath + 1) % int(rng.integers(4, 9))
        # A line ends with the release of its last note.
        part = note.audio[first : None if breath == 0 else min(last, first + length)].copy()
        if len(part) < 2 * HOP:
            continue
        overlap = min(round(rng.uniform(*CROSSFADE_S) * SAMPLE_RATE_HZ), len(part) // 2, len(out))
        fade = np.sqrt(np.linspace(0.0, 1.0, overlap, dtype=np.float32))
        out[len(out) - overlap :] *= fade[::-1]
        part[:overlap] *= fade
        out = np.concatenate([out, np.zeros(len(part) - overlap, np.float32)])
        out[len(out) - len(part) :] += part
        if breath == 0:
            out = np.concatenate([out, np.zeros(round(rng.uniform(*GAP_S) * SAMPLE_RATE_HZ), np.float32)])
    return out


def damped(notes: list[Note], rng: np.random.Generator) -> np.ndarray:
    """Lines of ringing notes: each rings for a while and is then damped, the faster the higher it is.

    Half of them are damped as the next key goes down, the others in a rest.
    """
    placed: list[tuple[int, np.ndarray]] = []
    start = round(0.1 * SAMPLE_RATE_HZ)
    for note in _line(notes, rng):
        held = round(rng.choice([rng.uniform(0.12, 0.6), rng.uniform(0.6, 2.5)]) * SAMPLE_RATE_HZ)
        part = note.audio[: held + SAMPLE_RATE_HZ].copy()
        after_s = np.maximum(np.arange(len(part)) - held, 0) / SAMPLE_RATE_HZ
        # High strings have no damper: there the hand-over itself must not click.
        seconds = DAMPER_S * 2.0 ** ((69.0 - note.midi) / 24.0) if note.midi < UNDAMPED_MIDI else 1.0
        part *= (10.0 ** (-3.0 * after_s / seconds)).astype(np.float32)
        fade = min(len(part), round(0.05 * SAMPLE_RATE_HZ))
        part[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
        placed.append((start, part))
        start += held + round(rng.choice([0.0, rng.uniform(0.1, 0.5)]) * SAMPLE_RATE_HZ)
    out = np.zeros(max(s + len(p) for s, p in placed), np.float32)
    for start, part in placed:
        out[start : start + len(part)] += part
    return out


def changed(audio: np.ndarray, copy: Copy) -> np.ndarray:
    """Audio shifted by varispeed and scaled. Formants move along: keep shifts below a semitone."""
    ratio = 2.0 ** (copy.semitones / 12.0)
    if copy.semitones:
        audio = soxr.resample(audio, SAMPLE_RATE_HZ * ratio, SAMPLE_RATE_HZ, quality="HQ").astype(np.float32)
    return audio * np.float32(10.0 ** (copy.gain_db / 20.0))


def measured(audio: np.ndarray, source: str, bandwidth_hz: float, copy: Copy, measure: Callable) -> Tape:
    """A tape of `audio`, its frames measured by `measure(path, lowest_pitch_hz)`."""
    audio = changed(audio, copy)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.wav"
        write_audio(path, audio)
        features = measure(path, copy.lowest_pitch_hz)
    n = min(len(features) - 1, len(audio) // HOP)
    bandwidth_hz *= 2.0 ** (min(copy.semitones, 0.0) / 12.0)
    return Tape(source, audio[: n * HOP].astype(np.float32), features[: n + 1], bandwidth_hz)


def load_tapes(
    pieces: list[Piece],
    data: Path,
    instrument: Instrument,
    heard: list[Copy],
    measure: Callable[[Path, int], Features],
    seed: int = 0,
    lines: bool = True,
) -> list[Tape]:
    """Tapes of `pieces`, once for each copy; `lines` adds notes bound to lines."""
    sounds: list[tuple[np.ndarray, str, float, str]] = []
    notes: dict[tuple[str, float], list[Note]] = {}
    for piece in pieces:
        audio = read_audio(Path(data) / piece.file)
        audio = audio[round(piece.start_s * SAMPLE_RATE_HZ) : round(piece.end_s * SAMPLE_RATE_HZ)]
        if piece.kind == TAKE:
            sounds.append((audio, piece.source, piece.bandwidth_hz, TAKE))
        else:
            gain_db = instrument.source(piece.source).gain_db(piece.file)
            audio = audio * np.float32(10.0 ** (gain_db / 20.0))
            notes.setdefault((piece.source, piece.bandwidth_hz), []).append(_note(piece, audio))
    rng = np.random.default_rng(seed)
    for (source, bandwidth_hz), group in notes.items():
        sounds.append((apart(group, rng), source, bandwidth_hz, NOTE))
        if lines:
            line = (damped if instrument.rings else bound)(group, rng)
            sounds.append((line, source, bandwidth_hz, NOTE))
    return tapes_of([(audio, source, bandwidth_hz, kind != TAKE) for audio, source, bandwidth_hz, kind in sounds], heard, measure)


def tapes_of(
    sounds: list[tuple[np.ndarray, str, float, bool]], heard: list[Copy], measure: Callable[[Path, int], Features]
) -> list[Tape]:
    """Tapes of `(audio, source, bandwidth_hz, may be shifted)`, once for each copy; what lasts under a second is left out.

    Varispeed would shift the room of music along, which is learned as it is.
    """
    tapes = []
    for copy in heard:
        for audio, source, bandwidth_hz, shifts in sounds:
            if len(audio) > SAMPLE_RATE_HZ:
                tapes.append(measured(audio, source, bandwidth_hz, copy if shifts else replace(copy, semitones=0.0), measure))
    return tapes


def shortened(tapes: list[Tape], seconds: float) -> list[Tape]:
    """The first part of each tape, so that together they last about `seconds`: a quick look instead of a full score."""
    total = sum(map(len, tapes)) / FRAME_RATE_HZ
    keep = min(1.0, seconds / max(total, 1e-9))
    cut = [round(len(t) * keep) for t in tapes]
    return [Tape(t.source, t.audio[: n * HOP], t.features[: n + 1], t.bandwidth_hz) for t, n in zip(tapes, cut) if n > FRAME_RATE_HZ]
