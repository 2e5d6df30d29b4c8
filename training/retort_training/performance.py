"""How fast Retort is, part by part, beside other runtimes in the same run: measures, and writes docs/performance.md.

It takes twenty minutes of a machine that does nothing else. What others cost is in `runtimes.py`; Retort's own figures
are those of `retort bench`, and of `cargo bench --bench plugin` for the plugin files.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import torch

from . import runtimes
from .cost import processor
from .export import read_model, write_model
from .features import retort_binary

REPOSITORY = Path(__file__).resolve().parents[2]
CLIP_S = 4
VARIANTS = ("full", "reduced", "cnn", "cnn-q", "cnn-tiny", "cnn-tiny-q")
# All that `RETORT_SIMD` may say; the program refuses those that a machine lacks.
SETS = ("avx512-vnni", "avx512", "avx2-vnni", "avx2", "neon-dot", "neon", "plain")
# Sums of bytes make no difference to floats.
FLOAT_SETS = ("avx512", "avx2", "neon", "plain")
# Of whole voices: all that `retort bench --full` measures with the best set; with these the voices only.
VOICE_VARIANTS = ("full", "reduced", "cnn", "cnn-tiny")
FURTHER_VOICE_SETS = ("avx2",)
BLOCKS = (64, 128, 256)
TRACT = REPOSITORY / "benches/tract"
NOT_HERE = "RETORT_SIMD names no instruction set of this machine"


def bench(retort: str, models: Path, model_id: str, *options: str, simd: str | None = None) -> dict | None:
    """What `retort bench` says of a model; none if this machine lacks the instruction set. Raises RuntimeError if it fails."""
    environment = os.environ | {"RETORT_MODELS": str(models)} | ({"RETORT_SIMD": simd} if simd else {})
    command = [retort, "bench", "--json", *options, "--model", model_id]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return json.loads(done.stdout)
    if NOT_HERE in done.stderr:
        return None
    raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def decoders(retort: str, models: Path, model_id: str, name: str, sets: tuple[str, ...]) -> Iterator[dict]:
    """A decoder's figures for those of these instruction sets that this machine has."""
    for simd in sets:
        if found := bench(retort, models, model_id, "--decoder", simd=simd):
            yield found["decoder"][0] | {"name": name}


def beside_others(retort: str, file: Path, tract: Path | None) -> dict:
    """All rows of one model file: as shipped, widened to f32, and by others."""
    tensors, metadata = read_model(file)
    step_ms, model_id = 1000 / metadata["frame_rate_hz"], metadata["id"]
    weights = runtimes.widened(tensors)
    t = np.arange(int(CLIP_S * 1000 / step_ms)) * step_ms / 1000
    clip = np.stack([0.54 + 0.05 * np.sin(2 * t), 0.7 + 0.1 * np.sin(5 * t)], 1).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wide = folder / "models" / metadata["instrument"] / f"{metadata['variant']}.safetensors"
        write_model(wide, weights, metadata | {"precision": "f32", "room": None})
        network = runtimes.network(weights, metadata["architecture"]["type"] == "gru", clip, folder)
        others = [*runtimes.with_onnx_runtime(network), *runtimes.with_pytorch(network)]
        others += runtimes.with_tract(network, tract) if tract else []
        own = [
            *decoders(retort, file.parent.parent, model_id, "as shipped", SETS),
            *decoders(retort, folder / "models", model_id, "widened to f32", FLOAT_SETS),
        ]
    return {
        "id": model_id,
        "step_ms": step_ms,
        "parameters": metadata["parameters"],
        "file_bytes": file.stat().st_size,
        "others": [asdict(row) for row in others],
        "retort": own,
    }


