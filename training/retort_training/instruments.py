"""What each instrument is made from: its sources, who made them, under which licence, and how often they are heard."""

import re
from dataclasses import dataclass, field

_PHILHARMONIA_LICENCE = (
    "free to use in any work, not to be sold or passed on as samples or as a sampler instrument; CC BY-SA 3.0"
)


@dataclass(frozen=True)
class Source:
    """`weight` multiplies how often a second of this source is drawn.

    `private`: the recordings may be learned from but not passed on, not even as an excerpt. `levels_db` corrects files
    whose level in the source contradicts their dynamics: (pattern of the file's name, gain in dB).
    """

    name: str
    recording: str
    author: str
    licence: str
    weight: float = 1.0
    private: bool = False
    levels_db: tuple[tuple[str, float], ...] = ()

    def gain_db(self, file: str) -> float:
        """The correction for a file, 0 for most."""
        return next((gain for pattern, gain in self.levels_db if re.search(pattern, file)), 0.0)


@dataclass(frozen=True)
class Instrument:
    """`sources[0]` is the reference: its room and its level are what the shipped model plays.

    `lowest_pitch_hz` is the analysis setting that suits it: held-out frames and statistics are made with it.
    `heard_with_hz` are the settings that it is trained with: where a player leaves the setting lower, double stops and
    echoes are now and then heard an octave too low, and the model must sound right then too.
    `n_harmonics` reach 15 kHz at the lowest note, up to a limit of 128. `rings`: notes are struck and left to ring, so
    that lines of notes are made with a damper in place of a bow or a breath. `room_stretch` keeps a room from answering to the
    recorded pitches alone, see `room`: held-out notes then are as loud as they should be; 0 where it raised the held-out loss or was not tried. `few_notes`: of a few
    minutes of single notes there are two copies more.
    """

    name: str
    sources: tuple[Source, ...]
    licence: str
    lowest_pitch_hz: int
    n_harmonics: int
    rings: bool = False
    room_stretch: float = 0.0
    few_notes: bool = False
    heard_with_hz: tuple[int, ...] = field(default=())

    def __post_init__(self):
        if not self.heard_with_hz:
            # One setting where there is no lower one.
            object.__setattr__(self, "heard_with_hz", tuple(sorted({self.lowest_pitch_hz, 40}, reverse=True)))

    def source_names(self) -> list[str]:
        return [s.name for s in self.sources]

    def source(self, name: str) -> Source:
        return next(s for s in self.sources if s.name == name)

    def weights(self) -> dict[str, float]:
        return {s.name: s.weight for s in self.sources}


def _philharmonia(instrument: str, weight: float = 1.0, levels_db: tuple[tuple[str, float], ...] = ()) -> Source:
    title = f"Philharmonia Orchestra sound samples, {instrument}"
    return Source("philharmonia", title, "Philharmonia Orchestra", _PHILHARMONIA_LICENCE, weight, True, levels_db)


def _iowa(instrument: str) -> Source:
    title = f"Musical Instrument Samples, {instrument}"
    return Source("iowa", title, "University of Iowa Electronic Music Studios", "free for any project, without restrictions", 1.0)


_PHILHARMONIA_MODEL = "CC BY-SA 4.0; name the Philharmonia Orchestra, whose recordings it was trained on"

_VIOLIN = Instrument(
    "violin",
    (
        Source("garner", "J. S. Bach, BWV 1002, movements 6 and 8", "John Garner", "CC BY 3.0", 1.6),
        Source("minjikim", "J. S. Bach, BWV 1003, movement 4", "MinJi Kim", "CC BY 3.0", 1.0),
        _philharmonia("violin", 0.7),
    ),
    "CC BY-SA 4.0; name John Garner, MinJi Kim and the Philharmonia Orchestra, whose recordings it was trained on",
    lowest_pitch_hz=160,
    room_stretch=0.03,
    n_harmonics=80,
)
_FLUTE = Instrument(
    "flute",
    (_philharmonia("flute"), _iowa("flute")),
    "CC BY-SA 4.0; name the Philharmonia Orchestra and the University of Iowa Electronic Music Studios, whose recordings it was trained on",
    lowest_pitch_hz=160,
    room_stretch=0.03,
    n_harmonics=60,
)
_TRUMPET = Instrument(
    "trumpet",
    (
        # Short fortissimo notes were recorded softer than forte ones, though clearly brighter.
        _philharmonia("trumpet", levels_db=((r"_ff_normal_(05|1|15)\b", 5.0),)),
        _iowa("trumpet"),
        Source("sorohanro", "Jazz Trumpet Loops Pack, phrase in F", "Mihai Sorohan", "CC BY 3.0", 3.0),
    ),
    "CC BY-SA 4.0; name the Philharmonia Orchestra, the University of Iowa Electronic Music Studios and Mihai Sorohan, whose recordings it was trained on",
    lowest_pitch_hz=160,
    few_notes=True,
    n_harmonics=95,
)
_PIANO = Instrument(
    "piano",
    (Source("salamander", "Salamander Grand Piano V3, Yamaha C5", "Alexander Holm", "CC BY 3.0"),),
    "CC BY 4.0; name Alexander Holm, whose recordings it was trained on",
    lowest_pitch_hz=40,
    n_harmonics=100,
    rings=True,
)
_SAXOPHONE = Instrument(
    "saxophone",
    (
        Source("weresax", "Weresax, alto, condenser microphone", "Karoryfer Samples", "CC0 1.0"),
        # Levelled at the source: its loudness says little about its timbre.
        _philharmonia("saxophone", 0.3),
    ),
    "CC BY-SA 4.0; name the Philharmonia Orchestra, whose recordings it was trained on beside Karoryfer's",
    lowest_pitch_hz=80,
    n_harmonics=108,
)
_CLARINET = Instrument("clarinet", (_philharmonia("clarinet"),), _PHILHARMONIA_MODEL, lowest_pitch_hz=80, room_stretch=0.03, few_notes=True, n_harmonics=102)
_CELLO = Instrument("cello", (_philharmonia("cello"),), _PHILHARMONIA_MODEL, lowest_pitch_hz=40, room_stretch=0.03, few_notes=True, n_harmonics=128)
_TROMBONE = Instrument(
    "trombone",
    # Pianissimo is louder than its timbre: it was recorded above piano.
    (_philharmonia("trombone", levels_db=((r"_pp_", -5.0),)),),
    _PHILHARMONIA_MODEL,
    lowest_pitch_hz=80,
    room_stretch=0.03,
    few_notes=True,
    n_harmonics=128,
)
_OBOE = Instrument("oboe", (_philharmonia("oboe"),), _PHILHARMONIA_MODEL, lowest_pitch_hz=160, room_stretch=0.03, few_notes=True, n_harmonics=65)
_BASSOON = Instrument("bassoon", (_philharmonia("bassoon"),), _PHILHARMONIA_MODEL, lowest_pitch_hz=40, room_stretch=0.03, few_notes=True, n_harmonics=128)

INSTRUMENTS = {
    i.name: i
    for i in (_VIOLIN, _FLUTE, _TRUMPET, _PIANO, _SAXOPHONE, _CLARINET, _CELLO, _TROMBONE, _OBOE, _BASSOON)
}
