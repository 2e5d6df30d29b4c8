"""Writes models/REPORT.md and its pictures from the model files and the kept scores; nothing is measured here."""

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from . import equalised, evaluate, pictures, standings, systems
from .hearing import FIGURES
from .standings import Instrument
from .transfer_report import transfer_section

_HEADINGS = {
    "multi_scale_loss": ("loss", 3),
    "log_mel_db": ("log-mel (dB)", 2),
    "full_band_loss": ("full-band loss", 3),
    "full_band_log_mel_db": ("full-band log-mel (dB)", 2),
    "f0_cents": ("f0 (cents)", 2),
    "f0_within_50_cents": ("within 50 cents", 3),
    "loudness_error_db": ("loudness error (dB)", 2),
    "loudness_bias_db": ("loudness bias (dB)", 2),
}


def _cell(record: dict, name: str) -> str:
    """Mean and standard deviation over noise seeds; the mean alone where the seeds did not all give a rendering of their own."""
    values = [s[name] for s in record["seeds"] if name in s]
    if not values:
        return ""
    digits = _HEADINGS[name][1]
    average = f"{np.mean(values):.{digits}f}"
    return f"{average} ± {np.std(values, ddof=1):.{digits}f}" if _has_spread(record) else average


def _has_spread(record: dict) -> bool:
    return len(record["seeds"]) > 1 and record["different_renderings"] == len(record["seeds"])


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def report(args) -> None:
    """The `report` command."""
    found = standings.gather(args.models, evaluate.SCORES)
    path = evaluate.SCORES / "cost.json"
    cost = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path = args.models / "REPORT.md"
    path.write_text(text(found, cost, args.models, args.cache) + "\n", encoding="utf-8")
    print(path)


def text(found: list[Instrument], cost: dict, models: Path, cache: Path) -> str:
    """The whole report; pictures are drawn under `models/report` where the evaluation left something to draw."""
    sections = [
        _INTRODUCTION,
        _targets(found, cost),
        _overview(found),
        _students(found),
        _learned(found),
        _size_and_cost(found, cost, models),
    ]
    sections += [_instrument(one, cost, models, cache) for one in found]
    sections.append(transfer_section(evaluate.SCORES / "transfer.json", _table))
    return "\n\n".join(s for s in sections if s)


def _targets(found: list[Instrument], cost: dict) -> str:
    words = {True: "met", False: "**not met**", None: "not measured"}
    rows = [["target", "", "evidence"]]
    rows += [[t.text, words[t.met], t.evidence] for t in standings.targets(found, cost)]
    return "## Targets\n\n" + _table(rows)


def _overview(found: list[Instrument]) -> str:
    parts = ["## Overview"]
    for title, value in (
        ("Gap closed between anchor (0 %) and oracle (100 %), loss at 16 kHz:", lambda one, r: _percent(one.gap_closed(r))),
        ("Loss at 16 kHz:", lambda one, r: f"{standings.mean(r, 'multi_scale_loss'):.3f}"),
    ):
        rows = [["", *(f"`{v}`" for v in standings.VARIANTS)]]
        for one in found:
            rows.append([one.name, *(value(one, one.models[v]) if v in one.models else "" for v in standings.VARIANTS)])
        parts += [title, _table(rows)]
    return "\n\n".join(parts)


def _students(found: list[Instrument]) -> str:
    rows, verdicts = [["", "student", "training seeds", "loss", "gap closed"]], []
    for one in found:
        for variant in (*standings.STUDENTS, "cnn-tiny", "cnn-tiny-q"):
            runs = list(one.training_seeds(variant).values())
            if not runs:
                continue
            spread = f" ± {np.std(runs, ddof=1):.3f}" if len(runs) > 1 else ""
            record = {"seeds": [{"multi_scale_loss": x} for x in runs]}
            rows.append(
                [one.name, f"`{variant}`", str(len(runs)), f"{np.mean(runs):.3f}{spread}", _percent(one.gap_closed(record))]
            )
        if verdict := standings.student_verdict(one):
            verdicts.append(f"- {one.name}: {verdict}")
    if len(rows) == 1:
        return ""
    head = "## The small ones over training seeds, and which student wins\n\n"
    head += """Mean ± standard deviation over training seeds of the mean over noise seeds. Where there is more than one seed, the runs were made
for this table, all students of an instrument with the same number of steps and the same room; the shipped ones have seeds of their own and
mostly learned for longer, so their figures differ."""
    return "\n\n".join([head, _table(rows), "\n".join(verdicts)]).rstrip()


