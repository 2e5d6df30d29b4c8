"""Which passages of a recording are one note at a time: frame by frame evidence, and the passages that are kept.

Of every 20 ms of sound there are three kinds of evidence, beside what `retort features` says of voicing: how much of the energy up to 3 kHz lies at multiples
of the tracked pitch (a chord leaves much between them), whether the low multiples are there at all (of a pitch that three notes have in common most are not),
and how fast the spectrum changes (speech changes it all the time, an instrument with each note).

The limits were set by hearing solo phrases of ten instruments, mixtures of three notes, a canon, and synthetic speech in three languages. Of the solos between
0 and 0.36 of the looks are unclear (the most with reverberant violins and their double stops), of the mixtures between 0.32 and 0.95: chords whose notes have most partials in
common pass now and then.
"""

from dataclasses import dataclass

import numpy as np
import soxr

from .. import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from ..features import VOICED, Features

RATE_HZ = 16_000
# One look every so many frames: 20 ms.
EVERY = 5
LOOKS_PER_S = FRAME_RATE_HZ // EVERY
_WINDOW = 2048
_BAND_HZ = (50.0, 3000.0)
# Sound is what is within so many dB of the loud parts and above a floor.
_BELOW_LOUD_DB, _LEAST_DB = 35.0, -62.0
# Less of the energy than this at multiples of the pitch (0: as much as in noise) is no single note; nor is it where fewer than
# `_FILLED` of the multiples up to the highest strong one are there, of ten.
_HARMONIC, _FILLED, _MULTIPLES = 0.8, 0.6, 10
_STRONG_DB, _THERE_DB = -15.0, -30.0
# A look is left out where, within so many seconds around it, more than this share of the sounding looks are no single note, ...
_AROUND_S, _MOST_UNCLEAR = 1.2, 0.6
# ... and whole blocks of so many seconds where more than this share is, or less where they change like speech.
_BLOCK_S, _BLOCK_UNCLEAR = 12.0, 0.45
_SPEECH_UNCLEAR, _SPEECH_CHANGE_DB, _SPEECH_VOICED = 0.3, 8.0, 0.93
_NOISE_VOICED = 0.5
# A kept passage takes so much of the silence around it along, and shorter ones than this are dropped.
_MARGIN_S = 0.25
_SHORTEST_S = 0.4

KEPT, SILENT, POLYPHONIC, NOISY, SPEECH = range(5)
REASONS = {POLYPHONIC: "several notes at once", NOISY: "noise, or no pitch to be heard", SPEECH: "speech"}


@dataclass
class Evidence:
    """One value per look. `kind` is `KEPT`, `SILENT` or why a look is left out."""

    sounding: np.ndarray
    voiced: np.ndarray
    harmonic: np.ndarray
    kind: np.ndarray

    def seconds(self, kind: int) -> float:
        return float((self.kind == kind).sum()) / LOOKS_PER_S


