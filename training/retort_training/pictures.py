"""Pictures for the report and the listening page: spectrograms, loss against size, loss against cost.

`evaluate` keeps a small spectrogram of every rendering, so that the report can be drawn without rendering again.
"""

from pathlib import Path

import numpy as np

from . import metrics

EXCERPT_S = 6.0
WINDOW = 1024
TOP_HZ = 15_500.0
# Shown range, in dB under full scale of a windowed sine.
FLOOR_DB, CEILING_DB = -75.0, 5.0


def spectrogram(audio: np.ndarray) -> np.ndarray:
    """Mel bands to 15.5 kHz of audio at 32 kHz as bytes, `[frames, bands]`: 0 is the floor, 255 the ceiling."""
    decibels = metrics.log_mel(audio, metrics.FULL_RATE_HZ, TOP_HZ, WINDOW)
    return np.round(np.clip((decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0.0, 1.0) * 255.0).astype(np.uint8)


def keep_spectrogram(cache: Path, instrument: str, label: str, audio: np.ndarray) -> None:
    """Of the first seconds of a rendering at 32 kHz."""
    path = Path(cache) / "spectrograms" / instrument / f"{label}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, spectrogram(audio[: round(EXCERPT_S * metrics.FULL_RATE_HZ)]))


def load_spectrogram(cache: Path, instrument: str, label: str) -> np.ndarray | None:
    path = Path(cache) / "spectrograms" / instrument / f"{label}.npy"
    return np.load(path) if path.exists() else None


def _figure(width: float, height: float):
    # Without a display, and only where a picture is really drawn.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="webp", pil_kwargs={"quality": 60, "method": 6})


def _show(axes, picture: np.ndarray) -> None:
    axes.imshow(picture.T, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=255, interpolation="nearest")
    seconds = np.arange(0, len(picture) * WINDOW / 4 / metrics.FULL_RATE_HZ + 0.01, 2.0)
    axes.set_xticks(seconds * metrics.FULL_RATE_HZ * 4 / WINDOW, [f"{s:.0f} s" for s in seconds], fontsize=7)
    centres = _band_centres_hz(picture.shape[1])
    marks = [250, 1000, 4000, 12_000]
    axes.set_yticks([int(np.argmin(np.abs(centres - f))) for f in marks], ["250", "1 k", "4 k", "12 k"], fontsize=7)


def _band_centres_hz(n_bands: int) -> np.ndarray:
    bands = metrics.mel_bands(metrics.MEL_BANDS, metrics.MEL_LOW_HZ, TOP_HZ, WINDOW, metrics.FULL_RATE_HZ)
    bands = bands[bands.sum(axis=1) > 0]
    assert len(bands) == n_bands, "a spectrogram of another layout: evaluate again"
    return np.argmax(bands, axis=1) * metrics.FULL_RATE_HZ / WINDOW


def draw_spectrograms(cache: Path, instrument: str, labels: list[str], path: Path) -> bool:
    """One panel for each label that has a spectrogram. False, and the file as it was, if none has, or if some have not and there is a picture:
    whoever scored one model in a new cache keeps the picture of all."""
    found = [(name, p) for name in labels if (p := load_spectrogram(cache, instrument, name)) is not None]
    if found and len(found) < len(labels) and path.exists():
        print(f"{path} is left as it was: only {len(found)} of its {len(labels)} panels have been made here (evaluate --force makes them)", flush=True)
        return False
    if not found:
        return False
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    figure = _figure(2.9 * columns, 1.75 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, picture) in zip(panels, found):
        _show(axes, picture)
        axes.set_title(name, fontsize=8)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    _save(figure, path)
    return True


def draw_one(picture: np.ndarray, path: Path) -> None:
    """A single spectrogram without axes, for a page that puts its own words beside it."""
    from PIL import Image

    colours = _colours()[picture.T[::-1]]
    image = Image.fromarray(colours).resize((min(480, picture.shape[0]), 96))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "WEBP", quality=70)


def _colours() -> np.ndarray:
    from matplotlib import colormaps

    return (colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8)


# A colour for an instrument, a mark for a decoder family, the same in every picture.
_MARKS = {
    "full": "s",
    "reduced": "o",
    "reduced-ad": "^",
    "reduced-cd": "v",
    "cnn": "D",
    "cnn-tiny": "P",
    "cnn-q": "d",
    "cnn-tiny-q": "X",
}


def draw_scatter(points: list[tuple[str, str, float, float]], x_label: str, y_label: str, path: Path) -> bool:
    """`points` are (instrument, variant, x, y); x is drawn as a logarithm. False, and no file, without points."""
    if not points:
        return False
    from matplotlib import colormaps

    figure = _figure(7.5, 4.2)
    axes = figure.subplots()
    instruments = list(dict.fromkeys(p[0] for p in points))
    colours = {name: colormaps["tab10"](i % 10) for i, name in enumerate(instruments)}
    for instrument, variant, x, y in points:
        axes.scatter(x, y, color=colours[instrument], marker=_MARKS.get(variant, "."), s=36, linewidths=0)
    axes.set_xscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    for name in instruments:
        axes.scatter([], [], color=colours[name], marker="o", label=name)
    for variant in dict.fromkeys(p[1] for p in points):
        axes.scatter([], [], color="0.4", marker=_MARKS.get(variant, "."), label=variant)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)
    return True
