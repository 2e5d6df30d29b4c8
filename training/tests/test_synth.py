"""The fast synthesis against slow, obvious float64 twins."""

import math

import numpy as np
import pytest
import torch

from retort_training import BANDWIDTH_HZ, HOP, SAMPLE_RATE_HZ
from retort_training.harmonic_kernel import harmonic_sum
from retort_training.room import Rooms, stretched
from retort_training.synth import FilteredNoise, controls, exp_sigmoid, fade, noise_response


def interpolated(frames: np.ndarray) -> np.ndarray:
    """Frames `[T, ...]` to samples `[(T - 1) * HOP, ...]`, linear from each frame to the next."""
    weights = np.arange(HOP).reshape(HOP, *(1,) * (frames.ndim - 1)) / HOP
    return np.concatenate([a + (b - a) * weights for a, b in zip(frames[:-1], frames[1:])])


def slow_harmonics(f0_hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    phase = np.cumsum(interpolated(f0_hz) / SAMPLE_RATE_HZ)
    numbers = np.arange(1, amplitudes.shape[1] + 1)
    return np.sum(interpolated(amplitudes) * np.sin(2 * np.pi * phase[:, None] * numbers), axis=1)


def test_harmonics_equal_a_sum_of_sines():
    rng = np.random.default_rng(1)
    f0 = 200.0 * 2 ** (0.3 * rng.standard_normal((40, 2)).cumsum(axis=0) / 6)
    amplitudes = rng.random((40, 2, 60)) / 60
    amplitudes *= fade(torch.from_numpy(f0[..., None] * np.arange(1, 61))).numpy()
    fast = harmonic_sum(torch.from_numpy(f0), torch.from_numpy(amplitudes).float()).numpy()
    for voice in range(2):
        slow = slow_harmonics(f0[:, voice], amplitudes[:, voice])
        assert np.max(np.abs(fast[voice] - slow)) < 2e-5


def test_the_gradient_to_the_amplitudes_is_that_of_the_sum():
    rng = np.random.default_rng(2)
    f0 = np.linspace(300.0, 500.0, 6)
    amplitudes = torch.from_numpy(rng.random((6, 1, 8))).float().requires_grad_()
    pull = torch.from_numpy(rng.standard_normal((1, 5 * HOP))).float()
    (harmonic_sum(torch.from_numpy(f0)[:, None], amplitudes) * pull).sum().backward()
    for frame, harmonic in ((0, 0), (3, 5), (5, 7)):
        nudged = np.zeros((6, 8))
        nudged[frame, harmonic] = 1.0
        expected = float(np.sum(slow_harmonics(f0, nudged) * pull.numpy()[0]))
        assert amplitudes.grad[frame, 0, harmonic] == pytest.approx(expected, abs=1e-3)


def test_noise_of_changing_colour_equals_a_filter_that_is_interpolated_for_every_sample():
    rng = np.random.default_rng(3)
    n_frames, n_bands = 6, 65
    magnitudes = rng.random((n_frames, n_bands))
    noise = rng.uniform(-1, 1, (n_frames - 1) * HOP)
    response = noise_response(n_bands, 4.0).numpy()
    slow = np.zeros(len(noise) + response.shape[1])
    for n, taps in enumerate(interpolated(magnitudes @ response)):
        slow[n : n + len(taps)] += noise[n] * taps
    fast = FilteredNoise(n_bands, 4.0)(
        torch.from_numpy(noise[None]).float(), torch.from_numpy(magnitudes[:, None]).float()
    )
    assert np.max(np.abs(fast[0].numpy() - slow[: len(noise)])) < 1e-5


def test_equal_bands_of_one_are_a_unit_tap_two_milliseconds_late():
    taps = noise_response(65, 4.0).sum(0)
    assert taps[64] == pytest.approx(1.0)
    assert float(taps.abs().sum()) == pytest.approx(1.0, abs=1e-9)


def test_the_fade_is_one_at_the_bandwidth_and_nothing_at_nyquist():
    values = fade(torch.tensor([100.0, BANDWIDTH_HZ, (BANDWIDTH_HZ + 16_000) / 2, 16_000.0, 20_000.0]))
    assert values.tolist() == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0], abs=1e-6)


def test_exp_sigmoid_is_two_at_the_top_and_keeps_a_gradient_at_the_bottom():
    x = torch.tensor([30.0, 0.0, -40.0], requires_grad=True)
    y = exp_sigmoid(x)
    assert y[0].item() == pytest.approx(2.0, abs=1e-5)
    assert y[1].item() == pytest.approx(2 * 0.5 ** math.log(10) + 1e-7, rel=1e-5)
    y.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_harmonics_above_the_bandwidth_give_their_share_to_those_below():
    pre = torch.zeros(1, 1, 1), torch.zeros(1, 1, 80), torch.zeros(1, 1, 65)
    _, shares, bands = controls(*pre, torch.full((1, 1), 1000.0, dtype=torch.float64))
    assert shares[0, 0, :15].sum().item() == pytest.approx(1.0, abs=1e-5)
    assert shares[0, 0, 15:].abs().max() < 1e-7
    assert bands[0, 0, -1] == 0


def test_a_room_adds_echoes_of_what_came_before_the_crop():
    rooms = Rooms(["hall", "other"], seconds=0.1)
    with torch.no_grad():
        rooms.taps.zero_()
        rooms.log_decay.fill_(20.0)
        rooms.taps[0, 1000] = 0.5
    dry = torch.zeros(2, 4000)
    dry[:, 1500] = 1.0
    with torch.no_grad():
        wet = rooms(dry, torch.tensor([0, 1]), keep_from=2000)
    assert wet.shape == (2, 2000)
    assert wet[0, 500].item() == pytest.approx(0.5, abs=1e-4)
    wet[0, 500] = 0.0
    assert wet.abs().max() < 1e-5


def test_the_reference_source_keeps_its_level():
    rooms = Rooms(["reference", "other"], seconds=0.1)
    with torch.no_grad():
        rooms.offset_db.fill_(6.0)
    assert rooms.offsets_db().tolist() == [0.0, 6.0]


def test_a_stretched_room_rings_at_other_pitches_and_keeps_its_energy():
    time_s = torch.arange(16_000) / SAMPLE_RATE_HZ
    ringing = torch.sin(2 * torch.pi * 1000.0 * time_s) * torch.exp(-time_s / 0.1)
    spectrum = torch.fft.rfft(ringing, n=98_304)
    torch.manual_seed(2)
    many = stretched(spectrum.expand(40, -1), most=0.03).abs()
    peaks_hz = many.argmax(-1) * SAMPLE_RATE_HZ / 98_304
    assert peaks_hz.min() >= 970.0 and peaks_hz.max() <= 1031.0 and peaks_hz.max() - peaks_hz.min() > 40.0
    assert torch.allclose(many.square().sum(-1), spectrum.abs().square().sum(), rtol=0.05)
    assert torch.allclose(stretched(spectrum[None], most=0.0), spectrum[None])


def test_a_room_is_heard_as_it_is_where_nothing_is_learned():
    rooms = Rooms(["here"], stretch=0.03)
    dry, here = torch.randn(1, 12_000), torch.tensor([0])
    with torch.no_grad():
        assert torch.equal(rooms(dry, here, 2_000), rooms(dry, here, 2_000))
    assert not torch.equal(rooms(dry, here, 2_000), rooms(dry, here, 2_000))
