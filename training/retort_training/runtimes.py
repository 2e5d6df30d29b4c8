"""What a decoder costs in other runtimes, beside `retort` in the same run: writes docs/performance.md.

All on one thread, with the weights of the same model file: as it is shipped, and widened to f32. Each figure is the median of
seven runs of processor time per step of the network (4 ms of a recurrent decoder, 20 ms of a convolutional one), after a run
that warms up. "Streaming" gives a runtime one step at a time and gets the state back, as an instrument must; "whole clip" gives
it four seconds at once.
"""

import json
import os
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from . import onnx_model
from .cnn import DILATIONS
from .cost import processor
from .export import read_model, write_model

RUNS = 7
CLIP_S = 4
VARIANTS = ("full", "reduced", "cnn", "cnn-q", "cnn-tiny", "cnn-tiny-q")
SETS = ("avx512", "avx2", "plain", "neon")
# Of the weights that nobody plays as they are, those of the others' precision.
FLOAT_SETS = ("avx512", "avx2", "neon")
TRACT = Path(__file__).resolve().parents[2] / "benches" / "tract"


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


def median_us(call, steps_each: int, at_least_s: float = 0.15) -> float:
    """Microseconds of this thread's processor time per step."""
    begin, repeats = time.thread_time(), 0
    while time.thread_time() - begin < at_least_s:
        call()
        repeats += 1
    runs = []
    for _ in range(RUNS):
        begin = time.thread_time()
        for _ in range(repeats):
            call()
        runs.append((time.thread_time() - begin) / repeats / steps_each * 1e6)
    return float(np.median(runs))


def check_equal(paths: dict[str, Path], weights, recurrent: bool, clip: np.ndarray) -> None:
    """The runtimes must play the same network: PyTorch's clip, ONNX Runtime's, and its streaming's last step.

    Raises ValueError if outputs differ by more than single precision explains.
    """
    module = (Recurrent if recurrent else Convolutional)(weights).eval()
    with torch.inference_mode():
        wanted = module(module.inputs(clip), *module.state())[0].numpy()
    wanted = wanted[:, 0] if recurrent else wanted[0].T
    x = clip if recurrent else clip.T[None].copy()
    whole = _session(paths["whole clip"]).run(None, {"x": x})[0]
    session = _session(paths["streaming"])
    state = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs()[1:]}
    for k in range(len(clip)):
        now = clip[k : k + 1] if recurrent else clip[k][None, :, None]
        found = session.run(None, {"x": now, **state})
        state = dict(zip(state, found[1:]))
    for name, values in (("whole clip", whole if recurrent else whole[0].T), ("streaming", found[0].reshape(1, -1))):
        difference = np.max(np.abs(values[-1] - wanted[-1]))
        if not difference < 2e-3:
            raise ValueError(f"ONNX Runtime's {name} differs from PyTorch's by {difference}")


def with_pytorch(weights, recurrent: bool, clip: np.ndarray) -> list[tuple]:
    """PyTorch and TorchScript."""
    module = (Recurrent if recurrent else Convolutional)(weights).eval()
    rows = []
    with torch.inference_mode():
        one, whole = module.inputs(clip[:1]), module.inputs(clip)
        for name, played in (("PyTorch", module), ("TorchScript", None)):
            if played is None:
                played = torch.jit.freeze(torch.jit.trace(module, (one, *module.state())))
            kept = [module.state()]

            def step():
                _, *kept[0] = played(one, *kept[0])  # noqa: B023

            rows.append((name, "f32", "streaming", median_us(step, 1)))
            whole_played = played if name == "PyTorch" else torch.jit.freeze(torch.jit.trace(module, (whole, *module.state())))
            rows.append((name, "f32", "whole clip", median_us(lambda: whole_played(whole, *module.state()), len(clip))))  # noqa: B023
    return rows


def _session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _stepper(session):
    """Calls a streaming session with its own state."""
    inputs, outputs = session.get_inputs(), [o.name for o in session.get_outputs()]
    feed = {i.name: np.zeros(i.shape, np.float32) for i in inputs}
    feed[inputs[0].name] += 0.5

    def step():
        found = session.run(outputs, feed)
        for i, value in zip(inputs[1:], found[1:]):
            feed[i.name] = value

    return step


