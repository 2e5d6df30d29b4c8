"""A checkpoint becomes a model file and a room file, with everything that the plugin has to know about them.

The averaged weights are written: matrices as f16, vectors as f32. The layout is that of docs/architecture.md, "The model file".
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from . import ANALYSIS_VERSION, BANDWIDTH_HZ, FORMAT_VERSION, FRAME_RATE_HZ, LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ, split
from .features import VOICED, Features, measure, retort_binary
from .gru import MLP_LAYERS, Decoder
from .instruments import INSTRUMENTS, Instrument
from .train import Run

DENSITY_MIDI_MIN, DENSITY_MIDI_MAX = 24, 108
DENSITY_LOUDNESS_STEP_DB = 2
# Jitter is what is left after a mean over so many frames: 100 ms, shorter than a cycle of vibrato.
_SMOOTHING_FRAMES = 25


def midi(f0_hz: np.ndarray) -> np.ndarray:
    return 69.0 + 12.0 * np.log2(f0_hz / 440.0)


def density(frames: list[Features]) -> dict:
    """Voiced frames per semitone (row) and 2 dB of loudness (column)."""
    f0, loudness = _voiced(frames)
    rows = np.arange(DENSITY_MIDI_MIN - 0.5, DENSITY_MIDI_MAX + 1)
    columns = np.arange(LOUDNESS_FLOOR_DB, 4 + 1, DENSITY_LOUDNESS_STEP_DB)
    counts, _, _ = np.histogram2d(midi(f0), loudness, bins=[rows, columns])
    return {
        "midi_min": DENSITY_MIDI_MIN,
        "midi_step": 1,
        "loudness_min_db": LOUDNESS_FLOOR_DB,
        "loudness_step_db": DENSITY_LOUDNESS_STEP_DB,
        "counts": counts.astype(int).tolist(),
    }


def value_range(frames: list[Features]) -> dict:
    """Where the voiced frames lie in pitch and loudness, from the 3rd percentile to the 99.5th.

    What lies below are octave errors in double stops and the last of a note's decay; the highest notes are few but real.
    """
    f0, loudness = _voiced(frames)
    limits = lambda x: [round(float(q), 2) for q in np.percentile(x, [3.0, 99.5])]  # noqa: E731
    return {"f0_hz": limits(f0), "loudness_db": limits(loudness)}


def _voiced(frames: list[Features]) -> tuple[np.ndarray, np.ndarray]:
    f0 = np.concatenate([f.f0_hz[f.voicing >= VOICED] for f in frames])
    loudness = np.concatenate([f.loudness_db[f.voicing >= VOICED] for f in frames])
    return f0, loudness


def jitter(frames: list[Features]) -> dict:
    """Standard deviation of pitch and loudness around their 100 ms means, over frames inside steady notes."""
    cents, decibels = [], []
    kernel = np.ones(_SMOOTHING_FRAMES) / _SMOOTHING_FRAMES
    for f in frames:
        if len(f) < 3 * _SMOOTHING_FRAMES:
            continue
        pitch = 100.0 * midi(f.f0_hz.astype(np.float64))
        windows = np.lib.stride_tricks.sliding_window_view
        inside = slice(_SMOOTHING_FRAMES // 2, -(_SMOOTHING_FRAMES // 2))
        around = windows(pitch, _SMOOTHING_FRAMES)
        levels = windows(f.loudness_db.astype(np.float64), _SMOOTHING_FRAMES)
        voiced = windows(f.voicing >= VOICED, _SMOOTHING_FRAMES).all(axis=1)
        steady = voiced & (np.ptp(around, axis=1) < 80.0) & (np.ptp(levels, axis=1) < 6.0)
        cents.append((pitch[inside] - np.convolve(pitch, kernel, "valid"))[steady])
        loudness = f.loudness_db.astype(np.float64)
        decibels.append((loudness[inside] - np.convolve(loudness, kernel, "valid"))[steady])
    spread = lambda parts: round(float(np.std(np.concatenate(parts))), 3) if parts else 0.0  # noqa: E731
    return {"f0_jitter_cents": spread(cents), "loudness_jitter_db": spread(decibels)}


def onset_and_release(notes: list[Features]) -> dict:
    """Medians over single notes: from 30 dB under the note's level up to 3 dB under it, and from there down again."""
    onsets, releases = [], []
    for f in notes:
        loudness = f.loudness_db.astype(np.float64)
        level = np.median(loudness[loudness > loudness.max() - 10.0])
        sounding = np.flatnonzero(loudness > level - 30.0)
        full = np.flatnonzero(loudness > level - 3.0)
        onsets.append((full[0] - sounding[0]) * 1000.0 / FRAME_RATE_HZ)
        releases.append((sounding[-1] - full[-1]) * 1000.0 / FRAME_RATE_HZ)
    median = lambda x: round(float(np.median(x)), 1) if x else 0.0  # noqa: E731
    return {"onset_ms": median(onsets), "release_ms": median(releases)}


def training_frames(instrument: Instrument, data: Path, get, offsets_db: dict[str, float]):
    """(frames of all training pieces, those of single notes), loudness moved to the reference's level."""
    everything, notes = [], []
    for piece in split.read(instrument.name):
        if piece.part != split.TRAIN or piece.source not in offsets_db:
            continue
        whole = get(data / piece.file)
        part = whole[round(piece.start_s * FRAME_RATE_HZ) : round(piece.end_s * FRAME_RATE_HZ) + 1]
        part = Features(part.f0_hz, part.voicing, part.loudness_db + offsets_db[piece.source])
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
            stored[f"{name}_scale"] = scale
        else:
            stored[name] = values
    return stored


