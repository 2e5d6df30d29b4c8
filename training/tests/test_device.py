"""What a graphics processor would compute, in whole tensors, is what the compiled kernels compute."""

import pytest
import torch

from retort_training import HOP
from retort_training.gru import Decoder
from retort_training.harmonic_kernel import harmonic_sum, plain_harmonic_sum
from retort_training.loss import loudness_loss, multi_scale_loss, plain_multi_scale_loss
from retort_training.train import PLANS, Run


def test_plain_harmonics_and_their_gradient_are_those_of_the_kernel():
    torch.manual_seed(0)
    f0 = 200.0 + 600.0 * torch.rand(20, 2)
    found, wanted = (torch.rand(20, 2, 12, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2))
    sounds = plain_harmonic_sum(f0, found), harmonic_sum(f0, wanted)
    assert torch.allclose(*sounds, atol=2e-4)
    pull = torch.randn(sounds[0].shape)
    for sound in sounds:
        (sound * pull).sum().backward()
    assert torch.allclose(found.grad, wanted.grad, atol=5e-3)


@pytest.mark.parametrize(("overlap", "shift", "treble_weight"), [(4, 0.0, 1.0), (2, 0.37, 1.0), (2, 0.37, 0.25)])
def test_the_plain_loss_and_its_gradient_are_those_of_the_kernel(overlap: int, shift: float, treble_weight: float):
    torch.manual_seed(0)
    target, start = 0.1 * torch.randn(3, 16_000), 0.1 * torch.randn(3, 16_000)
    target[0, 8000:] = 0.0
    # The third source ends below the treble.
    bandwidth = torch.tensor([15_500.0, 12_000.0, 7000.0])
    found, wanted = start.clone().requires_grad_(), start.clone().requires_grad_()
    how = (target, bandwidth, overlap, shift, treble_weight)
    losses = plain_multi_scale_loss(found, *how), multi_scale_loss(wanted, *how)
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-4)
    for loss in losses:
        loss.backward()
    assert torch.allclose(found.grad, wanted.grad, atol=1e-5, rtol=1e-2)


def test_the_gru_of_pytorch_gives_the_states_of_the_scan():
    torch.manual_seed(0)
    decoder = Decoder(16, 20, 10)
    inputs = torch.randn(30, 2, 32)
    gates = torch.nn.functional.linear(inputs, decoder.gru.weight_ih, decoder.gru.bias_ih)
    first = torch.randn(2, 16)
    assert torch.allclose(decoder.gru.whole(inputs, first), decoder.gru(gates, first), atol=1e-5)


@pytest.mark.parametrize("variant", sorted(PLANS))
def test_a_step_stays_on_its_device(variant: str):
    """On the meta device nothing is computed, but a tensor that was left behind on the CPU is an error."""
    run = Run(PLANS[variant], ["a", "b"], device="meta")
    frames, voices = 101, 2
    f0, loudness = torch.empty(frames, voices, device="meta"), torch.empty(frames, voices, device="meta")
    source = torch.zeros(voices, dtype=torch.long, device="meta")
    heard = run.render(f0, loudness, source, 25)
    assert heard.shape == (voices, 75 * HOP)
    target, bandwidth = torch.empty_like(heard), torch.empty(voices, device="meta")
    (multi_scale_loss(heard, target, bandwidth) + loudness_loss(heard, target)).backward()
    assert all(p.grad is not None for p in run.decoder.parameters())
