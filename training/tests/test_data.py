"""What is held out stays held out, and frames stay beside their audio."""

import stat
from pathlib import Path

import numpy as np
import pytest

from retort_training import HOP, features, split
from retort_training.features import FeatureError, Features, hold_pitch, measure
from retort_training.sources import GAP_FRAMES, Crops, Tape, cut, splice

FEATURE_ROWS = "time_s,f0_hz,voicing,loudness_db\n0.0,440.5,0.25,-70.0\n0.004,441.0,0.75,-30.5\n0.008,300.0,0.0,-60.0\n"


@pytest.mark.parametrize("path", sorted(split.SPLITS.glob("*.csv")), ids=lambda p: p.stem)
def test_no_second_of_a_recording_is_on_both_sides(path: Path):
    pieces = split.read(path.stem)
    held_out = [p for p in pieces if p.part == split.HELD_OUT]
    assert held_out
    for piece in pieces:
        assert piece.part in (split.TRAIN, split.HELD_OUT) and piece.start_s < piece.end_s
        if piece.part == split.TRAIN:
            for other in held_out:
                assert other.file != piece.file or piece.end_s <= other.start_s or other.end_s <= piece.start_s


@pytest.mark.parametrize("path", sorted(split.SPLITS.glob("*.csv")), ids=lambda p: p.stem)
def test_no_note_is_on_both_sides(path: Path):
    note = lambda p: (p.source, p.file.split("_")[1])  # noqa: E731
    notes = [p for p in split.read(path.stem) if p.kind == split.NOTE]
    sides = [{note(p) for p in notes if p.part == part} for part in (split.TRAIN, split.HELD_OUT)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_the_split_of_takes_holds_out_the_last_15_percent(tmp_path: Path):
    index = tmp_path / "index.csv"
    index.write_text("file,instrument,source,midi,seconds\nviolin/take.flac,violin,garner,,100.0\n")
    train, held_out = split.make(index, "violin", ["garner"])
    assert (train.start_s, train.end_s) == (0.0, 85.0)
    assert (held_out.start_s, held_out.end_s) == (85.0, 100.0)


def test_an_unvoiced_frame_holds_the_pitch_of_the_last_voiced_one():
    held = hold_pitch(np.array([100.0, 440.0, 90.0, 450.0]), np.array([0.0, 1.0, 0.2, 0.9]))
    assert held.tolist() == [440.0, 440.0, 440.0, 450.0]


def fake_retort(folder: Path, script: str) -> str:
    program = folder / "retort"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_frames_are_measured_once_per_recording(tmp_path: Path):
    (tmp_path / "rows.csv").write_text(FEATURE_ROWS)
    retort = fake_retort(tmp_path, f'echo "$@" >> {tmp_path}/calls; cp {tmp_path}/rows.csv "$3"')
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"sound")
    for _ in range(2):
        frames = measure(recording, retort, tmp_path / "cache", 40)
    assert frames.loudness_db.tolist() == [-70.0, -30.5, -60.0]
    assert frames.f0_hz.tolist() == [441.0, 441.0, 441.0]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 1 and calls[0].endswith("--lowest-pitch 40")
    recording.write_bytes(b"another sound")
    measure(recording, retort, tmp_path / "cache", 40)
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_failing_analysis_says_why(tmp_path: Path):
    retort = fake_retort(tmp_path, 'echo "a.wav: no audio in it" >&2; exit 1')
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(FeatureError, match="no audio in it"):
        measure(tmp_path / "a.wav", retort, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_another_table_is_refused(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("time,f0\n0,1\n")
    with pytest.raises(FeatureError, match="columns"):
        features.read_csv(tmp_path / "rows.csv")


def frames_of(n: int, start: float = 0.0) -> Features:
    values = (start + np.arange(n)).astype(np.float32)
    return Features(100.0 + values, np.ones(n, np.float32), -40.0 + 0.01 * values)


def audio_of(n_segments: int) -> np.ndarray:
    """Each segment holds the number of the frame at its start."""
    return np.repeat(np.arange(n_segments), HOP).astype(np.float32)


def test_a_cut_keeps_frames_beside_their_audio():
    audio, frames = cut(audio_of(100), frames_of(101), 0.04, 0.2)
    assert len(audio) == 40 * HOP and len(frames) == 41
    assert audio[0] == 10 and frames.f0_hz[0] == 110.0
    assert audio[-1] == 49 and frames.f0_hz[-1] == 150.0


def test_spliced_notes_keep_frames_beside_their_audio():
    parts = [(audio_of(20), frames_of(21)), (audio_of(30), frames_of(31, 500.0))]
    tape = splice(parts, "notes", 15_000.0)
    assert len(tape.audio) == len(tape) * HOP == (20 + 30 + 2 * GAP_FRAMES) * HOP
    second = 20 + GAP_FRAMES
    assert tape.features.f0_hz[second] == 600.0 and tape.audio[second * HOP] == 0.0
    assert tape.features.f0_hz[second - 1] == tape.features.f0_hz[19]
    assert tape.features.loudness_db[second - 1] == -80.0


def test_a_crop_that_is_softer_is_softer_in_audio_and_loudness_alike():
    tape = Tape("a", audio_of(100), frames_of(101), 15_000.0)
    crops = Crops([tape], ["a"], 20, {}, seed=0)
    plain = crops.batch([(tape, 30, 0.0)])
    soft = crops.batch([(tape, 30, -6.0)])
    assert plain.f0_hz[0, 0] == 130.0 and plain.audio[0, 0] == 30.0
    assert np.allclose(soft.audio, plain.audio * 10 ** (-6 / 20))
    assert np.allclose(soft.loudness_db, plain.loudness_db - 6.0)
