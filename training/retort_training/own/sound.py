"""Finds the audio files of a folder and decodes them: any format of libsndfile, any rate, any number of channels, to mono at 32 kHz.

A file that cannot be used is no reason to stop: it is named, with what is wrong, and the others go on.
"""

import hashlib
import os
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
_BLOCK_S = 20.0
# A sample that has the value of the file's peak for so long was cut off there.
_CLIPPED_RUN = 3
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
        try:
            made = decode(path, name)
        except _Unreadable as error:
            unusable.append(Unusable(name, str(error)))
            continue
        twin = next((r.name for r in recordings if r.digest == made.digest), None)
        if twin:
            unusable.append(Unusable(name, f"holds the same sound as {twin}"))
        elif total_s >= LONGEST_TOTAL_S:
            unusable.append(Unusable(name, f"comes after {LONGEST_TOTAL_S / 60:.0f} minutes of recordings, which are enough"))
        else:
            recordings.append(made)
            total_s += made.seconds
    show(len(paths), len(paths))
    return recordings, unusable


class _Unreadable(Exception):
    pass


def decode(path: Path, name: str) -> Recording:
    """One file; raises `_Unreadable` with the reason."""
    if path.suffix.lower() in FOREIGN:
        raise _Unreadable(f"{path.suffix} files cannot be read here: save it as WAV or FLAC")
    try:
        if path.stat().st_size == 0:
            raise _Unreadable("the file is empty")
        with soundfile.SoundFile(path) as file:
            return _decode(file, name)
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise _Unreadable(f"it cannot be read ({_short(error)}): is it whole, and an audio file?") from error


def _short(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".")


def _decode(file: soundfile.SoundFile, name: str) -> Recording:
    rate_hz, channels, notes = file.samplerate, file.channels, []
    if rate_hz < 8_000:
        raise _Unreadable(f"its sample rate of {rate_hz} Hz is too low: 16000 Hz or more are needed")
    most = round(LONGEST_FILE_S * rate_hz)
    if file.frames > most:
        notes.append(f"only the first {LONGEST_FILE_S / 60:.0f} minutes are used")
    blocks = []
    while (left := most - sum(map(len, blocks))) > 0:
        try:
            block = file.read(min(left, round(_BLOCK_S * rate_hz)), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            if not blocks:
                raise
            notes.append(f"it breaks off after {sum(map(len, blocks)) / rate_hz:.0f} s ({_short(error)})")
            break
        if len(block) == 0:
            break
        blocks.append(block)
    if not blocks:
        raise _Unreadable("there is no sound in it")
    whole = np.concatenate(blocks)
    if not np.isfinite(whole).all():
        raise _Unreadable("it holds values that are no numbers: export it again")
    mono = whole.mean(axis=1)
    energies = np.square(whole, dtype=np.float64).mean(axis=0)
    if channels > 1 and np.square(mono, dtype=np.float64).mean() < _CANCELLED * energies.max():
        mono = whole[:, int(energies.argmax())].copy()
        notes.append("its channels cancel each other: the loudest one alone is used")
    peak = float(np.abs(whole).max())
    if peak < _SILENT_PEAK:
        raise _Unreadable("it is silent")
    clips = count_clips(whole)
    mono -= mono.mean()
    audio = mono if rate_hz == SAMPLE_RATE_HZ else soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    audio = np.ascontiguousarray(audio, np.float32)
    return Recording(name, audio, rate_hz, channels, clips, hashlib.sha256(audio.tobytes()).hexdigest()[:20], notes)


def count_clips(samples: np.ndarray) -> int:
    """Places of `[frames, channels]` where three samples in a row stand at the file's highest or lowest value, or at full scale."""
    count = 0
    for channel in samples.T:
        for limit in (channel.max(), -channel.min()):
            if limit < 0.2:
                continue
            side = channel if limit == channel.max() else -channel
            at_limit = side >= min(limit, 1.0) * (1.0 - 1e-4)
            edges = np.flatnonzero(np.diff(np.concatenate([[0], at_limit.view(np.int8), [0]])))
            count += int((edges[1::2] - edges[::2] >= _CLIPPED_RUN).sum())
    return count
