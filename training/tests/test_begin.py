"""A shipped model file becomes a run again, with nothing lost that is in the file."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_training import VIOLIN, tone

from retort_training import SAMPLE_RATE_HZ, begin, export, systems, workshop
from retort_training.__main__ import main
from retort_training.batch import FINISHED
from retort_training.crops import Crops
from retort_training.instruments import INSTRUMENTS
from retort_training.teacher import teach
from retort_training.train import Budget, Plan, Run, held_out_loss, train

MODELS = Path(__file__).parents[2] / "models"


def shipped(name: str) -> Path:
    return MODELS / f"{name}.safetensors"


def violin_crops(run: Run) -> Crops:
    return Crops([tone(name) for name in VIOLIN.source_names()], VIOLIN.source_names(), run.plan.crop_segments(), {}, 0)


@pytest.mark.parametrize("name", ["violin/full", "violin/reduced-cd", "trumpet/reduced-ad", "piano/cnn", "clarinet/cnn-tiny"])
def test_what_a_file_begins_is_the_file_when_it_is_written_again(name: str):
    tensors, metadata = export.read_model(shipped(name))
    run = begin.from_model(shipped(name), metadata["instrument"])
    # What the export added in level is no part of the run.
    again = export.model_tensors(run, metadata["training"]["trim_db"], metadata["precision"])
    assert set(again) == set(tensors)
    close = lambda k: torch.allclose(again[k], tensors[k], rtol=0.0, atol=1e-6)  # noqa: E731
    trimmed = ("head.amplitude.bias", "head.noise.bias")
    assert all(again[k].dtype == tensors[k].dtype and (torch.equal(again[k], tensors[k]) or k in trimmed and close(k)) for k in tensors)
    instrument = INSTRUMENTS[metadata["instrument"]]
    room = shipped(f"{metadata['instrument']}/{systems.ROOM}")
    assert np.array_equal(export.room_response(run, instrument).float().numpy(), systems.room_response(room))
    levels = dict(zip(run.rooms.sources, (round(x, 2) for x in run.rooms.offsets_db().tolist())))
    assert levels == metadata["training"]["level_offsets_db"]
    frames = [tone("garner").features]
    assert export.describe(run, instrument, frames, frames, levels)["training"]["steps"] == metadata["training"]["steps"]


def test_it_learns_on_in_the_room_that_ships_and_learns_the_others_again(tmp_path: Path):
    run = begin.from_model(shipped("violin/reduced"), "violin")
    before = {k: v.clone() for k, v in run.weights().items()}
    train(run, violin_crops(run), [tone("garner")], tmp_path, Budget(steps=3, check_every=2))
    again = Run.load(tmp_path / "last.pt")
    train(again, violin_crops(again), [tone("garner")], tmp_path, Budget(steps=5, check_every=2))
    after = again.weights()
    assert torch.equal(after["rooms.taps"][0], before["rooms.taps"][0])
    assert torch.equal(after["rooms.log_decay"][0], before["rooms.log_decay"][0])
    assert not torch.equal(after["rooms.taps"][1:], before["rooms.taps"][1:])
    assert not torch.equal(after["decoder.gru.weight_hh"], before["decoder.gru.weight_hh"])
    frames, levels = [tone("garner").features], {name: 0.0 for name in again.rooms.sources}
    steps = export.read_model(shipped("violin/reduced"))[1]["training"]["steps"]
    assert export.describe(again, VIOLIN, frames, frames, levels)["training"]["steps"] == steps + 5


def test_a_convolutional_one_keeps_its_normalisation(tmp_path: Path):
    run = begin.from_model(shipped("violin/cnn-tiny"), "violin")
    train(run, violin_crops(run), [tone("garner")], tmp_path, Budget(steps=2, check_every=2))
    norms = [m for m in run.decoder.modules() if hasattr(m, "scale_and_offset")]
    assert len(norms) == 7
    assert all(m.frozen and torch.all(m.mean == 0.0) and torch.all(m.variance == norms[0].variance) for m in norms)


@pytest.fixture
def job(monkeypatch, tmp_path: Path):
    """Makes and trains a job on a tone, in place of the clarinet's recordings."""
    tapes = [tone("philharmonia") for _ in range(2)]
    monkeypatch.setattr(workshop, "training_tapes", lambda *_: tapes)
    monkeypatch.setattr(workshop, "load_tapes", lambda *_, **__: tapes)

    def trained(variant: str, steps: int = 1, instrument: str = "clarinet", check_every: int = 1, **named) -> Run:
        job = workshop.Job(instrument, variant, Budget(steps=steps, check_every=check_every), **named)
        return workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)

    return trained


