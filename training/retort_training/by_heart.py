"""What a copy of a trained model reaches that goes on learning on the very takes that are scored.

Such a model is worth nothing as an instrument, and what it reaches in some steps is neither a limit nor a promise: it may tell the takes apart by what a
musician would not. But it says where a missed target is to be looked for. If even such a copy hardly gets there, pitch and loudness say too little, or a decoder of
its shape makes too little of them; if it gets there easily, the shape is not what is in the way.
It learns in the room that ships, as it is, and is scored like any model.
"""

import hashlib
import math
from pathlib import Path

import numpy as np

from . import FRAME_RATE_HZ, SAMPLE_RATE_HZ, begin, evaluate, systems
from .crops import Crops
from .export import export_model, room_response, shipped_as
from .features import measure
from .hearing import resampled
from .instruments import Instrument
from .tapes import Copy, Tape, measured
from .train import Budget, Run, train

# Folder of their scores.
FOLDER = "by-heart"


def scored_tapes(stage: evaluate.Stage, cache: Path) -> list[Tape]:
    """The takes that are scored, as they are: no other pitch, level or setting."""
    instrument = stage.instrument
    listen = lambda path, lowest_pitch_hz: measure(path, stage.retort, cache, lowest_pitch_hz)  # noqa: E731
    copy = Copy(instrument.lowest_pitch_hz)
    return [
        measured(resampled(t.audio, t.rate_hz, SAMPLE_RATE_HZ), instrument.sources[0].name, t.bandwidth_hz, copy, listen) for t in stage.takes
    ]


def copy_of(checkpoint: Path, instrument: Instrument, variant: str, room: Path) -> Run:
    """A run from `checkpoint`, or from a model file, whose room must be the one that ships, in the file `room`. Raises `ValueError`."""
    if checkpoint.suffix == begin.SUFFIX:
        run = begin.from_model(checkpoint, instrument.name)
    else:
        run = Run.load(checkpoint, Run.load(checkpoint).averaged_rooms())
    if run.plan.variant != variant:
        raise ValueError(f"{checkpoint} is a {run.plan.variant}, not a {variant}")
    shipped = systems.room_response(room)
    if run.rooms.sources != instrument.source_names() or not np.array_equal(room_response(run, instrument).float().numpy(), shipped):
        raise ValueError(f"{checkpoint} does not play in {room}: name the checkpoint that the shipped {instrument.name}/{variant} was exported from, or one in its room")
    # A teacher has nothing to say here, pitch is told as it is, all bins count, and the room is heard as it is scored.
    run.plan.taught_by, run.plan.blur, run.plan.treble_weight, run.plan.room_stretch, run.rooms.stretch = "", 0.0, 1.0, 0.0, 0.0
    run.step, run.minutes, run.best, run.best_step = 0, 0.0, math.inf, 0
    run.earlier = (0, 0.0)
    return run


def by_heart(args) -> None:
    """The `by-heart` command."""
    stage = evaluate.Stage(args.instrument, args)
    instrument = stage.instrument
    room = args.shipped / args.instrument / f"{systems.ROOM}.safetensors"
    checkpoint = args.checkpoint or args.shipped / args.instrument / f"{args.variant}.safetensors"
    for path, what in ((checkpoint, "a checkpoint or a model file"), (room, "the room that ships")):
        if not path.exists():
            raise ValueError(f"{path} is not there: it should be {what}")
    # A copy of another checkpoint, or in another room, is another copy; scores that are written into a model file make no other of it.
    content = systems.content_hash(checkpoint) if checkpoint.suffix == begin.SUFFIX else checkpoint.read_bytes().hex()
    digest = hashlib.sha256(f"{content} {room.read_bytes().hex()}".encode()).hexdigest()[:20]
    folder = args.runs / FOLDER / args.instrument / f"{args.variant}-{digest}"
    run = copy_of(checkpoint, instrument, args.variant, room)
    if (folder / "last.pt").exists():
        run = Run.load(folder / "last.pt")
        print(f"going on with {folder / 'last.pt'} at step {run.step}", flush=True)
    tapes = scored_tapes(stage, args.cache)
    print(f"{args.instrument}/{args.variant}: {sum(map(len, tapes)) / FRAME_RATE_HZ:.0f} s to learn by heart", flush=True)
    crops = Crops(tapes, instrument.source_names(), run.plan.crop_segments(), instrument.weights(), seed=run.plan.seed * 1000 + run.step)
    train(run, crops, tapes, folder, Budget(args.steps))
    best = Run.load(folder / "best.pt")
    args.models, args.trim_db = folder / "models", 0.0
    variant, precision = shipped_as(args.variant)[0]
    export_model(best, args, variant, precision)
    path = args.models / args.instrument / f"{variant}.safetensors"
    system = systems.Model(path, room, stage.retort, stage.lowest_pitch_hz)
    label = f"{FOLDER}/{args.variant}"
    figures, n_different = evaluate.score(system, stage, args.seeds, args.cache, label)
    key = {"system": system.fingerprint(), "takes": stage.fingerprint(), "checkpoint": digest, "scores": evaluate.VERSION}
    evaluate.write(evaluate.record_of(stage, system, key, figures, n_different), args.instrument, label)
