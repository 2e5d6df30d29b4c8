"""Scores everything that is found in the models folder, with the anchor and the oracle, on held-out recordings.

A take is rendered with one second before it that is not scored; five seeds; `--match none`, room on, at the recording's rate. What was
scored before and has not changed is left alone. Scores are kept under training/scores and in the model files.
"""

import hashlib
import json
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np

from . import cost, equalised, held_out, metrics, oracle, split, systems, timbre
from .export import read_model, write_model
from .features import retort_binary
from .hearing import Ear, Heard, Target, compare
from .instruments import INSTRUMENTS
from .pictures import keep_spectrogram
from .standings import mean

SCORES = Path(__file__).resolve().parent.parent / "scores"
# Raised when a figure's definition changes: everything is then scored anew.
VERSION = 2
# Folder of the scores on what was learned from.
LEARNED = "learned"
# Folder of the scores with each note's average spectrum corrected.
EQUALISED = "equalised"
# What a model file says about itself.
IN_FILE = ("multi_scale_loss", "log_mel_db", "f0_cents", "loudness_error_db", "loudness_bias_db")


class Stage:
    """An instrument's held-out takes, or ones that were learned from; they are listened to when the first system needs them."""

    def __init__(self, name: str, args, lowest_pitch_hz: int | None = None, learned: bool = False):
        self.instrument = INSTRUMENTS[name]
        self.name, self.data = name, args.data
        self.retort = retort_binary(args.retort)
        reference = self.instrument.sources[0].name
        self.pieces = (held_out.learned if learned else held_out.choose)(split.read(name), reference)
        self.sources = sorted({p.source for p in self.pieces})
        self.takes = held_out.takes(self.pieces, args.data, self._gain_db)
        self.ear = Ear(self.retort, args.cache, self.instrument.lowest_pitch_hz)
        self.lowest_pitch_hz = lowest_pitch_hz or self.instrument.lowest_pitch_hz
        self._targets: list[Target] | None = None

    def _gain_db(self, piece: split.Piece) -> float:
        return self.instrument.source(piece.source).gain_db(piece.file)

    @property
    def targets(self) -> list[Target]:
        if self._targets is None:
            self._targets = [Target(t, self.ear) for t in self.takes]
        return self._targets

    @cached_property
    def learned_notes(self) -> timbre.Notes:
        """The reference source's steady notes of those that models learn from."""
        return timbre.learned_notes(split.read(self.name), self.instrument.sources[0].name, self.data, self._gain_db)

    @cached_property
    def yardstick(self) -> timbre.Yardstick:
        """What they let one guess of the held-out ones."""
        return timbre.Yardstick(self.learned_notes)

    def compare_equalised(self, targets: list[Target], renderings: list[Heard]) -> dict[str, float]:
        return equalised.compare(targets, renderings) | self.yardstick.compare(targets, renderings)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for take in self.takes:
            digest.update(f"{take.rate_hz} {take.bandwidth_hz}".encode() + np.ascontiguousarray(take.audio).tobytes())
        return digest.hexdigest()[:20]

    def learned_fingerprint(self) -> str:
        """Of the notes that the yardstick is made of, to a hundredth of a dB."""
        notes = self.learned_notes
        figures = np.column_stack([notes.pitch, notes.level_db, notes.bands_db]).round(2) + 0.0
        return hashlib.sha256(figures.tobytes()).hexdigest()[:20]


def model_files(models: Path, instrument: str) -> list[Path]:
    return sorted(p for p in (Path(models) / instrument).glob("*.safetensors") if p.stem != systems.ROOM)


def instruments_in(models: Path) -> list[str]:
    """Those with a model file, known ones only."""
    return [name for name in sorted(INSTRUMENTS) if model_files(models, name)]


def oracle_settings(files: list[Path]) -> oracle.Settings:
    """Harmonics and bands of `full`, or of the model with the most harmonics."""
    described = [read_model(p)[1] for p in files]
    best = max(described, key=lambda m: (m["variant"] == "full", m["n_harmonics"]))
    return oracle.Settings(best["n_harmonics"], best["n_noise_bands"], best["noise_fir_ms"])