def _learned(found: list[Instrument]) -> str:
    """Whether a loss is for lack of recordings."""
    rows = [["", "held out", "learned from", "by heart", "gap closed by heart", "after steps", f"equalised in {equalised.BANDS} bands", "in every bin", "bands off by (dB)", "guess off by (dB)", "lead of the bands (dB)", "notes, pitches"]]
    loss = lambda r, figure="multi_scale_loss": f"{standings.mean(r, figure):.3f}" if r else ""  # noqa: E731
    for one in found:
        for variant, record in one.models.items():
            learned, heart, equal = known = [r.get(variant) for r in (one.learned, one.by_heart, one.equalised)]
            if any(known):
                copy = (_percent(one.gap_closed(heart)), str(heart["steps"])) if heart else ("", "")
                rows.append([f"{one.name}/{variant}", loss(record), loss(learned), loss(heart), *copy, loss(equal, "in_bands"), loss(equal), *_beside_guess(equal)])
    if len(rows) == 1:
        return ""
    head = """## What more recordings could give

The loss on held-out recordings beside that on passages of the same source that the model did learn from (of music, 40 s before the held-out end; of notes, as many). Where there is little
between them, the model does not know its own recordings better than strangers: what is missing is not in pitch and loudness, or not within what
such a model can make of them, and more of the same recordings would bring little. *By heart* is a copy of the model, as it was when the copy was made, that went on learning on the held-out takes alone
(`retort_training by-heart`). What it reached in so many steps is neither a limit nor a promise, and no target is judged by it; but where it comes far below the target while the model that learned from other recordings does not, a decoder of this shape is not
what is in the way.

*Equalised* (`evaluate --equalised`): an equaliser behind the rendering, which the held-out recording itself has set, once for each semitone of a file: in bands of 1 kHz, or in every bin of every window. It takes off what is
constantly wrong with a note's timbre; what is left moves within the note, or is chance, since noise is never the same noise twice (of two noises of one spectrum the loss is about 4.2). Where little is taken off, the model knows the timbre of
strangers; where much is, they sound unlike the notes that it learned from. It is no limit: who knows the takes by heart moves with them, too, and can lie below.

*Bands off by*: how far the powers of eight bands of 1 kHz lie from the recording's in held-out single notes (neither swelling nor shaken; their frames within 20 dB of the loudest), on the average over pitches and bands. *Guess off by* is
the same of plain statistics: a Gaussian process over pitch and A-weighted level learns these powers from the reference source's steady ones of the notes that models learn from, with the widths that guess each learned pitch best from all others (`timbre.py`). The
*lead* is by how much less the model is off than the guess, with its standard error over pitches, which are few: it is called clear if chance alone would reach it in one case of twenty (Student's t). It is a yardstick and no limit: a model that is clearly further off leaves something unused, and of one that is not it does not follow that nothing more
can be learned. The guess is told the level of the very note and what pitch it has, the model hears both moment by moment; the model also learned from phrases, swells and other sources; its checkpoint was chosen with these notes, the guess has not seen them. Music has no single notes to compare.

What further rounds of training brought, and what they did not, stands in [training/README.md](../training/README.md#how-the-shipped-models-were-made)."""
    return "\n\n".join([head, _table(rows), *_verdicts(found)])


