"""The figures by which renderings are compared with recordings.

The published definitions are at 16 kHz mono (`RATE_HZ`). The same at the full band are made at 32 kHz (`FULL_RATE_HZ`): windows of the
same lengths in time, and only bins below the source's bandwidth less two bins, since codecs and resamplers cut there.
The caller resamples with soxr HQ and cuts to the shorter; f0 and loudness are measured elsewhere.
"""

import math
from collections.abc import Callable

import numpy as np

RATE_HZ = 16_000
FULL_RATE_HZ = 32_000
WINDOWS = (2048, 1024, 512, 256, 128, 64)
MEL_WINDOW, MEL_BANDS, MEL_LOW_HZ, MEL_HIGH_HZ, MEL_HIGH_FULL_HZ = 1024, 80, 30.0, 8000.0, 15_500.0
MEL_DEPTH_DB = 60.0
SILENCE_RMS = 10.0 ** (-80.0 / 20.0)
# A frame counts as in tune within so many cents.
IN_TUNE_CENTS = 50.0
# A median over fewer frames would be little else than their noise.
LEAST_FRAMES = 8
# Loudness is compared where the recording is above.
LOUDNESS_COUNTED_DB = -60.0


def _frames(audio: np.ndarray, n: int, hop: int) -> np.ndarray:
    padded = np.pad(np.asarray(audio, np.float64), n // 2, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, n)[::hop]


def _magnitudes(frames: np.ndarray) -> np.ndarray:
    n = frames.shape[1]
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)
    return np.abs(np.fft.rfft(frames * hann, axis=1)) / math.sqrt(n)


