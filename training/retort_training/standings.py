"""What the kept scores say together: gaps closed, spreads over training seeds, which student wins, which targets are met."""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import metrics, timbre
from .export import read_model

VARIANTS = ("full", "reduced", "reduced-ad", "reduced-cd", "cnn", "cnn-tiny", "cnn-q", "cnn-tiny-q")
STUDENTS = ("reduced", "reduced-ad", "reduced-cd")
MAIN = ("flute", "trumpet", "violin", "piano")
FURTHER = ("saxophone", "clarinet", "cello", "trombone", "oboe", "bassoon")
# Strings of a piano are not harmonic: its pitch and level are reported without a target.
NO_PITCH_TARGET = ("piano",)
SHIPPED_BYTES = 40_000_000
GAP_TARGETS = {"full": 0.80, "cnn": 0.70, "reduced": 0.70, "cnn-tiny": 0.65}
GARNER_TARGETS = {"full": 5.2, "cnn": 5.2, "reduced": 5.3, "cnn-tiny": 5.3}
# Less of a difference is none: runs of the benchmark differ by as much.
FASTER = 0.95
QUANTISING_LOSS, TINY_PARAMETERS = 0.05, 2500
F0_CENTS, LOUDNESS_DB, BIAS_DB = 6.0, 1.5, 0.5
QUANTISED_FULL_LOSS = 0.02
_SEED = re.compile(r"^(.*)-seed(\d+)$")
_PRECISION = re.compile(r"^(.*)-(f32|f16|bf16|int8)$")
REQUIRED = (
    "range",
    "density",
    "performance",
    "room",
    "parameters",
    "precision",
    "data",
    "licence",
    "training",
    "scores",
    "loudness",
    "bandwidth_hz",
)


def mean(record: dict, figure: str) -> float:
    return float(np.mean([s[figure] for s in record["seeds"]]))


@dataclass
class Instrument:
    """The records of an instrument: anchor, oracle, models by variant, and the same by other training seeds."""

    name: str
    anchor: dict | None = None
    oracle: dict | None = None
    models: dict[str, dict] = field(default_factory=dict)
    others: dict[str, list[dict]] = field(default_factory=dict)
    # Weights of a shipped model in another precision: by variant, then precision.
    precisions: dict[str, dict[str, dict]] = field(default_factory=dict)
    # On passages that were learned from.
    learned: dict[str, dict] = field(default_factory=dict)
    # Of copies that learned the held-out takes themselves.
    by_heart: dict[str, dict] = field(default_factory=dict)
    # With each held-out note's average spectrum corrected.
    equalised: dict[str, dict] = field(default_factory=dict)
    described: dict[str, dict] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def loss(self, variant: str) -> float | None:
        return mean(self.models[variant], "multi_scale_loss") if variant in self.models else None

    def gap_closed(self, record: dict, figure: str = "multi_scale_loss") -> float | None:
        if not self.anchor or not self.oracle:
            return None
        return metrics.gap_closed(mean(self.anchor, figure), mean(record, figure), mean(self.oracle, figure))

    def where_learned(self, variant: str, figure: str = "multi_scale_loss", digits: int = 3) -> str:
        """The figure on passages that were learned from, of the copy that knows the held-out ones by heart, and with these equalised, in brackets; what was not
        scored is left out."""
        known = (("learned from", self.learned), ("by heart", self.by_heart), ("equalised", self.equalised))
        scored = [(name, r) for name, records in known if (r := records.get(variant)) and figure in r["seeds"][0]]
        told = [f"{name}: {abs(mean(record, figure)):.{digits}f}" for name, record in scored]
        return f" ({', '.join(told)})" if told else ""

    def training_seeds(self, variant: str, figure: str = "multi_scale_loss") -> dict[int, float]:
        """The figure for each training seed: of the runs made for this comparison, which were equally long, if there are any."""
        shipped = [self.models[variant]] if variant in self.models else []
        records = self.others.get(variant) or shipped
        return {r["training_seed"]: mean(r, figure) for r in records if "training_seed" in r}

    def best_student(self) -> str | None:
        found = {v: loss for v in STUDENTS if (loss := self.loss(v)) is not None}
        return min(found, key=found.get) if found else None


