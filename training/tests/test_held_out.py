"""What is scored is always the same, and a take says where its notes are."""

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from retort_training import held_out, split
from retort_training.features import Features
from retort_training.hearing import Heard, Target, compare
from retort_training.held_out import LEARNED_S, PRE_ROLL_S, Part, Take, choose, label_hz, learned, takes
from retort_training.split import HELD_OUT, NOTE, TAKE, TRAIN, Piece


def note(name: str, seconds: float = 2.0, source: str = "orchestra", part: str = HELD_OUT) -> Piece:
    return Piece(f"flute/{source}_{name}.flac", source, NOTE, part, 0.0, seconds, 15_000.0)


def many() -> list[Piece]:
    names = [f"{n}4_{d}_normal_{length}" for n in "CDEFG" for d in ("pp", "mf", "ff") for length in ("05", "1", "15")]
    return [note(n) for n in names] + [note("A4_mf_legato_phrase", 9.0), note("A4_cresc_normal_long", 9.0)]


def test_the_choice_does_not_depend_on_the_order_of_the_list():
    pieces = many()
    shuffled = random.Random(3).sample(pieces, len(pieces))
    assert choose(pieces, "orchestra") == choose(shuffled, "orchestra")


def test_dynamics_crescendo_and_phrases_take_turns():
    first = [Path(p.file).stem for p in choose(many(), "orchestra")[:5]]
    for word in ("_pp_", "_mf_normal", "_ff_", "_cresc_", "_phrase"):
        assert any(word in name for name in first), word


def test_pitches_take_turns():
    pieces = [note(f"{n}4_mf_normal_{i}") for n in "CDEFG" for i in range(20)]
    chosen = [Path(p.file).name.split("_")[1] for p in choose(pieces, "orchestra")]
    assert sorted(chosen[:5]) == ["C4", "D4", "E4", "F4", "G4"] == sorted(chosen[5:10])


def test_about_36_seconds_are_chosen():
    seconds = sum(p.end_s - p.start_s for p in choose(many(), "orchestra"))
    assert held_out.NOTES_S <= seconds < held_out.NOTES_S + held_out.PHRASE_S


def test_only_the_reference_source_counts_if_it_has_anything_held_out():
    other = [note("C5_mf_normal_1", source="college")]
    assert choose(many() + other, "college") == other
    assert choose(other + [note("C5_mf_normal_1", part=TRAIN)], "orchestra") == other


def test_music_is_preferred_to_notes():
    music = Piece("violin/a.flac", "orchestra", TAKE, HELD_OUT, 10.0, 20.0, 16_000.0)
    assert choose([*many(), music], "orchestra") == [music]


@pytest.mark.parametrize(
    "name, hz",
    [
        ("x_A4_mf_normal_1", 440.0),
        ("x_As3_ff_a", 233.082),
        ("x_C5_p", 523.251),
        ("x_A4_mf_legato_phrase", None),
        ("take", None),
    ],
)
def test_the_label_is_in_the_name_of_a_note(name: str, hz: float | None):
    assert label_hz(f"flute/{name}.flac") == (pytest.approx(hz, abs=0.01) if hz else None)


def test_notes_are_joined_with_silence_and_know_their_place(tmp_path: Path):
    (tmp_path / "flute").mkdir()
    pieces = [note("A4_mf_normal_1", 1.0), note("C5_ff_normal_15", 8.0)]
    for piece in pieces:
        soundfile.write(tmp_path / piece.file, np.full(round(piece.end_s * 8000), 0.5, np.float32), 8000)
    (take,) = takes(pieces, tmp_path, lambda p: 6.0206 if "_ff_" in p.file else 0.0)
    first, second = take.parts
    assert (first.start_s, first.end_s) == (0.0, 1.0)
    assert second.start_s == pytest.approx(1.0 + held_out.GAP_S)
    assert second.end_s - second.start_s == pytest.approx(held_out.NOTE_S), "long notes are cut"
    assert first.label_hz == pytest.approx(440.0)
    at = lambda s: take.audio[round((PRE_ROLL_S + s) * 8000)]  # noqa: E731
    assert at(-0.5) == 0.0 and at(0.5) == pytest.approx(0.5, abs=1e-3) and at(1.1) == 0.0
    assert at(2.0) == pytest.approx(1.0, abs=1e-3), "6 dB more for the second"
    assert take.seconds == pytest.approx(1.0 + held_out.NOTE_S + 2 * held_out.GAP_S)