class Reference:
    """A recording that several renderings are compared with: its spectra are made once.

    `rate_hz` is a multiple of 16 kHz; the windows lengthen with it. Bins from `bandwidth_hz` less two bins upward are left out
    (with 16 kHz nothing is, since every source reaches further).
    """

    def __init__(self, audio: np.ndarray, rate_hz: int = RATE_HZ, bandwidth_hz: float = math.inf):
        self.audio, self.rate_hz, self.bandwidth_hz = audio, rate_hz, bandwidth_hz
        scale = rate_hz // RATE_HZ
        self._spectra = []
        for n in (w * scale for w in WINDOWS):
            frames = _frames(audio, n, n // 4)
            sounding = np.sqrt(np.mean(frames**2, axis=1)) >= SILENCE_RMS
            bins = n // 2 + 1
            if math.isfinite(bandwidth_hz):
                bins = max(1, min(bins, math.floor(bandwidth_hz * n / rate_hz) - 2))
            self._spectra.append((n, sounding, bins, _magnitudes(frames[sounding])[:, :bins]))
        n = MEL_WINDOW * scale
        high_hz = MEL_HIGH_HZ if rate_hz == RATE_HZ else min(MEL_HIGH_FULL_HZ, bandwidth_hz)
        bands = mel_bands(MEL_BANDS, MEL_LOW_HZ, high_hz, n, rate_hz)
        # A narrow low band may hold no bin; it says nothing.
        self._bands = bands[bands.sum(axis=1) > 0]
        frames = _frames(audio, n, n // 4)
        self._mel_sounding = np.sqrt(np.mean(frames**2, axis=1)) >= SILENCE_RMS
        self._mel = _magnitudes(frames[self._mel_sounding]) ** 2 @ self._bands.T

    def _cut(self, output: np.ndarray) -> "tuple[Reference, np.ndarray]":
        if len(output) >= len(self.audio):
            return self, output[: len(self.audio)]
        return Reference(self.audio[: len(output)], self.rate_hz, self.bandwidth_hz), output

    def multi_scale_loss(self, output: np.ndarray) -> float:
        """Sum over windows of mean |S - S'| + mean |ln(S + 1e-7) - ln(S' + 1e-7)|, S = |STFT| / sqrt(n), periodic Hann, hop n / 4,
        reflect padding n / 2; frames whose reference RMS is under -80 dBFS are dropped."""
        return float(sum(np.mean(np.abs(wanted - heard)) + np.mean(np.abs(logs)) for _, wanted, heard, logs in self._compared(output)))

    def equalised_loss(self, output: np.ndarray, notes: Callable[[np.ndarray], np.ndarray], n_bands: int | None = None) -> float:
        """`multi_scale_loss` with an equaliser for each note that the recording itself has set: the median over a note's frames of the difference of
        logarithms is taken off, in every bin or in `n_bands` bands of bins.

        `notes` gives a number for each frame's middle (in seconds): frames of one number are a note. One of fewer than `LEAST_FRAMES` frames is left as it is, and so
        is the term of linear magnitudes, which is a hundredth of the loss.
        """
        total = 0.0
        for times_s, wanted, heard, logs in self._compared(output):
            numbers = notes(times_s)
            left = logs.copy()
            for number in np.unique(numbers):
                rows = np.flatnonzero(numbers == number)
                if len(rows) < LEAST_FRAMES:
                    continue
                for bins in np.array_split(np.arange(logs.shape[1]), n_bands) if n_bands else (slice(None),):
                    part = logs[rows][:, bins]
                    left[rows[:, None], np.arange(logs.shape[1])[bins]] -= np.median(part) if n_bands else np.median(part, axis=0)
            total += np.mean(np.abs(wanted - heard)) + np.mean(np.abs(left))
        return float(total)

    def _compared(self, output: np.ndarray):
        """Of each window: the middles of the frames that sound in seconds, their magnitudes in the recording and in `output`, and the difference of logarithms."""
        reference, output = self._cut(output)
        for n, sounding, bins, wanted in reference._spectra:
            heard = _magnitudes(_frames(output, n, n // 4)[sounding])[:, :bins]
            times_s = np.flatnonzero(sounding) * (n // 4) / self.rate_hz
            yield times_s, wanted, heard, np.log(wanted + 1e-7) - np.log(heard + 1e-7)

    def log_mel_distance(self, output: np.ndarray) -> float:
        """Mean |dB difference| of 80 mel bands of the power spectrum (64 ms, hop 16 ms), floor 60 dB under the reference's peak.

        From 30 Hz to 8 kHz at 16 kHz; at the full band to the source's bandwidth, 15.5 kHz at most.
        """
        reference, output = self._cut(output)
        n = MEL_WINDOW * self.rate_hz // RATE_HZ
        heard = _magnitudes(_frames(output, n, n // 4)[reference._mel_sounding]) ** 2 @ reference._bands.T
        floor = reference._mel.max() * 10.0 ** (-MEL_DEPTH_DB / 10.0)
        decibels = [10.0 * np.log10(np.maximum(x, floor)) for x in (reference._mel, heard)]
        return float(np.mean(np.abs(decibels[0] - decibels[1])))


def spectra(audio: np.ndarray, window: int) -> np.ndarray:
    """|STFT| / sqrt(window) as in `Reference.multi_scale_loss`, `[frames, window / 2 + 1]`, hop a quarter of the window."""
    return _magnitudes(_frames(audio, window, window // 4))


def multi_scale_loss(reference: np.ndarray, output: np.ndarray) -> float:
    """`Reference.multi_scale_loss` of one pair at 16 kHz."""
    return Reference(reference).multi_scale_loss(output)


def log_mel_distance(reference: np.ndarray, output: np.ndarray) -> float:
    """`Reference.log_mel_distance` of one pair at 16 kHz."""
    return Reference(reference).log_mel_distance(output)


def mel_bands(
    n_bands: int = MEL_BANDS,
    low_hz: float = MEL_LOW_HZ,
    high_hz: float = MEL_HIGH_HZ,
    n_fft: int = MEL_WINDOW,
    rate_hz: int = RATE_HZ,
) -> np.ndarray:
    """Triangles evenly spaced on the mel scale (2595 log10(1 + f / 700)), `[bands, bins]`, each with peak 1."""
    to_mel = lambda f: 2595.0 * np.log10(1.0 + f / 700.0)  # noqa: E731
    mels = np.linspace(to_mel(low_hz), to_mel(high_hz), n_bands + 2)
    corners = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins = np.arange(n_fft // 2 + 1) * rate_hz / n_fft
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))


def log_mel(audio: np.ndarray, rate_hz: int = RATE_HZ, high_hz: float = MEL_HIGH_HZ, window: int = MEL_WINDOW) -> np.ndarray:
    """Mel bands in dB, `[frames, bands]`, hop a quarter of the window; for pictures and mean spectra. Bands without a bin are left out."""
    bands = mel_bands(MEL_BANDS, MEL_LOW_HZ, high_hz, window, rate_hz)
    bands = bands[bands.sum(axis=1) > 0]
    return 10.0 * np.log10(spectra(audio, window) ** 2 @ bands.T + 1e-14)


def pitch_error(reference_hz, reference_voiced, output_hz, output_voiced) -> tuple[float, float]:
    """(median |cents| where the reference is voiced, share of its voiced frames within 50 cents)."""
    n = min(len(reference_hz), len(output_hz))
    voiced = reference_voiced[:n]
    if not voiced.any():
        return math.nan, math.nan
    cents = 1200.0 * np.abs(np.log2(np.maximum(output_hz[:n], 1.0) / np.maximum(reference_hz[:n], 1.0)))[voiced]
    heard = output_voiced[:n][voiced]
    within = heard & (cents <= IN_TUNE_CENTS)
    # Unvoiced output counts as wrong in both figures: as far off as can be in the median.
    return float(np.median(np.where(heard, cents, 1e9))), float(np.mean(within))


def loudness_error(reference_db: np.ndarray, output_db: np.ndarray) -> tuple[float, float]:
    """(mean absolute, mean signed) difference in dB over frames in which the reference is above -60 dB."""
    n = min(len(reference_db), len(output_db))
    sounding = reference_db[:n] > LOUDNESS_COUNTED_DB
    difference = (output_db[:n] - reference_db[:n])[sounding]
    return float(np.mean(np.abs(difference))), float(np.mean(difference))


def gap_closed(anchor: float, system: float, oracle: float) -> float:
    """How far a system is on the way from the anchor's loss (0) to the oracle's (1)."""
    if anchor <= oracle:
        raise ValueError(f"the anchor's loss {anchor:.3f} is not above the oracle's {oracle:.3f}: they span no scale")
    return (anchor - system) / (anchor - oracle)
