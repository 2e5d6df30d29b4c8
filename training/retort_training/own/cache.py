"""Frames that were measured once: kept in the work folder for as long as a recording needs them."""

from pathlib import Path

from ..features import Features, measured_file, read_csv


class Cache:
    """Called like `features.measure` with a path and the lowest pitch in Hz. It remembers what was asked for, and `tidy` removes everything else."""

    def __init__(self, folder: Path, retort: str):
        self.folder, self.retort = Path(folder), retort
        self.needed: set[Path] = set()

    def __call__(self, recording: Path, lowest_pitch_hz: int) -> Features:
        stored = measured_file(recording, self.retort, self.folder, lowest_pitch_hz)
        self.needed.add(stored)
        try:
            return read_csv(stored)
        except (ValueError, IndexError):
            # A machine that went off may leave a file that is not whole.
            stored.unlink()
            return read_csv(measured_file(recording, self.retort, self.folder, lowest_pitch_hz))

    def tidy(self) -> None:
        """Removes the frames of recordings that are no longer there."""
        for path in self.folder.glob("*-v*.csv"):
            if path not in self.needed:
                path.unlink()
