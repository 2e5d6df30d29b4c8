"""What a recording adds to the instrument: its room and its level, one set per source, learned beside the decoder.

A source's room is an impulse response without the direct sound. It starts nearly dry, since a loud random start is
the largest brake on training, and its envelope decays exponentially, so that late taps, which a crop hardly hears,
stay small unless the recording asks for them.

A recording holds a few dozen pitches, and a room could learn to answer to these and to no others. So every step may hear it
stretched or squeezed in time by a little, which moves its resonances by as much: what a room then learns holds between the notes too.
"""

import math

import torch
from torch import nn

from . import SAMPLE_RATE_HZ

START_LEVEL = 1e-3
START_DECAY_S = 0.15


class Rooms(nn.Module):
    """Rooms and level offsets of `sources`; the first one is the reference, whose level offset is 0 by definition.

    `stretch` is the largest change of a room's length in training, as a ratio. `keep_reference`: the reference's room is not trained.
    """

    def __init__(self, sources: list[str], seconds: float = 1.0, seed: int = 0, stretch: float = 0.0, keep_reference: bool = False):
        super().__init__()
        self.stretch, self.keep_reference = stretch, keep_reference
        self.sources = list(sources)
        generator = torch.Generator().manual_seed(seed)
        n_taps = round(seconds * SAMPLE_RATE_HZ)
        self.taps = nn.Parameter(START_LEVEL * (2.0 * torch.rand(len(sources), n_taps, generator=generator) - 1.0))
        self.log_decay = nn.Parameter(torch.full((len(sources), 1), math.log(START_DECAY_S)))
        self.offset_db = nn.Parameter(torch.zeros(len(sources)))
        self.register_buffer("time_s", torch.arange(n_taps, dtype=torch.float32) / SAMPLE_RATE_HZ, persistent=False)

    def impulse_responses(self) -> torch.Tensor:
        """`[sources, taps]` with tap 0 at 0: the direct sound is not part of it."""
        envelope = torch.exp(-self.time_s / torch.exp(self.log_decay))
        responses = self.taps * envelope * (self.time_s > 0)
        return torch.cat([responses[:1].detach(), responses[1:]]) if self.keep_reference else responses

    def offsets_db(self) -> torch.Tensor:
        """How much quieter each source was recorded than the reference, in dB: added to its loudness."""
        return self.offset_db * (torch.arange(len(self.sources), device=self.offset_db.device) > 0)

    def forward(self, dry: torch.Tensor, source: torch.Tensor, keep_from: int) -> torch.Tensor:
        """`dry` `[voices, samples]`, `source` `[voices]`: the room's answer added, samples before `keep_from` dropped.

        The FFT is as short as the kept part allows: what wraps around falls into the dropped part or is silent.
        """
        n_samples, n_taps = dry.shape[-1], self.taps.shape[-1]
        n_fft = _fast_length(max(n_samples, n_samples + n_taps - keep_from))
        responses = torch.fft.rfft(self.impulse_responses(), n=n_fft)[source]
        if self.stretch and torch.is_grad_enabled():
            responses = stretched(responses, self.stretch)
        wet = torch.fft.irfft(torch.fft.rfft(dry, n=n_fft) * responses, n=n_fft)
        gain = torch.pow(10.0, -self.offsets_db()[source] / 20.0)[:, None]
        return gain * (dry[:, keep_from:] + wet[:, keep_from:n_samples])


def stretched(responses: torch.Tensor, most: float) -> torch.Tensor:
    """Spectra `[voices, bins]` of impulse responses, each read at frequencies that are higher or lower by a ratio of chance.

    Read between bins along a line, which fades what is late; little of that is left, since an FFT is much longer than a room rings.
    """
    n_bins = responses.shape[-1]
    ratio = torch.exp(most * (2.0 * torch.rand(responses.shape[0], 1, device=responses.device) - 1.0))
    place = torch.arange(n_bins, device=responses.device) * ratio
    below = place.long().clamp_max(n_bins - 2)
    share = (place - below).clamp_max(1.0).to(responses.dtype)
    return torch.lerp(responses.gather(-1, below), responses.gather(-1, below + 1), share)


def _fast_length(n: int) -> int:
    """The least 2^a, 3 * 2^a or 5 * 2^a from `n` on."""
    return min(m << max(0, math.ceil(math.log2(n / m))) for m in (1, 3, 5))
