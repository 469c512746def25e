"""Colours of figures and page, light and dark: Okabe and Ito's, which colour-blind readers can tell apart, and lighter relatives of them for dark ground.

Figures are drawn in the light colours. In the page their colours are CSS variables, so that one drawing serves both grounds and prints light.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

# name: (on light ground, on dark ground); every light colour stands here once
COLOURS: dict[str, tuple[str, str]] = {
    "ground": ("#ffffff", "#11161d"),
    "panel": ("#f6f8fa", "#19202a"),
    "ink": ("#1c2430", "#e8ecf1"),
    "soft": ("#5b6675", "#9aa6b5"),
    "line": ("#e4e7ec", "#2b3440"),
    "bad": ("#b42318", "#ff8a7a"),
    "bad-ground": ("#fef3f2", "#3a1a17"),
    "good": ("#05603a", "#5fd6a2"),
    "beside": ("#a3abb6", "#5d6876"),
    "blue": ("#0072b2", "#4da6e0"),
    "vermilion": ("#d55e00", "#ff8a3d"),
    "green": ("#009e73", "#2fcf9f"),
    "purple": ("#cc79a7", "#e39ac3"),
    "orange": ("#e69f00", "#f5b935"),
    "sky": ("#56b4e9", "#8fd0f7"),
    "brown": ("#8a5a2b", "#c79361"),
}
TRAINED = tuple(COLOURS[name][0] for name in ("blue", "vermilion", "green", "purple", "orange", "sky", "brown"))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # turns on after each round of the colours
BESIDE = ("base", "random", "majority", "oracle")  # rows that train nothing
SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["beside"][0],
    "axes.labelcolor": COLOURS["soft"][0],
    "axes.labelsize": 8.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlecolor": COLOURS["ink"][0],
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": COLOURS["line"][0],
    "text.color": COLOURS["ink"][0],
    "xtick.color": COLOURS["soft"][0],
    "ytick.color": COLOURS["soft"][0],
    "svg.fonttype": "none",
    "svg.hashsalt": "toolwright",
    "figure.dpi": 160,
}
WIDTH = 4.5  # inches of every figure: on a phone's 360 pixels, text of 9 points stays about ten pixels high


def light(name: str) -> str:
    """A colour of the theme on light ground."""
    return COLOURS[name][0]


def colour(method: str, methods: Sequence[str]) -> str:
    """Grey for the rows beside, a colour of its own for each of the trained methods in their order."""
    trained = [other for other in methods if other not in BESIDE]
    return light("beside") if method in BESIDE else TRAINED[trained.index(method) % len(TRAINED)]


def marker(method: str, methods: Sequence[str]) -> str:
    """The mark of a method; with the colour it tells up to 49 methods apart."""
    trained = [other for other in methods if other not in BESIDE]
    return MARKERS[trained.index(method) // len(TRAINED) % len(MARKERS)]


def style_sheet() -> str:
    """The colours as CSS variables: light, dark where the reader's system is dark, light on paper."""
    on_light, on_dark = ("".join(f"--{name}:{pair[i]};" for name, pair in COLOURS.items()) for i in (0, 1))
    return f":root{{color-scheme:light dark;{on_light}}}@media screen and (prefers-color-scheme:dark){{:root{{{on_dark}}}}}"


def store(figure: Figure, path: Path) -> str:
    """Write `path`.png and `path`.svg, close the figure, and return the SVG for the page: colours as CSS variables, ids of its own."""
    figure.savefig(path.with_suffix(".png"), metadata={"Software": None})
    text = StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    plt.close(figure)
    svg = text.getvalue()
    path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    return inline(svg, path.name)


def inline(svg: str, name: str) -> str:
    """An SVG file as an element of the page: no prologue, as wide as its place, its colours those of the theme, its ids told apart by `name`."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?)width="[^"]+" height="[^"]+"|(<svg [^>]*?)height="[^"]+" ([^>]*?)width="[^"]+"', r"\1\2\3", svg, count=1)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for variable, (on_light, _) in COLOURS.items():
        svg = svg.replace(on_light, f"var(--{variable})")
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
