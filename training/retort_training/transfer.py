"""Timbre transfer: other instruments and a made-up voice played through the models as a player would, with `--match auto`.

Asked of each pair: is the pitch kept (whole octaves apart), does the loudness follow, does it sound more like the target than the source did,
and is it quiet where the source is. Every source is followed by room noise at -45 dBFS, so that there is always such a place. The lowest pitch is
set to suit the source, as a player would. Apart from that, breath, hum and room noise alone, at -45 dBFS, are played into every model as they are.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter

from . import FRAME_RATE_HZ, SAMPLE_RATE_HZ, cost, metrics, split, systems, voice
from .evaluate import SCORES, instruments_in, model_files
from .features import VOICED, Features, retort_binary
from .hearing import Ear, resampled
from .held_out import Part, Take
from .instruments import INSTRUMENTS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
VERSION = 2
# The setting that suits each source; noise is played with the widest.
LOWEST_PITCH_HZ = {"trumpet": 160, "saxophone": 80, "flute": 160, "clarinet": 80, "voice": 80}
WIDEST_HZ = 40
NOISE_DBFS, NOISE_S = -45.0, 1.0
# A gap counts from so long after the source's last sound, since the room rings on, to so long before the next.
AFTER_S, BEFORE_S = 0.75, 0.1
SILENT_DB = -42.0
# Phrases of the recordings, which may not be published: how many of each.
FROM_DATA = {"flute": 2, "clarinet": 2}
_WINDOW_S = 0.02
QUIET = ("breath", "hum of 50 Hz", "hum of 100 Hz", "room")
QUIET_WINDOW_S = 0.1
NOISE_INPUT_S = 2.0


@dataclass
class Source:
    """Audio (mono) to be played as something else; `instrument` is what it is."""

    instrument: str
    audio: np.ndarray
    rate_hz: int

    def take(self) -> Take:
        return Take(self.instrument, self.audio, self.rate_hz, 15_500.0, [Part(self.instrument, 0.0, 0.0)])


def noise(kind: str, seconds: float, rate_hz: int, seed: int = 1) -> np.ndarray:
    """`room` (falling from 300 Hz on), `breath` (white above 500 Hz, swelling) or `hum of 50 Hz` (harmonics falling with their square) at -45 dBFS RMS."""
    n = round(seconds * rate_hz)
    time = np.arange(n) / rate_hz
    white = np.random.default_rng(seed).standard_normal(n)
    pole = lambda hz: np.exp(-2.0 * np.pi * hz / rate_hz)  # noqa: E731
    if kind.startswith("hum of "):
        f0_hz = float(kind.split()[2])
        made = sum(np.sin(2 * np.pi * f0_hz * k * time) / k**2 for k in range(1, 7))
    elif kind == "breath":
        made = (white - lfilter([1.0 - pole(500.0)], [1.0, -pole(500.0)], white)) * (
            0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * time)
        )
    elif kind == "room":
        made = lfilter([1.0], [1.0, -pole(300.0)], white)
    else:
        raise ValueError(f"no noise is called {kind}")
    return (made * 10.0 ** (NOISE_DBFS / 20.0) / np.sqrt(np.mean(made**2))).astype(np.float32)


def followed_by_noise(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    return np.concatenate([audio, noise("room", AFTER_S + NOISE_S, rate_hz)]).astype(np.float32)


def sources(data: Path) -> list[Source]:
    """Trumpet and saxophone from the demo recordings, phrases of flute and clarinet from the data, and the voice."""
    found = []
    for name, file in (("trumpet", "trumpet_loop.flac"), ("saxophone", "saxophone_phrase.flac")):
        audio, rate_hz = soundfile.read(REPOSITORY / "assets" / "demo" / file, dtype="float32", always_2d=True)
        found.append(Source(name, audio.mean(axis=1), rate_hz))
    for name, count in FROM_DATA.items():
        with open(data / "index.csv", newline="", encoding="utf-8") as file:
            files = sorted(
                r["file"]
                for r in csv.DictReader(file)
                if r["instrument"] == name and "phrase" in r["file"] and "_mf_" in r["file"]
            )
        parts = []
        for file in files[:: max(1, len(files) // count)][:count]:
            audio, rate_hz = soundfile.read(data / file, dtype="float32", always_2d=True)
            parts += [audio.mean(axis=1)[: 5 * rate_hz], np.zeros(round(0.4 * rate_hz), np.float32)]
        if parts:
            found.append(Source(name, np.concatenate(parts), rate_hz))
    found.append(Source("voice", voice.sing().audio, SAMPLE_RATE_HZ))
    return [Source(s.instrument, followed_by_noise(s.audio, s.rate_hz), s.rate_hz) for s in found]


def pitch_kept(source_hz, source_voiced, output_hz, output_voiced) -> tuple[int, float, float]:
    """(octaves moved, median |cents| apart from them, share within 50 cents); unvoiced output counts as wrong."""
    n = min(len(source_hz), len(output_hz))
    both = source_voiced[:n] & output_voiced[:n]
    if not both.any():
        return 0, 1e9, 0.0
    octaves = np.log2(output_hz[:n] / np.maximum(source_hz[:n], 1.0))
    moved = int(np.round(np.median(octaves[both])))
    cents = 1200.0 * np.abs(octaves - moved)
    counted = source_voiced[:n]
    cents = np.where(output_voiced[:n], cents, 1e9)[counted]
    return moved, float(np.median(cents)), float(np.mean(cents <= metrics.IN_TUNE_CENTS))


def loudness_kept(source_db: np.ndarray, output_db: np.ndarray) -> tuple[float, float, float]:
    """(offset, correlation, mean |dB| after the offset is taken off) over frames in which the source is above -60 dB and is no gap."""
    n = min(len(source_db), len(output_db))
    sounding = source_db[:n] > SILENT_DB
    a, b = source_db[:n][sounding], output_db[:n][sounding]
    if len(a) < 2:
        return float("nan"), float("nan"), float("nan")
    offset = float(np.median(b - a))
    steady = np.std(a) < 1e-6 or np.std(b) < 1e-6
    correlation = float("nan") if steady else float(np.corrcoef(a, b)[0, 1])
    return offset, correlation, float(np.mean(np.abs(b - a - offset)))


def mean_spectrum(low: np.ndarray) -> np.ndarray:
    """The mean log-mel spectrum of the sounding frames at 16 kHz, its own mean taken off: what the ear keeps of a timbre, in dB."""
    spectra = metrics.log_mel(low)
    level = spectra.max(axis=1)
    sounding = spectra[level > level.max() - 35.0]
    floored = np.maximum(sounding, sounding.max(axis=1, keepdims=True) - metrics.MEL_DEPTH_DB)
    average = floored.mean(axis=0)
    return average - average.mean()


def timbre_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean |dB| between two mean spectra."""
    return float(np.mean(np.abs(a - b)))