def score(system, stage: Stage, n_seeds: int, cache: Path, label: str, compared=compare) -> tuple[list[dict], int]:
    """(figures per seed as `compared` gives them, how many renderings differed)."""
    figures, different = [], set()
    for seed in range(1, (n_seeds if system.needs_seeds else 1) + 1):
        heard, samples = [], hashlib.sha256()
        for i, target in enumerate(stage.targets):
            rendering, audio = system.hear(target, seed, stage.ear)
            samples.update(np.ascontiguousarray(audio).tobytes())
            heard.append(rendering)
            if seed == 1 and i == 0:
                keep_spectrogram(cache, stage.name, label, rendering.full)
        different.add(samples.hexdigest())
        figures.append(compared(stage.targets, heard))
        print(f"{stage.name}/{label} seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in figures[-1].items()), flush=True)
    if len(different) < len(figures):
        print(
            f"warning: {len(figures)} seeds gave only {len(different)} different renderings: a spread would be no measurement",
            flush=True,
        )
    return figures, len(different)


def record_of(stage: Stage, system, key: dict, figures: list[dict], n_different: int) -> dict:
    """What is kept of a system's scores."""
    record = {
        "id": f"{stage.name}/{system.id.rsplit('/', 1)[-1]}",
        "kind": system.kind,
        "date": date.today().isoformat(),
        "key": key,
        "held_out": [{"file": p.file, "start_s": p.start_s, "end_s": p.end_s} for p in stage.pieces],
        "held_out_s": round(sum(t.seconds for t in stage.takes), 1),
        "octave_errors_of_the_tracker": sum(t.octave_errors for t in stage.targets),
        # As many as seeds, unless the program takes no notice of some: only then is there a spread to speak of.
        "different_renderings": n_different,
        "seeds": [{k: round(v, 5) for k, v in s.items()} for s in figures],
    }
    if system.kind == "model":
        m = system.metadata
        record |= {
            "variant": m["variant"],
            "steps": m["training"]["steps"],
            "training_seed": m["training"]["seed"],
            "parameters": m["parameters"],
            "bytes": system.path.stat().st_size,
            "render_x_realtime": round(system.rendered_s / max(system.processor_s, 1e-9), 1),
        }
    return record


def load(instrument: str, label: str, folder: Path | None = None) -> dict | None:
    """A kept record, or none; by default of the package's scores."""
    path = (folder or SCORES) / instrument / f"{label}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write(record: dict, instrument: str, label: str) -> None:
    path = SCORES / instrument / f"{label}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def keep_in_file(path: Path, record: dict, ends: tuple[dict, dict] | None) -> None:
    """Writes a model's scores into its file, if they are not there yet."""
    tensors, metadata = read_model(path)
    scores = {name: round(mean(record, name), 4) for name in IN_FILE}
    if ends:
        losses = [mean(r, "multi_scale_loss") for r in (ends[0], record, ends[1])]
        scores["gap_closed"] = round(metrics.gap_closed(*losses), 4)
    if metadata.get("scores") != scores:
        metadata["scores"] = scores
        write_model(path, tensors, metadata)


def _others(folders: list[Path], instrument: str, models: Path) -> list[tuple[str, Path, Path]]:
    """(label, model file, its folder) of models in the folders or one level below: of other training seeds, or the weights of
    a shipped model in another precision."""
    found = []
    shipped = {path.stem: read_model(path)[1] for path in model_files(models, instrument)}
    for folder in folders:
        for base in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
            for path in model_files(base, instrument):
                metadata = read_model(path)[1]
                here = shipped.get(path.stem, metadata)
                same = here["training"]["seed"] == metadata["training"]["seed"] and here["precision"] != metadata["precision"]
                label = metadata["precision"] if same else f"seed{metadata['training']['seed']}"
                found.append((f"{path.stem}-{label}", path, base))
    return found


def evaluate(args) -> None:
    """The `evaluate` command."""
    if args.learned and args.equalised:
        raise ValueError("--learned and --equalised are two tables: name one of them")
    models = args.models.resolve()
    names = args.instrument or instruments_in(models)
    for name in names:
        files = [p for p in model_files(models, name) if not args.variant or p.stem in args.variant]
        others = [o for o in _others(args.also, name, models) if not args.variant or o[1].stem in args.variant]
        if not files and not others:
            raise ValueError(f"no model of {name} in {models}: train and export one first")
        stage = Stage(name, args, args.lowest_pitch, args.learned)
        usual = stage.lowest_pitch_hz == stage.instrument.lowest_pitch_hz
        room = models / name / f"{systems.ROOM}.safetensors"
        queue: list[tuple[str, object]] = []
        # What is told beside the scores has a folder of its own, and no anchor.
        aside = LEARNED if args.learned else EQUALISED if args.equalised else None
        if usual and not aside:
            queue.append(("anchor", systems.Anchor()))
            if not args.no_oracle:
                queue.append(("oracle", systems.Oracle(room, oracle_settings(model_files(models, name)), args.cache)))
        for path in files:
            queue.append((path.stem, systems.Model(path, room, stage.retort, stage.lowest_pitch_hz)))
        for label, path, base in others:
            own = base / name / room.name
            queue.append((label, systems.Model(path, own if own.exists() else room, stage.retort, stage.lowest_pitch_hz)))
        version = cost.retort_version(stage.retort)
        compared = stage.compare_equalised if args.equalised else compare
        for label, system in queue:
            key = {"system": system.fingerprint(), "takes": stage.fingerprint(), "retort": version, "scores": VERSION}
            if args.equalised:
                key["timbre"] = [timbre.VERSION, stage.learned_fingerprint()]
            label = f"{aside}/{label}" if aside else label
            known = load(name, label)
            n_seeds = args.seeds if system.needs_seeds else 1
            if usual and not args.force and known and known.get("key") == key and len(known["seeds"]) == n_seeds:
                print(f"{name}/{label}: scored before, unchanged", flush=True)
                continue
            figures, n_different = score(system, stage, args.seeds, args.cache, label, compared)
            if usual:
                reference = f"{aside}/reference" if aside else "reference"
                keep_spectrogram(args.cache, name, reference, stage.targets[0].heard.full)
                write(record_of(stage, system, key, figures, n_different), name, label)
        if usual and not aside:
            ends = load(name, "anchor"), load(name, "oracle")
            for path in files:
                keep_in_file(path, load(name, path.stem), ends if all(ends) else None)
    if not args.no_cost:
        cost.keep(retort_binary(args.retort), models, names, SCORES / "cost.json", args.force)
