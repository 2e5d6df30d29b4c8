"""What is found in a folder of recordings, good and bad: with the real `retort` as ears."""

import errno
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from own_place import PACKAGE, RETORT, SCALE, needs_retort
from own_sounds import RATE_HZ, chords, drums, melody, reed, speech, write
from retort_training import features
from retort_training.__main__ import main
from retort_training.own import OwnError, condition, evidence, sound, survey
from retort_training.own.project import slug



def check(folder: Path, place: Path, *more: str) -> int:
    """The command, only looking; its files lie in `place`."""
    return main(["own", str(folder), "--check", "--name", "Reed", "--models", str(place / "models"), "--work", str(place / "work"), *more])


@needs_retort
def test_a_scale_is_usable_and_the_page_shows_it(tmp_path, capsys):
    write(tmp_path / "in" / "scale.flac", melody(SCALE * 3))
    assert check(tmp_path / "in", tmp_path) == 0
    said = capsys.readouterr().out
    assert "1 recording, 17 seconds" in said and ("16 seconds of them usable" in said or "17 seconds of them usable" in said)
    assert "Pitch A3 to A4" in said and "is little" in said
    rows = [line.split("|")[1] for line in said.splitlines() if " dB |" in line]
    assert len(rows) >= 2 and all(row.strip() for row in rows), "no row of the plot is empty"
    page = (tmp_path / "work" / "reed" / "recordings.html").read_text()
    assert "data:image/png" in page and "scale.flac" in page


@needs_retort
@pytest.mark.parametrize(
    ("made", "word"),
    [(chords, "several notes at once"), (drums, "no pitch"), (speech, "speech")],
    ids=["chords", "drums", "speech"],
)
def test_what_is_no_melody_is_refused_by_its_name(tmp_path, capsys, made, word):
    write(tmp_path / "in" / "a.wav", made())
    assert check(tmp_path / "in", tmp_path) == 1
    assert word in capsys.readouterr().out


@needs_retort
def test_three_seconds_in_all_are_refused(tmp_path, capsys):
    write(tmp_path / "in" / "a.wav", melody([60, 62, 64, 65]))
    assert check(tmp_path / "in", tmp_path) == 1
    assert "only 3 seconds of usable sound" in capsys.readouterr().out


@needs_retort
def test_speech_between_two_melodies_is_left_out_and_the_rest_kept(tmp_path, capsys):
    talk = speech(14.0)
    write(tmp_path / "in" / "a.wav", np.concatenate([melody(SCALE * 3), talk, melody(SCALE * 3)]))
    assert check(tmp_path / "in", tmp_path) == 0
    said = capsys.readouterr().out
    assert "left out" in said
    usable = float(said.split(";")[1].split()[0])
    assert 28.0 < usable < 38.0, said