class _Calibration:
    """Inputs for static quantisation: the clip, step by step or whole."""

    def __init__(self, path: Path, inputs: list[np.ndarray]):
        session = _session(path)
        step, self.feeds = session.get_inputs(), []
        state = {i.name: np.zeros(i.shape, np.float32) for i in step[1:]}
        for x in inputs:
            feed = {step[0].name: x, **state}
            self.feeds.append(feed)
            found = session.run(None, feed)
            state = {i.name: value for i, value in zip(step[1:], found[1:])}
        self.feeds = iter(self.feeds)

    def get_next(self):
        return next(self.feeds, None)


def with_onnx_runtime(paths: dict[str, Path], recurrent: bool, clip: np.ndarray) -> list[tuple]:
    """ONNX Runtime in f32 and in the quicker of what it offers in 8 bits."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    rows = []
    for how, path in paths.items():
        streaming = how == "streaming"
        shaped = (lambda x: x) if recurrent else (lambda x: x.T[None].copy())
        calibration = [shaped(clip[k : k + 1]) for k in range(len(clip))] if streaming else [shaped(clip)]

        def timed(file: Path) -> float:
            session = _session(file)
            if streaming:  # noqa: B023
                return median_us(_stepper(session), 1)
            return median_us(lambda: session.run(None, {"x": shaped(clip)}), len(clip))  # noqa: B023

        rows.append(("ONNX Runtime", "f32", how, timed(path)))
        narrow = []
        dynamic, static = path.with_suffix(".dynamic.onnx"), path.with_suffix(".static.onnx")
        try:
            quantize_dynamic(path, dynamic, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Conv"])
            narrow.append(timed(dynamic))
        except Exception as error:  # noqa: BLE001
            print(f"ONNX Runtime cannot quantise {path.name} dynamically: {error}")
        try:
            reader = _Calibration(path, calibration)
            quantize_static(path, static, reader, quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8)
            narrow.append(timed(static))
        except Exception as error:  # noqa: BLE001
            print(f"ONNX Runtime cannot quantise {path.name} statically: {error}")
        if narrow:
            rows.append(("ONNX Runtime", "int8", how, min(narrow)))
    return rows


def with_tract(paths: dict[str, Path], clip: np.ndarray, program: str) -> list[tuple]:
    rows = []
    for how, path in paths.items():
        steps = 1 if how == "streaming" else len(clip)
        done = subprocess.run([program, str(path)], capture_output=True, text=True)
        if done.returncode:
            print(f"tract cannot play {path.name}: {done.stderr.strip().splitlines()[:1]}")
            continue
        rows.append(("tract", "f32", how, float(done.stdout) / steps))
    return rows


def with_retort(retort: str, models: Path, model_id: str, name: str, sets: tuple[str, ...]) -> list[dict]:
    """The decoder's figures for those of these instruction sets that this machine has."""
    rows = []
    for simd in sets:
        environment = os.environ | {"RETORT_MODELS": str(models), "RETORT_SIMD": simd}
        command = [retort, "bench", "--json", "--decoder", "--model", model_id]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        found = json.loads(done.stdout)["decoder"][0]
        if found["simd"] == simd:
            rows.append(found | {"name": name})
    return rows


