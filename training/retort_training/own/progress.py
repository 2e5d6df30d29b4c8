"""What the person sees while it works: a bar on a terminal, a line now and then elsewhere."""

import os
import shutil
import sys
import time
from collections.abc import Callable

_BAR = 24


class Progress:
    """One changing line at the bottom of a terminal. Elsewhere (a file, a pipe) the same text comes as lines, at most every `quiet_s` seconds."""

    def __init__(self, out=None, quiet_s: float = 20.0, clock: Callable[[], float] = time.monotonic):
        self.out = out or sys.stdout
        self.is_terminal = self.out.isatty()
        self.quiet_s, self.clock = quiet_s, clock
        self._said = -quiet_s
        self._open = False

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self._clear()
        self._print(text + "\n")

    def show(self, share: float, text: str) -> None:
        """The line that changes: how much is done, and what to say of it."""
        now = self.clock()
        every = 0.2 if self.is_terminal else self.quiet_s
        if now - self._said < every:
            return
        self._said = now
        if not self.is_terminal:
            self._print(f"{100.0 * share:3.0f} %  {text}\n")
            return
        done = round(_BAR * min(max(share, 0.0), 1.0))
        line = f"{'█' * done}{'░' * (_BAR - done)} {100.0 * share:3.0f} %  {text}"
        width = shutil.get_terminal_size().columns - 1
        self._print("\r" + line[:width].ljust(width))
        self._open = True

    def counted(self, what: str) -> Callable[[int, int], None]:
        """A function of (done, total)."""

        def show(done: int, total: int) -> None:
            if total and (self.is_terminal or total > 1):
                self.show(done / total, f"{what} {min(done + 1, total)} of {total}")

        return show

    def _clear(self) -> None:
        if self._open:
            width = shutil.get_terminal_size().columns - 1
            self._print("\r" + " " * width + "\r")
            self._open = False

    def _print(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except OSError:
            # The terminal was closed: the work is not to suffer from it.
            self.out = open(os.devnull, "w")  # noqa: SIM115


def remaining(minutes: float) -> str:
    """Time to go, in words."""
    if minutes < 1.0:
        return "less than a minute"
    if minutes < 90.0:
        return f"{minutes:.0f} min"
    return f"{minutes / 60.0:.1f} h"
