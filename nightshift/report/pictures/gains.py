"""A gain over the trainings so far: does what was found once hold?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from nightshift.lift.headline import rankers_of, rows_of
from nightshift.lift.verdict import main_metric
from nightshift.report.pictures.bars import NIGHTS
from nightshift.report.pictures.svg import COLOURS, FAINT, WIDTH, frame, in_sight, markdown, strokes, text
from nightshift.storage.store import Store
from nightshift.tables import LIFT

HEIGHT, TOP, FOOT = 110, 20, 16
"""Pixels of the picture, and of the lines above and below the plot."""


@dataclass(frozen=True)
class Gain:
    """A difference in a metric on one night, with its 95% interval."""

    night: date
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def found(store: Store, as_of: date, arm: str, against: str) -> list[Gain]:
    """What every training up to a night said of the first ranker's main metric over all test rows, oldest
    first.

    Trainings that judged by another metric than the newest, or had too little to say, are left out.
    """
    nights = [night for night in store.nights(LIFT) if night <= as_of][-max(NIGHTS) :]
    tables = {night: store.read(LIFT, night) for night in nights}
    metric = main_metric(tables[nights[-1]]) if nights else ""
    judged = {
        night: rows_of(table, rankers_of(table)[0])
        for night, table in tables.items()
        if main_metric(table) == metric
    }
    rows = [(night, rows.get((arm, against))) for night, rows in judged.items()]
    return [
        Gain(night, row["difference"], row["ci_low"], row["ci_high"])
        for night, row in rows
        if row and row["ci_low"] is not None
    ]


def over_nights(title: str, gains: Sequence[Gain]) -> str:
    """A dot and an interval a training on a line of zero, as Markdown: the newest that fit. Says the
    newest in numbers."""
    return in_sight(lambda size: markdown(_intervals(gains[-size:]), f"{title} by night"), NIGHTS)


def _intervals(gains: Sequence[Gain]) -> str:
    if not gains:
        return frame(HEIGHT, [])
    top, bottom = max(0.0, *(gain.high for gain in gains)), min(0.0, *(gain.low for gain in gains))
    scale = (HEIGHT - TOP - FOOT) / ((top - bottom) or 1.0)
    step = min(WIDTH / len(gains), 60.0)

    def y(value: float) -> int:
        return round(TOP + (top - value) * scale)

    x = [round(step * (place + 0.5)) for place in range(len(gains))]
    lines = "".join(f"M{at} {y(gain.high)}V{y(gain.low)}" for at, gain in zip(x, gains, strict=True))
    dots = "".join(f"M{at} {y(gain.value)}h0" for at, gain in zip(x, gains, strict=True))
    dated = [text(0, HEIGHT - 2, str(gains[0].night))] if len(gains) > 1 else []
    return frame(
        HEIGHT,
        [
            text(0, 11, f"{gains[-1]} on {gains[-1].night}"),
            strokes(f"M0 {y(0)}h{max(round(step * len(gains)), 150)}", FAINT, 1),
            strokes(lines, COLOURS[0], 2),
            strokes(dots, COLOURS[0], 7, " stroke-linecap='round'"),
            *dated,
        ],
    )
