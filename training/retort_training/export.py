"""A checkpoint becomes a model file and a room file, with everything that the plugin has to know about them.

The averaged weights are written: matrices as f16 (or bf16, or int8), vectors as f32. The layout is that of docs/architecture.md, "The model file".
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from . import ANALYSIS_VERSION, BANDWIDTH_HZ, FORMAT_VERSION, FRAME_RATE_HZ, LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ, cnn, durable, gru, split, statistics
from .features import Features, measure, retort_binary
from .instruments import INSTRUMENTS, Instrument
from .train import Plan, Run

# Ends the name of a matrix's scales, one for each row.
SCALE = "_scale"


def training_frames(instrument: Instrument, data: Path, get, offsets_db: dict[str, float]):
    """(frames of all training pieces, those of single notes), loudness moved to the reference's level."""
    everything, notes = [], []
    for piece in split.read(instrument.name):
        if piece.part != split.TRAIN or piece.source not in offsets_db:
            continue
        whole = get(data / piece.file)
        part = whole[round(piece.start_s * FRAME_RATE_HZ) : round(piece.end_s * FRAME_RATE_HZ) + 1]
        gain_db = instrument.source(piece.source).gain_db(piece.file) + offsets_db[piece.source]
        part = Features(part.f0_hz, part.voicing, np.maximum(part.loudness_db + gain_db, LOUDNESS_FLOOR_DB))
        everything.append(part)
        if piece.kind == split.NOTE and "phrase" not in piece.file and "cresc" not in piece.file:
            notes.append(part)
    return everything, notes


