#!/usr/bin/env python3
"""Takes the manual's pictures anew: the application on a virtual screen, used with real mouse and key events.

    docs/manual/take_pictures.py                 builds the application, then takes every picture at 100 and 200 %
    docs/manual/take_pictures.py --only presets  one of them
    docs/manual/take_pictures.py --list          their names

Debian: apt install xvfb openbox xdotool imagemagick python3. The picture of the plugin also wants xsettingsd, a Python with the
package pedalboard (tests/python/requirements.txt) that runs this script, and `cargo xtask bundle`; it is left out where
those are missing.

Everything runs in a home folder of its own that is deleted afterwards, with the models of this checkout. No sound card is
needed: a made-up sound card plays into nothing at the right speed, and its microphone hears a melody that this script makes.
"""

import argparse
import array
import fcntl
import importlib.util
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool", "import": "imagemagick", "convert": "imagemagick"}
# Larger than the window at 200 % with its frame, and than what the application leaves free for a desktop's bars.
SCREEN = "2300x2200x24"
COLOURS = 96

RATE_HZ = 48_000
# The application opens the made-up card with two channels of 32-bit floats, and reads blocks of 256.
FRAME_BYTES = 8
BLOCK_BYTES = 256 * FRAME_BYTES
ASOUNDRC = """pcm.!default {{
    type asym
    playback.pcm {{ type file slave.pcm {{ type null }} file "|exec {python} {pacer}" format "raw" }}
    capture.pcm {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{melody}" format "raw" }}
}}
"""
# Without somebody who takes the sound at the speed of time, the card that plays into nothing would run ahead of it.
PACER = f"""import os, time
start, taken = time.monotonic(), 0
while True:
    due = int((time.monotonic() - start) * {RATE_HZ}) * {FRAME_BYTES}
    if due > taken:
        sound = os.read(0, due - taken)
        if not sound:
            break
        taken += len(sound)
    time.sleep(0.004)
"""
# Opens the effect's window as a host does, until it is ended, and plays a tone through it meanwhile: without that, no change
# would arrive.
HOST = """import sys, threading, time
import numpy, pedalboard
plugin = pedalboard.load_plugin(sys.argv[1], plugin_name="Retort FX")
def play():
    start = 0
    while True:
        tone = 0.2 * numpy.sin(2 * numpy.pi * 440.0 * (start + numpy.arange(4800)) / 48_000)
        plugin.process(tone.astype(numpy.float32)[None], 48_000, buffer_size=480, reset=False)
        start += 4800
        time.sleep(0.09)
threading.Thread(target=play, daemon=True).start()
plugin.show_editor(threading.Event())
"""


class Window:
    """A window that is used in points of its size at 100 %, and photographed."""

    def __init__(self, display: str, zoom: float, title: str, patience_s: float):
        self.environment = {**os.environ, "DISPLAY": display}
        self.zoom = zoom
        self.held: list[str] = []
        self.id = self._find(title)
        self._xdotool("windowactivate", "--sync", self.id)
        time.sleep(patience_s)

    def _find(self, title: str) -> str:
        for _ in range(240):
            found = self._run("xdotool", "search", "--onlyvisible", "--name", title, check=False).split()
            if found:
                return found[0]
            time.sleep(0.25)
        raise SystemExit(f"No window called {title} came up within a minute.")

    def _run(self, *command: str, check: bool = True) -> str:
        return subprocess.run(command, env=self.environment, check=check, stdout=subprocess.PIPE, text=True).stdout

    def _xdotool(self, *words: object) -> None:
        self._run("xdotool", *map(str, words))

    def point(self, x: float, y: float) -> None:
        self._xdotool("mousemove", "--window", self.id, round(x * self.zoom), round(y * self.zoom))
        time.sleep(0.25)

    def click(self, x: float, y: float) -> None:
        self.point(x, y)
        self._xdotool("click", 1)
        time.sleep(0.5)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Leaves the button held."""
        self.point(*start)
        self._xdotool("mousedown", 1)
        for step in range(1, 9):
            self.point(*(a + (b - a) * step / 8 for a, b in zip(start, end, strict=True)))

    def hold(self, *keys: str) -> None:
        for key in keys:
            self.held.append(key)
            self._xdotool("keydown", key)
            time.sleep(0.1)

    def let_go(self) -> None:
        self._xdotool("mouseup", 1)
        for key in self.held:
            self._xdotool("keyup", key)

    def press(self, key: str) -> None:
        self._xdotool("key", key)
        time.sleep(0.3)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "60", "--", text)
        time.sleep(0.4)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def photograph(self, file: Path, part: tuple[int, int, int, int] | None) -> None:
        taken = ["import", "-window", self.id, "png:-"]
        reduced = ["convert", "png:-"]
        if part:
            x, y, width, height = (round(v * self.zoom) for v in part)
            reduced += ["-crop", f"{width}x{height}+{x}+{y}", "+repage"]
        reduced += ["+dither", "-colors", str(COLOURS), "-strip", "-define", "png:compression-level=9", f"png8:{file}"]
        picture = subprocess.run(taken, env=self.environment, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(reduced, input=picture, check=True)


def rest(window: Window) -> None:
    """The mouse where nothing is explained when it rests there."""
    window.point(60, 46)


def notes(*keys: str) -> Callable[[Window], None]:
    """A chord on the computer's keys."""

    def play(window: Window) -> None:
        rest(window)
        window.hold(*keys)
        window.wait(4.5)

    return play


