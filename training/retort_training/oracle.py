"""The upper end of the scale: controls fitted to the held-out recording itself, played by the same synth in the same room.

Per 4 ms frame an amplitude, a harmonic distribution and noise bands, as many as `full` has; f0 is `retort`'s. They start at what the recording's
spectrum shows and are moved by Adam against the loss of the training at 32 kHz, each step with other noise. What remains is what no
decoder can mend: tracker errors, several notes at once, what the room's linear response cannot say, the chance in the noise.
A fit takes minutes; it is kept under a name made of the recording, its frames, the room and the settings.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from . import BANDWIDTH_HZ, FRAME_RATE_HZ, HOP, SAMPLE_RATE_HZ
from .loss import multi_scale_loss
from .synth import Synth, band_frequencies_hz

_LN_10 = math.log(10.0)
# Raised when a fit would turn out otherwise: kept ones are then left aside.
VERSION = 2
# The mean power of noise between -1 and 1.
_NOISE_POWER = 1.0 / 3.0


@dataclass(frozen=True)
class Settings:
    """`learning_rate` is in pre-activations: far below 0, 0.05 is 1 dB."""

    n_harmonics: int = 80
    n_noise_bands: int = 65
    noise_fir_ms: float = 4.0
    steps: int = 300
    learning_rate: float = 0.1
    least_rate: float = 0.05
    average: float = 0.95
    seed: int = 1


def inverse_exp_sigmoid(y: np.ndarray) -> np.ndarray:
    """The pre-activation of a control between 0 and 2."""
    s = np.clip(np.asarray(y, np.float64) / 2.0, 1e-7, 0.999) ** (1.0 / _LN_10)
    return np.log(s / (1.0 - s))


def start(audio: np.ndarray, f0_hz: np.ndarray, settings: Settings) -> list[torch.Tensor]:
    """Pre-activations read off the recording's spectrum: peaks at the harmonics, valleys for the noise.

    `audio` at 32 kHz; the heads `[T, 1, 1]`, `[T, 1, K]`, `[T, 1, B]` for the frames of `f0_hz`.
    """
    n = 2048
    window = np.hanning(n + 1)[:-1]
    padded = np.pad(audio.astype(np.float64), n // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n)[::HOP][: len(f0_hz)]
    spectrum = np.abs(np.fft.rfft(frames * window, axis=1))
    rows = np.arange(len(f0_hz))[:, None]
    per_bin = n / SAMPLE_RATE_HZ

    def at(frequency_hz: np.ndarray, reach: int, pick) -> np.ndarray:
        bins = np.clip(np.round(frequency_hz * per_bin).astype(int), 0, n // 2)
        near = [spectrum[rows, np.clip(bins + k, 0, n // 2)] for k in range(-reach, reach + 1)]
        return pick(near, axis=0)

    numbers = np.arange(1, settings.n_harmonics + 1)
    partials = at(f0_hz[:, None] * numbers, 1, np.max) * 2.0 / window.sum()
    partials *= f0_hz[:, None] * numbers < BANDWIDTH_HZ
    amplitude = partials.sum(1, keepdims=True)
    shares = partials / np.maximum(partials.max(1, keepdims=True), 1e-9)
    bands = band_frequencies_hz(settings.n_noise_bands).numpy()
    # The lower quartile of noise is 0.536 of its RMS, and partials do not reach it.
    quartile = lambda near, axis: np.quantile(near, 0.25, axis=axis) / 0.536  # noqa: E731
    noise = at(np.broadcast_to(bands, (len(f0_hz), len(bands))), 8, quartile) / np.sqrt(np.sum(window**2) * _NOISE_POWER)
    pre = [inverse_exp_sigmoid(np.maximum(x, 1e-6)) for x in (amplitude, shares, noise)]
    return [torch.from_numpy(x.astype(np.float32))[:, None] for x in pre]


class Room:
    """A room's answer by one long FFT; `response` is without the direct sound."""

    def __init__(self, response: np.ndarray, n_samples: int):
        n_taps = len(response)
        needed = n_samples + n_taps
        self.n_fft = min(m << max(0, math.ceil(math.log2(needed / m))) for m in (1, 3, 5))
        self.spectrum = torch.fft.rfft(torch.from_numpy(response.astype(np.float32)), n=self.n_fft)

    def __call__(self, dry: torch.Tensor) -> torch.Tensor:
        wet = torch.fft.irfft(torch.fft.rfft(dry, n=self.n_fft) * self.spectrum, n=self.n_fft)
        return dry + wet[:, : dry.shape[-1]]


