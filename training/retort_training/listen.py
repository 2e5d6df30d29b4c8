"""A page to listen to: per instrument the reference, the anchor, the oracle and every model, resynthesis and timbre transfer, with spectrograms.

A folder with index.html, FLAC files and pictures, complete in itself. It holds excerpts of recordings, some of which may not
be published, so it is made on demand and git ignores it.
"""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from . import metrics, pictures, standings, systems, transfer
from .evaluate import SCORES, Stage, instruments_in, load, model_files, oracle_settings
from .features import Features
from .hearing import resampled
from .held_out import PRE_ROLL_S, Take


@dataclass
class Row:
    """One player: what it is, in a few words, its mono audio, and whether it may not be published."""

    name: str
    words: str
    audio: np.ndarray
    rate_hz: int
    private: bool = False


@dataclass
class Group:
    """Rows that are to be compared."""

    title: str
    rows: list[Row] = field(default_factory=list)


@dataclass
class Chapter:
    """An instrument."""

    title: str
    credit: str
    groups: list[Group] = field(default_factory=list)


@dataclass
class Known:
    """As much of a take as anchor and oracle need."""

    take: Take
    frames: Features


def file_name(*words: str) -> str:
    """Words as a file name: small letters, digits and hyphens."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", w.lower()).strip("-") for w in words)


def write_page(folder: Path, chapters: list[Chapter]) -> Path:
    """Writes audio, pictures and index.html; returns the latter's path."""
    body, contents = [], []
    for chapter in chapters:
        anchor = file_name(chapter.title)
        contents.append(f'<a href="#{anchor}">{html.escape(chapter.title)}</a>')
        body.append(
            f'<section id="{anchor}"><h2>{html.escape(chapter.title)}</h2><p class="credit">{html.escape(chapter.credit)}</p>'
        )
        for group in chapter.groups:
            body.append(f'<h3>{html.escape(group.title)}</h3><div class="rows">')
            body += [_row(folder, (chapter.title, group.title, row.name), row) for row in group.rows]
            body.append("</div>")
        body.append("</section>")
    path = folder / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PAGE.replace("{contents}", "".join(contents)).replace("{body}", "\n".join(body)), encoding="utf-8")
    return path


def _row(folder: Path, words: tuple[str, ...], row: Row) -> str:
    name = file_name(*words)
    audio, picture = Path("audio") / f"{name}.flac", Path("pictures") / f"{name}.webp"
    (folder / audio).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / audio, np.clip(row.audio, -1.0, 1.0), row.rate_hz, subtype="PCM_16")
    full = resampled(np.asarray(row.audio, np.float32), row.rate_hz, metrics.FULL_RATE_HZ)
    pictures.draw_one(pictures.spectrogram(full), folder / picture)
    title = html.escape(row.name)
    lock = ' <span class="lock">not to be published</span>' if row.private else ""
    return (
        f'<figure><img src="{picture.as_posix()}" alt="Spectrogram of {title}" loading="lazy">'
        f"<figcaption><b>{title}</b>{lock}<br><small>{html.escape(row.words)}</small></figcaption>"
        f'<audio controls preload="none" src="{audio.as_posix()}" aria-label="{title}"></audio></figure>'
    )


def _about(record: dict | None, one: standings.Instrument | None) -> str:
    """A system's size and scores in a few words."""
    if not record:
        return "not scored yet"
    words = [f"{record['parameters']:,} parameters".replace(",", "\u202f")] if "parameters" in record else []
    words.append(f"loss {standings.mean(record, 'multi_scale_loss'):.2f}")
    if one and "parameters" in record and (gap := one.gap_closed(record)) is not None:
        words.append(f"gap closed {100 * gap:.0f} %")
    return ", ".join(words)


def resynthesis(stage: Stage, models: Path, cache: Path, seconds: float, one: standings.Instrument | None) -> Group:
    """The first seconds of the first held-out take, by everybody."""
    whole = stage.takes[0]
    begin, end = round(PRE_ROLL_S * whole.rate_hz), round((PRE_ROLL_S + seconds) * whole.rate_hz)
    short = Take(whole.name, whole.audio[:end], whole.rate_hz, whole.bandwidth_hz, whole.parts)
    known = Known(whole, stage.ear.frames(whole.audio, whole.rate_hz, keep=True))
    private = any(stage.instrument.source(name).private for name in stage.sources)
    cut = lambda audio, rate_hz: audio[round(PRE_ROLL_S * rate_hz) : round((PRE_ROLL_S + seconds) * rate_hz)]  # noqa: E731
    group = Group("Resynthesis of a held-out recording")
    group.rows.append(
        Row("reference", f"the recording ({', '.join(stage.sources)})", whole.audio[begin:end], whole.rate_hz, private)
    )
    low, _ = systems.Anchor().both(known)
    group.rows.append(
        Row(
            "anchor",
            f"linear prediction, impulses; {_about(load(stage.name, 'anchor'), None)}",
            cut(low, metrics.RATE_HZ),
            metrics.RATE_HZ,
        )
    )
    files = model_files(models, stage.name)
    room = models / stage.name / f"{systems.ROOM}.safetensors"
    made = systems.Oracle(room, oracle_settings(files), cache).sound(known, 1)
    group.rows.append(
        Row(
            "oracle",
            f"controls fitted to the recording; {_about(load(stage.name, 'oracle'), None)}",
            cut(made, whole.rate_hz),
            whole.rate_hz,
        )
    )
    for file in _in_order(files):
        model = systems.Model(file, room, stage.retort, stage.lowest_pitch_hz)
        audio = model.sound(short, 1)
        group.rows.append(Row(model.id, _about(load(stage.name, file.stem), one), cut(audio, whole.rate_hz), whole.rate_hz))
        print(f"{model.id}: played {whole.name}", flush=True)
    return group


