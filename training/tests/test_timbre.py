"""Where pitch and level tell the timbre of a note, it is guessed; where they do not, the guess is as far off as notes differ."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from retort_training import metrics, split, timbre
from retort_training.held_out import Part
from retort_training.timbre import Notes, Yardstick

RATE_HZ = metrics.RATE_HZ
SLOPE = np.linspace(0.5, 1.0, timbre.BANDS)


def notes(own_db: float = 0.0, of_pitch_db: float = 0.0) -> Notes:
    """Three levels of every semitone of three octaves; bands bend smoothly with both, and by chance of each note or of each pitch."""
    pitch, level = np.repeat(np.arange(48.0, 84.0), 3), np.tile([-50.0, -35.0, -20.0], 36)
    chance = np.random.default_rng(0).standard_normal
    bands = SLOPE * level[:, None] - 3.0 * np.arange(timbre.BANDS) + 4.0 * np.sin(pitch / 9.0)[:, None] * SLOPE
    return Notes(pitch, level, bands + own_db * chance(bands.shape) + of_pitch_db * np.repeat(chance((36, timbre.BANDS)), 3, axis=0))


def test_what_follows_from_pitch_and_level_is_guessed():
    known = notes()
    held_out = known.pitch % 8 == 4
    strangers = known[held_out]
    widths, off_db = timbre.best_widths(known[~held_out])
    assert off_db < 0.3
    assert np.abs(timbre.guess(known[~held_out], strangers, widths) - strangers.bands_db).mean() < 0.3
    # Without any guess, the mean of the others would be off by many times that.
    assert np.abs(known[~held_out].bands_db.mean(axis=0) - strangers.bands_db).mean() > 4.0


def test_what_is_a_note_s_own_is_not():
    widths, off_db = timbre.best_widths(notes(own_db=3.0))
    # The mean of |x| is 0.8 standard deviations; the guess's own error comes on top.
    assert 0.8 * 3.0 < off_db < 1.25 * 0.8 * 3.0
    assert widths.own > min(timbre.OWN)


def test_a_pitch_is_guessed_from_other_pitches_alone():
    # Other notes of the pitch would tell its peculiarity.
    assert 0.9 * 0.8 * 3.0 < timbre.best_widths(notes(of_pitch_db=3.0))[1] < 1.35 * 0.8 * 3.0


def test_what_lies_deep_is_there():
    wanted = Notes(np.array([60.0]), np.array([-20.0]), np.array([[0.0, -50.0, -90.0] + [-70.0] * (timbre.BANDS - 3)]))
    off = timbre.off_db(wanted, wanted.bands_db + [[1.0, -20.0, 20.0] + [-9.0] * (timbre.BANDS - 3)])
    assert off.tolist() == [[1.0, 10.0] + [0.0] * (timbre.BANDS - 2)]


def test_one_pitch_cannot_be_guessed_from_others():
    known = notes()[:3]
    with pytest.raises(ValueError, match="only one pitch"):
        timbre.best_widths(known)
    assert Yardstick(known).compare([take(["C4_mf"])], [rendering(1.0)]) == {}


def tone(hz: float, seconds: float = 1.0, tilt: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    breath = 3e-4 * np.random.default_rng(0).standard_normal(len(time))
    return 0.1 * sum(np.sin(2 * np.pi * hz * k * time) / k**tilt for k in range(1, int(7900 / hz))) + breath


def take(names: list[str], hz: float = 220.0) -> SimpleNamespace:
    """A second of each, as the files' names say that they are notes or not."""
    parts = [Part(f"philharmonia_{name}_normal_1.flac", float(i), i + 1.0, None if "phrase" in name else hz) for i, name in enumerate(names)]
    audio = np.concatenate([tone(hz)] * len(names))
    return SimpleNamespace(take=SimpleNamespace(parts=parts), heard=SimpleNamespace(low=audio))


def rendering(gain: float, seconds: float = 1.0, **of_tone) -> SimpleNamespace:
    return SimpleNamespace(low=gain * tone(220.0, seconds, **of_tone))


def single(hz: float) -> list[Part]:
    return [Part("philharmonia_A3_mf_normal_1.flac", 0.0, 1.0, hz)]


