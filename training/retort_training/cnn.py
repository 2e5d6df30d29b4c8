"""The HpN decoder of causal dilated convolutions: 50 steps per second, ramped to the 4 ms grid.

Published as DDSP-CNN (128 channels) and DDSP-CNN-Tiny (8); sizes and names of tensors are those of the model file. Its
normalisation over the whole clip cannot stream. Here it is batch normalisation whose statistics are frozen half-way through
training: from then on it is a scale and an offset per channel, which `folded` merges into the convolution.
"""

import torch
from torch import nn
from torch.nn import functional

from .gru import scale_inputs, start_from_typical_sound
from .synth import Controls
from .synth import controls as scale_outputs

KERNEL = 3
DILATIONS = (1, 3, 9, 1, 3, 9)
# Frames of 4 ms per step of the network.
STRIDE = 5
_MOMENTUM = 0.02
EPSILON = 1e-5
# Activations are 7 bits: AVX2 adds two products of a 7 and an 8 bit number in 16 bits without saturation.
ACTIVATION_MAX, ACTIVATION_STEPS, WEIGHT_STEPS = 6.0, 127.0, 127.0


class Norm(nn.Module):
    """Batch normalisation of `[voices, channels, steps]`; after `freeze` its statistics are constants."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.frozen = False

    def forward(self, x):
        learning = torch.is_grad_enabled() and not self.frozen
        return functional.batch_norm(x, self.mean, self.variance, self.weight, self.bias, learning, _MOMENTUM, EPSILON)

    def get_extra_state(self):
        return torch.tensor(self.frozen)

    def set_extra_state(self, state):
        self.frozen = bool(state)

    def pass_through(self) -> None:
        """Frozen statistics that change nothing."""
        with torch.no_grad():
            self.weight.fill_(1.0)
            self.mean.zero_()
            self.variance.fill_(1.0 - EPSILON)
        self.frozen = True

    def scale_and_offset(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What the frozen normalisation multiplies by and adds."""
        scale = self.weight / torch.sqrt(self.variance + EPSILON)
        return scale, self.bias - self.mean * scale


class Convolution(nn.Module):
    """Causal: the past is zero before the first step."""

    def __init__(self, n_in: int, n_out: int, dilation: int):
        super().__init__()
        self.reach = (KERNEL - 1) * dilation
        self.conv = nn.Conv1d(n_in, n_out, KERNEL, dilation=dilation, bias=False)
        self.norm = Norm(n_out)

    def forward(self, x):
        return self.norm(self.conv(functional.pad(x, (self.reach, 0))))


class Decoder(nn.Module):
    """`channels` 128 or 8 with 60 harmonics are the published sizes."""

    def __init__(self, channels: int, n_harmonics: int, n_noise_bands: int):
        super().__init__()
        self.channels, self.n_harmonics, self.n_noise_bands = channels, n_harmonics, n_noise_bands
        self.input = Convolution(2, channels, 1)
        self.layers = nn.ModuleList(Convolution(channels, channels, d) for d in DILATIONS)
        self.head = nn.ModuleDict(
            {
                "amplitude": nn.Linear(channels, 1),
                "harmonics": nn.Linear(channels, n_harmonics),
                "noise": nn.Linear(channels, n_noise_bands),
            }
        )
        start_from_typical_sound(self.head)

    def freeze(self) -> None:
        """Keeps the statistics of the normalisation from here on."""
        for module in self.modules():
            if isinstance(module, Norm):
                module.frozen = True

    def forward(self, f0_hz, loudness_db):
        """The heads' outputs (`[steps, voices, 1 | K | B]`) for frames `[T, voices]`, of which every fifth is a step."""
        pitch, loudness = scale_inputs(f0_hz[::STRIDE], loudness_db[::STRIDE])
        x = self.input(torch.cat([pitch, loudness], -1).permute(1, 2, 0))
        for layer in self.layers:
            x = x + layer(functional.relu6(x))
        y = x.permute(2, 0, 1)
        return tuple(self.head[name](y) for name in ("amplitude", "harmonics", "noise"))

    def controls(self, f0_hz, loudness_db, pre_roll: int = 0, exact: bool = True, played_hz=None) -> Controls:
        """Controls of all frames `[T, voices]`, from silence, to be played at `played_hz` if that is another pitch than the one told. A convolution
        has no state to warm without gradients: the pre-roll is decoded like the rest."""
        played_hz = f0_hz if played_hz is None else played_hz
        stepped = scale_outputs(*self(f0_hz, loudness_db), played_hz[::STRIDE])
        return tuple(ramped(part, len(f0_hz)) for part in stepped)

    def folded(self) -> dict[str, torch.Tensor]:
        """The weights as the model file holds them, the normalisation merged."""
        tensors = {}
        for name, layer in (("input", self.input), *((str(i), layer) for i, layer in enumerate(self.layers))):
            scale, offset = layer.norm.scale_and_offset()
            tensors[f"conv.{name}.weight"] = layer.conv.weight * scale[:, None, None]
            tensors[f"conv.{name}.bias"] = offset
        return tensors | {f"head.{k}": v for k, v in self.head.state_dict().items()}

    def unfold(self, tensors: dict[str, torch.Tensor]) -> None:
        """Takes the weights of a model file: `folded` gives them back. Its normalisation was merged, so here it only adds the bias."""
        named = {f"head.{k}": v for k, v in self.head.named_parameters()}
        for name, layer in (("input", self.input), *((str(i), layer) for i, layer in enumerate(self.layers))):
            named |= {f"conv.{name}.weight": layer.conv.weight, f"conv.{name}.bias": layer.norm.bias}
            layer.norm.pass_through()
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(tensors[name])

    def parameter_count(self) -> int:
        """As published: with the scale and offset of every normalisation."""
        return sum(p.numel() for p in self.parameters())

    def stored_count(self) -> int:
        """As in the model file, where each normalisation is one bias per channel."""
        return sum(v.numel() for v in self.folded().values())