def test_a_job_begins_with_a_file_and_then_goes_on_with_its_checkpoint(job, tmp_path: Path, capsys):
    named = {"begin_with": shipped("clarinet/reduced"), "teacher": shipped("clarinet/cnn")}
    run = job("reduced-ad", 2, **named)
    assert (run.plan.variant, run.plan.taught_by, run.step, run.rooms_frozen) == ("reduced-ad", "audio", 2, True)
    assert (tmp_path / "clarinet" / "reduced-ad" / FINISHED).exists()
    run = job("reduced-ad", 3, **named)
    assert run.step == 3 and "at step 2" in capsys.readouterr().out


def test_a_new_model_takes_over_the_room_of_one_that_ships(job):
    run = job("cnn-tiny", rooms_from=shipped("clarinet/reduced"))
    assert np.array_equal(export.room_response(run, INSTRUMENTS["clarinet"]).float().numpy(), systems.room_response(shipped("clarinet/room")))


def test_a_run_that_only_loses_ends_where_it_began(job, tmp_path: Path, capsys):
    changes = {"learning_rate": 300.0}
    job("cnn-tiny", 3, begin_with=shipped("clarinet/cnn-tiny"), changes=changes)
    best = Run.load(tmp_path / "clarinet" / "cnn-tiny" / "best.pt")
    tensors, _ = export.read_model(shipped("clarinet/cnn-tiny"))
    assert best.step == 0 and all(torch.equal(v, tensors[k]) for k, v in export.model_tensors(best).items())
    assert "cnn-tiny.safetensors itself: held out" in capsys.readouterr().out


def test_any_variant_can_be_taught(job):
    run = job("cnn-tiny", teacher=shipped("clarinet/reduced"), changes={"taught_by": "audio"}, begin_with=shipped("clarinet/cnn-tiny"))
    assert run.plan.taught_by == "audio"


