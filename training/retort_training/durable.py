"""Files that are whole or not there: written aside, on the disk before they are renamed, and the new name on the disk, too.

So whatever ends a program, or the machine that it runs on, leaves the file of before or the new one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What is written aside ends so; one that is found at the next start was left by whoever was killed.
PART = ".part"


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives the path to write to; what is there at the end of the block becomes `path`. An error in the block leaves `path` as it was."""
    path = Path(path)
    part = path.with_name(path.name + PART)
    try:
        yield part
        with open(part, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8."""
    with written(path) as part:
        part.write_text(text, encoding="utf-8")


def flush_folder(folder: Path) -> None:
    """Renamed and removed files of `folder` stay so. Windows has no such call, and needs none."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