def ramped(steps: torch.Tensor, n_frames: int) -> torch.Tensor:
    """From one value per step to one per frame: step j is reached in a straight line at frame 5 j + 4, the first holds."""
    before = torch.cat([steps[:1], steps[:-1]])
    share = (torch.arange(1, STRIDE + 1, dtype=steps.dtype, device=steps.device) / STRIDE).reshape(1, STRIDE, *(1,) * (steps.dim() - 1))
    frames = before[:, None] + (steps - before)[:, None] * share
    return frames.flatten(0, 1)[:n_frames]


def _heads(tensors: dict[str, torch.Tensor], y: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Linear heads of `y` `[steps, voices, channels]`."""
    names = ("amplitude", "harmonics", "noise")
    return tuple(functional.linear(y, tensors[f"head.{n}.weight"], tensors[f"head.{n}.bias"]) for n in names)


def play_folded(tensors: dict[str, torch.Tensor], f0_hz, loudness_db):
    """The network as a model file describes it: heads' outputs of every step, in the precision of the tensors."""
    pitch, loudness = scale_inputs(f0_hz[::STRIDE], loudness_db[::STRIDE])
    x = torch.cat([pitch, loudness], -1).permute(1, 2, 0).to(tensors["conv.input.weight"].dtype)
    conv = lambda x, name, d: functional.conv1d(  # noqa: E731
        functional.pad(x, ((KERNEL - 1) * d, 0)), tensors[f"conv.{name}.weight"], tensors[f"conv.{name}.bias"], dilation=d
    )
    x = conv(x, "input", 1)
    for i, dilation in enumerate(DILATIONS):
        x = x + conv(functional.relu6(x), str(i), dilation)
    return _heads(tensors, x.permute(2, 0, 1))


def quantised(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Folded weights with the inner convolutions in 8 bits, one scale for each output channel."""
    stored = {}
    for name, values in tensors.items():
        if name.startswith("conv.") and name.endswith(".weight") and "input" not in name:
            scale = values.float().abs().amax((1, 2)).clamp_min(1e-30) / WEIGHT_STEPS
            stored[name] = (values.float() / scale[:, None, None]).round().clamp(-WEIGHT_STEPS, WEIGHT_STEPS).to(torch.int8)
            stored[f"{name}_scale"] = scale
        else:
            stored[name] = values
    return stored


def _in_order(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`x` `[..., n_in]` times `weight` `[n_out, n_in]` plus `bias`, one input after the other, each product and each sum
    rounded to f32: the order in which every instruction set computes it."""
    total = bias.expand(*x.shape[:-1], len(bias)).clone()
    for j in range(x.shape[-1]):
        total = total + x[..., j, None] * weight[:, j]
    return total


def play_quantised(tensors: dict[str, torch.Tensor], f0_hz, loudness_db):
    """As `play_folded` for 8 bit weights and 7 bit activations, to the last bit what `retort` computes."""
    pitch, loudness = scale_inputs(f0_hz[::STRIDE], loudness_db[::STRIDE])
    return quantised_network(tensors, torch.cat([pitch, loudness], -1).float())


def quantised_network(tensors: dict[str, torch.Tensor], inputs: torch.Tensor):
    """`inputs` `[steps, voices, 2]` f32, scaled; integer sums inside, everything else f32 in a fixed order."""
    steps, voices, _ = inputs.shape
    past = torch.cat([inputs.new_zeros(KERNEL - 1, voices, 2), inputs])
    taps = torch.cat([past[k : k + steps] for k in range(KERNEL)], -1)
    weight = tensors["conv.input.weight"].float().permute(0, 2, 1).flatten(1)
    x = _in_order(taps, weight, tensors["conv.input.bias"].float())
    to_steps = torch.tensor(ACTIVATION_STEPS / ACTIVATION_MAX, dtype=torch.float32)
    from_steps = torch.tensor(ACTIVATION_MAX / ACTIVATION_STEPS, dtype=torch.float32)
    for i, dilation in enumerate(DILATIONS):
        q = torch.round(x.clamp(0.0, ACTIVATION_MAX) * to_steps).double()
        reach = (KERNEL - 1) * dilation
        padded = torch.cat([q.new_zeros(reach, voices, q.shape[-1]), q]).permute(1, 2, 0)
        # Sums of integers are exact in f64.
        total = functional.conv1d(padded, tensors[f"conv.{i}.weight"].double(), dilation=dilation).permute(2, 0, 1)
        scale = tensors[f"conv.{i}.weight_scale"].float() * from_steps
        x = x + (total.float() * scale + tensors[f"conv.{i}.bias"].float())
    names = ("amplitude", "harmonics", "noise")
    return tuple(_in_order(x, tensors[f"head.{n}.weight"].float(), tensors[f"head.{n}.bias"].float()) for n in names)
