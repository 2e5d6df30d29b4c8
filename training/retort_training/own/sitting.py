"""One sitting of training: goes through the agenda, publishes what is better than before, and can be stopped at any step."""

import os
import time
from dataclasses import replace
from pathlib import Path

from .. import distributed
from ..crops import Crops
from ..export import shipped_as
from ..instruments import Instrument, Source
from ..tapes import shortened
from ..teacher import teach
from ..train import Budget, DamagedCheckpoint, Plan, Run, Stopped, Watch, held_out_loss, plan_for, train
from . import page, stages
from .cache import Cache
from .interrupt import Interrupt
from .material import SOURCE, clips_of, held_out_tapes, split, training_tapes
from .mend import mend
from .progress import Progress, remaining
from .project import Project
from .publish import Shelf, example, keep_example, publish
from .shelf import in_place, tidy
from .stages import Stage
from .survey import Survey, counted

EXIT_STOPPED = 130
_HELD_OUT_S = 40.0
# A model that is still getting better is put into the list so often, in seconds of training.
_PUBLISH_EVERY_S = 120.0
_HIGHEST_HARMONIC_HZ = 15_000.0
_HARMONICS = (40, 128)
_VOICES_ON_GPU = 4
# Few recordings hold few pitches, and a room that answers to just these would make all others softer.
_ROOM_STRETCH = 0.03
_NOT_CLEARED = "not stated: made from somebody's own recordings"


def instrument_of(project: Project, found: Survey, author: str, licence: str) -> Instrument:
    """What `instruments` says of the shipped ones, for this one. Whoever made the recordings decides about them: unless a licence is named, nothing may
    be passed on."""
    recording = f"{counted(len(found.examined), 'recording')} of '{project.name}'"
    source = Source(SOURCE, recording, author or "not stated", licence or _NOT_CLEARED, private=not licence)
    low_hz = 440.0 * 2.0 ** ((found.pitch_range()[0] - 69.0) / 12.0)
    n_harmonics = min(max(round(_HIGHEST_HARMONIC_HZ / low_hz), _HARMONICS[0]), _HARMONICS[1])
    return Instrument(project.slug, (source,), licence or _NOT_CLEARED, found.lowest_pitch_hz, n_harmonics, room_stretch=_ROOM_STRETCH)


def processor_s() -> float:
    """Seconds of a processor that this process has had, and those that it has waited for."""
    had = os.times()
    return had.user + had.system + had.children_user + had.children_system


