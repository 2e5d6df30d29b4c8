"""Transfer's figures on cases whose answer is known."""

import numpy as np
import pytest

from retort_training import transfer, voice
from retort_training.features import Features

N = 500
HZ = np.full(N, 300.0)
ALL = np.ones(N, bool)


def test_an_octave_up_and_in_tune_is_kept_pitch():
    assert transfer.pitch_kept(HZ, ALL, HZ * 2.0 * 2 ** (10 / 1200), ALL) == (1, pytest.approx(10.0), 1.0)


def test_a_fifth_up_is_not():
    octaves, cents, within = transfer.pitch_kept(HZ, ALL, HZ * 1.5, ALL)
    assert cents > 400.0 and within == 0.0


def test_output_without_pitch_counts_as_wrong():
    half = np.arange(N) < N // 4
    assert transfer.pitch_kept(HZ, ALL, HZ, half)[2] == pytest.approx(0.25)
    assert transfer.pitch_kept(HZ, ALL, HZ, ~ALL) == (0, 1e9, 0.0)
    assert transfer.pitch_kept(HZ, half, HZ, half)[2] == 1.0, "only where the source sings"


def test_a_loudness_that_follows_at_another_level_is_kept():
    contour = -20.0 + 8.0 * np.sin(np.arange(N) / 20.0)
    offset, correlation, error = transfer.loudness_kept(contour, contour - 5.0)
    assert (offset, correlation, error) == (pytest.approx(-5.0), pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))


def test_a_loudness_that_goes_its_own_way_is_not():
    contour = -20.0 + 8.0 * np.sin(np.arange(N) / 20.0)
    _, correlation, error = transfer.loudness_kept(contour, -20.0 - 8.0 * np.sin(np.arange(N) / 20.0))
    assert correlation == pytest.approx(-1.0) and error > 8.0


def test_a_gap_begins_a_while_after_the_sound_and_ends_before_the_next():
    loudness = np.full(1000, -80.0)
    loudness[100:300] = loudness[900:] = -20.0
    found = np.flatnonzero(transfer.gaps(Features(np.full(1000, 300.0), np.zeros(1000), loudness)))
    assert found[0] == 0 and found[found < 100][-1] == 100 - 26
    later = found[found > 300]
    assert later[0] == 300 + round(transfer.AFTER_S * 250) and later[-1] == 900 - 26


def test_a_soft_voiced_frame_is_no_gap_but_a_soft_unvoiced_one_is():
    soft = np.full(400, transfer.SILENT_DB - 3.0)
    assert transfer.gaps(Features(np.full(400, 300.0), np.zeros(400), soft)).all()
    assert not transfer.gaps(Features(np.full(400, 300.0), np.ones(400), soft)).any()


def test_the_loudest_moment_of_the_gaps_is_found_and_that_of_the_music_is_not():
    audio = np.zeros(32_000)
    audio[:8_000] = 0.5
    audio[20_000:21_000] = 0.01
    where = np.arange(250) > 100
    assert transfer.loudest_dbfs(audio, 32_000) == pytest.approx(-6.02, abs=0.01)
    assert transfer.loudest_dbfs(audio, 32_000, where) == pytest.approx(-40.0, abs=0.1)
    assert transfer.loudest_dbfs(np.zeros(32_000), 32_000) == -200.0


def tone(f0_hz: float, slope: float) -> np.ndarray:
    time = np.arange(16_000) / 16_000
    return sum(np.sin(2 * np.pi * f0_hz * k * time) / k**slope for k in range(1, 20)) * 0.1


def test_timbre_distance_knows_a_bright_tone_from_a_dull_one_at_any_level():
    bright, dull = transfer.mean_spectrum(tone(300.0, 0.5)), transfer.mean_spectrum(tone(300.0, 2.0))
    assert transfer.timbre_distance(bright, transfer.mean_spectrum(0.1 * tone(300.0, 0.5))) < 0.1
    assert transfer.timbre_distance(bright, dull) > 5.0


@pytest.mark.parametrize("kind", transfer.QUIET)
def test_noise_is_at_minus_45_dbfs(kind: str):
    made = transfer.noise(kind, 2.0, 32_000)
    assert 10 * np.log10(np.mean(made.astype(np.float64) ** 2)) == pytest.approx(-45.0, abs=0.01)


def test_the_made_up_voice_sings_its_melody_and_pauses_for_breath():
    import soxr
    from swift_f0 import SwiftF0

    sung = voice.sing()
    assert np.max(np.abs(sung.audio)) < 1.0
    found = SwiftF0(threads=1, spin=False).detect(soxr.resample(sung.audio, 32_000, 16_000).astype(np.float32), 16_000)
    wanted = np.interp(found.timestamps, np.arange(len(sung.f0_hz)) / 250, sung.f0_hz)
    voiced = np.interp(found.timestamps, np.arange(len(sung.f0_hz)) / 250, sung.voiced) > 0.99
    cents = 1200 * np.abs(np.log2(found.pitch_hz / wanted))[voiced]
    assert np.median(cents) < 15.0 and np.mean(cents < 50.0) > 0.9
    breath = sung.audio[round(2.85 * 32_000) : round(3.1 * 32_000)]
    assert -70.0 < 10 * np.log10(np.mean(breath**2)) < -35.0


def test_the_s_of_the_voice_is_noise_above_5_khz():
    s = voice.sing().audio[round(0.03 * 32_000) : round(0.1 * 32_000)]
    power = np.abs(np.fft.rfft(s * np.hanning(len(s)))) ** 2
    frequencies = np.fft.rfftfreq(len(s), 1 / 32_000)
    assert power[frequencies > 5000].sum() > 10 * power[frequencies < 4000].sum()
