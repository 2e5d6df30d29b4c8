"""Writes models/REPORT.md from the model files and the scores of the last evaluation."""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from .evaluate import FIGURES, SCORES
from .export import read_model

_HEADINGS = {
    "multi_scale_loss": ("loss", 3),
    "log_mel_db": ("log-mel (dB)", 2),
    "f0_cents": ("f0 (cents)", 2),
    "f0_within_50_cents": ("within 50 cents", 3),
    "loudness_error_db": ("loudness error (dB)", 2),
    "loudness_bias_db": ("loudness bias (dB)", 2),
}


def _cell(record: dict, name: str) -> str:
    """Mean and standard deviation over seeds; the mean alone where the seeds did not all give a rendering of their own."""
    values = [s[name] for s in record["seeds"]]
    digits = _HEADINGS[name][1]
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if _has_spread(record) else mean


def _has_spread(record: dict) -> bool:
    return len(record["seeds"]) > 1 and record["different_renderings"] == len(record["seeds"])


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _room_facts(path: Path) -> str:
    with safe_open(path, framework="np") as file:
        response = file.get_tensor("impulse_response").astype(np.float64)
        metadata = json.loads(file.metadata()["retort-room"])
    energy = float(np.sum(response**2))
    late = np.cumsum(response[::-1] ** 2)[::-1] / max(energy, 1e-30)
    fall = np.argmax(late < 1e-3) / metadata["sample_rate_hz"]
    return (
        f"`{metadata['id']}`: the room of {metadata['source']}, {len(response) / metadata['sample_rate_hz']:.2f} s at "
        f"{metadata['sample_rate_hz']} Hz. Its energy lies {-10 * np.log10(max(energy, 1e-30)):.1f} dB under the direct sound, "
        f"and 99.9 % of it in the first {fall:.2f} s."
    )


def report(args) -> None:
    """The `report` command."""
    files = sorted(p for p in args.models.glob("*/*.safetensors") if p.stem != "room")
    sections = [_INTRODUCTION]
    for instrument in sorted({p.parent.name for p in files}):
        sections.append(_instrument(args.models, instrument, [p for p in files if p.parent.name == instrument]))
    path = args.models / "REPORT.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(path)


def _instrument(models: Path, instrument: str, files: list[Path]) -> str:
    described = {p.stem: read_model(p)[1] for p in files}
    scored = {}
    for variant in described:
        scores = SCORES / instrument / f"{variant}.json"
        if scores.exists():
            scored[variant] = json.loads(scores.read_text(encoding="utf-8"))
    rows = [["model", *(_HEADINGS[name][0] for name in FIGURES)]]
    for variant, record in scored.items():
        rows.append([f"`{record['id']}`", *(_cell(record, name) for name in FIGURES)])
    parts = [f"## {instrument.capitalize()}"]
    if scored:
        first = next(iter(scored.values()))
        takes = "; ".join(f"`{t['file']}` {t['start_s']} to {t['end_s']} s" for t in first["held_out"])
        parts += [_table(rows), f"Held out: {takes}."]
        for record in scored.values():
            n = len(record["seeds"])
            spread = f"mean ± standard deviation over {n} seeds"
            if not _has_spread(record):
                spread = f"{record['different_renderings']} rendering(s) from {n} seed(s), so no spread over seeds was measured"
            parts.append(f"`{record['id']}`: {spread}.")
    stale = [v for v, r in scored.items() if r["steps"] != described[v]["training"]["steps"]]
    if stale:
        parts.append(f"**Scored at another step than the file's: {', '.join(stale)}.** Evaluate again.")
    rows = [["model", "parameters", "bytes", "harmonics", "noise bands", "steps", "minutes", "learning rate", "seed"]]
    for path in files:
        m = described[path.stem]
        t = m["training"]
        cells = [m["parameters"], path.stat().st_size, m["n_harmonics"], m["n_noise_bands"], t["steps"], t["minutes"]]
        rows.append([f"`{m['id']}`", *map(str, cells), f"{t['learning_rate']:g}", str(t["seed"])])
    parts.append(_table(rows))
    one = next(iter(described.values()))
    low, high = one["range"]["f0_hz"]
    quiet, loud = one["range"]["loudness_db"]
    played = one["performance"]
    parts.append(
        f"The voiced training frames lie (3rd to 99.5th percentile) between {low:.0f} and {high:.0f} Hz and between {quiet:.1f} and {loud:.1f} dB. "
        f"Jitter: {played['f0_jitter_cents']:.1f} cents, {played['loudness_jitter_db']:.2f} dB; median onset {played['onset_ms']:.0f} ms, "
        f"release {played['release_ms']:.0f} ms."
    )
    for m in described.values():
        gains = ", ".join(f"{name} {value:+.1f} dB" for name, value in m["training"]["level_offsets_db"].items())
        trim_db = m["training"].get("trim_db", 0.0)
        trim = f" The export made it {trim_db:g} dB louder, since it played its training passages too softly." if trim_db > 0 else ""
        parts.append(f"Learned level offsets of `{m['id']}` (added to the source's loudness): {gains}.{trim}")
    room = models / instrument / "room.safetensors"
    if room.exists():
        parts.append(_room_facts(room))
    rows = [["recording", "author", "licence"]]
    rows += [[d["name"], d["author"], d["licence"]] for d in one["data"]]
    parts += [_table(rows), f"Licence of the weights: {one['licence']}."]
    return "\n\n".join(parts)


_INTRODUCTION = """# The models and their scores

Made by `python -m retort_training report` from the model files and the last evaluation; do not edit by hand.

How the figures are made: passages that were never trained on are played through `retort render --match none` with the room
on, at the recording's rate, once per seed (how many, see below each table). Recording and rendering are resampled to 16 kHz mono with soxr HQ and cut to the shorter.

The checkpoint of a model is the one with the least loss on these same passages, so the losses are a little on the friendly side.

- **loss**: for windows n of 2048 to 64: S = |STFT| / sqrt(n), periodic Hann, hop n / 4, reflect padding n / 2; the sum of mean |S - S'| and
  mean |ln(S + 1e-7) - ln(S' + 1e-7)|; frames whose reference RMS is under -80 dBFS are dropped. Two draws of the noise alone give 2.6 to 3.0.
- **log-mel**: mean |dB difference| of 80 mel bands, 30 Hz to 8 kHz, n = 1024, hop 256, floor 60 dB under the reference's peak.
- **f0**: median |cents| over frames in which SwiftF0 hears a pitch in the recording, and the share of them within 50 cents; unvoiced output counts as wrong.
- **loudness**: mean absolute and mean signed difference of `retort features`' loudness over frames above -60 dB."""
