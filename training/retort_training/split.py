"""What is held out, as a list that is committed: `splits/<instrument>.csv`, one row per piece of a recording.

Long recordings are split by contiguous time (the last 15 %), single notes by note: every eighth semitone with all
its dynamics and lengths. Pieces of one note never stand on both sides.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

SPLITS = Path(__file__).resolve().parent.parent / "splits"
HELD_OUT_SHARE = 0.15
NOTE_STEP = 8
# The lowest and highest notes stay in training: a decoder is not asked to go beyond what it heard.
NOTE_OFFSET = 4
TRAIN, HELD_OUT = "train", "held-out"
TAKE, NOTE = "take", "note"


@dataclass(frozen=True)
class Piece:
    """Seconds `start_s` to `end_s` of a file of the data folder.

    `kind` is `TAKE` (a piece of music) or `NOTE` (one note or a few, to be spliced); `bandwidth_hz` is up to where the
    source is to be trusted.
    """

    file: str
    source: str
    kind: str
    part: str
    start_s: float
    end_s: float
    bandwidth_hz: float


# Measured per source (lossy codecs and resamplers cut there); a recording that is not listed is trusted to 15.5 kHz.
BANDWIDTH_HZ = {
    ("violin", "garner"): 16_100.0,
    ("violin", "minjikim"): 15_700.0,
}
PHILHARMONIA_BANDWIDTH_HZ = 15_200.0
# The codec of these soft notes cut far lower.
_DULL = {("trumpet", "philharmonia"): ("_pp_", 12_000.0)}


def bandwidth_hz(instrument: str, source: str, file: str) -> float:
    """Up to where a recording is to be trusted."""
    part, limit_hz = _DULL.get((instrument, source), ("", 0.0))
    if part and part in file:
        return limit_hz
    # Resampled to 32 kHz.
    default = PHILHARMONIA_BANDWIDTH_HZ if source in ("philharmonia", "salamander") else 15_500.0
    return BANDWIDTH_HZ.get((instrument, source), default)


def make(index: Path, instrument: str, sources: list[str]) -> list[Piece]:
    """Splits the files of `index` (the data folder's index.csv) by the rules above."""
    pieces = []
    with open(index, newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["instrument"] == instrument and r["source"] in sources]
    lowest = min((int(r["midi"]) for r in rows if r["midi"]), default=0)
    for row in rows:
        seconds = float(row["seconds"])
        name, source = row["file"], row["source"]
        trusted_hz = bandwidth_hz(instrument, source, name)
        if row["midi"]:
            held_out = (int(row["midi"]) - lowest) % NOTE_STEP == NOTE_OFFSET
            pieces.append(Piece(name, source, NOTE, HELD_OUT if held_out else TRAIN, 0.0, seconds, trusted_hz))
        else:
            # Whole tenths of a second, so that a cut falls on a frame and on a sample at every rate.
            cut = round(seconds - HELD_OUT_SHARE * seconds, 1)
            pieces.append(Piece(name, source, TAKE, TRAIN, 0.0, cut, trusted_hz))
            pieces.append(Piece(name, source, TAKE, HELD_OUT, cut, seconds, trusted_hz))
    return pieces


def write(pieces: list[Piece], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Piece.__dataclass_fields__)
        for p in pieces:
            writer.writerow([p.file, p.source, p.kind, p.part, p.start_s, p.end_s, p.bandwidth_hz])


def read(instrument: str, folder: Path = SPLITS) -> list[Piece]:
    """The committed list of an instrument."""
    with open(folder / f"{instrument}.csv", newline="", encoding="utf-8") as file:
        return [_piece(row) for row in csv.DictReader(file)]


def _piece(row: dict[str, str]) -> Piece:
    seconds = float(row["start_s"]), float(row["end_s"])
    return Piece(row["file"], row["source"], row["kind"], row["part"], *seconds, float(row["bandwidth_hz"]))
