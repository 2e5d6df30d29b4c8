"""Finds the audio files of a folder and decodes them: any format of libsndfile, any rate, any number of channels, to mono at 32 kHz.

A file that cannot be used is no reason to stop: it is named, with what is wrong, and the others go on.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from .. import SAMPLE_RATE_HZ
from . import OwnError

# What people keep recordings in. Others in the folder (texts, pictures, projects) are passed over in silence.
READABLE = {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".caf", ".w64", ".au", ".snd"}
FOREIGN = {".m4a", ".aac", ".mp4", ".wma", ".ape", ".wv", ".mov", ".mkv", ".webm"}
# So much of one file and of all files together is used: more takes memory and time and adds little.
LONGEST_FILE_S = 1200.0
LONGEST_TOTAL_S = 1200.0
# Less than this of a last file is not worth taking.
_LEAST_LEFT_S = 1.0
# Resampled, a file may be a few samples longer.
_ROUNDING_S = 0.01
_BLOCK_S = 20.0
# A sample that has the value of the file's peak for so long was cut off there.
_CLIPPED_RUN = 3
# A peak below this is no limit that anything was cut off at.
_CLIPPED_FROM = 0.2
# Below this peak a file is silence.
_SILENT_PEAK = 10.0 ** (-70.0 / 20.0)
# The mean of the channels is softer than the loudest of them by so much: they cancel each other.
_CANCELLED = 0.1


@dataclass
class Recording:
    """One decoded file. `audio` is mono float32 at 32 kHz; `rate_hz` and `channels` are the file's own; `clips` counts places that are cut off."""

    name: str
    audio: np.ndarray
    rate_hz: int
    channels: int
    clips: int
    digest: str
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Unusable:
    """A file that is left out, and why."""

    name: str
    reason: str


def find(folder: Path) -> list[Path]:
    """All files that may be audio, in the order of their names; hidden ones are left alone. Raises `OwnError` where there are none."""
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise OwnError(f"{folder} {what}: name the folder that your recordings are in")
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place) / name for name in sorted(files) if not name.startswith(".")]
    recordings = [path for path in found if path.suffix.lower() in READABLE | FOREIGN]
    if not recordings:
        raise OwnError(
            f"there are no recordings in {folder}: put wav, flac, mp3 or ogg files of your instrument there, playing one note at a time"
        )
    return recordings


def decode_all(folder: Path, show=lambda done, total: None) -> tuple[list[Recording], list[Unusable]]:
    """Decodes what `find` finds."""
    paths = find(folder)
    recordings: list[Recording] = []
    unusable: list[Unusable] = []
    total_s = 0.0
    for i, path in enumerate(paths):
        show(i, len(paths))
        name = path.relative_to(folder).as_posix()
        left_s = LONGEST_TOTAL_S - total_s
        try:
            made = decode(path, name)
            # It is cut only now: a copy of one that is there already is known by all of its sound.
            if _LEAST_LEFT_S <= left_s < made.seconds - _ROUNDING_S and not any(r.digest == made.digest for r in recordings):
                made = decode(path, name, left_s)
        except _Unreadable as error:
            unusable.append(Unusable(name, str(error)))
            continue
        twin = next((r.name for r in recordings if r.digest == made.digest), None)
        if twin:
            unusable.append(Unusable(name, f"holds the same sound as {twin}"))
        elif left_s < _LEAST_LEFT_S:
            unusable.append(Unusable(name, f"comes after {LONGEST_TOTAL_S / 60:.0f} minutes of recordings, which are enough"))
        else:
            recordings.append(made)
            total_s += made.seconds
    show(len(paths), len(paths))
    return recordings, unusable


class _Unreadable(Exception):
    pass


def decode(path: Path, name: str, most_s: float = LONGEST_FILE_S) -> Recording:
    """One file, of which the first `most_s` are used; raises `_Unreadable` with the reason."""
    if path.suffix.lower() in FOREIGN:
        raise _Unreadable(f"{path.suffix} files cannot be read here: save it as WAV or FLAC")
    try:
        if path.stat().st_size == 0:
            raise _Unreadable("the file is empty")
        with soundfile.SoundFile(path) as file:
            return _decode(file, name, most_s)
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise _Unreadable(f"it cannot be read ({_short(error)}): is it whole, and an audio file?") from error


def _short(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".")


