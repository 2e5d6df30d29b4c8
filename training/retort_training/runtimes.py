"""What a decoder costs in the runtimes that others would reach for: ONNX Runtime, PyTorch, TorchScript and tract.

All on one thread, with the weights of a model file of Retort's, widened to f32. "Streaming" gives a runtime one step at a time
and gets the state back, as an instrument must; "whole clip" gives it four seconds at once. Each is first heard: what it makes of
a clip is compared with PyTorch's, at every step.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from . import onnx_model
from .cnn import DILATIONS

RUNS = 7
# How long a run takes at least.
LEAST_S = 0.15
# What single precision explains between networks whose sums are in another order.
FLOAT_TOLERANCE = 2e-3
# Eight bits may be coarse, but must be the same network.
INT8_TOLERANCE = 0.1


@dataclass
class Row:
    """A figure of one runtime."""

    runtime: str
    precision: str
    how: str
    us_per_step: float
    # RMS difference of the heads' pre-activations from PyTorch's, by the RMS of those.
    difference: float | None = None


@dataclass
class Network:
    """One decoder, as PyTorch has it and as ONNX files."""

    module: nn.Module
    clip: np.ndarray
    paths: dict[str, Path]
    recurrent: bool
    wanted: np.ndarray = field(init=False)

    def __post_init__(self):
        with torch.inference_mode():
            self.wanted = self.rows(self.module(self.module.inputs(self.clip), *self.module.state())[0].numpy())

    def rows(self, heads: np.ndarray) -> np.ndarray:
        """Pre-activations of a clip as [steps, heads]."""
        return heads.reshape(heads.shape[0], -1) if self.recurrent else heads[0].T

    def shaped(self, frames: np.ndarray) -> np.ndarray:
        """`[steps, 2]` as the ONNX files take it."""
        return frames if self.recurrent else frames.T[None].copy()

    def off_by(self, found: np.ndarray, what: str, tolerance: float) -> float:
        """RMS difference from PyTorch's clip, by that clip's RMS. Raises ValueError above `tolerance`, or if anything is not finite."""
        difference = float(np.sqrt(np.mean((found - self.wanted) ** 2) / np.mean(self.wanted**2)))
        if not difference <= tolerance:
            raise ValueError(f"{what} differs from PyTorch by {difference:.2g} of the output's RMS; at most {tolerance} would be the same network")
        return difference


def network(weights: dict[str, torch.Tensor], recurrent: bool, clip: np.ndarray, folder: Path) -> Network:
    """The decoder with these f32 weights; writes its ONNX files, for one step and for the whole clip, into `folder`."""
    graph = onnx_model.recurrent if recurrent else onnx_model.convolutional
    numpy_weights = {k: v.numpy() for k, v in weights.items()}
    paths = {}
    for how, steps in (("streaming", 1), ("whole clip", len(clip))):
        paths[how] = folder / f"network-{steps}.onnx"
        paths[how].write_bytes(graph(numpy_weights, steps).SerializeToString())
    return Network((Recurrent if recurrent else Convolutional)(weights).eval(), clip, paths, recurrent)


def widened(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All weights in f32, 8-bit ones times their scales."""
    scaled = lambda k, v: v.float() * tensors[f"{k}_scale"].float().reshape(-1, *[1] * (v.dim() - 1))  # noqa: E731
    return {
        k: (scaled(k, v) if f"{k}_scale" in tensors else v.float()).contiguous()
        for k, v in tensors.items()
        if not k.endswith("_scale")
    }


