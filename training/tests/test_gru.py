"""The decoder's fast paths against PyTorch's own layers."""

import torch

from retort_training.gru import Decoder
from retort_training.gru_kernel import gru_scan


def test_the_scan_and_its_gradients_are_those_of_the_gru_of_pytorch():
    torch.manual_seed(0)
    reference = torch.nn.GRU(6, 5)
    x = torch.randn(30, 3, 6)
    first = torch.randn(3, 5)
    expected, _ = reference(x, first[None])
    pull = torch.randn_like(expected)
    (expected * pull).sum().backward()
    wanted = {name: p.grad.clone() for name, p in reference.named_parameters()}
    reference.zero_grad()
    gates = torch.nn.functional.linear(x, reference.weight_ih_l0, reference.bias_ih_l0)
    states = gru_scan(gates, reference.weight_hh_l0, reference.bias_hh_l0, first)
    assert torch.allclose(states, expected, atol=1e-5)
    (states * pull).sum().backward()
    for name, p in reference.named_parameters():
        assert torch.allclose(p.grad, wanted[name], atol=1e-4), name


def test_the_published_sizes_are_reached_with_100_harmonics():
    assert Decoder(512, 100, 65).parameter_count() == 4_298_406
    assert Decoder(16, 100, 65).parameter_count() == 7_510


def test_the_grid_of_training_changes_the_output_by_less_than_a_hundredth():
    torch.manual_seed(0)
    decoder = Decoder(64, 20, 10)
    f0 = 300.0 * 2 ** (torch.rand(50, 2) / 12)
    loudness = (-30.0 + 5.0 * torch.rand(50, 2)).requires_grad_()
    trained, _ = decoder(f0, loudness, decoder.initial_state(2), exact=False)
    with torch.no_grad():
        exact, _ = decoder(f0, loudness, decoder.initial_state(2))
    for a, b in zip(trained, exact):
        assert (a - b).abs().max() < 0.01
    sum(a.sum() for a in trained).backward()
    assert loudness.grad.abs().max() > 0


def test_a_sequence_in_two_halves_is_the_sequence_in_one():
    torch.manual_seed(0)
    decoder = Decoder(16, 20, 10)
    f0, loudness = 300.0 + 50.0 * torch.rand(40, 2), -40.0 + 20.0 * torch.rand(40, 2)
    with torch.no_grad():
        whole, _ = decoder(f0, loudness, decoder.initial_state(2))
        first, state = decoder(f0[:15], loudness[:15], decoder.initial_state(2))
        second, _ = decoder(f0[15:], loudness[15:], state)
    for a, b, c in zip(whole, first, second):
        assert torch.allclose(a, torch.cat([b, c]), atol=1e-5)
