"""Cut rows into batches of similar length, worthiest first."""

from collections.abc import Iterator
from typing import Any

import polars as pl

WINDOW = 8
"""Batches whose rows are sorted by length together: long enough to cut padding, short enough to keep the order of worth."""


def cut(rows: pl.DataFrame, batch_rows: int, text: str = "text") -> Iterator[list[dict[str, Any]]]:
    """Batches of at most `batch_rows` dictionaries. Rows keep their order of worth in windows of eight batches."""
    for start in range(0, rows.height, WINDOW * batch_rows):
        window = rows.slice(start, WINDOW * batch_rows).sort(pl.col(text).str.len_bytes(), maintain_order=True)
        for at in range(0, window.height, batch_rows):
            yield window.slice(at, batch_rows).to_dicts()


def count(rows: int, batch_rows: int) -> int:
    """How many batches `cut` makes of so many rows."""
    return -(-rows // batch_rows)
