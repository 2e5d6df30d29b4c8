"""The multi-scale spectral loss, value and gradient in one pass.

For each window n: S = |STFT| / sqrt(n), periodic Hann, hop n / 4; mean |S - S'| + mean |ln(S + 1e-7) - ln(S' + 1e-7)|.
Both terms grow in the same direction, so the gradient for a bin is sign(S' - S) (1 + 1 / (S' + 1e-7)): one sweep over
the two spectra gives everything, and the backward pass only hands out what the forward pass stored.

At 32 kHz the windows are 4096 to 128, as long in time as the published 2048 to 64 at 16 kHz.
Frames that lie whole inside the audio count. Left out are bins from the source's bandwidth minus two bins upward
(codecs cut there) and frames in which the target is silent (under -80 dBFS RMS). Bins from 8 kHz up, nearly half of
all, may weigh less (`treble_weight`).
"""

import math

import numba
import numpy as np
import torch

from . import SAMPLE_RATE_HZ

WINDOWS = (4096, 2048, 1024, 512, 256, 128)
# From here up is treble: where the published metrics, at 16 kHz, end.
TREBLE_HZ = SAMPLE_RATE_HZ // 4
SILENCE_RMS = 10.0 ** (-80.0 / 20.0)
_EPSILON = 1e-7
# So many ratios, each below 1e10, are multiplied before one logarithm is taken: float64 holds 1e300.
_BLOCK = 16


@numba.njit(cache=True, fastmath=True)
def _magnitudes(spectrum, scale, magnitudes):
    """|re, im| of an interleaved row, times `scale`."""
    for k in range(magnitudes.shape[0]):
        magnitudes[k] = scale * np.sqrt(spectrum[2 * k] * spectrum[2 * k] + spectrum[2 * k + 1] * spectrum[2 * k + 1])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _differences(wanted, heard, scale, pull, ratios):
    """The linear term of some bins of a row; fills `pull` (gradient per spectrum value) and `ratios` (louder over quieter)."""
    one, epsilon, total = np.float32(1.0), np.float32(_EPSILON), np.float32(0.0)
    for k in range(heard.shape[0]):
        difference = heard[k] - wanted[k]
        total += abs(difference)
        low, high = wanted[k] + epsilon, heard[k] + epsilon
        louder = difference > 0
        ratios[k] = high / low if louder else low / high
        strength = scale * (one + one / high) / (heard[k] + np.float32(1e-20))
        pull[k] = strength if louder else -strength
    return total


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _sum_of_logarithms(ratios, bins):
    ratios[bins : bins + _BLOCK] = np.float32(1.0)
    total = 0.0
    for start in range(0, bins, _BLOCK):
        product = 1.0
        for k in range(start, start + _BLOCK):
            product *= np.float64(ratios[k])
        total += math.log(product)
    return total


@numba.njit(cache=True, fastmath=True)
def _scatter(pull, spectrum, gradient):
    for k in range(pull.shape[0]):
        gradient[2 * k] = pull[k] * spectrum[2 * k]
        gradient[2 * k + 1] = pull[k] * spectrum[2 * k + 1]


@numba.njit(cache=True)
def _compare(target, output, n_bins, sounding, scale, treble_bin, treble_weight, gradient):
    """Adds up both terms over the counted bins, those from `treble_bin` up times `treble_weight`; fills `gradient` (same layout as `output`, interleaved, `[rows, 2 * bins]`)
    but for the factor `scale`. Row by row through small arrays, each loop plain enough for the compiler to vectorise."""
    size = gradient.shape[1] // 2
    wanted, heard = np.empty(size, np.float32), np.empty(size, np.float32)
    pull, ratios = np.empty(size, np.float32), np.empty(size + _BLOCK, np.float32)
    linear_sum, log_sum, count = 0.0, 0.0, 0
    for row in range(output.shape[0]):
        gradient[row, :] = 0.0
        if sounding[row]:
            bins = n_bins[row]
            _magnitudes(target[row], scale, wanted[:bins])
            _magnitudes(output[row], scale, heard[:bins])
            split = min(bins, treble_bin) if treble_weight != 1.0 else bins
            linear_sum += _differences(wanted[:split], heard[:split], scale, pull[:split], ratios)
            log_sum += _sum_of_logarithms(ratios, split)
            if split < bins:
                linear_sum += treble_weight * _differences(wanted[split:bins], heard[split:bins], scale, pull[split:bins], ratios)
                log_sum += treble_weight * _sum_of_logarithms(ratios, bins - split)
                pull[split:bins] *= treble_weight
            _scatter(pull[:bins], output[row], gradient[row])
            count += bins
    return linear_sum, log_sum, count


