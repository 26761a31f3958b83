"""Nightly features joined to examples as of their moment: the newest night at or before it that has a row
for the key.

One row out for each row in, in the same order, however often a key or a pair repeats among the examples; a
night that has a key twice is refused. Nights pass one after the other, so memory holds one row a key,
never all nights.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import TableError
from nightshift.features.history import Floats, Ints, encode, midnight
from nightshift.tables import MOMENT

NIGHT = "as_of"
"""Column added to the examples: the night whose row was joined."""
Nights = Mapping[date, pl.DataFrame | pl.LazyFrame]
"""Feature tables by night, such as `user_features`: the key and Float32 columns."""


def join_features(
    examples: pl.DataFrame, nights: Nights, on: str = "user_id", moment: str = "timestamp"
) -> pl.DataFrame:
    """The examples with the features of the first night's columns as they were known at each moment, and
    `as_of`.

    A night knows events before its own 00:00 UTC and is open to moments from then on. Where no night has
    the key yet, features are NaN and `as_of` is null; a column that a later night lacks is NaN from then
    on. Raises TableError when a night has a key twice, or when the examples already have one of the
    columns.
    """
    days = sorted(nights)
    names = _feature_names(examples, [nights[day] for day in days], on)
    keys = examples[on].unique().drop_nulls()
    code = encode(examples[on], keys)
    opened = np.array([midnight(day) for day in days], np.int64)
    newest = np.searchsorted(opened, examples[moment].cast(MOMENT).to_physical().to_numpy(), side="right")
    order = np.argsort(newest.astype(np.min_scalar_type(len(days))), kind="stable")
    stops = np.searchsorted(newest[order], np.arange(1, len(days) + 2))
    known = np.full(
        (keys.len() + 1, len(names)), np.nan, np.float32
    )  # (keys, features); the last row is for a null key
    since = np.full(keys.len() + 1, -1, np.int32)
    values, joined = (
        np.full((len(names), examples.height), np.nan, np.float32),
        np.full(examples.height, -1, np.int32),
    )
    for number, day in enumerate(days):
        _learn(nights[day], day, on, keys, names, known, since, number)
        rows = order[stops[number] : stops[number + 1]]
        values[:, rows], joined[rows] = known[code[rows]].T, since[code[rows]]
    return examples.hstack(_columns(names, values, joined, days))


def _feature_names(examples: pl.DataFrame, nights: list[pl.DataFrame | pl.LazyFrame], on: str) -> list[str]:
    names = [name for name in nights[0].lazy().collect_schema().names() if name != on] if nights else []
    taken = [name for name in (*names, NIGHT) if name in examples.columns]
    if taken:
        raise TableError(
            f"the examples already have column {taken[0]!r}; drop or rename it before joining the features"
        )
    return names


def _learn(
    night: pl.DataFrame | pl.LazyFrame, day: date, on: str, keys: pl.Series, names: list[str],
    known: Floats, since: NDArray[np.int32], number: int,
) -> None:  # fmt: skip
    """Write a night's rows over what was known of its keys."""
    frame = night.lazy().collect()
    twice = frame[on].is_duplicated()
    if twice.any():
        raise TableError(
            f"the night of {day} has {on} {frame[on].filter(twice)[0]!r} more than once; publish one "
            f"row for each"
        )
    code: Ints = encode(frame[on], keys)
    wanted = code < keys.len()
    present = [
        pl.col(name).cast(pl.Float32) if name in frame.columns else pl.lit(np.nan, pl.Float32).alias(name)
        for name in names
    ]
    known[code[wanted]] = frame.filter(pl.Series(wanted)).select(present).to_numpy()
    since[code[wanted]] = number


def _columns(names: list[str], values: Floats, joined: NDArray[np.int32], days: list[date]) -> pl.DataFrame:
    named: dict[str, Any] = dict(zip(names, values, strict=True))
    number = np.array([*((day - date(1970, 1, 1)).days for day in days), 0], np.int32)[joined]
    night = pl.when(pl.Series(joined) >= 0).then(pl.Series(number).cast(pl.Date)).alias(NIGHT)
    return pl.DataFrame(named).with_columns(night) if names else pl.select(night)