def model_tensors(run: Run, trim_db: float = 0.0) -> dict[str, torch.Tensor]:
    """The averaged weights under the file's names, the whole model louder by `trim_db`.

    Far below 0, where heads work, exp_sigmoid(x) is 2 * 10^x: a bias of x more is 20 x dB more.
    """
    named = {k.removeprefix("decoder."): v for k, v in run.average.items() if k.startswith("decoder.")}
    for head in ("head.amplitude.bias", "head.noise.bias"):
        named[head] = named[head] + trim_db / 20.0
    return {k: (v.half() if v.dim() == 2 else v.float()).contiguous() for k, v in named.items()}


def describe(
    run: Run,
    instrument: Instrument,
    frames: list[Features],
    notes: list[Features],
    offsets: dict,
    trim_db: float = 0.0,
    precision: str = "f16",
) -> dict:
    """The `retort` metadata of a run's model."""
    plan = run.plan
    return {
        "format_version": FORMAT_VERSION,
        "analysis_version": ANALYSIS_VERSION,
        "id": f"{instrument.name}/{plan.variant}",
        "instrument": instrument.name,
        "variant": plan.variant,
        "architecture": {"type": "gru", "hidden": plan.hidden, "mlp_layers": MLP_LAYERS},
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "bandwidth_hz": BANDWIDTH_HZ,
        "frame_rate_hz": FRAME_RATE_HZ,
        "n_harmonics": plan.n_harmonics,
        "n_noise_bands": plan.n_noise_bands,
        "noise_fir_ms": plan.noise_fir_ms,
        "loudness": "a-weighted-power",
        "range": value_range(frames),
        "density": density(frames),
        "performance": jitter(frames) | onset_and_release(notes),
        "room": f"{instrument.name}/room",
        "parameters": run.decoder.parameter_count(),
        "precision": precision,
        "data": [_credit(s) for s in instrument.sources],
        "licence": instrument.licence,
        "training": {
            "steps": run.step,
            "minutes": round(run.minutes, 1),
            "seed": plan.seed,
            "voices": plan.voices,
            "crop_s": plan.crop_s,
            "pre_roll_s": plan.pre_roll_s,
            "learning_rate": plan.learning_rate,
            "loudness_weight": plan.loudness_weight,
            "level_offsets_db": offsets,
            "trim_db": trim_db,
        },
    }


def _credit(source) -> dict:
    name = f"{source.name}: {source.recording}"
    return {"name": name, "author": source.author, "licence": source.licence, "private": False}


def write_model(path: Path, tensors: dict[str, torch.Tensor], metadata: dict) -> None:
    """Writes aside and renames, so that nobody ever reads half a model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"retort": json.dumps(metadata, separators=(",", ":"))})
    part.replace(path)


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(tensors, `retort` metadata) of a model file."""
    with safe_open(path, framework="pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}, json.loads(file.metadata()["retort"])


def load_decoder(path: Path) -> tuple[Decoder, dict]:
    """The decoder of a model file in float64 and its metadata."""
    tensors, metadata = read_model(path)
    decoder = Decoder(metadata["architecture"]["hidden"], metadata["n_harmonics"], metadata["n_noise_bands"])
    scales = {k.removesuffix("_scale"): tensors.pop(k) for k in list(tensors) if k.endswith("_scale")}
    weights = {k: v.double() * scales[k].double()[:, None] if k in scales else v.double() for k, v in tensors.items()}
    decoder = decoder.double()
    decoder.load_state_dict(weights)
    return decoder, metadata


def write_room(path: Path, run: Run, instrument: Instrument) -> None:
    """The reference source's room, f16."""
    reference = instrument.sources[0]
    with torch.no_grad(), run.with_average():
        response = run.rooms.impulse_responses()[run.rooms.sources.index(reference.name)].half()
    metadata = {
        "format_version": FORMAT_VERSION,
        "id": f"{instrument.name}/room",
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "source": reference.name,
        "licence": instrument.licence,
        "data": [_credit(reference)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({"impulse_response": response}, part, metadata={"retort-room": json.dumps(metadata)})
    part.replace(path)


def export(args) -> None:
    """The `export` command."""
    instrument = INSTRUMENTS[args.instrument]
    run = Run.load(args.checkpoint)
    binary = retort_binary(args.retort)
    with torch.no_grad(), run.with_average():
        offsets = dict(zip(run.rooms.sources, (round(float(x), 2) for x in run.rooms.offsets_db())))
    get = lambda path: measure(path, binary, args.cache, instrument.lowest_pitch_hz)  # noqa: E731
    frames, notes = training_frames(instrument, args.data, get, offsets)
    path = args.models / instrument.name / f"{run.plan.variant}.safetensors"
    metadata = describe(run, instrument, frames, notes, offsets, args.trim_db, args.precision)
    tensors = model_tensors(run, args.trim_db)
    write_model(path, quantised(tensors) if args.precision == "int8" else tensors, metadata)
    print(f"{path}: {run.decoder.parameter_count()} parameters, {path.stat().st_size} bytes, step {run.step}, held out {run.best:.3f}")
    if not args.no_room:
        room = args.models / instrument.name / "room.safetensors"
        write_room(room, run, instrument)
        print(f"{room}: {room.stat().st_size} bytes")
