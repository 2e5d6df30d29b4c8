"""A list of models becomes an order of work that can be stopped and gone on with."""

import argparse
from pathlib import Path

import pytest

from retort_training import batch
from retort_training.batch import FINISHED, Item, with_needs


def test_a_student_comes_after_its_teacher_and_both_after_the_room():
    names = [str(i) for i in with_needs([Item.parse("flute/reduced-cd"), Item.parse("violin/cnn")])]
    assert names == ["flute/reduced", "flute/full", "flute/reduced-cd", "violin/reduced", "violin/cnn"]


def test_another_seed_stands_beside_the_first_and_shares_its_room():
    item = Item.parse("flute/reduced#2")
    assert item.folder(Path("runs")) == Path("runs/flute/reduced-seed2")
    assert item.needs() == [Item("flute", "reduced")]


@pytest.mark.parametrize("name", ["kazoo/full", "violin/huge", "violin/reduced#x", "violin"])
def test_a_name_that_does_not_exist_is_refused_with_what_there_is(name: str):
    with pytest.raises(ValueError, match="there are|must be a number"):
        Item.parse(name)


def arguments(runs: Path, *models: str) -> argparse.Namespace:
    return argparse.Namespace(
        models=list(models), runs=runs, workers=2, scale=1.0, patience=9, report_every=0.01, data=Path("d"), cache=Path("c"), retort=None
    )


def fake_training(monkeypatch, started: list[str], fails: tuple[str, ...] = ()) -> None:
    """In place of a training: a process that leaves what a finished one leaves."""
    import subprocess
    import sys

    def start(item, args, steps):
        started.append(str(item))
        folder = item.folder(args.runs)
        folder.mkdir(parents=True, exist_ok=True)
        code = "raise SystemExit(3)" if str(item) in fails else f"open({str(folder / FINISHED)!r}, 'w').write('done')"
        return subprocess.Popen([sys.executable, "-c", code])

    monkeypatch.setattr(batch, "start", start)


def test_a_batch_trains_everything_once_and_leaves_what_is_finished_alone(tmp_path: Path, monkeypatch, capsys):
    started: list[str] = []
    fake_training(monkeypatch, started)
    batch.batch(arguments(tmp_path, "flute/reduced-ad", "flute/cnn"))
    assert sorted(started) == ["flute/cnn", "flute/full", "flute/reduced", "flute/reduced-ad"]
    assert started[0] == "flute/reduced" and started.index("flute/full") < started.index("flute/reduced-ad")
    batch.batch(arguments(tmp_path, "flute/reduced-ad", "flute/cnn-tiny"))
    assert started[4:] == ["flute/cnn-tiny"]
    assert "3 of them finished" in capsys.readouterr().out


def test_what_needs_a_failed_model_is_left_out_and_named(tmp_path: Path, monkeypatch):
    started: list[str] = []
    fake_training(monkeypatch, started, fails=("flute/full",))
    with pytest.raises(ValueError, match="2 of 4 models failed: flute/full, flute/reduced-cd"):
        batch.batch(arguments(tmp_path, "flute/reduced-cd", "flute/cnn"))
    assert "flute/cnn" in started and "flute/reduced-cd" not in started


def test_steps_are_read_from_the_log(tmp_path: Path):
    item = Item("flute", "cnn")
    item.folder(tmp_path).mkdir(parents=True)
    (item.folder(tmp_path) / "log.csv").write_text("step,minutes\n250,1.0\n500,2.0\n")
    assert batch.steps_done(item, tmp_path) == 500
    left = batch.seconds_left([item], tmp_path, {"cnn": 1500})
    assert left == 1000 * batch.SECONDS_PER_STEP["cnn"]
