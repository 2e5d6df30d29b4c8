"""A shipped model file becomes a run again, with nothing lost that is in the file."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import VIOLIN, tone

from retort_training import begin, export, systems, workshop
from retort_training.batch import FINISHED
from retort_training.crops import Crops
from retort_training.instruments import INSTRUMENTS
from retort_training.teacher import teach
from retort_training.train import Budget, Run, held_out_loss, train

MODELS = Path(__file__).parents[2] / "models"


def shipped(name: str) -> Path:
    return MODELS / f"{name}.safetensors"


def violin_crops(run: Run) -> Crops:
    return Crops([tone(name) for name in VIOLIN.source_names()], VIOLIN.source_names(), run.plan.crop_segments(), {}, 0)


@pytest.mark.parametrize("name", ["violin/full", "violin/reduced-cd", "trumpet/reduced-ad", "piano/cnn", "clarinet/cnn-tiny"])
def test_what_a_file_begins_is_the_file_when_it_is_written_again(name: str):
    run = begin.from_model(shipped(name))
    tensors, metadata = export.read_model(shipped(name))
    again = export.model_tensors(run, precision=metadata["precision"])
    assert set(again) == set(tensors)
    assert all(torch.equal(again[k], tensors[k]) and again[k].dtype == tensors[k].dtype for k in tensors)
    instrument = INSTRUMENTS[metadata["instrument"]]
    room = shipped(f"{metadata['instrument']}/{systems.ROOM}")
    assert np.array_equal(export.room_response(run, instrument).float().numpy(), systems.room_response(room))
    levels = dict(zip(run.rooms.sources, (round(x, 2) for x in run.rooms.offsets_db().tolist())))
    assert levels == metadata["training"]["level_offsets_db"]
    frames = [tone("garner").features]
    assert export.describe(run, instrument, frames, frames, levels)["training"]["steps"] == metadata["training"]["steps"]


def test_it_learns_on_in_the_room_that_ships_and_learns_the_others_again(tmp_path: Path):
    run = begin.from_model(shipped("violin/reduced"))
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
    run = begin.from_model(shipped("violin/cnn-tiny"))
    train(run, violin_crops(run), [tone("garner")], tmp_path, Budget(steps=2, check_every=2))
    norms = [m for m in run.decoder.modules() if hasattr(m, "scale_and_offset")]
    assert len(norms) == 7
    assert all(m.frozen and torch.all(m.mean == 0.0) and torch.all(m.variance == norms[0].variance) for m in norms)


def test_a_job_begins_with_a_file_and_then_goes_on_with_its_checkpoint(tmp_path: Path, monkeypatch, capsys):
    tapes = [tone("philharmonia") for _ in range(2)]
    monkeypatch.setattr(workshop, "training_tapes", lambda *_: tapes)
    monkeypatch.setattr(workshop, "load_tapes", lambda *_, **__: tapes)
    job = workshop.Job("clarinet", "reduced-ad", Budget(steps=2, check_every=1), begin_with=shipped("clarinet/reduced"), teacher=shipped("clarinet/cnn"))
    run = workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)
    assert (run.plan.variant, run.plan.taught_by, run.step, run.rooms_frozen) == ("reduced-ad", "audio", 2, True)
    assert (tmp_path / "clarinet" / "reduced-ad" / FINISHED).exists()
    job.budget = Budget(steps=3, check_every=1)
    run = workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)
    assert run.step == 3 and "at step 2" in capsys.readouterr().out
    # A model that is new takes over the room of one that ships.
    job = workshop.Job("clarinet", "cnn-tiny", Budget(steps=1), rooms_from=shipped("clarinet/reduced"))
    run = workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)
    assert np.array_equal(export.room_response(run, INSTRUMENTS["clarinet"]).float().numpy(), systems.room_response(shipped("clarinet/room")))


def test_a_file_teaches_what_its_checkpoint_would(tmp_path: Path):
    run = begin.from_model(shipped("violin/reduced"))
    run.save(tmp_path / "teacher.pt")
    one, other = tone("minjikim"), tone("minjikim")
    teach([one], shipped("violin/reduced"))
    teach([other], tmp_path / "teacher.pt")
    assert len(one.taught[0]) == len(one.features)
    assert all(np.array_equal(a, b) for a, b in zip(one.taught, other.taught))


def test_the_rooms_of_other_sources_are_asked_for_and_not_made_up():
    with pytest.raises(ValueError, match="not that of minjikim, philharmonia: train on garner alone"):
        begin.rooms_of(shipped("violin/reduced"))
    alone = begin.rooms_of(shipped("violin/reduced"), sources=["garner"])
    assert torch.equal(alone["taps"][0], torch.from_numpy(systems.room_response(shipped("violin/room"))))


@pytest.mark.parametrize(
    ("file", "variant", "complaint"),
    [
        ("clarinet/reduced", "cnn", "is a reduced of another shape than clarinet/cnn"),
        ("clarinet/cnn", "cnn-tiny", "is a cnn of another shape than clarinet/cnn-tiny"),
        ("clarinet/cnn-q", None, "name the one that it was made from"),
        ("clarinet/room", None, "is not a model file"),
    ],
)
def test_what_cannot_be_begun_with_is_refused(file: str, variant: str | None, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        begin.from_model(shipped(file), variant=variant)


def test_a_damaged_file_and_a_missing_or_foreign_room_are_named(tmp_path: Path):
    home = tmp_path / "clarinet"
    home.mkdir()
    model = home / "cnn-tiny.safetensors"
    model.write_bytes(shipped("clarinet/cnn-tiny").read_bytes()[:5000])
    with pytest.raises(ValueError, match="is not a model file, or a damaged one"):
        begin.load(model)
    shutil.copy(shipped("clarinet/cnn-tiny"), model)
    with pytest.raises(ValueError, match="room.safetensors is not there"):
        begin.load(model)
    shutil.copy(shipped("violin/room"), home)
    with pytest.raises(ValueError, match="is the room of garner, where the reference is philharmonia"):
        begin.load(model)
    shutil.copy(shipped("clarinet/room"), home)
    assert held_out_loss(begin.load(model), [tone("philharmonia")]) > 0.0


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        begin.load(tmp_path / "nothing.safetensors")


def test_a_model_of_another_instrument_is_refused(tmp_path: Path, monkeypatch):
    job = workshop.Job("oboe", "cnn-tiny", Budget(steps=1), begin_with=shipped("violin/cnn-tiny"))
    with pytest.raises(ValueError, match="violin/cnn-tiny.safetensors is no model of the oboe"):
        workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)
    job.begin_with = shipped("clarinet/cnn-tiny")
    with pytest.raises(ValueError, match="clarinet/cnn-tiny.safetensors is no model of the oboe"):
        workshop.train_job(job, tmp_path, tmp_path, lambda *_: None)