class Oracle:
    """Controls of one recording: `pre` are the heads' pre-activations, `f0_hz` `[T]`."""

    def __init__(self, pre: list[torch.Tensor], f0_hz: np.ndarray, response: np.ndarray, settings: Settings):
        self.pre = pre
        self.f0_hz = torch.from_numpy(f0_hz.astype(np.float32))[:, None]
        self.n_samples = (len(f0_hz) - 1) * HOP
        self.settings = settings
        self.synth = Synth(settings.n_noise_bands, settings.noise_fir_ms)
        self.room = Room(response, self.n_samples)

    def sound(self, generator: torch.Generator) -> torch.Tensor:
        """Wet audio `[1, samples]` with gradients to the controls."""
        noise = 2.0 * torch.rand(1, self.n_samples, generator=generator) - 1.0
        return self.room(self.synth(self.pre, self.f0_hz, noise))

    def render(self, seed: int) -> np.ndarray:
        """Audio at 32 kHz; another seed is other noise."""
        with torch.no_grad():
            return self.sound(torch.Generator().manual_seed(seed))[0].numpy()

    def fit(
        self, audio: np.ndarray, bandwidth_hz: float, tell: Callable[[int, float], None] = lambda step, loss: None
    ) -> None:
        """Moves the controls towards `audio` (at 32 kHz, as long as the controls)."""
        wanted = torch.from_numpy(np.ascontiguousarray(audio[: self.n_samples], np.float32))[None]
        bandwidth = torch.tensor([bandwidth_hz])
        settings = self.settings
        self.pre = [x.clone().requires_grad_(True) for x in self.pre]
        # A frame's share of the mean is tiny: epsilon must not be felt.
        optimiser = torch.optim.Adam(self.pre, lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-16)
        generator = torch.Generator().manual_seed(settings.seed)
        average = [x.detach().clone() for x in self.pre]
        for step in range(settings.steps):
            progress = step / settings.steps
            fade = settings.least_rate + (1.0 - settings.least_rate) * 0.5 * (1.0 + math.cos(math.pi * progress))
            optimiser.param_groups[0]["lr"] = settings.learning_rate * fade
            loss = multi_scale_loss(self.sound(generator), wanted, bandwidth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            keep = min(settings.average, step / (step + 10.0))
            with torch.no_grad():
                for mean, value in zip(average, self.pre):
                    # Where nothing sounds nothing pulls, and a stray step must not carry a control away.
                    value.clamp_(-12.0, 8.0)
                    mean.lerp_(value, 1.0 - keep)
            tell(step, float(loss.detach()))
        self.pre = average


def key(audio: np.ndarray, f0_hz: np.ndarray, bandwidth_hz: float, response: np.ndarray, settings: Settings) -> str:
    digest = hashlib.sha256(repr((VERSION, bandwidth_hz, sorted(asdict(settings).items()))).encode())
    for values in (audio, f0_hz, response):
        digest.update(np.ascontiguousarray(values, np.float32).tobytes())
    return digest.hexdigest()[:20]


def fitted(
    audio: np.ndarray,
    f0_hz: np.ndarray,
    bandwidth_hz: float,
    response: np.ndarray,
    settings: Settings,
    cache: Path,
    name: str = "take",
) -> Oracle:
    """The oracle of a recording (mono, 32 kHz; `f0_hz` per 4 ms frame), from `cache` or fitted now."""
    n_frames = min(len(f0_hz), len(audio) // HOP + 1)
    audio, f0_hz = audio[: (n_frames - 1) * HOP], f0_hz[:n_frames]
    stored = Path(cache) / "oracle" / f"{key(audio, f0_hz, bandwidth_hz, response, settings)}.npz"
    if stored.exists():
        with np.load(stored) as kept:
            pre = [torch.from_numpy(kept[n].astype(np.float32)) for n in ("amplitude", "harmonics", "noise")]
        return Oracle(pre, f0_hz, response, settings)
    oracle = Oracle(start(audio, f0_hz, settings), f0_hz, response, settings)
    began = time.monotonic()

    def tell(step: int, loss: float) -> None:
        if step % 25 == 0 or step == settings.steps - 1:
            pace = (time.monotonic() - began) / (step + 1)
            left = pace * (settings.steps - step - 1)
            print(
                f"oracle of {name} ({len(f0_hz) / FRAME_RATE_HZ:.0f} s): step {step}, loss {loss:.3f}, {pace:.2f} s a step, {left:.0f} s to go",
                flush=True,
            )

    oracle.fit(audio, bandwidth_hz, tell)
    stored.parent.mkdir(parents=True, exist_ok=True)
    part = stored.with_suffix(".part")
    with open(part, "wb") as file:
        np.savez_compressed(
            file, **{n: x.numpy().astype(np.float16) for n, x in zip(("amplitude", "harmonics", "noise"), oracle.pre)}
        )
    part.replace(stored)
    return fitted(audio, f0_hz, bandwidth_hz, response, settings, cache, name)