def _decode(file: soundfile.SoundFile, name: str, most_s: float) -> Recording:
    """Twice through the file in blocks, so that only what is kept takes memory: first its levels, then its sound."""
    rate_hz, channels, notes = file.samplerate, file.channels, []
    if rate_hz < 8_000:
        raise _Unreadable(f"its sample rate of {rate_hz} Hz is too low: 16000 Hz or more are needed")
    if file.frames > round(most_s * rate_hz):
        length = f"{most_s / 60:.0f} minutes" if most_s >= 90.0 else f"{most_s:.0f} seconds"
        notes.append(f"only the first {length} are used: {LONGEST_TOTAL_S / 60:.0f} minutes in all are enough")
    levels = _Levels(channels)
    for block in _blocks(file, notes, most_s):
        levels.add(block)
    if levels.frames == 0:
        raise _Unreadable("there is no sound in it")
    if not levels.is_finite:
        raise _Unreadable("it holds values that are no numbers: export it again")
    if max(levels.high.max(), -levels.low.min()) < _SILENT_PEAK:
        raise _Unreadable("it is silent")
    weights = np.full(channels, 1.0 / channels)
    if levels.cancel():
        weights = np.eye(channels)[int(levels.energies.argmax())]
        notes.append("its channels cancel each other: the loudest one alone is used")
    offset = np.float32(weights @ levels.sums / levels.frames)
    weights = weights.astype(np.float32)
    clips = Clips(levels.low, levels.high)
    stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, quality="HQ") if rate_hz != SAMPLE_RATE_HZ else None
    parts = []
    file.seek(0)
    for block in _blocks(file, [], most_s):
        clips.add(block)
        mono = block @ weights - offset
        parts.append(stream.resample_chunk(mono) if stream else mono)
    if stream:
        parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    audio = np.concatenate(parts)
    return Recording(name, audio, rate_hz, channels, clips.close(), hashlib.sha256(audio.data).hexdigest()[:20], notes)


def _blocks(file: soundfile.SoundFile, notes: list[str], most_s: float) -> Iterator[np.ndarray]:
    """What there is of `[frames, channels]`, up to `most_s`; `notes` hears where the file breaks off."""
    most, done = round(most_s * file.samplerate), 0
    while done < most:
        try:
            block = file.read(min(most - done, round(_BLOCK_S * file.samplerate)), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            if not done:
                raise
            notes.append(f"it breaks off after {done / file.samplerate:.0f} s ({_short(error)})")
            return
        if len(block) == 0:
            return
        done += len(block)
        yield block


class _Levels:
    """Of all blocks so far, by channel: sums, energies, and the lowest and highest value."""

    def __init__(self, channels: int):
        self.frames, self.is_finite = 0, True
        self.sums, self.energies, self.mono_energy = np.zeros(channels), np.zeros(channels), 0.0
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)

    def add(self, block: np.ndarray) -> None:
        self.frames += len(block)
        self.is_finite = self.is_finite and bool(np.isfinite(block).all())
        self.sums += block.sum(axis=0, dtype=np.float64)
        self.energies += np.square(block, dtype=np.float64).sum(axis=0)
        self.mono_energy += float(np.square(block.mean(axis=1), dtype=np.float64).sum())
        self.low, self.high = np.minimum(self.low, block.min(axis=0)), np.maximum(self.high, block.max(axis=0))

    def cancel(self) -> bool:
        """Whether the channels' mean is next to nothing beside the loudest of them."""
        return len(self.sums) > 1 and self.mono_energy < _CANCELLED * self.energies.max()


class Clips:
    """Counts places where three samples in a row stand at a channel's lowest or highest value, or at full scale."""

    def __init__(self, low: np.ndarray, high: np.ndarray):
        self.limits = [(channel, sign, min(limit, 1.0) * (1.0 - 1e-4)) for sign, ends in ((1, high), (-1, -low)) for channel, limit in enumerate(ends) if limit >= _CLIPPED_FROM]
        # How long each has stood there at the end of the last block.
        self.run = [0] * len(self.limits)
        self.count = 0

    def add(self, block: np.ndarray) -> None:
        """`[frames, channels]` that follow on those before."""
        for i, (channel, sign, limit) in enumerate(self.limits):
            at_limit = np.concatenate([np.ones(self.run[i], bool), sign * block[:, channel] >= limit])
            edges = np.flatnonzero(np.diff(np.concatenate([[0], at_limit.view(np.int8), [0]])))
            lengths = edges[1::2] - edges[::2]
            ends_here = bool(len(at_limit)) and bool(at_limit[-1])
            self.count += int((lengths[: len(lengths) - ends_here] >= _CLIPPED_RUN).sum())
            # One that goes on is counted when it has ended.
            self.run[i] = int(lengths[-1]) if ends_here else 0

    def close(self) -> int:
        """The count, with those that last until the end."""
        self.count += sum(run >= _CLIPPED_RUN for run in self.run)
        self.run = [0] * len(self.run)
        return self.count