def _beside_guess(record: dict | None) -> list[str]:
    """Cells of the comparison with a guess; empty where there was none."""
    if not record or "guess_off_db" not in record["seeds"][0]:
        return ["", "", "", ""]
    figure = {name: standings.mean(record, name) for name in record["seeds"][0]}
    error = f" ± {figure['lead_error_db']:.1f}" if "lead_error_db" in figure else ""
    return [f"{figure['bands_off_db']:.1f}", f"{figure['guess_off_db']:.1f}", f"{figure['lead_db']:+.1f}{error}", f"{figure['notes']:.0f}, {figure['pitches']:.0f}"]


def _verdicts(found: list[Instrument]) -> list[str]:
    """Of the models that close too little of the gap, which know their own recordings well enough, and how near their timbre comes to a guess."""
    strangers, everywhere = standings.misses(found)
    lines = []
    if strangers:
        lines.append(f"- Close enough to the recordings that they learned from, and not to the held-out ones, so that what they learned does not carry over to other notes: {', '.join(strangers)}.")
    if everywhere:
        lines.append(f"- Not close enough to those that they learned from, either: {', '.join(everywhere)}. More of the same recordings alone would hardly be enough for them.")
    told = (
        "Clearly nearer to the timbre of the held-out notes than the guess",
        "Clearly further from the timbre of the held-out notes than the guess, so that something is left unused",
        "As near to the timbre of the held-out notes as the guess, or too near to tell with so few pitches",
    )
    lines += [f"- {text}: {', '.join(names)}." for text, names in zip(told, standings.beside_guess(found)) if names]
    return ["Of the models that close less of the gap than wanted:\n\n" + "\n".join(lines)] if lines else []


def _eight_bits(found: list[Instrument], cost: dict) -> list[str]:
    """Of which networks 8 bits are worth using, for speed."""
    lines = []
    for variant, name in (("cnn", "CNN"), ("cnn-tiny", "CNN Tiny")):
        for one in found:
            plain, quantised = (cost.get(f"{one.name}/{v}") for v in (variant, f"{variant}-q"))
            if not plain or not quantised:
                continue
            a, b = plain["decoder_us_per_frame"], quantised["decoder_us_per_frame"]
            sizes = f"{one.bytes[variant] / 1e3:.0f} kB and {one.bytes[f'{variant}-q'] / 1e3:.0f} kB"
            told = f"- {name} ({one.name}): {b:.3f} µs a frame in 8 bits against {a:.3f}, files of {sizes}. "
            worth = b < standings.FASTER * a
            lines.append(told + ("8 bits are worth using." if worth else "No faster, so 8 bits are not worth using."))
    return ["Are 8 bits worth using?\n\n" + "\n".join(lines)] if lines else []