class Sitting:
    """Everything that one call of the command needs; `run` returns its exit code."""

    def __init__(self, args, project: Project, found: Survey, models: Path, retort: str, progress: Progress, interrupt: Interrupt):
        self.args, self.project, self.found, self.progress = args, project, found, progress
        # From here on it is the next step that ends it.
        self.interrupt = interrupt
        interrupt.patient = True
        self.device = distributed.join(_device(args.device))
        # On a processor, its own time: a machine that is busy otherwise takes longer, and trains as well.
        self.clock = processor_s if self.device == "cpu" else time.monotonic
        self.started = self.clock()
        self.models, self.retort = models, retort
        self.instrument = instrument_of(project, found, args.author, args.licence)
        self.material = split(clips_of(found))
        self.waiting: list[Stage] = []
        self.out_of_time = False

    def minutes(self) -> float:
        """Of this sitting."""
        return (self.clock() - self.started) / 60.0

    def run(self) -> int:
        say = self.progress.say
        say(
            f"Training on {self.material.training_s() / 60.0:.1f} minutes; {self.material.held_out_s():.0f} seconds are kept apart, to judge by. "
            "Ctrl-C stops; the same command goes on."
        )
        aside = self._take_recordings()
        self._prepare()
        self._take_stock(aside)
        state = self.project.state
        plan = stages.schedule(self.material.training_s(), self.device != "cpu", self.args.only)
        self.waiting = stages.agenda(plan, state["rounds"], set(state["finished"]))
        try:
            while self.waiting and not distributed.agreed(float(self.should_stop()), self.device):
                self._train(self.waiting[0])
                self.waiting = stages.agenda(plan, state["rounds"], set(state["finished"]))
        except Stopped:
            # What has become better since the last time is not to wait for the next sitting.
            if distributed.is_first():
                self._publish(self.waiting[0].variant)
        finally:
            distributed.leave()
        if distributed.is_first():
            self._farewell()
        return EXIT_STOPPED if self.interrupt.asked else 0

    def _take_recordings(self) -> Path | None:
        if not distributed.is_first():
            return None
        aside = self.project.take_recordings([e.recording.digest for e in self.found.examined])
        tidy(self.models / self.project.slug)
        return aside

    def _prepare(self) -> None:
        self.progress.show(0.0, "making tapes")
        cache = Cache(self.project.cache / "tapes", self.retort)
        self.tapes = training_tapes(self.material, self.instrument, cache)
        self.held_out = shortened(held_out_tapes(self.material, self.instrument, cache), _HELD_OUT_S)
        self.shelf = Shelf(self.models, self.retort, self.instrument, self.found, self.material, self.held_out)
        if distributed.is_first():
            cache.tidy()
            keep_example(self.project, "recording", example(self.held_out))

    def _take_stock(self, aside: Path | None) -> None:
        """What is really there of checkpoints and models, whatever has happened since the last sitting; every process then knows it."""
        if distributed.is_first():
            state = self.project.state
            state["published"] = in_place(self.shelf.folder, state["published"], state["made"], self.project.training)
            if aside:
                self._measure_old(aside)
            mend(self.project, self.held_out, self.progress.say)
            self.project.save()
            for variant in self._missing():
                self._publish(variant)
            if not (self.shelf.folder / page.REPORT).exists():
                self._report()
        distributed.wait()
        if not distributed.is_first():
            self.project.read()

    def _measure_old(self, aside: Path) -> None:
        """Other recordings than before: what was published is judged by the new ones, so that only better models take its place."""
        for variant, made in self.project.state["published"].items():
            checkpoint = aside / variant.removesuffix("-q") / "best.pt"
            if checkpoint.exists():
                try:
                    made["loss"] = round(held_out_loss(Run.load(checkpoint), self.held_out), 4)
                except DamagedCheckpoint as error:
                    self.progress.say(f"{error}: {variant} keeps the loss that it had with the recordings of before.")
        self.project.judged()
        self.progress.say("The recordings have changed: training begins anew, and takes the place of the models that are there once it is better than all of them.")

    def _run(self, stage: Stage) -> Run:
        """The run to go on with, and in `begun` where its round began: a new one, the last checkpoint, or the best one where a later round begins."""
        variant, begun = stage.variant, self.project.state["begun"]
        last, best = (self.project.run_folder(variant) / name for name in ("last.pt", "best.pt"))
        if last.exists():
            run = self._load(last, stage)
            if stage.round > 1 and (variant not in begun or run.minutes <= begun[variant]["minutes"]):
                at = run.step, run.minutes
                run = self._load(best, stage)
                run.step, run.minutes = at
        else:
            rooms = self._others_rooms() if variant == stages.FIRST else self._rooms()
            run = Run(self._plan(variant), [SOURCE], rooms, self.device)
        if stage.round > 1:
            run.plan = replace(run.plan, average=1.0 - 1.0 / stages.AVERAGED_STEPS)
        if variant not in begun:
            begun[variant] = {"minutes": run.minutes, "step": run.step, "loss": run.best}
            if distributed.is_first():
                self.project.save()
        return run

    def _load(self, path: Path, stage: Stage) -> Run:
        """A checkpoint of the stage's variant. From its second round on, the first variant keeps its room."""
        run = Run.load(path, device=self.device)
        if stage.round > 1 and not run.rooms_frozen:
            best = run.best, run.best_step
            run = Run.load(path, self._rooms(), self.device)
            # These are the rooms that the best one played in: it stays the one to beat.
            run.best, run.best_step = best
        return run

    def _rooms(self) -> dict:
        """The rooms that the first variant has learned."""
        return Run.load(self.project.run_folder(stages.FIRST) / "best.pt").averaged_rooms()

    def _others_rooms(self) -> dict | None:
        """The rooms of the other variants, where there are some: the first one has lost its checkpoints, and comes back to where they are."""
        others = [self.project.run_folder(v) / "best.pt" for v in stages.VARIANTS if v != stages.FIRST]
        return next((Run.load(path).averaged_rooms() for path in others if path.exists()), None)

    def _plan(self, variant: str) -> Plan:
        plan = plan_for(variant, self.instrument)
        # There, more voices at once cost next to nothing.
        return plan if self.device == "cpu" else replace(plan, voices=_VOICES_ON_GPU * plan.voices)

    def _train(self, stage: Stage) -> None:
        run, state = self._run(stage), self.project.state
        if run.plan.taught_by and self.tapes[0].taught is None:
            self.progress.show(0.0, "the teacher plays all tapes once")
            teach(self.tapes, Run.load(self.project.run_folder(stages.TEACHER) / "best.pt"))
        seed = run.plan.seed * 1000 + run.step + 7_919 * distributed.rank()
        crops = Crops(self.tapes, [SOURCE], run.plan.crop_segments(), {}, seed)
        begun = state["begun"][stage.variant]
        end = begun["minutes"] + stage.minutes
        budget = Budget(self.args.steps or 10**9, end, stage.patience_steps, self._check_every(), begun["minutes"], begun["step"], stage.rate)
        train(run, crops, self.held_out, self.project.run_folder(stage.variant), budget, _Display(self, stage), self.clock)
        # Every process keeps the list; one writes it.
        state["rounds"][stage.variant] = stage.round
        state["begun"].pop(stage.variant)
        if self.args.steps or (stage.round > 1 and run.best >= begun["loss"]):
            state["finished"].append(stage.variant)
        if distributed.is_first():
            self.project.save()
            self._publish(stage.variant)
            self.progress.say(f"{stage.variant}: held-out loss {run.best:.2f} after {run.minutes:.0f} minutes and {run.step} steps.")
        distributed.wait()

    def _check_every(self) -> int:
        return min(stages.CHECK_EVERY_STEPS, self.args.steps or 10**9)

    def _publish(self, variant: str) -> None:
        """Puts the best of a variant into place if it is better than what is there, and then whatever else is missing."""
        if not self._put(variant):
            return
        for other in self._missing():
            self._put(other)
        self._report()

    def _missing(self) -> list[str]:
        """Variants of this training that are not in the list: somebody removed them, or they had to wait for a better one of theirs."""
        own = [made for made, told in self.project.state["published"].items() if told["project"] == self.project.training]
        return [v for v in stages.VARIANTS if not all(name in own for name, _ in shipped_as(v))]

    def _put(self, variant: str) -> list[str]:
        best = self.project.run_folder(variant) / "best.pt"
        if not best.exists():
            return []
        run = Run.load(best)
        published = publish(run, self.shelf, self.project, run.best)
        for made in published:
            scores = self.project.state["published"][made]["scores"]
            self.progress.say(
                f"{self.instrument.name}/{made} can be played: loss {scores['multi_scale_loss']:.2f}, pitch within {scores['f0_cents']:.0f} cents, "
                f"loudness within {scores['loudness_error_db']:.1f} dB. Listen: {self.project.folder / 'examples' / (made + '.wav')}"
            )
        return published

    def should_stop(self) -> bool:
        self.out_of_time = self.minutes() >= self.args.minutes
        return self.interrupt.asked or self.out_of_time

    def left(self, stage: Stage, minutes: float) -> float:
        """Minutes until this sitting ends, while the run of `stage` has had `minutes`."""
        begun = self.project.state["begun"][stage.variant]["minutes"]
        return min(self.args.minutes - self.minutes(), stages.minutes_to_go(self.waiting, minutes - begun))

    def _report(self) -> None:
        if self.project.state["published"]:
            page.write(self.shelf.folder / page.REPORT, self.project, self.found, example(self.held_out))

    def _farewell(self) -> None:
        say, state = self.progress.say, self.project.state
        # Somebody may have removed them in the meantime.
        made = in_place(self.shelf.folder, state["published"], state["made"], self.project.training)
        if not made:
            say("Stopped before the first model was ready; the same command goes on from here.")
            return
        best = min(made, key=lambda v: made[v]["loss"])
        say(f"{self.minutes():.0f} minutes. '{self.project.name}' is in the lists of plugin and application; its best model is {self.instrument.name}/{best}.")
        say(f"Report: {self.shelf.folder / 'report.html'}")
        if self.waiting:
            say("There is more to gain: the same command goes on from here.")
        else:
            say("Nothing gets better any more with these recordings: more of them would help.")


class _Display(Watch):
    """Draws the bar, publishes what gets better, and asks for an end when it is time."""

    def __init__(self, sitting: Sitting, stage: Stage):
        self.sitting, self.stage = sitting, stage
        self.published_at = sitting.clock()

    def stepped(self, run: Run, progress: float) -> bool:
        sitting = self.sitting
        known = f"held-out loss {run.best:.2f}" if run.best < 1e9 else f"step {run.step}"
        here = max(self.stage.minutes * (1.0 - progress), 0.0)
        text = f"{self.stage.variant}: {known}, {remaining(here)} for this, {remaining(sitting.left(self.stage, run.minutes))} in all"
        sitting.progress.show(progress, text)
        return sitting.should_stop()

    def checked(self, run: Run, loss: float, training_loss: float, minutes_left: float) -> None:
        if run.best_step == run.step and self.sitting.clock() - self.published_at >= _PUBLISH_EVERY_S:
            self.sitting._publish(self.stage.variant)
            self.published_at = self.sitting.clock()


def _device(asked: str) -> str:
    if asked != "auto":
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
