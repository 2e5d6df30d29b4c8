"""A song in Ardour, on its dummy engine: made by script, saved, reopened in another process, exported both times.

The song has three parts, one after the other, so that each can be measured alone:

    0.5 s    "Notes": the instrument plays MIDI notes, and its output level is automated
    6.0 s    "Doubling": the instrument follows the track "Saxophone" through its side input
    13.0 s   "Trumpet": the effect on a recording, with automated brightness

Ardour gets a home of its own in a temporary folder: its plugin list, settings and sessions stay out of the user's.
`cargo xtask test --all` installs Ardour and sets RETORT_REQUIRED, which makes a missing Ardour a failure.
"""

import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pedalboard
import pytest
from pedalboard.io import AudioFile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUNDLE = pathlib.Path(os.environ.get("RETORT_BUNDLED", ROOT / "target/bundled")) / "Retort.vst3"
SCRIPTS = pathlib.Path(__file__).parent / "ardour"
DEMO = ROOT / "assets/demo"
# Tried with 7.3; other distributions have later ones.
VERSION = next((version for version in (7, 8, 9) if shutil.which(f"ardour{version}-lua")), None)
ARDOUR = shutil.which(f"ardour{VERSION}-lua")
# Ardour 7.3 sometimes crashes or hangs around an export by script, in sessions without any plugin too (docs/hosts.md).
ATTEMPTS, PATIENCE_S = 4, 20
NAME = "song"
# That of the demo recordings, so that nothing is resampled.
RATE_HZ = 44_100
SECONDS = 18.0
# Ardour's, from retort.lua.
BLOCK = 8_192
SAXOPHONE_S, TRUMPET_S = 6.0, 13.0
# Key, first and last second. 120 bpm, so a beat is half a second.
NOTES = [(69, 0.5, 3.0), (72, 3.25, 3.75)]
# What 80 Hz, the lowest pitch of a new instance, costs at 44.1 kHz.
LATENCY = 1_412
# Of 32-bit floats at the session's rate; retort.lua asks for it.
PRESET_ID, FORMAT_ID = "7a3a62c5-5a0c-4c1c-9a5e-2d2f0b1d9e01", "7a3a62c5-5a0c-4c1c-9a5e-2d2f0b1d9e02"

pytestmark = pytest.mark.skipif(
    ARDOUR is None and "RETORT_REQUIRED" not in os.environ, reason="no Ardour in PATH"
)

EXPORT_PRESET = f"""<?xml version="1.0" encoding="UTF-8"?>
<ExportPreset id="{PRESET_ID}" name="Retort">
  <ExportFormat id="{FORMAT_ID}"/>
  <ExportFilename>
    <Folder relative="1" path="export"/>
    <Field name="timespan" enabled="1"/>
    <Field name="time" enabled="0" value="T_None"/>
    <Field name="date" enabled="0" value="D_None"/>
  </ExportFilename>
</ExportPreset>
"""

SILENCE_AT = """<Trim enabled="0"/><Add enabled="0">
        <Duration format="Timecode" hours="0" minutes="0" seconds="0" frames="0"/></Add>"""

EXPORT_FORMAT = f"""<?xml version="1.0" encoding="UTF-8"?>
<ExportFormatSpecification name="Retort" id="{FORMAT_ID}" analyse="0">
  <Encoding id="F_WAV" type="T_Sndfile" extension="wav" name="WAV" has-sample-format="1" channel-limit="256"/>
  <SampleRate rate="SR_Session"/>
  <SRCQuality quality="SRC_SincBest"/>
  <EncodingOptions>
    <Option name="sample-format" value="SF_Float"/>
    <Option name="dithering" value="D_None"/>
    <Option name="tag-metadata" value="0"/>
    <Option name="tag-support" value="0"/>
    <Option name="broadcast-info" value="0"/>
  </EncodingOptions>
  <Processing>
    <Normalize enabled="0" loudness="0" dbfs="0" lufs="-23" dbtp="-1"/>
    <Silence>
      <Start>{SILENCE_AT}</Start>
      <End>{SILENCE_AT}</End>
    </Silence>
  </Processing>
</ExportFormatSpecification>
"""


