"""Writes the PyTorch reference that tests/decoder_parity.rs compares with: python training/golden_decoder.py

A small decoder (H = 16) with random f32 weights, 2,000 frames, and what PyTorch in float64 makes of every 50th: pre-activations,
then amplitude, harmonics and noise. Written from docs/architecture.md alone, so that it checks the training package too.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import nn

HIDDEN, HARMONICS, BANDS, FRAMES, STORED_EVERY = 16, 80, 65, 2000, 50
RATE_HZ, BANDWIDTH_HZ = 32000, 15500.0
GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"


class Layer(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-5)

    def forward(self, x):
        return nn.functional.leaky_relu(self.norm(self.linear(x)), 0.01)


def mlp(inputs):
    return nn.Sequential(Layer(inputs), Layer(HIDDEN), Layer(HIDDEN))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f0_mlp, self.loudness_mlp, self.out_mlp = mlp(1), mlp(1), mlp(HIDDEN + 2)
        self.gru = nn.GRU(2 * HIDDEN, HIDDEN, batch_first=True)
        sizes = {"amplitude": 1, "harmonics": HARMONICS, "noise": BANDS}
        self.head = nn.ModuleDict({name: nn.Linear(HIDDEN, size) for name, size in sizes.items()})

    def forward(self, f0_hz, loudness_db):
        p = (69 + 12 * torch.log2(f0_hz / 440)) / 127
        l = loudness_db / 80 + 1
        h, _ = self.gru(torch.cat([self.f0_mlp(p), self.loudness_mlp(l)], -1))
        y = self.out_mlp(torch.cat([h, p, l], -1))
        return torch.cat([head(y) for head in self.head.values()], -1)


def fade(f):
    x = ((f - BANDWIDTH_HZ) / (RATE_HZ / 2 - BANDWIDTH_HZ)).clamp(0, 1)
    return 0.5 * (1 + torch.cos(math.pi * x))


def controls(f0_hz, preactivations):
    e = 2 * torch.sigmoid(preactivations) ** math.log(10) + 1e-7
    amplitude, harmonics, noise = e.split([1, HARMONICS, BANDS], -1)
    harmonics = harmonics * fade(f0_hz * torch.arange(1, HARMONICS + 1, dtype=torch.float64))
    total = harmonics.sum(-1, keepdim=True)
    harmonics = torch.where(total < 1e-7, 0.0, harmonics / total)
    noise = noise * fade(torch.linspace(0, RATE_HZ / 2, BANDS, dtype=torch.float64))
    return torch.cat([amplitude, harmonics, noise], -1)


def main():
    torch.manual_seed(20)
    decoder = Decoder()
    with torch.no_grad():
        for name, weight in decoder.named_parameters():
            # Norms away from 1 and 0, and livelier weights than at the start of training.
            weight.mul_(1.5) if weight.dim() == 2 else weight.add_(0.1 * torch.randn_like(weight))
    tensors = {name.replace("_l0", ""): weight.detach().numpy().copy() for name, weight in decoder.named_parameters()}

    k = np.arange(FRAMES)
    f0_hz = (330 * 2 ** (2.2 * np.sin(k / 190) + 0.02 * np.sin(k / 7))).astype(np.float32)
    loudness_db = np.where(k % 400 < 50, -80, -30 + 22 * np.sin(k / 130)).astype(np.float32)
    frames = np.stack([f0_hz, loudness_db], -1)

    decoder.double()
    with torch.no_grad():
        f0, loudness = (torch.from_numpy(x.astype(np.float64))[None, :, None] for x in (f0_hz, loudness_db))
        preactivations = decoder(f0, loudness)
        outputs = torch.stack([preactivations, controls(f0, preactivations)], 2)[0]
    stored = outputs[STORED_EVERY - 1 :: STORED_EVERY].numpy().astype(np.float32)

    metadata = {
        "format_version": 1, "analysis_version": 1, "id": "golden/decoder", "instrument": "golden", "variant": "decoder",
        "architecture": {"type": "gru", "hidden": HIDDEN, "mlp_layers": 3},
        "sample_rate_hz": RATE_HZ, "bandwidth_hz": BANDWIDTH_HZ, "frame_rate_hz": 250,
        "n_harmonics": HARMONICS, "n_noise_bands": BANDS, "noise_fir_ms": 4.0, "loudness": "a-weighted-power",
        "range": {"f0_hz": [60.0, 1600.0], "loudness_db": [-80.0, -8.0]},
        "density": {"midi_min": 24, "midi_step": 1, "loudness_min_db": -80, "loudness_step_db": 2, "counts": []},
        "performance": {"f0_jitter_cents": 0.0, "loudness_jitter_db": 0.0, "onset_ms": 0.0, "release_ms": 0.0},
        "room": None, "parameters": int(sum(x.size for x in tensors.values())), "precision": "f32",
        "data": [], "licence": "CC0-1.0", "scores": None,
    }
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "decoder.safetensors").write_bytes(save(tensors, {"retort": json.dumps(metadata)}))
    frames.astype("<f4").tofile(GOLDEN / "decoder_frames.f32")
    stored.astype("<f4").tofile(GOLDEN / "decoder_outputs.f32")


if __name__ == "__main__":
    main()
