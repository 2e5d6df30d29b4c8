"""What each instrument is made from: its sources, who made them, under which licence, and how often they are heard."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """`weight` multiplies how often a second of this source is drawn."""

    name: str
    recording: str
    author: str
    licence: str
    weight: float


@dataclass(frozen=True)
class Instrument:
    """`sources[0]` is the reference: its room and its level are what the shipped model plays.

    `lowest_pitch_hz` is the analysis setting that suits it: held-out frames and statistics are made with it.
    `heard_with_hz` are the settings that it is trained with, one after the other: where a player leaves the setting lower,
    double stops and echoes are now and then heard an octave too low, and the model must sound right then too.
    """

    name: str
    sources: tuple[Source, ...]
    licence: str
    lowest_pitch_hz: int
    heard_with_hz: tuple[int, ...]

    def source_names(self) -> list[str]:
        return [s.name for s in self.sources]

    def weights(self) -> dict[str, float]:
        return {s.name: s.weight for s in self.sources}


_VIOLIN = Instrument(
    "violin",
    (
        Source("garner", "J. S. Bach, BWV 1002, movements 6 and 8", "John Garner", "CC BY 3.0", 1.6),
        Source("minjikim", "J. S. Bach, BWV 1003, movement 4", "MinJi Kim", "CC BY 3.0", 1.0),
        Source(
            "philharmonia",
            "Philharmonia Orchestra sound samples, violin",
            "Philharmonia Orchestra",
            "free to use in any work, not to be sold or passed on as samples or as a sampler instrument; CC BY-SA 3.0",
            0.7,
        ),
    ),
    "CC BY-SA 4.0; name John Garner, MinJi Kim and the Philharmonia Orchestra, whose recordings it was trained on",
    lowest_pitch_hz=160,
    heard_with_hz=(160, 40),
)

INSTRUMENTS = {i.name: i for i in (_VIOLIN,)}
