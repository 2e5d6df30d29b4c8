"""What is trained, in which order, for how long: something playable first, then better models, round after round.

Every variant has a first round with the whole learning rate, and later ones that begin with its best weights and a gentle rate. The room is learned in the
first round of the first variant and stays as it is from then on, since all variants share it. A variant is finished when a later round has brought nothing;
until then it gets another one, beyond those that are planned.

How much there is to learn from decides who comes when. With 2.4 minutes of single notes `full` knew them by heart after 5 of 11 minutes and stayed behind
`reduced`, which got better all the time: with little material the small ones go first and longest, with very little `full` and its pupil are left out.
"""

from dataclasses import dataclass, replace

VARIANTS = ("reduced", "full", "reduced-cd", "cnn-tiny")
# It learns the room.
FIRST = "reduced"
TEACHER, TAUGHT = "full", "reduced-cd"
# Seconds to train on. With less than the first, a large model is left out unless it is asked for; with less than the second, it comes late and short.
VERY_LITTLE_S, LITTLE_S, MUCH_S = 90.0, 300.0, 600.0
# A later round begins with this share of the learning rate, and scores and ships weights that are averaged over about so many steps.
GENTLE, AVERAGED_STEPS = 0.3, 1000
# So many steps without a better held-out loss end a first round. A later one is worse than what it began with until its rate has fallen: it is played to its end.
PATIENCE_STEPS = 1500
CHECK_EVERY_STEPS = 125
# Every sitting lasts so long if nothing else is asked for: the first rounds and their checks.
DEFAULT_MINUTES = 35.0


@dataclass(frozen=True)
class Stage:
    """Train `variant` for `minutes`, its round number `round` from 1, beginning with `rate` of its learning rate."""

    variant: str
    round: int
    minutes: float
    rate: float = 1.0

    @property
    def patience_steps(self) -> int:
        return PATIENCE_STEPS if self.round == 1 else 10**9


def schedule(training_s: float, on_gpu: bool = False, only: list[str] | None = None) -> list[Stage]:
    """Everything, in order, for so many seconds to train on. Where `only` some variants are wanted, those that they need are made with them.

    Minutes are those of one core of 2023. A graphics processor gains most with the largest model, which gets more of the time there.
    """
    wanted = [v for v in VARIANTS if only is None or v in only or v == FIRST or (v == TEACHER and TAUGHT in only)]
    if training_s < LITTLE_S:
        plan = [("reduced", 6.0), ("cnn-tiny", 3.0), ("reduced", 9.0), ("full", 5.0), ("reduced-cd", 4.0), ("cnn-tiny", 6.0), ("reduced", 18.0)]
        if training_s < VERY_LITTLE_S and only is None:
            wanted = [v for v in wanted if v not in (TEACHER, TAUGHT)]
    else:
        longer = 1.5 if training_s >= MUCH_S else 1.0
        small, large = (0.5, 1.5) if on_gpu else (1.0, 1.0)
        first = [("reduced", 6.0 * small), ("full", 11.0 * large * longer), ("reduced-cd", 5.5 * small * longer), ("cnn-tiny", 5.0 * small * longer)]
        plan = [(variant, minutes * times) for times in (1.0, 2.0, 5.0) for variant, minutes in first]
    made: list[Stage] = []
    for variant, minutes in plan:
        if variant in wanted:
            number = 1 + sum(s.variant == variant for s in made)
            made.append(Stage(variant, number, minutes, 1.0 if number == 1 else GENTLE))
    return made


def agenda(stages: list[Stage], rounds: dict[str, int], finished: set[str]) -> list[Stage]:
    """What is left of `stages`, or one more round, as long as the last, of every variant that still gets better. `rounds`: how many each has behind it;
    `finished` ones are left alone."""
    open_ones = [s for s in stages if s.variant not in finished]
    planned = [s for s in open_ones if s.round > rounds.get(s.variant, 0)]
    last = {s.variant: s for s in open_ones}
    return planned or [replace(s, round=rounds[s.variant] + 1, rate=GENTLE) for s in last.values()]


def minutes_to_go(stages: list[Stage], spent: float = 0.0) -> float:
    """What all of `stages` take together; the first of them has had `spent` minutes."""
    if not stages:
        return 0.0
    first = replace(stages[0], minutes=max(stages[0].minutes - spent, 0.0))
    return sum(s.minutes for s in [first, *stages[1:]])