def clicks(*places: tuple[float, float]) -> Callable[[Window], None]:
    def go(window: Window) -> None:
        for place in places:
            window.click(*place)

    return go


def listen(window: Window) -> None:
    rest(window)
    window.wait(4.5)


def save_form(window: Window) -> None:
    window.click(867, 32)
    window.type("Evening Fiddle")
    # Past the category.
    window.press("Tab")
    window.press("Tab")
    window.type("Ada")


def type_value(window: Window) -> None:
    window.click(52, 557)
    window.press("ctrl+a")
    window.type("-5.5")


def refuse_value(window: Window) -> None:
    window.click(52, 557)
    window.press("ctrl+a")
    window.type("loud")
    window.press("Return")


def drag_box(window: Window) -> None:
    window.wait(1.0)
    window.drag((330, 240), (262, 262))
    window.wait(1.0)


def open_presets(window: Window) -> None:
    window.click(480, 32)
    window.point(300, 396)


def bypass(window: Window) -> None:
    window.click(940, 32)
    rest(window)
    window.wait(2.0)


def record(window: Window) -> None:
    window.click(60, 779)
    rest(window)
    window.hold("f", "h")
    window.wait(3.0)


@dataclass
class Picture:
    """One state of the window: what was set before, what is done, and which part is shown (x, y, width, height; else all)."""

    name: str
    act: Callable[[Window], None]
    remembered: dict = field(default_factory=dict)
    part: tuple[int, int, int, int] | None = None
    arguments: list[str] = field(default_factory=list)
    # Octave that the melody in the microphone begins in.
    melody: int = 4
    plugin: bool = False


VIOLIN = {"model": "violin/full"}
AUDIO = {"model": "violin/full", "source": "audio", "lowest_pitch": "Hz160"}
FIELD = (0, 0, 1000, 424)
PICTURES = [
    Picture("notes", notes("a", "d", "g"), VIOLIN),
    Picture("audio", listen, AUDIO),
    Picture("sizes", clicks((456, 72)), VIOLIN, FIELD),
    # Two large models at once, so that a fast machine asks, too.
    Picture(
        "costly",
        clicks((456, 72), (456, 114)),
        {"model": "flute/reduced", "blend": "violin/full", "settings": {"voices": 16, "blend": 0.5}},
        FIELD,
    ),
    Picture("missing", rest, {"model": "celesta/full"}, FIELD),
    Picture("mapping", drag_box, {**AUDIO, "lowest_pitch": "Hz80"}, (0, 96, 1000, 490), melody=3),
    Picture(
        "blend",
        notes("s", "f"),
        {"model": "violin/full", "blend": "flute/full", "settings": {"blend": 0.5}},
        (0, 0, 1000, 584),
    ),
    Picture("typed", type_value, VIOLIN, (0, 420, 1000, 330)),
    Picture("refused", refuse_value, VIOLIN, (0, 420, 1000, 330)),
    Picture("tunings", clicks((912, 610)), VIOLIN, (500, 420, 500, 530)),
    Picture(
        "presets",
        open_presets,
        {"model": "violin/full", "preset": {"name": "Village Fiddle", "user": False, "changed": True}},
        FIELD,
    ),
    Picture("save", save_form, VIOLIN, FIELD),
    Picture("zoom", clicks((864, 72)), VIOLIN, (500, 0, 500, 424)),
    Picture("help", clicks((950, 72)), VIOLIN, FIELD),
    Picture("models", clicks((950, 72), (328, 132)), VIOLIN, FIELD),
    Picture("software", clicks((950, 72), (436, 132)), VIOLIN, FIELD),
    Picture("recording", record, VIOLIN, (0, 752, 1000, 198)),
    Picture("files", listen, VIOLIN, None, ["open", "trumpet_loop.flac", "saxophone_phrase.flac"]),
    Picture("bypass", bypass, plugin=True),
]


