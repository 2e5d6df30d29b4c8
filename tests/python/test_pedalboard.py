"""The VST3 bundle in pedalboard, a host that others wrote (JUCE inside).

`cargo xtask test --all` builds the bundle and names its folder in RETORT_BUNDLED.
"""

import os
import pathlib

import numpy as np
import pedalboard
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUNDLE = pathlib.Path(os.environ.get("RETORT_BUNDLED", ROOT / "target/bundled")) / "Retort.vst3"
RATE_HZ = 48_000


def load(name):
    assert BUNDLE.exists(), f"{BUNDLE} is missing: run `cargo xtask bundle` first, or name the folder in RETORT_BUNDLED"
    return pedalboard.load_plugin(str(BUNDLE), plugin_name=name)


def load_dry(name):
    """Only the pitched part, so that what is measured does not depend on how noisy or roomy the model is."""
    plugin = load(name)
    plugin.parameters["noise_db"].raw_value = 0
    plugin.parameters["room"].raw_value = 0
    return plugin


@pytest.fixture(scope="module")
def loaded():
    """The instrument, once: pedalboard asks for the texts of all parameters, and this one has 2,080 for controllers."""
    plugin = load_dry("Retort")
    return plugin, plugin.raw_state


@pytest.fixture
def instrument(loaded):
    """The instrument, dry and silent, whatever a test before has done with it."""
    plugin, state = loaded
    plugin.raw_state = state
    plugin.reset()
    return plugin


def note(key=69, velocity=100, start_s=0.1, end_s=0.9):
    return [(bytes([0x90, key, velocity]), start_s), (bytes([0x80, key, 0]), end_s)]


def tone(f0_hz=440.0, seconds=1.0, rate_hz=RATE_HZ):
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 6))
    return (0.2 * wave * np.clip(np.minimum(t - 0.1, seconds - 0.1 - t) / 0.01, 0, 1)).astype(np.float32)


def cents_off(samples, expected_hz, rate_hz=RATE_HZ):
    """The spectral peak of the first harmonic against `expected_hz`, by a parabola on the log spectrum."""
    size = 1 << 17
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)) + 1e-12)
    low, high = (int(expected_hz * ratio * size / rate_hz) for ratio in (0.8, 1.25))
    k = low + int(np.argmax(spectrum[low:high]))
    a, b, c = spectrum[k - 1 : k + 2]
    return 1200 * np.log2((k + 0.5 * (a - c) / (a - 2 * b + c)) * rate_hz / size / expected_hz)


def test_the_file_holds_both_plugins():
    assert pedalboard.VST3Plugin.get_plugin_names_for_file(str(BUNDLE)) == ["Retort", "Retort FX"]
    assert load("Retort FX").is_effect


def test_a_note_plays_at_its_pitch(instrument):
    assert instrument.is_instrument
    out = instrument.process(note(), duration=1.5, sample_rate=RATE_HZ)
    assert out.shape == (2, 72_000)
    assert np.isfinite(out).all()
    assert np.abs(out[:, : int(0.1 * RATE_HZ)]).max() == 0
    assert np.abs(out).max() > 0.005
    assert abs(cents_off(out[0, 20_000:40_000], 440.0)) < 30


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 47_952, 96_000, 192_000])
def test_every_rate_plays_at_its_pitch(instrument, rate_hz):
    out = instrument.process(note(), duration=1.0, sample_rate=rate_hz)
    assert abs(cents_off(out[0, int(0.4 * rate_hz) : int(0.8 * rate_hz)], 440.0, rate_hz)) < 30


def test_audio_goes_through_the_effect_at_its_pitch():
    plugin = load_dry("Retort FX")
    dry = tone(330.0)
    for input in (np.stack([dry, dry]), dry[None]):
        out = plugin.process(input, RATE_HZ)
        assert out.shape == input.shape
        assert np.abs(out).max() > 0.005
        assert abs(cents_off(out[0, 20_000:30_000], 330.0)) < 30


def test_the_sustain_pedal_holds_a_note(instrument):
    """The key is up after 0.9 s, the pedal after 3 s."""
    pedal = [(bytes([0xB0, 64, value]), time_s) for value, time_s in ((127, 0.3), (0, 3.0))]
    peak = lambda out, start_s, end_s: np.abs(out[:, int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]).max()  # noqa: E731
    out = instrument.process(note() + pedal, duration=5.0, sample_rate=RATE_HZ)
    assert peak(out, 2.6, 2.9) > 0.005
    assert peak(out, 4.8, 5.0) < 1e-4
    instrument.reset()
    out = instrument.process(note(), duration=5.0, sample_rate=RATE_HZ)
    assert peak(out, 2.6, 2.9) < 1e-4


def test_silence_stays_silent(instrument):
    assert np.abs(load("Retort FX").process(np.zeros((2, RATE_HZ), np.float32), RATE_HZ)).max() == 0
    assert np.abs(instrument.process([], duration=0.5, sample_rate=RATE_HZ)).max() == 0


def test_blocks_of_any_size_give_the_same_samples():
    dry = np.stack([tone(), tone()])
    first = load("Retort FX").process(dry, RATE_HZ, buffer_size=4096)
    for size in (17, 64, 1000):
        np.testing.assert_array_equal(load("Retort FX").process(dry, RATE_HZ, buffer_size=size), first)


def test_the_latency_is_taken_out_by_the_host():
    """pedalboard shifts by what is reported: with bypass on, the input comes back where it was."""
    plugin = load("Retort FX")
    plugin.bypass = True
    dry = np.stack([tone(), tone()])
    out = plugin.process(dry, RATE_HZ)
    assert plugin.reported_latency_samples > 0
    np.testing.assert_allclose(out, dry, atol=1e-6)


def texts(plugin):
    return {name: value.string_value for name, value in plugin.parameters.items()}


def test_a_state_comes_back_equal():
    plugin = load("Retort FX")
    plugin.transpose_st = 5.0
    plugin.noise_db = -12.0
    plugin.model_slot = 3
    # The framework takes parameters over with the next block, so they are in the state only after one.
    dry = np.stack([tone(330.0)] * 2)
    sound = plugin.process(dry, RATE_HZ)
    state, shown = plugin.raw_state, texts(plugin)
    other = load("Retort FX")
    assert texts(other) != shown
    other.raw_state = state
    assert texts(other) == shown
    assert other.raw_state == state
    np.testing.assert_array_equal(other.process(dry, RATE_HZ), sound)


def test_the_effect_plays_what_it_hears_transposed():
    plugin = load_dry("Retort FX")
    plugin.transpose_st = 12.0
    out = plugin.process(np.stack([tone(330.0)] * 2), RATE_HZ)
    assert abs(cents_off(out[0, 20_000:30_000], 660.0)) < 30