class Ardour:
    """Ardour in a home of its own, which knows no plugin but the bundle."""

    def __init__(self, home):
        self.home = home
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "VST3_PATH": str(BUNDLE.parent),
            "RETORT_MODELS": str(ROOT / "models"),
        }
        export = home / f".config/ardour{VERSION}/export"
        export.mkdir(parents=True)
        (export / "retort.preset").write_text(EXPORT_PRESET)
        (export / "retort.format").write_text(EXPORT_FORMAT)
        # Scripts only see plugins that the window's scan has found; its scanner lies where the wrapper script says.
        libraries = re.search(r"ARDOUR_DLL_PATH=(\S+)", pathlib.Path(ARDOUR).read_text())[1]
        variables = {"LD_LIBRARY_PATH": libraries, "ARDOUR_DLL_PATH": libraries}
        code, log = self.call([f"{libraries}/ardour-vst3-scanner", str(BUNDLE)], variables)
        assert code == 0, log

    def call(self, command, variables):
        """Exit code, or None if it hung, and what was printed."""
        try:
            done = subprocess.run(
                command,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_S,
            )
            code, log = done.returncode, done.stdout
        except subprocess.TimeoutExpired as hung:
            code, log = None, hung.stdout or b""
        lines = log.decode(errors="replace").splitlines()
        # A debug bundle says of every point of automation that lies on a block's end that it is moved.
        return code, "\n".join(line for line in lines if "Input event is out of bounds" not in line)

    def script(self, name, session, *arguments):
        """Runs a script on a session, which is put back before another attempt."""
        before = session.with_suffix(".before")
        if session.exists():
            shutil.copytree(session, before)
        for attempt in range(1, ATTEMPTS + 1):
            code, log = self.call([ARDOUR, str(SCRIPTS / name), str(session), NAME, *map(str, arguments)], {})
            if code == 0:
                shutil.rmtree(before, ignore_errors=True)
                return log
            ended = "hung" if code is None else f"ended with {code}"
            print(f"{name} {ended}, attempt {attempt} of {ATTEMPTS}")
            # A positive code is the script's own: it will be the same again.
            if code is not None and code > 0:
                break
            shutil.rmtree(session, ignore_errors=True)
            if before.exists():
                shutil.copytree(before, session)
        raise AssertionError(f"{name} {ended}:\n{log[-4000:]}")

    def add_preset(self, plugin, name, model):
        """A VST3 preset with the source on audio. Ardour counts automatable parameters only, and Source is none.

        Both plugins have the same state, and pedalboard takes long to load the one with a parameter for every controller.
        """
        folder = self.home / ".vst3/presets/Retort" / plugin
        folder.mkdir(parents=True)
        data = pedalboard.load_plugin(str(BUNDLE), plugin_name="Retort FX").preset_data
        class_id = {"Retort": b"RetortInstrument", "Retort FX": b"RetortTrackAudio"}[plugin].hex().upper().encode()
        assert plugin == "Retort" or data[8:40] == class_id
        data = data[:8] + class_id + data[40:]
        # "VST3", version and class id, then the place of the list of chunks; its first is the component's state.
        (entries,) = struct.unpack_from("<q", data, 40)
        assert data[entries + 8 : entries + 12] == b"Comp"
        start, length = struct.unpack_from("<qq", data, entries + 12)
        state = json.loads(data[start : start + length])
        song = json.loads(state["fields"]["song"])
        song["models"][0] = model
        state["fields"]["song"] = json.dumps(song)
        state["params"]["source"]["i32"] = 1
        chunk = json.dumps(state).encode()
        chunks = b"List" + struct.pack("<i", 1) + b"Comp" + struct.pack("<qq", 48, len(chunk))
        (folder / f"{name}.vstpreset").write_bytes(data[:40] + struct.pack("<q", 48 + len(chunk)) + chunk + chunks)


def midi_file(notes):
    def variable_length(number):
        digits = [number & 127]
        while number := number >> 7:
            digits.append(number & 127 | 128)
        return bytes(reversed(digits))

    ticks_per_s = 2 * 960
    events = [(start, bytes([0x90, key, 100])) for key, start, _ in notes]
    events += [(end, bytes([0x80, key, 0])) for key, _, end in notes]
    track, now = b"", 0
    for seconds, message in sorted(events):
        tick = round(seconds * ticks_per_s)
        track += variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, 960, b"MTrk", len(track)) + track


