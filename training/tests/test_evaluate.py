"""The evaluation scores what is new, leaves alone what is not, and keeps other training seeds apart."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from test_report import METADATA

from retort_training import cost, evaluate, export, hearing, oracle, split, systems, timbre
from retort_training.features import Features
from retort_training.split import HELD_OUT, NOTE, TAKE, TRAIN, Piece


def write_model(folder: Path, variant: str, seed: int = 1, precision: str = METADATA["precision"]) -> None:
    path = folder / "violin" / f"{variant}.safetensors"
    training = METADATA["training"] | {"seed": seed}
    metadata = METADATA | {
        "id": f"violin/{variant}",
        "variant": variant,
        "n_harmonics": 20,
        "n_noise_bands": 17,
        "training": training,
        "precision": precision,
    }
    export.write_model(path, {"w": torch.full((2, 2), float(seed))}, metadata)


@pytest.fixture
def args(tmp_path: Path, monkeypatch) -> SimpleNamespace:
    data, models = tmp_path / "data", tmp_path / "models"
    data.mkdir()
    time = np.arange(16_000 * 3) / 16_000
    tone = sum(np.sin(2 * np.pi * 300 * k * time) / k for k in range(1, 15))
    soundfile.write(data / "a.flac", (0.1 * tone + 1e-3 * np.random.default_rng(1).standard_normal(len(time))), 16_000)
    pieces = [
        Piece("a.flac", "garner", TAKE, HELD_OUT, 1.0, 2.5, 7_500.0),
        Piece("a.flac", "garner", TAKE, TRAIN, 0.0, 1.0, 7_500.0),
    ]
    monkeypatch.setattr(split, "read", lambda _name: pieces)
    monkeypatch.setattr(evaluate, "SCORES", tmp_path / "scores")
    quick = lambda _files: oracle.Settings(n_harmonics=20, n_noise_bands=17, steps=3)  # noqa: E731
    monkeypatch.setattr(evaluate, "oracle_settings", quick)
    retort = tmp_path / "retort"
    retort.touch()
    rendered = []

    def play(_retort, source, output, _models, model_id, seed, _lowest_pitch_hz, _options):
        """Renders its input a little softer with a little noise of its seed."""
        rendered.append(model_id)
        audio, rate_hz = soundfile.read(source)
        noise = 1e-4 * np.random.default_rng(100 + seed).standard_normal(len(audio))
        soundfile.write(output, 0.9 * audio + noise, rate_hz, subtype="FLOAT")
        return 0.1

    def measure(path, *_):
        n = round(soundfile.info(path).duration * 250)
        return Features(np.full(n, 300.0, np.float32), np.ones(n, np.float32), np.full(n, -20.0, np.float32))

    monkeypatch.setattr(systems, "play", play)
    monkeypatch.setattr(hearing, "measure", measure)
    monkeypatch.setattr(cost, "retort_version", lambda _retort: "retort 9.9.9")
    monkeypatch.setattr(cost, "bench", lambda *_: None)
    write_model(models, "reduced")
    room = {"retort-room": json.dumps({"sample_rate_hz": 32_000, "source": "garner", "id": "violin/room"})}
    save_file({"impulse_response": torch.zeros(320).half()}, models / "violin" / "room.safetensors", metadata=room)
    return SimpleNamespace(
        data=data, models=models, retort=str(retort), cache=tmp_path / "cache", instrument=None, variant=None,
        also=[], seeds=2, force=False, no_cost=False, learned=False, equalised=False, no_oracle=False, lowest_pitch=None, rendered=rendered,
    )  # fmt: skip


def renders(args) -> int:
    return len(args.rendered)


def scores(label: str) -> dict:
    return json.loads((evaluate.SCORES / "violin" / f"{label}.json").read_text())


def test_every_model_anchor_and_oracle_are_scored_and_the_scores_reach_the_file(args):
    evaluate.evaluate(args)
    assert sorted(p.stem for p in (evaluate.SCORES / "violin").glob("*.json")) == ["anchor", "oracle", "reduced"]
    record = scores("reduced")
    assert record["different_renderings"] == 2 and len(record["seeds"]) == 2
    assert len(scores("anchor")["seeds"]) == 1, "there is no chance in the anchor"
    # Nine tenths of the recording and noise far below it.
    anchor, system, fitted = (
        np.mean([s["multi_scale_loss"] for s in scores(x)["seeds"]]) for x in ("anchor", "reduced", "oracle")
    )
    assert system < 0.3 * anchor
    assert record["seeds"][0]["f0_cents"] < 1.0
    kept = export.read_model(args.models / "violin" / "reduced.safetensors")[1]["scores"]
    assert kept["multi_scale_loss"] == pytest.approx(system, abs=1e-3)
    assert kept["gap_closed"] == pytest.approx((anchor - system) / (anchor - fitted), abs=1e-3)


def test_what_has_not_changed_is_not_rendered_again(args):
    evaluate.evaluate(args)
    before = renders(args)
    evaluate.evaluate(args)
    assert renders(args) == before
    write_model(args.models, "full")
    evaluate.evaluate(args)
    assert renders(args) == before + 2, "the new model alone, two seeds"
    args.force = True
    evaluate.evaluate(args)
    assert renders(args) == before + 2 + 4


def test_models_of_other_training_seeds_are_kept_apart_and_change_no_file(args, tmp_path: Path):
    other = tmp_path / "more" / "seed2"
    write_model(other, "reduced", seed=2)
    content = (other / "violin" / "reduced.safetensors").read_bytes()
    args.also = [tmp_path / "more"]
    evaluate.evaluate(args)
    assert scores("reduced-seed2")["training_seed"] == 2 and scores("reduced")["training_seed"] == 1
    assert (other / "violin" / "reduced.safetensors").read_bytes() == content


def test_shipped_weights_in_another_precision_are_kept_apart(args, tmp_path: Path):
    write_model(tmp_path / "wide", "reduced", precision="f32")
    args.also = [tmp_path / "wide"]
    evaluate.evaluate(args)
    assert scores("reduced-f32")["training_seed"] == scores("reduced")["training_seed"]


def test_another_lowest_pitch_is_printed_and_not_kept(args, capsys):
    args.lowest_pitch = 80
    evaluate.evaluate(args)
    assert "violin/reduced seed 1: multi_scale_loss" in capsys.readouterr().out
    assert not (evaluate.SCORES / "violin").exists()


def test_a_spectrogram_of_each_is_left_for_the_report(args):
    evaluate.evaluate(args)
    kept = {p.stem for p in (args.cache / "spectrograms" / "violin").glob("*.npy")}
    assert kept == {"reference", "anchor", "oracle", "reduced"}
    reference = args.cache / "spectrograms" / "violin" / "reference.npy"
    before = reference.read_bytes()
    args.learned = True
    evaluate.evaluate(args)
    assert reference.read_bytes() == before
    assert (reference.parent / "learned" / "reference.npy").read_bytes() != before


def test_a_folder_without_the_instrument_says_what_to_do(args):
    args.instrument = ["violin"]
    args.variant = ["cnn"]
    with pytest.raises(ValueError, match="train and export one first"):
        evaluate.evaluate(args)


def test_passages_that_were_learned_from_are_scored_apart(args):
    evaluate.evaluate(args)
    content = (args.models / "violin" / "reduced.safetensors").read_bytes()
    args.learned = True
    evaluate.evaluate(args)
    record, held_out = scores("learned/reduced"), scores("reduced")
    assert record["seeds"] and record["held_out"] != held_out["held_out"]
    assert {p.name for p in (evaluate.SCORES / "violin" / "learned").iterdir()} == {"reduced.json"}
    assert (args.models / "violin" / "reduced.safetensors").read_bytes() == content


def test_a_note_s_own_spectrum_makes_a_loss_of_its_own(args):
    evaluate.evaluate(args)
    content, before = (args.models / "violin" / "reduced.safetensors").read_bytes(), scores("reduced")
    args.equalised = True
    evaluate.evaluate(args)
    (first, second), (whole, _) = scores("equalised/reduced")["seeds"], before["seeds"]
    assert first["multi_scale_loss"] < first["in_bands"] < whole["multi_scale_loss"] and second != first
    assert {p.name for p in (evaluate.SCORES / "violin" / "equalised").iterdir()} == {"reduced.json"}
    assert scores("reduced") == before and (args.models / "violin" / "reduced.safetensors").read_bytes() == content
    rendered = renders(args)
    evaluate.evaluate(args)
    assert renders(args) == rendered
    args.learned = True
    with pytest.raises(ValueError, match="name one of them"):
        evaluate.evaluate(args)


def test_held_out_notes_are_held_against_what_the_learned_ones_tell(args, monkeypatch):
    pieces = []
    for semitone, part in ((57, TRAIN), (59, TRAIN), (60, TRAIN), (58, HELD_OUT), (61, HELD_OUT)):
        name = {57: "A3", 58: "As3", 59: "B3", 60: "C4", 61: "Cs4"}[semitone]
        hz = 440.0 * 2.0 ** ((semitone - 69) / 12)
        time = np.arange(16_000) / 16_000
        breath = 1e-3 * np.random.default_rng(semitone).standard_normal(len(time))
        soundfile.write(args.data / f"garner_{name}_mf_normal_1.flac", 0.1 * sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 20)) + breath, 16_000)
        pieces.append(Piece(f"garner_{name}_mf_normal_1.flac", "garner", NOTE, part, 0.0, 1.0, 7_500.0))
    monkeypatch.setattr(split, "read", lambda _name: pieces)
    args.no_oracle = args.equalised = True
    evaluate.evaluate(args)
    figures = scores("equalised/reduced")["seeds"][0]
    # It plays them softer by a tenth; a neighbour's harmonics fall into a band or beside it.
    assert figures["bands_off_db"] == pytest.approx(-20.0 * np.log10(0.9), abs=0.3)
    assert 0.0 < figures["guess_off_db"] < 3.0 and (figures["notes"], figures["pitches"]) == (2, 2) and "lead_error_db" in figures
    rendered = renders(args)
    evaluate.evaluate(args)
    assert renders(args) == rendered
    # Other learned notes make another guess, though what is held out and who plays are the same.
    changed, rate_hz = soundfile.read(args.data / "garner_B3_mf_normal_1.flac")
    soundfile.write(args.data / "garner_B3_mf_normal_1.flac", np.convolve(changed, [0.5, 0.5], "same"), rate_hz)
    evaluate.evaluate(args)
    assert renders(args) > rendered and scores("equalised/reduced")["seeds"][0]["guess_off_db"] != figures["guess_off_db"]
    rendered = renders(args)
    monkeypatch.setattr(timbre, "VERSION", timbre.VERSION + 1)
    evaluate.evaluate(args)
    assert renders(args) > rendered


def test_the_oracle_can_be_left_to_another_time(args):
    args.no_oracle = True
    evaluate.evaluate(args)
    assert {p.stem for p in (evaluate.SCORES / "violin").glob("*.json")} == {"anchor", "reduced"}


def test_what_a_model_costs_is_measured_once_for_each_shape_and_build(tmp_path: Path, monkeypatch):
    models, path, program = tmp_path / "models", tmp_path / "cost.json", tmp_path / "retort"
    program.write_bytes(b"a program")
    write_model(models, "reduced")
    write_model(models, "reduced-ad", seed=2)
    write_model(models, "full", precision="int8")
    asked = []

    def bench(retort, models, model_id):
        asked.append(model_id)
        return {"decoder_us_per_frame": float(len(asked))}

    monkeypatch.setattr(cost, "bench", bench)
    keep = lambda force=False: cost.keep(str(program), models, ["violin"], path, force)  # noqa: E731
    keep()
    assert asked == ["violin/full", "violin/reduced-ad"]
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["violin/reduced-ad"] == kept["violin/reduced"] and kept["violin/full"]["decoder_us_per_frame"] == 1.0
    keep()
    assert len(asked) == 2
    program.write_bytes(b"a faster program")
    keep()
    assert len(asked) == 4
    keep(force=True)
    assert len(asked) == 6
