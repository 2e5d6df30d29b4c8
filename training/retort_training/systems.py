"""What is scored: shipped models as the real `retort render` plays them, the anchor, and the oracle.

A system renders a take with a seed and is heard; `fingerprint` changes whenever what it plays may have changed.
"""

import hashlib
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors import safe_open

from . import SAMPLE_RATE_HZ, anchor, metrics, oracle
from .export import read_model
from .features import FeatureError
from .hearing import Ear, Heard, Target, resampled
from .held_out import Take

ROOM = "room"


def play(
    retort: str, source: Path, output: Path, models: Path, model_id: str, seed: int, lowest_pitch_hz: int, options: list[str]
) -> float:
    """`retort render`; returns the processor seconds that it took. Raises `FeatureError` with what it said."""
    command = [retort, "render", str(source), str(output), "--model", model_id, "--seed", str(seed)]
    command += ["--lowest-pitch", str(lowest_pitch_hz), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"RETORT_MODELS": str(models)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise FeatureError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def content_hash(path: Path) -> str:
    """Of a model file's tensors and metadata, the scores left out: writing these must not call for new ones."""
    tensors, metadata = read_model(path)
    metadata.pop("scores", None)
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        values = tensors[name].contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        # As bytes: numpy has no bf16.
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:20]


def fingerprint(path: Path, room: Path) -> str:
    """Changes when what a model plays may have changed."""
    return f"{content_hash(path)}-{hashlib.sha256(room.read_bytes()).hexdigest()[:20]}"


def room_response(path: Path) -> np.ndarray:
    """The impulse response of a room file at 32 kHz, without the direct sound."""
    with safe_open(path, framework="np") as file:
        rate_hz = json.loads(file.metadata()["retort-room"])["sample_rate_hz"]
        if rate_hz != SAMPLE_RATE_HZ:
            raise ValueError(f"{path}: a room at {rate_hz} Hz cannot be played at {SAMPLE_RATE_HZ} Hz")
        return file.get_tensor("impulse_response").astype(np.float32)


class Model:
    """A model file, rendered with `--match none`, the room on, at the recording's rate."""

    kind, needs_seeds = "model", True

    def __init__(self, path: Path, room: Path, retort: str, lowest_pitch_hz: int):
        self.path, self.room, self.retort, self.lowest_pitch_hz = Path(path), Path(room), retort, lowest_pitch_hz
        _, self.metadata = read_model(path)
        self.id = self.metadata["id"]
        # A folder that holds this file and its room, wherever they come from.
        self._folder = tempfile.TemporaryDirectory()
        home = Path(self._folder.name) / self.path.parent.name
        home.mkdir()
        for file in (self.path, self.room):
            (home / file.name).symlink_to(file.resolve())
        self.processor_s = self.rendered_s = 0.0

    def fingerprint(self) -> str:
        return fingerprint(self.path, self.room)

    def sound(self, take: Take, seed: int, options: tuple[str, ...] = ("--match", "none", "--room", "1")) -> np.ndarray:
        """As long as the take, at its rate."""
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder) / "take.wav", Path(folder) / "rendered.wav"
            soundfile.write(source, take.audio, take.rate_hz, subtype="FLOAT")
            models = Path(self._folder.name)
            self.processor_s += play(self.retort, source, output, models, self.id, seed, self.lowest_pitch_hz, list(options))
            self.rendered_s += len(take.audio) / take.rate_hz
            audio, rate_hz = soundfile.read(output, dtype="float32", always_2d=True)
        if rate_hz != take.rate_hz:
            raise FeatureError(f"{self.id}: rendered at {rate_hz} Hz, expected {take.rate_hz} Hz")
        return audio.mean(axis=1)[: len(take.audio)]

    def hear(self, target: Target, seed: int, ear: Ear) -> tuple[Heard, np.ndarray]:
        audio = self.sound(target.take, seed)
        return ear.hear(audio, target.take.rate_hz), audio


class Anchor:
    """See `anchor`; no chance in it, so one seed is enough."""

    kind, needs_seeds, id = "anchor", False, "anchor"

    def fingerprint(self) -> str:
        return f"anchor-1-{anchor.ORDER}-{anchor.WINDOW}"

    def both(self, target: Target) -> tuple[np.ndarray, np.ndarray]:
        """At 16 kHz and at 32 kHz."""
        take, f0_hz = target.take, target.frames.f0_hz
        rates = (metrics.RATE_HZ, metrics.FULL_RATE_HZ)
        return tuple(anchor.resynthesise(resampled(take.audio, take.rate_hz, r), f0_hz, r) for r in rates)

    def hear(self, target: Target, seed: int, ear: Ear) -> tuple[Heard, np.ndarray]:
        low, full = self.both(target)
        return ear.hear(low, metrics.RATE_HZ, full), low


class Oracle:
    """See `oracle`; rendered at 32 kHz and brought to the recording's rate, then heard like a model."""

    kind, needs_seeds, id = "oracle", True, "oracle"

    def __init__(self, room: Path, settings: oracle.Settings, cache: Path):
        self.room, self.settings, self.cache = room, settings, cache
        self.response = room_response(room)

    def fingerprint(self) -> str:
        return f"oracle-{oracle.VERSION}-{self.settings}-{hashlib.sha256(self.response.tobytes()).hexdigest()[:20]}"

    def sound(self, target: Target, seed: int) -> np.ndarray:
        take = target.take
        audio = resampled(take.audio, take.rate_hz, SAMPLE_RATE_HZ)
        fitted = oracle.fitted(
            audio, target.frames.f0_hz, take.bandwidth_hz, self.response, self.settings, self.cache, take.name
        )
        made = resampled(fitted.render(seed), SAMPLE_RATE_HZ, take.rate_hz)[: len(take.audio)]
        return np.pad(made, (0, len(take.audio) - len(made)))

    def hear(self, target: Target, seed: int, ear: Ear) -> tuple[Heard, np.ndarray]:
        audio = self.sound(target, seed)
        return ear.hear(audio, target.take.rate_hz), audio
