"""Timestamps of every kind -> UTC microseconds, and the check that their unit is the right one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.files import SourceFile
from nightshift.sources.settings import TimestampUnit
from nightshift.sources.wording import shown, wrong_type
from nightshift.tables import MOMENT

MICROSECONDS: dict[TimestampUnit, float] = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}
LATEST = 253_402_300_799_000_000
"""The end of year 9999 in microseconds since 1970; larger values are cut here, so that nothing overflows."""
PLAUSIBLE_FROM = datetime(1980, 1, 1, tzinfo=UTC)
"""Middle events before this look like a wrong unit: milliseconds read as microseconds end in January 1970."""
SPELLINGS = (
    (r"([+-]\d\d:?\d\d) [A-Z]{3,5}$", "${1}"),  # Go, `+0200 CEST`: the offset says all
    (r"([+-]\d\d(?::?\d\d)?|[zZ])\s?\[[\w/+-]+\]$", "${1}"),  # Java, `+02:00[Europe/Paris]`
    (r"(\d)\s?(?:UTC|GMT|Etc/UTC|\[UTC\]|Zulu)$", "${1}+00:00"),  # BigQuery, Trino, Snowflake, psql
    (r"(\d)\s(?:UTC|GMT)([+-]\d)", "${1}${2}"),
    (
        r"(:\d\d(?:[.,]\d+)?)\s+([+-]\d\d:?\d\d|[+-]\d\d|[zZ])$",
        "${1}${2}",
    ),  # Ruby, Go: a blank before the offset
    (r"^(\d{4})/(\d\d)/(\d\d)", "${1}-${2}-${3}"),  # the year first: no other order is written so
    (r"^((?:19|20)\d\d)([01]\d)([0-3]\d)$", "${1}-${2}-${3}"),
    (
        r"^(\d{4})(\d\d)(\d\d)[Tt ]?(\d\d)(\d\d)(\d\d)([.,]\d+)?([zZ]|[+-]\d{2}:?\d{0,2})?$",
        "${1}-${2}-${3} ${4}:${5}:${6}${7}${8}",
    ),
    (r"^(\d{4}-\d\d-\d\d)t", "${1} "),
    (r"^(\d{4}-\d\d-\d\d[T ]\d\d)([zZ]|[+-]\d\d(?::?\d\d)?)?$", "${1}:00${2}"),  # hours alone
    (r"^(\d{4}-\d\d-\d\d)([zZ]|[+-]\d\d:\d\d)$", "${1} 00:00:00${2}"),  # XML's dates
    (r"(:\d\d),(\d)", "${1}.${2}"),
    (r"(:\d\d\.\d{9})\d+", "${1}"),  # picoseconds
)
"""How databases and languages write moments beside ISO 8601: pattern and replacement, one after the other."""
SECONDS_A_YEAR = 31_556_952


def utc(moment: datetime) -> datetime:
    """A moment in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def moment_of(
    setting: str, column: str, dtype: pl.DataType, unit: TimestampUnit | None, place: str
) -> pl.Expr:
    """The column as UTC microseconds, null where a value cannot be read. Raises SourceError when type and
    unit do not fit.

    `setting` is the one that names the column, such as `sources.interactions.timestamp`; its unit is
    `<setting>_unit`.
    """
    if isinstance(dtype, pl.Null):
        return pl.lit(None, MOMENT)
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        if unit is not None:
            raise SourceError(
                wrong_type(setting, column, place, dtype, f"remove {setting}_unit, which is for numbers")
            )
        return _from_datetime(pl.col(column), dtype)
    if not (dtype.is_numeric() or dtype == pl.String):
        raise SourceError(
            wrong_type(setting, column, place, dtype, "it should be a datetime, ISO 8601 text or a number")
        )
    if unit is not None:
        return _from_number(pl.col(column), dtype, unit)
    if dtype.is_numeric():
        raise SourceError(wrong_type(setting, column, place, dtype, f"set {setting}_unit to s, ms, us or ns"))
    return _from_text(pl.col(column))


