"""One sitting of training: goes through the agenda, publishes what is better than before, and can be stopped at any step."""

import os
import signal
import time
from pathlib import Path

from .. import distributed
from ..crops import Crops
from ..features import measure
from ..instruments import Instrument, Source
from ..tapes import shortened
from ..teacher import teach
from ..train import Budget, Run, Stopped, Watch, held_out_loss, plan_for, train
from . import page, stages
from .material import SOURCE, clips_of, held_out_tapes, split, training_tapes
from .progress import Progress, remaining
from .project import Project
from .publish import Shelf, example, keep_example, publish, tidy
from .stages import Stage
from .survey import Survey

EXIT_STOPPED = 130
_HELD_OUT_S = 40.0
# A model that is still getting better is put into the list so often, in seconds of training.
_PUBLISH_EVERY_S = 120.0
_HIGHEST_HARMONIC_HZ = 15_000.0
_HARMONICS = (40, 128)
# Few recordings hold few pitches, and a room that answers to just these would make all others softer.
_ROOM_STRETCH = 0.03
_NOT_CLEARED = "not stated: made from somebody's own recordings"


def instrument_of(project: Project, found: Survey, author: str, licence: str) -> Instrument:
    """What `instruments` says of the shipped ones, for this one. Whoever made the recordings decides about them: unless a licence is named, nothing may
    be passed on."""
    recording = f"{len(found.examined)} recordings of '{project.name}'"
    source = Source(SOURCE, recording, author or "not stated", licence or _NOT_CLEARED, private=not licence)
    low_hz = 440.0 * 2.0 ** ((found.pitch_range()[0] - 69.0) / 12.0)
    n_harmonics = min(max(round(_HIGHEST_HARMONIC_HZ / low_hz), _HARMONICS[0]), _HARMONICS[1])
    return Instrument(project.slug, (source,), licence or _NOT_CLEARED, found.lowest_pitch_hz, n_harmonics, room_stretch=_ROOM_STRETCH)


def processor_s() -> float:
    """Seconds of a processor that this process has had, and those that it has waited for."""
    had = os.times()
    return had.user + had.system + had.children_user + had.children_system