class Recurrent(nn.Module):
    """As PyTorch has it: its own GRU, layer norms and linear layers."""

    def __init__(self, w: dict[str, torch.Tensor]):
        super().__init__()
        self.hidden = w["gru.weight_hh"].shape[1]
        self.f0_mlp, self.loudness_mlp, self.out_mlp = (self._mlp(w, name) for name in ("f0_mlp", "loudness_mlp", "out_mlp"))
        self.gru = nn.GRU(2 * self.hidden, self.hidden)
        self.gru.load_state_dict({f"{k}_l0": w[f"gru.{k}"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
        weight, bias = (torch.cat([w[f"head.{h}.{part}"] for h in onnx_model.HEADS]) for part in ("weight", "bias"))
        self.heads = nn.Linear(self.hidden, len(bias))
        self.heads.load_state_dict({"weight": weight, "bias": bias})

    @staticmethod
    def _mlp(w, name):
        layers = []
        for i in range(3):
            n_out, n_in = w[f"{name}.{i}.linear.weight"].shape
            linear, norm = nn.Linear(n_in, n_out), nn.LayerNorm(n_out)
            linear.load_state_dict({k: w[f"{name}.{i}.linear.{k}"] for k in ("weight", "bias")})
            norm.load_state_dict({k: w[f"{name}.{i}.norm.{k}"] for k in ("weight", "bias")})
            layers += [linear, norm, nn.LeakyReLU(0.01)]
        return nn.Sequential(*layers)

    def state(self) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(1, 1, self.hidden),)

    def forward(self, x, h):
        uv = torch.cat([self.f0_mlp(x[..., :1]), self.loudness_mlp(x[..., 1:])], -1)
        y, h = self.gru(uv, h)
        return self.heads(self.out_mlp(torch.cat([y, x], -1))), h

    def inputs(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x)[:, None]


class Convolutional(nn.Module):
    """Convolutions of PyTorch, each behind its own past."""

    def __init__(self, w: dict[str, torch.Tensor]):
        super().__init__()
        names = ["input", *map(str, range(len(DILATIONS)))]
        self.dilations = [1, *DILATIONS]
        self.weights = nn.ParameterList(w[f"conv.{n}.weight"] for n in names)
        self.biases = nn.ParameterList(w[f"conv.{n}.bias"] for n in names)
        self.head_weight = nn.Parameter(torch.cat([w[f"head.{h}.weight"] for h in onnx_model.HEADS])[:, :, None])
        self.head_bias = nn.Parameter(torch.cat([w[f"head.{h}.bias"] for h in onnx_model.HEADS]))

    def state(self) -> tuple[torch.Tensor, ...]:
        return tuple(torch.zeros(1, weight.shape[1], 2 * d) for weight, d in zip(self.weights, self.dilations))

    def forward(self, x, *past):
        following = []
        y = x
        for i, (weight, bias, d) in enumerate(zip(self.weights, self.biases, self.dilations)):
            entering = torch.cat([past[i], y if i == 0 else functional.relu6(y)], 2)
            following.append(entering[:, :, -2 * d :])
            change = functional.conv1d(entering, weight, bias, dilation=d)
            y = change if i == 0 else y + change
        return functional.conv1d(y, self.head_weight, self.head_bias), *following

    def inputs(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x.T.copy())[None]


def median_us(call: Callable[[], object], steps_each: int) -> float:
    """Microseconds of this thread's processor time per step: the median of seven runs, after one that warms up."""
    begin, repeats = time.thread_time(), 0
    while time.thread_time() - begin < LEAST_S:
        call()
        repeats += 1
    runs = []
    for _ in range(RUNS):
        begin = time.thread_time()
        for _ in range(repeats):
            call()
        runs.append((time.thread_time() - begin) / repeats / steps_each * 1e6)
    return float(np.median(runs))


def with_pytorch(net: Network) -> Iterator[Row]:
    """PyTorch and TorchScript."""
    one, whole, state = net.module.inputs(net.clip[:1]), net.module.inputs(net.clip), net.module.state()
    frozen = lambda x: torch.jit.freeze(torch.jit.trace(net.module, (x, *state)))  # noqa: E731
    with torch.inference_mode():
        for name, step, clip in (("PyTorch", net.module, net.module), ("TorchScript", frozen(one), frozen(whole))):
            kept, heads = [state], []

            def play(x):
                y, *kept[0] = step(x, *kept[0])  # noqa: B023
                return y

            for k in range(len(net.clip)):
                heads.append(play(net.module.inputs(net.clip[k : k + 1])).numpy().reshape(-1))
            off = net.off_by(np.stack(heads), f"{name}, streaming,", FLOAT_TOLERANCE)
            yield Row(name, "f32", "streaming", median_us(lambda: play(one), 1), off)  # noqa: B023
            off = net.off_by(net.rows(clip(whole, *state)[0].numpy()), f"{name}'s whole clip", FLOAT_TOLERANCE)
            yield Row(name, "f32", "whole clip", median_us(lambda: clip(whole, *state), len(net.clip)), off)  # noqa: B023


def _session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Bound:
    """A session whose buffers are bound once, as ONNX Runtime is fastest: each step writes the state that the next one reads."""

    def __init__(self, path: Path):
        from onnxruntime import OrtValue

        self.session = _session(path)
        (x, *past), (y, *following) = self.session.get_inputs(), self.session.get_outputs()

        def zeros(info) -> OrtValue:
            # Memory of the runtime's own: one made from an array would share it.
            value = OrtValue.ortvalue_from_shape_and_type(info.shape, np.float32)
            value.update_inplace(np.zeros(info.shape, np.float32))
            return value

        self.x, self.y = zeros(x), zeros(y)
        states = [[zeros(info) for info in past] for _ in range(2)]
        self.bindings = []
        for before, after in (states, states[::-1]):
            binding = self.session.io_binding()
            for info, value in zip((x, *past), (self.x, *before)):
                binding.bind_ortvalue_input(info.name, value)
            for info, value in zip((y, *following), (self.y, *after)):
                binding.bind_ortvalue_output(info.name, value)
            self.bindings.append(binding)

    def step(self) -> None:
        """With the input that is there."""
        self.session.run_with_iobinding(self.bindings[0])
        self.bindings.reverse()

    def play(self, x: np.ndarray) -> np.ndarray:
        self.x.update_inplace(np.ascontiguousarray(x))
        self.step()
        return self.y.numpy()


def _play(path: Path, net: Network, how: str) -> np.ndarray:
    """The whole clip's pre-activations [steps, heads] from an ONNX file."""
    bound = Bound(path)
    if how == "whole clip":
        return net.rows(bound.play(net.shaped(net.clip)))
    return np.stack([bound.play(net.shaped(net.clip[k : k + 1])).reshape(-1).copy() for k in range(len(net.clip))])


class _Calibration:
    """The clip for static quantisation, step by step or whole."""

    def __init__(self, path: Path, net: Network, how: str):
        session = _session(path)
        (x, *past), feeds = session.get_inputs(), []
        state = {i.name: np.zeros(i.shape, np.float32) for i in past}
        steps = range(len(net.clip)) if how == "streaming" else [slice(None)]
        for k in steps:
            frames = net.clip if how == "whole clip" else net.clip[k : k + 1]
            feeds.append({x.name: net.shaped(frames), **state})
            state = dict(zip(state, session.run(None, feeds[-1])[1:]))
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def quantised(path: Path, net: Network, how: str) -> Iterator[Path]:
    """ONNX Runtime's 8-bit versions of a file, those that it can make: dynamic and static."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    ways = {
        "dynamic": lambda to: quantize_dynamic(path, to, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Conv"]),
        "static": lambda to: quantize_static(
            path,
            to,
            _Calibration(path, net, how),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            # Without VNNI, ONNX Runtime's products of 8 by 8 bits saturate: CNN Tiny was 0.10 off with 8-bit weights on such a processor, with 7-bit ones 0.015.
            reduce_range=True,
        ),
    }
    for name, make in ways.items():
        to = path.with_suffix(f".{name}.onnx")
        try:
            make(to)
            # It may quantise what it then cannot run.
            _session(to)
        except Exception as error:  # noqa: BLE001
            print(f"ONNX Runtime has no {name} 8-bit version of {path.name}: {str(error).splitlines()[:1]}")
            continue
        yield to


def with_onnx_runtime(net: Network) -> Iterator[Row]:
    """ONNX Runtime in f32, in the quicker of what it offers in 8 bits, and the same call of a network that does nothing."""
    for how, path in net.paths.items():
        steps = 1 if how == "streaming" else len(net.clip)
        off = net.off_by(_play(path, net, how), f"ONNX Runtime, {how},", FLOAT_TOLERANCE)
        yield Row("ONNX Runtime", "f32", how, median_us(Bound(path).step, steps), off)
        narrow = [
            Row("ONNX Runtime", "int8", how, median_us(Bound(file).step, steps), net.off_by(_play(file, net, how), file.name, INT8_TOLERANCE))
            for file in quantised(path, net, how)
        ]
        if narrow:
            yield min(narrow, key=lambda row: row.us_per_step)
    empty = net.paths["streaming"].with_name("empty.onnx")
    empty.write_bytes(onnx_model.empty(net.paths["streaming"].read_bytes()))
    yield Row("ONNX Runtime", "f32", "a call that does nothing", median_us(Bound(empty).step, 1))


def with_tract(net: Network, program: Path) -> Iterator[Row]:
    """tract, called from a program of its own language."""
    for how, path in net.paths.items():
        frames, heads = path.with_suffix(".in.f32"), path.with_suffix(".out.f32")
        (net.clip if how == "streaming" else net.shaped(net.clip)).astype("<f4").tofile(frames)
        done = subprocess.run([program, path, frames, heads], capture_output=True, text=True)
        if done.returncode:
            print(f"tract cannot play {path.name}: {done.stderr.strip().splitlines()[:1]}")
            continue
        found = np.fromfile(heads, "<f4")
        found = found.reshape(net.wanted.shape) if how == "streaming" or net.recurrent else found.reshape(net.wanted.T.shape).T
        off = net.off_by(found, f"tract, {how},", FLOAT_TOLERANCE)
        yield Row("tract", "f32", how, float(done.stdout) / (1 if how == "streaming" else len(net.clip)), off)