@needs_retort
def test_unreadable_files_among_good_ones_are_named(tmp_path, capsys):
    folder = tmp_path / "in"
    good = write(folder / "good.wav", melody(SCALE * 3))
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.mp3").write_text("no sound at all, but a name that promises some")
    (folder / "phone.m4a").write_bytes(b"\0" * 100)
    write(folder / "silent.wav", np.zeros(RATE_HZ, np.float32))
    write(folder / "nan.wav", np.full(RATE_HZ, np.nan, np.float32), subtype="FLOAT")
    shutil.copy(good, folder / "twice.wav")
    whole = (folder / "good.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("not audio, not meant")
    (folder / "._good.wav").write_bytes(b"left by a Mac")
    assert check(folder, tmp_path) == 0
    said = capsys.readouterr().out
    for name, word in [
        ("empty.wav", "empty"),
        ("text.mp3", "cannot be read"),
        ("phone.m4a", "WAV or FLAC"),
        ("silent.wav", "silent"),
        ("nan.wav", "no numbers"),
        ("twice.wav", "same sound"),
    ]:
        line = next(line for line in said.splitlines() if f"{name}:" in line)
        assert word in line
    assert "notes.txt" not in said and "._good" not in said
    assert "2 recordings" in said, "half a file is used as far as it goes"


@pytest.mark.parametrize("what", ["empty", "missing", "file"])
def test_a_folder_without_recordings_is_a_clear_error_and_leaves_nothing(tmp_path, capsys, what):
    folder = tmp_path / "in"
    if what == "empty":
        folder.mkdir()
    elif what == "file":
        write(folder, reed(60, 1.0), format="WAV")
    assert check(folder, tmp_path) == 1
    said = capsys.readouterr().err
    assert {"empty": "no recordings", "missing": "does not exist", "file": "is a file"}[what] in said
    assert not (tmp_path / "work").exists() and not (tmp_path / "models").exists()


@pytest.mark.parametrize(("format", "rate_hz"), [("WAV", 44_100), ("FLAC", 96_000), ("MP3", 48_000), ("OGG", 22_050)])
def test_any_format_and_rate_becomes_the_same_sound(tmp_path, format, rate_hz):
    audio = melody([60, 67], rate_hz=rate_hz)
    path = write(tmp_path / f"a.{format.lower()}", np.stack([audio, audio], axis=1), rate_hz, format=format)
    found = sound.decode(path, "a")
    assert found.rate_hz == rate_hz and found.channels == 2
    assert abs(found.seconds - len(audio) / rate_hz) < 0.1
    assert abs(np.abs(found.audio).max() - np.abs(audio).max()) < 0.05


def test_channels_that_cancel_are_still_heard(tmp_path):
    audio = reed(60, 1.0)
    found = sound.decode(write(tmp_path / "a.wav", np.stack([audio, -audio], axis=1)), "a")
    assert np.abs(found.audio).max() > 0.2 and "cancel" in found.notes[0]


def test_clipping_is_counted_and_clean_sound_has_none(tmp_path):
    audio = reed(60, 1.0, 0.9)
    assert sound.decode(write(tmp_path / "clean.wav", audio), "a").clips == 0
    clipped = sound.decode(write(tmp_path / "clipped.wav", np.clip(audio * 3.0, -1.0, 1.0)), "a").clips
    assert 400 < clipped < 700, "twice in each of 262 periods, but for the ends"


@pytest.mark.parametrize("edge_hz", [4_000, 8_000, 11_000])
def test_the_edge_of_a_codec_is_found(edge_hz):
    noisy = melody(SCALE) + np.random.default_rng(0).standard_normal(len(melody(SCALE))).astype(np.float32) * 0.002
    spectrum = np.fft.rfft(noisy)
    spectrum[np.fft.rfftfreq(len(noisy), 1 / RATE_HZ) > edge_hz] = 0.0
    audio = np.fft.irfft(spectrum, n=len(noisy)).astype(np.float32)
    assert abs(condition.bandwidth_hz(audio, np.ones(100, bool), 44_100) - edge_hz) <= 500.0
    assert condition.bandwidth_hz(noisy, np.ones(100, bool), 44_100) == 15_500.0


def test_hum_is_found_by_its_frequency_and_level():
    audio = melody(SCALE, gap_s=0.4)
    time = np.arange(len(audio)) / RATE_HZ
    assert condition.hum(audio) is None
    humming = audio + sum(0.003 / k * np.sin(2 * np.pi * 50.0 * k * time) for k in (1, 2, 3)).astype(np.float32)
    mains_hz, level_db = condition.hum(humming)
    assert mains_hz == 50 and abs(level_db - 20 * np.log10(0.003)) < 3.0


def test_names_become_ids_that_a_model_may_have():
    assert slug("My cello") == "my-cello" and slug("Flûte à bec No. 2") == "flute-a-bec-no-2"
    with pytest.raises(OwnError, match="Latin letter"):
        slug("二胡")


def test_evidence_does_not_depend_on_the_level():
    from retort_training.features import Features

    audio = melody(SCALE)
    n = len(audio) // 128
    frames = Features(np.full(n, 261.6, np.float32), np.ones(n, np.float32), np.full(n, -20.0, np.float32))
    kinds = [evidence.look(audio * np.float32(gain), frames).kind for gain in (1.0, 0.1)]
    assert (kinds[0] == kinds[1]).mean() > 0.99


@needs_retort
def test_no_permission_and_no_space_are_said_before_anything_is_done(tmp_path, capsys, monkeypatch):
    write(tmp_path / "in" / "a.wav", melody(SCALE * 3))
    # A file where a folder should be cannot be written into, by root neither.
    (tmp_path / "work").write_text("in the way")
    assert check(tmp_path / "in", tmp_path) == 1
    assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "work").unlink()
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert check(tmp_path / "in", tmp_path) == 1
    assert "MB are free" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["models", "work"])
