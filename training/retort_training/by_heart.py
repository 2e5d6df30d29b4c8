"""What a decoder could do that knew the held-out recordings: a copy of a trained model that goes on learning on the very takes that are scored.

Such a model is worth nothing as an instrument. It tells a target that is missed for want of recordings or of training from one that pitch and
loudness alone do not reach: what even it misses depends on what the two curves do not say, or on what a decoder of its shape cannot make of them.
It plays through the room that ships, and is scored like any model.
"""

import math
from pathlib import Path

from . import FRAME_RATE_HZ, SAMPLE_RATE_HZ, evaluate, systems
from .crops import Crops
from .export import export_model, shipped_as
from .features import measure
from .hearing import resampled
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


def begin(checkpoint: Path, folder: Path) -> Run:
    """A run from `checkpoint` with its room as it is, or the one that was begun in `folder`."""
    if (folder / "last.pt").exists():
        return Run.load(folder / "last.pt")
    rooms = Run.load(checkpoint).averaged_rooms()
    run = Run.load(checkpoint, rooms)
    # A teacher has nothing to say here.
    run.plan.taught_by = ""
    run.step, run.minutes, run.best, run.best_step = 0, 0.0, math.inf, 0
    return run


def by_heart(args) -> None:
    """The `by-heart` command."""
    stage = evaluate.Stage(args.instrument, args)
    instrument = stage.instrument
    folder = args.runs / FOLDER / args.instrument / args.variant
    run = begin(args.checkpoint, folder)
    if run.plan.variant != args.variant:
        raise ValueError(f"{args.checkpoint} is a checkpoint of {run.plan.variant}, not of {args.variant}")
    tapes = scored_tapes(stage, args.cache)
    print(f"{args.instrument}/{args.variant}: {sum(map(len, tapes)) / FRAME_RATE_HZ:.0f} s to learn by heart", flush=True)
    crops = Crops(tapes, instrument.source_names(), run.plan.crop_segments(), instrument.weights(), seed=run.plan.seed * 1000 + run.step)
    train(run, crops, tapes, folder, Budget(args.steps))
    best = Run.load(folder / "best.pt")
    args.models, args.trim_db = folder / "models", 0.0
    variant, precision = shipped_as(args.variant)[0]
    export_model(best, args, variant, precision)
    path = args.models / args.instrument / f"{variant}.safetensors"
    system = systems.Model(path, args.shipped / args.instrument / f"{systems.ROOM}.safetensors", stage.retort, stage.lowest_pitch_hz)
    label = f"{FOLDER}/{args.variant}"
    figures, n_different = evaluate.score(system, stage, args.seeds, args.cache, label)
    key = {"system": system.fingerprint(), "takes": stage.fingerprint(), "scores": evaluate.VERSION}
    evaluate.write(evaluate.record_of(stage, system, key, figures, n_different), args.instrument, label)
