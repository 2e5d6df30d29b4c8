"""Is the decoder that `retort` plays the one that was trained? Compares both, number by number, in float64 here.

`retort controls MODEL FRAMES.csv OUT.f32` writes little-endian f32 rows: the pre-activations of the heads (amplitude,
harmonics, noise), then the controls in the same order. `retort synth MODEL FRAMES.csv OUT.wav --no-noise --rate R` writes the
harmonics alone, without the room.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch

from . import FRAME_RATE_HZ, HOP, SAMPLE_RATE_HZ, cnn, gru
from .export import read_model
from .features import FeatureError, retort_binary
from .synth import controls

# Single precision and fast activation functions on the one side, double on the other.
PRE_ACTIVATION_TOLERANCE = 1e-4
CONTROL_TOLERANCE_DB = 0.01
# A wide recurrent decoder in 8 bits has activations of 14 bits, and its input perceptrons are played from tables of a
# quarter of a semitone and of a dB.
TABLE_FROM_HIDDEN = 64
TABLE_PRE_ACTIVATION_TOLERANCE = 0.03
TABLE_CONTROL_TOLERANCE_DB = 0.3
TABLE_AUDIO_TOLERANCE_DB = -55.0
# Controls that are softer in both are not compared: nobody hears them, and their dB are all rounding.
CONTROL_FLOOR_DB = -100.0
AUDIO_TOLERANCE_DB = -80.0


def test_frames(n_frames: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """f0 in Hz and loudness in dB of a glide with vibrato, swells and silence between: within any violin's range."""
    t = np.arange(n_frames) / FRAME_RATE_HZ
    f0 = 220.0 * 2.0 ** (2.0 * t / t[-1] + 0.03 * np.sin(2 * np.pi * 5.5 * t))
    loudness = np.maximum(-80.0, -20.0 - 60.0 * np.sin(np.pi * t) ** 8)
    return f0.astype(np.float32), loudness.astype(np.float32)


def write_frames(path: Path, f0_hz: np.ndarray, loudness_db: np.ndarray) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("time_s,f0_hz,voicing,loudness_db\n")
        for k, (f0, loudness) in enumerate(zip(f0_hz, loudness_db)):
            file.write(f"{k / FRAME_RATE_HZ!r},{float(f0)!r},1.0,{float(loudness)!r}\n")


def decode(model: Path, f0_hz: np.ndarray, loudness_db: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict]:
    """(pre-activations, controls, metadata), both `[frames, 1 + K + B]`, float64; those of a decoder that steps at 50 Hz are
    held from step to step, its controls ramped."""
    tensors, metadata = read_model(model)
    f0 = torch.from_numpy(f0_hz.astype(np.float64))[:, None]
    loudness = torch.from_numpy(loudness_db.astype(np.float64))[:, None]
    kind = _decode_convolutional if metadata["architecture"]["type"] == "cnn" else _decode_recurrent
    with torch.no_grad():
        pre, values = kind(tensors, metadata, f0, loudness)
    join = lambda parts: torch.cat(parts, -1)[:, 0].double().numpy()  # noqa: E731
    return join(pre), join(values), metadata


def _decode_recurrent(tensors: dict, metadata: dict, f0, loudness):
    decoder = gru.Decoder(metadata["architecture"]["hidden"], metadata["n_harmonics"], metadata["n_noise_bands"])
    scales = {k.removesuffix("_scale"): v for k, v in tensors.items() if k.endswith("_scale")}
    weights = {
        k: v.double() * scales[k].double()[:, None] if k in scales else v.double()
        for k, v in tensors.items()
        if not k.endswith("_scale")
    }
    decoder = decoder.double()
    decoder.load_state_dict(weights)
    pre, _ = decoder(f0, loudness, decoder.initial_state(1).double())
    return pre, controls(*pre, f0)


def _decode_convolutional(tensors: dict, metadata: dict, f0, loudness):
    if metadata["precision"] == "int8":
        # Whole numbers inside: the same to the last bit.
        pre = cnn.play_quantised(tensors, f0, loudness)
    else:
        pre = cnn.play_folded({k: v.double() for k, v in tensors.items()}, f0, loudness)
    stepped = controls(*(p.double() for p in pre), f0[:: cnn.STRIDE])
    held = tuple(p.repeat_interleave(cnn.STRIDE, 0)[: len(f0)] for p in pre)
    return held, tuple(cnn.ramped(part, len(f0)) for part in stepped)


