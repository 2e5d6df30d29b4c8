"""A made-up folder of recordings and a first small training of it, for the tests of one's own instrument."""

import json
import os
import shutil
from pathlib import Path

import pytest

from own_sounds import melody, write
from retort_training.__main__ import main

RETORT = shutil.which("retort")
# The project's own checks build a retort first and say so: there, a missing one is a fault and no reason to leave tests out.
MAY_SKIP = RETORT is None and "RETORT_REQUIRED" not in os.environ
needs_retort = pytest.mark.skipif(MAY_SKIP, reason="no retort in PATH")
PACKAGE = Path(__file__).resolve().parent.parent
SCALE = [57, 59, 60, 62, 64, 65, 67, 69]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for i, shift in enumerate((0, 5, 12)):
        write(folder / f"scale {i}.flac", melody([n + shift for n in SCALE]))
    return folder


def words(recordings: Path, place: Path, *more: str) -> list[str]:
    named = ["--name", "My reed", "--models", str(place / "models"), "--work", str(place / "work"), "--device", "cpu"]
    return ["own", str(recordings), *named, *more]


@pytest.fixture(scope="module")
def trained(recordings: Path, tmp_path_factory) -> Path:
    """The first model after twelve steps."""
    if MAY_SKIP:
        pytest.skip("no retort in PATH")
    place = tmp_path_factory.mktemp("trained")
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    return place


def unfinished(state: Path) -> None:
    """So that the same command has something to do again."""
    state.write_text(json.dumps(json.loads(state.read_text()) | {"finished": []}))


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