def spectra(audio: np.ndarray) -> np.ndarray:
    """Power spectra `[looks, bins]` of mono audio at 16 kHz."""
    step = RATE_HZ // LOOKS_PER_S
    n = max(1, len(audio) // step)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(audio, (_WINDOW // 2, _WINDOW)), _WINDOW)[::step][:n]
    window = np.hanning(_WINDOW).astype(np.float32)
    power = np.empty((len(frames), _WINDOW // 2 + 1), np.float32)
    # In pieces: the windows of twenty minutes at once would take a gigabyte.
    for start in range(0, len(frames), 4096):
        rows = slice(start, start + 4096)
        power[rows] = np.square(np.abs(np.fft.rfft(frames[rows] * window)))
    return power


def clearness(power: np.ndarray, f0_hz: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each look: the share of the energy between 50 Hz and 3 kHz at multiples of `f0_hz`, from 0 (as in white noise) to 1, and the
    share of the multiples that are there. `spread` is by what ratio the pitch moves within the window."""
    hz = np.arange(power.shape[1]) * RATE_HZ / _WINDOW
    inside = (hz > _BAND_HZ[0]) & (hz < _BAND_HZ[1])
    hz, power = hz[inside], power[:, inside]
    harmonic, filled = np.empty(len(f0_hz)), np.empty(len(f0_hz))
    for start in range(0, len(f0_hz), 4096):
        rows = slice(start, start + 4096)
        harmonic[rows], filled[rows] = _clearness(power[rows], hz, f0_hz[rows, None], spread[rows, None])
    return harmonic, filled


def _clearness(power, hz, f0_hz, spread):
    number = np.round(hz / f0_hz)
    distance = np.abs(hz - number * f0_hz)
    near = (number >= 1) & (distance <= np.minimum(14.0 + spread * hz, 0.35 * f0_hz))
    chance = near.mean(axis=1)
    share = (power * near).sum(axis=1) / (power.sum(axis=1) + 1e-12)
    harmonic = (share - chance) / np.maximum(1.0 - chance, 0.05)
    peaks = np.zeros((len(power), _MULTIPLES))
    for k in range(1, _MULTIPLES + 1):
        at = (number == k) & (distance <= 10.0 + 0.01 * hz)
        peaks[:, k - 1] = (power * at).max(axis=1)
    exists = np.arange(1, _MULTIPLES + 1) * f0_hz < _BAND_HZ[1]
    exists[:, 0] = True
    level = 10.0 * np.log10(peaks / (peaks.max(axis=1, keepdims=True) + 1e-20) + 1e-9)
    # Up to the highest strong one.
    counted = np.flip(np.maximum.accumulate(np.flip((level > _STRONG_DB) & exists, axis=1), axis=1), axis=1)
    filled = ((level > _THERE_DB) & counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return harmonic, filled


def _spread(f0_hz: np.ndarray) -> np.ndarray:
    """By what ratio the pitch moves within a window: vibrato smears its partials. A jump to another note is no vibrato."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(f0_hz, 16, mode="edge"), 33)
    ratio = np.ptp(around, axis=1) / (2.0 * f0_hz)
    return np.where(ratio < 0.05, np.maximum(ratio, 0.008), 0.008)


def change_db(power: np.ndarray) -> np.ndarray:
    """Mean change of 24 bands within 100 ms, in dB; the first five looks have none."""
    hz = np.arange(power.shape[1]) * RATE_HZ / _WINDOW
    edges = np.geomspace(80.0, 6000.0, 25)
    bands = np.stack([power[:, (hz >= a) & (hz < b)].sum(axis=1) for a, b in zip(edges, edges[1:])], axis=1)
    level = 10.0 * np.log10(bands + 1e-9)
    level = np.maximum(level, level.max() - 60.0)
    return np.concatenate([np.zeros(min(5, len(level))), np.abs(level[5:] - level[:-5]).mean(axis=1)])


def _around(values: np.ndarray, looks: int) -> np.ndarray:
    """Sums of `values` over `looks` neighbours."""
    return np.convolve(values.astype(np.float64), np.ones(looks), "same")[: len(values)] if len(values) >= looks else np.full(len(values), values.sum(dtype=np.float64))


def look(audio: np.ndarray, frames: Features) -> Evidence:
    """The evidence of a recording at 32 kHz whose frames are `frames`."""
    power = spectra(soxr.resample(audio, SAMPLE_RATE_HZ, RATE_HZ, quality="HQ"))
    n = min(len(power), (len(frames) + EVERY - 1) // EVERY)
    power = power[:n]
    f0_hz, loudness = frames.f0_hz[::EVERY][:n].astype(np.float64), frames.loudness_db[::EVERY][:n]
    voiced = frames.voicing[::EVERY][:n] >= VOICED
    sounding = loudness > max(np.percentile(loudness, 95.0) - _BELOW_LOUD_DB, _LEAST_DB)
    harmonic, filled = clearness(power, f0_hz, _spread(frames.f0_hz)[::EVERY][:n])
    single = sounding & voiced & (harmonic >= _HARMONIC) & (filled >= _FILLED)
    looks = round(_AROUND_S * LOOKS_PER_S) | 1
    sounds = np.maximum(_around(sounding, looks), 1.0)
    enough = _around(single, looks) / sounds > 1.0 - _MOST_UNCLEAR
    with_pitch = _around(sounding & voiced, looks) / sounds > 0.5
    kind = np.where(~sounding, SILENT, np.where(enough, KEPT, np.where(with_pitch, POLYPHONIC, NOISY)))
    return Evidence(sounding, voiced, harmonic, _judge_blocks(kind, sounding, voiced, single, change_db(power)))


def _judge_blocks(kind, sounding, voiced, single, change) -> np.ndarray:
    """Chords and speech pass here and there; over some seconds they do not."""
    kind = kind.copy()
    for block in np.array_split(np.arange(len(kind)), max(1, round(len(kind) / (_BLOCK_S * LOOKS_PER_S)))):
        heard = block[sounding[block]]
        tuned = heard[voiced[heard]]
        if len(heard) < LOOKS_PER_S:
            continue
        share = len(tuned) / len(heard)
        unclear = 1.0 - single[tuned].mean() if len(tuned) else 1.0
        if share < _NOISE_VOICED:
            kind[heard] = NOISY
        elif share < _SPEECH_VOICED and unclear > _SPEECH_UNCLEAR and np.median(change[tuned]) > _SPEECH_CHANGE_DB:
            kind[heard] = SPEECH
        elif unclear > _BLOCK_UNCLEAR:
            kind[heard] = POLYPHONIC
    return kind


def passages(evidence: Evidence) -> list[tuple[float, float]]:
    """Seconds `(start, end)` of what is kept, with the silence around it where there is some."""
    kept = evidence.kind == KEPT
    margin = round(_MARGIN_S * LOOKS_PER_S)
    # Short gaps of any kind within a passage belong to it: an attack, a breath, a change of bow.
    near = np.convolve(kept, np.ones(2 * margin + 1), "same")[: len(kept)] > 0
    # Not into what was left out, but for the few looks of an attack.
    bad = (evidence.kind != KEPT) & (evidence.kind != SILENT)
    long_bad = bad & (_around(bad, 11) >= 11)
    usable = near & ~long_bad
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    found = []
    for start, end in zip(edges[::2], edges[1::2]):
        if kept[start:end].sum() >= _SHORTEST_S * LOOKS_PER_S:
            found.append((start / LOOKS_PER_S, end / LOOKS_PER_S))
    return found
