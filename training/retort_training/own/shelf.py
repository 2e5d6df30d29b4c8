"""The instrument's folder among the user's models: what is in it, of which training and of which room.

A model was trained in a room and sounds right in no other. The folder has one room, and a model file says which one it belongs to
(`training.room`, a digest of the room's impulse response) and which recordings it was trained on (`training.project`). What is in the files counts, not what a
work folder remembers: files come and go by `retort models remove` and by hand.
"""

import hashlib
import json
import shutil
from pathlib import Path

from ..durable import PART, flush_folder, written

ROOM = "room"
_ENDING = ".safetensors"
_LONGEST_HEADER = 1 << 20
_DIGITS = 20


def model_files(folder: Path) -> dict[str, Path]:
    """Variants and their files."""
    return {path.stem: path for path in sorted(folder.glob(f"*{_ENDING}")) if path.stem != ROOM} if folder.is_dir() else {}


def training_of(path: Path) -> dict:
    """The `retort` metadata of a model file; empty where there is no such file, or not a whole one."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        last = max(value["data_offsets"][1] for name, value in header.items() if name != "__metadata__")
        metadata = json.loads(header["__metadata__"]["retort"])
        return metadata if path.stat().st_size == 8 + length + last and isinstance(metadata["training"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def room_digest(folder: Path) -> str:
    """Of the room that is in place; empty where there is none."""
    try:
        with open(folder / f"{ROOM}{_ENDING}", "rb") as file:
            file.seek(8 + int.from_bytes(file.read(8), "little"))
            return digest(file.read())
    except OSError:
        return ""


def digest(response: bytes) -> str:
    """Of an impulse response in f16."""
    return hashlib.sha256(response).hexdigest()[:_DIGITS]


def of_another_room(folder: Path, room: str, project: str, learning: str) -> list[str]:
    """Variants in place that do not belong to `room`. The variant `learning` learns the room of `project` and is followed by it; models of `project` from
    before rooms had a name are taken to belong."""
    found = []
    for variant, path in model_files(folder).items():
        training = training_of(path).get("training", {})
        own = training.get("project") == project
        if not (own and (variant == learning or "room" not in training)) and training.get("room") != room:
            found.append(variant)
    return found


def set_aside(folder: Path, variants: list[str], work: Path) -> None:
    """Moves models and their room out of the list into a folder of `work`, where they are kept until others are set aside.

    Copies come first, since models and work folder may lie on different disks, and nothing is removed before all of them are safe. The room goes last: without
    strangers beside it, whoever goes on after a kill writes a new one in its place.
    """
    to = work / f"before-{room_digest(folder)}"
    for older in work.glob("before-*"):
        if older != to:
            shutil.rmtree(older, ignore_errors=True)
    to.mkdir(parents=True, exist_ok=True)
    flush_folder(work)
    paths = [path for name in [*variants, ROOM] if (path := folder / f"{name}{_ENDING}").exists()]
    for path in paths:
        with written(to / path.name) as part:
            part.write_bytes(path.read_bytes())
    for path in paths:
        path.unlink()
    flush_folder(folder)


def tidy(folder: Path) -> None:
    """Removes what a killed process left half written."""
    for part in folder.glob(f"*{PART}") if folder.is_dir() else []:
        part.unlink()


def in_place(folder: Path, known: dict[str, dict], made: list[str], project: str) -> dict[str, dict]:
    """`published` as it really is. `known` is what the work folder remembers, and all it has to add is how older models do on other recordings than theirs.

    Of the models of `project`, which are those of the recordings of now, only the ones whose room is in place count: the others are to be published again.
    """
    room, found = room_digest(folder), {}
    for variant, path in model_files(folder).items():
        metadata = training_of(path)
        training = metadata.get("training", {})
        own = training.get("project") == project
        if "held_out_loss" not in training or "scores" not in metadata or not (own or variant in made) or not room or (own and training.get("room", room) != room):
            continue
        told = {
            "loss": training["held_out_loss"],
            "step": training.get("steps", 0),
            "minutes": training.get("minutes", 0.0),
            "scores": metadata["scores"],
            "project": training.get("project", ""),
        }
        if not own and variant in known and known[variant].get("project") == told["project"]:
            told["loss"] = known[variant]["loss"]
        found[variant] = told
    return found