def _in_order(files: list[Path]) -> list[Path]:
    rank = {v: i for i, v in enumerate(standings.VARIANTS)}
    return sorted(files, key=lambda p: (rank.get(p.stem, len(rank)), p.stem))


def transfers(
    name: str, models: Path, retort: str, found: list[transfer.Source], variants: list[str], seconds: float
) -> list[Group]:
    """Each source by each of the variants that there are."""
    files = [p for p in _in_order(model_files(models, name)) if p.stem in variants]
    groups = []
    for source in found:
        if source.instrument == name or not files:
            continue
        n = round(seconds * source.rate_hz)
        music = len(source.audio) - round((transfer.AFTER_S + transfer.NOISE_S) * source.rate_hz)
        played = transfer.Source(source.instrument, source.audio[: min(n, music)], source.rate_hz)
        private = source.instrument in transfer.FROM_DATA
        group = Group(
            f"{source.instrument.capitalize()} to {name}",
            [Row(source.instrument, "the source", played.audio, source.rate_hz, private)],
        )
        for file in files:
            model = systems.Model(file, file.with_stem(systems.ROOM), retort, transfer.LOWEST_PITCH_HZ[source.instrument])
            audio = model.sound(played.take(), 1, ("--match", "auto"))
            group.rows.append(Row(model.id, "octave and level matched", audio, source.rate_hz))
        print(f"{name}: played {source.instrument}", flush=True)
        groups.append(group)
    return groups


def listen(args) -> None:
    """The `listen` command."""
    models = args.models.resolve()
    everyone = {one.name: one for one in standings.gather(models, SCORES)}
    found = transfer.sources(args.data)
    chapters = []
    for name in args.instrument or instruments_in(models):
        stage = Stage(name, args)
        credit = "Recordings: " + "; ".join(f"{s.recording}, {s.author} ({s.licence})" for s in stage.instrument.sources)
        chapter = Chapter(
            name.capitalize(), credit, [resynthesis(stage, models, args.cache, args.seconds, everyone.get(name))]
        )
        chapter.groups += transfers(name, models, stage.retort, found, args.transfer_to, args.seconds)
        chapters.append(chapter)
    print(write_page(args.output, chapters))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Retort: listen and compare</title>
<style>
:root { color-scheme: light dark; --ink: #1d1f24; --soft: #61656e; --paper: #f7f6f3; --card: #ffffff; --line: #dcdad4; --accent: #a3421f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --soft: #a2a5ab; --paper: #16171a; --card: #1f2125; --line: #33363c; --accent: #ef9a73; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font-size: 1.9rem; margin: 0 0 .5rem; }
h2 { font-size: 1.5rem; border-bottom: 2px solid var(--accent); padding-bottom: .25rem; margin: 3rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .75rem; }
header p { max-width: 48rem; }
.notice { border-left: 4px solid var(--accent); background: var(--card); padding: .75rem 1rem; }
.credit, small { color: var(--soft); }
.credit { font-size: .85rem; }
nav { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line); }
nav div { max-width: 72rem; margin: 0 auto; padding: .6rem 1rem; display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
.rows { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; display: flex; flex-direction: column; }
figure.playing { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
figure img { width: 100%; height: 6rem; object-fit: fill; display: block; background: #000; }
figcaption { padding: .6rem .75rem 0; flex: 1; }
audio { width: calc(100% - 1rem); margin: .5rem; height: 2.25rem; }
.lock { font-size: .7rem; color: var(--accent); border: 1px solid; border-radius: 1rem; padding: .05rem .45rem; margin-left: .3rem; white-space: nowrap; }
</style>
</head>
<body>
<header>
<h1>Listen and compare</h1>
<p>Every model plays a recording that it was not trained on, from its pitch and loudness alone, between two ends: an anchor that is meant to
sound poor, and an oracle whose controls were fitted to the recording itself. Below that, other instruments and a made-up voice become the instrument.
The spectrograms reach from 30 Hz to 15.5 kHz (mel scale).</p>
<p class="notice"><b>For listening on this computer only.</b> Excerpts of some recordings may not be published: they may be learned from, but not passed on
as they are. They are marked. Do not put this folder on the web.</p>
</header>
<nav><div>{contents}</div></nav>
<main>
{body}
</main>
<script>
// One at a time: starting a player stops the one before.
document.addEventListener("play", event => {
  for (const other of document.querySelectorAll("audio")) {
    if (other !== event.target) other.pause();
  }
  event.target.closest("figure").classList.add("playing");
}, true);
for (const name of ["pause", "ended"]) {
  document.addEventListener(name, event => event.target.closest("figure").classList.remove("playing"), true);
}
</script>
</body>
</html>
"""
