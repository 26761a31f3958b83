"""Answers that were not accepted: look at them, and forget them so that the next run asks again."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table as Grid

from jobs.console import console
from nightshift.ledger import Ledger, Ledgers
from nightshift.night import Night
from nightshift.tables import REJECTS

COLUMNS = ("table", "row", "reason", "attempts", "answer")
ANSWER_CHARS = 60
"""Characters of an answer in the terminal; `--json` has all of it."""


@dataclass(frozen=True)
class Chosen:
    """Which rejects are meant; None and no rows mean all of them."""

    table: str | None = None
    reason: str | None = None
    rows: Sequence[str] = ()

    def of(self, rejects: pl.DataFrame) -> pl.DataFrame:
        """The rejects that are meant. Needs the columns `table, reason, row`."""
        if self.table is not None:
            rejects = rejects.filter(pl.col("table") == self.table)
        if self.reason is not None:
            rejects = rejects.filter(pl.col("reason") == self.reason)
        return rejects.filter(pl.col("row").is_in(list(self.rows))) if self.rows else rejects


def rejected(night: Night, chosen: Chosen) -> pl.DataFrame:
    """A night's table `rejects`: `table, row, reason, attempts, answer`. Attempts are null for rows of the sources."""
    attempts = night.ledgers.rejects.query(lambda rows: rows.group_by("content_key").agg(attempts=pl.col("attempt").max()))
    rejects = night.store.read(REJECTS, night.as_of).rename({"key": "row"})
    told = rejects.join(attempts, on="content_key", how="left", maintain_order="left")
    return chosen.of(told).select(COLUMNS)


def retry(ledgers: Ledgers, chosen: Chosen) -> pl.DataFrame:
    """Forget every attempt at the chosen rows that have no accepted answer. Returns `table, row, reason`, one a row."""
    open_ = unanswered(ledgers.rejects, ledgers.answers.keys())
    forgotten = chosen.of(open_)
    ledgers.rejects.remove(forgotten["content_key"])
    return forgotten.select("table", "row", "reason")


def unanswered(rejects: Ledger, answered: pl.Series) -> pl.DataFrame:
    """`content_key, table, row, reason` of the newest attempt at every row without an accepted answer."""
    rows = rejects.query(lambda every: every.select("content_key", "table", "attempt", "reason", row="row_id"))
    newest = rows.sort("attempt").unique("content_key", keep="last", maintain_order=True)
    return newest.filter(~pl.col("content_key").is_in(answered.implode())).sort("table", "row")


def show_rejected(rejects: pl.DataFrame, limit: int) -> None:
    """The first rejects as a table, and how many there are of each reason."""
    grid = Grid(box=SIMPLE, padding=(0, 1))
    for name in COLUMNS:
        grid.add_column(name, justify="right" if name == "attempts" else "left")
    for row in rejects.head(limit).iter_rows():
        *words, attempts, answer = row
        said = " ".join((answer or "").split())[:ANSWER_CHARS]
        grid.add_row(*(escape(word) for word in words), "" if attempts is None else str(attempts), escape(said))
    console.print(grid)
    reasons = rejects.group_by("table", "reason").len().sort("table", "reason")
    for table, reason, count in reasons.iter_rows():
        console.print(f"{table}: {reason}: {count:,}", markup=False)
    if rejects.height > limit:
        console.print(f"[dim]{limit:,} of {rejects.height:,} shown; --limit shows more.[/dim]")
