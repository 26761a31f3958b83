"""Answers that were not accepted: look at them, and let the next run ask again."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from rich.box import SIMPLE
from rich.table import Table as Grid
from rich.text import Text

from jobs.console import console
from nightshift.errors import InputError, nearest
from nightshift.night.night import Night
from nightshift.prompts.item_text import visible
from nightshift.storage.ledger import REJECTED, RETRIED, SERVER, Ledger, Ledgers
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
    """A night's table `rejects`: `table, row, reason, attempts, answer`. Attempts are null for rows of the
    sources."""
    attempts = night.ledgers.rejects.query(
        lambda rows: rows.group_by("content_key").agg(attempts=pl.col("attempt").max())
    )
    rejects = night.store.read(REJECTS, night.as_of).rename({"key": "row"})
    told = rejects.join(attempts, on="content_key", how="left", maintain_order="left")
    return chosen.of(told).select(COLUMNS)


def retry(ledgers: Ledgers, chosen: Chosen) -> pl.DataFrame:
    """Let the chosen rows that have no accepted answer be asked again. Returns `table, row, reason`, one a
    row.

    What was said and paid stays: a row `retried` is added, and the next attempt goes on counting from the
    last, so that a model that samples does not repeat itself.
    """
    granted = chosen.of(unanswered(ledgers.rejects, ledgers.answers.keys()))
    if granted.height:
        run_id = f"retry-{uuid.uuid4().hex[:8]}"
        spent = {"prompt_tokens": 0, "cached_tokens": 0, "new_tokens": 0, "seconds": 0.0, "cost_usd": 0.0}
        now = {"run_id": run_id, "created_at": datetime.now(UTC), "reason": RETRIED}
        rows = granted.with_columns(pl.lit(value).alias(name) for name, value in {**spent, **now}.items())
        ledgers.rejects.append(_all_columns(rows.rename({"row": "row_id"})), run_id)
    return granted.select("table", "row", reason="said")


def _all_columns(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in REJECTED.items()
    )


def unanswered(rejects: Ledger, answered: pl.Series) -> pl.DataFrame:
    """The newest attempt at every row without an accepted answer that a model was heard about since it was
    last retried.

    `content_key, table, row, attempt, reason, said` and what names the call (`as_of, model_id, prompt_id,
    text_key`).
    """
    columns = ("content_key", "table", "attempt", "reason", "as_of", "model_id", "prompt_id", "text_key")
    rows = rejects.query(
        lambda every: every.filter(pl.col("reason") != SERVER).select(*columns, row="row_id")
    )
    granted = (
        rows.filter(pl.col("reason") == RETRIED).group_by("content_key").agg(granted=pl.col("attempt").max())
    )
    newest = (
        rows.filter(pl.col("reason") != RETRIED)
        .sort("attempt")
        .unique("content_key", keep="last", maintain_order=True)
    )
    heard = newest.join(granted, on="content_key", how="left").filter(
        pl.col("attempt") > pl.col("granted").fill_null(0)
    )
    open_ = heard.filter(~pl.col("content_key").is_in(answered.implode())).drop("granted")
    return open_.with_columns(said="reason").sort("table", "row")


def told(chosen: Chosen) -> str:
    """What was chosen, as flags."""
    flags = [("--table", chosen.table), ("--reason", chosen.reason), *(("--key", row) for row in chosen.rows)]
    named = " ".join(f"{flag} {value}" for flag, value in flags if value is not None)
    return f"with {named}" if named else ""


def _counted(rejects: pl.DataFrame) -> str:
    """How many there are of each table and reason."""
    counts = rejects.group_by("table", "reason").len().sort("table", "reason")
    named = ", ".join(f"{table}: {reason} {count:,}" for table, reason, count in counts.iter_rows())
    return f"; there are {named}" if named else ""


def show_granted(ledgers: Ledgers, chosen: Chosen, tables: Collection[str]) -> bool:
    """Grant further attempts, and say how many. False where no rejected row was meant, which changes nothing.

    Raises InputError for a table that no model is asked about.
    """
    if chosen.table is not None and chosen.table not in tables:
        near = nearest(chosen.table, tables)
        hint = f"did you mean {near}? " if near else ""
        raise InputError(f"--table {chosen.table} is not asked of a model; {hint}tables: {', '.join(tables)}")
    granted = retry(ledgers, chosen).height
    if granted:
        console.print(f"{granted:,} rows may be asked again; a run would ask:")
        return True
    waiting = unanswered(ledgers.rejects, ledgers.answers.keys())
    console.print(
        f"no rejected row waits for a retry {told(chosen)}".rstrip()
        + f"{_counted(waiting)}; nothing changed",
        markup=False,
    )
    return False


def printable(text: str, most: int) -> str:
    """The start of a text on one line, without anything that a terminal obeys or that nobody sees.

    >>> printable("red\\x1b[31m\\n  alert\\u202e", 60)
    'red [31m alert'
    """
    line = " ".join(visible(text[: 4 * most]).split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 1]}…"


def show_rejected(every: pl.DataFrame, chosen: Chosen, limit: int) -> None:
    """The first of the chosen rejects as a table, and how many there are of each reason; in words where
    there is none."""
    rejects = chosen.of(every)
    if rejects.is_empty():
        console.print(f"nothing was rejected {told(chosen)}{_counted(every)}".strip(), markup=False)
        return
    grid = Grid(box=SIMPLE, padding=(0, 1))
    for name in COLUMNS:
        number = name == "attempts"
        grid.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for *words, attempts, answer in rejects.head(limit).iter_rows():
        shown = [*words, "" if attempts is None else str(attempts), answer or ""]
        grid.add_row(*(Text(printable(text, ANSWER_CHARS)) for text in shown))
    console.print(grid)
    reasons = rejects.group_by("table", "reason").len().sort("table", "reason")
    for table, reason, count in reasons.iter_rows():
        console.print(f"{table}: {reason}: {count:,}", markup=False)
    if rejects.height > limit:
        console.print(f"[dim]{limit:,} of {rejects.height:,} shown; --limit shows more.[/dim]")
