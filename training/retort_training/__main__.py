"""The command line: `python -m retort_training COMMAND --help`."""

import argparse
import importlib.util
import sys
from pathlib import Path

from soundfile import SoundFileError

from . import split
from .features import FeatureError, measure, retort_binary
from .instruments import INSTRUMENTS
from .own import OwnError
from .own.command import add_arguments as own_arguments
from .own.command import own

PACKAGE = Path(__file__).resolve().parent.parent
REPOSITORY = PACKAGE.parent
VARIANTS = ("full", "reduced", "reduced-ad", "reduced-cd", "cnn", "cnn-tiny")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instrument", default="violin", choices=sorted(INSTRUMENTS))
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    parser.add_argument("--retort", help="the retort program (default: the one in PATH)")
    parser.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")


def _measurer(args):
    binary = retort_binary(args.retort)
    return lambda path, lowest_pitch_hz: measure(path, binary, args.cache, lowest_pitch_hz)


def _split(args) -> None:
    instrument = INSTRUMENTS[args.instrument]
    pieces = split.make(args.data / "index.csv", instrument.name, instrument.source_names())
    path = split.SPLITS / f"{instrument.name}.csv"
    split.write(pieces, path)
    print(f"{path}: {len(pieces)} pieces, {sum(p.part == split.HELD_OUT for p in pieces)} held out")


def _features(args) -> None:
    instrument = INSTRUMENTS[args.instrument]
    files = sorted({p.file for p in split.read(instrument.name)})
    for lowest_pitch_hz in instrument.heard_with_hz:
        get = _measurer(args)
        for i, file in enumerate(files, 1):
            frames = get(args.data / file, lowest_pitch_hz)
            print(f"from {lowest_pitch_hz} Hz, {i}/{len(files)} {file}: {len(frames)} frames", flush=True)


def _train(args) -> None:
    from .train import Budget
    from .workshop import Job, train_job

    changes = {k: getattr(args, k) for k in ("voices", "crop_s", "learning_rate", "loudness_weight", "blur", "treble_weight", "seed", "taught_by") if getattr(args, k) is not None}
    budget = Budget(args.steps, args.minutes, args.patience, args.check_every)
    job = Job(args.instrument, args.variant, budget, args.rooms_from, args.teacher, changes, args.sources, args.begin_with)
    train_job(job, args.data, args.runs, _measurer(args), args.restart, args.device)


def _batch(args) -> None:
    from .batch import batch

    batch(args)


def _export(args) -> None:
    from .export import export

    export(args)


def _stats(args) -> None:
    from .export import restate

    restate(args)


def _evaluate(args) -> None:
    from .evaluate import evaluate

    evaluate(args)


