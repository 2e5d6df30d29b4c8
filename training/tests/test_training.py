"""A run from an empty folder to a model file, on a tone of a few seconds."""

import json
import math
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retort_training import HOP, SAMPLE_RATE_HZ, export, parity, statistics, systems
from retort_training.features import Features
from retort_training.instruments import INSTRUMENTS
from retort_training.room import Rooms
from retort_training.crops import Crops
from retort_training.tapes import Tape
from retort_training.train import Budget, Plan, Run, seconds_to_frames, train

SECONDS = 4.0
PLAN = Plan("reduced", 8, 4e-3, voices=2, crop_s=0.4, pre_roll_s=0.1, n_harmonics=20, n_noise_bands=17)
VIOLIN = INSTRUMENTS["violin"]


def tone(source: str) -> Tape:
    """Three harmonics at 400 Hz that swell, and a little noise."""
    n_frames = round(SECONDS * 250) + 1
    time = np.arange((n_frames - 1) * HOP) / SAMPLE_RATE_HZ
    swell = 0.3 * (0.6 + 0.4 * np.sin(2 * np.pi * time))
    audio = swell * sum(np.sin(2 * np.pi * 400 * k * time) / k for k in (1, 2, 3))
    audio += 1e-3 * np.random.default_rng(0).standard_normal(len(audio))
    level = 20 * np.log10(np.append(swell, swell[-1])[::HOP])
    frames = Features(np.full(n_frames, 400.0, np.float32), np.ones(n_frames, np.float32), level.astype(np.float32))
    return Tape(source, audio.astype(np.float32), frames, 15_500.0)


