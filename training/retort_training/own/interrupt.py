"""Ctrl-C, and an end from outside: heard from the first moment to the last."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# A closed terminal, a shutdown and Ctrl-C; not every system knows all of them.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupt:
    """Before training begins, a signal ends the program at once by `KeyboardInterrupt`, so that it tidies up after itself. From `patient` on it asks for a stop
    at the next step, and only a second one ends at once. Checkpoints are whole in either case."""

    def __init__(self):
        self.asked = self.patient = False

    def hear(self, _number, _frame) -> None:
        if self.asked or not self.patient:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def listening() -> Iterator[Interrupt]:
    """Hears signals within the block. Those that are ignored, as `nohup` does, stay ignored."""
    interrupt = Interrupt()
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt.hear)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
