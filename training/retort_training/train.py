"""The training loop: crops in, checkpoints out; stops when the time is up or the held-out loss has long stopped falling.

A run is a folder: `last.pt` (everything needed to go on), `best.pt` (the least held-out loss), `log.csv`.
The learning rate rises over 100 steps and falls along a cosine to 3 % at the end of the budget, which is in steps or in
minutes; a resumed run may be given another budget.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soxr
import torch

from . import BANDWIDTH_HZ, FRAME_RATE_HZ, HOP, LOUDNESS_FLOOR_DB, SAMPLE_RATE_HZ, cnn, distributed, durable, gru, metrics
from .crops import Batch, Crops
from .instruments import Instrument
from .loss import loudness_loss, multi_scale_loss
from .room import Rooms
from .synth import Controls, Synth
from .tapes import Tape

WARM_UP_STEPS = 100
LEAST_RATE = 0.03
CLIP_NORM = 3.0
ROOM_RATE = 0.15
OFFSET_RATE = 10.0


# Normalisation of a convolutional decoder keeps its statistics from this share of the budget on.
FREEZE_AT = 0.5
# Windows of the loss in training lie half as densely as in the score, at places of chance.
OVERLAP = 2
# Of the loudness that a decoder is told, for each semitone of blur.
BLUR_DB = 0.6


@dataclass
class Plan:
    """Everything that decides the outcome of a run beside the data.

    `hidden` is the width of a GRU decoder, `channels` that of a convolutional one: one of the two is 0. `taught_by` is how a
    student learns from a teacher: not at all, from its `audio` or from its `controls`. A crop begins with `history_s` that are
    decoded and not synthesised, for decoders that look back, and `pre_roll_s` that are not scored, for the room. `room_stretch`
    is the largest change of the room's length, as a ratio. `blur` is the standard deviation, in semitones, of how far off the pitch is that the decoder is told for a
    crop (and of its loudness, see `BLUR_DB`): it can hardly tell neighbouring notes apart then, and learns what they have in common. `treble_weight` (0 to 1) is what
    the spectral loss gives for what lies above 8 kHz, in a teacher's audio, too: where a decoder is too small for everything, less than 1 lets it choose.
    """

    variant: str
    hidden: int
    learning_rate: float
    voices: int
    crop_s: float
    pre_roll_s: float = 0.3
    n_harmonics: int = 80
    n_noise_bands: int = 65
    noise_fir_ms: float = 4.0
    loudness_weight: float = 1.0
    weight_decay: float = 0.01
    average: float = 0.995
    seed: int = 1
    channels: int = 0
    taught_by: str = ""
    history_s: float = 0.0
    room_stretch: float = 0.0
    blur: float = 0.0
    treble_weight: float = 1.0

    def crop_segments(self) -> int:
        """Segments of a whole crop."""
        return seconds_to_frames(self.history_s + self.pre_roll_s + self.crop_s)

    def decoder(self) -> torch.nn.Module:
        if self.channels:
            return cnn.Decoder(self.channels, self.n_harmonics, self.n_noise_bands)
        return gru.Decoder(self.hidden, self.n_harmonics, self.n_noise_bands)


def plan_for(variant: str, instrument: Instrument) -> Plan:
    """The plan of a variant for an instrument. The convolutional ones keep the published 60 harmonics."""
    plan = replace(PLANS[variant], room_stretch=instrument.room_stretch)
    return plan if plan.channels else replace(plan, n_harmonics=instrument.n_harmonics)


PLANS = {
    "full": Plan("full", hidden=512, learning_rate=7e-4, voices=4, crop_s=1.0),
    "reduced": Plan("reduced", hidden=16, learning_rate=2e-3, voices=6, crop_s=2.0),
    "reduced-ad": Plan("reduced-ad", hidden=16, learning_rate=2e-3, voices=6, crop_s=2.0, taught_by="audio"),
    "reduced-cd": Plan("reduced-cd", hidden=16, learning_rate=2e-3, voices=6, crop_s=2.0, taught_by="controls"),
    "cnn": Plan("cnn", 0, learning_rate=2e-3, voices=6, crop_s=2.0, history_s=0.8, n_harmonics=60, channels=128),
    "cnn-tiny": Plan("cnn-tiny", 0, learning_rate=6e-3, voices=6, crop_s=2.0, history_s=0.8, n_harmonics=60, channels=8),
}


def seconds_to_frames(seconds: float) -> int:
    return round(seconds * FRAME_RATE_HZ)


class DamagedCheckpoint(ValueError):
    """A file that is no checkpoint, or not a whole one."""


class Run:
    """A decoder with its rooms, their optimiser and their averaged weights (which are what is scored and exported).

    `earlier`: steps and minutes that the weights had learned for before this run began, where it began with a model file.
    """

    def __init__(self, plan: Plan, sources: list[str], frozen_rooms: dict | None = None, device: str = "cpu", keep_reference: bool = False):
        torch.manual_seed(plan.seed)
        self.plan, self.device = plan, device
        self.decoder = plan.decoder().to(device)
        self.rooms = Rooms(sources, stretch=plan.room_stretch, keep_reference=keep_reference).to(device)
        self.synth = Synth(plan.n_noise_bands, plan.noise_fir_ms)
        if frozen_rooms is not None:
            self.rooms.load_state_dict(frozen_rooms)
        self.rooms_frozen = frozen_rooms is not None
        self.rooms.requires_grad_(not self.rooms_frozen)
        rate = plan.learning_rate
        groups = [{"params": list(self.decoder.parameters()), "lr": rate, "weight_decay": plan.weight_decay}]
        if not self.rooms_frozen:
            groups.append({"params": [self.rooms.taps], "lr": rate * ROOM_RATE, "weight_decay": 0.0})
            groups.append({"params": [self.rooms.log_decay], "lr": rate, "weight_decay": 0.0})
            groups.append({"params": [self.rooms.offset_db], "lr": rate * OFFSET_RATE, "weight_decay": 0.0})
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        self.base_rates = [g["lr"] for g in groups]
        self.average = {k: v.clone() for k, v in self.weights().items()}
        self.step, self.minutes, self.best, self.best_step = 0, 0.0, math.inf, 0
        self.earlier = (0, 0.0)

    def weights(self) -> dict[str, torch.Tensor]:
        named = {f"decoder.{k}": v.detach() for k, v in self.decoder.named_parameters()}
        return named | {f"rooms.{k}": v.detach() for k, v in self.rooms.named_parameters()}

    def controls(self, f0_hz, loudness_db, source, pre_roll: int) -> Controls:
        """Controls of all frames; `source` `[voices]` says whose level the loudness is measured at."""
        told_hz, told_db = f0_hz, loudness_db + self.rooms.offsets_db()[source]
        # Scores and exports are of the exact decoder, and of what was heard; only training takes the short cut.
        learning = torch.is_grad_enabled()
        if learning and self.plan.blur:
            semitones, decibels = self.plan.blur * torch.randn(2, f0_hz.shape[1], device=f0_hz.device)
            told_hz, told_db = told_hz * 2.0 ** (semitones / 12.0), told_db + BLUR_DB * decibels
        return self.decoder.controls(told_hz, told_db.clamp_min(LOUDNESS_FLOOR_DB), pre_roll, exact=not learning, played_hz=f0_hz)

    def sound(self, controls: Controls, f0_hz, source, pre_roll: int, noise=None):
        """Wet audio `[voices, samples]` of the frames after the pre-roll."""
        if noise is None:
            noise = 2.0 * torch.rand(f0_hz.shape[1], (f0_hz.shape[0] - 1) * HOP, device=self.device) - 1.0
        return self.rooms(self.synth.play(controls, f0_hz, noise), source, keep_from=pre_roll * HOP)

    def render(self, f0_hz, loudness_db, source, pre_roll: int, noise=None):
        """`sound` of `controls`."""
        return self.sound(self.controls(f0_hz, loudness_db, source, pre_roll), f0_hz, source, pre_roll, noise)

    def train_step(self, crops: Crops, progress: float, rate: float = 1.0) -> float:
        """One update; `progress` is the share of the budget that is spent, `rate` that of the learning rate it begins with. Returns the spectral loss, as the plan weighs it."""
        fade = LEAST_RATE + (rate - LEAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
        scale = fade * min(1.0, (self.step + 1) / WARM_UP_STEPS)
        for group, base in zip(self.optimiser.param_groups, self.base_rates):
            group["lr"] = base * scale
        if progress >= FREEZE_AT and self.plan.channels:
            self.decoder.freeze()
        batch = crops.draw(self.plan.voices).to(self.device)
        pre_roll = seconds_to_frames(self.plan.pre_roll_s)
        history = seconds_to_frames(self.plan.history_s)
        played = self.controls(batch.f0_hz, batch.loudness_db, batch.source, pre_roll)
        played, batch = tuple(part[history:] for part in played), batch.without(history)
        heard = self.sound(played, batch.f0_hz, batch.source, pre_roll)
        wanted = batch.audio[:, pre_roll * HOP :].contiguous()
        loss = self.distance(heard, wanted, batch.bandwidth_hz)
        total = loss + self.plan.loudness_weight * loudness_loss(heard, wanted)
        if self.plan.taught_by:
            total = self.with_teacher(total, played, heard, batch, pre_roll)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        trained = [p for g in self.optimiser.param_groups for p in g["params"]]
        distributed.average_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        self.optimiser.step()
        self.step += 1
        # A young average would remember the start: it lengthens with the run.
        keep = min(self.plan.average, self.step / (self.step + 10.0))
        weights = self.weights()
        torch._foreach_lerp_([self.average[name] for name in weights], list(weights.values()), 1.0 - keep)
        return float(loss.detach())

    def distance(self, heard, wanted, bandwidth_hz):
        """The spectral loss at places of chance."""
        return multi_scale_loss(heard, wanted, bandwidth_hz, OVERLAP, float(torch.rand(())), self.plan.treble_weight)

    def with_teacher(self, reconstruction, played: Controls, heard, batch: Batch, pre_roll: int):
        """The distillation losses of "Distilling DDSP": half the reconstruction, and the teacher's audio or controls."""
        if batch.taught is None:
            raise ValueError(f"{self.plan.variant} learns from a teacher, but the tapes carry no controls of one")
        if self.plan.taught_by == "audio":
            with torch.no_grad():
                example = self.sound(batch.taught, batch.f0_hz, batch.source, pre_roll)
            # The teacher has no bandwidth of its own to be masked.
            whole = torch.full_like(batch.bandwidth_hz, BANDWIDTH_HZ)
            return 0.5 * reconstruction + 0.5 * self.distance(heard, example, whole)
        late = [(mine[pre_roll:], theirs[pre_roll:]) for mine, theirs in zip(played, batch.taught)]
        return 0.5 * reconstruction + sum((mine - theirs).abs().mean() for mine, theirs in late)

    def averaged_rooms(self) -> dict[str, torch.Tensor]:
        """The rooms' state with averaged weights, to be frozen in another run."""
        return {name.removeprefix("rooms."): value for name, value in self.average.items() if name.startswith("rooms.")}

    def with_average(self):
        """A copy-free swap: within the block the averaged weights are in place."""
        return _Swapped(self)

    def save(self, path: Path) -> None:
        state = {
            "plan": asdict(self.plan),
            "sources": self.rooms.sources,
            "decoder": self.decoder.state_dict(),
            "rooms": self.rooms.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "rooms_frozen": self.rooms_frozen,
            "keep_reference": self.rooms.keep_reference,
            "earlier": list(self.earlier),
            "progress": [self.step, self.minutes, self.best, self.best_step],
        }
        try:
            with durable.written(path) as part:
                torch.save(state, part)
        except (OSError, RuntimeError) as error:
            # PyTorch hides a full disk in an error of its own.
            raise OSError(f"{path} could not be written: is the disk full? ({error})") from error

    @classmethod
    def load(cls, path: Path, other_rooms: dict | None = None, device: str = "cpu") -> "Run":
        """A checkpoint to go on with; with `other_rooms` these take the place of its own and are frozen. Raises `DamagedCheckpoint`."""
        try:
            return cls._load(path, other_rooms, device)
        except (OSError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            # Half a file or a foreign one fails in ever another way.
            raise DamagedCheckpoint(f"{path} is damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__})") from error

    @classmethod
    def _load(cls, path: Path, other_rooms: dict | None, device: str) -> "Run":
        state = torch.load(path, weights_only=True, map_location=device)
        if other_rooms is not None and not state["rooms_frozen"]:
            # The optimiser keeps what it knows of the decoder, its first group.
            state["rooms_frozen"] = True
            known = state["optimiser"]
            known["param_groups"] = known["param_groups"][:1]
            decoder = set(known["param_groups"][0]["params"])
            known["state"] = {index: moments for index, moments in known["state"].items() if index in decoder}
        if other_rooms is not None:
            state["rooms"] = other_rooms
            state["average"] |= {f"rooms.{name}": value.clone() for name, value in other_rooms.items()}
            state["progress"][2:] = [math.inf, state["progress"][0]]
        rooms = state["rooms"] if state["rooms_frozen"] else None
        # Checkpoints from before there were model files to begin with say nothing of these.
        run = cls(Plan(**state["plan"]), state["sources"], rooms, device, state.get("keep_reference", False))
        run.earlier = tuple(state.get("earlier", (0, 0.0)))
        run.decoder.load_state_dict(state["decoder"])
        run.rooms.load_state_dict(state["rooms"])
        run.average = state["average"]
        run.optimiser.load_state_dict(state["optimiser"])
        run.step, run.minutes, run.best, run.best_step = state["progress"]
        return run


class _Swapped:
    def __init__(self, run: Run):
        self.run = run

    def _exchange(self):
        for name, value in self.run.weights().items():
            kept = value.clone()
            value.copy_(self.run.average[name])
            self.run.average[name].copy_(kept)

    def __enter__(self):
        self._exchange()

    def __exit__(self, *_):
        self._exchange()


def held_out_loss(run: Run, tapes: list[Tape]) -> float:
    """The multi-scale loss at 16 kHz, as it is reported, over whole held-out takes with the averaged weights.

    Each take starts from silence, so its first half second is not scored.
    """
    skip = metrics.RATE_HZ // 2
    generator = torch.Generator().manual_seed(0)
    losses, lengths = [], []
    with torch.no_grad(), run.with_average():
        for tape in tapes:
            f0 = torch.from_numpy(tape.features.f0_hz)[:, None].to(run.device)
            loudness = torch.from_numpy(tape.features.loudness_db)[:, None].to(run.device)
            source = torch.tensor([run.rooms.sources.index(tape.source)], device=run.device)
            noise = (2.0 * torch.rand(1, len(tape) * HOP, generator=generator) - 1.0).to(run.device)
            heard = run.render(f0, loudness, source, 0, noise)[0].cpu().numpy()
            both = [soxr.resample(x, SAMPLE_RATE_HZ, metrics.RATE_HZ, quality="HQ") for x in (tape.audio, heard)]
            losses.append(metrics.multi_scale_loss(both[0][skip:], both[1][skip:]))
            lengths.append(len(tape))
    return float(np.average(losses, weights=lengths))


@dataclass
class Budget:
    """A run ends after `steps` or `minutes`, whichever comes first, or `patience` steps after its best.

    A later round of a run counts its minutes and its patience from where it began, and may begin with a share of the learning rate.
    """

    steps: int = 10**9
    minutes: float = 10**9
    patience: int = 10**9
    check_every: int = 250
    from_minutes: float = 0.0
    from_step: int = 0
    rate: float = 1.0

    def progress(self, run: Run) -> float:
        """The share that is spent."""
        return max(run.step / self.steps, (run.minutes - self.from_minutes) / (self.minutes - self.from_minutes))

    def is_patient(self, run: Run) -> bool:
        return run.step - max(run.best_step, self.from_step) < self.patience


class Watch:
    """Who looks on while a run trains; this one prints a line at each check."""

    def stepped(self, run: Run, progress: float) -> bool:
        """After every step; `progress` is the share of the budget that is spent. True asks for an end: the run is saved first."""
        return False

    def checked(self, run: Run, loss: float, training_loss: float, minutes_left: float) -> None:
        """After every look at the held-out passages; checkpoints are written."""
        print(
            f"{run.plan.variant}: step {run.step}, {run.minutes:.1f} min, training {training_loss:.3f}, "
            f"held out {loss:.3f} (best {run.best:.3f} at {run.best_step}), "
            f"{max(minutes_left, 0.0):.0f} min to go",
            flush=True,
        )


class Stopped(Exception):
    """The watch asked for an end before the budget was spent; the run is saved."""


def train(
    run: Run,
    crops: Crops,
    held_out: list[Tape],
    folder: Path,
    budget: Budget,
    watch: Watch | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Trains until the budget is spent; writes the run's folder. `clock` gives the seconds that minutes are counted in.

    With several processes the first one keeps the time, looks at the held-out passages and writes. Raises `Stopped`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watch = watch or Watch()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    log = folder / "log.csv"
    if distributed.is_first() and (run.step == 0 or not log.exists()):
        log.write_text("step,minutes,training_loss,held_out_loss,learning_rate\n", encoding="utf-8")
    recent: list[float] = []
    before, started = run.minutes, clock()
    first_step = run.step
    stop = False
    while True:
        run.minutes = distributed.agreed(before + (clock() - started) / 60.0, run.device)
        progress = budget.progress(run)
        finished = progress >= 1.0 or not budget.is_patient(run)
        if run.step > first_step and (finished or run.step % budget.check_every == 0):
            if distributed.is_first():
                _check(run, held_out, folder, recent, budget, (run.minutes - before) / max(run.step - first_step, 1), watch)
            # Patience counts from the best, which the first one alone has found.
            run.best = distributed.agreed(run.best, run.device)
            run.best_step = int(distributed.agreed(run.best_step, run.device))
            recent.clear()
        elif stop and distributed.is_first():
            run.save(folder / "last.pt")
        if finished:
            return
        if stop:
            raise Stopped
        loss = run.train_step(crops, progress, budget.rate)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {run.step}: the checkpoint before is in {folder}")
        recent.append(loss)
        stop = bool(distributed.agreed(float(watch.stepped(run, progress)), run.device))


def _check(run: Run, held_out: list[Tape], folder: Path, recent: list[float], budget: Budget, pace: float, watch: Watch) -> None:
    """Looks at the held-out passages and writes checkpoints; `pace` is in minutes a step."""
    loss = held_out_loss(run, held_out)
    training = float(np.mean(recent)) if recent else math.nan
    rate = run.optimiser.param_groups[0]["lr"]
    if loss < run.best:
        run.best, run.best_step = loss, run.step
        run.save(folder / "best.pt")
    run.save(folder / "last.pt")
    with (folder / "log.csv").open("a", encoding="utf-8") as file:
        file.write(f"{run.step},{run.minutes:.2f},{training:.4f},{loss:.4f},{rate:.2e}\n")
    watch.checked(run, loss, training, min(budget.minutes - run.minutes, (budget.steps - run.step) * pace))
