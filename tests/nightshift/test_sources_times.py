"""How moments are spelt, and moments that stand for none."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.sources import read_interactions, read_items
from nightshift.sources.times import moment_of
from tests.written_sources import NOW, findings, mapping, one, read, write

MOMENT = datetime(2026, 10, 1, 10, tzinfo=UTC)


def moments(texts: list[str]) -> list[datetime | None]:
    frame = pl.DataFrame({"at": texts})
    return frame.select(moment_of("sources.interactions.timestamp", "at", frame["at"].dtype, None, "e.csv"))[
        "at"
    ].to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01 10:00:00 UTC",  # BigQuery
        "2026-10-01 10:00:00.000000 UTC",
        "2026-10-01 10:00:00UTC",
        "2026-10-01 10:00 UTC",
        "2026-10-01 10:00:00.000 GMT",
        "2026-10-01 10:00:00.000 Etc/UTC",  # Trino
        "2026-10-01T10:00:00+00",  # Postgres
        "2026-10-01 10:00:00+00",
        "2026-10-01 12:00:00+02",
        "2026-10-01T10:00:00+0000",
        "2026-10-01T10:00+0000",
        "2026-10-01T10:00:00.000+0000",  # Spark
        "2026-10-01 12:00:00 +0200",  # Ruby
        "2026-10-01 10:00:00.000 +00:00",  # Snowflake
        "2026-10-01 10:00:00 Z",
        "2026-10-01 10:00:00 +0000 UTC",  # Go
        "2026-10-01 12:00:00 +0200 CEST",
        "2026-10-01T10:00:00Z[UTC]",  # Java
        "2026-10-01T12:00:00+02:00[Europe/Paris]",
        "2026-10-01T10:00:00.000000000Z",
        "2026-10-01T10:00:00.000000000000Z",
        "2026-10-01 10:00:00,000",  # Python's logging
        "2026-10-01t10:00:00z",
        "2026/10/01 10:00:00",
        "2026/10/01 10:00",
        "20261001T100000Z",
        "20261001T100000",
        "20261001T120000+0200",
        "2026-10-01T10",
        "2026-10-01 10Z",
        "  2026-10-01 10:00:00 UTC ",
    ],
)
def test_one_moment_in_the_spellings_of_databases_and_languages(text: str) -> None:
    assert moments([text]) == [MOMENT]


def test_fractions_of_nine_digits_are_cut_to_microseconds() -> None:
    assert (
        moments(["2026-10-01T10:00:00.123456789Z", "2026-10-01 10:00:00.123456789 UTC"])
        == [MOMENT.replace(microsecond=123456)] * 2
    )


@pytest.mark.parametrize("text", ["2026-10-01", "20261001", "2026/10/01", "2026-10-01Z"])
def test_a_day_is_its_first_moment(text: str) -> None:
    assert moments([text]) == [MOMENT.replace(hour=0)]


@pytest.mark.parametrize(
    "text",
    [
        "10/01/2026", "01.10.2026 10:00", "2026-10-01 10:00:00 CET", "2026-10-01 10:00:00 PST", "0000-00-00 00:00:00",
        "20261301", "1759312800", "2026-02-30", "",
    ],
)  # fmt: skip
def test_what_could_mean_two_moments_or_none_is_not_read(text: str) -> None:
    assert moments([text]) == [None]


def test_good_and_odd_spellings_keep_their_rows() -> None:
    assert moments(["x", "2026-10-01T10:00:00Z", "2026-10-01 10:00:00 UTC", "y"]) == [
        None,
        MOMENT,
        MOMENT,
        None,
    ]


GOOD = [f"u{k},i1,2026-10-01T0{k % 10}:00:00Z" for k in range(40)]
"""Rows around one that has no time, which may be a twentieth of them."""


@pytest.mark.parametrize(
    "nothing",
    ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01", "1899-12-30", "1979-12-31T23:59:59Z"],
)
def test_a_moment_that_stands_for_none_is_dropped_as_missing(tmp_path: Path, nothing: str) -> None:
    write(tmp_path, "\n".join(["user,sku,at", *GOOD, f"u,i1,{nothing}", ""]))
    found = read(tmp_path, mapping())
    assert (found.frame.height, found.bad_timestamps, found.frame["timestamp"].min().year) == (40, 1, 2026)
    odd = one(findings(tmp_path, mapping()), "timestamp is before 1980 among later ones")
    assert (odd.rows, odd.where, odd.column, odd.value) == (1, "events.csv row 41", "at", f"'{nothing}'")


@pytest.mark.parametrize(
    ("zero", "unit", "factor"),
    [(0, "s", 1), (0, "ms", 1_000), (-1, "us", 1_000_000), (0, "ns", 1_000_000_000)],
)
def test_a_zero_among_numbers_is_no_time(tmp_path: Path, zero: int, unit: str, factor: int) -> None:
    rows = [f"u{k},i1,{(1_790_000_000 + k) * factor}" for k in range(40)]
    write(tmp_path, "\n".join(["user,sku,at", *rows, f"u,i1,{zero}", ""]))
    found = read(tmp_path, mapping(timestamp_unit=unit))
    assert (found.frame.height, found.bad_timestamps) == (40, 1)


def test_many_of_them_stop_the_night_with_count_and_first_row(tmp_path: Path) -> None:
    write(
        tmp_path,
        "user,sku,at\nu0,i1,0001-01-01T00:00:00Z\nu0,i2,1970-01-01\nu1,i1,2026-10-01\nu1,i2,2026-10-02\n",
    )
    words = (
        r"2 of 4 rows .* many tools write this for no time, first in events.csv row 1, column 'at' holds "
        r"'0001-01-01T00:00:00Z'"
    )
    with pytest.raises(SourceError, match=words):
        read(tmp_path, mapping())


def test_times_that_all_lie_before_1980_are_times(tmp_path: Path) -> None:
    write(tmp_path, "user,sku,at\nu0,i1,1970-01-01\nu0,i2,1971-05-06\n")
    assert read(tmp_path, mapping()).frame.height == 2


def test_an_order_may_begin_at_zero(tmp_path: Path) -> None:
    write(tmp_path, "user,sku,at\nu0,i1,0\nu0,i2,1\nu0,i3,1790000000000000\n")
    assert read(tmp_path, mapping(timestamp_unit="order")).frame.height == 3


def test_a_night_before_every_event_names_the_first_that_knows_one(tmp_path: Path) -> None:
    write(tmp_path, "user,sku,at\nu,i9,2026-10-01\nu,i1,2026-10-05T08:00:00\nv,i2,2026-10-06\n")
    items = read_items(mapping().items, tmp_path).frame
    found = read_interactions(
        mapping().interactions, tmp_path, items, before=datetime(2026, 10, 2, tzinfo=UTC), now=NOW
    )
    assert found.frame.is_empty()
    assert found.way_out(date(2026, 10, 2)).startswith(
        "The oldest event is of 2026-10-05, and night 2026-10-02 knows"
    )
    assert "run --as-of 2026-10-06 or a later night, and set nights.first to 2026-10-06" in found.way_out(
        date(2026, 10, 2)
    )
    assert "nightshift check" in read(tmp_path, mapping()).way_out(date(2026, 10, 2))