def _energy(target: np.ndarray) -> np.ndarray:
    """Running sum of squares, `[voices, samples + 1]`."""
    return np.cumsum(np.pad(target.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)


def _sounding_rows(energy: np.ndarray, n: int, hop: int) -> np.ndarray:
    """Which frames reach the silence threshold, `[voices * frames]`."""
    starts = np.arange(0, energy.shape[1] - n, hop)
    return ((energy[:, starts + n] - energy[:, starts]) >= n * SILENCE_RMS**2).reshape(-1)


def _rows(audio: torch.Tensor, window: torch.Tensor, hop: int) -> torch.Tensor:
    frames = audio.unfold(-1, window.shape[0], hop)
    return (frames * window).reshape(-1, window.shape[0])


def _treble_bin(n: int) -> int:
    """The first bin of a window of `n` samples that is treble."""
    return n * TREBLE_HZ // SAMPLE_RATE_HZ


class _MultiScaleLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, output, target, bandwidth_hz, overlap, shift, treble_weight):
        total = 0.0
        gradient = torch.zeros_like(output)
        energy = _energy(target.numpy())
        for n in WINDOWS:
            hop = n // overlap
            start = int(shift * hop)
            window = torch.hann_window(n)
            target_spectrum = torch.view_as_real(torch.fft.rfft(_rows(target[:, start:], window, hop))).flatten(1)
            output_spectrum = torch.view_as_real(torch.fft.rfft(_rows(output[:, start:], window, hop))).flatten(1)
            n_rows = output_spectrum.shape[0] // output.shape[0]
            bins = np.clip(np.floor(bandwidth_hz.numpy() * n / SAMPLE_RATE_HZ) - 2, 1, n // 2 + 1).astype(np.int64)
            pull = torch.empty_like(output_spectrum)
            sounding = _sounding_rows(energy[:, start:], n, hop)
            scale = np.float32(1.0 / math.sqrt(n))
            linear, log, count = _compare(
                target_spectrum.numpy(), output_spectrum.numpy(), np.repeat(bins, n_rows), sounding, scale, _treble_bin(n), np.float32(treble_weight), pull.numpy()
            )
            count = max(count, 1)
            total += (linear + log) / count
            # The adjoint of rfft: irfft halves every bin but the first and the last, so those two are doubled, and scales by 1 / n.
            pull = torch.view_as_complex(pull.reshape(-1, n // 2 + 1, 2))
            pull[:, 0] *= 2.0
            pull[:, -1] *= 2.0
            back = torch.fft.irfft(pull, n=n) * (window * (n / 2.0 * float(scale) / count))
            _overlap_add(back.reshape(output.shape[0], n_rows, n), hop, gradient[:, start:])
        ctx.save_for_backward(gradient)
        return output.new_tensor(total)

    @staticmethod
    def backward(ctx, grad_total):
        (gradient,) = ctx.saved_tensors
        return gradient * grad_total, None, None, None, None, None


def _overlap_add(frames: torch.Tensor, hop: int, total: torch.Tensor) -> None:
    """Adds `[voices, rows, n]` at multiples of `hop` onto `total` `[voices, samples]`."""
    n_voices, n_rows, n = frames.shape
    parts = n // hop
    used = (n_rows - 1 + parts) * hop
    whole = total.shape[1] == used and total.is_contiguous()
    view = total.view(n_voices, n_rows - 1 + parts, hop) if whole else None
    target = view if view is not None else torch.zeros(n_voices, n_rows - 1 + parts, hop)
    for part in range(parts):
        target[:, part : part + n_rows] += frames[:, :, part * hop : (part + 1) * hop]
    if view is None:
        total[:, :used] += target.reshape(n_voices, used)


def multi_scale_loss(
    output: torch.Tensor, target: torch.Tensor, bandwidth_hz: torch.Tensor, overlap: int = 4, shift: float = 0.0, treble_weight: float = 1.0
) -> torch.Tensor:
    """Distance of `output` from `target` (`[voices, samples]` at 32 kHz, at least 4096 samples); a scalar with gradient to `output`.

    `bandwidth_hz` `[voices]`: up to where each target is to be trusted. Windows are n / `overlap` apart, and the first begins at
    `shift` (0 to 1) of that: half the windows at a place of chance have the same gradient on average for half the work.
    `treble_weight`: what bins from `TREBLE_HZ` up count. The sum is divided by the number of bins all the same, so that what lies below weighs what it did beside other terms.
    """
    if output.is_cpu:
        return _MultiScaleLoss.apply(output, target, bandwidth_hz, overlap, shift, treble_weight)
    return plain_multi_scale_loss(output, target, bandwidth_hz, overlap, shift, treble_weight)


def plain_multi_scale_loss(output, target, bandwidth_hz, overlap: int = 4, shift: float = 0.0, treble_weight: float = 1.0) -> torch.Tensor:
    """`multi_scale_loss` in whole tensors with PyTorch's own gradients, for a graphics processor."""
    total = output.new_zeros(())
    for n in WINDOWS:
        hop = n // overlap
        window = torch.hann_window(n, device=output.device)
        pieces = [audio[:, int(shift * hop) :].unfold(-1, n, hop) for audio in (target, output)]
        sounding = pieces[0].square().mean(-1) >= SILENCE_RMS**2
        wanted, heard = (torch.fft.rfft(p * window).abs() / math.sqrt(n) for p in pieces)
        last = (torch.floor(bandwidth_hz * n / SAMPLE_RATE_HZ) - 2).clamp(1, n // 2 + 1)
        bins = torch.arange(n // 2 + 1, device=output.device)
        counted = sounding[..., None] & (bins < last[:, None, None])
        weights = torch.where(bins < _treble_bin(n), 1.0, treble_weight)
        difference = (heard - wanted).abs() + (torch.log(heard + _EPSILON) - torch.log(wanted + _EPSILON)).abs()
        total = total + (difference * counted * weights).sum() / counted.sum().clamp_min(1)
    return total


def a_weighting(frequency_hz: np.ndarray) -> np.ndarray:
    """The A curve as a linear gain, 1 at 1 kHz (IEC 61672)."""
    def curve(f):
        f = np.square(np.asarray(f, np.float64))
        poles = (f + 20.6**2) * np.sqrt((f + 107.7**2) * (f + 737.9**2)) * (f + 12_194.0**2)
        return 12_194.0**2 * f * f / poles

    return curve(frequency_hz) / curve(1000.0)


def loudness_loss(output: torch.Tensor, target: torch.Tensor, frame: int = 2048) -> torch.Tensor:
    """Mean absolute difference of A-weighted power, in dB / 10, over half-overlapping frames in which the target sounds.

    Up to 8 kHz, where the analysis ends. The spectral loss alone leaves the level a little low: where the phases of
    partials and noise are not to be known, the median of the logarithm lies under its mean.
    """
    frequencies = np.arange(frame // 2 + 1) * SAMPLE_RATE_HZ / frame
    weights = torch.from_numpy(np.where(frequencies <= 8000.0, a_weighting(frequencies) ** 2, 0.0)).float().to(output.device)
    window = torch.hann_window(frame, device=output.device)
    # Power of a sine's square mean: the squares of a Hann window add up to three eighths of its length.
    scale = 2.0 / (frame * 0.375 * frame)
    powers = [
        scale * (torch.view_as_real(torch.fft.rfft(x.unfold(-1, frame, frame // 2) * window)).square().sum(-1) @ weights)
        for x in (output, target)
    ]
    sounding = powers[1] > 0.5 * 10.0 ** (-60.0 / 10.0)
    difference = torch.log10(powers[0] + 1e-10) - torch.log10(powers[1] + 1e-10)
    return (difference.abs() * sounding).sum() / sounding.sum().clamp_min(1)