def add_media(session):
    """Puts notes and recordings on the tracks, in the session's file: scripts can't import without Ardour's window."""
    path = session / f"{NAME}.ardour"
    tree = ET.parse(path)
    root = tree.getroot()
    # Ardour writes times as fractions of a second, and beats as fractions of a beat.
    per_s, per_beat = int(root.find("TempoMap").get("superclocks-per-second")), 1_920
    media = session / "interchange" / NAME
    (media / "midifiles/notes.mid").write_bytes(midi_file(NOTES))
    regions = [("Notes", "midi", "notes.mid", "b0", f"b{10 * per_beat}@b0")]
    for track, file, at_s in (
        ("Saxophone", "saxophone_phrase.flac", SAXOPHONE_S),
        ("Trumpet", "trumpet_loop.flac", TRUMPET_S),
    ):
        shutil.copy(DEMO / file, media / "audiofiles")
        with AudioFile(str(DEMO / file)) as recording:
            assert recording.samplerate == RATE_HZ
            length = recording.frames * per_s // RATE_HZ
        regions.append((track, "audio", file, "a0", f"a{length}@a{round(at_s * per_s)}"))
    next_id = int(root.get("id-counter"))
    for track, kind, file, start, extent in regions:
        common = {"name": file, "type": kind}
        ET.SubElement(
            root.find("Sources"),
            "Source",
            common | {"id": str(next_id), "flags": "", "natural-position": start, "channel": "0", "gain": "1"},
        )
        ET.SubElement(
            root.find(f"Playlists/Playlist[@name='{track}']"),
            "Region",
            common
            | {"id": str(next_id + 1), "start": start, "length": extent, "channels": "1", "opaque": "1"}
            | {"source-0": str(next_id), "master-source-0": str(next_id)}
            | {"fade-in-active": "0", "fade-out-active": "0"},
        )
        next_id += 2
    root.set("id-counter", str(next_id))
    tree.write(path, encoding="UTF-8", xml_declaration=True)


def samples_of(path):
    with AudioFile(str(path)) as file:
        assert file.samplerate == RATE_HZ
        return file.read(file.frames)


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """What Ardour exported: the song as it was made and reopened, and reopened with one thing at a time made otherwise."""
    assert ARDOUR, "Ardour (ardour7-lua) is not in PATH: `cargo xtask test --all` installs Ardour"
    assert BUNDLE.exists(), f"{BUNDLE} is missing: run `cargo xtask bundle` first, or name the folder in RETORT_BUNDLED"
    ardour = Ardour(tmp_path_factory.mktemp("ardour"))
    ardour.add_preset("Retort", "Listening", "trumpet/reduced")
    ardour.add_preset("Retort FX", "Flute", "flute/reduced")
    session, exports = ardour.home / NAME, ardour.home / "takes"
    ardour.script("tracks.lua", session, RATE_HZ)
    add_media(session)
    ardour.script("song.lua", session, SCRIPTS, SECONDS, exports / "made")
    for take in ("reopened", "repeated", "still", "unfed", "dry"):
        log = ardour.script("again.lua", session, SCRIPTS, SECONDS, exports / take)
        latencies = dict(re.findall(r"^latency (\w+) (\d+)$", log, re.MULTILINE))
        assert latencies == {"Notes": "0", "Doubling": str(LATENCY), "Trumpet": str(LATENCY)}, take
    return {path.stem: samples_of(path) for path in exports.glob("*.wav")}


def part(samples, start_s, end_s):
    return samples[..., int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]


def level_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20)


def log_mel_db(samples):
    """Mel bands of the power spectrum in dB: 80 of them from 30 Hz to 8 kHz, 64 ms windows, 60 dB deep."""
    size = int(0.064 * RATE_HZ)
    frames = np.lib.stride_tricks.sliding_window_view(samples.mean(axis=0), size)[:: size // 4]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    mels = np.linspace(*(2595 * np.log10(1 + f_hz / 700) for f_hz in (30, 8_000)), 82)
    corners = 700 * (10 ** (mels / 2595) - 1)
    bins_hz = np.arange(size // 2 + 1) * RATE_HZ / size
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bands = np.maximum(0, np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)))
    # A narrow low band may hold no bin.
    mel = power @ bands[bands.sum(axis=1) > 0].T
    return 10 * np.log10(np.maximum(mel, mel.max() * 1e-6))


def distance_db(one, other):
    """Mean distance of the log-mel spectra where there is sound in one of them."""
    one, other = log_mel_db(one), log_mel_db(other)
    sounding = np.maximum(one.max(axis=1), other.max(axis=1)) > max(one.max(), other.max()) - 59
    return float(np.abs(one - other)[sounding].mean())


def onset_s(samples):
    """When the level first comes within 20 dB of the loudest 5 ms."""
    size = RATE_HZ // 200
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(size) / size, "valid")
    return int(np.argmax(power > power.max() / 100)) / RATE_HZ


def centroid_hz(samples):
    power = np.abs(np.fft.rfft(samples.mean(axis=0))) ** 2
    return float(np.sum(power * np.fft.rfftfreq(samples.shape[1], 1 / RATE_HZ)) / np.sum(power))