def _size_and_cost(found: list[Instrument], cost: dict, models: Path) -> str:
    sizes, costs = [], []
    for one in found:
        for variant, record in one.models.items():
            loss = standings.mean(record, "multi_scale_loss")
            if variant in one.bytes:
                sizes.append((one.name, variant, one.bytes[variant] / 1000, loss))
            if known := cost.get(f"{one.name}/{variant}"):
                costs.append((one.name, variant, known["decoder_us_per_frame"], loss))
    parts = ["## Size and cost"]
    for points, label, name in (
        (sizes, "size of the file (kB)", "loss-size"),
        (costs, "decoder: µs per 4 ms frame", "loss-cost"),
    ):
        if pictures.draw_scatter(points, label, "loss at 16 kHz", models / "report" / f"{name}.webp"):
            parts.append(f"![Loss against {label}](report/{name}.webp)")
    if costs:
        on = sorted({f"{c['processor']} ({c['simd']})" for c in cost.values()})
        parts.append(
            f"Measured by `retort bench` on {'; '.join(on)}; one core, one model of each shape: weights of other values cost the same. Other work on the machine makes figures larger, never smaller."
        )
    parts += _eight_bits(found, cost)
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _instrument(one: Instrument, cost: dict, models: Path, cache: Path) -> str:
    parts = [f"## {one.name.capitalize()}"]
    scored = {"anchor": one.anchor, "oracle": one.oracle} | one.models
    scored = {k: r for k, r in scored.items() if r}
    if scored:
        rows = [["", "gap closed", *(_HEADINGS[f][0] for f in FIGURES)]]
        for label, record in scored.items():
            name = label if label in ("anchor", "oracle") else f"`{record['id']}`"
            rows.append([name, _percent(one.gap_closed(record)), *(_cell(record, f) for f in FIGURES)])
        parts += [_table(rows), _held_out(scored)]
        repeated = [r for r in scored.values() if r["different_renderings"] < len(r["seeds"])]
        for record in repeated:
            parts.append(
                f"`{record['id']}`: {record['different_renderings']} rendering(s) from {len(record['seeds'])} seed(s), so no spread was measured."
            )
    if stale := _stale(one, models):
        parts.append(f"**The file has changed since it was scored: {', '.join(stale)}.** Evaluate again.")
    picture = models / "report" / f"{one.name}.webp"
    pictures.draw_spectrograms(cache, one.name, ["reference", *scored], picture)
    if picture.exists():
        parts.append(
            f"The first {pictures.EXCERPT_S:.0f} s of the held-out takes, to 15.5 kHz:\n\n![Spectrograms of {one.name}](report/{picture.name})"
        )
    if one.described:
        parts += _facts(one, cost, models)
    return "\n\n".join(parts)


def _held_out(scored: dict[str, dict]) -> str:
    record = next(iter(scored.values()))
    pieces = record["held_out"]
    music = len(pieces) <= 4
    if music:
        told = "; ".join(f"`{t['file']}` {t['start_s']} to {t['end_s']} s" for t in pieces)
    else:
        told = f"{len(pieces)} notes and phrases joined: " + ", ".join(f"`{Path(t['file']).stem}`" for t in pieces)
    octave = record.get("octave_errors_of_the_tracker", 0)
    more = (
        f" In {octave} of them SwiftF0 hears another octave than the name states: their pitch is not counted."
        if octave
        else ""
    )
    return f"Held out, {record.get('held_out_s', 0):.0f} s: {told}.{more}"


def _stale(one: Instrument, models: Path) -> list[str]:
    room = models / one.name / "room.safetensors"
    stale = []
    for variant in one.described:
        key = one.models.get(variant, {}).get("key")
        if (
            key
            and room.exists()
            and key["system"] != systems.fingerprint(models / one.name / f"{variant}.safetensors", room)
        ):
            stale.append(variant)
    return stale