def melody(octave: int) -> bytes:
    """A song without words: slides, vibrato and swells, as stereo floats; whole blocks."""
    steps = [2, 6, 9, 7, 4, 1]
    samples, phase, note = array.array("f"), 0.0, 12.0 * (octave + 1) + steps[0]
    for n in range(RATE_HZ * 9):
        t = n / RATE_HZ
        wanted = 12.0 * (octave + 1) + steps[int(t / 1.5) % len(steps)]
        note += (wanted - note) * 2e-4
        phase += 440.0 * 2 ** ((note - 69 + 0.3 * math.sin(2 * math.pi * 5.2 * t)) / 12) / RATE_HZ
        level = 0.055 * (1.4 + math.sin(2 * math.pi * t / 1.5 - 1.2))
        sample = level * sum(math.sin(2 * math.pi * k * phase) / k for k in range(1, 6))
        samples.extend((sample, sample))
    sound = samples.tobytes()
    return sound[: len(sound) // BLOCK_BYTES * BLOCK_BYTES]


class Microphone:
    """Sings into a pipe at the speed of time, one block after the other."""

    def __init__(self, pipe: Path, sound: bytes):
        self.sound, self.is_on = sound, True
        os.mkfifo(pipe)
        # For reading too, so that nobody waits for the other end.
        self.pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)
        self.thread = threading.Thread(target=self._sing, daemon=True)
        self.thread.start()

    def _sing(self) -> None:
        start, sung = time.monotonic(), 0
        while self.is_on:
            due = int((time.monotonic() - start) * RATE_HZ) * FRAME_BYTES
            if due < sung + BLOCK_BYTES:
                time.sleep(0.001)
                continue
            at = sung % len(self.sound)
            try:
                # Whole blocks: whoever reads gets all of one or nothing.
                os.write(self.pipe, self.sound[at : at + BLOCK_BYTES])
            except BlockingIOError:
                time.sleep(0.001)
            sung += BLOCK_BYTES

    def stop(self) -> None:
        self.is_on = False
        self.thread.join()
        os.close(self.pipe)


