"""The page holds a player and a picture for everything it lists, and asks nobody for anything."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import soundfile

from retort_training.listen import Chapter, Group, Row, write_page

RATE_HZ = 44_100
NAMES = ("reference", "anchor", "oracle", "violin/full", "violin/reduced-ad", "violin/cnn-tiny-q")


class Found(HTMLParser):
    def __init__(self):
        super().__init__()
        self.players, self.pictures, self.addresses, self.ids = [], [], [], []

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.addresses += [a[k] for k in ("src", "href") if k in a]
        self.ids += [a["id"]] if "id" in a else []
        if tag == "audio":
            self.players.append((a["aria-label"], a["src"]))
        if tag == "img":
            self.pictures.append((a["alt"], a["src"]))


def row(name: str, private: bool = False) -> Row:
    time = np.arange(RATE_HZ // 2) / RATE_HZ
    return Row(name, "7 170 parameters, loss 5.29 <b>", 0.2 * np.sin(2 * np.pi * 440 * time), RATE_HZ, private)


def page(folder: Path) -> tuple[str, Found]:
    chapters = [
        Chapter(
            "Violin",
            "Recordings: A & B",
            [
                Group("Resynthesis of a held-out recording", [row(n, n == "reference") for n in NAMES]),
                Group("Voice to violin", [row("voice"), row("violin/full")]),
            ],
        ),
        Chapter("Flute", "Recordings: C", [Group("Voice to flute", [row("voice"), row("flute/full")])]),
    ]
    text = write_page(folder, chapters).read_text(encoding="utf-8")
    found = Found()
    found.feed(text)
    return text, found


def test_every_system_has_a_player_and_a_picture_that_exist(tmp_path: Path):
    _, found = page(tmp_path)
    assert [name for name, _ in found.players[: len(NAMES)]] == list(NAMES)
    assert len(found.players) == len(found.pictures) == len(NAMES) + 4
    files = [src for _, src in found.players + found.pictures]
    assert len(set(files)) == len(files), "no two share a file"
    assert all((tmp_path / src).stat().st_size > 100 for src in files)
    audio, rate_hz = soundfile.read(tmp_path / found.players[0][1])
    assert rate_hz == RATE_HZ and len(audio) == RATE_HZ // 2


def test_the_page_asks_nobody_else_for_anything(tmp_path: Path):
    text, found = page(tmp_path)
    assert not any(a.startswith(("http:", "https:", "//", "/", "data:")) for a in found.addresses)
    assert "@import" not in text and "url(" not in text
    for address in found.addresses:
        assert address[1:] in found.ids if address.startswith("#") else (tmp_path / address).exists()


def test_the_page_says_what_may_not_be_published(tmp_path: Path):
    text, _ = page(tmp_path)
    assert "may not be published" in text
    assert text.count("not to be published") == 1


def test_words_are_not_taken_for_markup(tmp_path: Path):
    text, _ = page(tmp_path)
    assert "loss 5.29 &lt;b&gt;" in text and "A &amp; B" in text
