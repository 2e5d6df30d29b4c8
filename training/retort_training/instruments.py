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

    `lowest_pitch_hz` is the analysis setting that its features are made with.
    """

    name: str
    sources: tuple[Source, ...]
    licence: str
    lowest_pitch_hz: int = 80

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
            "free to use in any work, not to be sold or passed on as samples or as a sampler instrument",
            0.7,
        ),
    ),
    "CC BY 4.0; name John Garner, MinJi Kim and the Philharmonia Orchestra, whose recordings it was trained on",
)

INSTRUMENTS = {i.name: i for i in (_VIOLIN,)}
