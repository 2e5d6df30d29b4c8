"""The ends of the scale: the anchor keeps pitch and level, the oracle comes closer than any start."""

from pathlib import Path

import numpy as np
import pytest

from retort_training import FRAME_RATE_HZ, HOP, SAMPLE_RATE_HZ, anchor, metrics, oracle

SECONDS = 1.5


def saw(f0_hz: float, rate_hz: int, seconds: float = SECONDS) -> np.ndarray:
    """A tone whose harmonics fall with their number, up to 7 kHz."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    numbers = np.arange(1, int(7000 / f0_hz) + 1)
    return (0.1 * sum(np.sin(2 * np.pi * f0_hz * k * time) / k for k in numbers)).astype(np.float32)


def f0_frames(f0_hz: float, seconds: float = SECONDS) -> np.ndarray:
    return np.full(round(seconds * FRAME_RATE_HZ) + 1, f0_hz, np.float32)


def rms_db(x: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.asarray(x, np.float64) ** 2)))


def strongest_period_hz(x: np.ndarray, rate_hz: int, near_hz: float) -> float:
    """By the autocorrelation's peak near a pitch, refined by a parabola over many periods."""
    size = 1 << int(np.ceil(np.log2(2 * len(x))))
    correlation = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2)
    lag = 40 * rate_hz / near_hz
    window = np.arange(int(lag - 0.4 * rate_hz / near_hz), int(lag + 0.4 * rate_hz / near_hz))
    at = window[np.argmax(correlation[window])]
    a, b, c = correlation[at - 1 : at + 2]
    return 40 * rate_hz / (at + 0.5 * (a - c) / (a - 2 * b + c))


@pytest.mark.parametrize("f0_hz", [110.0, 441.7, 1234.5])
@pytest.mark.parametrize("rate_hz", [16_000, 32_000])
def test_the_anchor_plays_the_pitch_and_level_of_the_recording(f0_hz: float, rate_hz: int):
    recording = saw(f0_hz, rate_hz)
    made = anchor.resynthesise(recording, f0_frames(f0_hz), rate_hz)
    inside = slice(rate_hz // 4, -rate_hz // 4)
    heard_hz = strongest_period_hz(made[inside], rate_hz, f0_hz)
    assert abs(1200 * np.log2(heard_hz / f0_hz)) < 5.0
    assert rms_db(made[inside]) == pytest.approx(rms_db(recording[inside]), abs=0.5)


def test_the_anchor_is_silent_where_the_recording_is():
    recording = np.concatenate([saw(300.0, 16_000, 0.5), np.zeros(8_000, np.float32)])
    made = anchor.resynthesise(recording, f0_frames(300.0, 1.0))
    assert len(made) == len(recording)
    assert np.max(np.abs(made[9_000:])) < 1e-6


def test_impulses_come_once_per_period_whatever_the_period():
    source = anchor.impulses(f0_frames(333.3, 1.0), 16_000, 16_000)
    assert np.sum(source) == pytest.approx(333, abs=2)


def test_gap_closed_is_0_at_the_anchor_and_1_at_the_oracle():
    assert metrics.gap_closed(10.0, 10.0, 4.0) == 0.0
    assert metrics.gap_closed(10.0, 4.0, 4.0) == 1.0
    assert metrics.gap_closed(10.0, 5.5, 4.0) == pytest.approx(0.75)
    assert metrics.gap_closed(10.0, 11.0, 4.0) < 0.0


def test_without_a_distance_between_the_ends_there_is_no_scale():
    with pytest.raises(ValueError, match="no scale"):
        metrics.gap_closed(4.0, 5.0, 4.0)


SETTINGS = oracle.Settings(n_harmonics=30, n_noise_bands=33, steps=40)
DRY = np.zeros(64, np.float32)


def recording_and_f0() -> tuple[np.ndarray, np.ndarray]:
    """A swelling tone with noise."""
    audio = saw(400.0, SAMPLE_RATE_HZ, 0.6)
    swell = np.linspace(0.2, 1.0, len(audio))
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(audio))
    return (audio * swell + noise).astype(np.float32), f0_frames(400.0, 0.6)


