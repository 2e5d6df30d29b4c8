"""The HpN decoder with a GRU: frames to head pre-activations. Tensor names are those of the model file."""

import math

import torch
from torch import nn
from torch.nn import functional

from .gru_kernel import gru_scan
from .gru_small import small_gru_scan
from .synth import Controls
from .synth import controls as scale_outputs

MLP_LAYERS = 3
# Training evaluates the two input MLPs on grids of 20 cents and 0.5 dB and interpolates (see `_on_grid`).
_PITCH_STEP = 0.2 / 127.0
_LOUDNESS_STEP = 0.5 / 80.0
# From this width on the grid is cheaper than every frame of its own.
_GRID_FROM_HIDDEN = 64
# Up to this width a compiled loop beats calls of PyTorch.
_SMALL_TO_HIDDEN = 48
# Typical loudness of training data: where the starting biases below put the level right.
_QUIET_NOISE_BIAS = -4.0
_AMPLITUDE_BIAS = -1.5
_HARMONIC_BIASES = (0.5, -3.5)


def scale_inputs(f0_hz: torch.Tensor, loudness_db: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """midi / 127 and dB / 80 + 1, each with a last axis of 1."""
    midi = 69.0 + 12.0 * torch.log2(f0_hz / 440.0)
    return (midi / 127.0)[..., None], (loudness_db / 80.0 + 1.0)[..., None]


class Layer(nn.Module):
    """Linear, layer norm, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.norm = nn.LayerNorm(n_out)

    def forward(self, x):
        return functional.leaky_relu(self.norm(self.linear(x)), 0.01)


def mlp(n_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(Layer(n_in, width), *(Layer(width, width) for _ in range(MLP_LAYERS - 1)))


class Gru(nn.Module):
    def __init__(self, n_in: int, hidden: int):
        super().__init__()
        bound = 1.0 / math.sqrt(hidden)
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden, n_in).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden, hidden).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(3 * hidden).uniform_(-bound, bound))

    def forward(self, gates_x, first):
        small = first.shape[-1] <= _SMALL_TO_HIDDEN and gates_x.dtype == torch.float32
        scan = small_gru_scan if small else gru_scan
        return scan(gates_x, self.weight_hh, self.bias_hh, first)

    def whole(self, inputs, first):
        """The same from the inputs, by PyTorch's own GRU: for a graphics processor."""
        weights = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        states, _ = torch._VF.gru(inputs, first[None], weights, True, 1, 0.0, self.training, False, False)
        return states


def _on_grid(x: torch.Tensor, step: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The grid points `[points, 1]` around the values `x` `[frames]`, and the matrix `[frames, points]` that interpolates
    between them. Each input MLP sees one number per frame, and many frames lie close together: evaluating it, and its
    part of the GRU's input product, at the grid points takes a fraction of the work."""
    position = x.double() / step
    below = position.detach().floor()
    points, where = torch.unique(torch.stack([below, below + 1.0]), return_inverse=True)
    share = (position - below).float()
    matrix = x.new_zeros(len(x), len(points))
    rows = torch.arange(len(x))
    matrix[rows, where[0]] = 1.0 - share
    matrix[rows, where[1]] = share
    return (points * step).float()[:, None], matrix


def start_from_typical_sound(head: nn.ModuleDict) -> None:
    """Biases that put level and spectral tilt roughly right from the first step on."""
    with torch.no_grad():
        head["amplitude"].bias.fill_(_AMPLITUDE_BIAS)
        head["harmonics"].bias.copy_(torch.linspace(*_HARMONIC_BIASES, head["harmonics"].out_features))
        head["noise"].bias.fill_(_QUIET_NOISE_BIAS)


class Decoder(nn.Module):
    """`hidden` 512 is the published Full, 16 the published Reduced (with their own number of harmonics)."""

    def __init__(self, hidden: int, n_harmonics: int, n_noise_bands: int):
        super().__init__()
        self.hidden, self.n_harmonics, self.n_noise_bands = hidden, n_harmonics, n_noise_bands
        self.f0_mlp = mlp(1, hidden)
        self.loudness_mlp = mlp(1, hidden)
        self.gru = Gru(2 * hidden, hidden)
        self.out_mlp = mlp(hidden + 2, hidden)
        self.head = nn.ModuleDict(
            {
                "amplitude": nn.Linear(hidden, 1),
                "harmonics": nn.Linear(hidden, n_harmonics),
                "noise": nn.Linear(hidden, n_noise_bands),
            }
        )
        start_from_typical_sound(self.head)

    def initial_state(self, voices: int) -> torch.Tensor:
        return torch.zeros(voices, self.hidden, device=self.gru.bias_hh.device)

    def forward(self, f0_hz, loudness_db, state, exact: bool = True):
        """`f0_hz`, `loudness_db` `[T, voices]`, `state` `[voices, H]` (not changed). Not `exact`: the input MLPs may be
        interpolated.

        Returns the heads' outputs (`[T, voices, 1]`, `[..., K]`, `[..., B]`) and the state after the last frame.
        """
        pitch, loudness = scale_inputs(f0_hz, loudness_db)
        coarse = not exact and self.hidden >= _GRID_FROM_HIDDEN and f0_hz.is_cpu
        if f0_hz.is_cpu:
            states = self.gru((self._gates_on_grid if coarse else self._gates)(pitch, loudness), state)
        else:
            states = self.gru.whole(self._inputs(pitch, loudness), state)
        y = self.out_mlp(torch.cat([states, pitch, loudness], -1))
        return tuple(self.head[name](y) for name in ("amplitude", "harmonics", "noise")), states[-1].detach()

    def controls(self, f0_hz, loudness_db, pre_roll: int = 0, exact: bool = True, played_hz=None) -> Controls:
        """Controls of all frames, from silence, to be played at `played_hz` if that is another pitch than the one told; the first `pre_roll` are decoded without gradients."""
        state, early = self.initial_state(f0_hz.shape[1]), None
        if pre_roll:
            with torch.no_grad():
                early, state = self(f0_hz[:pre_roll], loudness_db[:pre_roll], state, exact)
        late, _ = self(f0_hz[pre_roll:], loudness_db[pre_roll:], state, exact)
        pre = tuple(torch.cat(pair) for pair in zip(early, late)) if pre_roll else late
        return scale_outputs(*pre, f0_hz if played_hz is None else played_hz)

    def _inputs(self, pitch, loudness):
        return torch.cat([self.f0_mlp(pitch), self.loudness_mlp(loudness)], -1)

    def _gates(self, pitch, loudness):
        return functional.linear(self._inputs(pitch, loudness), self.gru.weight_ih, self.gru.bias_ih)

    def _gates_on_grid(self, pitch, loudness):
        """What `_gates` gives, to within the grid's interpolation error."""
        pitches, pitch_weights = _on_grid(pitch.flatten(), _PITCH_STEP)
        levels, level_weights = _on_grid(loudness.flatten(), _LOUDNESS_STEP)
        of_pitch, of_loudness = self.gru.weight_ih.split(self.hidden, dim=1)
        table = torch.cat(
            [
                functional.linear(self.f0_mlp(pitches), of_pitch, self.gru.bias_ih),
                functional.linear(self.loudness_mlp(levels), of_loudness),
            ]
        )
        gates = torch.cat([pitch_weights, level_weights], 1) @ table
        return gates.reshape(*pitch.shape[:-1], -1)

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def stored_count(self) -> int:
        """As in the model file: all of them."""
        return self.parameter_count()
