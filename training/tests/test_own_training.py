"""From a made-up folder to models in a few steps: what is kept apart, what is published, what stopping and killing leave behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from own_sounds import melody, write
from retort_training import FRAME_RATE_HZ
from retort_training.__main__ import main
from retort_training.export import read_model
from retort_training.features import Features
from retort_training.instruments import Instrument, Source
from retort_training.own import OwnError, material, stages
from retort_training.own.material import Clip, make_clip, split
from retort_training.own.project import Project
from retort_training.tapes import Note, copies
from retort_training.train import Run

RETORT = shutil.which("retort")
needs_retort = pytest.mark.skipif(RETORT is None, reason="no retort in PATH")
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
    if RETORT is None:
        pytest.skip("no retort in PATH")
    place = tmp_path_factory.mktemp("trained")
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    return place


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


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
    told = json.loads(state.read_text())
    told["published"]["reduced"]["loss"] = 0.1
    told["finished"] = []
    state.write_text(json.dumps(told))
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


def test_killed_between_a_model_and_its_note_it_knows_its_own_file_again(trained: Path, recordings: Path, tmp_path):
    place = tmp_path / "again"
    shutil.copytree(trained, place)
    state = place / "work" / "my-reed" / "project.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"published": {}, "finished": []}))
    assert main(words(recordings, place, "--only", "reduced", "--steps", "12")) == 0
    assert "reduced" in json.loads(state.read_text())["published"]


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


def start(recordings: Path, place: Path, *more: str, **options) -> subprocess.Popen:
    script = [sys.executable, "-m", "retort_training", *words(recordings, place, "--only", "reduced", *more)]
    return subprocess.Popen(script, cwd=PACKAGE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, **options)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + 60.0
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.02)


@needs_retort
def test_ctrl_c_keeps_every_step_and_the_next_call_goes_on(recordings: Path, tmp_path):
    run = tmp_path / "work" / "my-reed" / "runs" / "reduced"
    process = start(recordings, tmp_path, "--steps", "4000")
    wait_for(run / "log.csv", process)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on from here" in said, said
    step = Run.load(run / "last.pt").step
    assert step > 0
    assert main(words(recordings, tmp_path, "--only", "reduced", "--steps", str(step + 3))) == 0
    assert Run.load(run / "last.pt").step == step + 3


@needs_retort
def test_killed_at_any_moment_it_goes_on_and_never_leaves_half_a_file(trained: Path, recordings: Path, tmp_path):
    """Killed while it writes, over and over: everything that is there can be read, and the last call ends well."""
    place = tmp_path / "again"
    shutil.copytree(trained, place)
    model = place / "models" / "my-reed" / "reduced.safetensors"
    run = place / "work" / "my-reed" / "runs" / "reduced"
    for round_number, delay in enumerate((0.0, 0.05, 0.4)):
        state = place / "work" / "my-reed" / "project.json"
        told = json.loads(state.read_text())
        state.write_text(json.dumps(told | {"finished": []}))
        # Draft files of checkpoints and models appear from the first step on, since every step is a check here.
        process = start(recordings, place, "--steps", str(13 + round_number))
        wait_for_draft(place, process)
        time.sleep(delay)
        process.kill()
        process.communicate()
        Run.load(run / "last.pt"), Run.load(run / "best.pt")
        read_model(model)
        json.loads(state.read_text())
    assert main(words(recordings, place, "--only", "reduced", "--steps", "20")) == 0
    assert not [f for f in files(place / "models") if f.endswith(".part")]
    subprocess.run([RETORT, "models", "--json", "--models", str(place / "models")], check=True, capture_output=True)


def wait_for_draft(place: Path, process: subprocess.Popen) -> None:
    """Until something is being written that matters, or the process has ended by itself."""
    end = time.monotonic() + 60.0
    while process.poll() is None and time.monotonic() < end:
        if any(place.rglob("*.part")):
            return
        time.sleep(0.001)


@needs_retort
@pytest.mark.skipif(sys.platform == "win32", reason="files are limited otherwise there")
def test_a_disk_that_fills_up_ends_with_a_message_and_loses_nothing(trained: Path, recordings: Path, tmp_path):
    """A limit on the size of files stands for the full disk."""
    import resource

    place = tmp_path / "again"
    shutil.copytree(trained, place)
    run = place / "work" / "my-reed" / "runs" / "reduced"
    state = place / "work" / "my-reed" / "project.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"finished": []}))
    before = (run / "last.pt").read_bytes()
    limit = len(before) // 2
    process = start(recordings, place, "--steps", "15", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "is the disk full" in said and "Traceback" not in said, said
    assert (run / "last.pt").read_bytes() == before
    assert not list(run.glob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="files are limited otherwise there")
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(trained: Path, tmp_path):
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
        import soundfile

        n = soundfile.info(path).frames // 128 + 1
        seen.append(n)
        return Features(np.full(n, 220.0, np.float32), np.ones(n, np.float32), np.zeros(n, np.float32))

    phrases = material.Material([clip(str(i), None, 8.0) for i in range(4)], [])
    assert len(material.training_tapes(phrases, instrument, measure)) == len(copies(instrument))
    notes = material.Material([clip(str(i), 60.0 + i, 2.0) for i in range(8)], [])
    assert len(material.training_tapes(notes, instrument, measure)) == 2 * len(copies(instrument))
    assert isinstance(notes.train[0].note, Note)


# The agenda.


def test_something_playable_comes_first_and_a_teacher_before_its_student():
    order = [s.variant for s in stages.agenda({}, set())]
    assert order[0] == "reduced" and order.index("full") < order.index("reduced-cd")
    assert stages.agenda({}, set())[0].minutes < 10.0
    assert [s.variant for s in stages.agenda({}, set(), ["reduced-cd"])][:3] == ["reduced", "full", "reduced-cd"]


def test_what_was_begun_goes_on_and_what_is_finished_is_left_alone():
    spent = {"reduced": 6.0, "full": 4.0}
    assert stages.agenda(spent, set())[0] == stages.Stage("full", 11.0)
    assert all(s.variant not in ("full", "reduced") for s in stages.agenda(spent, {"full", "reduced"}))
    whole = stages.agenda({}, set())
    assert abs(stages.minutes_to_go(whole, {}) - 8.0 * sum(stages.FIRST_ROUND.values())) < 1e-6


def test_no_other_package_is_needed_than_those_that_are_installed():
    script = "import sys; sys.modules['swift_f0'] = sys.modules['onnxruntime'] = None; import retort_training.own.sitting"
    subprocess.run([sys.executable, "-c", script], cwd=PACKAGE, check=True)


def test_the_pins_of_retort_train_are_those_of_the_package():
    import tomllib

    package = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["dependencies"]
    lists = [(PACKAGE / name).read_text().splitlines() for name in ("requirements.txt", "requirements-check.txt")]
    pins = {line for lines in lists for line in lines if "==" in line}
    assert pins == {p for p in package if not p.startswith("swift-f0")}, "pitch of another tracker is for scores alone"


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
    aside = again.take_recordings(["b"])
    assert (aside / "reduced").is_dir() and not (tmp_path / "runs").exists()
    again.judged()
    assert Project(tmp_path, "My reed").take_recordings(["b"]) is None