def loss(made: oracle.Oracle, audio: np.ndarray) -> float:
    return metrics.Reference(audio[: made.n_samples], SAMPLE_RATE_HZ, 15_500.0).multi_scale_loss(made.render(7))


def flat(n_frames: int) -> list:
    import torch

    sizes = (1, SETTINGS.n_harmonics, SETTINGS.n_noise_bands)
    return [torch.full((n_frames, 1, n), x) for n, x in zip(sizes, (-1.0, 0.0, -2.0))]


def test_the_oracle_ends_below_a_flat_start_and_below_its_own_start():
    audio, f0_hz = recording_and_f0()
    from_flat = oracle.Oracle(flat(len(f0_hz)), f0_hz, DRY, SETTINGS)
    from_spectrum = oracle.Oracle(oracle.start(audio, f0_hz, SETTINGS), f0_hz, DRY, SETTINGS)
    before_flat, before = loss(from_flat, audio), loss(from_spectrum, audio)
    assert before < before_flat
    from_flat.fit(audio, 15_500.0)
    from_spectrum.fit(audio, 15_500.0)
    assert loss(from_flat, audio) < 0.8 * before_flat
    assert loss(from_spectrum, audio) < 0.95 * before


def test_an_oracle_is_fitted_once(tmp_path: Path, monkeypatch):
    audio, f0_hz = recording_and_f0()
    short = oracle.Settings(n_harmonics=30, n_noise_bands=33, steps=3)
    first = oracle.fitted(audio, f0_hz, 15_500.0, DRY, short, tmp_path)
    monkeypatch.setattr(oracle.Oracle, "fit", lambda *_: pytest.fail("fitted again"))
    second = oracle.fitted(audio, f0_hz, 15_500.0, DRY, short, tmp_path)
    assert np.array_equal(first.render(1), second.render(1))
    assert not np.array_equal(first.render(1), first.render(2)), "the noise has its seed"
    assert oracle.key(audio, f0_hz, 15_500.0, DRY, short) != oracle.key(audio, f0_hz, 15_500.0, DRY + 0.1, short)


def test_the_room_answers_after_the_direct_sound():
    import torch

    response = np.zeros(100, np.float32)
    response[40] = 0.5
    dry = torch.zeros(1, 200)
    dry[0, 10] = 1.0
    wet = oracle.Room(response, 200)(dry)[0].numpy()
    assert wet[10] == pytest.approx(1.0, abs=1e-6) and wet[50] == pytest.approx(0.5, abs=1e-6)
    assert np.sum(np.abs(wet)) == pytest.approx(1.5, abs=1e-4)


def test_a_control_becomes_its_pre_activation_and_back():
    import torch

    from retort_training.synth import exp_sigmoid

    wanted = np.array([1e-4, 0.01, 0.3, 1.0, 1.8])
    back = exp_sigmoid(torch.from_numpy(oracle.inverse_exp_sigmoid(wanted))).numpy()
    assert back == pytest.approx(wanted, rel=1e-2)


def test_the_full_band_says_nothing_above_the_bandwidth():
    rng = np.random.default_rng(0)
    quiet = saw(500.0, 32_000, 0.5) + 1e-3 * rng.standard_normal(16_000).astype(np.float32)
    time = np.arange(16_000) / 32_000
    whistle = (0.05 * np.sin(2 * np.pi * 14_000 * time)).astype(np.float32)
    trusted_to_12k = metrics.Reference(quiet, 32_000, 12_000.0)
    trusted_to_16k = metrics.Reference(quiet, 32_000, 16_000.0)
    # The shortest windows reach far: a whistle two bins above leaks a little.
    assert trusted_to_12k.multi_scale_loss(quiet + whistle) < 0.15 * trusted_to_16k.multi_scale_loss(quiet + whistle)
    assert trusted_to_12k.log_mel_distance(quiet + whistle) < 0.05
    assert trusted_to_16k.log_mel_distance(quiet + whistle) > 0.2


def test_a_shorter_rendering_is_compared_over_its_own_length():
    audio = saw(500.0, 16_000, 0.5)
    assert metrics.Reference(audio).multi_scale_loss(audio[:6000]) == 0.0


def test_hops_and_frames_agree():
    assert HOP * FRAME_RATE_HZ == SAMPLE_RATE_HZ