def unreadable(column: str, moment: pl.Expr) -> pl.Expr:
    """The raw value, as text, of rows whose moment could not be read; null elsewhere."""
    return pl.when(moment.is_null()).then(pl.col(column).cast(pl.String))


def _from_datetime(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone("UTC").cast(MOMENT)
    return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _from_number(column: pl.Expr, dtype: pl.DataType, unit: TimestampUnit) -> pl.Expr:
    factor = MICROSECONDS[unit]
    if dtype.is_integer() and unit == "ns":
        return (column.cast(pl.Int64, strict=False) // 1000).cast(MOMENT)
    limit = int(LATEST / factor)
    if dtype.is_integer():
        return (column.cast(pl.Int64, strict=False).clip(-limit, limit) * int(factor)).cast(MOMENT)
    number = column.cast(pl.Float64, strict=False).fill_nan(None).clip(-limit, limit)
    return (number * factor).round().cast(pl.Int64).cast(MOMENT)


def _from_text(column: pl.Expr) -> pl.Expr:
    return column.map_batches(_texts, return_dtype=MOMENT, is_elementwise=True)


def _texts(texts: pl.Series) -> pl.Series:
    """ISO 8601 first, which is quick; what that cannot read is tried in the spellings of warehouses."""
    found = _iso(texts)
    left = found.is_null() & texts.is_not_null()
    if left.any():
        found = found.scatter(left.arg_true(), _iso(_respelt(texts.filter(left))))
    return found


def _iso(texts: pl.Series) -> pl.Series:
    """A date, or date and time with a blank or T, seconds optional, Z, UTC, an offset or nothing (UTC)."""
    text = (
        texts.str.strip_chars().str.replace(r"(?:[zZ]| UTC)$", "+00:00").str.replace("T", " ", literal=True)
    )
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1} 00:00:00")
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d \d\d:\d\d)([+-].*)?$", "${1}:00${2}")
    text = text.str.replace(r"^(\S+ [\d:.]+)$", "${1}+00:00").str.replace(r"([+-]\d\d)$", "${1}:00")
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="us", time_zone="UTC")


def _respelt(texts: pl.Series) -> pl.Series:
    """Other spellings of one moment as ISO 8601; what could mean two moments stays, and is not read."""
    texts = texts.str.strip_chars()
    for pattern, iso in SPELLINGS:
        texts = texts.str.replace(pattern, iso)
    return texts


def check_unit(
    setting: str,
    column: str,
    unit: TimestampUnit | None,
    file: SourceFile,
    middle: datetime | None,
    now: datetime,
) -> None:
    """Raise SourceError when a file's middle moment shows that the unit is wrong, with the unit that would
    fit."""
    if unit is None or middle is None or PLAUSIBLE_FROM <= middle <= now + timedelta(days=366):
        return
    value: Any = (
        file.scan()
        .select(pl.col(column).cast(pl.Float64, strict=False).drop_nulls().first())
        .collect()
        .item()
    )
    fitting = [other for other in MICROSECONDS if PLAUSIBLE_FROM.year <= _year(value, other) <= now.year + 1]
    if not fitting and middle < PLAUSIBLE_FROM:
        return  # small numbers, such as steps of a simulation: odd, and no unit is better
    fix = "none of s, ms, us, ns puts it near the present"
    if fitting:
        fix = f"{fitting[0]} would put it in {_year(value, fitting[0])}: set {setting}_unit to {fitting[0]}"
    found = (
        f"column {column!r} of {file.place}: {setting}_unit {unit} puts {shown(int(value))} in year "
        f"{_year(value, unit)}"
    )
    raise SourceError(f"{found}; {fix}")


def _year(value: float, unit: TimestampUnit) -> int:
    return int(1970 + value * MICROSECONDS[unit] / 1e6 / SECONDS_A_YEAR)
