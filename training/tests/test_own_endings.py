"""Whatever ends it (a signal, a kill, the power, a full disk, damage), the same command goes on, and nothing is lost or half there."""

import errno
import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from own_place import files, needs_retort, recordings, trained, unfinished, words  # noqa: F401
from own_sounds import melody, write
from retort_training import durable
from retort_training.__main__ import main
from retort_training.export import read_model, write_model
from retort_training.own import cache, sitting, stages
from retort_training.own.project import Project
from retort_training.own.shelf import model_files, room_digest, training_of
from retort_training.train import DamagedCheckpoint, Run

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@pytest.fixture(autouse=True)
def heard():
    """Signals as a terminal's programs have them: what a shell starts in the background ignores some."""
    ends = {number: signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL for number in SIGNALS}
    before = {number: signal.signal(number, handler) for number, handler in ends.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A copy of the small training that has something to do again."""
    shutil.copytree(trained, tmp_path / "again")
    unfinished(tmp_path / "again" / "work" / "my-reed" / "project.json")
    return tmp_path / "again"


def work(place: Path) -> Path:
    return place / "work" / "my-reed"


def shelf(place: Path) -> Path:
    return place / "models" / "my-reed"


def state(place: Path) -> dict:
    return json.loads((work(place) / "project.json").read_text(encoding="utf-8"))


def whole(place: Path) -> None:
    """Everything that is there can be read, and no model stands in another room than its own."""
    for checkpoint in work(place).glob("runs*/*/*.pt"):
        Run.load(checkpoint)
    for path in model_files(shelf(place)).values():
        read_model(path)
        assert training_of(path)["training"]["room"] == room_digest(shelf(place))
    state(place)


def tidied(place: Path) -> None:
    assert not [f for f in files(place) if f.endswith(".part") or "scratch-" in f]
    assert not list(work(place).glob("scratch-*"))


# Signals.


@needs_retort
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_in_training_keeps_every_step_and_the_next_call_goes_on(place: Path, recordings: Path, monkeypatch, capsys, number):  # noqa: F811
    step = Run.train_step

    def signalled(run, *args):
        if run.step == 15:
            os.kill(os.getpid(), number)
        return step(run, *args)

    monkeypatch.setattr(Run, "train_step", signalled)
    before = signal.getsignal(number)
    assert main(words(recordings, place, "--only", "reduced", "--steps", "4000")) == 130
    assert "goes on from here" in capsys.readouterr().out
    assert signal.getsignal(number) == before, "whoever calls it has its own handlers back"
    assert Run.load(work(place) / "runs" / "reduced" / "last.pt").step == 16
    monkeypatch.undo()
    assert main(words(recordings, place, "--only", "reduced", "--steps", "18")) == 0
    assert Run.load(work(place) / "runs" / "reduced" / "last.pt").step == 18


@needs_retort
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_in_the_look_ends_it_at_once_and_leaves_nothing(tmp_path, recordings: Path, monkeypatch, number):  # noqa: F811
    look = cache.Cache.__call__

    def signalled(self, path, lowest_pitch_hz):
        assert path.exists() and list(work(tmp_path).glob("scratch-*"))
        os.kill(os.getpid(), number)
        return look(self, path, lowest_pitch_hz)

    monkeypatch.setattr(cache.Cache, "__call__", signalled)
    assert main(words(recordings, tmp_path)) == 130
    tidied(tmp_path)


@needs_retort
def test_a_sitting_whose_time_is_up_publishes_the_best_so_far(tmp_path, recordings: Path, monkeypatch, capsys):  # noqa: F811
    seconds = itertools.count()
    monkeypatch.setattr(sitting, "processor_s", lambda: float(next(seconds)))
    monkeypatch.setattr(stages, "CHECK_EVERY_STEPS", 4)
    assert main(words(recordings, tmp_path, "--minutes", "0.5")) == 0
    said = capsys.readouterr().out
    assert "my-reed/reduced can be played" in said and "There is more to gain" in said
    best = Run.load(work(tmp_path) / "runs" / "reduced" / "best.pt")
    assert 0 < best.step < 30 and "reduced" not in state(tmp_path)["rounds"], "in the middle of its first round"
    assert training_of(shelf(tmp_path) / "reduced.safetensors")["training"]["held_out_loss"] == round(best.best, 4)


# Killed.


def killed(act: Callable[[], object]) -> None:
    """Runs `act` in a process of its own, which has to be killed while it is at it."""
    child = os.fork()
    if child == 0:
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "it came to its end alive"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@needs_retort
@needs_fork
@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("runs/reduced/best.pt", "half"),
        ("runs/reduced/last.pt", "before"),
        ("models/my-reed/room.safetensors", "half"),
        ("models/my-reed/room.safetensors", "after"),
        ("models/my-reed/reduced.safetensors", "half"),
        ("models/my-reed/reduced.safetensors", "after"),
        ("project.json", "half"),
        ("report.html", "before"),
    ],
)
def test_killed_while_it_writes_it_goes_on_and_never_leaves_half_a_file(place: Path, recordings: Path, name: str, moment: str):  # noqa: F811
    """Half of the file is written, or all of it but its name, or the name is new and nothing else: of a new training that takes the place of an older one."""
    model = shelf(place) / "reduced.safetensors"
    before, replace = model.read_bytes(), os.replace

    def dying(source, target):
        # What is tried out before it goes to its place has the same name elsewhere.
        if not str(target).endswith(name) or "scratch-" in str(target):
            return replace(source, target)
        if moment == "half":
            os.truncate(source, os.path.getsize(source) // 2)
        if moment == "after":
            replace(source, target)
        return die()

    def act():
        os.replace = dying
        main(words(recordings, place, "--only", "reduced", "--restart", "--steps", "5"))

    killed(act)
    whole(place)
    kept = [model, *work(place).glob("before-*/reduced.safetensors")]
    assert any(path.exists() and path.read_bytes() == before for path in kept), "the older one is in its place, or laid aside"
    assert main(words(recordings, place, "--only", "reduced", "--steps", "6")) == 0
    assert files(shelf(place)) == ["reduced.safetensors", "report.html", "room.safetensors"]
    whole(place)
    tidied(place)


@needs_retort
@needs_fork
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["reduced.safetensors", "room.safetensors"])
def test_killed_while_older_models_are_laid_aside_it_loses_none_of_them_and_not_their_room(place: Path, recordings: Path, name: str, moment: str):  # noqa: F811
    before = {path.name: path.read_bytes() for path in shelf(place).glob("*.safetensors")}
    unlink = Path.unlink

    def dying(path, *args, **options):
        if path != shelf(place) / name:
            return unlink(path, *args, **options)
        if moment == "after":
            unlink(path)
        return die()

    def act():
        Path.unlink = dying
        main(words(recordings, place, "--only", "reduced", "--restart", "--steps", "5"))

    killed(act)
    laid_aside(place, before)
    assert (shelf(place) / "room.safetensors").exists() or not model_files(shelf(place)), "the room goes last"
    assert main(words(recordings, place, "--only", "reduced", "--steps", "6")) == 0
    laid_aside(place, before)
    assert files(shelf(place)) == ["reduced.safetensors", "report.html", "room.safetensors"]
    assert (shelf(place) / "reduced.safetensors").read_bytes() != before["reduced.safetensors"]
    whole(place)
    tidied(place)


def laid_aside(place: Path, before: dict[str, bytes]) -> None:
    (aside,) = work(place).glob("before-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == before


@needs_retort
@needs_fork
def test_what_a_kill_in_the_look_leaves_is_tidied_by_the_next_one(tmp_path, recordings: Path):  # noqa: F811
    def act():
        cache.Cache.__call__ = lambda *_: die()
        main(words(recordings, tmp_path, "--check"))

    killed(act)
    assert list(work(tmp_path).glob("scratch-*/measured.wav"))
    main(words(recordings, tmp_path, "--check"))
    tidied(tmp_path)


def test_killed_between_a_model_and_its_note_it_knows_its_own_file_again(place: Path, recordings: Path):  # noqa: F811
    path = work(place) / "project.json"
    path.write_text(json.dumps(state(place) | {"published": {}, "made": []}))
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert "reduced" in state(place)["published"]


# Damaged.


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None], ids=["empty", "foreign", "half"])
@pytest.mark.parametrize("names", [["last.pt"], ["best.pt"], ["last.pt", "best.pt"]], ids=["last", "best", "both"])
def test_a_damaged_checkpoint_is_named_and_the_rest_goes_on(place: Path, recordings: Path, capsys, names, damage):  # noqa: F811
    run = work(place) / "runs" / "reduced"
    model = (shelf(place) / "reduced.safetensors").read_bytes()
    for name in names:
        data = (run / name).read_bytes()
        (run / name).write_bytes(data[: len(data) // 2] if damage is None else damage)
        with pytest.raises(DamagedCheckpoint, match=name):
            Run.load(run / name)
    assert main(words(recordings, place, "--only", "reduced", "--steps", "2" if len(names) == 2 else "14")) == 0
    assert "damaged" in capsys.readouterr().out
    assert Run.load(run / "last.pt").step == (2 if len(names) == 2 else 14)
    if len(names) == 2:
        assert (shelf(place) / "reduced.safetensors").read_bytes() == model, "two steps are no better than twelve"
    whole(place)


@pytest.mark.parametrize("text", ["[1]", '{"version": "x"}', "", "{", '{"version": 1, "published": {"reduced": 3}}', '{"version": 1, "begun": {"reduced": {}}}', '{"version": 1, "finished": {}}'])
def test_a_damaged_project_is_laid_aside_and_everything_else_is_used(place: Path, recordings: Path, capsys, text):  # noqa: F811
    path = work(place) / "project.json"
    path.write_text(text)
    model = (shelf(place) / "reduced.safetensors").read_bytes()
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert "was damaged" in capsys.readouterr().out
    assert (work(place) / "project.json.damaged").read_text() == text
    assert Run.load(work(place) / "runs" / "reduced" / "last.pt").step == 12, "not begun anew"
    assert (shelf(place) / "reduced.safetensors").read_bytes() == model and "reduced" in state(place)["published"]


def test_a_project_of_a_newer_retort_is_left_alone(place: Path, recordings: Path, capsys):  # noqa: F811
    path = work(place) / "project.json"
    path.write_text(json.dumps(state(place) | {"version": 99}))
    before = path.read_bytes()
    assert main(words(recordings, place)) == 1
    assert "newer Retort" in capsys.readouterr().err and path.read_bytes() == before


def test_half_a_line_in_a_log_does_not_matter(place: Path, recordings: Path):  # noqa: F811
    log = work(place) / "runs" / "reduced" / "log.csv"
    log.write_text(log.read_text() + "13,0.")
    assert main(words(recordings, place, "--only", "reduced", "--steps", "14")) == 0


# A full disk.


@needs_retort
@pytest.mark.skipif(sys.platform == "win32", reason="files are limited otherwise there")
def test_a_disk_that_fills_up_ends_with_a_message_and_loses_nothing(place: Path, recordings: Path, capsys):  # noqa: F811
    """A limit on the size of files stands for the full disk."""
    import resource

    run = work(place) / "runs" / "reduced"
    before = (run / "last.pt").read_bytes()
    limit = len(before) // 2
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        assert main(words(recordings, place, "--only", "reduced", "--steps", "15")) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "is the disk full" in capsys.readouterr().err
    assert (run / "last.pt").read_bytes() == before
    assert not list(run.glob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="files are limited otherwise there")
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(trained: Path, tmp_path):  # noqa: F811
    import resource

    kept = shutil.copy(trained / "work" / "my-reed" / "runs" / "reduced" / "last.pt", tmp_path / "last.pt")
    run = Run.load(kept)
    run.step = 99
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="disk full"):
            run.save(kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert Run.load(kept).step == 12 and not list(tmp_path.glob("*.part"))


@needs_retort
def test_a_permission_that_is_lost_in_training_is_named_and_the_last_checkpoint_stays(place: Path, recordings: Path, monkeypatch, capsys):  # noqa: F811
    run = work(place) / "runs" / "reduced"
    before, step, writing = (run / "last.pt").read_bytes(), Run.train_step, durable.written

    @contextmanager
    def refused(path):
        with writing(path) as part:
            yield part
            raise PermissionError(errno.EACCES, "Permission denied", str(part))

    def stepped(*args):
        monkeypatch.setattr(durable, "written", refused)
        return step(*args)

    monkeypatch.setattr(Run, "train_step", stepped)
    assert main(words(recordings, place, "--only", "reduced", "--steps", "15")) == 1
    said = capsys.readouterr().err
    assert str(run) in said and "Permission denied" in said
    assert (run / "last.pt").read_bytes() == before
    tidied(place)


@needs_retort
def test_a_loss_that_is_no_number_ends_with_a_message_and_the_checkpoint_before(place: Path, recordings: Path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr(Run, "train_step", lambda *_: float("nan"))
    run = work(place) / "runs" / "reduced"
    before = (run / "last.pt").read_bytes()
    assert main(words(recordings, place, "--only", "reduced", "--steps", "15")) == 1
    said = capsys.readouterr().err
    assert said.strip().splitlines()[-1].startswith("error: the loss is nan at step 12") and str(run) in said
    assert (run / "last.pt").read_bytes() == before


# Models that come and go.


def test_models_that_were_removed_are_published_again(place: Path, recordings: Path, capsys):  # noqa: F811
    model = (shelf(place) / "reduced.safetensors").read_bytes()
    shutil.rmtree(shelf(place))
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert "my-reed/reduced can be played" in capsys.readouterr().out
    assert (shelf(place) / "reduced.safetensors").read_bytes() == model and (shelf(place) / "report.html").exists()


def test_a_report_that_was_removed_is_written_again(place: Path, recordings: Path):  # noqa: F811
    (shelf(place) / "report.html").unlink()
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert "data:audio" in (shelf(place) / "report.html").read_text(encoding="utf-8")


def test_a_room_that_was_removed_comes_back_with_its_models(place: Path, recordings: Path):  # noqa: F811
    room = (shelf(place) / "room.safetensors").read_bytes()
    (shelf(place) / "room.safetensors").unlink()
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert (shelf(place) / "room.safetensors").read_bytes() == room
    whole(place)


@pytest.mark.parametrize("old_loss", [1.0, 99.0], ids=["better", "worse"])
def test_models_of_another_room_make_way_together_or_not_at_all(place: Path, recordings: Path, tmp_path, monkeypatch, old_loss):  # noqa: F811
    """A second size stands for those that a long training has left; `old_loss` is what the first has with the recordings of now."""
    monkeypatch.setattr(sitting, "held_out_loss", lambda *_: old_loss)
    tensors, metadata = read_model(shelf(place) / "reduced.safetensors")
    metadata["training"]["held_out_loss"] += 5.0
    write_model(shelf(place) / "cnn-tiny.safetensors", tensors, metadata | {"id": "my-reed/cnn-tiny", "variant": "cnn-tiny"})
    before = {path.name: path.read_bytes() for path in shelf(place).glob("*.safetensors")}
    more = tmp_path / "more"
    shutil.copytree(recordings, more)
    write(more / "new.wav", melody([50, 52, 53, 55, 57]))
    assert main(words(more, place, "--only", "reduced", "--steps", "3")) == 0
    now = {path.name: path.read_bytes() for path in shelf(place).glob("*.safetensors")}
    whole(place)
    if old_loss < 2.0:
        assert now == before, "not even the room is new"
    else:
        assert sorted(now) == ["reduced.safetensors", "room.safetensors"] and now["room.safetensors"] != before["room.safetensors"]
        (aside,) = work(place).glob("before-*")
        assert {path.name: path.read_bytes() for path in aside.iterdir()} == before, "nothing is lost"


def test_begun_anew_it_takes_the_place_of_what_was_made_before_though_it_is_worse(place: Path, recordings: Path):  # noqa: F811
    assert main(words(recordings, place, "--only", "reduced", "--restart", "--steps", "2")) == 0
    assert training_of(shelf(place) / "reduced.safetensors")["training"]["steps"] == 2
    whole(place)


def test_runs_that_were_put_aside_are_found_again_by_whoever_was_killed_in_between(tmp_path):
    (tmp_path / "runs" / "reduced").mkdir(parents=True)
    first = Project(tmp_path, "My reed")
    assert first.take_recordings(["a"]) is None
    renamed = Path.rename
    try:
        Path.rename = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            first.take_recordings(["b"])
    finally:
        Path.rename = renamed
    again = Project(tmp_path, "My reed")
    again.read()
    aside = again.take_recordings(["b"])
    assert (aside / "reduced").is_dir() and not (tmp_path / "runs" / "reduced").exists()
    again.judged()
    last = Project(tmp_path, "My reed")
    last.read()
    assert last.take_recordings(["b"]) is None
