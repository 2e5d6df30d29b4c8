"""From usable passages to what is trained on and what is held out of it, and on to tapes.

Long passages keep their last 15 % apart, cut where it is quietest. Of short ones (single notes, phrases) whole ones are kept apart, spread over the pitches:
all notes of a pitch stand on the same side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import BANDWIDTH_HZ, FRAME_RATE_HZ, HOP, SAMPLE_RATE_HZ
from ..features import VOICED, Features
from ..instruments import Instrument
from ..split import HELD_OUT_SHARE
from ..statistics import midi
from ..tapes import Copy, Note, Tape, apart, bound, copies, measured, more_copies, tapes_of
from . import OwnError, stages
from .survey import Survey

SOURCE = "own"
# From here on a passage is split in time.
_LONG_S = 25.0
# The cut is moved to the quietest place within so much.
_CUT_WITHIN_S = 1.0
_FADE_S = 0.01
# A single note: nearly all of its voiced frames lie so close to their median.
_NOTE_SEMITONES, _NOTE_SHARE, _NOTE_LONGEST_S = 0.8, 0.9, 15.0
_DYNAMIC_STEP_DB = 6.0
# Fewer groups of short passages than this cannot spare one.
_LEAST_GROUPS = 5
# Above the edge of a recording that ends below this, a model would be free to do anything: noise of this level, which nobody hears,
# teaches it that there is next to nothing.
_FILLED_BELOW_HZ, _FILL_DB = 14_000.0, -78.0
# A held-out passage shorter than this says nothing.
_LEAST_HELD_OUT_S = 2.0


@dataclass
class Clip:
    """A passage: audio at 32 kHz with its frames. `group` is its pitch, if it is a single note."""

    name: str
    audio: np.ndarray
    frames: Features
    bandwidth_hz: float
    note: Note | None

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ

    def pitch(self) -> float:
        voiced = self.frames.f0_hz[self.frames.voicing >= VOICED]
        return float(np.median(midi(voiced))) if len(voiced) else 0.0

    def part(self, start: int, end: int) -> "Clip":
        """Frames `start` to `end`."""
        return make_clip(self.name, self.audio[start * HOP : end * HOP], self.frames[start:end], self.bandwidth_hz)


@dataclass
class Material:
    """Clips to train on and clips held out."""

    train: list[Clip]
    held_out: list[Clip]

    def training_s(self) -> float:
        return sum(c.seconds for c in self.train)

    def held_out_s(self) -> float:
        return sum(c.seconds for c in self.held_out)


def make_clip(name: str, audio: np.ndarray, frames: Features, bandwidth_hz: float) -> Clip:
    audio = audio.copy()
    n = min(round(_FADE_S * SAMPLE_RATE_HZ), len(audio) // 2)
    ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
    audio[:n] *= ramp
    audio[len(audio) - n :] *= ramp[::-1]
    return Clip(name, audio, frames, bandwidth_hz, as_note(audio, frames))


def as_note(audio: np.ndarray, frames: Features) -> Note | None:
    """The clip as a single note with its pitch and dynamic, if it is one."""
    voiced = frames.voicing >= VOICED
    if not voiced.any() or len(audio) > _NOTE_LONGEST_S * SAMPLE_RATE_HZ:
        return None
    pitches = midi(frames.f0_hz[voiced])
    pitch = float(np.median(pitches))
    if (np.abs(pitches - pitch) < _NOTE_SEMITONES).mean() < _NOTE_SHARE:
        return None
    level = round(float(np.percentile(frames.loudness_db[voiced], 75.0)) / _DYNAMIC_STEP_DB)
    return Note(audio, pitch, str(level), True)


def filled(audio: np.ndarray, edge_hz: float) -> np.ndarray:
    """Audio at 32 kHz with a trace of noise above `edge_hz`, the same for the same length."""
    spectrum = np.fft.rfft(np.random.default_rng(len(audio)).standard_normal(len(audio)))
    spectrum[np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE_HZ) < edge_hz] = 0.0
    noise = np.fft.irfft(spectrum, n=len(audio))
    return (audio + 10.0 ** (_FILL_DB / 20.0) * noise).astype(np.float32)


def clips_of(survey: Survey) -> list[Clip]:
    """Every usable passage."""
    found = []
    for e in survey.examined:
        whole, bandwidth_hz = e.recording.audio, e.bandwidth_hz
        if bandwidth_hz < _FILLED_BELOW_HZ:
            whole, bandwidth_hz = filled(whole, bandwidth_hz), BANDWIDTH_HZ
        for start_s, end_s in e.passages:
            start, end = round(start_s * FRAME_RATE_HZ), min(round(end_s * FRAME_RATE_HZ), len(e.recording.audio) // HOP)
            audio, frames = whole[start * HOP : end * HOP], e.frames[start:end]
            found.append(make_clip(e.recording.name, audio, frames, bandwidth_hz))
    return found


def split(clips: list[Clip]) -> Material:
    """Holds out about 15 %; raises `OwnError` where that cannot be done."""
    material = Material([], [])
    short = []
    for clip in clips:
        if clip.seconds >= _LONG_S:
            _split_in_time(clip, material)
        else:
            short.append(clip)
    groups = _groups(short)
    if len(groups) >= _LEAST_GROUPS:
        chosen = _spread_over_pitch(groups)
        for i, group in enumerate(groups):
            (material.held_out if i in chosen else material.train).extend(group)
    elif material.held_out:
        material.train += short
    else:
        for clip in short:
            if clip.seconds * HELD_OUT_SHARE >= _LEAST_HELD_OUT_S or clip is max(short, key=lambda c: c.seconds):
                _split_in_time(clip, material)
            else:
                material.train.append(clip)
    if material.held_out_s() < 1.0 or material.training_s() < 5.0:
        raise OwnError("there is too little to keep a part of it for testing: record a minute more")
    return material


def _split_in_time(clip: Clip, material: Material) -> None:
    n = len(clip.frames)
    held = max(n * HELD_OUT_SHARE, _LEAST_HELD_OUT_S * FRAME_RATE_HZ)
    cut, within = round(n - held), round(min(_CUT_WITHIN_S * FRAME_RATE_HZ, held / 2))
    low = max(1, cut - within)
    cut = low + int(np.argmin(clip.frames.loudness_db[low : cut + within]))
    material.train.append(clip.part(0, cut))
    material.held_out.append(clip.part(cut, n))


def _groups(short: list[Clip]) -> list[list[Clip]]:
    """Notes of a pitch together, phrases for themselves; from low to high."""
    notes: dict[int, list[Clip]] = {}
    groups = []
    for clip in short:
        if clip.note:
            notes.setdefault(round(clip.note.midi), []).append(clip)
        else:
            groups.append([clip])
    return sorted(groups + list(notes.values()), key=lambda group: np.mean([c.pitch() for c in group]))


def _spread_over_pitch(groups: list[list[Clip]]) -> set[int]:
    """Numbers of groups, neither the lowest nor the highest, that hold about 15 % of the time."""
    wanted = HELD_OUT_SHARE * sum(c.seconds for group in groups for c in group)
    n = max(1, round(HELD_OUT_SHARE * len(groups)))
    while True:
        chosen = {1 + int((k + 0.5) * (len(groups) - 2) / n) for k in range(n)}
        seconds = sum(c.seconds for i in chosen for c in groups[i])
        if seconds >= 0.7 * wanted or len(chosen) >= len(groups) // 3:
            return chosen
        n += 1


def training_tapes(material: Material, instrument: Instrument, measure: Callable, seed: int = 0) -> list[Tape]:
    """Long passages as they are, short ones apart and, where they are single notes, bound to lines; each in all copies."""
    rng = np.random.default_rng(seed)
    tapes = tapes_of(_sounds(material, rng), copies(instrument), measure)
    if material.training_s() < stages.LITTLE_S:
        tapes += tapes_of([sound for sound in _sounds(material, rng) if sound[3]], more_copies(instrument), measure)
    return tapes


def _sounds(material: Material, rng: np.random.Generator) -> list[tuple[np.ndarray, str, float, bool]]:
    """What becomes tapes, as `tapes_of` wants it: in an order of chance."""
    sounds: list[tuple[np.ndarray, str, float, bool]] = []
    short: dict[float, list[Note]] = {}
    for clip in material.train:
        if clip.seconds >= _LONG_S:
            sounds.append((clip.audio, SOURCE, clip.bandwidth_hz, False))
        else:
            # A phrase has no pitch of its own: it is never bound.
            short.setdefault(_rounded(clip.bandwidth_hz), []).append(clip.note or Note(clip.audio, float("nan"), "", False))
    for bandwidth_hz, notes in sorted(short.items()):
        sounds.append((apart(notes, rng), SOURCE, bandwidth_hz, True))
        sounds.append((bound(notes, rng), SOURCE, bandwidth_hz, True))
    return sounds


def held_out_tapes(material: Material, instrument: Instrument, measure: Callable) -> list[Tape]:
    """Long passages for themselves, short ones one after the other."""
    rng = np.random.default_rng(0)
    long = [c for c in material.held_out if c.seconds >= 5.0]
    short = [Note(c.audio, float("nan"), "", False) for c in material.held_out if c.seconds < 5.0]
    sounds = [(c.audio, c.bandwidth_hz) for c in long]
    if short:
        sounds.append((apart(short, rng), min(c.bandwidth_hz for c in material.held_out)))
    return [measured(audio, SOURCE, hz, Copy(instrument.lowest_pitch_hz), measure) for audio, hz in sounds]


def _rounded(hz: float) -> float:
    """Files of nearly the same bandwidth share a tape: down to whole kilohertz."""
    return max(2_000.0, hz // 1000.0 * 1000.0 + (500.0 if hz % 1000.0 >= 500.0 else 0.0))
