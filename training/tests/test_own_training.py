"""From a made-up folder to models in a few steps: what is kept apart, what is published, and in which order. How it ends is in `test_own_endings`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from own_place import PACKAGE, RETORT, SCALE, files, needs_retort, recordings, trained, unfinished, words  # noqa: F401
from own_sounds import melody, write
from retort_training import FRAME_RATE_HZ
from retort_training.__main__ import main
from retort_training.export import read_model, write_model
from retort_training.features import Features
from retort_training.instruments import Instrument, Source
from retort_training.own import OwnError, material, sitting, stages
from retort_training.own.material import Clip, make_clip, split
from retort_training.own.project import Project
from retort_training.own.publish import improves
from retort_training.tapes import Note, copies
from retort_training.train import Budget, Run


def test_the_model_lies_where_retort_finds_it_with_everything_that_is_known(trained: Path):
    assert files(trained / "models") == ["my-reed/reduced.safetensors", "my-reed/report.html", "my-reed/room.safetensors"]
    done = subprocess.run([RETORT, "models", "--json", "--models", str(trained / "models")], capture_output=True, text=True, check=True)
    model = next(m for m in json.loads(done.stdout) if m["id"] == "my-reed/reduced")
    assert model["data"] == [
        {"name": "own: 3 recordings of 'My reed'", "author": "not stated", "licence": "not stated: made from somebody's own recordings", "private": True}
    ]
    assert model["licence"].startswith("not stated")
    assert model["scores"]["multi_scale_loss"] > 0.0
    low_hz, high_hz = model["f0_hz"]
    assert 215.0 < low_hz < 270.0 and 780.0 < high_hz < 900.0
    _, metadata = read_model(trained / "models" / "my-reed" / "reduced.safetensors")
    training = metadata["training"]
    assert training["steps"] == 12 and 2.0 < training["held_out_seconds"] < 8.0 and training["usable_seconds"] > 14.0


def test_the_report_is_one_page_with_pictures_and_sound(trained: Path):
    page = (trained / "models" / "my-reed" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:audio/mpeg") == 2 and page.count("data:image/png") == 3
    assert "http" not in page.replace("http-equiv", ""), "nothing is loaded from elsewhere"
    assert "My reed" in page and "scale 1.flac" in page


def test_the_same_command_says_that_nothing_is_left_and_keeps_the_model(trained: Path, recordings: Path, capsys):
    model = trained / "models" / "my-reed" / "reduced.safetensors"
    before = model.read_bytes()
    assert main(words(recordings, trained, "--only", "reduced", "--steps", "12")) == 0
    assert model.read_bytes() == before
    assert "Nothing gets better any more" in capsys.readouterr().out


def test_a_worse_model_does_not_take_the_place_of_a_better_one(trained: Path, recordings: Path, tmp_path):
    shutil.copytree(trained, tmp_path / "again")
    model = tmp_path / "again" / "models" / "my-reed" / "reduced.safetensors"
    state = tmp_path / "again" / "work" / "my-reed" / "project.json"
    tensors, metadata = read_model(model)
    metadata["training"]["held_out_loss"] = 0.1
    write_model(model, tensors, metadata)
    unfinished(state)
    before = model.read_bytes()
    assert main(words(recordings, tmp_path / "again", "--only", "reduced", "--steps", "14")) == 0
    assert model.read_bytes() == before
    assert json.loads(state.read_text())["published"]["reduced"]["loss"] == 0.1


@needs_retort
def test_other_recordings_begin_anew_and_the_old_model_is_judged_by_them(trained: Path, recordings: Path, tmp_path, capsys):
    place = tmp_path / "again"
    shutil.copytree(trained, place)
    more = tmp_path / "more"
    shutil.copytree(recordings, more)
    write(more / "new.wav", melody([n - 7 for n in SCALE]))
    loss = json.loads((place / "work" / "my-reed" / "project.json").read_text())["published"]["reduced"]["loss"]
    assert main(words(more, place, "--only", "reduced", "--steps", "2")) == 0
    told = json.loads((place / "work" / "my-reed" / "project.json").read_text())
    assert "recordings have changed" in capsys.readouterr().out
    assert told["published"]["reduced"]["loss"] != loss
    steps = read_model(place / "models" / "my-reed" / "reduced.safetensors")[1]["training"]["steps"]
    assert steps == (2 if told["published"]["reduced"]["step"] == 2 else 12)


def test_a_name_that_is_taken_is_refused_and_nothing_is_overwritten(trained: Path, recordings: Path, tmp_path, capsys):
    place = tmp_path / "other"
    shutil.copytree(trained / "models", place / "models")
    before = (place / "models" / "my-reed" / "reduced.safetensors").read_bytes()
    assert main(words(recordings, place, "--steps", "2")) == 1
    said = capsys.readouterr().err
    assert "is of another training" in said and "--name" in said
    assert (place / "models" / "my-reed" / "reduced.safetensors").read_bytes() == before
    assert main([*words(recordings, place, "--steps", "2"), "--name", "Violin"]) == 1
    assert "instrument 'violin' already" in capsys.readouterr().err


@needs_retort
def test_two_trainings_of_one_instrument_do_not_meet(recordings: Path, tmp_path, capsys):
    place = tmp_path / "work" / "my-reed"
    place.mkdir(parents=True)
    with Project(place, "My reed").locked():
        assert main(words(recordings, tmp_path, "--check")) == 1
    assert "being trained already" in capsys.readouterr().err


@needs_retort
def test_two_processes_of_pytorch_s_launcher_train_one_model(recordings: Path, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "retort_training"]
    command = launcher + words(recordings, tmp_path, "--only", "reduced", "--steps", "4")
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("can be played") == 1, "one of them speaks"
    assert Run.load(tmp_path / "work" / "my-reed" / "runs" / "reduced" / "last.pt").step == 4


# What is kept apart.


def clip(name: str, pitch: float | None, seconds: float) -> Clip:
    n = round(seconds * FRAME_RATE_HZ)
    f0 = np.full(n, 440.0 * 2.0 ** (((pitch or 60.0) - 69.0) / 12.0), np.float32)
    if pitch is None:
        f0 *= np.linspace(1.0, 2.0, n, dtype=np.float32)
    level = -20.0 - 10.0 * (np.arange(n) % 250 == 100)
    return make_clip(name, np.ones(n * 128, np.float32), Features(f0, np.ones(n, np.float32), level.astype(np.float32)), 15_500.0)


def test_notes_of_one_pitch_stand_on_one_side_and_the_range_stays_in_training():
    clips = [clip(f"{n}-{k}", n, 2.0) for n in range(60, 84) for k in range(2)]
    made = split(clips)
    sides = [{round(c.note.midi) for c in part} for part in (made.train, made.held_out)]
    assert not sides[0] & sides[1] and {60, 83} <= sides[0]
    assert 0.1 <= made.held_out_s() / (made.held_out_s() + made.training_s()) <= 0.2


def test_music_keeps_its_end_apart_cut_where_it_is_quiet():
    made = split([clip("music", None, 100.0)])
    assert 13.0 <= made.held_out_s() <= 17.0 and abs(made.held_out_s() + made.training_s() - 100.0) < 0.01
    assert made.held_out[0].frames.loudness_db[0] == -30.0


def test_ten_phrases_give_one_or_two_and_a_single_one_its_end():
    made = split([clip(str(i), None, 8.0) for i in range(10)])
    assert 1 <= len(made.held_out) <= 2 and len(made.train) + len(made.held_out) == 10
    made = split([clip("all there is", None, 20.0)])
    assert 1.5 <= made.held_out_s() <= 4.0


def test_above_the_edge_of_a_dull_recording_there_is_next_to_nothing_but_not_nothing():
    time = np.arange(64_000) / 32_000
    dull = (0.3 * np.sin(2 * np.pi * 440.0 * time)).astype(np.float32)
    made = material.filled(dull, 7_500.0)
    level = lambda x, low, high: 20 * np.log10(np.sqrt(np.mean(np.square(_band(x, low, high)))) + 1e-12)  # noqa: E731
    assert -85.0 < level(made, 7_500.0, 15_000.0) < -75.0
    assert abs(level(made, 0.0, 7_000.0) - level(dull, 0.0, 7_000.0)) < 0.01
    assert np.array_equal(made, material.filled(dull, 7_500.0))


def _band(audio: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    spectrum = np.fft.rfft(audio)
    hz = np.fft.rfftfreq(len(audio), 1.0 / 32_000)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0.0
    return np.fft.irfft(spectrum, n=len(audio))


def test_too_little_to_keep_a_part_of_it_is_an_error():
    with pytest.raises(OwnError, match="too little"):
        split([clip("a", 60.0, 3.0)])


def test_phrases_are_never_bound_into_lines_and_notes_are():
    instrument = Instrument("x", (Source("own", "", "", ""),), "", 80, 40)
    seen = []

    def measure(path, lowest_pitch_hz):
        n = soundfile.info(path).frames // 128 + 1
        seen.append(n)
        return Features(np.full(n, 220.0, np.float32), np.ones(n, np.float32), np.zeros(n, np.float32))

    phrases = material.Material([clip(str(i), None, 8.0) for i in range(4)], [])
    assert len(material.training_tapes(phrases, instrument, measure)) == len(copies(instrument)) + 2
    notes = material.Material([clip(str(i), 60.0 + i, 2.0) for i in range(8)], [])
    assert len(material.training_tapes(notes, instrument, measure)) == 2 * (len(copies(instrument)) + 2)
    assert isinstance(notes.train[0].note, Note)


def test_of_little_material_every_note_is_heard_nearly_a_semitone_higher_and_lower_too():
    instrument = Instrument("x", (Source("own", "", "", ""),), "", 80, 40)

    def measure(path, lowest_pitch_hz):
        n = soundfile.info(path).frames // 128 + 1
        return Features(np.full(n, 220.0, np.float32), np.ones(n, np.float32), np.zeros(n, np.float32))

    for number, more in ((16, 2), (104, 0)):
        notes = material.Material([clip(str(i), 60.0 + i % 24, 3.0) for i in range(number)], [])
        assert len(material.training_tapes(notes, instrument, measure)) == 2 * (len(copies(instrument)) + more)


# The agenda.


def order(minutes: float, **options) -> list[tuple[str, int]]:
    return [(s.variant, s.round) for s in stages.schedule(60.0 * minutes, **options)]


def test_something_playable_comes_first_and_a_teacher_before_its_student():
    for minutes in (1.0, 2.5, 7.0, 15.0):
        for on_gpu in (False, True):
            plan = stages.schedule(60.0 * minutes, on_gpu)
            names = [s.variant for s in plan]
            assert names[0] == "reduced" and plan[0].minutes < 10.0
            assert "reduced-cd" not in names or names.index("full") < names.index("reduced-cd")
            assert [s.round for s in plan if s.variant == "reduced"] == list(range(1, 1 + names.count("reduced")))
    assert order(7.0, only=["reduced-cd"])[:3] == [("reduced", 1), ("full", 1), ("reduced-cd", 1)]


def test_the_less_there_is_to_learn_from_the_later_and_shorter_a_large_model_comes():
    assert "full" not in dict(order(1.0)) and "full" in dict(order(1.0, only=["full"]))
    little, enough = order(2.5), order(7.0)
    assert little.index(("reduced", 2)) < little.index(("full", 1)) and enough.index(("full", 1)) == 1
    minutes = lambda m, **o: sum(s.minutes for s in stages.schedule(60.0 * m, **o) if s.variant == "full")  # noqa: E731
    assert minutes(2.5) < minutes(7.0) < minutes(15.0) < minutes(15.0, on_gpu=True)


def test_later_rounds_are_gentle_and_are_played_to_their_end():
    for stage in stages.schedule(150.0):
        assert (stage.rate == 1.0) == (stage.round == 1) and (stage.patience_steps > 10**6) == (stage.round > 1)


def test_what_was_begun_goes_on_and_what_is_finished_is_left_alone():
    plan = stages.schedule(420.0)
    left = stages.agenda(plan, {"reduced": 1}, set())
    assert (left[0].variant, left[0].round) == ("full", 1) and len(left) == len(plan) - 1
    assert all(s.variant not in ("full", "reduced") for s in stages.agenda(plan, {}, {"full", "reduced"}))
    assert stages.minutes_to_go(left, 4.0) == pytest.approx(sum(s.minutes for s in left) - 4.0)


def test_after_the_plan_there_are_more_gentle_rounds_until_one_brings_nothing():
    plan = stages.schedule(150.0)
    rounds = {s.variant: s.round for s in plan}
    last = {s.variant: s for s in plan}
    more = stages.agenda(plan, rounds, {"full"})
    assert [s.variant for s in more] == [v for v in last if v != "full"]
    for stage in more:
        assert stage.round == rounds[stage.variant] + 1 and stage.minutes == last[stage.variant].minutes and stage.rate == stages.GENTLE
    again = stages.agenda(plan, rounds | {"reduced": rounds["reduced"] + 1}, set(rounds) - {"reduced"})
    assert [(s.variant, s.round) for s in again] == [("reduced", rounds["reduced"] + 2)]
    assert stages.agenda(plan, rounds, set(rounds)) == []


def test_a_variant_that_gets_better_is_never_said_to_have_come_to_its_end(trained: Path, recordings: Path, tmp_path, monkeypatch, capsys):
    """Every round before the sixth is better: three more than planned. What a round does is made up."""
    place = tmp_path / "again"
    shutil.copytree(trained, place)
    unfinished(place / "work" / "my-reed" / "project.json")
    seen = []

    def rounds(self, stage):
        seen.append((stage.variant, stage.round))
        self.project.state["rounds"][stage.variant] = stage.round
        if stage.round == 6:
            self.project.state["finished"].append(stage.variant)

    monkeypatch.setattr(sitting.Sitting, "_train", rounds)
    assert main(words(recordings, place, "--only", "reduced")) == 0
    assert seen == [("reduced", n) for n in range(2, 7)]
    assert "Nothing gets better any more" in capsys.readouterr().out
    state = place / "work" / "my-reed" / "project.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"finished": [], "rounds": {"reduced": 3}}))
    monkeypatch.setattr(sitting.Sitting, "should_stop", lambda _: len(seen) >= 6)
    assert main(words(recordings, place, "--only", "reduced")) == 0
    assert seen[5:] == [("reduced", 4)], "the plan is used up, the time is not"
    assert "There is more to gain" in capsys.readouterr().out


def test_one_of_two_files_that_is_missing_comes_back_and_a_better_model_stays():
    told = {"cnn-tiny": {"loss": 4.5}, "cnn-tiny-q": {"loss": 4.5}, "full": {"loss": 4.4}}
    both, one = dict(told), {"cnn-tiny": told["cnn-tiny"]}
    assert not improves(both, [], "cnn-tiny", 4.5) and improves(one, [], "cnn-tiny", 4.5) and improves({}, [], "cnn-tiny", 9.0)
    assert improves(both, [], "cnn-tiny", 4.45) and not improves(one, [], "cnn-tiny", 4.6)
    assert not improves(both, ["full"], "cnn-tiny", 4.45) and improves(both, ["full", "cnn-tiny"], "cnn-tiny", 4.3)


def test_a_graphics_processor_learns_from_more_voices_at_once():
    instrument = Instrument("x", (Source("own", "", "", ""),), "", 80, 40)
    voices = [sitting.Sitting._plan(SimpleNamespace(device=device, instrument=instrument), "full").voices for device in ("cpu", "cuda")]
    assert voices == [4, 16]


def test_a_later_round_falls_from_its_own_rate_to_the_same_end():
    run = type("", (), {"step": 300, "minutes": 8.0, "best_step": 100})()
    budget = Budget(minutes=10.0, from_minutes=6.0, from_step=250, patience=100, rate=0.3)
    assert budget.progress(run) == 0.5 and budget.is_patient(run), "the round's own minutes and steps count"
    run.step = 350
    assert not budget.is_patient(run)


def test_no_other_package_is_needed_than_those_that_are_installed():
    script = "import sys; sys.modules['swift_f0'] = sys.modules['onnxruntime'] = None; import retort_training.own.sitting"
    subprocess.run([sys.executable, "-c", script], cwd=PACKAGE, check=True)


def test_the_pins_of_retort_train_are_those_of_the_package():
    import tomllib

    package = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["dependencies"]
    lists = [(PACKAGE / name).read_text().splitlines() for name in ("requirements.txt", "requirements-check.txt")]
    pins = {line for lines in lists for line in lines if "==" in line}
    assert pins == {p for p in package if not p.startswith("swift-f0")}, "pitch of another tracker is for scores alone"
