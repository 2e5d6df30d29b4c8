"""What is trained, in which order, for how long: something playable first, then better models, round after round.

A round trains each variant a while; the next one goes on from there with more time. The room is learned with the first variant in its first round
and stays as it is from then on, since all variants share it. A variant whose held-out loss has long stopped falling is finished.
"""

from dataclasses import dataclass

# Minutes of the first round: what they need on one core of 2023. `reduced` learns the room and is there first; `full` is the best and teaches `reduced-cd`.
FIRST_ROUND = {"reduced": 6.0, "full": 11.0, "reduced-cd": 5.5, "cnn-tiny": 5.0}
FIRST = "reduced"
TEACHER, TAUGHT = "full", "reduced-cd"
# The whole time of a variant after each round, as a multiple of the first.
ROUNDS = (1.0, 3.0, 8.0)
# So many steps without a better held-out loss end a variant.
PATIENCE_STEPS = 1500
CHECK_EVERY_STEPS = 125
# Every sitting lasts so long if nothing else is asked for: the first round and its checks.
DEFAULT_MINUTES = 35.0


@dataclass(frozen=True)
class Stage:
    """Train `variant` until it has had `minutes` in all."""

    variant: str
    minutes: float


def agenda(spent: dict[str, float], finished: set[str], only: list[str] | None = None) -> list[Stage]:
    """Everything that is left, in order. `spent`: minutes that each variant has had; `finished` ones are left alone. Where `only` some are
    wanted, those that they need are made with them."""
    wanted = [v for v in FIRST_ROUND if only is None or v in only or v == FIRST or (v == TEACHER and TAUGHT in only)]
    stages = []
    for times in ROUNDS:
        for variant in wanted:
            minutes = FIRST_ROUND[variant] * times
            if variant not in finished and spent.get(variant, 0.0) < minutes - 0.01:
                stages.append(Stage(variant, minutes))
    return stages


def minutes_to_go(stages: list[Stage], spent: dict[str, float]) -> float:
    """What all of `stages` take together."""
    had = dict(spent)
    total = 0.0
    for stage in stages:
        total += max(stage.minutes - had.get(stage.variant, 0.0), 0.0)
        had[stage.variant] = max(stage.minutes, had.get(stage.variant, 0.0))
    return total
