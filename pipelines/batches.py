"""Cut rows into batches of similar length, worthiest first."""

from collections.abc import Iterator

import polars as pl

WINDOW = 8
"""Batches whose rows are sorted by length together: long enough to cut padding, short enough to keep the
order of worth."""


def cut(rows: pl.DataFrame, batch_rows: int, text: str = "text") -> Iterator[pl.DataFrame]:
    """Batches of at most `batch_rows` rows, alike in the length of what a model reads: the text, and
    `questions` where rows bring their own. Rows keep their order of worth in windows of eight batches.

    Nothing but one window is copied at a time, so that a million rows are cut in the memory of a few
    thousand.
    """
    length = pl.sum_horizontal(
        pl.col(name).str.len_bytes() for name in (text, "questions") if name in rows.columns
    )
    for start in range(0, rows.height, WINDOW * batch_rows):
        window = rows.slice(start, WINDOW * batch_rows).sort(length, maintain_order=True)
        yield from window.iter_slices(batch_rows)
