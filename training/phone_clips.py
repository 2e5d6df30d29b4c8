"""Makes what a phone would have recorded of an instrument: the ten clips of the guide's second example.

    python phone_clips.py RECORDINGS OUTPUT

RECORDINGS is a folder of single notes. Each clip is eight seconds of neighbouring notes, through a phone's ears: 16 kHz, nothing below
250 Hz, level control that evens loud and soft out by half, noise at -48 dBFS, and MP3 at about 40 kbit/s.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfilt

RATE_HZ = 16_000
CLIPS, SECONDS = 10, 8.0
NOISE_RMS = 10.0 ** (-48.0 / 20.0)


def clip(notes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Notes one after the other, as a phone hears them."""
    rest = np.zeros(round(0.15 * RATE_HZ), np.float32)
    sound = np.concatenate([part for note in notes for part in (note, rest)])
    sound = np.pad(sound, (0, max(0, round(SECONDS * RATE_HZ) - len(sound))))[: round(SECONDS * RATE_HZ)]
    level = np.sqrt(np.convolve(np.square(sound), np.ones(4_000) / 4_000, "same") + 1e-5)
    sound = 0.25 * sound / np.sqrt(level)
    sound = sosfilt(butter(2, 250.0, "high", fs=RATE_HZ, output="sos"), sound)
    return (0.7 * sound / np.abs(sound).max() + NOISE_RMS * rng.standard_normal(len(sound))).astype(np.float32)


def main(recordings: Path, output: Path) -> None:
    rng = np.random.default_rng(1)
    files = sorted(p for p in recordings.iterdir() if p.suffix in (".flac", ".wav"))
    output.mkdir(parents=True, exist_ok=True)
    for i in range(CLIPS):
        # Every note in one clip only, so that none is heard twice.
        chosen = files[i :: CLIPS][:3]
        notes = []
        for path in chosen:
            audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            notes.append(soxr.resample(audio.mean(axis=1), rate_hz, RATE_HZ))
        soundfile.write(output / f"clip {i + 1}.mp3", clip(notes, rng), RATE_HZ, format="MP3", compression_level=0.8, bitrate_mode="CONSTANT")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
