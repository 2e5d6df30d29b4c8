"""The training loss against known values, the metric and plain autograd."""

import numpy as np
import pytest
import torch

from retort_training import metrics
from retort_training.loss import WINDOWS, a_weighting, loudness_loss, multi_scale_loss

FULL_BAND = torch.tensor([40_000.0])


def noise(seed: int, n: int = 16_384, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(1, n, generator=torch.Generator().manual_seed(seed))


def plain_loss(output, target, drop_bins: int, treble_weight: float = 1.0):
    """The definition in plain torch, for bins below n / 2 + 1 - drop_bins."""
    total = 0.0
    for n in WINDOWS:
        window = torch.hann_window(n, dtype=output.dtype)
        spectra = [
            torch.fft.rfft(x.unfold(-1, n, n // 4) * window).abs()[..., : n // 2 + 1 - drop_bins] / n**0.5
            for x in (output, target)
        ]
        weights = torch.where(torch.fft.rfftfreq(n, 1 / 32_000)[: spectra[0].shape[-1]] < 8000.0, 1.0, treble_weight)
        total = total + (weights * (spectra[0] - spectra[1]).abs()).mean()
        total = total + (weights * (torch.log(spectra[0] + 1e-7) - torch.log(spectra[1] + 1e-7)).abs()).mean()
    return total


def test_a_sound_has_no_distance_from_itself():
    assert multi_scale_loss(noise(1), noise(1), FULL_BAND).item() == pytest.approx(0.0, abs=1e-6)


def test_twice_the_level_costs_ln_2_per_window_in_the_logarithmic_term():
    quiet = noise(1, level=1e-3)
    linear = plain_loss(2 * quiet, quiet, 0) - 6 * np.log(2.0)
    assert multi_scale_loss(2 * quiet, quiet, FULL_BAND).item() == pytest.approx(6 * np.log(2.0) + linear.item(), rel=1e-3)


@pytest.mark.parametrize("treble_weight", [1.0, 0.25, 0.0])
def test_value_and_gradient_are_those_of_the_definition(treble_weight: float):
    target = noise(2).double()
    output = noise(3).double().requires_grad_()
    # 16 kHz minus two bins is bin n / 2 - 2: the mask drops the bins from there on.
    expected = plain_loss(output, target, 3, treble_weight)
    (wanted,) = torch.autograd.grad(expected, output)
    single = output.detach().float().requires_grad_()
    value = multi_scale_loss(single, target.float(), torch.tensor([16_000.0]), treble_weight=treble_weight)
    (got,) = torch.autograd.grad(value, single)
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    assert ((got - wanted).norm() / wanted.norm()).item() < 1e-3


def test_what_lies_above_the_bandwidth_of_a_source_is_not_asked_for():
    n = torch.arange(16_384) / 32_000
    low = 0.1 * torch.sin(2 * torch.pi * 1000 * n)[None]
    high = 0.1 * torch.sin(2 * torch.pi * 14_000 * n)[None]
    base = noise(4, level=1e-2)
    masked = multi_scale_loss(base + low + high, base + low, torch.tensor([10_000.0]))
    heard = multi_scale_loss(base + low + high, base + low, FULL_BAND)
    assert masked.item() < 0.2 * heard.item()


def test_silent_frames_of_the_target_do_not_count():
    target = noise(5)
    target[:, 8192:] = 0.0
    output = noise(6)
    output.requires_grad_()
    multi_scale_loss(output, target, FULL_BAND).backward()
    assert output.grad[:, :8192].abs().sum() > 0
    assert output.grad[:, 8192 + 4096 :].abs().max() == 0


def test_the_metric_of_two_draws_of_noise_is_what_the_field_finds():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-0.1, 0.1, (2, 32_000))
    assert 2.5 < metrics.multi_scale_loss(a, b) < 6.0
    assert metrics.multi_scale_loss(a, a) == 0.0


def test_a_level_change_of_6_db_is_6_db_in_every_mel_band():
    rng = np.random.default_rng(0)
    a = rng.uniform(-0.1, 0.1, 16_000)
    assert metrics.log_mel_distance(a, a * 10 ** (6 / 20)) == pytest.approx(6.0, abs=0.05)


def test_unvoiced_output_counts_as_wrong_pitch():
    reference = np.full(10, 440.0)
    voiced = np.ones(10, bool)
    heard = voiced.copy()
    heard[:4] = False
    median, within = metrics.pitch_error(reference, voiced, reference * 2 ** (10 / 1200), heard)
    assert median == pytest.approx(10.0, abs=1e-6)
    assert within == pytest.approx(0.6)


def test_a_sound_that_is_6_db_too_soft_is_0_6_off_in_loudness():
    assert loudness_loss(0.5 * noise(1), noise(1)).item() == pytest.approx(0.602, abs=0.001)


def test_the_a_curve_is_that_of_the_standard():
    values = 20.0 * np.log10(a_weighting(np.array([100.0, 1000.0, 4000.0])))
    assert values == pytest.approx([-19.1, 0.0, 1.0], abs=0.1)


def test_a_loud_sub_bass_hardly_counts_as_loud():
    time = torch.arange(16_384) / 32_000
    bass = 0.5 * torch.sin(2 * torch.pi * 31.25 * time)[None]
    assert loudness_loss(noise(1) + bass, noise(1)).item() < 0.02
