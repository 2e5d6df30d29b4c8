"""The part of the report about timbre transfer."""

import json
from collections.abc import Callable
from pathlib import Path

QUIET_DBFS = -60.0

_HOW = """Other instruments and a made-up voice, each followed by room noise at -45 dBFS, played with `--match auto` and the lowest pitch that suits the source, seed 1.

- **pitch**: median |cents| and share within 50 cents, by SwiftF0 in source and output, the whole octaves moved taken off; unvoiced output counts as wrong.
- **loudness**: correlation of `retort features`' loudness, and mean |dB| after the median offset is taken off, over frames in which the source is above -42 dB.
- **timbre**: mean |dB| between the mean log-mel spectra (level taken off) of the output and of the target's training recordings; beside it the source's own distance from them.
- **gaps**: the loudest 20 ms from 0.75 s after the source's last sound on, in dBFS, room noise at -45 dBFS being heard.
- **noise alone**: breath, hum and room noise at -45 dBFS for 2 s, played as they are (`--match none`, lowest pitch 40 Hz): the loudest 100 ms is meant to stay under -60 dBFS."""


def transfer_section(path: Path, table: Callable) -> str:
    """From `scores/transfer.json`; nothing if there is none. `table` makes Markdown of rows."""
    if not path.exists():
        return ""
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        [
            "source",
            "model",
            "octaves",
            "pitch (cents)",
            "within 50 cents",
            "loudness correlation",
            "loudness (dB)",
            "timbre: source, then output (dB)",
            "gaps (dBFS)",
        ]
    ]
    nearer = 0
    for name, p in kept["pairs"].items():
        source, model = name.split(" > ")
        closer = p["timbre_distance_db"] < p["source_distance_db"]
        nearer += closer
        timbre = f"{p['source_distance_db']:.1f} → {p['timbre_distance_db']:.1f}"
        rows.append(
            [
                source,
                f"`{model}`",
                f"{p['octaves']:+d}",
                f"{p['f0_cents']:.1f}",
                f"{p['f0_within_50_cents']:.3f}",
                f"{p['loudness_correlation']:.3f}",
                f"{p['loudness_error_db']:.1f}",
                timbre if closer else f"**{timbre}**",
                f"{p['gap_dbfs']:.0f}",
            ]
        )
    parts = [
        "## Timbre transfer",
        _HOW,
        table(rows),
        f"Nearer to the target's timbre than the source was: {nearer} of {len(kept['pairs'])} (the others in bold).",
    ]
    by_model: dict[str, dict[str, float]] = {}
    for name, p in kept["noise"].items():
        kind, model = name.split(" > ")
        by_model.setdefault(model, {})[kind] = p["loudest_dbfs"]
    loud = {m: levels for m, levels in by_model.items() if max(levels.values()) > QUIET_DBFS}
    told = f"Breath, hum and room noise at -45 dBFS: {len(by_model) - len(loud)} of {len(by_model)} models stay under {QUIET_DBFS:.0f} dBFS"
    worst = max((max(levels.values()) for levels in by_model.values()), default=-200.0)
    told += f"; the loudest 100 ms of all is at {worst:.0f} dBFS." if worst > -199.0 else ", all of them silent."
    told += "".join(f" **`{m}`: {', '.join(f'{k} {v:.0f}' for k, v in levels.items())}.**" for m, levels in loud.items())
    return "\n\n".join([*parts, told] if by_model else parts)
