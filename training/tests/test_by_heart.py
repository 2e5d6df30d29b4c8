"""A model that learns the held-out takes by heart comes closer to them, and its scores lie apart."""

import json
from pathlib import Path

import pytest
from test_evaluate import args as args  # noqa: F401 (a fixture)

from retort_training import by_heart, evaluate, export
from retort_training.__main__ import main
from retort_training.instruments import INSTRUMENTS
from retort_training.train import Run, held_out_loss, plan_for


@pytest.fixture
def trained(args, tmp_path: Path, monkeypatch):
    """`args` of the command with the checkpoint of a run that has learned nothing yet."""
    from retort_training import hearing

    listen = lambda path, *_: hearing.measure(path)  # noqa: E731
    monkeypatch.setattr(by_heart, "measure", listen)
    monkeypatch.setattr(export, "measure", listen)
    instrument = INSTRUMENTS["violin"]
    run = Run(plan_for("reduced", instrument), instrument.source_names())
    args.checkpoint = tmp_path / "best.pt"
    run.best, run.best_step, run.step = 1.0, 7, 7
    run.plan.room_stretch = run.rooms.stretch = 0.03
    run.plan.blur, run.plan.treble_weight = 0.8, 0.25
    run.save(args.checkpoint)
    export.write_room(args.models / "violin" / "room.safetensors", run, instrument)
    vars(args).update(instrument="violin", variant="reduced", runs=tmp_path / "runs", shipped=args.models, steps=12)
    return args


def test_it_comes_closer_and_is_scored_apart(trained):
    shipped = (trained.models / "violin" / "reduced.safetensors").read_bytes()
    room = Run.load(trained.checkpoint).averaged_rooms()
    stage = evaluate.Stage("violin", trained)
    tapes = by_heart.scored_tapes(stage, trained.cache)
    assert len(tapes) == len(stage.takes) == 1 and len(tapes[0]) == 624
    before = held_out_loss(Run.load(trained.checkpoint), tapes)
    by_heart.by_heart(trained)
    (folder,) = trained.runs.glob("by-heart/violin/reduced-*")
    best = Run.load(folder / "best.pt")
    assert best.best < before - 0.1
    # It plays in the room that ships, and so learns in it as it is.
    assert best.plan.room_stretch == best.rooms.stretch == best.plan.blur == 0.0 and best.plan.treble_weight == 1.0
    assert all((best.averaged_rooms()[name] == value).all() for name, value in room.items())
    record = json.loads((evaluate.SCORES / "violin" / "by-heart" / "reduced.json").read_text())
    assert len(record["seeds"]) == 2 and record["held_out"][0]["start_s"] == 1.0
    assert [p.name for p in evaluate.SCORES.glob("violin/*.json")] == []
    assert (folder / "models" / "violin" / "reduced.safetensors").exists()
    assert (trained.shipped / "violin" / "reduced.safetensors").read_bytes() == shipped


def test_it_goes_on_where_it_stopped(trained, capsys):
    by_heart.by_heart(trained)
    trained.steps, trained.models = 14, trained.shipped
    by_heart.by_heart(trained)
    assert "at step 12" in capsys.readouterr().out
    (log,) = trained.runs.glob("by-heart/violin/*/log.csv")
    assert [row.split(",")[0] for row in log.read_text().splitlines()] == ["step", "12", "14"]


def test_a_copy_of_another_checkpoint_is_begun_anew(trained):
    by_heart.by_heart(trained)
    run = Run.load(trained.checkpoint)
    run.step = 8
    run.save(trained.checkpoint)
    trained.models = trained.shipped
    by_heart.by_heart(trained)
    assert len(list(trained.runs.glob("by-heart/violin/reduced-*/last.pt"))) == 2


def test_without_a_checkpoint_it_begins_with_the_model_that_ships(trained):
    run = Run.load(trained.checkpoint)
    stage = evaluate.Stage("violin", trained)
    frames = [tape.features for tape in by_heart.scored_tapes(stage, trained.cache)]
    metadata = export.describe(run, INSTRUMENTS["violin"], frames, frames, {name: 0.0 for name in run.rooms.sources})
    run.average["decoder.head.noise.bias"] += 0.25
    file = trained.models / "violin" / "reduced.safetensors"
    export.write_model(file, export.model_tensors(run), metadata)
    room = trained.models / "violin" / "room.safetensors"
    copy = by_heart.copy_of(file, INSTRUMENTS["violin"], "reduced", room)
    assert all(copy.average[k].equal(run.average[k]) for k in run.average if k == "decoder.head.noise.bias")
    trained.checkpoint = None
    by_heart.by_heart(trained)
    (log,) = trained.runs.glob("by-heart/violin/reduced-*/log.csv")
    assert log.read_text().splitlines()[-1].startswith("12,")
    # Scores in the file make no other model of it.
    export.write_model(file, export.model_tensors(run), metadata | {"scores": {"multi_scale_loss": 5.0}})
    trained.steps, trained.models = 13, trained.shipped
    by_heart.by_heart(trained)
    assert log.read_text().splitlines()[-1].startswith("13,")
    record = json.loads((evaluate.SCORES / "violin" / "by-heart" / "reduced.json").read_text())
    # Its own steps, not those of the model that it began with.
    assert record["steps"] == 13


def test_another_variants_checkpoint_is_refused(trained):
    trained.variant = "cnn"
    with pytest.raises(ValueError, match="best.pt is a reduced, not a cnn"):
        by_heart.by_heart(trained)


def test_a_checkpoint_in_another_room_is_refused(trained):
    run = Run.load(trained.checkpoint)
    run.average["rooms.taps"] += 0.01
    run.save(trained.checkpoint)
    with pytest.raises(ValueError, match="does not play in"):
        by_heart.by_heart(trained)


def test_what_is_missing_is_named(trained, tmp_path: Path):
    trained.checkpoint = tmp_path / "none.pt"
    with pytest.raises(ValueError, match="none.pt is not there"):
        by_heart.by_heart(trained)


def test_no_steps_and_no_seeds_are_refused(capsys):
    for option in ("--steps", "--seeds"):
        with pytest.raises(SystemExit):
            main(["by-heart", "--instrument", "oboe", "--variant", "cnn", "--checkpoint", "x", "--data", "x", option, "0"])
        assert "'0' is not a number from 1 on" in capsys.readouterr().err
