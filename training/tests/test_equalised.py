"""An equaliser for each note takes off what is wrong with its average, and leaves what moves and what is chance."""

from types import SimpleNamespace

import numpy as np
import pytest

from retort_training import FRAME_RATE_HZ, equalised, metrics
from retort_training.held_out import PRE_ROLL_S, Part

RATE_HZ = metrics.RATE_HZ


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return 0.05 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


def halves(times_s: np.ndarray) -> np.ndarray:
    return (times_s >= 1.0).astype(int)


def whole(times_s: np.ndarray) -> np.ndarray:
    return np.zeros(len(times_s), int)


def test_a_filter_over_a_whole_note_costs_nothing():
    reference = metrics.Reference(noise(0))
    # A delay of one sample, mixed in: spectra tilt by up to 12 dB.
    tilted = noise(0) + 0.6 * np.concatenate([[0.0], noise(0)[:-1]])
    plain = reference.multi_scale_loss(tilted)
    in_bands, in_bins = (reference.equalised_loss(tilted, whole, n) for n in (equalised.BANDS, None))
    assert plain > 2.0 > in_bands > in_bins
    assert in_bins < 0.25 * plain


def test_notes_have_equalisers_of_their_own():
    reference = metrics.Reference(noise(0))
    change = np.where(np.arange(len(noise(0))) < RATE_HZ, 2.0, 0.5)
    plain = reference.multi_scale_loss(change * noise(0))
    assert plain == pytest.approx(6 * np.log(2.0), abs=0.15)
    # One setting for both halves can mend one of them at most.
    assert reference.equalised_loss(change * noise(0), whole) > 0.9 * plain
    for n_bands in (None, equalised.BANDS):
        assert reference.equalised_loss(change * noise(0), halves, n_bands) < 0.06 * plain


def test_noise_stays_unlike_other_noise():
    left = metrics.Reference(noise(0)).equalised_loss(noise(1), whole)
    # Of two Rayleigh magnitudes the logarithms are ln 2 apart on the average; there is a little of linear difference, too, and the equaliser follows a little of the chance.
    assert 0.85 * 6 * np.log(2.0) < left < 6 * np.log(2.0) + 0.25


def test_a_note_of_a_few_frames_is_left_as_it_is():
    seconds = 4 * metrics.WINDOWS[0] // 4 / RATE_HZ
    reference = metrics.Reference(noise(0, seconds))
    reference._spectra = reference._spectra[:1]
    assert len(reference._spectra[0][3]) < metrics.LEAST_FRAMES
    assert reference.equalised_loss(2.0 * noise(0, seconds), whole) == reference.multi_scale_loss(2.0 * noise(0, seconds))


def test_a_shorter_rendering_is_compared_as_far_as_it_goes():
    assert metrics.Reference(noise(0)).equalised_loss(noise(0)[: 3 * RATE_HZ // 2], halves) == 0.0


def test_a_note_is_a_semitone_of_a_file():
    # A second before what is scored, then half a second each of C4, C4 and D4, the first in a file of its own.
    hz = 440.0 * 2.0 ** ((np.array([60, 60, 62]) - 69) / 12)
    f0_hz = np.concatenate([np.full(round(PRE_ROLL_S * FRAME_RATE_HZ), 440.0), np.repeat(hz, FRAME_RATE_HZ // 2)])
    parts = [Part("a", 0.0, 0.5), Part("b", 0.5, 1.5)]
    target = SimpleNamespace(frames=SimpleNamespace(f0_hz=f0_hz), take=SimpleNamespace(parts=parts))
    numbers = equalised.note_numbers(target, np.array([0.0, 0.3, 0.6, 0.9, 1.1, 1.4, 9.0]))
    assert numbers.tolist() == [316, 316, 572, 572, 574, 574, 62]


def test_takes_count_by_their_length():
    def take(seconds: float) -> SimpleNamespace:
        audio = noise(0, seconds)
        frames = SimpleNamespace(f0_hz=np.full(round((seconds + PRE_ROLL_S) * FRAME_RATE_HZ), 440.0))
        own = SimpleNamespace(parts=[Part("a", 0.0, seconds)])
        return SimpleNamespace(frames=frames, take=own, low=metrics.Reference(audio), heard=SimpleNamespace(low=audio))

    takes = [take(1.0), take(3.0)]
    alike, unlike = SimpleNamespace(low=noise(0, 1.0)), SimpleNamespace(low=noise(1, 3.0))
    both = equalised.compare(takes, [alike, unlike])
    alone = equalised.compare(takes[1:], [unlike])
    assert both == {name: pytest.approx(0.75 * value) for name, value in alone.items()}
    assert alone["in_bands"] > alone["multi_scale_loss"]
