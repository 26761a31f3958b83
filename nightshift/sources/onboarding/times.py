"""Which column says when, and in which unit."""

from datetime import UTC, datetime

import polars as pl

from nightshift.sources.onboarding import words
from nightshift.sources.onboarding.columns import MOSTLY, Column, number
from nightshift.sources.onboarding.guess import Answers, Guess, answered, column_said, names, share
from nightshift.sources.onboarding.samples import Sample
from nightshift.sources.settings import TimestampUnit
from nightshift.sources.times import MICROSECONDS, PLAUSIBLE_FROM, moment_of

UNITS: tuple[TimestampUnit, ...] = ("s", "ms", "us", "ns")
LARGEST_ORDER = 100_000
"""A place in a user's own order is smaller than this; a time is larger, whatever its unit."""


def unit_of(column: Column, now: datetime) -> TimestampUnit | None:
    """The unit that puts the median between 1980 and a year from now; None where no unit does."""
    middle = column.numbers.median()
    if not column.is_number or not isinstance(middle, float):
        return None
    low, high = (moment.timestamp() * 1e6 for moment in (PLAUSIBLE_FROM, now.replace(year=now.year + 1)))
    return next((unit for unit in UNITS if low <= middle * MICROSECONDS[unit] <= high), None)


def readable(column: Column) -> float:
    """Share of the values that are dates, datetimes or ISO 8601 text."""
    if column.is_moment:
        return 1.0
    if not isinstance(column.values.dtype, pl.String) or not len(column.text):
        return 0.0
    moments = column.text.to_frame().select(moment_of("", column.name, pl.String(), None, ""))
    return 1 - moments[column.name].null_count() / len(column.text)


def said_of(column: Column, now: datetime) -> str | None:
    """What the values are when read as times, in words; None where they are not."""
    if column.is_moment:
        return f"{'dates' if column.values.dtype == pl.Date else 'datetimes'}, such as {column.examples}"
    unit = unit_of(column, now)
    if unit:
        middle = datetime.fromtimestamp(number(column.numbers.median()) * MICROSECONDS[unit] / 1e6, UTC)
        return f"as {unit} since 1970 the middle value is {middle:%Y-%m-%d %H:%M} UTC"
    return f"ISO 8601 text, such as {column.examples}" if readable(column) >= MOSTLY else None


def guess_timestamp(events: Sample, answers: Answers, now: datetime, taken: set[str]) -> tuple[Guess, Guess]:
    """When: a datetime before ISO text before numbers, and what is named like a time before what is not."""
    column, best = (
        column_said("interactions.timestamp", answers, events),
        Guess("interactions.timestamp", None, "", False, True),
    )
    if column is None:
        best = _best_time(events, now, taken)
        column = events.columns[best.value] if best.value else None
    return answered("interactions.timestamp", answers) or best, _unit(
        column, answers, now, "interactions.timestamp_unit"
    )


def _best_time(events: Sample, now: datetime, taken: set[str]) -> Guess:
    setting = "interactions.timestamp"
    left = [one for one in events.columns.values() if one.name not in taken]
    found = sorted(((_fit(one, now), one) for one in left if said_of(one, now)), key=lambda pair: -pair[0])
    if found:
        best = found[0][1]
        sure = found[0][0] >= 1 and (len(found) == 1 or found[1][0] < found[0][0])
        why = (
            str(said_of(best, now))
            if unit_of(best, now) is None
            else "numbers that are times" + _called(best)
        )
        return Guess(setting, best.name, why, sure, True, names([one for _, one in found]))
    orders = [
        one for one in left if one.named(*words.ORDER) and one.is_number and one.largest < LARGEST_ORDER
    ]
    if orders:
        return Guess(setting, orders[0].name, "no column holds times; this one orders events", True, True)
    return Guess(setting, None, _no_time(left), False, True, names([one for one in left if one.is_key]))


def _called(column: Column) -> str:
    return ", named like a time" if column.named(*words.TIME) else ", though not named like a time"


def _no_time(left: list[Column]) -> str:
    odd = next((one for one in left if one.named(*words.TIME) and len(one.text)), None)
    if odd is None:
        return "no column of the events holds a date, a time, or numbers that are times"
    fix = "ISO 8601 (2026-11-22T18:30:00Z), a datetime column, or a number since 1970 is read"
    return f"column {odd.name!r} is named like a time and holds {odd.examples}, which cannot be read: {fix}"


def _fit(column: Column, now: datetime) -> float:
    kind = 2.0 if column.is_moment else 1.5 if unit_of(column, now) is None else 0.5
    constant = 3.0 * (column.distinct < 2)  # the day of an export, not of an event
    called = (
        column.named(*words.TIME) + 0.2 * column.named(*words.CLOCK) - 2.5 * column.named(*words.PROCESSED)
    )
    return kind + called - constant


def _unit(column: Column | None, answers: Answers, now: datetime, setting: str) -> Guess:
    said = answered(setting, answers)
    if said or column is None or column.is_moment or not column.is_number:
        return said or Guess(setting, None, "")
    unit = unit_of(column, now)
    if unit:
        return Guess(setting, unit, str(said_of(column, now)))
    if setting == "interactions.timestamp_unit" and column.largest < LARGEST_ORDER:
        return Guess(
            setting,
            "order",
            f"numbers up to {column.largest:,.0f} are no times: the column only orders each user's events",
        )
    told = f"values such as {column.examples} are near the present in none of s, ms, us, ns"
    return Guess(setting, None, told, False, True, UNITS)


def guess_created(items: Sample, answers: Answers, now: datetime, taken: set[str]) -> tuple[Guess, Guess]:
    """When an item entered the catalogue, where a column says so by its name."""
    setting = "items.created_at"
    column = column_said(setting, answers, items)
    if setting not in answers:
        named = [one for one in items.columns.values() if one.named(*words.CREATED) and one.name not in taken]
        column = next((one for one in named if said_of(one, now)), None)
    why = (
        f"named like it; {said_of(column, now)}; {share(column.filled)} filled"
        if column
        else "no column says when an item was added"
    )
    guess = answered(setting, answers) or Guess(setting, column.name if column else None, why)
    return guess, _unit(column, answers, now, "items.created_at_unit")