def gaps(frames: Features) -> np.ndarray:
    """Frames in which the source is silent or unvoiced and low, and is so for a while before and a moment after."""
    busy = (frames.loudness_db > SILENT_DB) | ((frames.voicing >= VOICED) & (frames.loudness_db > SILENT_DB - 10.0))
    after, before = round(AFTER_S * FRAME_RATE_HZ), round(BEFORE_S * FRAME_RATE_HZ)
    # Before the recording nothing sounded.
    counts = np.cumsum(np.concatenate([np.zeros(after + 1), busy, np.zeros(before)]))
    return counts[after + before + 1 :] - counts[: len(busy)] == 0


def loudest_dbfs(audio: np.ndarray, rate_hz: int, where: np.ndarray | None = None, window_s: float = _WINDOW_S) -> float:
    """The loudest window, RMS in dBFS, of the frames `where` (4 ms each; all if none is given); -200 for silence."""
    n = round(window_s * rate_hz)
    power = np.concatenate([[0.0], np.cumsum(np.asarray(audio, np.float64) ** 2)])
    n_frames = len(audio) * FRAME_RATE_HZ // rate_hz
    centres = np.arange(n_frames) * rate_hz // FRAME_RATE_HZ
    begin, end = np.clip(centres - n // 2, 0, len(audio)), np.clip(centres + n // 2, 0, len(audio))
    levels = (power[end] - power[begin]) / np.maximum(end - begin, 1)
    if where is not None:
        levels = levels[: len(where)][where[: len(levels)]]
    return float(10.0 * np.log10(max(levels.max(initial=0.0), 1e-20)))


def target_spectrum(instrument: str, data: Path, n_files: int = 40) -> np.ndarray:
    """Of the reference source's training recordings: some files spread over the list, 4 s of each."""
    reference = INSTRUMENTS[instrument].sources[0].name
    pieces = [p for p in split.read(instrument) if p.part == split.TRAIN and p.source == reference]
    parts = []
    for piece in pieces[:: max(1, len(pieces) // n_files)]:
        audio, rate_hz = soundfile.read(data / piece.file, dtype="float32", always_2d=True)
        first = round(piece.start_s * rate_hz)
        last = min(round(piece.end_s * rate_hz), first + (4 if piece.kind == split.NOTE else 30) * rate_hz)
        parts.append(mean_spectrum(resampled(audio.mean(axis=1)[first:last], rate_hz, metrics.RATE_HZ)))
    return np.mean(parts, axis=0)


class HeardSource:
    """A source, measured once for all models with the setting that suits it (or the one given)."""

    def __init__(self, source: Source, ears: dict[int, Ear], lowest_pitch_hz: int | None = None):
        self.source = source
        self.lowest_pitch_hz = lowest_pitch_hz or LOWEST_PITCH_HZ[source.instrument]
        self.ear = ears[self.lowest_pitch_hz]
        self.frames = self.ear.frames(source.audio, source.rate_hz, keep=True)
        low = resampled(source.audio, source.rate_hz, metrics.RATE_HZ)
        time_s, self.f0_hz, voiced = self.ear.pitch(low)
        self.gaps = gaps(self.frames)
        # What follows the music is not part of it.
        self.music_s = len(source.audio) / source.rate_hz - AFTER_S - NOISE_S
        self.spectrum = mean_spectrum(low[: round(self.music_s * metrics.RATE_HZ)])
        self.voiced = voiced & (time_s < self.music_s)
        self.digest = f"{hashlib.sha256(source.audio.tobytes()).hexdigest()[:20]} {self.lowest_pitch_hz}"


def compare(heard: HeardSource, audio: np.ndarray, target: np.ndarray) -> dict:
    """The figures of one rendering, as long as the source and at its rate, against the target's mean spectrum."""
    rate_hz, ear = heard.source.rate_hz, heard.ear
    low = resampled(audio, rate_hz, metrics.RATE_HZ)
    _, f0_hz, voiced = ear.pitch(low)
    octaves, cents, within = pitch_kept(heard.f0_hz, heard.voiced, f0_hz, voiced)
    offset, correlation, error = loudness_kept(heard.frames.loudness_db, ear.frames(audio, rate_hz).loudness_db)
    music = round(heard.music_s * metrics.RATE_HZ)
    return {
        "octaves": octaves,
        "f0_cents": round(cents, 2),
        "f0_within_50_cents": round(within, 4),
        "level_offset_db": round(offset, 2),
        "loudness_correlation": round(correlation, 3),
        "loudness_error_db": round(error, 2),
        "timbre_distance_db": round(timbre_distance(mean_spectrum(low[:music]), target), 2),
        "source_distance_db": round(timbre_distance(heard.spectrum, target), 2),
        "gap_dbfs": round(loudest_dbfs(audio, rate_hz, heard.gaps), 1),
    }


def _incrementally(kept: dict, name: str, key: str, force: bool, make: Callable[[], dict]) -> None:
    if not force and kept.get(name, {}).get("key") == key:
        return
    kept[name] = {"key": key, **make()}
    told = ", ".join(f"{k} {v}" for k, v in kept[name].items() if k != "key")
    print(f"{name}: {told}", flush=True)


def transfer(args) -> None:
    """The `transfer` command."""
    retort = retort_binary(args.retort)
    models = args.models.resolve()
    ears = {hz: Ear(retort, args.cache, hz) for hz in (40, 80, 160)}
    path = SCORES / "transfer.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"pairs": {}, "noise": {}}
    heard = [HeardSource(s, ears, args.lowest_pitch) for s in sources(args.data)]
    quiet = [Source(kind, noise(kind, NOISE_INPUT_S, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ) for kind in QUIET]
    version = f"{cost.retort_version(retort)} {VERSION}"
    for name in args.instrument or instruments_in(models):
        spectrum = target_spectrum(name, args.data)
        for file in model_files(models, name):
            model = systems.Model(file, file.with_stem(systems.ROOM), retort, WIDEST_HZ)
            key = f"{model.fingerprint()} {version}"
            for source in quiet:
                pair = f"{source.instrument} > {model.id}"
                _incrementally(kept["noise"], pair, key, args.force, partial(_noise_figures, model, source))
            for one in heard if file.stem in args.variant else ():
                if one.source.instrument != name:
                    pair, own_key = f"{one.source.instrument} > {model.id}", f"{key} {one.digest}"
                    _incrementally(kept["pairs"], pair, own_key, args.force, partial(_pair_figures, model, one, spectrum))
            # A model that is no longer there is no longer spoken of.
            gone = lambda pair: not (models / f"{pair.split(' > ')[1]}.safetensors").exists()  # noqa: E731
            kept = {part: {pair: f for pair, f in kept[part].items() if not gone(pair)} for part in ("pairs", "noise")}
            kept["date"] = date.today().isoformat()
            if not args.lowest_pitch:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _noise_figures(model: systems.Model, source: Source) -> dict:
    model.lowest_pitch_hz = WIDEST_HZ
    audio = model.sound(source.take(), 1, ("--match", "none"))
    return {"loudest_dbfs": round(loudest_dbfs(audio, source.rate_hz, window_s=QUIET_WINDOW_S), 1)}


def _pair_figures(model: systems.Model, heard: HeardSource, target: np.ndarray) -> dict:
    model.lowest_pitch_hz = heard.lowest_pitch_hz
    return compare(heard, model.sound(heard.source.take(), 1, ("--match", "auto")), target)
