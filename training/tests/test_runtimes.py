"""Other runtimes play the very network of a model file, or are refused; and the page says what was measured."""

import argparse
import importlib.util
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from retort_training import __main__ as command_line
from retort_training import performance, runtimes
from retort_training.export import read_model

MODELS = Path(__file__).resolve().parents[2] / "models/violin"
RETORT = shutil.which("retort")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(runtimes, "LEAST_S", 0.002)
    monkeypatch.setattr(runtimes, "RUNS", 3)


def network(variant: str, folder: Path) -> runtimes.Network:
    tensors, metadata = read_model(MODELS / f"{variant}.safetensors")
    t = np.arange(60) / 50
    clip = np.stack([0.54 + 0.05 * np.sin(2 * t), 0.7 + 0.1 * np.sin(5 * t)], 1).astype(np.float32)
    return runtimes.network(runtimes.widened(tensors), metadata["architecture"]["type"] == "gru", clip, folder)


@pytest.mark.parametrize("variant", ["reduced", "cnn-tiny-q"])
def test_others_play_the_same_network_at_every_step(variant, tmp_path):
    net = network(variant, tmp_path)
    rows = [*runtimes.with_onnx_runtime(net), *runtimes.with_pytorch(net)]
    found = {(row.runtime, row.precision, row.how): row for row in rows}
    for runtime in ("ONNX Runtime", "PyTorch", "TorchScript"):
        for how in ("streaming", "whole clip"):
            row = found[runtime, "f32", how]
            assert row.us_per_step > 0
            assert row.difference < 1e-5
    # Eight bits are heard, but it is still this network.
    narrow = [row.difference for row in rows if row.precision == "int8"]
    assert narrow and all(1e-4 < difference < runtimes.INT8_TOLERANCE for difference in narrow)
    # What a call costs by itself is less than what it costs with the network.
    assert found["ONNX Runtime", "f32", "a call that does nothing"].us_per_step < found["ONNX Runtime", "f32", "streaming"].us_per_step


def test_another_network_is_refused(tmp_path):
    net = network("reduced", tmp_path)
    net.wanted[-1, 3] += 1.0
    with pytest.raises(ValueError, match="ONNX Runtime, streaming, differs from PyTorch"):
        list(runtimes.with_onnx_runtime(net))
    with pytest.raises(ValueError, match="PyTorch, streaming, differs"):
        list(runtimes.with_pytorch(net))
    with pytest.raises(ValueError, match="8 bits differs"):
        net.off_by(np.zeros_like(net.wanted), "silence in 8 bits", runtimes.INT8_TOLERANCE)
    net.wanted[:] = np.nan
    with pytest.raises(ValueError, match="differs"):
        list(runtimes.with_pytorch(net))


def test_a_missing_runtime_is_named(monkeypatch, capsys, tmp_path):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else real(name, *rest))
    assert command_line.main(["runtimes", "--out", str(tmp_path / "page.md")]) == 1
    said = capsys.readouterr().err
    assert "onnxruntime is not installed" in said and "training[runtimes]" in said
    assert not (tmp_path / "page.md").exists()


@pytest.mark.skipif(RETORT is None, reason="no retort in PATH")
def test_the_page_says_what_was_measured(monkeypatch, tmp_path, capsys):
    models = tmp_path / "models"
    (models / "violin").mkdir(parents=True)
    for name in ("cnn-tiny", "room"):
        shutil.copy(MODELS / f"{name}.safetensors", models / "violin")
    monkeypatch.setattr(performance, "FURTHER_VOICE_SETS", ())
    monkeypatch.setattr(performance, "SETS", ("plain", "avx1024"))
    monkeypatch.setattr(performance, "FLOAT_SETS", ("plain",))
    # Voices take minutes: these figures stand for them.
    voice = {"id": "violin/cnn-tiny", "voices": 1, "source": "audio", "cpu_share": 0.0125, "worst_block_share": 0.25}
    voices = {
        "decoder": [{"simd": "plain", "precision": "f16"}],
        "voice": [voice],
        **{part: [] for part in ("idle", "blocks", "synth", "analysis")},
        "ns_per_oscillator_sample": 0.125,
        "room_worst_by_mean": 1.5,
    }
    bench = performance.bench
    monkeypatch.setattr(performance, "bench", lambda *words, simd=None: voices if "--full" in words else bench(*words, simd=simd))
    args = argparse.Namespace(
        retort=RETORT, models=models, instrument="violin", out=tmp_path / "page.md", raw=tmp_path / "raw.json", without_tract=True, without_plugin=True
    )
    performance.performance(args)
    page = args.out.read_text(encoding="utf-8")
    raw = json.loads(args.raw.read_text(encoding="utf-8"))
    assert "one after another in one run." in page
    # The machine has no set of that name, and says so.
    assert [row["simd"] for row in raw["decoder cnn-tiny"]["retort"]] == ["plain", "plain"]
    shipped, widened = raw["decoder cnn-tiny"]["retort"]
    assert f"| Retort | f16, as shipped | plain | {shipped['us_per_step']:.2f} |" in page
    assert f"| Retort | f32, widened to f32 | plain | {widened['us_per_step']:.2f} |" in page
    fastest = min(row["us_per_step"] for row in (shipped, widened))
    others = raw["decoder cnn-tiny"]["others"]
    for row in others:
        if row["how"] == "streaming":
            assert f"| {row['runtime']} | {row['precision']} | its own choice | {row['us_per_step']:.2f} | {row['us_per_step'] / fastest:.1f} |" in page
        else:
            assert f" {row['us_per_step']:.2f} |" in page
    assert {(row["runtime"], row["how"]) for row in others} >= {(r, how) for r in ("ONNX Runtime", "PyTorch", "TorchScript") for how in ("streaming", "whole clip")}
    assert "| violin/cnn-tiny | f16 | plain | 1 | audio | 1.25 | 25.00 |" in page
    # A second run with the same figures measures nothing again.
    monkeypatch.setattr(performance, "bench", None)
    performance.performance(args)
    again = args.out.read_text(encoding="utf-8")
    assert "all of it was kept from an earlier run" in again
    assert again.split("## Decoders", 1)[1] == page.split("## Decoders", 1)[1]
    # An instrument without models is an error.
    args.instrument = "kazoo"
    with pytest.raises(ValueError, match="no model of kazoo"):
        performance.performance(args)


def test_rows_are_written_as_json():
    row = runtimes.Row("tract", "f32", "streaming", 1.5)
    assert json.loads(json.dumps(asdict(row))) == {"runtime": "tract", "precision": "f32", "how": "streaming", "us_per_step": 1.5, "difference": None}