def _tract_program() -> str | None:
    """Builds the small program around tract; none, with a word, if that fails."""
    done = subprocess.run(["cargo", "build", "--release", "--message-format=json"], cwd=TRACT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print("tract is left out: its program could not be built")
        return None
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next((m["executable"] for m in reversed(messages) if m.get("executable")), None)


def measure(retort: str, file: Path, folder: Path, tract: str | None) -> dict:
    """All rows of one model file."""
    tensors, metadata = read_model(file)
    recurrent = metadata["architecture"]["type"] == "gru"
    weights = widened(tensors)
    model_id, instrument = metadata["id"], metadata["instrument"]
    models = folder / "models"
    write_model(models / instrument / f"{metadata['variant']}.safetensors", weights, metadata | {"precision": "f32", "room": None})
    t = np.arange(int(CLIP_S * metadata["frame_rate_hz"])) / metadata["frame_rate_hz"]
    clip = np.stack([0.54 + 0.05 * np.sin(2 * t), 0.7 + 0.1 * np.sin(5 * t)], 1).astype(np.float32)
    numpy_weights = {k: v.numpy() for k, v in weights.items()}
    graph = onnx_model.recurrent if recurrent else onnx_model.convolutional
    paths = {}
    for how, steps in (("streaming", 1), ("whole clip", len(clip))):
        paths[how] = folder / f"{metadata['variant']}-{steps}.onnx"
        paths[how].write_bytes(graph(numpy_weights, steps).SerializeToString())
    check_equal(paths, weights, recurrent, clip)
    return {
        "id": model_id,
        "precision": metadata["precision"],
        "step_ms": 1000 / metadata["frame_rate_hz"],
        "parameters": metadata["parameters"],
        "others": with_onnx_runtime(paths, recurrent, clip)
        + with_pytorch(weights, recurrent, clip)
        + (with_tract(paths, clip, tract) if tract else []),
        "retort": with_retort(retort, file.parent.parent, model_id, "as shipped", SETS)
        + with_retort(retort, models, model_id, "widened to f32", FLOAT_SETS),
    }


def page(found: list[dict], versions: str) -> str:
    """docs/performance.md."""
    lines = [
        "# How fast the decoders are",
        "",
        "Written by `python -m retort_training runtimes`; nothing here was typed by hand.",
        "",
        f"{date.today().isoformat()}, {processor()}, one thread; {versions}.",
        "",
        __doc__.split("\n\n", 1)[1].strip().replace("\n", " "),
        "",
        "The ratio says how many times as long as Retort's fastest streaming row of the same table a runtime takes. Retort's own "
        "streaming is all it has: a whole clip takes as long per step. With cold caches, 32 MiB of other memory were written before each step.",
    ]
    for model in found:
        best = min(row["us_per_step"] for row in model["retort"])
        lines += [
            "",
            f"## {model['id']}",
            "",
            f"{model['parameters']:,} weights, a step lasts {model['step_ms']:g} ms.",
            "",
            "| runtime | weights | instruction set | how | µs per step | ratio | times real time |",
            "|---|---|---|---|---:|---:|---:|",
        ]
        row = lambda *cells, us: f"| {' | '.join(cells)} | {us:.2f} | {us / best:.1f} | {model['step_ms'] * 1e3 / us:,.0f} |"  # noqa: B023, E731
        for r in model["retort"]:
            precision = f"{r['precision']}, {r['name']}"
            lines.append(row("Retort", precision, r["simd"], "streaming", us=r["us_per_step"]))
            lines.append(row("Retort", precision, r["simd"], "streaming, cold caches", us=r["us_per_step_cold"]))
            lines.append(row("Retort", precision, r["simd"], "each more voice", us=r["us_per_added_voice"] * r["us_per_step"] / r["us_per_frame"]))
        lines += [row(name, precision, "its own choice", how, us=us) for name, precision, how, us in model["others"]]
    return "\n".join(lines) + "\n"


def runtimes(args) -> None:
    """The `runtimes` command."""
    import onnxruntime

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    tract = None if args.without_tract else _tract_program()
    found = []
    with tempfile.TemporaryDirectory() as name:
        for variant in VARIANTS:
            file = args.models / args.instrument / f"{variant}.safetensors"
            if file.exists():
                found.append(measure(args.retort, file, Path(name), tract))
                print(json.dumps(found[-1]), flush=True)
    version = subprocess.run([args.retort, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    args.out.write_text(page(found, f"{version}, ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__}, tract {_tract_version()}"), encoding="utf-8")
    print(f"wrote {args.out}")


def _tract_version() -> str:
    lock = (TRACT / "Cargo.lock").read_text(encoding="utf-8").split('name = "tract-onnx"\nversion = "')
    return lock[1].split('"')[0] if len(lock) > 1 else "?"