def test_a_folder_that_may_not_be_written_is_named(tmp_path, capsys, monkeypatch, folder):
    write(tmp_path / "in" / "a.wav", melody(SCALE * 3))
    allowed = Path.write_bytes

    def refused(path, data):
        if path.is_relative_to(tmp_path / folder):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return allowed(path, data)

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert check(tmp_path / "in", tmp_path) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / folder) in said and "cannot be written (Permission denied)" in said


@needs_retort
@pytest.mark.parametrize("error", [soundfile.LibsndfileError(2), PermissionError(errno.EACCES, "Permission denied")], ids=["libsndfile", "system"])
def test_a_recording_that_may_not_be_read_is_left_out_and_the_others_are_used(tmp_path, capsys, monkeypatch, error):
    for name, shift in (("a", 0), ("locked", 5), ("z", 12)):
        write(tmp_path / "in" / f"{name}.wav", melody([n + shift for n in SCALE * 2]))
    opened = soundfile.SoundFile

    def refused(path, *args, **options):
        if Path(str(path)).name == "locked.wav":
            raise error
        return opened(path, *args, **options)

    monkeypatch.setattr(sound.soundfile, "SoundFile", refused)
    assert check(tmp_path / "in", tmp_path) == 0
    said = capsys.readouterr().out
    assert "left out: locked.wav: it cannot be read" in said and "2 recordings" in said


def test_of_the_file_that_makes_it_too_long_only_what_is_left_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "LONGEST_TOTAL_S", 8.0)
    for name, start in (("a", 60), ("b", 62), ("d", 64)):
        write(tmp_path / f"{name}.wav", np.concatenate([reed(start + k, 1.0, rate_hz=44_100) for k in range(5)]), 44_100)
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.copy of a.wav")
    recordings, unusable = sound.decode_all(tmp_path)
    assert [(r.name, round(r.seconds, 2)) for r in recordings] == [("a.wav", 5.0), ("b.wav", 3.0)]
    assert not recordings[0].notes and "only the first 3 seconds are used" in recordings[1].notes[0]
    assert recordings[1].audio.base is None or len(recordings[1].audio.base) == len(recordings[1].audio), "no more is kept in memory"
    assert {u.name: u.reason.split()[0] for u in unusable} == {"b.copy of a.wav": "holds", "d.wav": "comes"}


@needs_retort
def test_clips_of_a_phone_are_enough_to_begin_with_and_what_they_lack_is_said(tmp_path, capsys, monkeypatch):
    # A script beside the package.
    monkeypatch.syspath_prepend(PACKAGE)
    import phone_clips

    rng = np.random.default_rng(1)
    for i in range(phone_clips.CLIPS):
        notes = [reed(55 + 2 * i + k, 2.3, 0.1 * (1 + k), rate_hz=phone_clips.RATE_HZ, seed=3 * i + k) for k in range(3)]
        made = phone_clips.clip(notes, rng)
        write(tmp_path / "in" / f"clip {i + 1}.mp3", made, phone_clips.RATE_HZ, format="MP3", compression_level=0.8, bitrate_mode="CONSTANT")
    assert check(tmp_path / "in", tmp_path) == 0
    said = capsys.readouterr().out
    assert "10 recordings" in said
    for words in ("is little:", "kHz (a phone", "The pauses are not silent"):
        assert words in said, said


def test_advice_names_what_is_missing():
    one_note = survey.Survey([], [], 1.0, 80, np.full(250 * 60, 60.0), np.full(250 * 60, -20.0))
    one_note.examined = [_examined(60.0)]
    survey.judge(one_note)
    said = " ".join(one_note.advice)
    assert not one_note.problems
    assert "0 semitones" in said and "0 dB apart" in said and "3.5 kHz" in said and "is little" in said


def _examined(seconds: float) -> survey.Examined:
    looks = round(seconds * evidence.LOOKS_PER_S)
    sounding = np.ones(looks, bool)
    found = evidence.Evidence(sounding, sounding, np.ones(looks), np.full(looks, evidence.KEPT))
    recording = sound.Recording("a", np.zeros(round(seconds * RATE_HZ), np.float32), 44_100, 1, 0, "x")
    from retort_training.features import Features

    n = round(seconds * 250)
    frames = Features(np.full(n, 261.6, np.float32), np.ones(n, np.float32), np.full(n, -20.0, np.float32))
    return survey.Examined(recording, frames, found, [(0.0, seconds)], 3_500.0, None, None)


