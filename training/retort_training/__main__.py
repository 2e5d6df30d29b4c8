"""The command line: `python -m retort_training COMMAND --help`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from . import split
from .features import FeatureError, measure, retort_binary
from .instruments import INSTRUMENTS, Instrument

PACKAGE = Path(__file__).resolve().parent.parent
REPOSITORY = PACKAGE.parent


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instrument", default="violin", choices=sorted(INSTRUMENTS))
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    parser.add_argument("--retort", help="the retort program (default: the one in PATH)")
    parser.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames are kept")


def _measurer(args, lowest_pitch_hz: int):
    binary = retort_binary(args.retort)
    return lambda path: measure(path, binary, args.cache, lowest_pitch_hz)


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
        get = _measurer(args, lowest_pitch_hz)
        for i, file in enumerate(files, 1):
            frames = get(args.data / file)
            print(f"from {lowest_pitch_hz} Hz, {i}/{len(files)} {file}: {len(frames)} frames", flush=True)


def _train(args) -> None:
    from .sources import Crops, load_tapes
    from .train import PLANS, Budget, Run, seconds_to_frames, train

    instrument = INSTRUMENTS[args.instrument]
    pieces = [p for p in split.read(instrument.name) if args.sources is None or p.source in args.sources]
    folder = args.runs / instrument.name / args.variant
    checkpoint = folder / "last.pt"
    rooms = Run.load(args.rooms_from).averaged_rooms() if args.rooms_from else None
    if checkpoint.exists() and not args.restart:
        run = Run.load(checkpoint, rooms)
        if args.loudness_weight is not None:
            run.plan.loudness_weight = args.loudness_weight
        print(f"going on with {checkpoint} at step {run.step}", flush=True)
    else:
        plan = PLANS[args.variant]
        changes = {k: getattr(args, k) for k in ("voices", "crop_s", "learning_rate", "loudness_weight", "seed") if getattr(args, k) is not None}
        run = Run(replace(plan, **changes), instrument.source_names(), rooms)
    material = [p for p in pieces if p.part == split.TRAIN]
    training = []
    for lowest_pitch_hz in instrument.heard_with_hz:
        training += load_tapes(material, args.data, _measurer(args, lowest_pitch_hz), seed=run.plan.seed)
    reference = instrument.sources[0].name
    asked = [p for p in pieces if p.part == split.HELD_OUT and p.source == reference]
    held_out = load_tapes(asked, args.data, _measurer(args, instrument.lowest_pitch_hz))
    n_segments = seconds_to_frames(run.plan.pre_roll_s + run.plan.crop_s)
    # A resumed run must not draw the crops of its start again.
    crops = Crops(training, instrument.source_names(), n_segments, instrument.weights(), seed=run.plan.seed * 1000 + run.step)
    budget = Budget(args.steps, args.minutes, args.patience, args.check_every)
    print(
        f"{instrument.name}/{run.plan.variant}: {run.decoder.parameter_count()} parameters, "
        f"{sum(map(len, training)) / 15000 / len(instrument.heard_with_hz):.1f} minutes to train on, {sum(map(len, held_out)) / 250:.0f} s of {reference} held out",
        flush=True,
    )
    train(run, crops, held_out, folder, budget)


def _export(args) -> None:
    from .export import export

    export(args)


def _evaluate(args) -> None:
    from .evaluate import evaluate

    evaluate(args)


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


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m retort_training", description="Makes Retort's models and scores them.")
    commands = top.add_subparsers(dest="command", required=True)

    p = commands.add_parser("split", help="write the list of what is trained on and what is held out")
    p.add_argument("--instrument", default="violin", choices=sorted(INSTRUMENTS))
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.set_defaults(run=_split)

    p = commands.add_parser("features", help="measure the frames of all recordings with `retort features`")
    _common(p)
    p.set_defaults(run=_features)

    p = commands.add_parser("train", help="train a decoder, or go on with a run")
    _common(p)
    p.add_argument("--variant", default="reduced", choices=("full", "reduced"))
    p.add_argument("--runs", type=Path, default=PACKAGE / "runs", help="folder of checkpoints and logs")
    p.add_argument("--steps", type=int, default=10**9, help="end after so many steps")
    p.add_argument("--minutes", type=float, default=10.0**9, help="end after so many minutes (of all sittings together)")
    p.add_argument("--patience", type=int, default=10**9, help="end when the held-out loss has not fallen for so many steps")
    p.add_argument("--check-every", type=int, default=250, help="steps between held-out losses and checkpoints")
    p.add_argument("--rooms-from", type=Path, help="a checkpoint whose rooms are taken over and not trained further")
    p.add_argument("--restart", action="store_true", help="begin anew though there is a checkpoint")
    p.add_argument("--sources", nargs="+", help="train on these sources only")
    p.add_argument("--voices", type=int, help="crops per step")
    p.add_argument("--crop-s", type=float, help="seconds per crop, pre-roll not counted")
    p.add_argument("--learning-rate", type=float)
    p.add_argument("--loudness-weight", type=float, help="weight of the loudness term; may change on going on")
    p.add_argument("--seed", type=int)
    p.set_defaults(run=_train)

    p = commands.add_parser("export", help="write a checkpoint as a model file and its room")
    _common(p)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--trim-db", type=float, default=0.0, help="make the model louder, if it plays its training passages too softly")
    p.add_argument("--precision", default="f16", choices=("f16", "int8"), help="of the matrices; int8 plays large models faster")
    p.add_argument("--no-room", action="store_true", help="leave the instrument's room file as it is")
    p.set_defaults(run=_export)

    p = commands.add_parser("evaluate", help="score models, anchor and oracle by what `retort render` plays of held-out recordings")
    p.add_argument("--instrument", nargs="+", choices=sorted(INSTRUMENTS), help="default: every one in the models folder")
    p.add_argument("--variant", nargs="+", help="default: every one found")
    p.add_argument("--data", type=Path, required=True, help="folder of recordings with its index.csv")
    p.add_argument("--retort", help="the retort program (default: the one in PATH)")
    p.add_argument("--cache", type=Path, default=PACKAGE / "cache", help="where measured frames and fitted oracles are kept")
    p.add_argument("--models", type=Path, default=REPOSITORY / "models")
    p.add_argument("--also", type=Path, nargs="+", default=[], help="models folders of other training seeds, scored but not shipped")
    p.add_argument("--seeds", type=int, default=5, help="noise seeds per model")
    p.add_argument("--force", action="store_true", help="score again what has not changed")
    p.add_argument("--no-cost", action="store_true", help="do not measure the cost of playing (it takes a quiet machine)")
    p.add_argument("--lowest-pitch", type=int, choices=(40, 80, 160), help="another setting than the instrument's: prints, keeps nothing")
    p.set_defaults(run=_evaluate)

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
    return top


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        args.run(args)
    except (FeatureError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the last checkpoint is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