def plugin_files() -> dict:
    """Builds the plugin files and opens them as hosts do."""
    cargo = lambda *words: subprocess.run(["cargo", *words], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: E731
    cargo("xtask", "bundle", "--yes")
    return json.loads(cargo("bench", "--bench", "plugin", "--all-features", "--", "--json").strip().splitlines()[-1])


def tract_program() -> Path | None:
    """Builds the small program around tract; none, with a word, if that fails."""
    done = subprocess.run(["cargo", "build", "--release", "--message-format=json"], cwd=TRACT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print("tract is left out: its program could not be built")
        return None
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next((Path(m["executable"]) for m in reversed(messages) if m.get("executable")), None)


def tract_version() -> str:
    lock = (TRACT / "Cargo.lock").read_text(encoding="utf-8").split('name = "tract-onnx"\nversion = "')
    return lock[1].split('"')[0] if len(lock) > 1 else "?"


def measure(args) -> dict:
    """Everything, one after the other. What `--raw` has already is not measured again."""
    import onnxruntime

    torch.set_num_threads(1)
    raw = json.loads(args.raw.read_text(encoding="utf-8")) if args.raw and args.raw.exists() else {}
    raw["kept"] = [name for name in raw if name not in ("of", "kept")]

    def part(name: str, how: Callable[[], object]) -> None:
        if name not in raw:
            print(f"measuring {name}", flush=True)
            raw[name] = how()
            if args.raw:
                args.raw.write_text(json.dumps(raw, indent=1), encoding="utf-8")

    retort = retort_binary(args.retort)
    version = subprocess.run([retort, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    others = f"ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__}, tract {tract_version()}"
    part("of", lambda: {"date": date.today().isoformat(), "processor": processor(), "versions": f"{version}; {others}"})
    tract = None if args.without_tract else tract_program()
    files = {variant: args.models / args.instrument / f"{variant}.safetensors" for variant in VARIANTS}
    files = {variant: file for variant, file in files.items() if file.exists()}
    if not files:
        raise ValueError(f"{args.models} has no model of {args.instrument}; `--models` and `--instrument` say where to look")
    for variant, file in files.items():
        part(f"decoder {variant}", lambda: beside_others(retort, file, tract))  # noqa: B023
    for variant in VOICE_VARIANTS:
        if variant in files:
            model_id = f"{args.instrument}/{variant}"
            part(f"voice {variant}", lambda: bench(retort, args.models, model_id, "--full"))  # noqa: B023
            for simd in FURTHER_VOICE_SETS:
                part(f"voice {variant} {simd}", lambda: bench(retort, args.models, model_id, simd=simd))  # noqa: B023
    if not args.without_plugin:
        part("plugin", plugin_files)
    return raw


def _table(heads: str, rows: list[list[str]], left: int) -> list[str]:
    """Lines of a table whose columns from the `left`th on are numbers."""
    columns = heads.split(" | ")
    rule = "|".join("---" if i < left else "---:" for i in range(len(columns)))
    return ["", f"| {heads} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]


def _decoder(found: dict) -> list[str]:
    best = min(row["us_per_step"] for row in found["retort"])
    rows = []

    def row(*cells: str, us: float, cold: str = "", more: str = "", clip: str = "", difference: float | None = None) -> None:
        off = "" if difference is None else f"{difference:.1g}" if difference >= 1e-6 else "< 1e-6"
        rows.append([*cells, f"{us:.2f}", f"{us / best:.1f}", f"{found['step_ms'] * 1e3 / us:,.0f}", cold, more, clip, off])

    for r in found["retort"]:
        more = r["us_per_added_voice"] * r["us_per_step"] / r["us_per_frame"]
        row("Retort", f"{r['precision']}, {r['name']}", r["simd"], us=r["us_per_step"], cold=f"{r['us_per_step_cold']:.1f}", more=f"{more:.2f}")
    clips = {(r["runtime"], r["precision"]): r["us_per_step"] for r in found["others"] if r["how"] == "whole clip"}
    for r in found["others"]:
        if r["how"] == "streaming":
            clip = clips.get((r["runtime"], r["precision"]))
            row(r["runtime"], r["precision"], "its own choice", us=r["us_per_step"], clip="" if clip is None else f"{clip:.2f}", difference=r["difference"])
        elif r["how"] != "whole clip":
            row(f"{r['runtime']}, {r['how']}", "none", "its own choice", us=r["us_per_step"])
    return [
        "",
        f"### {found['id']}",
        "",
        f"{found['parameters']:,} weights, a step lasts {found['step_ms']:g} ms.",
        *_table(
            "runtime | weights | instruction set | µs per step, streaming | ratio | times real time | cold caches, µs | each more voice, µs | "
            "whole clip, µs per step | off by",
            rows,
            3,
        ),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _voices(found: list[dict]) -> list[str]:
    """Whole voices, by model and instruction set."""
    rows = []
    for table in found:
        kind = [table["decoder"][0]["precision"], table["decoder"][0]["simd"]]
        for v in table["voice"]:
            rows.append([v["id"], *kind, str(v["voices"]), v["source"], _percent(v["cpu_share"]), _percent(v["worst_block_share"])])
        for v in table["idle"]:
            rows.append([v["id"], *kind, "none", "silence to listen to" if v["source"] == "audio" else "no note", _percent(v["cpu_share"]), ""])
    return _table("model | weights | instruction set | voices | from | % of a core | worst 64 samples, % of their time", rows, 5)


def _blocks(found: list[dict]) -> list[str]:
    rows = []
    for table in found:
        kind = [table["decoder"][0]["precision"], table["decoder"][0]["simd"]]
        for b in table["blocks"]:
            if b["block"] in BLOCKS:
                shares = [_percent(b[f"{which}_share"]) for which in ("mean", "p99", "p999", "worst")]
                rows.append([b["id"], *kind, b["source"], str(b["voices"]), str(b["block"]), *shares])
    return _table("model | weights | instruction set | from | voices | samples | mean | p99 | p99.9 | worst", rows, 4)


def _parts(found: list[dict]) -> list[str]:
    """The same in every model's table: one for each instruction set."""
    rows = []
    for simd, table in {table["decoder"][0]["simd"]: table for table in reversed(found)}.items():
        rows.append(["one of 100 partials at 48 kHz, a sample", simd, f"{table['ns_per_oscillator_sample']:.3f} ns"])
        rows += [[f"{s['name']}, a second of sound", simd, f"{1e3 / s['x_realtime']:.2f} ms"] for s in table["synth"]]
        rows += [[f"hearing a second of sound, {a['name']}", simd, f"{1e3 / a['x_realtime']:.2f} ms"] for a in table["analysis"]]
        rows.append(["a room of 1 s: its worst 64 samples, divided by their mean", simd, f"{table['room_worst_by_mean']:.2f}"])
    return _table("what | instruction set | takes", rows, 2)


def _sizes(found: list[dict]) -> list[str]:
    rows, kib = [], lambda size: f"{size / 1024:,.1f}"
    for model in found:
        for r in model["retort"]:
            if r["name"] == "as shipped" and r["simd"] != "plain":
                memory, load = r["memory"], r["load"]
                sizes = [model["file_bytes"], memory["weights"], memory["state"], memory["room"]]
                rows.append([model["id"], r["precision"], r["simd"], *map(kib, sizes), f"{load['model_ms']:.1f}", f"{load['instrument_ms']:.1f}"])
    heads = "model | weights | instruction set | file, KiB | weights, KiB | each voice, KiB | room, KiB | file's bytes to weights, ms | weights to instrument, ms"
    return _table(heads, rows, 3)


def _plugin(found: dict) -> list[str]:
    names = {
        "scan_ms": "loading the file, and reading which plugins it has: ms",
        "instance_ms": "an instance with all its parameters: ms",
        "model_ms": "a song's state with Full, until it sounds: ms",
        "model_mib": "memory that this adds: MiB",
        "next_instance_ms": "the fourth instance in the same process: ms",
        "next_model_ms": "the fourth instance's state with the same model, until it sounds: ms",
        "next_model_mib": "memory that this adds: MiB",
    }
    return _table("the release build, as hosts open it | " + " | ".join(found), [[words, *(f"{f[key]:.2f}" for f in found.values())] for key, words in names.items()], 1)


def page(raw: dict) -> str:
    """docs/performance.md, of all that was measured."""
    of = raw["of"]
    models = [raw[f"decoder {v}"] for v in VARIANTS if f"decoder {v}" in raw]
    voices = []
    for variant in VOICE_VARIANTS:
        for simd in (None, *FURTHER_VOICE_SETS):
            name = f"voice {variant}" + (f" {simd}" if simd else "")
            if table := raw.get(name):
                voices.append(table)
    cold = models[0]["retort"][0]["cold_mib"]
    kept = raw.get("kept", [])
    how = "one after another in one run"
    if kept:
        all_of_it = all(name in kept for name in raw if name not in ("of", "kept"))
        how += "; " + ("all of it was kept from an earlier run" if all_of_it else f"these parts were kept from an earlier one: {', '.join(kept)}")
    lines = [
        "# How fast Retort is",
        "",
        f"Written by `python -m retort_training runtimes`, which measures {how}. Nothing here was typed by hand.",
        "",
        f"{of['date']}, {of['processor']}, one thread. {of['versions']}.",
        "",
        "## Decoders, beside other runtimes",
        "",
        "The same weights everywhere: those of the model file, as they are shipped or widened to f32. Each figure is the median "
        "of seven runs of processor time per step of the network, after a run that warms up. \"Streaming\" gives a runtime one "
        "step at a time and gets the state back, as an instrument must; \"whole clip\" gives it four seconds at once, which no "
        "instrument can, and Retort does not. \"Each more voice\" is what each of eight voices that step together adds to the first. "
        "\"Times real time\" is how long a step lasts by what it costs.",
        "",
        "ONNX Runtime and PyTorch are called from Python, ONNX Runtime with buffers that are bound once; \"a call that does "
        "nothing\" is a network with the same inputs and outputs that only copies them, so that one sees how much of a row is "
        "the call. tract and Retort are called from Rust. ONNX Runtime in int8 is the quicker of its dynamic and its static "
        "quantisation, streaming and whole clip each by itself.",
        "",
        "The ratio says how many times as long as Retort's fastest row of its table a row takes in streaming. \"Off by\" is the RMS "
        "difference of all heads' pre-activations over the clip from PyTorch's, by their RMS: more than "
        f"{runtimes.FLOAT_TOLERANCE:g} in f32, or {runtimes.INT8_TOLERANCE:g} in int8, is refused as another network. (Retort's own are held to "
        "PyTorch's by tests; what its 8 bits cost in sound is in models/REPORT.md.) With cold caches, "
        f"{cold} MiB of other memory were written before each step: the median of 21, measured for Retort only.",
        "",
        "Full as shipped does less than others do: what its two perceptrons at the input make of a pitch or a loudness, and the "
        "GRU's products with it, are curves of one number each, which are looked up in tables. Its rows that are widened to f32 "
        "compute everything, as all others do, so those compare equal work; their 17 MB of weights are larger than what a core has of "
        "caches for itself.",
    ]
    for model in models:
        lines += _decoder(model)
    lines += [
        "",
        "## Whole voices",
        "",
        "From notes or audio to the output at 48 kHz, in blocks of 64 samples: decoder, synthesis, room, meters, controls that "
        "move in every block; from audio with the analysis. A chord's notes are held. Times of single blocks are the least of "
        "seven equal renders, so that other programs do not count. One voice plays a melody for four seconds, chords are held for one; "
        "the blocks further below last 24 seconds, so that their worst ones differ a little.",
        *_voices(voices),
        "",
        "## Blocks",
        "",
        "Percent of the time that a block lasts, over all blocks of 24 seconds. Decoders step every 4 ms (convolutional ones "
        "every 20 ms), so a short block with a step in it takes more than the mean. Each time is the least of seven equal renders. The "
        "worst block of a chord is the one at which all its notes begin: their first frames are decoded one by one.",
        *_blocks(voices),
        "",
        "## Parts",
        *_parts(voices),
        "",
        "## Memory, and loading",
        "",
        "Weights are kept once for all voices and instances of a process. Loading happens outside the audio thread; a model "
        "switch takes both times of the last columns for weights that nothing in the process uses yet, else the last alone. Times on the "
        "wall, the least of seven, the file's bytes being in memory.",
        *_sizes(models),
    ]
    if "plugin" in raw:
        lines += ["", "## Plugin files", "", "The least of seven fresh processes, on the wall. \"Until it sounds\" includes finding and reading the model's file, and activation at 48 kHz.", *_plugin(raw["plugin"])]
    return "\n".join(lines) + "\n"


def performance(args) -> None:
    """The `runtimes` command."""
    args.out.write_text(page(measure(args)), encoding="utf-8")
    print(f"wrote {args.out}")
