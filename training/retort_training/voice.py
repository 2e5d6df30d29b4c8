"""A made-up singer for timbre transfer: vowels, vibrato, breath and the consonants s and t, with every f0 known.

Harmonics with a glottal slope through formants, and noise in bands, per 4 ms frame, through the same two sums as the instruments
(`harmonic_sum`, `FilteredNoise`). Between the phrases the singer breathes in, which is what a tracker must not take for a note.
"""

from dataclasses import dataclass

import numpy as np
import torch

from . import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from .harmonic_kernel import harmonic_sum
from .synth import FilteredNoise, band_frequencies_hz

# Formants (Hz) and bandwidths (Hz) of a low female voice, after the measured means that textbooks give.
VOWELS = {
    "a": ((800, 1200, 2800, 3600, 4800), (80, 90, 120, 130, 140)),
    "e": ((450, 2000, 2800, 3600, 4800), (60, 100, 120, 130, 140)),
    "i": ((320, 2400, 3100, 3800, 4900), (50, 100, 120, 130, 140)),
    "o": ((480, 850, 2750, 3600, 4800), (60, 80, 120, 130, 140)),
}
N_HARMONICS, N_BANDS, FIR_MS = 70, 65, 4.0
# (consonant, vowel, MIDI note, seconds); a rest is (None, None, None, seconds).
MELODY = (
    ("s", "a", 57, 0.7), ("t", "o", 60, 0.5), ("t", "e", 64, 0.5), ("", "i", 62, 0.9), (None, None, None, 0.6),
    ("t", "a", 65, 0.45), ("s", "e", 64, 0.5), ("", "o", 60, 0.4), ("t", "a", 57, 1.2), (None, None, None, 0.6),
)  # fmt: skip
VIBRATO_HZ, VIBRATO_CENTS, VIBRATO_AFTER_S = 5.6, 35.0, 0.25
CONSONANT_S = {"s": 0.13, "t": 0.07, "": 0.0}
BREATH_DB, ASPIRATION_DB = -48.0, -38.0


@dataclass
class Voice:
    """Audio at 32 kHz; per 4 ms frame the sung f0 and whether the vocal folds sound."""

    audio: np.ndarray
    f0_hz: np.ndarray
    voiced: np.ndarray


def formant_gain(frequency_hz: np.ndarray, formants_hz: np.ndarray, bandwidths_hz: np.ndarray) -> np.ndarray:
    """|H| of resonances in a row, each 1 at 0 Hz; `formants_hz` `[T, n]` and frequencies `[T, K]`."""
    s = 2j * np.pi * frequency_hz[..., None]
    poles = -np.pi * bandwidths_hz[:, None] + 2j * np.pi * formants_hz[:, None]
    return np.prod(np.abs(poles) ** 2 / np.abs((s - poles) * (s - poles.conj())), axis=-1)


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    n = max(1, round(seconds * FRAME_RATE_HZ))
    kernel = np.hanning(n + 2)[1:-1]
    padded = np.pad(values, [(n // 2, n - 1 - n // 2)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    convolve = lambda x: np.convolve(x, kernel / kernel.sum(), "valid")  # noqa: E731
    return np.apply_along_axis(convolve, 0, padded)


def sing(seed: int = 1) -> Voice:
    """The melody; another seed is another breath and another tremor."""
    rng = np.random.default_rng(seed)
    note, formants, widths, level, hiss, burst, breath = [], [], [], [], [], [], []
    vowel = VOWELS["a"]
    for consonant, name, midi, seconds in MELODY:
        n = round(seconds * FRAME_RATE_HZ)
        lead = round(CONSONANT_S.get(consonant, 0.0) * FRAME_RATE_HZ)
        vowel = VOWELS.get(name, vowel)
        note += [midi if midi is not None else note[-1]] * n
        formants += [vowel[0]] * n
        widths += [vowel[1]] * n
        level += [0.0] * lead + [1.0 if midi is not None else 0.0] * (n - lead)
        hiss += ([1.0] * lead if consonant == "s" else [0.0] * lead) + [0.0] * (n - lead)
        # A t is a stop and then a burst of 15 ms.
        pop = [0.0] * max(lead - 4, 0) + [1.0] * min(lead, 4) if consonant == "t" else [0.0] * lead
        burst += pop + [0.0] * (n - lead)
        breath += [1.0 if midi is None else 0.0] * n
    time = np.arange(len(note)) / FRAME_RATE_HZ
    level = _smooth(np.array(level), 0.05)
    held = np.zeros(len(note))
    for i in range(1, len(note)):
        held[i] = held[i - 1] + 1.0 / FRAME_RATE_HZ if note[i] == note[i - 1] else 0.0
    vibrato = VIBRATO_CENTS * np.clip((held - VIBRATO_AFTER_S) / 0.2, 0.0, 1.0) * np.sin(2 * np.pi * VIBRATO_HZ * time)
    tremor = 60.0 * _smooth(rng.standard_normal(len(note)), 0.08)
    f0_hz = 440.0 * 2.0 ** ((_smooth(np.array(note, float), 0.06) - 69) / 12 + (vibrato + 0.1 * tremor) / 1200)
    formants_hz, widths_hz = (_smooth(np.array(x, float), 0.06) for x in (formants, widths))

    partials_hz = f0_hz[:, None] * np.arange(1, N_HARMONICS + 1)
    # The glottal pulse falls by 12 dB per octave, the lips give 6 back.
    amplitudes = formant_gain(partials_hz, formants_hz, widths_hz) / np.arange(1, N_HARMONICS + 1)
    amplitudes *= (partials_hz < 15_000.0) / np.sqrt(np.sum(amplitudes**2, axis=1, keepdims=True))
    amplitudes *= 0.22 * level[:, None]

    bands_hz = band_frequencies_hz(N_BANDS).numpy()
    through = formant_gain(np.broadcast_to(bands_hz, (len(note), N_BANDS)), formants_hz, widths_hz)
    through /= through.max(axis=1, keepdims=True)
    gain = lambda db: 10.0 ** (db / 20.0)  # noqa: E731
    noise = gain(ASPIRATION_DB) * 6.0 * through * level[:, None]
    noise += gain(BREATH_DB) * 4.0 * (0.3 + through) * _smooth(np.array(breath), 0.2)[:, None]
    sibilant = np.exp(-(((bands_hz - 7500.0) / 2200.0) ** 2))
    stop = np.exp(-(((bands_hz - 4500.0) / 2500.0) ** 2))
    noise += 0.12 * sibilant * _smooth(np.array(hiss), 0.03)[:, None] + 0.25 * stop * np.array(burst)[:, None]

    tensors = [torch.from_numpy(x.astype(np.float32))[:, None] for x in (f0_hz, amplitudes, noise)]
    white = torch.from_numpy(rng.uniform(-1.0, 1.0, (len(note) - 1) * SAMPLE_RATE_HZ // FRAME_RATE_HZ).astype(np.float32))[
        None
    ]
    audio = harmonic_sum(tensors[0][:, :, 0] if tensors[0].dim() == 3 else tensors[0], tensors[1])
    audio = audio + FilteredNoise(N_BANDS, FIR_MS)(white, tensors[2])
    return Voice(audio[0].numpy(), f0_hz, level > 0.3)
