"""What a folder of recordings holds, whether it is enough, and what would help: figures first, then words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import FRAME_RATE_HZ
from ..features import VOICED, Features, write_audio
from ..statistics import midi
from . import OwnError, condition, evidence
from .sound import Recording, Unusable

# Less usable sound than this teaches nothing; and where most of what sounds has to be left out, the folder is probably another than was meant.
LEAST_S = 15.0
LEAST_SHARE = 0.35
ENOUGH_S, GOOD_S = 180.0, 600.0
_PEAK = 0.95
_MOST_GAIN = 100.0
# The analysis setting is the highest that hears all but the lowest hundredth of the frames, with a margin.
_SETTINGS_HZ = (160, 80, 40)
_MARGIN = 1.03
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass
class Examined:
    """A recording with its frames and what was found in it. `passages` are the seconds that are used."""

    recording: Recording
    frames: Features
    evidence: evidence.Evidence
    passages: list[tuple[float, float]]
    bandwidth_hz: float
    hum: tuple[int, float] | None
    floor_db: float | None

    @property
    def usable_s(self) -> float:
        return sum(end - start for start, end in self.passages)

    def usable_frames(self) -> Features:
        """The frames of the passages, one after the other."""
        parts = [self.frames[round(a * FRAME_RATE_HZ) : round(b * FRAME_RATE_HZ)] for a, b in self.passages]
        join = lambda name: np.concatenate([getattr(p, name) for p in parts] or [np.zeros(0, np.float32)])  # noqa: E731
        return Features(join("f0_hz"), join("voicing"), join("loudness_db"))


@dataclass
class Survey:
    """Of a whole folder. `midi` and `loudness_db` are those of the usable voiced frames; `gain` was applied to all recordings alike."""

    examined: list[Examined]
    unusable: list[Unusable]
    gain: float
    lowest_pitch_hz: int
    midi: np.ndarray
    loudness_db: np.ndarray
    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    @property
    def total_s(self) -> float:
        return sum(e.recording.seconds for e in self.examined)

    @property
    def usable_s(self) -> float:
        return sum(e.usable_s for e in self.examined)

    def left_out_s(self, kind: int) -> float:
        return sum(e.evidence.seconds(kind) for e in self.examined)

    @property
    def sounding_s(self) -> float:
        return sum(float(e.evidence.sounding.sum()) for e in self.examined) / evidence.LOOKS_PER_S

    def pitch_range(self) -> tuple[float, float]:
        """As MIDI numbers, but for the hundredth at either end."""
        return tuple(float(x) for x in np.percentile(self.midi, [1.0, 99.0])) if len(self.midi) else (0.0, 0.0)

    def dynamics_db(self) -> tuple[float, float]:
        """Loudness of the voiced frames, but for the twentieth at either end."""
        return tuple(float(x) for x in np.percentile(self.loudness_db, [5.0, 95.0])) if len(self.midi) else (-80.0, -80.0)

    def bandwidth_hz(self) -> float:
        """The median over the usable time."""
        weights = [(e.bandwidth_hz, e.usable_s) for e in sorted(self.examined, key=lambda e: e.bandwidth_hz)]
        half, so_far = sum(w for _, w in weights) / 2.0, 0.0
        for hz, weight in weights:
            so_far += weight
            if so_far >= half:
                return hz
        return 0.0


def note_name(number: float) -> str:
    nearest = round(number)
    return f"{NOTES[nearest % 12]}{nearest // 12 - 1}"


def survey(
    recordings: list[Recording], unusable: list[Unusable], measure: Callable[[Path, int], Features], scratch: Path, show=lambda done, total: None
) -> Survey:
    """Examines all recordings; scales them by one gain so that the loudest peaks at 0.95. `measure` is that of `features`."""
    peak = max((float(np.abs(r.audio).max()) for r in recordings), default=1.0)
    gain = min(_PEAK / max(peak, 1e-9), _MOST_GAIN)
    steps, done = 2 * len(recordings), 0

    def frames_of(recording: Recording, lowest_pitch_hz: int) -> Features:
        nonlocal done
        show(done, steps)
        done += 1
        return measured(recording.audio, lowest_pitch_hz, measure, scratch)

    for recording in recordings:
        recording.audio = recording.audio * np.float32(gain)
    first = [frames_of(r, _SETTINGS_HZ[-1]) for r in recordings]
    lowest = lowest_pitch(first)
    examined = []
    for recording, heard in zip(recordings, first):
        frames = heard if lowest == _SETTINGS_HZ[-1] else frames_of(recording, lowest)
        found = evidence.look(recording.audio, frames)
        examined.append(
            Examined(
                recording,
                frames,
                found,
                evidence.passages(found),
                condition.bandwidth_hz(recording.audio, found.sounding, recording.rate_hz),
                condition.hum(recording.audio),
                condition.noise_floor_db(frames),
            )
        )
    show(steps, steps)
    usable = [e.usable_frames() for e in examined]
    voiced = [f.voicing >= VOICED for f in usable]
    pitches = np.concatenate([midi(f.f0_hz[v]) for f, v in zip(usable, voiced)] or [np.zeros(0)])
    levels = np.concatenate([f.loudness_db[v] for f, v in zip(usable, voiced)] or [np.zeros(0)])
    made = Survey(examined, unusable, gain, lowest, pitches, levels)
    judge(made)
    return made


def measured(audio: np.ndarray, lowest_pitch_hz: int, measure: Callable, scratch: Path) -> Features:
    """The frames of audio at 32 kHz, by way of a file in `scratch`."""
    path = Path(scratch) / "measured.wav"
    write_audio(path, audio)
    try:
        return measure(path, lowest_pitch_hz)
    finally:
        path.unlink(missing_ok=True)


def lowest_pitch(heard: list[Features]) -> int:
    """The analysis setting for recordings that were heard from 40 Hz up."""
    voiced = np.concatenate([f.f0_hz[(f.voicing >= VOICED) & (f.loudness_db > -50.0)] for f in heard] or [np.zeros(0)])
    if len(voiced) == 0:
        return _SETTINGS_HZ[1]
    low = float(np.percentile(voiced, 3.0))
    return next((hz for hz in _SETTINGS_HZ if low > hz * _MARGIN), _SETTINGS_HZ[-1])


def judge(made: Survey) -> None:
    """Fills `problems`, for which nothing can be trained, and `advice`."""
    usable, sounding = made.usable_s, made.sounding_s
    out = {kind: made.left_out_s(kind) for kind in evidence.REASONS}
    if not made.examined:
        made.problems.append("none of the files could be read: save them as WAV or FLAC and try again")
        return
    worst = max(out, key=out.get)
    if sounding > 0 and usable < LEAST_SHARE * sounding and out[worst] > 0.3 * sounding:
        made.problems.append(
            {
                evidence.POLYPHONIC: "most of this is several notes at once (chords, two instruments, or a long echo): an instrument is learned from one note at a time",
                evidence.NOISY: "most of this has no pitch (drums, noise, or an instrument far away from the microphone): only pitched sound can be learned",
                evidence.SPEECH: "most of this sounds like speech: record an instrument, or a voice that sings",
            }[worst]
        )
    elif usable < LEAST_S:
        made.problems.append(
            f"there are only {usable:.0f} seconds of usable sound: at least {LEAST_S:.0f} are needed to begin, and three minutes to sound well"
        )
    if made.problems:
        return
    _advise(made)


def _advise(made: Survey) -> None:
    say = made.advice.append
    usable = made.usable_s
    if usable < ENOUGH_S:
        say(f"{duration(usable)} is little: the instrument will sound alike, but not like every note. Three minutes are enough for most, ten are good.")
    elif usable < GOOD_S:
        say("This is enough. Up to ten minutes, more variety still helps: other notes, other dynamics.")
    else:
        say("This is plenty.")
    low, high = made.pitch_range()
    numbers = np.round(made.midi).astype(int)
    counts = {n: int((numbers == n).sum()) / FRAME_RATE_HZ for n in range(round(low), round(high) + 1)}
    gaps = [n for n, seconds in counts.items() if seconds < 0.3]
    if high - low < 12.0:
        say(f"It covers {high - low:.0f} semitones. Notes beyond {note_name(low)} to {note_name(high)} are a guess of the model: play low and high too.")
    elif len(gaps) > max(3, len(counts) // 3):
        say(f"Missing between the lowest and the highest note: {', '.join(note_name(n) for n in gaps[:12])}{' …' if len(gaps) > 12 else ''}. A scale closes such gaps.")
    soft, loud = made.dynamics_db()
    if loud - soft < 14.0:
        say(f"Soft and loud lie only {loud - soft:.0f} dB apart. Play scales softly, too, and loudly: the tone of the instrument follows.")
    width = made.bandwidth_hz()
    if width < 12_000.0:
        say(f"The recordings end at {width / 1000:.1f} kHz (a phone, or a compressed file): the instrument will sound as dull. Nothing that is not in them can be learned.")
    floors = [e.floor_db for e in made.examined if e.floor_db is not None]
    if floors and np.median(floors) > -50.0:
        say(f"The pauses are not silent ({np.median(floors):.0f} dB): the instrument will learn that noise. Go closer to the microphone, into a quieter room.")
    humming = [e for e in made.examined if e.hum is not None and e.hum[1] > -66.0]
    if humming:
        mains, level = max((e.hum for e in humming), key=lambda h: h[1])
        say(f"Mains hum at {mains} Hz in {len(humming)} of {len(made.examined)} files (up to {level:.0f} dBFS): keep cables away from power supplies, or filter it out before.")
    clips = sum(e.recording.clips for e in made.examined)
    if clips > 3 * max(1.0, made.total_s / 60.0):
        say(f"It is clipped in {clips} places: lower the recording level and play these again. Distortion is learned, too.")
    lost = sum(made.left_out_s(kind) for kind in evidence.REASONS)
    if lost > 0.15 * max(made.sounding_s, 1.0):
        parts = [f"{duration(made.left_out_s(kind))} of {text}" for kind, text in evidence.REASONS.items() if made.left_out_s(kind) >= 1.0]
        say(f"Left out: {'; '.join(parts)}.")


def duration(seconds: float) -> str:
    """As people say it."""
    return f"{seconds:.0f} seconds" if seconds < 90.0 else f"{seconds / 60.0:.1f} minutes"


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
