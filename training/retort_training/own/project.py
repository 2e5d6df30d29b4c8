"""The work folder of one instrument: checkpoints, measured frames, and what was published, so that training can stop and go on at any time.

`project.json` is written aside and renamed, like every other file here: whoever is killed at whatever moment loses the minutes since the last
checkpoint at most. A lock keeps two trainings of one instrument apart; it goes with the process.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import unicodedata
from contextlib import contextmanager
from pathlib import Path

from . import OwnError

# Checkpoints, frames and models of one instrument, with room to spare.
LEAST_FREE_BYTES = 400 << 20
LEAST_FREE_MODELS_BYTES = 40 << 20
_VERSION = 1


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


def write_text(path: Path, text: str) -> None:
    """Written aside and renamed."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


class Project:
    """`state` is what `project.json` holds: `recordings` (their digest), the variants that are `finished`, those `published` with their held-out loss,
    and all that were ever `made`: files of these names are this training's own."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name, self.slug = Path(folder), name, slug(name)
        path = self.folder / "project.json"
        self.state = {"version": _VERSION, "name": name, "recordings": "", "finished": [], "published": {}, "made": []}
        if path.exists():
            try:
                self.state |= json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise OwnError(f"{path} cannot be read ({error}): remove it to begin anew") from error
            if self.state["version"] > _VERSION:
                raise OwnError(f"{path} is of a newer Retort: use that one to go on")

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
            yield

    def take_recordings(self, digests: list[str]) -> Path | None:
        """Notes which recordings this is about. Where they are others than before, the runs so far are put aside: returns where to, until `judged`."""
        digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:20]
        before, runs = self.state["recordings"], self.folder / "runs"
        if before and before != digest and runs.exists():
            shutil.rmtree(self.folder / f"runs-{before}", ignore_errors=True)
            self.state |= {"aside": f"runs-{before}", "finished": []}
        self.state["recordings"] = digest
        self.save()
        if "aside" not in self.state:
            return None
        # Whoever was killed between these two steps finds them here again.
        aside = self.folder / self.state["aside"]
        if runs.exists() and not aside.exists():
            runs.rename(aside)
        return aside

    def judged(self) -> None:
        """What was published is measured by the recordings of now: those of before are of no use any more."""
        self.state.pop("aside", None)
        self.save()

    def begin_anew(self) -> None:
        """Forgets all runs; what is published stays until something new takes its place."""
        for folder in self.folder.glob("runs*"):
            shutil.rmtree(folder)
        self.state |= {"recordings": "", "finished": [], "published": {}}
        self.judged()