def _facts(one: Instrument, cost: dict, models: Path) -> list[str]:
    """What the files say: sizes, cost, training, range, levels, room, recordings."""
    rows = [
        [
            "model",
            "parameters",
            "bytes",
            "harmonics",
            "noise bands",
            "precision",
            "µs per frame",
            "one voice, × real time",
            "steps",
            "minutes",
            "learning rate",
            "seed",
        ]
    ]
    for variant, m in one.described.items():
        t, played = m["training"], cost.get(m["id"], {})
        voice = played.get("voice_x_realtime", {}).get("audio")
        if voice is None and (record := one.models.get(variant)) and "render_x_realtime" in record:
            voice = f"{record['render_x_realtime']:.0f} (whole render)"
        cells = [
            m["parameters"],
            one.bytes[variant],
            m["n_harmonics"],
            m["n_noise_bands"],
            m["precision"],
            played.get("decoder_us_per_frame", ""),
            voice or "",
        ]
        rows.append(
            [f"`{m['id']}`", *map(str, cells), str(t["steps"]), str(t["minutes"]), f"{t['learning_rate']:g}", str(t["seed"])]
        )
    parts = [_table(rows)]
    first = next(iter(one.described.values()))
    low, high = first["range"]["f0_hz"]
    quiet, loud = first["range"]["loudness_db"]
    played = first["performance"]
    parts.append(
        f"The voiced training frames lie (3rd to 99.5th percentile) between {low:.0f} and {high:.0f} Hz and between {quiet:.1f} and {loud:.1f} dB. "
        f"Jitter: {played['f0_jitter_cents']:.1f} cents, {played['loudness_jitter_db']:.2f} dB; median onset {played['onset_ms']:.0f} ms, "
        f"release {played['release_ms']:.0f} ms."
    )
    for m in one.described.values():
        offsets = m["training"].get("level_offsets_db", {})
        gains = ", ".join(f"{name} {value:+.1f} dB" for name, value in offsets.items())
        trim_db = m["training"].get("trim_db", 0.0)
        trim = (
            f" The export made it {trim_db:g} dB louder, since it played its training passages too softly."
            if trim_db > 0
            else ""
        )
        if len(offsets) > 1 or trim:
            parts.append(f"Learned level offsets of `{m['id']}` (added to the source's loudness): {gains}.{trim}")
    room = models / one.name / "room.safetensors"
    if room.exists():
        parts.append(_room_facts(room))
    rows = [["recording", "author", "licence"]]
    rows += [[d["name"], d["author"], d["licence"]] for d in first["data"]]
    return [*parts, _table(rows), f"Licence of the weights: {first['licence']}."]


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


_INTRODUCTION = """# The models and their scores

Made by `python -m retort_training report` from the model files and the last evaluation; do not edit by hand.

How the figures are made: recordings that were never trained on are played through `retort render --match none` with the room
on, at the recording's rate, once per noise seed (mean ± standard deviation over five). Music is scored whole; of single notes and phrases about
36 s are joined with silence between, dynamics taking turns. Recording and rendering are resampled with soxr HQ and cut to the shorter.

The checkpoint of a model is the one with the least loss on held-out recordings, these among them, so the losses are a little on the friendly side.

- **loss**: at 16 kHz mono, for windows n of 2048 to 64: S = |STFT| / sqrt(n), periodic Hann, hop n / 4, reflect padding n / 2; the sum of mean |S - S'| and
  mean |ln(S + 1e-7) - ln(S' + 1e-7)|; frames whose reference RMS is under -80 dBFS are dropped. Two draws of the noise alone give 2.6 to 3.0.
- **log-mel**: mean |dB difference| of 80 mel bands, 30 Hz to 8 kHz, n = 1024, hop 256, floor 60 dB under the reference's peak.
- **full band**: both at 32 kHz with windows as long in time (4096 to 128; 2048), below the source's bandwidth less two bins (log-mel: to the bandwidth, 15.5 kHz at most).
- **anchor**: linear prediction of order 10 at 16 kHz, windows of 800 samples, each driven by impulses at the pitch that `retort` tracks (at the held pitch where nothing is
  voiced) and set to the recording's level. For the full band the same at 32 kHz with order 20 and 1600 samples.
- **oracle**: amplitude, harmonics and noise bands of each 4 ms frame fitted to the held-out recording itself (300 steps of Adam at 32 kHz), through the synth and the room that the models play.
- **gap closed**: (anchor - system) / (anchor - oracle) in loss at 16 kHz.
- **f0**: median |cents| over frames in which SwiftF0 hears a pitch in the recording, and the share of them within 50 cents; unvoiced output counts as wrong.
- **loudness**: mean absolute and mean signed difference of `retort features`' loudness over frames above -60 dB.
- **learned from**, beside what misses a target: the same figure on passages that the model did learn from. About as bad there: more of the same recordings
  would help little. Much better there: it knows its own recordings and wants more of them.
- **by heart**, beside what misses a target: the same figure of a copy that went on learning on the held-out takes themselves, see *What more recordings could give*. Nobody ships it.
- **equalised**, beside what misses a target: the loss that is left if the average spectrum of each held-out note is corrected in every bin, see there, too."""
