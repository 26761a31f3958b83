"""Checks of moments: nothing from the future, and nothing too old to be tonight's."""

from datetime import datetime

import polars as pl

from nightshift.tables import Checked, many


def nothing_from_the_future(frame: pl.DataFrame, column: str, moment: datetime) -> Checked:
    """Every moment in the column lies strictly before the night."""
    late = frame.filter(pl.col(column) >= moment)
    message = (
        f"newest {column}: {frame.select(pl.col(column).max()).item()}, the night begins "
        f"{moment:%Y-%m-%d %H:%M} UTC"
    )
    if late.height:
        message = f"{many(late.height, 'row')} at or after the night; the first: {late.row(0, named=True)}"
    return Checked("nothing_from_the_future", late.is_empty(), message, numbers={"late_rows": late.height})


def freshness(newest: datetime | None, moment: datetime, most_hours: float) -> Checked:
    """The newest event lies close before the night. An old one means that the night enriches yesterday's
    world: a stuck export.

    A shop that is closed over the weekend has no events for two days; one with an event every hour is a
    day late before anybody else notices. 48 hours lie between.
    """
    if newest is None:
        return Checked("freshness", True, "no events, so none is old", blocking=False)
    hours = (moment - newest).total_seconds() / 3600
    message = (
        f"newest event: {newest:%Y-%m-%d %H:%M} UTC, {hours:.1f} hours before the night; at most "
        f"{most_hours:g}"
    )
    if hours > most_hours:
        message += (
            ". Look whether the export of events ran, then run the night again; or raise "
            "checks.max_event_age_hours"
        )
    return Checked(
        "freshness",
        hours <= most_hours,
        message,
        blocking=False,
        numbers={"hours": round(hours, 2), "limit": most_hours},
    )


def no_times() -> Checked:
    """In place of `freshness` where the source has an order and no times."""
    return Checked("freshness", True, "the source has an order and no times", blocking=False)
