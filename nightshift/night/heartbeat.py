"""Show that a model is working: one line every few seconds, read from the ledger itself.

Because the numbers come from the ledger's parts, they are right whatever process or machine answers.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import polars as pl

from nightshift.storage.ledger import Ledgers

EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Beat:
    """How far the work is."""

    table: str
    done: int
    """Calls made, whether their answers were accepted or not."""
    total: int
    hits: int
    """Rows the ledger already had, which cost nothing tonight."""
    tokens: int
    seconds: float
    usd: float | None = 0.0
    """Money paid; None where the price is unknown."""
    what: str = "rows"
    """`rows` that a language model answers, or `texts` that an encoder reads."""

    @property
    def eta_seconds(self) -> float:
        """Seconds left at the speed so far."""
        return self.seconds * (self.total - self.done) / self.done if self.done else float("nan")

    @property
    def hit_rate(self) -> float:
        """Share of the table that the ledger already had, between 0 and 1."""
        return self.hits / max(self.hits + self.total, 1)

    @property
    def speed(self) -> float:
        """Computed tokens a second, or texts a second."""
        return (self.tokens if self.what == "rows" else self.done) / self.seconds if self.seconds else 0.0

    def line(self) -> str:
        """`item_facts: 128/400 rows (32%), hit rate 10%, 912 tokens/s, $0.00, about 40 s left`."""
        done = f"{self.done:,}/{self.total:,} {self.what} ({self.done / max(self.total, 1):.0%})"
        return f"{self.table}: {done}, {self.rest()}"

    def rest(self) -> str:
        """The line after its counts."""
        unit, paid = ("tokens", f"{money(self.usd)}, ") if self.what == "rows" else ("texts", "")
        return f"hit rate {self.hit_rate:.0%}, {self.speed:,.0f} {unit}/s, {paid}{self._left()}"

    def _left(self) -> str:
        if not self.done:
            return "waiting for the first batch"
        return (
            f"took {duration(self.seconds)}"
            if self.done >= self.total
            else f"about {duration(self.eta_seconds)} left"
        )

    def after(self, earlier: "Beat | None") -> "Beat":
        """This beat with an earlier round of the same table added: what answers left of their worst case
        buys further rows."""
        if earlier is None:
            return self
        usd = None if self.usd is None or earlier.usd is None else self.usd + earlier.usd
        tokens, seconds = self.tokens + earlier.tokens, self.seconds + earlier.seconds
        done, total = self.done + earlier.done, self.total + earlier.done
        return replace(
            self, done=done, total=total, hits=earlier.hits, tokens=tokens, seconds=seconds, usd=usd
        )


def duration(seconds: float) -> str:
    """Seconds up to a minute and a half, then minutes, then hours.

    >>> duration(21.25), duration(300), duration(7500)
    ('21 s', '5 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def money(usd: float | None) -> str:
    """Dollars and cents, more digits below a cent, `$?` where the price is unknown.

    >>> money(0.0), money(12.345), money(0.00042), money(None)
    ('$0.00', '$12.35', '$0.00042', '$?')
    """
    if usd is None:
        return "$?"
    return f"${usd:.2g}" if 0 < usd < 0.01 else f"${usd:,.2f}"


def dollars(usd: float | None) -> str:
    """The same for a column headed USD.

    >>> dollars(12.345), dollars(0.00042), dollars(None)
    ('12.35', '0.00042', '?')
    """
    return money(usd).removeprefix("$")


@dataclass(frozen=True)
class Counted:
    """What the ledger holds of one run and table."""

    done: int
    tokens: int
    usd: float
    unpriced: int
    """Calls without a known price."""


class Heartbeat:
    """Calls `emit` every few seconds while the block runs, and once at its end."""

    what = "rows"

    def __init__(
        self,
        ledgers: Ledgers,
        table: str,
        run_id: str,
        total: int,
        hits: int,
        emit: Callable[[Beat], None],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._ledgers, self._table, self._run_id = ledgers, table, run_id
        self._total, self._hits, self._emit, self._every = total, hits, emit, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{table}", daemon=True)
        self._started, self._before = time.monotonic(), Counted(0, 0, 0.0, 0)

    def __enter__(self) -> Self:
        self._started, self._before = time.monotonic(), self._counted()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._emit(self.beat())

    def beat(self) -> Beat:
        """How far the work of this block is now."""
        now, before, seconds = self._counted(), self._before, time.monotonic() - self._started
        usd = None if now.unpriced > before.unpriced else now.usd - before.usd
        return Beat(
            self._table,
            now.done - before.done,
            self._total,
            self._hits,
            now.tokens - before.tokens,
            seconds,
            usd,
            self.what,
        )

    def _counted(self) -> "Counted":
        """Calls, computed tokens (reused ones left out) and money of this run and table in the ledger."""
        mine = (pl.col("run_id") == self._run_id) & (pl.col("table") == self._table)
        tokens = (pl.col("prompt_tokens") - pl.col("cached_tokens") + pl.col("new_tokens")).sum()
        numbers = (
            pl.len(),
            tokens,
            pl.col("cost_usd").sum(),
            pl.col("cost_usd").null_count().alias("unpriced"),
        )
        ledgers = (self._ledgers.answers, self._ledgers.rejects)
        rows = [ledger.payments(lambda rows: rows.filter(mine).select(*numbers)).row(0) for ledger in ledgers]
        done, computed, usd, unpriced = (
            sum(number or 0 for number in numbers) for numbers in zip(*rows, strict=True)
        )
        return Counted(done, computed, usd, unpriced)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._emit(self.beat())


class TextHeartbeat(Heartbeat):
    """The same for texts that an encoder reads: their vectors are counted, and cost nothing."""

    what = "texts"

    def _counted(self) -> "Counted":
        mine = (pl.col("run_id") == self._run_id) & (pl.col("view") == "text")
        return Counted(
            int(self._ledgers.vectors.query(lambda rows: rows.filter(mine).select(pl.len())).item()),
            0,
            0.0,
            0,
        )