def test_every_part_sounds_and_nothing_clips(takes):
    assert len(takes) == 6
    for name, take in takes.items():
        assert take.shape == (2, int(SECONDS * RATE_HZ)), name
        assert np.isfinite(take).all(), name
        assert np.abs(take).max() < 1.0, name
    for name in ("made", "reopened"):
        for start_s, end_s in ((0.5, 2.0), (SAXOPHONE_S, 12.0), (TRUMPET_S, 16.5)):
            assert level_db(part(takes[name], start_s, end_s)) > -30, (name, start_s)
        assert np.abs(part(takes[name], 0.0, 0.5)).max() == 0, name


def test_a_reopened_song_sounds_as_it_was_saved(takes):
    """Not to the sample: plugins run while the transport stands, so the frames' grid lies elsewhere from export to export."""
    found = {
        parts: distance_db(part(takes["made"], *parts), part(takes["reopened"], *parts))
        for parts in ((0.0, SECONDS), (0.0, 5.5), (5.5, 12.5), (12.5, SECONDS))
    }
    print("made and reopened:", found)
    assert found[0.0, SECONDS] < 0.5, found
    # What distance the same song has from itself, and one with another sound.
    repeated = distance_db(takes["reopened"], takes["repeated"])
    print("reopened twice:", repeated)
    assert repeated < 0.5
    assert distance_db(takes["made"], takes["still"]) > 1.0


def test_the_notes_play_at_once(takes):
    """Their track has no latency, and waits for those that have."""
    assert abs(onset_s(part(takes["reopened"], 0.0, 3.0)[0]) - NOTES[0][1]) < 0.01


def test_automation_of_the_level_is_what_is_heard(takes):
    """0 dB up to 1.5 s, then a straight line to -24 dB at 3 s, of which Ardour takes one value for a block."""
    line_db = lambda at_s: np.interp(at_s, [1.5, 3.0], [0.0, -24.0])  # noqa: E731
    for take in ("made", "reopened"):
        for at_s in (1.0, 2.0, 2.5, 3.4):
            window = (at_s - 0.05, at_s + 0.05)
            heard_db = level_db(part(takes[take], *window)) - level_db(part(takes["still"], *window))
            print(take, at_s, heard_db)
            assert line_db(at_s) - 1.0 < heard_db < line_db(at_s - BLOCK / RATE_HZ) + 1.0, (take, at_s)


def test_automation_of_the_brightness_is_heard(takes):
    """From 6 dB an octave darker to 9 brighter."""
    for take in ("made", "reopened"):
        darker = centroid_hz(part(takes[take], 13.0, 13.8)) / centroid_hz(part(takes["still"], 13.0, 13.8))
        brighter = centroid_hz(part(takes[take], 15.5, 16.3)) / centroid_hz(part(takes["still"], 15.5, 16.3))
        print(take, darker, brighter)
        assert darker < 0.9, take
        assert brighter > 1.1, take


def test_the_side_input_drives_the_instrument(takes):
    assert np.abs(part(takes["unfed"], SAXOPHONE_S, 12.5)).max() == 0
    saxophone = samples_of(DEMO / "saxophone_phrase.flac")
    # What plays is an instrument, not the saxophone: the same melody with another sound.
    doubling = part(takes["reopened"], SAXOPHONE_S, 12.0)[:, : saxophone.shape[1]]
    late = onset_s(doubling[0]) - onset_s(saxophone[0])
    print("side input, late by", late)
    assert distance_db(doubling, saxophone[:, : doubling.shape[1]]) > 5
    # Ardour does not play the track that feeds a side input ahead, so this stays late by what is reported.
    assert abs(late - LATENCY / RATE_HZ) < 0.02


def test_the_host_takes_the_effects_latency_out(takes):
    """To the sample for what is dry; the instrument begins when the recording does."""
    trumpet = samples_of(DEMO / "trumpet_loop.flac")[0]
    start = int(TRUMPET_S * RATE_HZ)
    for channel in takes["dry"][:, start : start + len(trumpet)]:
        np.testing.assert_allclose(channel, trumpet, atol=1e-4)
    late = onset_s(takes["reopened"][0, start:]) - onset_s(trumpet)
    print("effect, late by", late)
    assert abs(late) < 0.01


def test_the_side_input_is_dry_when_it_shall_be(takes):
    saxophone = samples_of(DEMO / "saxophone_phrase.flac")[0]
    start = int(SAXOPHONE_S * RATE_HZ) + LATENCY
    for channel in takes["dry"][:, start : start + len(saxophone)]:
        # Ardour's own panner takes 3 dB off a mono track.
        np.testing.assert_allclose(channel, saxophone * 10 ** (-3 / 20), atol=1e-4)
