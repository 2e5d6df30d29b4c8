"""The report: one HTML file with everything in it, pictures and sound too, that can be opened or sent anywhere."""

import base64
import csv
import html
import io
from pathlib import Path

import numpy as np
import soundfile

from .. import SAMPLE_RATE_HZ
from ..durable import write_text
from ..pictures import spectrogram
from . import evidence
from .project import Project
from .survey import Survey, duration, note_name

REPORT = "report.html"
_HEARD_S = 9.0
_TITLES = {
    "reduced": "Reduced: small, the first one",
    "full": "Full: the largest, the most work for the processor",
    "reduced-cd": "Reduced, taught by Full",
    "cnn-tiny": "CNN Tiny: the smallest",
    "cnn-tiny-q": "CNN Tiny in 8 bits",
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fafafa}
h1{margin-bottom:0}img{max-width:100%}table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #ddd}
.number{text-align:right}audio{height:2rem;width:16rem}.dim{color:#666}li{margin:.2rem 0}
"""


def write(path: Path, project: Project, survey: Survey, reference: np.ndarray | None) -> None:
    """`reference` are the held-out passages at 32 kHz, once there are models to compare with."""
    parts = [f"<h1>{html.escape(project.name)}</h1>", f'<p class="dim">An instrument for Retort: {html.escape(project.slug)}</p>']
    if reference is not None and project.state["published"]:
        parts += _models(project, reference)
    parts += _recordings(survey)
    body = "\n".join(parts)
    text = f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(project.name)}</title><style>{_STYLE}</style>\n{body}\n</html>\n'
    write_text(path, text)


def _models(project: Project, reference: np.ndarray) -> list[str]:
    parts = ["<h2>What it sounds like</h2>", "<p>Passages that were kept apart and never trained on: first as recorded, then as each model plays their pitch and loudness.</p>"]
    rows = ["<tr><th>model</th><th></th><th>loss as Retort plays it</th><th>pitch error</th><th>loudness error</th><th>minutes</th></tr>"]
    rows.append(f"<tr><td>the recording</td><td>{_player(reference)}</td><td></td><td></td><td></td><td></td></tr>")
    pictures = [("the recording", reference)]
    for variant, made in sorted(project.state["published"].items(), key=lambda item: item[1]["loss"]):
        sound = project.folder / "examples" / f"{variant}.wav"
        heard = soundfile.read(sound, dtype="float32")[0] if sound.exists() else None
        scores = made["scores"]
        rows.append(
            f"<tr><td>{html.escape(_TITLES.get(variant, variant))}</td><td>{_player(heard) if heard is not None else ''}</td>"
            f'<td class="number">{scores["multi_scale_loss"]:.2f}</td><td class="number">{scores["f0_cents"]:.1f} cents</td>'
            f'<td class="number">{scores["loudness_error_db"]:.1f} dB</td><td class="number">{made["minutes"]:.0f}</td></tr>'
        )
        if heard is not None and len(pictures) < 3:
            pictures.append((variant, heard))
    parts += ["<table>", *rows, "</table>"]
    parts.append("<p class=\"dim\">Loss: the distance of the spectra, less is better; two renderings with other noise alone lie 2.6 to 3.0 apart. Good instruments reach 4 to 6.</p>")
    parts += [_spectrograms(pictures), _curves(project)]
    return parts


def _recordings(survey: Survey) -> list[str]:
    low, high = survey.pitch_range()
    soft, loud = survey.dynamics_db()
    figures = [
        ("recordings", f"{len(survey.examined)}, {duration(survey.total_s)}"),
        ("usable, one note at a time", duration(survey.usable_s)),
        *[(f"left out: {text}", duration(survey.left_out_s(kind))) for kind, text in evidence.REASONS.items() if survey.left_out_s(kind) >= 0.5],
        ("pitch", f"{note_name(low)} to {note_name(high)}" if len(survey.midi) else "none"),
        ("loudness", f"{soft:.0f} to {loud:.0f} dB"),
        ("bandwidth", f"{survey.bandwidth_hz() / 1000:.1f} kHz"),
    ]
    parts = ["<h2>What was recorded</h2>", "<table>", *[f"<tr><td>{k}</td><td>{v}</td></tr>" for k, v in figures], "</table>"]
    if len(survey.midi):
        parts.append(_coverage(survey))
    words = survey.problems + survey.advice
    parts += ["<ul>", *[f"<li>{html.escape(text)}</li>" for text in words], "</ul>"]
    parts += ["<details><summary>File by file</summary><table>", "<tr><th>file</th><th>length</th><th>usable</th><th>notes</th></tr>"]
    for e in survey.examined:
        notes = list(e.recording.notes)
        notes += [f"{e.evidence.seconds(kind):.0f} s of {text}" for kind, text in evidence.REASONS.items() if e.evidence.seconds(kind) >= 0.5]
        notes += [f"clipped in {e.recording.clips} places"] if e.recording.clips else []
        notes += [f"hum at {e.hum[0]} Hz, {e.hum[1]:.0f} dBFS"] if e.hum else []
        notes.append(f"up to {e.bandwidth_hz / 1000:.1f} kHz")
        parts.append(
            f"<tr><td>{html.escape(e.recording.name)}</td><td class=\"number\">{e.recording.seconds:.1f} s</td>"
            f"<td class=\"number\">{e.usable_s:.1f} s</td><td>{html.escape('; '.join(notes))}</td></tr>"
        )
    parts += [f"<tr><td>{html.escape(u.name)}</td><td></td><td>-</td><td>{html.escape(u.reason)}</td></tr>" for u in survey.unusable]
    return [*parts, "</table></details>"]


def _player(audio: np.ndarray) -> str:
    data = io.BytesIO()
    peak = max(float(np.abs(audio).max(initial=0.0)), 1e-6)
    # Codecs overshoot: a little room below full scale.
    part = audio[: round(_HEARD_S * SAMPLE_RATE_HZ)] * min(1.0, 0.9 / peak)
    soundfile.write(data, part, SAMPLE_RATE_HZ, format="MP3", subtype="MPEG_LAYER_III")
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{base64.b64encode(data.getvalue()).decode()}"></audio>'


def _figure(width: float, height: float):
    # Without a display, and only where a picture is really drawn.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _image(figure, words: str) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return f'<p><img alt="{html.escape(words)}" src="data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"></p>'


def _coverage(survey: Survey) -> str:
    """Where the frames lie in pitch and loudness, in seconds."""
    figure = _figure(8.0, 3.2)
    axes = figure.subplots()
    low, high = (round(x) for x in survey.pitch_range())
    pitches, levels = np.arange(low - 2.5, high + 3.0), np.arange(-70.0, 3.0, 2.0)
    counts, _, _ = np.histogram2d(survey.midi, survey.loudness_db, bins=[pitches, levels])
    shown = np.ma.masked_less(counts.T / 250.0, 0.02)
    picture = axes.pcolormesh(pitches, levels, shown, cmap="viridis", shading="flat")
    marks = [n for n in range(low - 2, high + 3) if n % 12 in (0, 4, 7)]
    axes.set_xticks(marks, [note_name(n) for n in marks], fontsize=8)
    axes.set_ylabel("loudness in dB")
    figure.colorbar(picture, label="seconds")
    return _image(figure, "pitch and loudness of the recordings")


def _spectrograms(pictures: list[tuple[str, np.ndarray]]) -> str:
    figure = _figure(8.0, 1.7 * len(pictures))
    rows = figure.subplots(len(pictures), 1, squeeze=False)
    for axes, (title, audio) in zip(rows[:, 0], pictures):
        axes.imshow(spectrogram(audio[: round(6.0 * SAMPLE_RATE_HZ)]).T, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=255)
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
    return _image(figure, "spectrograms of the recording and the models")


def _point(row: dict) -> tuple[float, float] | None:
    """Minutes and loss of a line of a log; the last line may be half a one."""
    try:
        return float(row["minutes"]), float(row["held_out_loss"])
    except (TypeError, ValueError):
        return None


def _curves(project: Project) -> str:
    """Held-out loss over the minutes of each model."""
    figure = _figure(8.0, 2.8)
    axes = figure.subplots()
    for log in sorted((project.folder / "runs").glob("*/log.csv")):
        with open(log, newline="", encoding="utf-8") as file:
            rows = [row for row in map(_point, csv.DictReader(file)) if row]
        if rows:
            axes.plot(*zip(*rows), label=log.parent.name)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("held-out loss")
    if axes.lines:
        axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return _image(figure, "held-out loss over time")