@pytest.mark.parametrize(
    ("variant", "named", "complaint"),
    [
        ("cnn", {"begin_with": shipped("clarinet/cnn"), "rooms_from": shipped("clarinet/cnn")}, "brings a room of its own"),
        ("cnn", {"begin_with": shipped("clarinet/cnn-q")}, "name the one that it was made from"),
        ("cnn", {"begin_with": shipped("clarinet/reduced")}, "is a reduced of another shape than clarinet/cnn"),
        ("cnn", {"begin_with": shipped("oboe/cnn")}, "is a model of the oboe, and not of the clarinet"),
        ("cnn", {"rooms_from": shipped("oboe/cnn")}, "is a model of the oboe"),
        ("reduced-ad", {"teacher": shipped("oboe/cnn")}, "is a model of the oboe"),
        ("reduced-ad", {}, "name its checkpoint or model file with --teacher"),
        ("cnn", {"changes": {"taught_by": "audio"}}, "name its checkpoint or model file with --teacher"),
        ("cnn", {"teacher": shipped("clarinet/reduced")}, "say with --taught-by"),
        ("reduced-ad", {"teacher": shipped("clarinet/reduced"), "changes": {"taught_by": "controls"}}, "and not from its controls"),
        ("reduced-cd", {"teacher": shipped("clarinet/cnn")}, "102 harmonics and 65 noise bands, and .* 60 harmonics .*: it can only be taught by audio"),
        ("cnn", {"changes": {"blur": -0.1}}, "a blur of -0.1 semitones: choose from 0 to 6"),
        ("cnn", {"changes": {"blur": float("nan")}}, "a blur of nan semitones"),
        ("cnn", {"changes": {"treble_weight": 1.5}}, "a treble weight of 1.5: choose from 0 to 1"),
        ("cnn", {"changes": {"treble_weight": float("nan")}}, "a treble weight of nan"),
        ("cnn", {"begin_with": MODELS / "clarinet"}, "clarinet is not there, or not a file"),
        ("cnn", {"begin_with": MODELS / "nothing.safetensors"}, "nothing.safetensors is not there"),
    ],
)
def test_what_contradicts_itself_or_the_instrument_is_refused(job, variant: str, named: dict, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        job(variant, **named)


@pytest.mark.parametrize(("name", "usual", "asked"), [("blur", 0.0, 0.8), ("treble_weight", 1.0, 0.25)])
def test_a_blur_or_a_treble_weight_stays_on_going_on_until_another_is_asked_for(job, tmp_path: Path, name: str, usual: float, asked: float):
    named = {"begin_with": shipped("clarinet/cnn-tiny")}
    run = job("cnn-tiny", 1, changes={name: asked}, **named)
    frames = [tone("philharmonia").features]
    assert export.describe(run, INSTRUMENTS["clarinet"], frames, frames, {})["training"][name] == asked
    assert getattr(job("cnn-tiny", 2, **named).plan, name) == asked
    assert getattr(job("cnn-tiny", 3, changes={name: usual}, **named).plan, name) == usual
    # A checkpoint from before there was such a thing.
    path = tmp_path / "clarinet" / "cnn-tiny" / "last.pt"
    state = torch.load(path, weights_only=True)
    del state["plan"][name]
    torch.save(state, path)
    assert getattr(job("cnn-tiny", 4, **named).plan, name) == usual


def test_a_run_that_was_begun_without_a_teacher_is_not_silently_left_without_one(job):
    job("cnn-tiny", begin_with=shipped("clarinet/cnn-tiny"))
    with pytest.raises(ValueError, match="was begun without a teacher"):
        job("cnn-tiny", 2, teacher=shipped("clarinet/cnn"), changes={"taught_by": "audio"})


def test_a_file_teaches_what_a_checkpoint_would(tmp_path: Path):
    begin.from_model(shipped("violin/reduced"), "violin").save(tmp_path / "teacher.pt")
    one, other = tone("minjikim"), tone("minjikim")
    for tape, teacher in ((one, shipped("violin/reduced")), (other, tmp_path / "teacher.pt")):
        teach([tape], begin.load(teacher, "violin"))
    assert len(one.taught[0]) == len(one.features)
    assert all(np.array_equal(a, b) for a, b in zip(one.taught, other.taught))


def test_the_rooms_of_other_sources_are_asked_for_and_not_made_up():
    with pytest.raises(ValueError, match="not that of minjikim, philharmonia: train on garner alone"):
        begin.rooms_of(shipped("violin/reduced"), "violin")
    alone = begin.rooms_of(shipped("violin/reduced"), "violin", sources=["garner"])
    assert torch.equal(alone["taps"][0], torch.from_numpy(systems.room_response(shipped("violin/room"))))


def test_damaged_files_and_missing_or_foreign_rooms_are_named(tmp_path: Path):
    home = tmp_path / "clarinet"
    home.mkdir()
    model, room = home / "cnn-tiny.safetensors", home / "room.safetensors"
    whole = {path.name: (MODELS / "clarinet" / path.name).read_bytes() for path in (model, room)}

    def complaint(model_bytes: bytes, room_bytes: bytes | None) -> str:
        model.write_bytes(model_bytes)
        room.unlink(missing_ok=True)
        if room_bytes is not None:
            room.write_bytes(room_bytes)
        with pytest.raises(ValueError) as told:
            begin.load(model, "clarinet")
        return str(told.value)

    good = whole[model.name]
    assert "cnn-tiny.safetensors is not a model file, or a damaged one" in complaint(good[:5000], None)
    assert "cnn-tiny.safetensors is not a model file" in complaint(whole[room.name], None)
    assert "room.safetensors is not there" in complaint(good, None)
    for foreign in (whole[room.name][:3000], b"", good):
        assert "room.safetensors is not a room file, or a damaged one" in complaint(good, foreign)
    assert "is the room of garner, where the reference is philharmonia" in complaint(good, shipped("violin/room").read_bytes())
    room.unlink()
    text = {"retort-room": json.dumps({"sample_rate_hz": SAMPLE_RATE_HZ, "source": "philharmonia"})}
    save_file({"impulse_response": torch.zeros(320).half()}, home / "short.safetensors", metadata=text)
    assert "holds (320,) samples, where a room has 32000" in complaint(good, (home / "short.safetensors").read_bytes())
    room.write_bytes(whole[room.name])
    assert held_out_loss(begin.load(model, "clarinet"), [tone("philharmonia")]) > 0.0


def test_what_a_command_line_says_reaches_the_plan(monkeypatch, tmp_path: Path):
    jobs = []
    monkeypatch.setattr("retort_training.workshop.train_job", lambda job, *_: jobs.append(job))
    # No more of `retort` than that it is there.
    (tmp_path / "retort").write_text("")
    said = {"loudness_weight": 1.5, "blur": 0.8, "treble_weight": 0.25, "learning_rate": 0.001, "voices": 3, "crop_s": 1.5, "seed": 7, "taught_by": "audio"}
    words = [word for name, value in said.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    main(["train", "--instrument", "oboe", "--variant", "cnn", "--steps", "1", "--data", str(tmp_path), "--retort", str(tmp_path / "retort"), *words])
    assert jobs[0].changes == said
    assert set(said) <= {field.name for field in fields(Plan)}
