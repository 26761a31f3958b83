"""docs/reference/tables.md: every table with its key, its columns and how to read it."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from jobs.reference.markdown import anchor, code, fenced, listed, page, table
from nightshift.enrichments.registry import built_in, tables_of
from nightshift.tables import SCHEMA_VERSION, Column, Table

NIGHT = "2026-11-22"
TYPES: dict[Any, str] = {
    pl.String: "text",
    pl.Float32: "number, 32 bit",
    pl.Float64: "number, 64 bit",
    pl.Int32: "whole number, 32 bit",
    pl.Int64: "whole number, 64 bit",
    pl.Boolean: "true or false",
    pl.Date: "date",
    pl.Datetime: "moment, UTC, in microseconds",
}
"""Polars' types in words."""
INTRO = f"""
A night is a date, `as_of`: its tables know events strictly before that day, 00:00 UTC. A table is a folder of Parquet that anything
can read; `HOME` stands for the home folder (`.nightshift` beside nightshift.yaml, or `home`, `NIGHTSHIFT_HOME`, `--home`):

    HOME/tables/<table>/as_of=<night>/part-*.parquet    the rows
                                      _manifest.json    files with bytes and sha256, rows, schema version, inputs, fallbacks
                                      _rejects.pq       rows this table could not take, with reasons, where there are any

A night appears whole or not at all, and publishing the same rows again changes nothing. This is schema version {SCHEMA_VERSION}.

All of `*.parquet` in a night's folder is rows; `_rejects.pq` is Parquet too, under a name that such a glob leaves out.
`ranking_examples` has a column `as_of` of its own, which readers that take columns from folder names (DuckDB by default) would
overwrite; the lines below turn that off. The current night of a table is its newest folder.
"""
ALL = tables_of(built_in())
"""Every table of a night that has no enrichments but ours."""
OPEN = "Any number of Float32 feature columns may follow; [features.md](../features.md) names them. "
OPEN += "Missing is NaN in them, not null."


def tables_page() -> str:
    """The whole page."""
    rows = [(f"[`{one.name}`]({anchor(one.name)})", _key(one), one.about) for one in ALL.values()]
    sections = (part for one in ALL.values() for part in section(one))
    return page("Tables", INTRO, table(("table", "key", "what it is"), rows), *sections)


def section(one: Table) -> Iterator[str]:
    """What a table is, its key, its place, its columns, and one line for each reader."""
    yield f"## {one.name}"
    yield one.about
    yield f"Key: {_key(one)}. On disk: `{glob(one)}`"
    yield table(
        ("column", "type", "may be missing", "what it holds"),
        [_line(name, column) for name, column in one.columns.items()],
    )
    if one.open:
        yield OPEN
    yield fenced("python", "\n".join(f"{line}  # {reader}" for reader, line in readers(one, "HOME").items()))


def glob(one: Table, home: str = "HOME", night: str = NIGHT) -> str:
    """The files of one night, rejects left out."""
    return f"{home}/tables/{one.name}/as_of={night}/part-*.parquet"


def readers(one: Table, home: str, night: str = NIGHT) -> dict[str, str]:
    """One line of Python by reader. None of them takes `as_of` from the folder: a table may have a column
    of that name."""
    files = glob(one, home, night)
    return {
        "polars": f'pl.scan_parquet("{files}")',
        "DuckDB": f"duckdb.sql(\"FROM read_parquet('{files}', hive_partitioning = false)\")",
        "pandas": f'pd.read_parquet("{files.rpartition("/")[0]}", partitioning=None)',
    }


def _line(name: str, column: Column) -> tuple[str, str, str, str]:
    return code(name), type_words(column.dtype), "" if column.required else "yes", column.about


def type_words(dtype: Any) -> str:
    """A column's type in words."""
    if isinstance(dtype, pl.List):
        return f"list of {type_words(dtype.inner)}"
    return TYPES[dtype if isinstance(dtype, type) else type(dtype)]


def _key(one: Table) -> str:
    return listed([code(name) for name in one.key], "and") if one.key else "none"
