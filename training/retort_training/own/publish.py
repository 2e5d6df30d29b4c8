"""A checkpoint becomes a model that can be played: exported, rendered by the real `retort` on the held-out passages, scored, and only then put into place.

A file of the same name is replaced only by one that is better on the same passages. Model and room are each written aside and renamed.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from .. import LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ, metrics
from ..export import describe, model_tensors, shipped_as, write_model, write_room
from ..features import VOICED, Features, measure
from ..instruments import Instrument
from ..systems import play
from ..tapes import Tape, shortened
from ..train import Run
from . import OwnError
from .material import Material
from .project import Project
from .survey import Survey

_SCORED_S = 30.0
# Rendered apart, so that one does not ring into the next.
_SILENCE_S = 0.3


@dataclass
class Shelf:
    """Where models go, and everything that a model file says of its making beside what is in the checkpoint."""

    models: Path
    retort: str
    instrument: Instrument
    survey: Survey
    material: Material
    held_out: list[Tape]

    @property
    def folder(self) -> Path:
        return self.models / self.instrument.name


def tidy(shelf_folder: Path) -> None:
    """Removes what a killed process left half written."""
    for part in shelf_folder.glob("*.part") if shelf_folder.is_dir() else []:
        part.unlink()


def publish(run: Run, shelf: Shelf, project: Project, loss: float) -> list[str]:
    """Puts the model of `run`, whose held-out loss is `loss`, into place; returns the variants whose files are new. The room goes along as long as it
    is learned."""
    known = project.state["published"].get(run.plan.variant)
    if known is not None and known["loss"] <= loss:
        return []
    frames = [c.frames for c in shelf.material.train]
    notes = [c.frames for c in shelf.material.train if c.note is not None]
    made = []
    for variant, precision in shipped_as(run.plan.variant):
        metadata = describe(run, shelf.instrument, frames, notes or frames, {}, 0.0, precision, variant)
        metadata["training"] |= {
            "held_out_loss": round(loss, 4),
            "usable_seconds": round(shelf.survey.usable_s, 1),
            "held_out_seconds": round(shelf.material.held_out_s(), 1),
            "gain_db": round(20.0 * float(np.log10(shelf.survey.gain)), 2),
            "project": project.state["recordings"],
        }
        tensors = model_tensors(run, 0.0, precision)
        with tempfile.TemporaryDirectory(dir=project.folder) as folder:
            staged = Path(folder) / shelf.instrument.name / f"{variant}.safetensors"
            write_model(staged, tensors, metadata)
            write_room(staged.with_name("room.safetensors"), run, shelf.instrument)
            metadata["scores"], heard = prove(staged, Path(folder), shelf)
            keep_example(project, variant, heard)
        # Said before it is done: whoever is killed in between knows its own files again.
        project.state["made"] = sorted({*project.state["made"], variant})
        project.save()
        shelf.folder.mkdir(parents=True, exist_ok=True)
        room = shelf.folder / "room.safetensors"
        if not run.rooms_frozen or not room.exists():
            write_room(room, run, shelf.instrument)
        write_model(shelf.folder / f"{variant}.safetensors", tensors, metadata)
        project.state["published"][variant] = {"loss": loss, "step": run.step, "minutes": round(run.minutes, 1), "scores": metadata["scores"]}
        project.save()
        made.append(variant)
    return made


def prove(model: Path, folder: Path, shelf: Shelf) -> tuple[dict, np.ndarray]:
    """Scores of a model file as `retort render` plays the held-out passages, and its sound at 32 kHz.

    The definitions are those of `metrics`, but for the pitch, which is measured by `retort features` here. Raises where `retort` cannot play it.
    """
    wanted = example(shelf.held_out)
    source, output = folder / "held-out.wav", folder / "played.wav"
    soundfile.write(source, wanted, SAMPLE_RATE_HZ, subtype="FLOAT")
    lowest = shelf.instrument.lowest_pitch_hz
    play(shelf.retort, source, output, folder, f"{model.parent.name}/{model.stem}", 0, lowest, ["--match", "none", "--room", "1"])
    heard, rate_hz = soundfile.read(output, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ or not np.isfinite(heard).all():
        raise OwnError(f"{model.stem}: what retort plays is no sound; this is a fault of the program")
    heard = heard[: len(wanted)]
    soundfile.write(output, heard, SAMPLE_RATE_HZ, subtype="FLOAT")
    # Not into the project's cache: every model plays otherwise.
    frames = [measure(path, shelf.retort, folder / "cache", lowest) for path in (source, output)]
    low = [soxr.resample(x, SAMPLE_RATE_HZ, metrics.RATE_HZ, quality="HQ") for x in (wanted, heard)]
    scores = {"multi_scale_loss": metrics.multi_scale_loss(*low)} | compared(*frames)
    return {name: round(float(value), 4) for name, value in scores.items()}, heard


def example(held_out: list[Tape]) -> np.ndarray:
    """Some seconds of the held-out passages, one after the other."""
    silence = np.zeros(round(_SILENCE_S * SAMPLE_RATE_HZ), np.float32)
    parts = [part for tape in shortened(held_out, _SCORED_S) for part in (tape.audio, silence)]
    return np.concatenate(parts or [held_out[0].audio])


def compared(wanted: Features, heard: Features) -> dict:
    """Pitch and loudness of a rendering beside those of the recording."""
    n = min(len(wanted), len(heard))
    wanted, heard = wanted[:n], heard[:n]
    sounds = wanted.loudness_db > metrics.LOUDNESS_COUNTED_DB
    difference = (np.maximum(heard.loudness_db, LOUDNESS_FLOOR_DB) - wanted.loudness_db)[sounds]
    both = sounds & (wanted.voicing >= VOICED) & (heard.voicing >= VOICED)
    cents = np.abs(1200.0 * np.log2(heard.f0_hz[both] / wanted.f0_hz[both]))
    return {
        "f0_cents": np.median(cents) if both.any() else 1200.0,
        "loudness_error_db": np.abs(difference).mean() if len(difference) else 0.0,
        "loudness_bias_db": difference.mean() if len(difference) else 0.0,
    }


def keep_example(project: Project, variant: str, heard: np.ndarray) -> None:
    """A sound at 32 kHz to listen to while training goes on."""
    folder = project.folder / "examples"
    folder.mkdir(exist_ok=True)
    part = folder / f"{variant}.part"
    soundfile.write(part, heard, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
    os.replace(part, folder / f"{variant}.wav")