class Interrupt:
    """Ctrl-C, or an end from outside, asks for a stop at the next step; a second one stops at once. Checkpoints are whole in either case."""

    def __init__(self):
        self.asked = False
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._ask)

    def _ask(self, _number, _frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class Sitting:
    """Everything that one call of the command needs; `run` returns its exit code."""

    def __init__(self, args, project: Project, found: Survey, models: Path, retort: str, progress: Progress):
        self.args, self.project, self.found, self.progress = args, project, found, progress
        # From here on, so that whatever is asked for before the first step is heard.
        self.interrupt = Interrupt()
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
        if aside:
            self._measure_old(aside)
        self.spent = self._spent()
        self.waiting = stages.agenda(self.spent, set(self.project.state["finished"]), self.args.only)
        try:
            while self.waiting and not distributed.agreed(float(self.should_stop()), self.device):
                self._train(self.waiting[0])
                self.waiting.pop(0)
                self.waiting = [s for s in self.waiting if s.variant not in self.project.state["finished"]]
        except Stopped:
            pass
        finally:
            distributed.leave()
        if distributed.is_first():
            self._farewell()
        return EXIT_STOPPED if self.interrupt.asked else 0

    def _take_recordings(self) -> Path | None:
        if not distributed.is_first():
            distributed.wait()
            return None
        aside = self.project.take_recordings([e.recording.digest for e in self.found.examined])
        tidy(self.models / self.project.slug)
        distributed.wait()
        return aside

    def _prepare(self) -> None:
        self.progress.show(0.0, "making tapes")
        get = lambda path, lowest_pitch_hz: measure(path, self.retort, self.project.cache, lowest_pitch_hz)  # noqa: E731
        self.tapes = training_tapes(self.material, self.instrument, get)
        self.held_out = shortened(held_out_tapes(self.material, self.instrument, get), _HELD_OUT_S)
        if distributed.is_first():
            keep_example(self.project, "recording", example(self.held_out))
        self.shelf = Shelf(self.models, self.retort, self.instrument, self.found, self.material, self.held_out)

    def _measure_old(self, aside: Path) -> None:
        """Other recordings than before: what was published is judged by the new ones, so that only better models take its place."""
        for variant, made in self.project.state["published"].items():
            checkpoint = aside / variant.removesuffix("-q") / "best.pt"
            if checkpoint.exists():
                made["loss"] = held_out_loss(Run.load(checkpoint), self.held_out)
        self.project.judged()
        self.progress.say("The recordings have changed: training begins anew, and takes the place of the models that are there once it is better.")

    def _spent(self) -> dict[str, float]:
        runs = {v: self.project.run_folder(v) / "last.pt" for v in stages.FIRST_ROUND}
        return {v: Run.load(path).minutes for v, path in runs.items() if path.exists()}

    def _rooms(self, variant: str, is_new: bool):
        """The rooms that a run takes over: those of the first variant, once another one has been trained in them."""
        first = self.project.run_folder(stages.FIRST) / "best.pt"
        if variant == stages.FIRST:
            shared = any((self.project.run_folder(v) / "last.pt").exists() for v in stages.FIRST_ROUND if v != stages.FIRST)
            return Run.load(first).averaged_rooms() if shared and not is_new else None
        return Run.load(first).averaged_rooms() if is_new else None

    def _train(self, stage: Stage) -> None:
        folder = self.project.run_folder(stage.variant)
        last = folder / "last.pt"
        rooms = self._rooms(stage.variant, not last.exists())
        if last.exists():
            run = Run.load(last, device=self.device)
            if rooms is not None and not run.rooms_frozen:
                best = run.best
                run = Run.load(last, rooms, self.device)
                # These are the rooms that the best one played in: it stays the one to beat.
                run.best = best
        else:
            run = Run(plan_for(stage.variant, self.instrument), [SOURCE], rooms, self.device)
        if run.plan.taught_by and self.tapes[0].taught is None:
            self.progress.show(0.0, "the teacher plays all tapes once")
            teach(self.tapes, self.project.run_folder(stages.TEACHER) / "best.pt")
        seed = run.plan.seed * 1000 + run.step + 7_919 * distributed.rank()
        crops = Crops(self.tapes, [SOURCE], run.plan.crop_segments(), {}, seed)
        budget = Budget(self.args.steps or 10**9, stage.minutes, stages.PATIENCE_STEPS, self._check_every())
        before = run.step
        train(run, crops, self.held_out, folder, budget, _Display(self, stage), self.clock)
        # Every process keeps the list; one writes it.
        if run.step - run.best_step >= stages.PATIENCE_STEPS or run.step == before or self.args.steps:
            self.project.state["finished"].append(stage.variant)
        if distributed.is_first():
            self.project.save()
            self._publish(stage.variant)
            self.progress.say(f"{stage.variant}: held-out loss {run.best:.2f} after {run.minutes:.0f} minutes and {run.step} steps.")
        self.spent[stage.variant] = run.minutes
        distributed.wait()

    def _check_every(self) -> int:
        return min(stages.CHECK_EVERY_STEPS, self.args.steps or 10**9)

    def _publish(self, variant: str) -> None:
        best = self.project.run_folder(variant) / "best.pt"
        if not best.exists():
            return
        run = Run.load(best)
        published = publish(run, self.shelf, self.project, run.best)
        if published:
            self._report()
        for made in published:
            scores = self.project.state["published"][made]["scores"]
            self.progress.say(
                f"{self.instrument.name}/{made} can be played: loss {scores['multi_scale_loss']:.2f}, pitch within {scores['f0_cents']:.0f} cents, "
                f"loudness within {scores['loudness_error_db']:.1f} dB. Listen: {self.project.folder / 'examples' / (made + '.wav')}"
            )

    def should_stop(self) -> bool:
        self.out_of_time = self.minutes() >= self.args.minutes
        return self.interrupt.asked or self.out_of_time

    def left(self, stage: Stage, minutes: float) -> float:
        """Minutes until this sitting ends, while `stage` has had `minutes`."""
        return min(self.args.minutes - self.minutes(), stages.minutes_to_go(self.waiting, self.spent | {stage.variant: minutes}))

    def _report(self) -> None:
        if self.project.state["published"]:
            page.write(self.shelf.folder / "report.html", self.project, self.found, example(self.held_out))

    def _farewell(self) -> None:
        say, made = self.progress.say, self.project.state["published"]
        if not made:
            say("Stopped before the first model was ready; the same command goes on from here.")
            return
        best = min(made, key=lambda v: made[v]["loss"])
        say(f"{self.minutes():.0f} minutes. '{self.project.name}' is in the lists of plugin and application; its best model is {self.instrument.name}/{best}.")
        say(f"Report: {self.shelf.folder / 'report.html'}")
        if self.waiting and not self.interrupt.asked:
            say("There is more to gain: the same command goes on from here.")
        elif not self.waiting:
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