class Started:
    """Programs that end with this script, the last one first."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen] = []

    def start(self, command: list[str], **options) -> subprocess.Popen:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **options
        )
        self.running.append(process)
        return process

    def end(self, keep: int = 0) -> None:
        while len(self.running) > keep:
            process = self.running.pop()
            for kind in (signal.SIGTERM, signal.SIGKILL):
                try:
                    # With what it started itself.
                    os.killpg(process.pid, kind)
                    process.wait(timeout=5)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def prepare_home(home: Path, picture: Picture, zoom: float) -> None:
    settings = home / ".config/retort"
    settings.mkdir(parents=True)
    (home / ".xsettingsd").touch()
    (settings / "app.json").write_text(json.dumps({**picture.remembered, "zoom": zoom}))
    (settings / "plugin-window.json").write_text(json.dumps({"zoom": zoom}))
    (home / "pacer.py").write_text(PACER)
    (home / ".asoundrc").write_text(
        ASOUNDRC.format(python=sys.executable, pacer=home / "pacer.py", melody=home / "microphone")
    )
    for name in picture.arguments[1:]:
        shutil.copy(ROOT / "assets/demo" / name, home)


def take(picture: Picture, percent: int, arguments: argparse.Namespace, display: str, started: Started) -> Path:
    file = HERE / f"{picture.name}{'' if percent == 100 else f'-{percent}'}.png"
    zoom, others = percent / 100, len(started.running)
    with tempfile.TemporaryDirectory(prefix="retort-pictures-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        prepare_home(home, picture, zoom)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "WAYLAND_"))}
        environment |= {"HOME": folder, "DISPLAY": display, "RETORT_MODELS": str(ROOT / "models")}
        microphone = Microphone(home / "microphone", melody(picture.melody))
        try:
            if picture.plugin:
                started.start(["xsettingsd"], env=environment)
                time.sleep(0.5)
                started.start([sys.executable, "-c", HOST, str(arguments.plugin)], env=environment)
            else:
                started.start([str(arguments.program), *picture.arguments], env=environment, cwd=home)
            title = "^Pedalboard$" if picture.plugin else "^Retort$"
            window = Window(display, zoom, title, arguments.wait)
            try:
                picture.act(window)
                window.photograph(file, picture.part)
            finally:
                # What is held would be held in the next window, too.
                window.let_go()
        finally:
            started.end(keep=others)
            microphone.stop()
    return file


def missing_for_plugin(plugin: Path) -> str | None:
    """What the picture of the plugin needs and is not there."""
    if importlib.util.find_spec("pedalboard") is None:
        return f"the Python package pedalboard ({sys.executable} has none)"
    if shutil.which("xsettingsd") is None:
        return "xsettingsd"
    return None if plugin.exists() else f"{plugin} (cargo xtask bundle)"


def check_programs() -> None:
    absent = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if absent:
        raise SystemExit(f"These packages are needed first: apt install {' '.join(absent)}")


def build() -> Path:
    command = ["cargo", "build", "--release", "--bin", "retort", "--features", "app", "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = [json.loads(line).get("executable") for line in built.splitlines()]
    return Path([program for program in programs if program][-1])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, help="the application, if it is built already; it needs the feature app")
    parser.add_argument("--plugin", type=Path, default=ROOT / "target/bundled/Retort.vst3", help="the plugin's VST3 bundle")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="take these pictures")
    parser.add_argument("--zoom", nargs="+", type=int, default=[100, 200], metavar="PERCENT", help="default: 100 200")
    parser.add_argument("--display", type=int, default=78, help="number of the virtual screen (default: 78)")
    parser.add_argument("--wait", type=float, default=4.0, help="seconds until a window has settled (default: 4)")
    parser.add_argument("--list", action="store_true", help="print the pictures' names")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    names = [picture.name for picture in PICTURES]
    if arguments.list:
        print("\n".join(names))
        return
    unknown = [name for name in arguments.only or [] if name not in names]
    if unknown:
        raise SystemExit(f"There is no picture {', '.join(unknown)}; there are: {', '.join(names)}.")
    check_programs()
    wanted = [picture for picture in PICTURES if arguments.only is None or picture.name in arguments.only]
    lack = missing_for_plugin(arguments.plugin) if any(picture.plugin for picture in wanted) else None
    if lack:
        print(f"The picture of the plugin is left out: it needs {lack}.")
        wanted = [picture for picture in wanted if not picture.plugin]
    if any(not picture.plugin for picture in wanted):
        arguments.program = (arguments.program or build()).resolve()
        if not arguments.program.exists():
            raise SystemExit(f"There is no program {arguments.program}.")
    arguments.plugin = arguments.plugin.resolve()
    display, started = f":{arguments.display}", Started()
    if Path(f"/tmp/.X{arguments.display}-lock").exists():
        raise SystemExit(f"The screen {display} is in use; choose another number with --display.")
    try:
        with tempfile.TemporaryDirectory(prefix="retort-desktop-") as home:
            started.start(["Xvfb", display, "-screen", "0", SCREEN, "-nolisten", "tcp"])
            time.sleep(1.5)
            started.start(["openbox"], env={**os.environ, "HOME": home, "DISPLAY": display})
            time.sleep(1.0)
            sizes = 0
            for picture in wanted:
                for percent in arguments.zoom:
                    file = take(picture, percent, arguments, display, started)
                    sizes += file.stat().st_size
                    print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e3:.0f} kB", flush=True)
            print(f"{sizes / 1e6:.2f} MB in all")
    finally:
        started.end()


if __name__ == "__main__":
    main()
