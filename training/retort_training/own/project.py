"""The work folder of one instrument: checkpoints, measured frames, and what was published, so that training can stop and go on at any time.

`project.json` is written as `durable` writes, like every other file that is needed again: whoever is killed at whatever moment loses the minutes since the
last checkpoint at most. Should it be damaged all the same, the checkpoints and the model files know enough to go on. A lock keeps two trainings of one
instrument apart; it goes with the process.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..durable import PART, flush_folder, write_text
from . import OwnError

# Checkpoints, frames and models of one instrument, with room to spare.
LEAST_FREE_BYTES = 400 << 20
LEAST_FREE_MODELS_BYTES = 40 << 20
_VERSION = 1
# What a state has to hold, and of which kind; and which kind its parts are of.
_KINDS = {"version": int, "name": str, "recordings": str, "rounds": dict, "begun": dict, "finished": list}
_KINDS |= {"published": dict, "made": list, "restarts": int, "replace": bool}
_PARTS = {"rounds": int, "begun": dict, "finished": str, "published": dict, "made": str}
_SCRATCH = "scratch-"
# Frames that are being measured are not left by somebody who was killed before they are so old.
_STALE_S = 600.0


def slug(name: str) -> str:
    """The instrument's part of the model id: `My cello` is `my-cello`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if not made:
        raise OwnError(f"{name!r} has no Latin letter or digit in it: choose a name that has, such as --name 'My cello'")
    if len(made) > 48:
        raise OwnError(f"{name!r} is too long a name: 48 letters at most")
    return made


def user_folder(name: str) -> Path:
    """`retort/<name>` where the system keeps a user's data: the same place that Retort itself looks in."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        named = os.environ.get("XDG_DATA_HOME", "")
        base = Path(named) if named.startswith("/") else home / ".local" / "share"
    return base / "retort" / name


def writable(folder: Path, what: str, free: int = 0) -> Path:
    """Makes `folder` and tries it; raises `OwnError` that says what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"retort")
        probe.unlink()
    except OSError as error:
        raise OwnError(f"{folder} cannot be written ({error.strerror or error}): it is where {what} go; choose another with an option, or free it") from error
    left = shutil.disk_usage(folder).free
    if left < free:
        raise OwnError(f"only {left >> 20} MB are free where {what} go ({folder}): {free >> 20} MB are needed")
    return folder


def _checked(text: str) -> dict:
    """The state in `text`; raises `ValueError` where it is none."""
    state = json.loads(text)
    if not isinstance(state, dict):
        raise ValueError("it holds no state")
    for name, kind in _KINDS.items():
        value = state.get(name, kind())
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        if not isinstance(value, kind) or not all(isinstance(part, _PARTS[name]) for part in parts):
            raise ValueError(f"'{name}' is none")
    numbers = [part.get(key) for name, key in (("begun", "minutes"), ("begun", "step"), ("begun", "loss"), ("published", "loss")) for part in state.get(name, {}).values()]
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("a number is missing")
    return state


