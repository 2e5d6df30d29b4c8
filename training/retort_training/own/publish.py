"""A checkpoint becomes a model that can be played: exported, rendered by the real `retort` on the held-out passages, scored, and only then put into place.

A file of the same name is replaced only by one that is better on the same passages. All models of an instrument belong to one room: where others than those
of this training are in place (other recordings were added, say), the first of this training that is better than all of them takes the place of all.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from .. import LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ, metrics
from ..durable import written
from ..export import describe, model_tensors, room_response, shipped_as, write_model, write_room
from ..features import VOICED, Features, measure, write_audio
from ..instruments import Instrument
from ..systems import play
from ..tapes import Tape, shortened
from ..train import Run
from . import OwnError
from .material import Material
from .project import Project
from .shelf import digest, in_place, of_another_room, room_digest, set_aside
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


def publish(run: Run, shelf: Shelf, project: Project, loss: float) -> list[str]:
    """Puts the model of `run`, whose held-out loss is `loss`, into place; returns the variants whose files are new. The room goes along as long as it
    is learned."""
    state, loss = project.state, round(loss, 4)
    room = digest(room_response(run, shelf.instrument).numpy().tobytes())
    strangers = of_another_room(shelf.folder, room, project.training, run.plan.variant)
    if not state["replace"] and not improves(state["published"], strangers, run.plan.variant, loss):
        return []
    made = {}
    for variant, precision in shipped_as(run.plan.variant):
        metadata = _metadata(run, shelf, project, loss, variant, precision)
        metadata["training"]["room"] = room
        tensors = model_tensors(run, 0.0, precision)
        with project.scratch() as folder:
            staged = folder / shelf.instrument.name / f"{variant}.safetensors"
            write_model(staged, tensors, metadata)
            write_room(staged.with_name("room.safetensors"), run, shelf.instrument)
            metadata["scores"], heard = prove(staged, folder, shelf)
        keep_example(project, variant, heard)
        made[variant] = (tensors, metadata)
    # Said before it is done: whoever is killed in between knows its own files again.
    state["made"] = sorted({*state["made"], *made})
    project.save()
    shelf.folder.mkdir(parents=True, exist_ok=True)
    if strangers:
        set_aside(shelf.folder, strangers, project.folder)
    if room_digest(shelf.folder) != room:
        write_room(shelf.folder / "room.safetensors", run, shelf.instrument)
    for variant, (tensors, metadata) in made.items():
        write_model(shelf.folder / f"{variant}.safetensors", tensors, metadata)
    state["published"], state["replace"] = in_place(shelf.folder, state["published"], state["made"], project.training), False
    project.save()
    return list(made)


def improves(published: dict[str, dict], strangers: list[str], variant: str, loss: float) -> bool:
    """Whether a model is better than the one it replaces, and than every one that has to make room for it. Where one of its files is missing, as good will do."""
    to_beat = [published[v]["loss"] for v in strangers if v in published and v != variant]
    names = [name for name, _ in shipped_as(variant)]
    own = [published[name]["loss"] for name in names if name in published]
    is_whole = len(own) == len(names) or variant in strangers
    return all(loss < other for other in to_beat) and all(loss < other or (loss == other and not is_whole) for other in own)


def _metadata(run: Run, shelf: Shelf, project: Project, loss: float, variant: str, precision: str) -> dict:
    frames = [c.frames for c in shelf.material.train]
    notes = [c.frames for c in shelf.material.train if c.note is not None]
    metadata = describe(run, shelf.instrument, frames, notes or frames, {}, 0.0, precision, variant)
    metadata["training"] |= {
        "held_out_loss": loss,
        "usable_seconds": round(shelf.survey.usable_s, 1),
        "held_out_seconds": round(shelf.material.held_out_s(), 1),
        "gain_db": round(20.0 * float(np.log10(shelf.survey.gain)), 2),
        "project": project.training,
    }
    return metadata


def prove(model: Path, folder: Path, shelf: Shelf) -> tuple[dict, np.ndarray]:
    """Scores of a model file as `retort render` plays the held-out passages, and its sound at 32 kHz.

    The definitions are those of `metrics`, but for the pitch, which is measured by `retort features` here. Raises where `retort` cannot play it.
    """
    wanted = example(shelf.held_out)
    source, output = folder / "held-out.wav", folder / "played.wav"
    write_audio(source, wanted)
    lowest = shelf.instrument.lowest_pitch_hz
    play(shelf.retort, source, output, folder, f"{model.parent.name}/{model.stem}", 0, lowest, ["--match", "none", "--room", "1"])
    heard, rate_hz = soundfile.read(output, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ or not np.isfinite(heard).all():
        raise OwnError(f"{model.stem}: what retort plays is no sound; this is a fault of the program")
    heard = heard[: len(wanted)]
    write_audio(output, heard)
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
    with written(folder / f"{variant}.wav") as part:
        soundfile.write(part, heard, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
