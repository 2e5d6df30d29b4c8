"""Sounds for the tests of one's own instrument: a reed that plays notes, chords, drums, and something like speech."""

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 32_000


def reed(midi: float, seconds: float, level: float = 0.3, rate_hz: int = RATE_HZ, seed: int = 0) -> np.ndarray:
    """A note with ten partials, soft at both ends, and a little breath."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    f0 = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    edge = np.minimum(1.0, np.minimum(time, time[-1] - time) / 0.04)
    partials = sum(np.sin(2 * np.pi * k * f0 * time) / k for k in range(1, 11) if k * f0 < 0.45 * rate_hz)
    breath = np.random.default_rng(seed).standard_normal(len(time)) * 0.003
    return (level * edge * (partials / 1.5 + breath)).astype(np.float32)


def melody(notes: list[float], seconds: float = 0.6, gap_s: float = 0.1, **options) -> np.ndarray:
    """Notes with rests between, each louder than the one before and then soft again."""
    rate_hz = options.get("rate_hz", RATE_HZ)
    rest = np.zeros(round(gap_s * rate_hz), np.float32)
    levels = [0.08, 0.2, 0.4]
    return np.concatenate([p for i, n in enumerate(notes) for p in (reed(n, seconds, levels[i % 3], seed=i, **options), rest)])


def chords(seconds: float = 16.0) -> np.ndarray:
    """Seconds and thirds piled up, as on a piano."""
    parts = [sum(reed(n + k, 1.0) for k in (0, 3, 7, 10)) for n in (57, 60, 55, 62, 58, 64, 59, 61)]
    return np.concatenate(parts * 2)[: round(seconds * RATE_HZ)]


def drums(seconds: float = 16.0) -> np.ndarray:
    """A bass drum and a snare in turns."""
    rng = np.random.default_rng(0)
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    n = RATE_HZ // 3
    time = np.arange(n) / RATE_HZ
    for beat in range(round(seconds * 2) - 1):
        hit = np.exp(-time / 0.05) * rng.standard_normal(n) * 0.3
        if beat % 2 == 0:
            hit = np.exp(-time / 0.09) * np.sin(2 * np.pi * (45.0 * time - 2.0 * np.exp(-time / 0.03))) * 0.8
        out[beat * RATE_HZ // 2 :][:n] += hit.astype(np.float32)
    return out


def speech(seconds: float = 16.0) -> np.ndarray:
    """Syllables: gliding pulses through moving formants, with hissing consonants between, four a second."""
    rng = np.random.default_rng(1)
    parts = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        n = round(rng.uniform(0.09, 0.16) * RATE_HZ)
        time = np.arange(n) / RATE_HZ
        f0 = rng.uniform(95, 150) * 2.0 ** (rng.uniform(-0.4, 0.2) * time / time[-1])
        phase = np.cumsum(f0) / RATE_HZ
        ends = [(rng.uniform(280, 800), rng.uniform(900, 2400), rng.uniform(2300, 3000)) for _ in range(2)]
        vowel = np.zeros(n)
        for k in range(1, 30):
            at = k * f0
            gain = 0.0
            for a, b in zip(*ends):
                formant = a + (b - a) * time / time[-1]
                gain = gain + 1.0 / (1.0 + ((at - formant) / 70.0) ** 2)
            # The voice is rough: no two periods are alike.
            vowel += gain * np.sin(2 * np.pi * k * phase + 0.4 * np.cumsum(rng.standard_normal(n)) / 12.0)
        hiss = rng.standard_normal(round(rng.uniform(0.04, 0.1) * RATE_HZ)) * 0.06
        edge = np.minimum(1.0, np.minimum(time, time[-1] - time) / 0.02)
        parts += [0.15 * edge * vowel, hiss, np.zeros(round(rng.uniform(0.0, 0.05) * RATE_HZ))]
    return np.concatenate(parts)[: round(seconds * RATE_HZ)].astype(np.float32)


def write(path: Path, audio: np.ndarray, rate_hz: int = RATE_HZ, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate_hz, **options)
    return path