def quantised(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Wide matrices as int8 with one scale for each row; those that see an input alone and the heads' stay f16, since a
    step of 8 bits could be heard there."""
    stored = {}
    for name, values in tensors.items():
        if values.dim() == 2 and values.shape[1] > 1 and not name.startswith("head."):
            scale = values.float().abs().amax(1).clamp_min(1e-30) / 127.0
            stored[name] = (values.float() / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
            stored[name + SCALE] = scale
        else:
            stored[name] = values
    return stored


def louder(tensors: dict[str, torch.Tensor], gain_db: float) -> dict[str, torch.Tensor]:
    """A model that plays `gain_db` louder. Raises `KeyError` where the heads are missing.

    Far below 0, where heads work, exp_sigmoid(x) is 2 * 10^x: a bias of x more is 20 x dB more.
    """
    return tensors | {head: tensors[head] + gain_db / 20.0 for head in ("head.amplitude.bias", "head.noise.bias")}


def model_tensors(run: Run, trim_db: float = 0.0, precision: str = "f16") -> dict[str, torch.Tensor]:
    """The averaged weights under the file's names, the whole model louder by `trim_db`; matrices f16, bf16 or int8, vectors f32."""
    with torch.no_grad(), run.with_average():
        named = run.decoder.folded() if run.plan.channels else run.decoder.state_dict()
        named = louder({k: v.clone() for k, v in named.items()}, trim_db)
    if precision == "int8":
        named = cnn.quantised(named) if run.plan.channels else quantised(named)
    narrow = torch.bfloat16 if precision == "bf16" else torch.float16
    floats = lambda v: v.dim() > 1 and v.dtype != torch.int8  # noqa: E731
    return {k: (v.to(narrow) if floats(v) else v).contiguous() for k, v in named.items()}


def describe(
    run: Run,
    instrument: Instrument,
    frames: list[Features],
    notes: list[Features],
    offsets: dict,
    trim_db: float = 0.0,
    precision: str = "f16",
    variant: str | None = None,
) -> dict:
    """The `retort` metadata of a run's model; `variant` names it otherwise than its plan."""
    plan = run.plan
    variant = variant or plan.variant
    return {
        "format_version": FORMAT_VERSION,
        "analysis_version": ANALYSIS_VERSION,
        "id": f"{instrument.name}/{variant}",
        "instrument": instrument.name,
        "variant": variant,
        "architecture": _architecture(plan),
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "bandwidth_hz": BANDWIDTH_HZ,
        "frame_rate_hz": FRAME_RATE_HZ // cnn.STRIDE if plan.channels else FRAME_RATE_HZ,
        "n_harmonics": plan.n_harmonics,
        "n_noise_bands": plan.n_noise_bands,
        "noise_fir_ms": plan.noise_fir_ms,
        "loudness": "a-weighted-power",
        **statistics.all_of(frames, notes),
        "room": f"{instrument.name}/room",
        "parameters": run.decoder.stored_count(),
        "precision": precision,
        "data": [_credit(s) for s in instrument.sources],
        "licence": instrument.licence,
        "training": {
            "steps": run.earlier[0] + run.step,
            "minutes": round(run.earlier[1] + run.minutes, 1),
            "seed": plan.seed,
            "voices": plan.voices,
            "crop_s": plan.crop_s,
            "pre_roll_s": plan.pre_roll_s,
            "history_s": plan.history_s,
            "learning_rate": plan.learning_rate,
            "loudness_weight": plan.loudness_weight,
            "blur": plan.blur,
            "treble_weight": plan.treble_weight,
            "taught_by": plan.taught_by,
            "level_offsets_db": offsets,
            "trim_db": trim_db,
        },
    }


def _architecture(plan: Plan) -> dict:
    if plan.channels:
        return {"type": "cnn", "channels": plan.channels, "kernel": cnn.KERNEL, "dilations": list(cnn.DILATIONS)}
    return {"type": "gru", "hidden": plan.hidden, "mlp_layers": gru.MLP_LAYERS}


def _credit(source) -> dict:
    name = f"{source.name}: {source.recording}"
    return {"name": name, "author": source.author, "licence": source.licence, "private": source.private}


def write_model(path: Path, tensors: dict[str, torch.Tensor], metadata: dict) -> None:
    """Writes aside and renames, so that nobody ever reads half a model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable.written(path) as part:
        save_file(tensors, part, metadata={"retort": json.dumps(metadata, separators=(",", ":"))})
        # safetensors keeps its files to their owner.
        part.chmod(0o644)


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, `retort` metadata) of a model file."""
    with safe_open(path, framework="pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, json.loads(file.metadata()["retort"])


def write_room(path: Path, run: Run, instrument: Instrument) -> None:
    """The reference source's room, f16."""
    reference = instrument.sources[0]
    response = room_response(run, instrument)
    metadata = {
        "format_version": FORMAT_VERSION,
        "id": f"{instrument.name}/room",
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "source": reference.name,
        "licence": instrument.licence,
        "data": [_credit(reference)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable.written(path) as part:
        save_file({"impulse_response": response}, part, metadata={"retort-room": json.dumps(metadata)})
        part.chmod(0o644)


def room_source(path: Path) -> str:
    """Which source's room a file holds."""
    with safe_open(path, framework="np") as file:
        return json.loads(file.metadata()["retort-room"])["source"]


def room_response(run: Run, instrument: Instrument) -> torch.Tensor:
    """The reference source's impulse response, f16, as it is written."""
    with torch.no_grad(), run.with_average():
        return run.rooms.impulse_responses()[run.rooms.sources.index(instrument.sources[0].name)].half().cpu().contiguous()


def shipped_as(variant: str) -> list[tuple[str, str]]:
    """(variant, precision) of the files that a run becomes: convolutional ones ship in 8 bits too."""
    if variant in ("cnn", "cnn-tiny"):
        return [(variant, "f16"), (f"{variant}-q", "int8")]
    return [(variant, "int8" if variant == "full" else "f16")]


def export(args) -> None:
    """The `export` command."""
    run = Run.load(args.checkpoint)
    kinds = shipped_as(run.plan.variant)
    if args.precision:
        kinds = [(run.plan.variant, args.precision)]
    for variant, precision in kinds:
        export_model(run, args, variant, precision)
    if not args.no_room:
        instrument = INSTRUMENTS[args.instrument]
        room = args.models / instrument.name / "room.safetensors"
        write_room(room, run, instrument)
        print(f"{room}: {room.stat().st_size} bytes")


def export_model(run: Run, args, variant: str, precision: str) -> None:
    instrument = INSTRUMENTS[args.instrument]
    binary = retort_binary(args.retort)
    with torch.no_grad(), run.with_average():
        offsets = dict(zip(run.rooms.sources, (round(float(x), 2) for x in run.rooms.offsets_db())))
    get = lambda path: measure(path, binary, args.cache, instrument.lowest_pitch_hz)  # noqa: E731
    frames, notes = training_frames(instrument, args.data, get, offsets)
    path = args.models / instrument.name / f"{variant}.safetensors"
    metadata = describe(run, instrument, frames, notes, offsets, args.trim_db, precision, variant)
    write_model(path, model_tensors(run, args.trim_db, precision), metadata)
    print(f"{path}: {run.decoder.stored_count()} parameters, {path.stat().st_size} bytes, step {run.step}, held out {run.best:.3f}")


def restate(args) -> None:
    """The `stats` command: measures what a model file says of its training data anew, names their authors, and leaves its weights alone."""
    for path in args.model:
        tensors, metadata = read_model(path)
        instrument = INSTRUMENTS.get(metadata["instrument"])
        if instrument is None:
            raise ValueError(f"{path}: no recordings are known for the instrument {metadata['instrument']!r}")
        get = lambda file: measure(file, retort_binary(args.retort), args.cache, instrument.lowest_pitch_hz)  # noqa: E731
        offsets = metadata.get("training", {}).get("level_offsets_db") or {s: 0.0 for s in instrument.source_names()}
        frames, notes = training_frames(instrument, args.data, get, offsets)
        credits = {"data": [_credit(s) for s in instrument.sources], "licence": instrument.licence}
        write_model(path, tensors, metadata | statistics.all_of(frames, notes) | credits)
        print(f"{path}: {sum(map(len, frames))} frames, {len(notes)} single notes")
