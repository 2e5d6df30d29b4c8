"""The report says no more than was measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from retort_training import cost, evaluate, export, pictures, report, standings, systems
from retort_training.hearing import FIGURES
from retort_training.report import _cell, _has_spread, _learned

METADATA = {
    "architecture": {"type": "gru", "hidden": 16},
    "n_harmonics": 80,
    "n_noise_bands": 65,
    "noise_fir_ms": 4.0,
    "precision": "f16",
    "range": {"f0_hz": [196.0, 2659.0], "loudness_db": [-50.0, -6.0]},
    "density": {},
    "performance": {"f0_jitter_cents": 5.5, "loudness_jitter_db": 0.7, "onset_ms": 144.0, "release_ms": 220.0},
    "room": "violin/room",
    "parameters": 2446,
    "data": [{"name": "a", "author": "b", "licence": "CC BY 3.0"}],
    "licence": "CC BY 4.0",
    "loudness": "a-weighted-power",
    "bandwidth_hz": 15_500.0,
    "training": {"steps": 100, "minutes": 1.0, "learning_rate": 1e-3, "seed": 1, "level_offsets_db": {"a": 0.0}},
    "scores": {"multi_scale_loss": 5.0},
}


def record(losses: list[float], different: int) -> dict:
    return {"seeds": [{"multi_scale_loss": x} for x in losses], "different_renderings": different}


def scored(loss: float, variant: str = "reduced", seed: int = 1, kind: str = "model") -> dict:
    figures = dict.fromkeys(FIGURES, 0.4) | {"multi_scale_loss": loss, "f0_cents": 4.0}
    return {
        "id": f"violin/{variant}",
        "kind": kind,
        "held_out": [{"file": "violin/a.flac", "start_s": 0.0, "end_s": 10.0}],
        "held_out_s": 10.0,
        "different_renderings": 2,
        "seeds": [figures, figures | {"multi_scale_loss": loss + 0.002}],
        "training_seed": seed,
        "parameters": 7170,
    }


def model_file(models: Path, instrument: str, variant: str, value: float = 0.5) -> Path:
    path = models / instrument / f"{variant}.safetensors"
    export.write_model(
        path,
        {"w": torch.full((2, 2), value)},
        METADATA | {"id": f"{instrument}/{variant}", "instrument": instrument, "variant": variant},
    )
    return path


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """(models, scores) of a violin with four models, two of them by three training seeds."""
    models, scores = tmp_path / "models", tmp_path / "scores"
    losses = {"full": 5.0, "reduced": 5.3, "reduced-cd": 5.2, "cnn-tiny": 5.6}
    (scores / "violin").mkdir(parents=True)
    put = lambda name, r: (scores / "violin" / f"{name}.json").write_text(json.dumps(r))  # noqa: E731
    put("anchor", scored(10.0, "anchor", kind="anchor"))
    put("oracle", scored(4.0, "oracle", kind="oracle"))
    for variant, loss in losses.items():
        model_file(models, "violin", variant)
        put(variant, scored(loss, variant))
    for variant, step in (("reduced", 0.01), ("reduced-cd", 0.01)):
        for seed in (2, 3, 4):
            put(f"{variant}-seed{seed}", scored(losses[variant] + step * (seed - 2), variant, seed))
    put("full-f16", scored(4.985, "full"))
    (scores / "violin/learned").mkdir()
    put("learned/cnn-tiny", scored(5.5, "cnn-tiny"))
    return models, scores


def test_the_spread_over_seeds_is_given_where_every_seed_sounds_different():
    assert _cell(record([5.0, 5.1, 5.2], 3), "multi_scale_loss") == "5.100 ± 0.100"


def test_one_rendering_repeated_has_no_spread():
    repeated = record([5.4, 5.4], 1)
    assert not _has_spread(repeated)
    assert _cell(repeated, "multi_scale_loss") == "5.400"


def test_one_seed_has_no_spread():
    assert _cell(record([5.4], 1), "multi_scale_loss") == "5.400"


def test_the_report_is_made_from_kept_scores_alone(places: tuple[Path, Path], tmp_path: Path, monkeypatch):
    models, scores = places
    monkeypatch.setattr(evaluate, "SCORES", scores)
    text = report.text(standings.gather(models, scores), {}, models, tmp_path / "cache")
    assert "| anchor | 0.0 % | 10.001 ± 0.001 |" in text
    assert "| `violin/full` | 83.3 % | 5.001 ± 0.001 |" in text
    assert "`reduced-cd` | 3 | 5.211 ± 0.010" in text
    assert (
        "![Loss against size of the file (kB)](report/loss-size.webp)" in text
        and (models / "report" / "loss-size.webp").exists()
    )
    assert "loss-cost" not in text, "no cost was measured"
    assert "## Timbre transfer" not in text, "no transfer was scored"


def lines(places) -> dict[str, standings.Target]:
    return {t.text: t for t in standings.targets(standings.gather(*places), {})}


def test_targets_are_judged_by_the_scores(places: tuple[Path, Path]):
    found = lines(places)
    assert found["gap closed by full: at least 80 %"].met is True
    assert found["gap closed by cnn-tiny: at least 65 %"].met is True
    assert found["gap closed by cnn: at least 70 %"].met is None
    assert found["loss on held-out garner of cnn-tiny: at most 5.3"].met is False
    assert found["loss on held-out garner of reduced: at most 5.3"].evidence == "5.201 (reduced-cd)"
    assert found["Full beats the best Reduced on every instrument"].met is True
    assert found["Tiny has fewer than 2500 parameters"].met is True
    assert found["eight variants each of flute, trumpet, violin and piano are shipped and scored"].met is False
    assert found["quantising costs at most 0.05 of loss"].met is None
    coarser = found["Full as shipped, in 8 bits, is at most 0.02 worse than its weights before"]
    assert coarser.met is True and coarser.evidence == "violin +0.0150 against f16"


def test_a_student_wins_only_beyond_the_spread_over_training_seeds(places: tuple[Path, Path]):
    (violin,) = standings.gather(*places)
    assert "`reduced-cd` has the least loss" in (told := standings.student_verdict(violin)) and "it wins" in told
    assert "Control distillation: -0.100 ± 0.008, helps." in told and "Audio" not in told
    for i, r in enumerate(violin.others["reduced-cd"]):
        r["seeds"] = [{"multi_scale_loss": 5.0 + 0.2 * i}]
    assert "no winner" in standings.student_verdict(violin)
    violin.others.clear()
    assert "no spread" in standings.student_verdict(violin)


def test_figures_of_learned_passages_stand_beside_those_that_miss(places: tuple[Path, Path]):
    (violin,) = standings.gather(*places)
    assert violin.where_learned("cnn-tiny") == " (learned from: 5.501)" and violin.where_learned("full") == ""
    (places[1] / "violin" / "cnn-tiny.json").write_text(json.dumps(scored(7.0, "cnn-tiny")))
    assert lines(places)["gap closed by cnn-tiny: at least 65 %"].evidence == (
        "**violin 50.0 %: 7.001 (learned from: 5.501), wanted 6.101**"
    )


def test_figures_of_who_knows_the_takes_by_heart_stand_there_too(places: tuple[Path, Path]):
    folder = places[1] / "violin" / "by-heart"
    folder.mkdir()
    for variant, loss in (("cnn-tiny", 5.0), ("full", 4.5)):
        (folder / f"{variant}.json").write_text(json.dumps(scored(loss, variant) | {"steps": 2000}))
    (violin,) = standings.gather(*places)
    assert violin.where_learned("cnn-tiny") == " (learned from: 5.501, by heart: 5.001)"
    assert violin.where_learned("full") == " (by heart: 4.501)"
    assert "by-heart" not in violin.models and "| violin/cnn-tiny | 5.601 | 5.501 | 5.001 | 83.3 % | 2000 |  |  |  |  |  |  |" in _learned([violin])
    assert "| violin/full | 5.001 |  | 4.501 | 91.7 % | 2000 |  |  |  |  |  |  |" in _learned([violin])


def test_what_an_equaliser_would_leave_stands_beside_what_misses(places: tuple[Path, Path]):
    folder = places[1] / "violin" / "equalised"
    folder.mkdir()
    (folder / "full.json").write_text(json.dumps({"seeds": [{"multi_scale_loss": 4.2, "in_bands": 4.7}]}))
    (violin,) = standings.gather(*places)
    assert violin.where_learned("full") == " (equalised: 4.200)"
    # It says nothing of other figures.
    assert violin.where_learned("full", "loudness_error_db") == ""
    assert "| violin/full | 5.001 |  |  |  |  | 4.700 | 4.200 |  |  |  |  |" in _learned([violin])


def test_who_misses_is_told_from_who_only_misses_with_strangers(places: tuple[Path, Path]):
    learned = places[1] / "violin" / "learned"
    for variant, held_out, known in (("full", 5.5, 5.4), ("cnn-tiny", 7.0, 6.0), ("reduced-cd", 5.2, 5.1)):
        (places[1] / "violin" / f"{variant}.json").write_text(json.dumps(scored(held_out, variant)))
        (learned / f"{variant}.json").write_text(json.dumps(scored(known, variant)))
    found = standings.gather(*places)
    # 80 % is 5.201, 65 % is 6.101; the best student closes 70 %.
    assert standings.misses(found) == (["violin/cnn-tiny"], ["violin/full"])
    text = _learned(found)
    assert "does not carry over to other notes: violin/cnn-tiny." in text and "that they learned from, either: violin/full." in text
    (learned / "full.json").unlink()
    assert standings.misses(standings.gather(*places)) == (["violin/cnn-tiny"], [])


def test_what_was_measured_of_a_replaced_file_is_left_out(places: tuple[Path, Path]):
    violin = places[1] / "violin"
    (violin / "cnn-tiny.json").write_text(json.dumps(scored(5.6, "cnn-tiny") | {"key": {"system": "new"}}))
    (violin / "learned" / "cnn-tiny.json").write_text(json.dumps(scored(5.5, "cnn-tiny") | {"key": {"system": "old"}}))
    (found,) = standings.gather(*places)
    assert found.where_learned("cnn-tiny") == ""
    (violin / "learned" / "cnn-tiny.json").write_text(json.dumps(scored(5.5, "cnn-tiny") | {"key": {"system": "new"}}))
    (found,) = standings.gather(*places)
    assert found.where_learned("cnn-tiny") == " (learned from: 5.501)"


def test_writing_scores_into_a_model_does_not_call_for_new_ones(tmp_path: Path):
    path = model_file(tmp_path, "violin", "reduced")
    before = systems.content_hash(path)
    evaluate.keep_in_file(path, scored(5.0), (scored(10.0), scored(4.0)))
    kept = export.read_model(path)[1]["scores"]
    assert kept["gap_closed"] == pytest.approx(0.8333, abs=1e-3) and kept["multi_scale_loss"] == pytest.approx(5.001)
    assert systems.content_hash(path) == before
    model_file(tmp_path, "violin", "reduced", 0.6)
    assert systems.content_hash(path) != before, "other weights are another model"


def test_a_changed_model_is_called_stale(places: tuple[Path, Path]):
    models, scores = places
    room = models / "violin" / "room.safetensors"
    room.write_bytes(b"room")
    (violin,) = [one for one in [standings.Instrument("violin", described={"full": METADATA})]]
    violin.models["full"] = scored(5.0, "full") | {
        "key": {"system": systems.fingerprint(models / "violin" / "full.safetensors", room)}
    }
    assert report._stale(violin, models) == []
    model_file(models, "violin", "full", 0.7)
    assert report._stale(violin, models) == ["full"]


def test_the_cost_of_a_model_is_read_from_the_bench():
    table = {
        "decoder": [{"id": "violin/full", "us_per_frame": 202.2, "x_realtime": 19.8, "simd": "avx2", "precision": "int8"}],
        "voice": [
            {"id": "violin/full", "source": "notes", "voices": 1, "x_realtime": 16.0, "worst_block_share": 0.1},
            # Chords are another matter.
            {"id": "violin/full", "source": "notes", "voices": 8, "x_realtime": 5.0, "worst_block_share": 0.5},
        ],
    }
    found = cost.read_bench(table, "violin/full")
    assert found["decoder_us_per_frame"] == 202.2 and found["voice_x_realtime"] == {"notes": 16.0}
    assert cost.read_bench(table, "violin/reduced") is None


def test_spectrograms_are_drawn_from_what_the_evaluation_kept(tmp_path: Path):
    time = np.arange(64_000) / 32_000
    pictures.keep_spectrogram(tmp_path, "violin", "full", np.sin(2 * np.pi * 1000 * time))
    assert pictures.draw_spectrograms(tmp_path, "violin", ["reference", "full"], tmp_path / "violin.webp")
    assert (tmp_path / "violin.webp").stat().st_size > 1000
    drawn = (tmp_path / "violin.webp").read_bytes()
    pictures.keep_spectrogram(tmp_path, "violin", "full", np.sin(2 * np.pi * 3000 * time))
    # One that knows fewer does not take the place of one that is there.
    assert not pictures.draw_spectrograms(tmp_path, "violin", ["reference", "full"], tmp_path / "violin.webp")
    assert (tmp_path / "violin.webp").read_bytes() == drawn
    assert pictures.draw_spectrograms(tmp_path, "violin", ["full"], tmp_path / "violin.webp")
    assert (tmp_path / "violin.webp").read_bytes() != drawn
    assert not pictures.draw_spectrograms(tmp_path, "flute", ["full"], tmp_path / "flute.webp")
    kept = pictures.load_spectrogram(tmp_path, "violin", "full")
    loudest_hz = pictures._band_centres_hz(kept.shape[1])[np.argmax(kept[20])]
    assert loudest_hz == pytest.approx(3000.0, rel=0.1)


def test_who_misses_is_held_against_a_statistical_guess(places: tuple[Path, Path]):
    folder = places[1] / "violin" / "equalised"
    folder.mkdir()

    def off(variant: str, lead_db: float, **more) -> None:
        figures = {"multi_scale_loss": 4.2, "in_bands": 4.7, "bands_off_db": 2.6 - lead_db, "guess_off_db": 2.6, "lead_db": lead_db, "notes": 9, "pitches": 4}
        (folder / f"{variant}.json").write_text(json.dumps({"seeds": [figures | more]}))

    for variant, held_out, lead_db in (("full", 5.5, 2.0), ("cnn-tiny", 7.0, -2.0), ("reduced-cd", 5.2, -9.0)):
        (places[1] / "violin" / f"{variant}.json").write_text(json.dumps(scored(held_out, variant)))
        off(variant, lead_db, lead_error_db=0.6)
    found = standings.gather(*places)
    # The student closes enough of the gap, and is not asked.
    assert standings.beside_guess(found) == (["violin/full"], ["violin/cnn-tiny"], [])
    text = _learned(found)
    assert "| 4.700 | 4.200 | 0.6 | 2.6 | +2.0 ± 0.6 | 9, 4 |" in text
    assert "than the guess: violin/full." in text and "left unused: violin/cnn-tiny." in text and "As near" not in text
    # Three degrees of freedom: 3.18 standard errors are one case of twenty.
    off("full", 1.8, lead_error_db=0.6)
    off("cnn-tiny", -1.8, lead_error_db=0.6)
    found = standings.gather(*places)
    assert standings.beside_guess(found) == ([], [], ["violin/full", "violin/cnn-tiny"])
    assert "with so few pitches: violin/full, violin/cnn-tiny." in _learned(found)
    # One pitch has no spread, and older records say nothing of it.
    off("full", 1.3)
    (folder / "cnn-tiny.json").write_text(json.dumps({"seeds": [{"multi_scale_loss": 4.2, "in_bands": 4.7}]}))
    found = standings.gather(*places)
    assert standings.beside_guess(found) == ([], [], []) and "| 1.3 | 2.6 | +1.3 | 9, 4 |" in _learned(found)