def test_bands_are_those_of_the_harmonics_and_level_that_of_the_sound():
    (plain,) = timbre.notes_of(tone(220.0), single(220.0))
    (louder,) = timbre.notes_of(2.0 * tone(220.0), single(220.0))
    assert louder.bands_db - plain.bands_db == pytest.approx(np.full((1, timbre.BANDS), 6.02), abs=0.01)
    # Of four or five harmonics a band, the lowest has 1 / k ** 2 = 1, 1 / 4, 1 / 9, 1 / 16 of a sine of 0.1; twice the breath changes nothing.
    assert plain.bands_db[0, 0] == pytest.approx(-23.0 + 10.0 * np.log10(1.0 + 1 / 4 + 1 / 9 + 1 / 16), abs=0.2)
    (breathy,) = timbre.notes_of(tone(220.0) + 3e-4 * np.random.default_rng(1).standard_normal(RATE_HZ), single(220.0))
    assert breathy.bands_db == pytest.approx(plain.bands_db, abs=0.1)
    (found,) = timbre.notes_of(tone(1000.0, tilt=9.0), single(1000.0))
    # A sine of amplitude 0.1 at 1 kHz, where the A curve is 1.
    assert found.level_db[0] == pytest.approx(-23.0, abs=0.1)
    # At 100 Hz it is -19.1 dB (IEC 61672-1).
    (low,) = timbre.notes_of(0.1 * np.sin(2 * np.pi * 100.0 * np.arange(RATE_HZ) / RATE_HZ), single(100.0))
    assert low.level_db[0] == pytest.approx(-23.0 - 19.1, abs=0.5)
    assert found.pitch[0] == pytest.approx(69 + 12 * np.log2(1000 / 440))


def test_only_steady_single_notes_count():
    parts = take(["A3_mf", "A3_cresc-decresc", "A3_f_vibrato", "A3_mf_legato_phrase", "A3_mp_non-vibrato"]).take.parts
    assert [timbre.is_steady(p) for p in parts] == [True, False, False, False, True]
    assert len(timbre.notes_of(np.concatenate([tone(220.0)] * 5), parts)[0]) == 2


def test_what_follows_a_note_does_not_count():
    later = np.concatenate([tone(220.0, 0.4), 10 ** (-60 / 20) * tone(220.0, 0.6, tilt=0.0)])
    (plain,), (found,) = (timbre.notes_of(x, single(220.0)) for x in (tone(220.0), later))
    assert found.bands_db == pytest.approx(plain.bands_db, abs=1.0)


def test_notes_that_are_silent_or_too_short_are_left_out():
    parts = take(["A3_mf", "A3_p"]).take.parts
    both = np.concatenate([tone(220.0), 1e-6 * tone(220.0)])
    assert len(timbre.notes_of(both, parts)[0]) == 1
    # Of a rendering that ends before the second note, or within a few frames of it, the first is compared.
    both = np.concatenate([tone(220.0), tone(220.0)])
    for samples in (RATE_HZ, RATE_HZ + 5, RATE_HZ + timbre.WINDOW):
        recording, played = timbre.notes_of(both, parts, (both[:samples],))
        assert len(recording) == len(played) == 1


def test_a_rendering_is_held_against_the_guess_in_the_frames_of_the_recording():
    # Notes that are all alike but for pitch and level: as a guess could have them.
    known = Notes.joined([timbre.notes_of(gain * tone(hz), single(hz))[0] for hz in 440.0 * 2.0 ** (np.arange(-18.0, -6.0) / 12) for gain in (0.5, 1.0) if round(hz) != 220])
    target = take(["A3_mf"])
    target.heard.low[RATE_HZ // 2 :] = 0.0
    for seconds in (1.0, 0.9):
        played = rendering(2.0, seconds)
        # Where the recording is silent a rendering may do what it likes, and it may end a little early.
        played.low[RATE_HZ // 2 + timbre.WINDOW :] *= 20.0
        compared = Yardstick(known).compare([target], [played])
        assert compared["bands_off_db"] == pytest.approx(6.0, abs=0.8)
        assert compared["guess_off_db"] < 1.0
        assert compared["lead_db"] == pytest.approx(compared["guess_off_db"] - compared["bands_off_db"])
        assert (compared["notes"], compared["pitches"]) == (1, 1) and "lead_error_db" not in compared
    # Another timbre is further off than another level.
    assert Yardstick(known).compare([target], [rendering(1.0, tilt=2.0)])["bands_off_db"] > 8.0


def test_pitches_count_alike_however_many_notes_they_have():
    three = take(["A3_mf", "A3_p", "B3_mf"])
    three.take.parts[2] = Part("philharmonia_B3_mf_normal_1.flac", 2.0, 3.0, 247.0)
    gains = np.repeat([1.0, 1.0, 4.0], RATE_HZ)
    compared = Yardstick(notes()).compare([three], [SimpleNamespace(low=gains * three.heard.low)])
    assert compared["bands_off_db"] == pytest.approx(6.02, abs=0.1)
    assert compared["lead_db"] == pytest.approx(compared["guess_off_db"] - compared["bands_off_db"])
    assert (compared["notes"], compared["pitches"]) == (3, 2) and compared["lead_error_db"] == pytest.approx(6.02, abs=3.0)


def test_a_lead_over_few_pitches_must_be_large():
    assert timbre.clear_db(1.0, 5) == pytest.approx(2.776, abs=1e-3) and timbre.clear_db(0.5, 2) == pytest.approx(6.353, abs=1e-3)


def test_music_is_left_out():
    music = SimpleNamespace(take=SimpleNamespace(parts=[Part("garner.flac", 0.0, 1.0)]), heard=SimpleNamespace(low=tone(220.0)))
    assert Yardstick(notes()).compare([music], [rendering(1.0)]) == {}


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