def _count(text: str) -> int:
    """At least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _by_heart(args) -> None:
    from .by_heart import by_heart

    by_heart(args)


def _report(args) -> None:
    from .report import report

    report(args)


def _transfer(args) -> None:
    from .transfer import transfer

    transfer(args)


def _listen(args) -> None:
    from .listen import listen

    listen(args)


def _parity(args) -> None:
    from .parity import parity

    parity(args)


def _runtimes(args) -> None:
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{' and '.join(missing)} is not installed: pip install -e 'training[runtimes]' brings what this command compares with")
    from .performance import performance

    performance(args)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m retort_training", description="Makes Retort's models and scores them.")
    commands = top.add_subparsers(dest="command", required=True)

    p = commands.add_parser("own", help="make an instrument of your own from a folder of recordings")
    own_arguments(p)
    p.set_defaults(run=own)

    p = commands.add_parser("split", help="write the list of what is trained on and what is held out")
    p.add_argument("--instrument", default="violin", choices=sorted(INSTRUMENTS))
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.set_defaults(run=_split)

    p = commands.add_parser("features", help="measure the frames of all recordings with `retort features`")
    _common(p)
    p.set_defaults(run=_features)

    p = commands.add_parser("train", help="train a decoder, or go on with a run")
    _common(p)
    p.add_argument("--variant", default="reduced", choices=VARIANTS)
    p.add_argument("--runs", type=Path, default=PACKAGE / "runs", help="folder of checkpoints and logs")
    p.add_argument("--steps", type=int, default=10**9, help="end after so many steps")
    p.add_argument("--minutes", type=float, default=10.0**9, help="end after so many minutes (of all sittings together)")
    p.add_argument("--patience", type=int, default=10**9, help="end when the held-out loss has not fallen for so many steps")
    p.add_argument("--check-every", type=int, default=250, help="steps between held-out losses and checkpoints")
    p.add_argument("--rooms-from", type=Path, help="a checkpoint whose rooms are taken over and not trained further; or a model file, whose room is that of the reference alone")
    p.add_argument("--begin-with", type=Path, help="a model file whose weights, room and levels a new run begins with; a checkpoint that is there goes before it")
    p.add_argument("--teacher", type=Path, help="a checkpoint or a model file that a student learns from: reduced-ad, reduced-cd, or with --taught-by any")
    p.add_argument("--taught-by", choices=("audio", "controls"), help="what a variant learns from --teacher whose name says nothing of one; controls want a teacher of the same sizes")
    p.add_argument("--device", default="cpu", help="where PyTorch computes: cpu (the fast kernels of this package) or cuda")
    p.add_argument("--restart", action="store_true", help="begin anew though there is a checkpoint")
    p.add_argument("--sources", nargs="+", help="train on these sources only")
    p.add_argument("--voices", type=int, help="crops per step")
    p.add_argument("--crop-s", type=float, help="seconds per crop, pre-roll not counted")
    p.add_argument("--learning-rate", type=float)
    p.add_argument("--blur", type=float, help="tell the decoder a pitch that is off by so many semitones (standard deviation), and a loudness by 0.6 dB for each: may carry over better to other notes; may change on going on")
    p.add_argument("--treble-weight", type=float, help="what sound above 8 kHz counts, from 0 to 1: less than 1 may bring what lies below closer to the recordings; may change on going on")
    p.add_argument("--loudness-weight", type=float, help="weight of the loudness term; may change on going on")
    p.add_argument("--seed", type=int)
    p.set_defaults(run=_train)

    p = commands.add_parser("batch", help="train a list of models, each after what it needs, several side by side")
    p.add_argument("models", nargs="+", help="such as violin/full flute/cnn-tiny#2 (second seed), or all")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")
    p.add_argument("--runs", type=Path, default=PACKAGE / "runs", help="folder of checkpoints and logs")
    p.add_argument("--device", default="cpu", help="where PyTorch computes: cpu or cuda")
    p.add_argument("--workers", type=int, default=1, help="models at a time; one core each")
    p.add_argument("--scale", type=float, default=1.0, help="multiplies the steps of every model")
    p.add_argument("--patience", type=int, default=10**9, help="end a model when its held-out loss has not fallen for so many steps")
    p.add_argument("--report-every", type=float, default=60.0, help="seconds between lines of progress")
    p.set_defaults(run=_batch)

    p = commands.add_parser("export", help="write a checkpoint as a model file and its room")
    _common(p)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--trim-db", type=float, default=0.0, help="make the model louder, if it plays its training passages too softly")
    p.add_argument("--precision", choices=("f16", "bf16", "int8"), help="of the matrices (default: as the variant ships; convolutional ones ship in both)")
    p.add_argument("--no-room", action="store_true", help="leave the instrument's room file as it is")
    p.set_defaults(run=_export)

    p = commands.add_parser("stats", help="measure what model files say of their training data anew, without training")
    p.add_argument("model", type=Path, nargs="+")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")
    p.set_defaults(run=_stats)

    p = commands.add_parser("evaluate", help="score models, anchor and oracle by what `retort render` plays of held-out recordings")
    p.add_argument("--instrument", nargs="+", choices=sorted(INSTRUMENTS), help="default: every one in the models folder")
    p.add_argument("--variant", nargs="+", help="default: every one found")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames and fitted oracles are kept")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--also", type=Path, nargs="+", default=[], help="folders of models that are not shipped, scored too: other training seeds, or shipped weights in another precision")
    p.add_argument("--seeds", type=int, default=5, help="noise seeds per model")
    p.add_argument("--force", action="store_true", help="score again what has not changed")
    p.add_argument(
        "--learned", action="store_true", help="passages that were learned from instead: how much of a loss is not for lack of recordings"
    )
    p.add_argument(
        "--equalised", action="store_true", help="what is left of the loss where each held-out note's average spectrum is corrected behind the rendering, and how far notes' timbre is off beside a statistical guess"
    )
    p.add_argument("--no-oracle", action="store_true", help="leave the oracle, which takes most of the time, to another evaluation")
    p.add_argument("--no-cost", action="store_true", help="do not measure the cost of playing (it takes a quiet machine)")
    p.add_argument("--lowest-pitch", type=int, choices=(40, 80, 160), help="another setting than the instrument's: prints, keeps nothing")
    p.set_defaults(run=_evaluate)

    p = commands.add_parser("by-heart", help="score a copy of a model that goes on learning on the held-out recordings themselves")
    p.add_argument("--instrument", required=True, choices=sorted(INSTRUMENTS))
    p.add_argument("--variant", required=True, choices=VARIANTS)
    p.add_argument("--checkpoint", type=Path, help="what goes on learning, in the room that ships: a checkpoint or a model file (default: the model that ships)")
    p.add_argument("--steps", type=_count, default=2000, help="end after so many steps")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")
    p.add_argument("--runs", type=Path, default=PACKAGE / "runs", help="folder of checkpoints and logs")
    p.add_argument("--shipped", type=Path, default=REPOSITORY / "models", help="where the room that it plays in lies, and the model if no checkpoint is named")
    p.add_argument("--seeds", type=_count, default=5, help="noise seeds")
    p.set_defaults(run=_by_heart)

    p = commands.add_parser("transfer", help="score timbre transfer: other instruments and a made-up voice played through the models")
    p.add_argument("--instrument", nargs="+", choices=sorted(INSTRUMENTS), help="targets (default: every one in the models folder)")
    p.add_argument("--variant", nargs="+", default=["full", "reduced", "cnn", "cnn-tiny"])
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--force", action="store_true", help="score again what has not changed")
    p.add_argument("--lowest-pitch", type=int, choices=(40, 80, 160), help="for all sources alike: prints, keeps nothing")
    p.set_defaults(run=_transfer)

    p = commands.add_parser("listen", help="write a page to listen to: reference, anchor, oracle and every model, resynthesis and timbre transfer")
    p.add_argument("--instrument", nargs="+", choices=sorted(INSTRUMENTS), help="default: every one in the models folder")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames and fitted oracles are kept")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--output", type=Path, default=PACKAGE / "listening", help="the page's folder (ignored by git)")
    p.add_argument("--seconds", type=float, default=10.0, help="of each excerpt")
    p.add_argument("--transfer-to", nargs="+", default=["full", "reduced", "cnn", "cnn-tiny"], metavar="VARIANT", help="variants that play the other sources")
    p.set_defaults(run=_listen)

    p = commands.add_parser("report", help="write models/REPORT.md and its pictures from the scores")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where the evaluation left its spectrograms")
    p.set_defaults(run=_report)

    p = commands.add_parser("parity", help="compare `retort`'s decoder and synthesis with this package's, number by number")
    p.add_argument("--model", type=Path, required=True)
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.set_defaults(run=_parity)

    p = commands.add_parser("runtimes", help="measure Retort beside ONNX Runtime, PyTorch and tract: writes docs/performance.md")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--instrument", default="violin")
    p.add_argument("--out", type=Path, default=REPOSITORY / "docs/performance.md")
    p.add_argument("--without-tract", action="store_true", help="do not build and measure tract")
    p.add_argument("--without-plugin", action="store_true", help="do not build and measure the plugin files")
    p.add_argument("--raw", type=Path, help="keep all figures in this JSON file, and do not measure again what it has")
    p.set_defaults(run=_runtimes)
    return top


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except (FeatureError, OwnError, OSError, ValueError, ArithmeticError, SoundFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the last checkpoint is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
