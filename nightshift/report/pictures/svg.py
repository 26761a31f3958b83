"""An SVG as Markdown that needs no file and no network: the picture is inside the text.

Dagster shows Markdown of fewer than 1,000 characters on the page and longer ones behind a link, so every
character counts: a whole series of bars is one path, and colours have three digits. Text is a grey that
reads on light and on dark pages.
"""

from collections.abc import Callable, Iterable
from html import escape

IN_SIGHT = 1000
"""Characters below which Dagster shows a Markdown text on the page itself."""
WIDTH = 360
"""Pixels of a picture."""
COLOURS = ("#47c", "#4a7", "#c83", "#a5a", "#bbb")
"""Series in order: blue, green, amber, purple, grey; told apart by most colour-blind readers too, by their
lightness."""
INK, FAINT = "#888", "#bbb"


def markdown(svg: str, about: str) -> str:
    """The picture as a Markdown image; `about` is read aloud by a screen reader."""
    data = svg.replace("%", "%25").replace("#", "%23").replace("<", "%3C").replace(">", "%3E")
    label = about.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"![{label}](<data:image/svg+xml,{data}>)"


def frame(height: int, parts: Iterable[str], width: int = WIDTH) -> str:
    """The parts as one SVG."""
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' font-family='Arial' "
        f"font-size='11' fill='{INK}'>"
    )
    return head + "".join(parts) + "</svg>"


def text(x: float, y: float, words: str, colour: str = "", anchor: str = "") -> str:
    """Words at a point; `anchor` end or middle."""
    fill = f" fill='{colour}'" if colour else ""
    end = f" text-anchor='{anchor}'" if anchor else ""
    return f"<text x='{x:g}' y='{y:g}'{fill}{end}>{escape(words, quote=False)}</text>"


def strokes(path: str, colour: str, width: float, more: str = "") -> str:
    """Lines along a path; nothing for an empty path."""
    return f"<path stroke='{colour}' stroke-width='{width:g}'{more} d='{path}'/>" if path else ""


def area(path: str, colour: str) -> str:
    """A filled outline; nothing for an empty one."""
    return f"<path fill='{colour}' d='{path}'/>" if path else ""


def short(number: float) -> str:
    """`1,234` below ten thousand, `12k`, `3.4M`, `0.012`: a number in as few characters as it needs."""
    if number == 0 or abs(number) >= 10_000:
        for unit, size in (("M", 1e6), ("k", 1e3)):
            if abs(number) >= size:
                return f"{number / size:.3g}{unit}"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.3g}"


def in_sight(draw: Callable[[int], str], sizes: Iterable[int]) -> str:
    """The picture of the first size that Dagster shows on the page; of the last size where none fits."""
    said = ""
    for size in sizes:
        said = draw(size)
        if len(said) < IN_SIGHT:
            break
    return said
