"""Trains a list of models: each in a process of its own, as many side by side as there are workers, in an order in which
every student finds its teacher and every model its instrument's room.

The room is learned with `reduced` and taken over by all the others; `full` teaches `reduced-ad` and `reduced-cd`. What is
needed and not yet trained is added to the list. A batch that was stopped goes on: what is finished is left alone, what
was begun resumes from its checkpoint.
"""

import csv
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .instruments import INSTRUMENTS

# Steps of each variant. The convolutional ones still gained a little when theirs were up.
STEPS = {"full": 2200, "reduced": 2400, "reduced-ad": 2000, "reduced-cd": 2400, "cnn": 2400, "cnn-tiny": 2800}
# CPU seconds per step on one core (measured, AVX-512 at some 3 GHz), for the estimate before a job has a pace of its own.
SECONDS_PER_STEP = {"full": 0.30, "reduced": 0.16, "reduced-ad": 0.24, "reduced-cd": 0.17, "cnn": 0.17, "cnn-tiny": 0.16}
ROOM_VARIANT, TEACHER_VARIANT = "reduced", "full"
TAUGHT = ("reduced-ad", "reduced-cd")
FINISHED = "finished"


@dataclass(frozen=True)
class Item:
    """One model of a list: `violin/reduced`, or `violin/reduced#2` for another seed."""

    instrument: str
    variant: str
    seed: int = 1

    @classmethod
    def parse(cls, text: str) -> "Item":
        name, _, seed = text.partition("#")
        instrument, _, variant = name.partition("/")
        if instrument not in INSTRUMENTS:
            raise ValueError(f"{text}: no instrument {instrument!r} (there are {', '.join(INSTRUMENTS)})")
        if variant not in STEPS:
            raise ValueError(f"{text}: no variant {variant!r} (there are {', '.join(STEPS)})")
        if seed and not seed.isdigit():
            raise ValueError(f"{text}: the seed must be a number")
        return cls(instrument, variant, int(seed or 1))

    def __str__(self) -> str:
        return f"{self.instrument}/{self.variant}" + (f"#{self.seed}" if self.seed > 1 else "")

    def folder(self, runs: Path) -> Path:
        return runs / self.instrument / (self.variant if self.seed == 1 else f"{self.variant}-seed{self.seed}")

    def needs(self) -> list["Item"]:
        """What must be finished before: its room, its teacher."""
        if self.variant == ROOM_VARIANT and self.seed == 1:
            return []
        first = [Item(self.instrument, ROOM_VARIANT)]
        return first + ([Item(self.instrument, TEACHER_VARIANT)] if self.variant in TAUGHT else [])


def with_needs(items: list[Item]) -> list[Item]:
    """The list without repetitions, everything after what it needs."""
    ordered: list[Item] = []

    def add(item: Item) -> None:
        for need in item.needs():
            add(need)
        if item not in ordered:
            ordered.append(item)

    for item in items:
        add(item)
    return ordered


def is_finished(item: Item, runs: Path) -> bool:
    return (item.folder(runs) / FINISHED).exists()


def steps_done(item: Item, runs: Path) -> int:
    """Steps of the last checkpoint, by its log."""
    log = item.folder(runs) / "log.csv"
    if not log.exists():
        return 0
    with open(log, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return int(rows[-1]["step"]) if rows else 0


def seconds_left(items: list[Item], runs: Path, steps: dict[str, int]) -> float:
    """CPU seconds of all that is not finished."""
    open_items = [i for i in items if not is_finished(i, runs)]
    return sum(max(steps[i.variant] - steps_done(i, runs), 0) * SECONDS_PER_STEP[i.variant] for i in open_items)


def command(item: Item, args, steps: dict[str, int]) -> list[str]:
    """The `train` command of one item."""
    words = [sys.executable, "-m", "retort_training", "train", "--instrument", item.instrument, "--variant", item.variant]
    words += ["--seed", str(item.seed), "--steps", str(steps[item.variant]), "--data", str(args.data)]
    words += ["--runs", str(args.runs), "--cache", str(args.cache), "--patience", str(args.patience)]
    words += ["--device", args.device]
    if args.retort:
        words += ["--retort", str(args.retort)]
    if item.needs():
        words += ["--rooms-from", str(Item(item.instrument, ROOM_VARIANT).folder(args.runs) / "best.pt")]
    if item.variant in TAUGHT:
        words += ["--teacher", str(Item(item.instrument, TEACHER_VARIANT).folder(args.runs) / "best.pt")]
    return words


def start(item: Item, args, steps: dict[str, int]) -> subprocess.Popen:
    folder = item.folder(args.runs)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output.txt", "a", encoding="utf-8") as output:
        return subprocess.Popen(command(item, args, steps), stdout=output, stderr=subprocess.STDOUT)


def last_line(item: Item, runs: Path) -> str:
    path = item.folder(runs) / "output.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else ""


def batch(args) -> None:
    """The `batch` command."""
    names = args.models
    if names == ["all"]:
        names = [f"{i}/{v}" for i in INSTRUMENTS for v in STEPS]
    steps = {v: max(1, round(n * args.scale)) for v, n in STEPS.items()}
    items = with_needs([Item.parse(name) for name in names])
    waiting = [i for i in items if not is_finished(i, args.runs)]
    estimate = seconds_left(items, args.runs, steps)
    print(
        f"{len(items)} models, {len(items) - len(waiting)} of them finished; about {estimate / 3600:.1f} CPU hours on "
        f"{args.workers} workers",
        flush=True,
    )
    # Ended from outside, it takes its trainings along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running: dict[Item, subprocess.Popen] = {}
    failed: list[Item] = []
    reported = time.monotonic()
    try:
        while waiting or running:
            for item, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[item]
                if process.returncode != 0:
                    failed.append(item)
                    print(f"{item} failed: {last_line(item, args.runs)}", flush=True)
                else:
                    print(f"{item} finished: {last_line(item, args.runs)}", flush=True)
            lost = [i for i in waiting if any(n in failed for n in i.needs())]
            for item in lost:
                waiting.remove(item)
                failed.append(item)
                print(f"{item} left out: what it needs failed", flush=True)
            ready = [i for i in waiting if all(is_finished(n, args.runs) for n in i.needs())]
            for item in ready[: max(0, args.workers - len(running))]:
                waiting.remove(item)
                running[item] = start(item, args, steps)
                print(f"{item} begins", flush=True)
            if time.monotonic() - reported >= args.report_every:
                reported = time.monotonic()
                left = seconds_left(items, args.runs, steps) / max(1, min(args.workers, len(running)))
                now = "; ".join(f"{i} {100 * steps_done(i, args.runs) // steps[i.variant]} %" for i in running)
                print(f"{now}; {len(waiting)} waiting, about {left / 60:.0f} minutes to go", flush=True)
            time.sleep(min(1.0, args.report_every))
    finally:
        # Checkpoints are kept: the next call goes on from them.
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    if failed:
        raise ValueError(f"{len(failed)} of {len(items)} models failed: {', '.join(map(str, failed))}")