def crops(seed: int = 0) -> Crops:
    tapes = [tone(name) for name in VIOLIN.source_names()]
    return Crops(tapes, VIOLIN.source_names(), seconds_to_frames(PLAN.pre_roll_s + PLAN.crop_s), {}, seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run of 30 steps."""
    path = tmp_path_factory.mktemp("run")
    train(Run(PLAN, VIOLIN.source_names()), crops(), [tone("garner")], path, Budget(steps=30, check_every=10))
    return path


def test_thirty_steps_bring_the_decoder_closer_to_the_tone(folder: Path):
    rows = [row.split(",") for row in (folder / "log.csv").read_text().splitlines()[1:]]
    assert [int(r[0]) for r in rows] == [10, 20, 30]
    assert float(rows[-1][3]) < float(rows[0][3])


def test_a_resumed_run_goes_on_where_it_stopped(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "run")
    run = Run.load(tmp_path / "run" / "last.pt")
    before = {k: v.clone() for k, v in run.weights().items()}
    assert run.step == 30
    train(run, crops(1), [tone("garner")], tmp_path / "run", Budget(steps=32, check_every=10))
    assert run.step == 32
    assert any(not torch.equal(before[k], v) for k, v in run.weights().items())
    assert (tmp_path / "run" / "log.csv").read_text().splitlines()[-1].startswith("32,")


def test_a_run_ends_when_the_held_out_loss_has_stopped_falling(tmp_path: Path):
    run = Run(PLAN, VIOLIN.source_names())
    run.best = 0.0
    train(run, crops(), [tone("garner")], tmp_path, Budget(steps=1000, patience=5, check_every=5))
    assert run.step == 5


@pytest.mark.parametrize("kind", [{}, {"hidden": 0, "channels": 8, "history_s": 0.1}])
def test_a_blur_changes_what_the_decoder_is_told_while_it_learns_and_nothing_else(kind: dict, tmp_path: Path):
    run = Run(replace(PLAN, blur=0.8, **kind), VIOLIN.source_names())
    told = []
    forward = run.decoder.forward
    run.decoder.forward = lambda f0_hz, loudness_db, *rest, **named: (told.append((f0_hz, loudness_db)), forward(f0_hz, loudness_db, *rest, **named))[1]
    # As high as the highest harmonics are above the Nyquist frequency, so that what sounds shows at which pitch it is played.
    f0, loudness = torch.full((40, 500), 1500.0), torch.full((40, 500), -30.0)
    source = torch.zeros(500, dtype=torch.long)
    _, shares, _ = run.controls(f0, loudness, source, 0)
    semitones = 12.0 * torch.log2(told[0][0] / f0)
    assert torch.equal(semitones[0], semitones[-1]), "it is another pitch for a crop, not for a frame"
    assert semitones.std().item() == pytest.approx(0.8, rel=0.15) and semitones.mean().item() == pytest.approx(0.0, abs=0.15)
    assert (told[0][1] - loudness).std().item() == pytest.approx(0.8 * 0.6, rel=0.15)
    # 16 kHz over 1.5 kHz: ten harmonics sound, whatever pitch was told.
    assert torch.equal((shares > 0).sum(-1), torch.full((40, 500), 10))
    with torch.no_grad():
        run.controls(f0, loudness, source, 0)
    assert torch.equal(told[1][0], f0) and torch.equal(told[1][1], loudness)
    run.plan.blur = 0.0
    run.controls(f0, loudness, source, 0)
    assert torch.equal(told[2][0], f0) and torch.equal(told[2][1], loudness)


def test_the_treble_counts_in_training_as_much_as_the_plan_says():
    time = torch.arange(32_000) / 32_000
    base = 0.01 * torch.randn(1, 32_000, generator=torch.Generator().manual_seed(1))

    def distance(hz: float, treble_weight: float) -> float:
        run = Run(replace(PLAN, treble_weight=treble_weight), VIOLIN.source_names())
        return run.distance(base + 0.1 * torch.sin(2 * torch.pi * hz * time), base, torch.tensor([16_000.0])).item()

    # A run seeds chance: each looks at the same places.
    assert distance(12_000.0, 0.25) / distance(12_000.0, 1.0) == pytest.approx(0.25, rel=0.15)
    assert distance(1000.0, 0.25) / distance(1000.0, 1.0) == pytest.approx(1.0, rel=0.05)


def test_frozen_rooms_stay_as_they_were(folder: Path, tmp_path: Path):
    rooms = Run.load(folder / "best.pt").averaged_rooms()
    run = Run(PLAN, VIOLIN.source_names(), rooms)
    train(run, crops(), [tone("garner")], tmp_path, Budget(steps=2, check_every=10))
    assert torch.equal(run.rooms.taps, rooms["taps"])
    again = Run.load(tmp_path / "last.pt")
    assert again.rooms_frozen and torch.equal(again.rooms.taps, rooms["taps"])


def test_a_run_can_go_on_in_the_room_of_another(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "run")
    rooms = Rooms(VIOLIN.source_names(), seed=7).state_dict()
    run = Run.load(tmp_path / "run" / "last.pt", rooms)
    train(run, crops(), [tone("garner")], tmp_path / "run", Budget(steps=32, check_every=10))
    again = Run.load(tmp_path / "run" / "last.pt")
    assert again.step == 32 and again.rooms_frozen
    assert torch.equal(again.rooms.taps, rooms["taps"])
    assert torch.allclose(again.average["rooms.taps"], rooms["taps"])


@pytest.fixture(scope="module")
def models(folder: Path, tmp_path_factory) -> Path:
    """A models folder with the exported run."""
    path = tmp_path_factory.mktemp("models")
    run = Run.load(folder / "best.pt")
    frames = [tone("garner").features]
    metadata = export.describe(run, VIOLIN, frames, frames, {name: 0.0 for name in run.rooms.sources})
    export.write_model(path / "violin" / "reduced.safetensors", export.model_tensors(run), metadata)
    export.write_room(path / "violin" / "room.safetensors", run, VIOLIN)
    return path


def test_an_exported_model_decodes_as_the_run_does(folder: Path, models: Path):
    run = Run.load(folder / "best.pt")
    f0, loudness = parity.test_frames(100)
    pre, values, metadata = parity.decode(models / "violin" / "reduced.safetensors", f0, loudness)
    with torch.no_grad(), run.with_average():
        expected, _ = run.decoder(
            torch.from_numpy(f0)[:, None], torch.from_numpy(loudness)[:, None], run.decoder.initial_state(1)
        )
    assert np.max(np.abs(pre - torch.cat(expected, -1)[:, 0].numpy())) < 0.02
    assert metadata["parameters"] == run.decoder.parameter_count()
    assert values.shape == (100, 1 + 20 + 17)


def test_a_model_in_bf16_is_the_run_to_8_bits(folder: Path, tmp_path: Path):
    run = Run.load(folder / "best.pt")
    tensors = export.model_tensors(run, precision="bf16")
    assert {v.dtype for v in tensors.values() if v.dim() > 1} == {torch.bfloat16}
    assert {v.dtype for v in tensors.values() if v.dim() == 1} == {torch.float32}
    with run.with_average():
        exact = {k: v.clone() for k, v in run.decoder.state_dict().items()}
    for name, values in tensors.items():
        assert torch.all((values.float() - exact[name]).abs() <= exact[name].abs() / 256), name
    frames = [tone("garner").features]
    metadata = export.describe(run, VIOLIN, frames, frames, {name: 0.0 for name in run.rooms.sources}, precision="bf16")
    path = tmp_path / "violin" / "reduced.safetensors"
    export.write_model(path, tensors, metadata)
    assert metadata["precision"] == "bf16"
    assert systems.content_hash(path) == systems.content_hash(path)
    pre, _, _ = parity.decode(path, *parity.test_frames(20))
    assert np.isfinite(pre).all()


def test_an_exported_model_says_what_it_was_made_from(models: Path):
    _, metadata = export.read_model(models / "violin" / "reduced.safetensors")
    assert sum(map(sum, metadata["density"]["counts"])) == round(SECONDS * 250) + 1
    low, high = metadata["range"]["f0_hz"]
    assert low == pytest.approx(400.0) and high == pytest.approx(400.0)
    assert [d["author"] for d in metadata["data"]] == [s.author for s in VIOLIN.sources]
    assert all(math.isfinite(x) for x in metadata["performance"].values())


def test_a_trill_has_jitter_and_a_steady_tone_has_none():
    steady = tone("garner").features
    assert statistics.jitter([steady])["f0_jitter_cents"] == 0.0
    rough = Features(steady.f0_hz * 2 ** (np.random.default_rng(0).normal(0, 5, len(steady)) / 1200), *(steady.voicing, steady.loudness_db))
    assert statistics.jitter([rough])["f0_jitter_cents"] == pytest.approx(5.0, rel=0.1)


def test_an_onset_is_measured_from_30_db_under_the_level_to_3_db_under_it():
    ramp = np.concatenate([np.linspace(-80.0, -20.0, 61), np.full(200, -20.0), np.linspace(-20.0, -80.0, 121)])
    note = Features(np.full(len(ramp), 400.0), np.ones(len(ramp)), ramp)
    times = statistics.onset_and_release([note])
    # 1 dB per frame up, half a dB per frame down; a frame is 4 ms.
    assert times["onset_ms"] == pytest.approx(27 * 4, abs=8)
    assert times["release_ms"] == pytest.approx(54 * 4, abs=8)


def retort() -> str | None:
    """The program to test against, if there is one that reads these models."""
    return shutil.which("retort")


# The project's own checks build a retort first and say so: there, these tests must not be left out.
needs_retort = pytest.mark.skipif(
    retort() is None and "RETORT_REQUIRED" not in os.environ, reason="no retort in PATH"
)


@needs_retort
def test_retort_lists_an_exported_model(models: Path):
    listed = subprocess.run(
        [retort(), "models", "--json"], capture_output=True, text=True, env=os.environ | {"RETORT_MODELS": str(models)}
    )
    assert listed.returncode == 0, listed.stderr
    assert any(m["id"] == "violin/reduced" for m in json.loads(listed.stdout))


@needs_retort
def test_retort_plays_the_decoder_that_was_trained(models: Path):
    found = parity.compare(models / "violin" / "reduced.safetensors", retort())
    assert not parity.exceeded(found), found