def harmonics(f0_hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """The sum of sines in float64, slowly: the twin of both synthesisers."""
    weights = np.arange(HOP) / HOP
    ramp = lambda x: (x[:-1, None] + (x[1:] - x[:-1])[:, None] * weights.reshape(HOP, *(1,) * (x.ndim - 1))).reshape(-1, *x.shape[1:])  # noqa: E731
    phase = np.cumsum(ramp(f0_hz) / SAMPLE_RATE_HZ)
    faded = ramp(amplitudes)
    return sum(faded[:, k] * np.sin(2 * np.pi * (k + 1) * phase) for k in range(amplitudes.shape[1]))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise FeatureError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


def compare(model: Path, retort: str) -> dict[str, float]:
    """Greatest differences: of the pre-activations, of the controls in dB, of the harmonics' audio in dB under its peak."""
    f0, loudness = test_frames()
    pre, values, metadata = decode(model, f0, loudness)
    n_harmonics = metadata["n_harmonics"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_frames(folder / "frames.csv", f0, loudness)
        _run([retort, "controls", str(model), str(folder / "frames.csv"), str(folder / "out.f32")])
        rows = np.fromfile(folder / "out.f32", "<f4").reshape(len(f0), -1).astype(np.float64)
        width = pre.shape[1]
        if rows.shape[1] != 2 * width:
            raise FeatureError(f"retort controls wrote rows of {rows.shape[1]} values, expected {2 * width}")
        rate = ["--no-noise", "--rate", str(SAMPLE_RATE_HZ)]
        _run([retort, "synth", str(model), str(folder / "frames.csv"), str(folder / "out.wav"), *rate])
        heard, rate_hz = soundfile.read(folder / "out.wav", dtype="float64", always_2d=True)
    if rate_hz != SAMPLE_RATE_HZ:
        raise FeatureError(f"retort synth wrote {rate_hz} Hz, expected {SAMPLE_RATE_HZ}")
    # What a ramp carries over the Nyquist frequency in a glide is silenced before it can fold back.
    audible = f0[:, None] * np.arange(1, n_harmonics + 1) <= SAMPLE_RATE_HZ / 2
    wanted = harmonics(f0.astype(np.float64), audible * values[:, :1] * values[:, 1 : 1 + n_harmonics])
    n = min(len(wanted), len(heard))
    return {
        "pre-activations": float(np.max(np.abs(rows[:, :width] - pre))),
        "controls (dB)": _difference_db(rows[:, width:], values),
        "audio (dB)": float(20 * np.log10(np.max(np.abs(heard[:n, 0] - wanted[:n])) / np.max(np.abs(wanted)))),
    }


LIMITS = {"pre-activations": PRE_ACTIVATION_TOLERANCE, "controls (dB)": CONTROL_TOLERANCE_DB, "audio (dB)": AUDIO_TOLERANCE_DB}
TABLE_LIMITS = {
    "pre-activations": TABLE_PRE_ACTIVATION_TOLERANCE,
    "controls (dB)": TABLE_CONTROL_TOLERANCE_DB,
    "audio (dB)": TABLE_AUDIO_TOLERANCE_DB,
}


def limits(model: Path) -> dict[str, float]:
    """What `retort` may differ by for this model."""
    metadata = read_model(model)[1]
    in_tables = metadata["precision"] == "int8" and metadata["architecture"].get("hidden", 0) >= TABLE_FROM_HIDDEN
    return TABLE_LIMITS if in_tables else LIMITS


def _difference_db(found: np.ndarray, wanted: np.ndarray) -> float:
    """Greatest difference in dB of linear controls of which either lies above the floor."""
    floor = 10.0 ** (CONTROL_FLOOR_DB / 20.0)
    loud = np.maximum(found, wanted) > floor
    found, wanted = (np.maximum(x[loud], 1e-12) for x in (found, wanted))
    return float(np.max(np.abs(20.0 * np.log10(found / wanted))))


def exceeded(found: dict[str, float], allowed: dict[str, float] = LIMITS) -> list[str]:
    """Names of the differences above their tolerance; what is not a number is above it."""
    return [name for name, limit in allowed.items() if not found[name] <= limit]


def parity(args) -> None:
    """The `parity` command; raises if a difference is above its tolerance."""
    found = compare(args.model, retort_binary(args.retort))
    print(", ".join(f"{name} {value:.2e}" for name, value in found.items()))
    allowed = limits(args.model)
    for name in exceeded(found, allowed):
        raise ValueError(f"{name} differ by {found[name]:.2e}, more than {allowed[name]}")
