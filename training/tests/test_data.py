"""What is held out stays held out, and frames stay beside their audio."""

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from retort_training import HOP, SAMPLE_RATE_HZ, features, split
from retort_training.features import FeatureError, Features, hold_pitch, measure
from retort_training.crops import Crops
from retort_training.instruments import INSTRUMENTS
from retort_training.tapes import Copy, Note, Tape, apart, bound, copies, damped, load_tapes, note_number
from retort_training.workshop import training_tapes

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


def test_a_crop_keeps_frames_beside_their_audio():
    tape = Tape("a", audio_of(100), frames_of(101), 15_000.0)
    crop = Crops([tape], ["a"], 20, {}, seed=0).batch([(tape, 30)])
    assert crop.f0_hz[0, 0] == 130.0 and crop.audio[0, 0] == 30.0
    assert crop.f0_hz[-1, 0] == 150.0 and crop.audio[0, -1] == 49.0
    assert crop.taught is None


def test_a_crop_brings_the_controls_of_a_teacher_along():
    tape = Tape("a", audio_of(100), frames_of(101), 15_000.0)
    tape.taught = tuple(np.arange(101, dtype=np.float16)[:, None].repeat(n, 1) for n in (1, 3, 2))
    crop = Crops([tape], ["a"], 20, {}, seed=0).batch([(tape, 30)])
    assert [tuple(part.shape) for part in crop.taught] == [(21, 1, 1), (21, 1, 3), (21, 1, 2)]
    assert crop.taught[2][0, 0, 0] == 30.0


def tone(midi: float, seconds: float, rises_s: float = 0.05, falls_s: float = 0.2) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    shape = np.minimum(1.0, np.minimum(time / rises_s, (seconds - time) / falls_s))
    return (0.3 * shape * np.sin(2 * np.pi * 440.0 * 2 ** ((midi - 69) / 12) * time)).astype(np.float32)


def notes_of(midis: list[int], **shape) -> list[Note]:
    return [Note(tone(m, 1.5, **shape), m, "mf", True) for m in midis]


def level_db(audio: np.ndarray) -> np.ndarray:
    blocks = audio[: len(audio) // HOP * HOP].reshape(-1, HOP)
    return 10.0 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)


def test_a_note_s_name_is_its_number():
    assert [note_number(n) for n in ("C4", "As3", "A4", "Cs6")] == [60, 58, 69, 85]
    assert np.isnan(note_number("phrase"))


def test_notes_that_stand_apart_have_silence_between():
    audio = apart(notes_of([60, 64, 67]), np.random.default_rng(0))
    silent = level_db(audio) < -100.0
    assert np.sum(np.diff(silent.astype(int)) == 1) == 3


def test_bound_notes_pass_into_each_other_without_a_hole_or_a_click():
    audio = bound(notes_of([60, 62, 64, 65, 67, 69]), np.random.default_rng(3))
    level = level_db(audio)
    sounding = np.flatnonzero(level > -40.0)
    inside = level[sounding[0] + 15 : sounding[-1] - 60]
    # Some lines end and a new one begins; within a line the level holds.
    assert np.mean(inside > -22.0) > 0.85
    # No step is larger than that of the highest note at its full level.
    assert np.abs(np.diff(audio)).max() < 0.3 * 2 * np.pi * 440.0 / SAMPLE_RATE_HZ * 2.0


def test_a_damper_silences_a_ringing_note():
    ringing = [Note(tone(60, 6.0, 0.005, 5.9), 60, "v8", True) for _ in range(4)]
    audio = damped(ringing, np.random.default_rng(1))
    assert len(audio) / SAMPLE_RATE_HZ < 4 * 4.0
    assert (level_db(audio) < -60.0).any() and np.isfinite(audio).all()


def test_tapes_are_heard_at_other_pitches_and_levels_too(tmp_path: Path):
    violin = INSTRUMENTS["violin"]
    soundfile.write(tmp_path / "philharmonia_A4_mf_normal_15.wav", tone(69, 2.0), SAMPLE_RATE_HZ, subtype="FLOAT")
    pieces = [split.Piece("philharmonia_A4_mf_normal_15.wav", "philharmonia", split.NOTE, split.TRAIN, 0.0, 2.0, 15_000.0)]
    heard: list[tuple[int, float, float]] = []

    def measure_tape(path: Path, lowest_pitch_hz: int) -> Features:
        audio, _ = soundfile.read(path)
        spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
        heard.append((lowest_pitch_hz, np.argmax(spectrum) * SAMPLE_RATE_HZ / len(audio), np.abs(audio).max()))
        return frames_of(len(audio) // HOP + 1)

    tapes = load_tapes(pieces, tmp_path, violin, [Copy(160), Copy(40, 0.5, -6.0)], measure_tape, lines=False)
    assert [h[0] for h in heard] == [160, 40]
    assert heard[0][1] == pytest.approx(440.0, abs=1.0) and heard[1][1] == pytest.approx(440.0 * 2 ** (0.5 / 12), abs=1.0)
    assert heard[1][2] == pytest.approx(heard[0][2] / 2, rel=0.02)
    assert all(len(t.audio) == len(t) * HOP for t in tapes)


def test_the_trumpet_s_soft_fortissimo_is_put_right():
    trumpet = INSTRUMENTS["trumpet"].source("philharmonia")
    assert trumpet.gain_db("trumpet/philharmonia_A4_ff_normal_15.flac") == 5.0
    assert trumpet.gain_db("trumpet/philharmonia_A4_ff_normal_very-long.flac") == 0.0
    assert trumpet.gain_db("trumpet/philharmonia_A4_f_normal_15.flac") == 0.0


def test_of_few_notes_there_are_two_copies_more_and_of_music_none(tmp_path: Path):
    lengths = []

    def measure_tape(path, lowest_pitch_hz):
        n = soundfile.info(path).frames // HOP + 1
        lengths.append(n)
        return Features(np.full(n, 220.0, np.float32), np.ones(n, np.float32), np.zeros(n, np.float32))

    soundfile.write(tmp_path / "philharmonia_A4_mf_normal_15.wav", np.full(2 * SAMPLE_RATE_HZ, 0.1), SAMPLE_RATE_HZ)
    notes = [split.Piece("philharmonia_A4_mf_normal_15.wav", "philharmonia", split.NOTE, split.TRAIN, 0.0, 2.0, 15_000.0)]
    music = [split.Piece("philharmonia_A4_mf_normal_15.wav", "philharmonia", split.TAKE, split.TRAIN, 0.0, 2.0, 15_000.0)]
    many, few = (replace(INSTRUMENTS["oboe"], few_notes=x) for x in (False, True))
    assert len(training_tapes(few, notes, tmp_path, measure_tape)) == len(training_tapes(many, notes, tmp_path, measure_tape)) + 2
    # A little under a semitone up and down.
    up, down = lengths[len(copies(few)) : len(copies(few)) + 2]
    assert 12 * np.log2(down / up) / 2 == pytest.approx(0.95, abs=0.03)
    assert len(training_tapes(few, music, tmp_path, measure_tape)) == len(training_tapes(many, music, tmp_path, measure_tape))


def test_every_instrument_is_heard_with_its_own_setting_first():
    for instrument in INSTRUMENTS.values():
        assert copies(instrument)[0] == Copy(instrument.lowest_pitch_hz)
        assert 40 in {c.lowest_pitch_hz for c in copies(instrument)}