class Project:
    """`state` is what `project.json` holds: `recordings` (their digest), how many `rounds` each variant has behind it, where the one that it is in was `begun`
    (`minutes`, `step` and the best `loss` then), the variants that are `finished`, those `published` with their held-out loss, and all that were ever
    `made`: files of these names are this training's own. It was begun anew `restarts` times, and may then `replace` what it has not beaten."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name, self.slug = Path(folder), name, slug(name)
        self.state = {"version": _VERSION, "name": name} | {key: kind() for key, kind in _KINDS.items() if key not in ("version", "name")}
        # What the person is to be told before anything else.
        self.notes: list[str] = []

    @property
    def training(self) -> str:
        """What the model files of this training are known by."""
        return self.state["recordings"] + (f".{self.state['restarts']}" if self.state["restarts"] else "")

    def read(self) -> None:
        """Takes up what is in the folder, if there is anything; raises `OwnError`."""
        path = self.folder / "project.json"
        if not path.exists():
            return
        try:
            self.state |= _checked(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise OwnError(f"{path} cannot be read ({error.strerror or error}): see to it that you may read it, then run the same command again") from error
        except ValueError as error:
            self._put_aside(path, error)
        if self.state["version"] > _VERSION:
            raise OwnError(f"{path} is of a newer Retort: use that one to go on, or choose another name with --name")

    def _put_aside(self, path: Path, error: ValueError) -> None:
        kept = path.with_name(path.name + ".damaged")
        path.replace(kept)
        marker = self.folder / "runs" / "training"
        if marker.exists():
            recordings, _, restarts = marker.read_text(encoding="utf-8", errors="replace").strip().partition(".")
            self.state |= {"recordings": recordings, "restarts": int(restarts) if restarts.isdecimal() else 0}
        self.notes.append(f"{path} was damaged ({error}) and is now {kept.name}. Checkpoints and models are still there, and training goes on from them.")

    def save(self) -> None:
        write_text(self.folder / "project.json", json.dumps(self.state, indent=1, ensure_ascii=False) + "\n")

    def run_folder(self, variant: str) -> Path:
        return self.folder / "runs" / variant

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @contextmanager
    def locked(self):
        """For as long as the block, or the process, lasts; raises `OwnError` where another one holds it."""
        with open(self.folder / "lock", "a+b") as lock:
            try:
                if sys.platform == "win32":
                    import msvcrt

                    msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise OwnError(f"'{self.name}' is being trained already, by another window perhaps: wait until it has ended, or stop it") from error
            self._tidy()
            yield

    def _tidy(self) -> None:
        """Removes what killed processes have left."""
        for folder in [*self.folder.glob(f"{_SCRATCH}*"), *self.folder.glob("tmp*")]:
            shutil.rmtree(folder, ignore_errors=True)
        for part in self.folder.rglob(f"*{PART}"):
            part.unlink()
        # Where frames once lay.
        for older in self.cache.glob("*.csv"):
            older.unlink()
        for part in self.cache.rglob("tmp*.csv"):
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for the length of the block."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=_SCRATCH) as folder:
            yield Path(folder)

    def take_recordings(self, digests: list[str]) -> Path | None:
        """Notes which recordings this is about. Where they are others than before, the runs so far are put aside: returns where to, until `judged`."""
        digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:20]
        before, runs = self.state["recordings"], self.folder / "runs"
        if before and before != digest and runs.exists():
            for older in self.folder.glob("runs-*"):
                shutil.rmtree(older, ignore_errors=True)
            self.state |= {"aside": f"runs-{before}", "rounds": {}, "begun": {}, "finished": []}
        self.state["recordings"] = digest
        self.save()
        if "aside" not in self.state:
            self._mark()
            return None
        # Whoever was killed between these two steps finds them here again.
        aside = self.folder / self.state["aside"]
        if runs.exists() and not aside.exists():
            runs.rename(aside)
            flush_folder(self.folder)
        self._mark()
        return aside

    def _mark(self) -> None:
        """The runs say of which recordings they are."""
        runs = self.folder / "runs"
        runs.mkdir(exist_ok=True)
        write_text(runs / "training", self.training + "\n")

    def judged(self) -> None:
        """What was published is measured by the recordings of now: those of before are of no use any more."""
        self.state.pop("aside", None)
        self.save()

    def begin_anew(self) -> None:
        """Forgets all runs; what is published stays until something new takes its place."""
        # Models of the time before are known by another number, and need not be beaten.
        self.state |= {"recordings": "", "rounds": {}, "begun": {}, "finished": [], "restarts": self.state["restarts"] + 1, "replace": True}
        self.judged()
        for folder in self.folder.glob("runs*"):
            shutil.rmtree(folder)

    def begin_variant_anew(self, variant: str) -> None:
        """Forgets the run of one variant."""
        for name in ("rounds", "begun"):
            self.state[name].pop(variant, None)
        self.state["finished"] = [other for other in self.state["finished"] if other != variant]
        self.save()
        shutil.rmtree(self.run_folder(variant), ignore_errors=True)
