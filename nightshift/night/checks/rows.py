"""Checks of rows: there are some, they fit their table, nobody is missing, and no feed has lost half of
them over night."""

import dataclasses
from datetime import date
from typing import Any

import polars as pl

from nightshift.tables import Checked, many

WORST = 3
"""Rows that a message names."""


def not_empty(frame: pl.DataFrame, why: str = "") -> Checked:
    """At least one row; `why` says what to do where there is none."""
    message = many(frame.height, "row") + (f". {why}" if why and frame.is_empty() else "")
    return Checked("not_empty", frame.height > 0, message, numbers={"rows": frame.height})


def schema(table: Any, frame: pl.DataFrame) -> Checked:
    """Columns, types and required values of the table; its key has a check of its own."""
    from nightshift.errors import TableError

    try:
        dataclasses.replace(table, key=()).conform(frame)
    except TableError as error:
        return Checked("schema", False, f"{error}. A bug, or a foreign file: nothing a setting can mend")
    return Checked(
        "schema",
        True,
        f"{many(len(frame.columns), 'column')} as in nightshift/tables.py",
        numbers={"columns": len(frame.columns)},
    )


def unique_key(table: Any, frame: pl.DataFrame) -> Checked:
    """No two rows with one key: a join on it would multiply a ranker's rows."""
    absent = [name for name in table.key if name not in frame.columns]
    if absent:
        return Checked(
            "unique_key", False, f"no column {absent[0]!r}, which is in the key ({', '.join(table.key)})"
        )
    keys = frame.select(table.key)
    extra = frame.height - keys.n_unique() if frame.height else 0
    message = f"{many(frame.height, 'row')}, each with its own ({', '.join(table.key)})"
    if extra:
        twice = keys.filter(keys.is_duplicated()).unique(maintain_order=True)
        shown = twice.head(WORST).rows() if len(table.key) > 1 else twice.head(WORST).to_series().to_list()
        message = (
            f"{many(twice.height, 'key')} ({', '.join(table.key)}) seen more than once, the first: "
            f"{shown}. Drop the doubles"
        )
    return Checked("unique_key", not extra, message, numbers={"extra_rows": extra})


def coverage(have: int, want: int, least: float, what: str, blocking: bool = True) -> Checked:
    """Share of the rows that got a value."""
    share = have / want if want else 1.0
    message = f"{have:,} of {want:,} {what} ({share:.1%}); at least {least:.0%}"
    return Checked(
        "coverage",
        share >= least,
        message,
        blocking,
        {"share": share, "limit": least, "missing": want - have},
    )


def one_row_each(frame: pl.DataFrame, owners: pl.DataFrame, key: str) -> Checked:
    """Exactly the owners have a row."""
    missing = owners.join(frame, on=key, how="anti")[key]
    extra = frame.join(owners, on=key, how="anti")[key]
    twice = frame.filter(frame[key].is_duplicated())[key].unique(maintain_order=True)
    passed = missing.is_empty() and extra.is_empty() and twice.is_empty()
    message = f"{many(frame.height, 'row')} for {many(owners.height, 'owner')}"
    if not passed:
        wrong = (("missing", missing), ("unexpected", extra), ("more than one row", twice))
        message = ", ".join(f"{what}: {ids.head(WORST).to_list()}" for what, ids in wrong)
    numbers = {"missing": missing.len(), "unexpected": extra.len(), "more_than_one_row": twice.len()}
    return Checked("one_row_each", passed, message, numbers=numbers)


def rows_kept(
    rows: int, last: int | None, night: date | None, most: float, gone: pl.Series | None = None
) -> Checked:
    """Not too many rows fewer than on the last published night. `gone` are ids that were there and are
    not, for the message.

    Compared with the last published night only: its rows were once accepted, so a wanted cleaning has to
    be waved through once and not for a week. A feed that loses 30% of its rows between two nights is
    broken far more often than it is tidy; a catalogue that turns over a tenth of its items a night, with
    others coming in, stays well inside.
    """
    if last is None or last == 0:
        return Checked(
            "rows_kept", True, f"{many(rows, 'row')}; no night before this one", numbers={"rows": rows}
        )
    drop = max(0, last - rows) / last
    message = f"{many(rows, 'row')}, {last:,} on {night} ({rows / last - 1:+.1%}); at most {most:.0%} fewer"
    if drop > most:
        named = (
            f"; gone, for example: {gone.sort().head(WORST).to_list()}"
            if gone is not None and gone.len()
            else ""
        )
        message += (
            f"{named}. Mend the source and run again; if it is meant so, once: "
            f"NIGHTSHIFT_CHECKS__MAX_ROW_DROP=1 nightshift run"
        )
    return Checked(
        "rows_kept", drop <= most, message, numbers={"drop": drop, "rows_last": last, "limit": most}
    )