@needs_retort
def test_a_second_look_measures_nothing_and_a_recording_that_is_gone_leaves_nothing(tmp_path, monkeypatch):
    for name, shift in (("low", 0), ("high", 12)):
        write(tmp_path / "in" / f"{name}.wav", melody([n + shift for n in SCALE * 2]))
    assert check(tmp_path / "in", tmp_path) == 0
    kept = sorted((tmp_path / "work" / "reed" / "cache").rglob("*.*"))
    assert kept
    # Past the second that a time stamp would count in.
    time.sleep(1.1)
    monkeypatch.setattr(features.subprocess, "run", lambda *_, **__: pytest.fail("retort was called"))
    assert check(tmp_path / "in", tmp_path) == 0
    assert sorted((tmp_path / "work" / "reed" / "cache").rglob("*.*")) == kept
    (tmp_path / "in" / "low.wav").unlink()
    monkeypatch.undo()
    check(tmp_path / "in", tmp_path)
    left = sorted((tmp_path / "work" / "reed" / "cache").rglob("*.*"))
    assert left and len(left) < len(kept)


def test_the_same_samples_are_the_same_file_and_are_read_back_as_they_are(tmp_path):
    audio = melody(SCALE[:2])
    features.write_audio(tmp_path / "a.wav", audio)
    read, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate_hz == RATE_HZ and np.array_equal(read, audio)


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "0", "-3", "1e9"])
def test_a_sitting_has_a_length(tmp_path, capsys, minutes):
    write(tmp_path / "in" / "a.wav", melody(SCALE))
    assert check(tmp_path / "in", tmp_path, f"--minutes={minutes}") == 1
    assert "at most" in capsys.readouterr().err and not (tmp_path / "work").exists()


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
def test_blocks_make_no_difference_to_sound_or_clips(tmp_path, monkeypatch, rate_hz):
    audio = np.clip(melody([60, 64, 67], rate_hz=rate_hz) * 4.0, -0.9, 0.9)
    path = write(tmp_path / "a.wav", np.stack([audio, 0.5 * audio], axis=1), rate_hz, subtype="FLOAT")
    whole = sound.decode(path, "a")
    monkeypatch.setattr(sound, "_BLOCK_S", 0.0101)
    pieces = sound.decode(path, "a")
    assert whole.clips == pieces.clips > 100
    assert len(whole.audio) == len(pieces.audio) and np.abs(whole.audio - pieces.audio).max() < 1e-6


@pytest.mark.skipif(sys.platform != "linux", reason="others count memory otherwise")
def test_a_long_file_in_stereo_takes_little_more_memory_than_the_sound_that_is_kept(tmp_path):
    path, rate_hz, seconds = tmp_path / "a.wav", 48_000, 300
    with soundfile.SoundFile(path, "w", rate_hz, 2, "PCM_16") as file:
        for _ in range(seconds // 10):
            file.write(np.full((10 * rate_hz, 2), 0.1))
    script = (
        "import resource, sys; from pathlib import Path; from retort_training.own import sound\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); sound.decode(Path(sys.argv[1]), 'a'); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=PACKAGE, capture_output=True, text=True, check=True)
    whole_kib, kept_kib = seconds * rate_hz * 2 * 4 / 1024, seconds * 32_000 * 4 / 1024
    assert int(done.stdout) < 3.5 * kept_kib < 1.2 * whole_kib, f"{int(done.stdout) // 1024} MB"


def test_half_a_wav_file_is_read_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "a.wav", melody(SCALE))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert abs(sound.decode(path, "a").seconds - soundfile.info(path).duration) < 0.1


@needs_retort
def test_the_package_takes_the_frames_of_retort_as_they_are(tmp_path):
    """Nothing is rounded or shifted between `retort features` and training; only the pitch is held where nothing is voiced."""
    from retort_training.features import VOICED, measure

    path = write(tmp_path / "a.wav", melody(SCALE))
    subprocess.run([RETORT, "features", str(path), str(tmp_path / "a.csv"), "--lowest-pitch", "80"], check=True)
    table = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1)
    frames = measure(path, RETORT, tmp_path / "cache", 80)
    assert np.array_equal(frames.voicing, table[:, 2].astype(np.float32))
    assert np.array_equal(frames.loudness_db, table[:, 3].astype(np.float32))
    voiced = frames.voicing >= VOICED
    assert voiced.sum() > 500 and np.array_equal(frames.f0_hz[voiced], table[voiced, 1].astype(np.float32))
