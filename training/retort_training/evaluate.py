"""Scores of a shipped model: what the real `retort render` makes of the held-out takes, against the takes themselves.

Each take is rendered with one second of what comes before it, which is not scored, so that decoder and room do not
start from nothing in the middle of the music. Five seeds; `--match none`, room on, at the recording's rate.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import soundfile
import soxr
from swift_f0 import SwiftF0

from . import FRAME_RATE_HZ, metrics, split
from .export import read_model, write_model
from .features import FeatureError, measure, retort_binary
from .instruments import INSTRUMENTS

PRE_ROLL_S = 1.0
SCORES = Path(__file__).resolve().parent.parent / "scores"
FIGURES = (
    "multi_scale_loss",
    "log_mel_db",
    "f0_cents",
    "f0_within_50_cents",
    "loudness_error_db",
    "loudness_bias_db",
)


class Take:
    """A held-out passage: written as a file for `retort`, and measured once."""

    def __init__(self, piece, data: Path, folder: Path, listen, tracker: SwiftF0):
        audio, self.rate_hz = soundfile.read(data / piece.file, dtype="float32", always_2d=True)
        first = round((piece.start_s - PRE_ROLL_S) * self.rate_hz)
        audio = audio.mean(axis=1)[max(first, 0) : round(piece.end_s * self.rate_hz)]
        self.path = folder / f"{Path(piece.file).stem}.wav"
        soundfile.write(self.path, audio, self.rate_hz, subtype="FLOAT")
        self.n_samples = len(audio)
        self.measured = measurements(audio, self.rate_hz, listen(self.path), tracker)


def measurements(audio: np.ndarray, rate_hz: int, frames, tracker: SwiftF0) -> dict:
    """What is compared: audio at 16 kHz, SwiftF0's pitch, `retort`'s loudness, all after the pre-roll."""
    low = soxr.resample(audio, rate_hz, metrics.RATE_HZ, quality="HQ").astype(np.float32)
    pitch = tracker.detect(low, metrics.RATE_HZ)
    counted = pitch.timestamps >= PRE_ROLL_S
    return {
        "audio": low[round(PRE_ROLL_S * metrics.RATE_HZ) :],
        "f0_hz": pitch.pitch_hz[counted],
        "voiced": pitch.confidence[counted] >= 0.5,
        "loudness_db": frames.loudness_db[round(PRE_ROLL_S * FRAME_RATE_HZ) :],
    }


def compare(takes: list[dict], renderings: list[dict]) -> dict[str, float]:
    """The figures of all takes together: losses weighted by length, pitch and loudness over all frames."""
    losses, mels, lengths = [], [], []
    series = {name: [[], []] for name in ("f0_hz", "voiced", "loudness_db")}
    for take, rendering in zip(takes, renderings):
        n = min(len(take["audio"]), len(rendering["audio"]))
        losses.append(metrics.multi_scale_loss(take["audio"][:n], rendering["audio"][:n]))
        mels.append(metrics.log_mel_distance(take["audio"][:n], rendering["audio"][:n]))
        lengths.append(n)
        for name, (wanted, heard) in series.items():
            frames = min(len(take[name]), len(rendering[name]))
            wanted.append(take[name][:frames])
            heard.append(rendering[name][:frames])
    joined = {name: [np.concatenate(side) for side in sides] for name, sides in series.items()}
    (f0, heard_f0), (voiced, heard_voiced) = joined["f0_hz"], joined["voiced"]
    values = (
        np.average(losses, weights=lengths),
        np.average(mels, weights=lengths),
        *metrics.pitch_error(f0, voiced, heard_f0, heard_voiced),
        *metrics.loudness_error(*joined["loudness_db"]),
    )
    return dict(zip(FIGURES, map(float, values)))


def render(retort: str, models: Path, model_id: str, take: Take, seed: int, lowest_pitch_hz: int, folder: Path) -> Path:
    output = folder / f"{take.path.stem}-{model_id.replace('/', '-')}-{seed}.wav"
    command = [retort, "render", str(take.path), str(output), "--model", model_id]
    command += ["--match", "none", "--room", "1", "--seed", str(seed), "--lowest-pitch", str(lowest_pitch_hz)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"RETORT_MODELS": str(models)})
    if done.returncode != 0:
        raise FeatureError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return output


def evaluate(args) -> None:
    """The `evaluate` command: prints the figures, keeps them under training/scores and in the model file."""
    instrument = INSTRUMENTS[args.instrument]
    retort = retort_binary(args.retort)
    models = args.models.resolve()
    lowest = args.lowest_pitch or instrument.lowest_pitch_hz
    listen = lambda path: measure(path, retort, args.cache, instrument.lowest_pitch_hz)  # noqa: E731
    tracker = SwiftF0(threads=1, spin=False)
    reference = instrument.sources[0].name
    pieces = [
        p
        for p in split.read(instrument.name)
        if p.part == split.HELD_OUT and p.source == reference and p.kind == split.TAKE
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        takes = [Take(p, args.data, folder, listen, tracker) for p in pieces]
        for variant in args.variant:
            model_id = f"{instrument.name}/{variant}"
            seeds, heard = [], set()
            for seed in range(1, args.seeds + 1):
                renderings = []
                samples = hashlib.sha256()
                for take in takes:
                    path = render(retort, models, model_id, take, seed, lowest, folder)
                    audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
                    audio = audio.mean(axis=1)[: take.n_samples]
                    samples.update(audio.tobytes())
                    soundfile.write(path, audio, rate_hz, subtype="FLOAT")
                    renderings.append(measurements(audio, rate_hz, listen(path), tracker))
                    path.unlink()
                heard.add(samples.hexdigest())
                seeds.append(compare([t.measured for t in takes], renderings))
                print(f"{model_id} seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in seeds[-1].items()), flush=True)
            if len(heard) < len(seeds):
                print(f"warning: {len(seeds)} seeds gave only {len(heard)} different renderings: a spread would be no measurement", flush=True)
            if lowest == instrument.lowest_pitch_hz:
                _keep(models, instrument.name, variant, seeds, len(heard), pieces)


def _keep(models: Path, instrument: str, variant: str, seeds: list[dict], n_renderings: int, pieces) -> None:
    path = models / instrument / f"{variant}.safetensors"
    tensors, metadata = read_model(path)
    mean = {name: float(np.mean([s[name] for s in seeds])) for name in FIGURES}
    kept = ("multi_scale_loss", "f0_cents", "loudness_error_db", "loudness_bias_db")
    metadata["scores"] = {name: round(mean[name], 4) for name in kept}
    write_model(path, tensors, metadata)
    scores = SCORES / instrument / f"{variant}.json"
    scores.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "id": f"{instrument}/{variant}",
        "date": date.today().isoformat(),
        "steps": metadata["training"]["steps"],
        "held_out": [{"file": p.file, "start_s": p.start_s, "end_s": p.end_s} for p in pieces],
        # As many as seeds, unless the program takes no notice of some: only then is there a spread to speak of.
        "different_renderings": n_renderings,
        "seeds": [{k: round(v, 5) for k, v in s.items()} for s in seeds],
    }
    scores.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
