"""Where pitch and level tell the timbre of a note, it is guessed; where they do not, the guess is as far off as notes differ."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from retort_training import metrics, split, timbre
from retort_training.held_out import Part
from retort_training.timbre import Notes

RATE_HZ = metrics.RATE_HZ


def notes(pitches, levels, own_db: float = 0.0, seed: int = 0) -> Notes:
    """Bands that bend smoothly with pitch and level, and by `own_db` with chance."""
    pitch, level = np.asarray(pitches, float), np.asarray(levels, float)
    slope = np.linspace(0.5, 2.0, timbre.BANDS)
    bands = slope * level[:, None] - 10.0 * np.arange(timbre.BANDS) + 4.0 * np.sin(pitch / 9.0)[:, None] * slope
    return Notes(pitch, level, bands + own_db * np.random.default_rng(seed).standard_normal(bands.shape))


def scale(own_db: float = 0.0) -> Notes:
    """Three levels of every semitone of three octaves."""
    return notes(np.repeat(np.arange(48, 84), 3), np.tile([-50.0, -35.0, -20.0], 36), own_db)


def test_what_follows_from_pitch_and_level_is_guessed():
    known = scale()
    held_out = known.pitch % 8 == 4
    widths, off_db = timbre.best_widths(known[~held_out])
    strangers = known[held_out]
    assert off_db < 0.3
    assert np.abs(timbre.guess(known[~held_out], strangers, widths) - strangers.bands_db).mean() < 0.3
    # Without any guess, the mean of the others would be off by many times that.
    assert np.abs(known[~held_out].bands_db.mean(axis=0) - strangers.bands_db).mean() > 5.0


def test_what_is_a_note_s_own_is_not():
    widths, off_db = timbre.best_widths(scale(own_db=3.0))
    # The mean of |x| is 0.8 standard deviations; the guess's own error comes on top.
    assert 0.8 * 3.0 < off_db < 1.25 * 0.8 * 3.0
    assert widths.own > min(timbre.SHARES)


def test_one_pitch_cannot_be_guessed_from_others():
    with pytest.raises(ValueError, match="only one pitch"):
        timbre.best_widths(notes([60, 60], [-30.0, -20.0]))
    assert timbre.Stranger(notes([60, 60], [-30.0, -20.0])).compare([take(["C4_mf"])], [rendering(1.0)]) == {}


def tone(hz: float, seconds: float = 1.0, tilt: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    # Between the harmonics there is breath, as in any recording.
    breath = 3e-3 * np.random.default_rng(0).standard_normal(RATE_HZ)[: len(time)]
    return 0.1 * sum(np.sin(2 * np.pi * hz * k * time) / k**tilt for k in range(1, int(7900 / hz))) + breath


def take(names: list[str]) -> SimpleNamespace:
    """A second each of 220 Hz, as the files' names say that they are notes or not."""
    parts = [Part(f"philharmonia_{name}_normal_1.flac", float(i), i + 1.0, None if "phrase" in name else 220.0) for i, name in enumerate(names)]
    audio = np.concatenate([tone(220.0)] * len(names))
    return SimpleNamespace(take=SimpleNamespace(parts=parts), heard=SimpleNamespace(low=audio))


def rendering(gain: float, seconds: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(low=gain * tone(220.0, seconds))


def test_bands_and_level_are_those_of_the_sound():
    (quiet,), (loud,) = (timbre.notes_of(gain * tone(220.0), take(["A3_mf"]).take.parts).bands_db for gain in (0.5, 1.0))
    assert loud - quiet == pytest.approx(np.full(timbre.BANDS, 20.0 * np.log10(2.0)), abs=0.01)
    found = timbre.notes_of(tone(1000.0, tilt=9.0), [Part("philharmonia_B5_mf_normal_1.flac", 0.0, 1.0, 1000.0)])
    # A sine of amplitude 0.1 at 1 kHz, where the A curve is 1.
    assert found.level_db[0] == pytest.approx(-23.0, abs=0.1)
    assert found.pitch[0] == pytest.approx(69 + 12 * np.log2(1000 / 440))


def test_only_steady_single_notes_count():
    parts = take(["A3_mf", "A3_cresc-decresc", "A3_mf_legato_phrase"]).take.parts
    assert [timbre.is_steady(p) for p in parts] == [True, False, False]
    assert len(timbre.notes_of(np.concatenate([tone(220.0)] * 3), parts)) == 1


def test_a_rendering_is_compared_in_the_frames_of_the_recording():
    target = take(["A3_mf"])
    target.heard.low[RATE_HZ // 2 :] = 0.0
    for seconds in (1.0, 0.9):
        played = rendering(2.0, seconds)
        # Where the recording is silent a rendering may do what it likes, and may end a little early.
        played.low[RATE_HZ // 2 + timbre.WINDOW :] *= 20.0
        compared = timbre.Stranger(scale()).compare([target], [played])
        assert compared["bands_off_db"] == pytest.approx(20.0 * np.log10(2.0), abs=0.8)
        assert compared["guess_off_db"] > 0.0


def test_music_is_left_out():
    music = SimpleNamespace(take=SimpleNamespace(parts=[Part("garner.flac", 0.0, 1.0)]), heard=SimpleNamespace(low=tone(220.0)))
    assert timbre.Stranger(scale()).compare([music], [rendering(1.0)]) == {}


def test_notes_that_were_learned_from_are_read_with_their_gain(tmp_path):
    rate_hz = 32_000
    time = np.arange(rate_hz) / rate_hz
    pieces = []
    for name, part, kind in (("A3", split.TRAIN, split.NOTE), ("B3", split.HELD_OUT, split.NOTE), ("C4", split.TRAIN, split.TAKE)):
        file = f"philharmonia_{name}_mf_normal_1.wav"
        soundfile.write(tmp_path / file, 0.1 * np.sin(2 * np.pi * 1000.0 * time), rate_hz, subtype="FLOAT")
        pieces.append(split.Piece(file, "philharmonia", kind, part, 0.0, 1.0, 15_000.0))
    plain, louder = (timbre.learned_notes(pieces, "philharmonia", tmp_path, lambda _piece: gain) for gain in (0.0, 6.0))  # noqa: B023
    assert len(plain) == 1 and plain.pitch[0] == pytest.approx(57.0)
    assert louder.level_db - plain.level_db == pytest.approx(6.0, abs=0.01)
    assert len(timbre.learned_notes(pieces, "another", tmp_path, lambda _piece: 0.0)) == 0