def test_music_comes_with_the_second_before_it(tmp_path: Path):
    soundfile.write(tmp_path / "a.flac", (np.arange(8000 * 4) / 40_000).astype(np.float32), 8000)
    (take,) = takes([Piece("a.flac", "s", TAKE, HELD_OUT, 2.0, 4.0, 3000.0)], tmp_path)
    assert take.audio[0] == pytest.approx(8000 / 40_000, abs=1e-3)
    assert take.seconds == pytest.approx(2.0)


class Deaf:
    """An ear that hears what it was told: 250 frames of loudness a second, 62.5 of pitch."""

    def __init__(self, f0_hz: float):
        self.f0_hz = f0_hz

    def frames(self, audio, rate_hz, keep=False):
        n = len(audio) * 250 // rate_hz
        return Features(np.full(n, self.f0_hz, np.float32), np.ones(n, np.float32), np.full(n, -20.0, np.float32))

    def hear(self, audio, rate_hz, keep=False):
        n = (len(audio) - rate_hz) * 125 // 2 // rate_hz
        loudness = np.full((len(audio) - rate_hz) * 250 // rate_hz, -20.0)
        return Heard(
            audio[rate_hz:],
            np.repeat(audio[rate_hz:], 2),
            np.arange(n) / 62.5,
            np.full(n, self.f0_hz),
            np.ones(n, bool),
            loudness,
        )


def target(heard_hz: float) -> Target:
    audio = (0.1 * np.sin(np.arange(16_000 * 3))).astype(np.float32)
    take = Take("notes-1", audio, 16_000, 15_000.0, [Part("a", 0.0, 1.0, 440.0), Part("phrase", 1.0, 2.0, None)])
    return Target(take, Deaf(heard_hz))


def test_frames_in_which_the_tracker_hears_another_octave_than_the_name_do_not_count():
    right, wrong = target(445.0), target(880.0)
    assert right.octave_errors == 0 and right.heard.voiced.all()
    assert wrong.octave_errors == 1
    assert not wrong.heard.voiced[:60].any() and wrong.heard.voiced[64:].all()


def test_a_take_compared_with_itself_is_perfect():
    one = target(440.0)
    figures = compare([one], [one.heard])
    assert figures["multi_scale_loss"] == pytest.approx(0.0, abs=1e-3)
    assert figures["f0_cents"] == 0.0 and figures["f0_within_50_cents"] == 1.0
    assert figures["loudness_error_db"] == 0.0


def test_a_rendering_6_db_louder_and_a_semitone_sharp_is_found_out():
    one = target(440.0)
    louder = SimpleNamespace(
        **vars(one.heard) | {"loudness_db": one.heard.loudness_db + 6.0, "f0_hz": one.heard.f0_hz * 2 ** (1 / 12)}
    )
    figures = compare([one], [louder])
    assert figures["f0_cents"] == pytest.approx(100.0) and figures["f0_within_50_cents"] == 0.0
    assert figures["loudness_error_db"] == pytest.approx(6.0) == figures["loudness_bias_db"]


@pytest.mark.parametrize("path", sorted(split.SPLITS.glob("*.csv")), ids=lambda p: p.stem)
def test_every_instrument_has_something_to_be_scored_on(path: Path):
    pieces = split.read(path.stem)
    for source in {p.source for p in pieces}:
        assert choose(pieces, source)


def test_what_was_learned_from_is_chosen_as_what_is_held_out():
    ends = [replace(p, part=TRAIN) for p in many()]
    assert learned(many() + ends, "orchestra") == [replace(p, part=TRAIN) for p in choose(many(), "orchestra")]


def test_of_learned_music_the_end_is_taken():
    music = Piece("take.wav", "garner", TAKE, TRAIN, 5.0, 300.0, 0.0)
    assert learned([music], "garner") == [replace(music, start_s=300.0 - LEARNED_S)]
    short = replace(music, end_s=25.0)
    assert learned([short], "garner") == [short]
