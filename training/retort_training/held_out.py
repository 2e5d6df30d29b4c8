"""What models are scored on: held-out music as it is, or held-out single notes joined into takes.

The room that a model plays is its reference source's, so only that source's held-out pieces count (all sources' if it has
none). Music is taken whole. Of single notes and phrases so many are chosen that about `NOTES_S` seconds come together, the same ones each
time: dynamics (crescendo and phrases are two of them) take turns, each with a pitch that came least often so far; what is still open is settled by a
hash of the file's name.
Every take begins with a second that is not scored, so that decoder and room do not start in the middle of the music: what comes before it
in the recording, or silence before notes.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr

from . import split

PRE_ROLL_S = 1.0
NOTES_S = 36.0
TAKE_S = 18.0
# A long note says nothing new after so many seconds; a crescendo may swell that long.
NOTE_S = 4.0
PHRASE_S = 10.0
GAP_S = 0.3
# Of each piece of music that was learned from.
LEARNED_S = 40.0
_FADE_S = 0.03
_NOTE = re.compile(r"^[^_]+_([A-G]s?)(-?\d)_")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Part:
    """A stretch of a take, in seconds after the pre-roll; `label_hz` is the pitch that the file's name states (notes only)."""

    file: str
    start_s: float
    end_s: float
    label_hz: float | None = None


@dataclass
class Take:
    """Audio (mono, at the source's own rate) with its pre-roll."""

    name: str
    audio: np.ndarray
    rate_hz: int
    bandwidth_hz: float
    parts: list[Part]

    @property
    def seconds(self) -> float:
        """What is scored of it."""
        return len(self.audio) / self.rate_hz - PRE_ROLL_S


def label_hz(file: str) -> float | None:
    """The pitch in a note's file name, `source_note_dynamic_…`; none in a phrase's, which has several."""
    found = _NOTE.match(Path(file).name)
    if not found or "phrase" in Path(file).name:
        return None
    name, octave = found.groups()
    number = _SEMITONES[name[0]] + ("s" in name) + 12 * (int(octave) + 1)
    return 440.0 * 2.0 ** ((number - 69) / 12)


def choose(pieces: list[split.Piece], reference: str) -> list[split.Piece]:
    """The held-out pieces that are scored; see above."""
    return _choose([p for p in pieces if p.part == split.HELD_OUT], reference)


def learned(pieces: list[split.Piece], reference: str) -> list[split.Piece]:
    """Pieces that were learned from, chosen as the held-out ones are; of each piece of music the end, which lies next to those.

    A loss here that is no less than theirs is not for lack of recordings.
    """
    chosen = _choose([p for p in pieces if p.part == split.TRAIN], reference)
    return [replace(p, start_s=max(p.start_s, p.end_s - LEARNED_S)) if p.kind == split.TAKE else p for p in chosen]


def _choose(part: list[split.Piece], reference: str) -> list[split.Piece]:
    own = [p for p in part if p.source == reference] or part
    music = [p for p in own if p.kind == split.TAKE]
    return music or _notes(own)


def _notes(pieces: list[split.Piece]) -> list[split.Piece]:
    groups: dict[str, list[split.Piece]] = {}
    for piece in sorted(pieces, key=lambda p: hashlib.sha256(p.file.encode()).hexdigest()):
        words = Path(piece.file).stem.split("_")
        group = "phrase" if "phrase" in words else words[2] if len(words) > 2 else ""
        groups.setdefault(f"{piece.source} {group}", []).append(piece)
    queues = [groups[name] for name in sorted(groups)]
    chosen, seconds = [], 0.0
    pitches: Counter[str] = Counter()
    while any(queues) and seconds < NOTES_S:
        for queue in queues:
            if queue and seconds < NOTES_S:
                # The first of those whose pitch came least often: `min` keeps the order.
                piece = min(queue, key=lambda p: pitches[_pitch(p)])
                queue.remove(piece)
                pitches[_pitch(piece)] += 1
                chosen.append(piece)
                seconds += min(piece.end_s - piece.start_s, _longest_s(piece))
    return chosen


def _pitch(piece: split.Piece) -> str:
    found = _NOTE.match(Path(piece.file).name)
    return "".join(found.groups()) if found else ""


def _longest_s(piece: split.Piece) -> float:
    return PHRASE_S if "phrase" in piece.file or "cresc" in piece.file else NOTE_S


def no_gain(_piece: split.Piece) -> float:
    return 0.0


def takes(pieces: list[split.Piece], data: Path, gain_db: Callable[[split.Piece], float] = no_gain) -> list[Take]:
    """`choose`'s pieces as takes; `gain_db` corrects the level of single files."""
    music = [_music(p, data) for p in pieces if p.kind == split.TAKE]
    notes = [p for p in pieces if p.kind == split.NOTE]
    joined: list[Take] = []
    # Sources have their own rates and bandwidths: they do not share a take.
    for key in dict.fromkeys((p.source, p.bandwidth_hz) for p in notes):
        batch, seconds = [], 0.0
        for piece in (p for p in notes if (p.source, p.bandwidth_hz) == key):
            batch.append(piece)
            seconds += min(piece.end_s - piece.start_s, _longest_s(piece)) + GAP_S
            if seconds >= TAKE_S:
                joined.append(_spliced(batch, data, len(joined) + 1, gain_db))
                batch, seconds = [], 0.0
        if batch:
            joined.append(_spliced(batch, data, len(joined) + 1, gain_db))
    return music + joined


def _read(path: Path) -> tuple[np.ndarray, int]:
    audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return audio.mean(axis=1), rate_hz


def _music(piece: split.Piece, data: Path) -> Take:
    audio, rate_hz = _read(data / piece.file)
    first, begin, end = (round(s * rate_hz) for s in (piece.start_s - PRE_ROLL_S, piece.start_s, piece.end_s))
    silence = np.zeros(max(-first, 0), np.float32)
    audio = np.concatenate([silence, audio[max(first, 0) : end]])
    part = Part(piece.file, 0.0, (end - begin) / rate_hz)
    return Take(Path(piece.file).stem, audio, rate_hz, piece.bandwidth_hz, [part])


def _spliced(pieces: list[split.Piece], data: Path, number: int, gain_db: Callable[[split.Piece], float]) -> Take:
    rate_hz = soundfile.info(data / pieces[0].file).samplerate
    gap = np.zeros(round(GAP_S * rate_hz), np.float32)
    audio, parts = [np.zeros(round(PRE_ROLL_S * rate_hz), np.float32)], []
    at = 0
    for piece in pieces:
        samples, own_hz = _read(data / piece.file)
        samples = samples[round(piece.start_s * own_hz) : round(piece.end_s * own_hz)]
        samples = samples * np.float32(10.0 ** (gain_db(piece) / 20.0))
        longest = round(_longest_s(piece) * own_hz)
        if len(samples) > longest:
            fade = np.linspace(1.0, 0.0, round(_FADE_S * own_hz), dtype=np.float32)
            samples = samples[:longest]
            samples[-len(fade) :] *= fade
        if own_hz != rate_hz:
            samples = soxr.resample(samples, own_hz, rate_hz, quality="HQ").astype(np.float32)
        parts.append(Part(piece.file, at / rate_hz, (at + len(samples)) / rate_hz, label_hz(piece.file)))
        audio += [samples, gap]
        at += len(samples) + len(gap)
    return Take(f"notes-{number}", np.concatenate(audio), rate_hz, pieces[0].bandwidth_hz, parts)