def _system(record: dict) -> str | None:
    """What of a model's file and room a record is of."""
    return record.get("key", {}).get("system")


def gather(models: Path, scores: Path) -> list[Instrument]:
    """Every instrument with a model or a score, the four of the published works first."""
    names = {p.parent.name for p in Path(models).glob("*/*.safetensors")} | {
        p.parent.name for p in Path(scores).glob("*/*.json")
    }
    order = {name: i for i, name in enumerate(MAIN + FURTHER)}
    found = []
    for name in sorted(names, key=lambda n: (order.get(n, len(order)), n)):
        one = Instrument(name)
        for path in sorted((Path(scores) / name).glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            seed = _SEED.match(path.stem)
            if path.stem in ("anchor", "oracle"):
                setattr(one, path.stem, record)
            elif seed:
                one.others.setdefault(seed[1], []).append(record)
            elif precision := _PRECISION.match(path.stem):
                one.precisions.setdefault(precision[1], {})[precision[2]] = record
            else:
                one.models[path.stem] = record
        for folder, records in (("learned", one.learned), ("by-heart", one.by_heart), ("equalised", one.equalised)):
            for path in sorted((Path(scores) / name / folder).glob("*.json")):
                records[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        # What was measured of a file that has been replaced says nothing of the new one. (A copy that knows by heart is no shipped file.)
        for records in (one.learned, one.equalised):
            for variant in [v for v, r in records.items() if _system(r) != _system(one.models.get(v, {}))]:
                del records[variant]
        for path in sorted((Path(models) / name).glob("*.safetensors")):
            one.bytes[path.stem] = path.stat().st_size
            if path.stem != "room":
                one.described[path.stem] = read_model(path)[1]
        rank = {v: i for i, v in enumerate(VARIANTS)}
        one.models = dict(sorted(one.models.items(), key=lambda kv: rank.get(kv[0], len(rank))))
        found.append(one)
    return found


def _difference(a: list[float], b: list[float]) -> tuple[float, float | None]:
    """Mean of `a` less mean of `b`, and its standard error (Welch); none where one side has a single value."""
    error = math.sqrt(sum(np.var(x, ddof=1) / len(x) for x in (a, b))) if min(len(a), len(b)) > 1 else None
    return float(np.mean(a) - np.mean(b)), error


def student_verdict(one: Instrument) -> str | None:
    """Which student plays best, whether the training seeds bear it out, and what distillation did."""
    runs = {v: list(r.values()) for v in STUDENTS if (r := one.training_seeds(v))}
    if len(runs) < 2:
        return None
    first, second = sorted(runs, key=lambda v: np.mean(runs[v]))[:2]
    lead, error = _difference(runs[second], runs[first])
    told = f"`{first}` has the least loss, {lead:.3f} below `{second}`"
    if error is None:
        return told + "; with one training seed there is no spread to judge that by."
    # With three seeds each, twice the standard error is a mild test.
    if lead > 2.0 * error:
        told += f", more than twice the standard error over training seeds ({error:.3f}): it wins."
    else:
        told += f", within twice the standard error over training seeds ({error:.3f}): no winner between these two."
    for variant, name in (("reduced-ad", "Audio distillation"), ("reduced-cd", "Control distillation")):
        if variant in runs and "reduced" in runs:
            change, error = _difference(runs[variant], runs["reduced"])
            if error is None:
                continue
            word = "no clear difference" if abs(change) <= 2.0 * error else "helps" if change < 0.0 else "harms"
            told += f" {name}: {change:+.3f} ± {error:.3f}, {word}."
    return told


@dataclass
class Target:
    """`met` is none where something was not measured."""

    text: str
    met: bool | None
    evidence: str


def wanted_loss(one: Instrument, family: str) -> float | None:
    """The loss that would close as much of the gap as is wanted of a family of variants; none without anchor and oracle."""
    if not one.anchor or not one.oracle:
        return None
    low, high = mean(one.anchor, "multi_scale_loss"), mean(one.oracle, "multi_scale_loss")
    return low - GAP_TARGETS[family] * (low - high)


def _missing(found: list[Instrument]) -> list[tuple[Instrument, str, float]]:
    """(instrument, variant, wanted loss) of all that close too little of the gap."""
    missing = []
    for family in GAP_TARGETS:
        for one in found:
            variant = one.best_student() if family == "reduced" else family
            wanted, loss = wanted_loss(one, family), one.loss(variant)
            if None not in (wanted, loss) and loss > wanted:
                missing.append((one, variant, wanted))
    return missing


def misses(found: list[Instrument]) -> tuple[list[str], list[str]]:
    """Who closes too little of the gap though it does where it learned from, and who does not even there; who was not scored there is left out."""
    strangers, everywhere = [], []
    for one, variant, wanted in _missing(found):
        if learned := one.learned.get(variant):
            (strangers if mean(learned, "multi_scale_loss") <= wanted else everywhere).append(f"{one.name}/{variant}")
    return strangers, everywhere


def beside_guess(found: list[Instrument]) -> tuple[list[str], list[str], list[str]]:
    """Of those that close too little of the gap: whose bands are clearly less off in held-out notes than a statistical guess (`timbre`), clearly more, and neither; who was not compared is left out."""
    nearer, further, neither = [], [], []
    for one, variant, _ in _missing(found):
        record = one.equalised.get(variant)
        if record and all(figure in record["seeds"][0] for figure in ("lead_db", "lead_error_db")):
            lead, least = mean(record, "lead_db"), timbre.clear_db(mean(record, "lead_error_db"), round(mean(record, "pitches")))
            (nearer if lead > least else further if lead < -least else neither).append(f"{one.name}/{variant}")
    return nearer, further, neither


def _judged(pairs: list[tuple[str, bool]]) -> tuple[bool | None, str]:
    if not pairs:
        return None, "not measured"
    return all(ok for _, ok in pairs), "; ".join(text if ok else f"**{text}**" for text, ok in pairs)


def targets(found: list[Instrument], cost: dict) -> list[Target]:
    """The targets line by line; what misses its target is set in bold in the evidence."""
    by_name = {one.name: one for one in found}
    lines = []

    def add(text: str, pairs: list[tuple[str, bool]]) -> None:
        lines.append(Target(text, *_judged(pairs)))

    missing = [
        f"{n}/{v}"
        for n in MAIN
        for v in VARIANTS
        if n not in by_name or v not in by_name[n].models or v not in by_name[n].described
    ]
    n_here = len(MAIN) * len(VARIANTS) - len(missing)
    evidence = f"{n_here} of {len(MAIN) * len(VARIANTS)}"
    lines.append(
        Target(
            "eight variants each of flute, trumpet, violin and piano are shipped and scored",
            not missing,
            evidence + (f"; missing: {', '.join(missing)}" if missing else ""),
        )
    )
    lacking = []
    for name in FURTHER:
        have = by_name[name].models.keys() & by_name[name].described.keys() if name in by_name else set()
        lacking += [f"{name}/reduced"] * (not have & set(STUDENTS)) + [
            f"{name}/{v}" for v in ("cnn", "cnn-tiny") if v not in have
        ]
    n_all = 3 * len(FURTHER)
    lines.append(
        Target(
            "a Reduced, CNN and Tiny of each further instrument are shipped and scored",
            not lacking,
            f"{n_all - len(lacking)} of {n_all}" + (f"; missing: {', '.join(lacking)}" if lacking else ""),
        )
    )
    total = sum(sum(one.bytes.values()) for one in found)
    lines.append(Target("all shipped files together under 40 MB", total < SHIPPED_BYTES, f"{total / 1e6:.1f} MB"))
    incomplete = [
        f"{one.name}/{v}: {', '.join(gone)}"
        for one in found
        for v, m in one.described.items()
        if (gone := [k for k in REQUIRED if k not in m])
    ]
    lines.append(Target("metadata complete", not incomplete, "; ".join(incomplete) or "every file"))
    for family, target in GAP_TARGETS.items():
        pairs = []
        for one in found:
            variant = one.best_student() if family == "reduced" else family
            if variant in one.models and (gap := one.gap_closed(one.models[variant])) is not None:
                told = f"{one.name} {100 * gap:.1f} %" + (f" ({variant})" if variant != family else "")
                short = f": {one.loss(variant):.3f}{one.where_learned(variant)}, wanted {wanted_loss(one, family):.3f}"
                short = short if gap < target else ""
                pairs.append((told + short, gap >= target))
        name = "the best Reduced" if family == "reduced" else family
        add(f"gap closed by {name}: at least {100 * target:.0f} %", pairs)
    violin = by_name.get("violin")
    for family, target in GARNER_TARGETS.items():
        variant = violin.best_student() if violin and family == "reduced" else family
        loss = violin.loss(variant) if violin and variant else None
        add(
            f"loss on held-out garner of {family}: at most {target}",
            [] if loss is None else [(f"{loss:.3f}{violin.where_learned(variant)}" + (f" ({variant})" if variant != family else ""), loss <= target)],
        )
    pairs = []
    for one in found:
        student, full = one.best_student(), one.loss("full")
        if student and full is not None:
            pairs.append((f"{one.name} {full:.3f} against {one.loss(student):.3f} ({student})", full < one.loss(student)))
    add("Full beats the best Reduced on every instrument", pairs)
    pairs = []
    for one in found:
        for variant in ("cnn", "cnn-tiny"):
            if (plain := one.loss(variant)) is not None and (quantised := one.loss(f"{variant}-q")) is not None:
                pairs.append((f"{one.name}/{variant}-q {quantised - plain:+.3f}", quantised - plain <= QUANTISING_LOSS))
    add(f"quantising costs at most {QUANTISING_LOSS} of loss", pairs)
    pairs = []
    for one in found:
        for precision, record in one.precisions.get("full", {}).items():
            cost_of_it = one.loss("full") - mean(record, "multi_scale_loss")
            pairs.append((f"{one.name} {cost_of_it:+.4f} against {precision}", cost_of_it <= QUANTISED_FULL_LOSS))
    add(f"Full as shipped, in 8 bits, is at most {QUANTISED_FULL_LOSS} worse than its weights before", pairs)
    pairs = []
    for one in found:
        plain, quantised = (cost.get(f"{one.name}/{v}") for v in ("cnn-tiny", "cnn-tiny-q"))
        if plain and quantised:
            a, b = plain["decoder_us_per_frame"], quantised["decoder_us_per_frame"]
            pairs.append((f"{one.name} {b:.3f} against {a:.3f} µs a frame", b < FASTER * a))
    add("the quantised Tiny is faster than Tiny (else it is not worth using, see Size and cost)", pairs)
    add(
        f"Tiny has fewer than {TINY_PARAMETERS} parameters",
        [
            (f"{one.name} {m['parameters']}", m["parameters"] < TINY_PARAMETERS)
            for one in found
            if (m := one.described.get("cnn-tiny"))
        ],
    )
    for text, figure, limit in (
        (f"f0 at most {F0_CENTS:g} cents off in the median", "f0_cents", F0_CENTS),
        (f"loudness at most {LOUDNESS_DB:g} dB off", "loudness_error_db", LOUDNESS_DB),
        (f"loudness bias under {BIAS_DB:g} dB", "loudness_bias_db", BIAS_DB),
    ):
        judged = [
            (f"{one.name}/{v} {abs(mean(r, figure)):.2f}{one.where_learned(v, figure, 2)}", abs(mean(r, figure)) <= limit)
            for one in found
            if one.name not in NO_PITCH_TARGET
            for v, r in one.models.items()
        ]
        missed = [pair for pair in judged if not pair[1]]
        if judged:
            lines.append(
                Target(
                    text + " (piano has no target)",
                    not missed,
                    f"{len(judged) - len(missed)} of {len(judged)} models"
                    + (": " + "; ".join(f"**{t}**" for t, _ in missed) if missed else ""),
                )
            )
        else:
            lines.append(Target(text, None, "not measured"))
    return lines
