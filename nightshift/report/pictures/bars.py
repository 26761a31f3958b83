"""Bars and steps: what every night added up to, and what there is most of."""

from collections.abc import Mapping, Sequence
from datetime import date

from nightshift.report.pictures.svg import (
    COLOURS,
    FAINT,
    WIDTH,
    area,
    frame,
    in_sight,
    markdown,
    short,
    strokes,
    text,
)

NIGHTS = (30, 21, 14, 10, 7, 5, 3)
"""Newest nights shown: as many as fit on the page."""
HEIGHT, TOP, FOOT = 96, 18, 14
"""Pixels of a picture of nights, and of the lines above and below its bars."""
ROW = 14
"""Pixels of a row of ranked bars."""


def by_night(title: str, nights: Sequence[date], series: Mapping[str, Sequence[float]]) -> str:
    """Stacked steps, one a night, as Markdown: the newest nights that fit. `series` holds a value a night,
    the first at the bottom.

    The line above names every series with its newest value.
    """
    return in_sight(
        lambda size: markdown(
            _stacked(nights[-size:], {k: v[-size:] for k, v in series.items()}), f"{title} by night"
        ),
        NIGHTS,
    )


def _stacked(nights: Sequence[date], series: Mapping[str, Sequence[float]]) -> str:
    tops = [[0.0] * len(nights)]
    for values in series.values():
        tops.append([low + value for low, value in zip(tops[-1], values, strict=True)])
    scale = (HEIGHT - TOP - FOOT) / (max(tops[-1], default=0.0) or 1.0)
    step = int(min(WIDTH / max(len(nights), 1), 40))
    steps = [_steps([round(top * scale) for top in level], step) for level in tops]
    painted = [
        area(path, COLOURS[number % len(COLOURS)])
        for number, path in enumerate(steps[1:])
        if path != steps[number]
    ]
    return frame(
        HEIGHT, [*_legend(series), *reversed(painted), *_ends(nights, step)]
    )  # the lower series cover the upper ones


def _steps(tops: Sequence[int], step: int) -> str:
    """The outline of columns as high as `tops` (pixels above the foot); empty where all are 0."""
    if not any(tops):
        return ""
    path, last, run = f"M0 {HEIGHT - FOOT}", 0, 0
    for top in tops:
        if top != last:
            path += (f"h{run}" if run else "") + f"v{last - top}"
            last, run = top, 0
        run += step
    return f"{path}h{run}V{HEIGHT - FOOT}"


def _legend(series: Mapping[str, Sequence[float]]) -> list[str]:
    said, x = [], 0.0
    for colour, (name, values) in zip(COLOURS, series.items(), strict=False):
        words = f"{name} {short(values[-1])}" if values else name
        said.append(text(x, 10, words, colour))
        x += 7 * len(words) + 8
    return said


def _ends(nights: Sequence[date], step: float) -> list[str]:
    """The first and the last night below the bars."""
    if not nights:
        return []
    first = text(0, HEIGHT - 2, str(nights[0]))
    return (
        [first, text(max(step * len(nights), 150), HEIGHT - 2, str(nights[-1]), anchor="end")]
        if len(nights) > 1
        else [first]
    )


def ranked(title: str, counts: Mapping[str, float], before: Mapping[str, float] | None = None) -> str:
    """The largest counts as horizontal bars, as Markdown: as many as fit. A tick marks what each was in
    `before`, the last night."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    return in_sight(lambda size: markdown(_rows(order[:size], counts, before or {}), title), range(12, 2, -1))


def _rows(names: Sequence[str], counts: Mapping[str, float], before: Mapping[str, float]) -> str:
    most = max([*(counts[name] for name in names), *(before.get(name, 0) for name in names), 1])
    scale = (WIDTH - 130) / most
    words = [text(0, ROW * n + 10, f"{name} {short(counts[name])}") for n, name in enumerate(names)]
    bars = "".join(f"M130 {ROW * n + 6}h{round(counts[name] * scale)}" for n, name in enumerate(names))
    ticks = "".join(
        f"M{130 + round(before[name] * scale)} {ROW * n}v12" for n, name in enumerate(names) if name in before
    )
    return frame(ROW * len(names), [*words, strokes(bars, COLOURS[0], 9), strokes(ticks, FAINT, 2)])
