"""How source errors name things: a value never longer than a line, a column with its nearest namesake."""

import difflib
from collections.abc import Sequence
from typing import Any

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_VALUE_CHARS = 120
"""Longest piece of a value that a message or a reject shows, in characters."""


def shown(value: Any) -> str:
    """A value as a message shows it: quoted, on one line, at most 120 characters."""
    text = repr(value)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def unsplit(columns: Sequence[str]) -> str | None:
    """What stands between the values of a file whose header was not split, such as `semicolons`; None
    where it was.

    >>> unsplit(["id;title"]), unsplit(["id", "a;b"])
    ('semicolons', None)
    """
    only = columns[0] if len(columns) == 1 else ""
    return next((said for separator, said in OTHER_SEPARATORS.items() if separator in only), None)


def missing_column(setting: str, column: str, place: str, columns: Sequence[str]) -> str:
    """That a mapped column is not in a file, with the nearest one that is."""
    if mark := unsplit(columns):
        return (
            f"{place} has one column, {columns[0]!r}: its values are separated by {mark}. Save it as "
            f"Parquet, or with commas"
        )
    near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5) or [
        name for name in columns if name.lower() == column.lower()
    ]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    listed = shown(list(columns)) if len(columns) > 12 else ", ".join(map(repr, columns))
    return f"{place} has no column {column!r}, which {setting} names{hint} It has {listed}"


def wrong_type(setting: str, column: str, place: str, dtype: Any, fix: str) -> str:
    """That a column's type does not fit what it is mapped to."""
    return f"column {column!r} of {place} is {dtype}; {fix} (mapped by {setting})"
