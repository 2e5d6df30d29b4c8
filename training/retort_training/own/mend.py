"""What a full disk, a failing one or a machine that went off have left of the checkpoints: the best of it goes on."""

from collections.abc import Callable
from pathlib import Path

from ..durable import written
from ..tapes import Tape
from ..train import DamagedCheckpoint, Run, held_out_loss
from .project import Project
from .stages import VARIANTS


def mend(project: Project, held_out: list[Tape], say: Callable[[str], None]) -> None:
    """Sees to it that each variant has both of its checkpoints whole, or none and begins anew; `say` tells the person what was done."""
    for variant in VARIANTS:
        last, best = (project.run_folder(variant) / name for name in ("last.pt", "best.pt"))
        newest, dearest = _whole(last), _whole(best)
        behind = project.state["rounds"].get(variant, 0)
        if newest is None and dearest is None:
            if last.exists() or best.exists():
                say(f"The checkpoints of {variant} are damaged: it begins anew. What is in the list stays until it is better.")
            if last.exists() or best.exists() or behind or variant in project.state["begun"]:
                project.begin_variant_anew(variant)
        elif newest is None:
            if last.exists():
                say(f"{last} is damaged: {variant} goes on from its best checkpoint, of {dearest.minutes:.0f} minutes.")
            project.state["begun"].pop(variant, None)
            project.save()
            with written(last) as part:
                part.write_bytes(best.read_bytes())
        elif dearest is None and (best.exists() or behind):
            say(f"{best} is damaged or gone: the last checkpoint of {variant} takes its place.")
            newest.best, newest.best_step = held_out_loss(newest, held_out), newest.step
            newest.save(best)
            newest.save(last)


def _whole(path: Path) -> Run | None:
    try:
        return Run.load(path) if path.exists() else None
    except DamagedCheckpoint:
        return None
