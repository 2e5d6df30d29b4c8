"""One training job from recordings to checkpoints: gathers the material, begins or goes on with a run, trains it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import FRAME_RATE_HZ, begin, split
from .batch import FINISHED, Item
from .crops import Crops
from .instruments import INSTRUMENTS, Instrument
from .tapes import Copy, Tape, copies, load_tapes, more_copies, shortened
from .teacher import teach
from .train import PLANS, Budget, Run, held_out_loss, plan_for, train

# The held-out material that is looked at while training; scores use all of it.
HELD_OUT_S = 40.0
# Of the plan, what a run may be told anew on going on.
MAY_CHANGE = {"loudness_weight", "blur", "treble_weight"}
# A blur (`Plan.blur`) of an octave would leave nothing of the pitch.
MOST_BLUR = 6.0


@dataclass
class Job:
    """A model to train. `rooms_from` and `teacher` are checkpoints or model files; `changes` replace fields of the variant's plan.
    `begin_with` is a model file whose weights and room a new run begins with.
    """

    instrument: str
    variant: str
    budget: Budget
    rooms_from: Path | None = None
    teacher: Path | None = None
    changes: dict = field(default_factory=dict)
    sources: list[str] | None = None
    begin_with: Path | None = None

    def folder(self, runs: Path) -> Path:
        """Where its checkpoints are: further seeds lie beside the first."""
        return Item(self.instrument, self.variant, self.changes.get("seed", 1)).folder(runs)


def train_job(
    job: Job, data: Path, runs: Path, measure: Callable, restart: bool = False, device: str = "cpu"
) -> Run:
    """Trains a job to the end of its budget, from its last checkpoint if there is one."""
    instrument = INSTRUMENTS[job.instrument]
    folder = job.folder(runs)
    checkpoint = folder / "last.pt"
    # Whatever becomes of it, it is not finished now.
    (folder / FINISHED).unlink(missing_ok=True)
    _check(job)
    begun = False
    rooms = begin.rooms_of(job.rooms_from, instrument.name, device, job.sources) if job.rooms_from else None
    if checkpoint.exists() and not restart:
        run = Run.load(checkpoint, rooms if rooms is not None and not _has_frozen_rooms(checkpoint) else None, device)
        for name in MAY_CHANGE & job.changes.keys():
            setattr(run.plan, name, job.changes[name])
        print(f"going on with {checkpoint} at step {run.step}", flush=True)
    elif job.begin_with:
        run, begun = begin.from_model(job.begin_with, instrument.name, job.variant, job.changes, device), True
    else:
        run = Run(replace(plan_for(job.variant, instrument), **job.changes), instrument.source_names(), rooms, device)
    teacher = _teacher(job, run)
    pieces = [p for p in split.read(instrument.name) if job.sources is None or p.source in job.sources]
    material = [p for p in pieces if p.part == split.TRAIN]
    tapes = training_tapes(instrument, material, data, measure)
    if teacher:
        teach(tapes, teacher)
    reference = instrument.sources[0].name
    asked = [p for p in pieces if p.part == split.HELD_OUT and p.source == reference]
    if not asked:
        raise ValueError(f"nothing of {reference}, the reference of {instrument.name}, is held out: it must be among the sources")
    held_out = load_tapes(asked, data, instrument, [Copy(instrument.lowest_pitch_hz)], measure, lines=False)
    held_out = shortened(held_out, HELD_OUT_S)
    # A resumed run must not draw the crops of its start again.
    crops = Crops(tapes, instrument.source_names(), run.plan.crop_segments(), instrument.weights(), seed=run.plan.seed * 1000 + run.step)
    print(
        f"{instrument.name}/{run.plan.variant}: {run.decoder.parameter_count()} parameters, "
        f"{sum(map(len, tapes)) / 60 / FRAME_RATE_HZ:.1f} minutes of tape to train on, "
        f"{sum(map(len, held_out)) / FRAME_RATE_HZ:.0f} s of {reference} held out",
        flush=True,
    )
    if begun:
        # A run that only loses by what it learns ends where it began.
        run.best = held_out_loss(run, held_out)
        folder.mkdir(parents=True, exist_ok=True)
        run.save(folder / "best.pt")
        print(f"{job.begin_with} itself: held out {run.best:.3f}", flush=True)
    train(run, crops, held_out, folder, job.budget)
    (folder / FINISHED).write_text(f"{run.step} steps, held out {run.best:.4f} at step {run.best_step}\n", encoding="utf-8")
    return run


def training_tapes(instrument: Instrument, material: list[split.Piece], data: Path, measure: Callable) -> list[Tape]:
    """The same for every variant and seed, so that they differ in nothing else."""
    tapes = load_tapes(material, data, instrument, copies(instrument), measure)
    if instrument.few_notes:
        notes = [p for p in material if p.kind == split.NOTE]
        tapes += load_tapes(notes, data, instrument, more_copies(instrument), measure, seed=1)
    return tapes


def _check(job: Job) -> None:
    """Raises `ValueError` for a job that contradicts itself."""
    if job.begin_with and job.rooms_from:
        raise ValueError(f"{job.begin_with} brings a room of its own: leave --rooms-from out")
    if not 0.0 <= job.changes.get("blur", 0.0) <= MOST_BLUR:
        raise ValueError(f"a blur of {job.changes['blur']:g} semitones: choose from 0 to {MOST_BLUR:g}")
    if not 0.0 <= job.changes.get("treble_weight", 1.0) <= 1.0:
        raise ValueError(f"a treble weight of {job.changes['treble_weight']:g}: choose from 0 to 1")
    usual, asked = PLANS[job.variant].taught_by, job.changes.get("taught_by")
    if usual and asked and asked != usual:
        raise ValueError(f"{job.variant} learns from a teacher's {usual}, and not from its {asked}")


def _teacher(job: Job, run: Run) -> Run | None:
    """Who teaches the run, if anybody. Raises `ValueError` where teacher and run do not fit."""
    way = run.plan.taught_by
    if job.changes.get("taught_by", way) != way:
        raise ValueError(f"{job.folder(Path())} was begun without a teacher: begin anew (--restart), or leave --taught-by out")
    if not way:
        if job.teacher:
            raise ValueError(f"{job.variant} would not listen to {job.teacher}: say with --taught-by what it is to learn from, audio or controls")
        return None
    if job.teacher is None:
        raise ValueError(f"{job.variant} learns from a teacher: name its checkpoint or model file with --teacher")
    teacher = begin.load(job.teacher, job.instrument)
    sizes = [(one.plan.n_harmonics, one.plan.n_noise_bands) for one in (run, teacher)]
    if way == "controls" and sizes[0] != sizes[1]:
        told = [f"{harmonics} harmonics and {bands} noise bands" for harmonics, bands in sizes]
        raise ValueError(f"{job.variant} has {told[0]}, and {job.teacher} {told[1]}: it can only be taught by audio")
    if teacher.rooms.sources != run.rooms.sources:
        raise ValueError(f"{job.teacher} is no {job.instrument}: its sources are {', '.join(teacher.rooms.sources)}")
    return teacher


def _has_frozen_rooms(checkpoint: Path) -> bool:
    return Run.load(checkpoint).rooms_frozen
