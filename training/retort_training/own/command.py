"""The `own` command: from a folder of recordings to models in the user's folder, in as many sittings as wanted."""

import argparse
import errno
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from .. import FRAME_RATE_HZ
from ..features import FeatureError, retort_binary
from . import OwnError, evidence, page, stages
from .cache import Cache
from .interrupt import Interrupt, listening
from .progress import Progress
from .project import LEAST_FREE_BYTES, LEAST_FREE_MODELS_BYTES, Project, slug, user_folder, writable
from .shelf import model_files, training_of
from .sound import decode_all, find
from .survey import Survey, counted, duration, note_name, survey

# A sitting of a month is a mistake in typing.
_MOST_MINUTES = 43_200
# What a system says of a disk, a share of it or a file that has no room left.
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
# Less of a note in the plot is blank.
_LEAST_SHOWN_S = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of recordings (wav, flac, mp3, ogg …) of one instrument, one note at a time")
    parser.add_argument("--name", help="what the instrument is called (default: the folder's name)")
    parser.add_argument("--minutes", type=float, default=stages.DEFAULT_MINUTES, help="end this sitting after so many minutes (default: %(default)g); the same command goes on")
    parser.add_argument("--check", action="store_true", help="only look at the recordings and say what is in them")
    parser.add_argument("--anyway", action="store_true", help="train though the recordings look unsuitable")
    parser.add_argument("--restart", action="store_true", help="begin anew, and let the result take the place of what was made before")
    parser.add_argument("--only", nargs="+", choices=stages.VARIANTS, metavar="VARIANT", help=f"which models to make, of {', '.join(stages.VARIANTS)} (default: all that the recordings are enough for)")
    parser.add_argument("--author", default="", help="who plays, for the model's file")
    parser.add_argument("--licence", default="", help="under which licence the model may be passed on, if it may; kept in the model's file")
    parser.add_argument("--retort", help="the retort program (default: the one in PATH)")
    parser.add_argument("--models", type=Path, help="where models go (default: the user's folder, where Retort finds them)")
    parser.add_argument("--work", type=Path, help="where checkpoints go (default: the user's folder)")
    parser.add_argument("--device", default="auto", help="where PyTorch computes: auto (default), cpu or cuda; several processors by torchrun")
    # `retort train` has let this package tell it before.
    parser.add_argument("--told", action="store_true", help=argparse.SUPPRESS)
    # For tests: ends each variant after so many steps.
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)


def own(args) -> int:
    """The `own` command; returns the exit code. Raises `OwnError`, `FeatureError`, `OSError` or, for a signal, `KeyboardInterrupt`."""
    if not 0.0 < args.minutes <= _MOST_MINUTES:
        raise OwnError(f"--minutes {args.minutes:g}: a sitting lasts more than 0 and at most {_MOST_MINUTES} minutes, which is a month")
    try:
        with listening() as interrupt:
            return _own(args, interrupt)
    except soundfile.LibsndfileError as error:
        # Recordings that cannot be read were left out: what is left is a file that could not be written.
        raise OwnError(f"a sound could not be written: is the disk full? ({error})") from error
    except OSError as error:
        if error.errno in _FULL:
            raise OwnError(f"{error.filename or 'a file'} could not be written: is the disk full? ({error.strerror})") from error
        raise


def _own(args, interrupt: Interrupt) -> int:
    # Of several processes the first one speaks and writes.
    first = os.environ.get("RANK", "0") == "0"
    progress = Progress() if first else Progress(open(os.devnull, "w"))  # noqa: SIM115
    # A folder that is not there must not be given a work folder.
    find(args.folder)
    name = args.name or args.folder.resolve().name
    work = writable((args.work or user_folder("training") / "instruments") / slug(name), "checkpoints", LEAST_FREE_BYTES)
    models = writable(args.models or user_folder("models"), "models", LEAST_FREE_MODELS_BYTES)
    retort = retort_binary(args.retort)
    project = Project(work, name)
    if not first:
        return _for_project(args, project, models, retort, progress, interrupt, first)
    with project.locked():
        project.read()
        for note in project.notes:
            progress.say(note)
        if args.restart and not args.check:
            project.begin_anew()
        if not args.check:
            check_name(models / project.slug, project, listed(retort, models), args.restart)
        return _for_project(args, project, models, retort, progress, interrupt, first)


