"""Frames of recordings, measured by `retort features`: the same code that listens in the plugin.

Results are cached by the content of the recording, the lowest pitch and the analysis version; another `retort` with
another analysis must come with another `ANALYSIS_VERSION`.
"""

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import ANALYSIS_VERSION, FRAME_RATE_HZ, SAMPLE_RATE_HZ

VOICED = 0.5
COLUMNS = ("time_s", "f0_hz", "voicing", "loudness_db")


@dataclass
class Features:
    """One value per frame; frame k describes the signal at k / 250 s. f0 is above 0 and held where nothing is voiced."""

    f0_hz: np.ndarray
    voicing: np.ndarray
    loudness_db: np.ndarray

    def __len__(self) -> int:
        return len(self.f0_hz)

    def __getitem__(self, frames: slice) -> "Features":
        return Features(self.f0_hz[frames], self.voicing[frames], self.loudness_db[frames])


class FeatureError(RuntimeError):
    """`retort features` failed or wrote something else than announced."""


def retort_binary(named: str | None = None) -> str:
    """The path of `retort`: the one named, or the one in PATH."""
    found = named or shutil.which("retort")
    if not found or not Path(found).exists():
        raise FeatureError(f"no retort program found ({named or 'not in PATH'}): build it, then name it with --retort")
    return str(found)


def read_csv(path: Path) -> Features:
    """Reads what `retort features` wrote; raises `FeatureError` for another layout or frame rate."""
    with open(path, encoding="utf-8") as file:
        header = file.readline().strip().split(",")
        if tuple(header) != COLUMNS:
            raise FeatureError(f"{path}: columns are {header}, expected {list(COLUMNS)}")
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    if len(table) > 1 and abs(table[1, 0] - table[0, 0] - 1.0 / FRAME_RATE_HZ) > 1e-6:
        raise FeatureError(f"{path}: frames are not {FRAME_RATE_HZ} per second")
    voicing = table[:, 2].astype(np.float32)
    return Features(hold_pitch(table[:, 1], voicing), voicing, table[:, 3].astype(np.float32))


def hold_pitch(f0_hz: np.ndarray, voicing: np.ndarray) -> np.ndarray:
    """Unvoiced frames keep the last voiced pitch, the ones before the first note take the first."""
    voiced = np.flatnonzero((voicing >= VOICED) & np.isfinite(f0_hz) & (f0_hz > 0))
    if len(voiced) == 0:
        return np.full(len(f0_hz), 220.0, np.float32)
    last = np.searchsorted(voiced, np.arange(len(f0_hz)), side="right") - 1
    return f0_hz[voiced[np.maximum(last, 0)]].astype(np.float32)


def write_audio(path: Path, audio: np.ndarray, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Mono float32 as WAV: the same bytes for the same samples, so that the cache knows them again. (libsndfile would put the time of day into the file.)"""
    data = np.ascontiguousarray(audio, "<f4")
    # RIFF chunks: format 3 is IEEE float; one channel of four bytes a sample.
    header = b"RIFF" + struct.pack("<I", 36 + data.nbytes) + b"WAVE"
    header += b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, rate_hz, 4 * rate_hz, 4, 32)
    with open(path, "wb") as file:
        file.write(header + b"data" + struct.pack("<I", data.nbytes))
        file.write(data.data)


def measure(recording: Path, retort: str, cache: Path, lowest_pitch_hz: int = 80) -> Features:
    """The frames of a recording, from the cache or from `retort features`."""
    return read_csv(measured_file(recording, retort, cache, lowest_pitch_hz))


def measured_file(recording: Path, retort: str, cache: Path, lowest_pitch_hz: int) -> Path:
    """Where in the cache the frames of a recording are; measures them if they are not there yet."""
    with open(recording, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:20]
    stored = Path(cache) / f"{digest}-{lowest_pitch_hz}hz-v{ANALYSIS_VERSION}.csv"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that an interrupted run leaves no half file.
        handle, part = tempfile.mkstemp(suffix=".csv", dir=stored.parent)
        os.close(handle)
        try:
            command = [retort, "features", str(recording), part, "--lowest-pitch", str(lowest_pitch_hz)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise FeatureError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
            os.replace(part, stored)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    return stored
