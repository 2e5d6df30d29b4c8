"""The convolutional decoder: causal, streamable, and what its folded weights say."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from retort_training import cnn


def decoder(channels: int = 8, seed: int = 0) -> cnn.Decoder:
    torch.manual_seed(seed)
    made = cnn.Decoder(channels, 60, 65)
    for module in made.modules():
        if isinstance(module, cnn.Norm):
            module.mean.normal_(0.0, 0.3)
            module.variance.uniform_(0.5, 2.0)
    made.freeze()
    return made


def frames(n: int, voices: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return 300.0 + 100.0 * torch.rand(n, voices), -50.0 + 30.0 * torch.rand(n, voices)


def test_the_sizes_are_the_published_ones():
    assert cnn.Decoder(128, 60, 65).parameter_count() == 313_726
    assert cnn.Decoder(8, 60, 65).parameter_count() == 2_446
    # The file's: a bias per channel in place of a scale and an offset.
    assert cnn.Decoder(8, 60, 65).stored_count() == 2_390


def test_nothing_looks_ahead():
    made = decoder()
    f0, loudness = frames(300)
    with torch.no_grad():
        before = made.controls(f0, loudness)
        loudness[200:] = -20.0
        after = made.controls(f0, loudness)
    for a, b in zip(before, after):
        assert torch.equal(a[:200], b[:200])
        assert not torch.equal(a[200:], b[200:])


def test_the_past_reaches_back_54_steps_and_no_further():
    made = decoder()
    f0, loudness = frames(5 * 80, 1)
    with torch.no_grad():
        before = made(f0, loudness)[0]
        loudness[5 * 10] += 10.0
        after = made(f0, loudness)[0]
    changed = torch.nonzero((before != after)[:, 0, 0]).flatten()
    assert changed.min() == 10 and changed.max() == 64


def test_controls_reach_a_step_four_frames_after_it_in_a_straight_line():
    steps = torch.tensor([2.0, 7.0, -3.0])[:, None]
    assert cnn.ramped(steps, 15)[:, 0].tolist() == pytest.approx([2, 2, 2, 2, 2, 3, 4, 5, 6, 7, 5, 3, 1, -1, -3])
    assert len(cnn.ramped(steps, 12)) == 12


def test_folded_weights_without_a_normalisation_give_the_same():
    made = decoder()
    f0, loudness = frames(200)
    with torch.no_grad():
        expected = made(f0, loudness)
        found = cnn.play_folded(made.folded(), f0, loudness)
    for a, b in zip(expected, found):
        assert torch.allclose(a, b, atol=1e-4)


def test_a_frozen_normalisation_stays_when_training_goes_on():
    made = decoder()
    before = {k: v.clone() for k, v in made.state_dict().items() if "mean" in k or "variance" in k}
    made.controls(*frames(100))
    assert all(torch.equal(before[k], made.state_dict()[k]) for k in before)


def test_a_young_normalisation_learns_while_training_and_not_while_scoring():
    torch.manual_seed(0)
    made = cnn.Decoder(8, 60, 65)
    mean = made.input.norm.mean.clone()
    with torch.no_grad():
        made.controls(*frames(100))
    assert torch.equal(made.input.norm.mean, mean)
    made.controls(*frames(100))
    assert not torch.equal(made.input.norm.mean, mean)


def test_eight_bits_cost_little_and_are_whole_numbers():
    made = decoder(16)
    tensors = cnn.quantised(made.folded())
    weight = tensors["conv.3.weight"]
    assert weight.dtype == torch.int8 and int(weight.abs().max()) == 127
    assert tensors["conv.3.weight_scale"].shape == (16,)
    f0, loudness = frames(300)
    with torch.no_grad():
        exact = torch.cat(made(f0, loudness), -1)
        found = torch.cat(cnn.play_quantised(tensors, f0, loudness), -1)
    assert functional.mse_loss(found, exact).sqrt() < 0.05
    assert found.dtype == torch.float32 and np.isfinite(found.numpy()).all()