def _for_project(args, project: Project, models: Path, retort: str, progress: Progress, interrupt: Interrupt, first: bool) -> int:
    found = look(args.folder, project, retort, progress, first)
    if not args.told:
        tell(found, progress)
    seen = project.folder / "recordings.html"
    if first:
        page.write(seen, project, found, None)
    if args.check:
        progress.say(f"A plot of this: {seen}")
        return 1 if found.problems else 0
    if found.problems and not args.anyway:
        raise OwnError(f"{found.problems[0]} (--anyway trains nevertheless; more in {seen})")
    # PyTorch takes seconds to load: not before it is needed.
    from .sitting import Sitting

    return Sitting(args, project, found, models, retort, progress, interrupt).run()


def listed(retort: str, models: Path) -> list[dict]:
    """Every model that this `retort` finds."""
    done = subprocess.run([retort, "models", "--json"], capture_output=True, text=True, env=os.environ | {"RETORT_MODELS": str(models)})
    if done.returncode != 0:
        raise FeatureError(f"{retort} models: {done.stderr.strip() or done.returncode}")
    return json.loads(done.stdout)


def check_name(folder: Path, project: Project, models: list[dict], replace: bool) -> None:
    """Raises `OwnError` where the name belongs to another instrument: one that is shipped, or one that was made elsewhere."""
    for model in models:
        path = model.get("path")
        if model["instrument"] == project.slug and (path is None or Path(path).parent.resolve() != folder.resolve()):
            raise OwnError(f"there is an instrument '{project.slug}' already ({path or 'built in'}): choose another name with --name")
    own = project.state["made"]
    strangers = [path for variant, path in model_files(folder).items() if variant not in own and not _is_of(path, project)]
    if strangers and not replace:
        raise OwnError(
            f"{strangers[0]} is of another training, and is not overwritten: choose another name with --name, remove it with "
            f"'retort models remove {project.slug}', or say --restart to replace it"
        )


def _is_of(path: Path, project: Project) -> bool:
    """Whether the file itself says that it is of this training: the work folder may have lost its memory."""
    return bool(project.state["recordings"]) and training_of(path).get("training", {}).get("project") == project.training


def look(folder: Path, project: Project, retort: str, progress: Progress, first: bool = True) -> Survey:
    """Decodes and examines the recordings."""
    recordings, unusable = decode_all(folder, progress.counted("reading file"))
    cache = Cache(project.cache / "recordings", retort)
    with project.scratch() if first else tempfile.TemporaryDirectory() as scratch:
        found = survey(recordings, unusable, cache, Path(scratch), progress.counted("listening, pass"))
    if first:
        cache.tidy()
    return found


def tell(found: Survey, progress: Progress) -> None:
    """Says what was found."""
    say = progress.say
    say(f"{counted(len(found.examined), 'recording')}, {duration(found.total_s)}; {duration(found.usable_s)} of them usable: one note at a time, with a pitch.")
    for kind, text in evidence.REASONS.items():
        if (seconds := found.left_out_s(kind)) >= 0.5:
            say(f"  left out: {duration(seconds)} of {text}")
    for file in found.unusable:
        say(f"  left out: {file.name}: {file.reason}")
    for e in found.examined:
        for note in e.recording.notes:
            say(f"  {e.recording.name}: {note}")
    if len(found.midi):
        (low, high), (soft, loud) = found.pitch_range(), found.dynamics_db()
        say(f"Pitch {note_name(low)} to {note_name(high)}, loudness {soft:.0f} to {loud:.0f} dB, sound up to {found.bandwidth_hz() / 1000:.1f} kHz.")
        for line in coverage(found):
            say(f"  {line}")
    for text in found.problems + found.advice:
        say(f"- {text}")


def coverage(found: Survey) -> list[str]:
    """A plot for the terminal: a column for a semitone, darker for more seconds, rows from loud to soft."""
    low, high = (round(x) for x in found.pitch_range())
    if not 0 <= high - low < 100:
        return []
    numbers = np.round(found.midi).astype(int)
    lines = []
    for top in range(0, -60, -10):
        inside = (found.loudness_db <= top) & (found.loudness_db > top - 10)
        seconds = [float((inside & (numbers == n)).sum()) / FRAME_RATE_HZ for n in range(low, high + 1)]
        if max(seconds) >= _LEAST_SHOWN_S:
            marks = "".join(" " if s < _LEAST_SHOWN_S else "░" if s < 0.5 else "▒" if s < 2.0 else "▓" if s < 6.0 else "█" for s in seconds)
            lines.append(f"{top - 5:4d} dB |{marks}|")
    scale = "".join("C" if n % 12 == 0 else "." for n in range(low, high + 1))
    return [*lines, f"        |{scale}| {note_name(low)} to {note_name(high)}"]
