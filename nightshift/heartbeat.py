"""Show that a model is working: one line every few seconds, read from the ledger itself.

Because the numbers come from the ledger's parts, they are right whatever process or machine answers.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import polars as pl

from nightshift.ledger import Ledger

EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Beat:
    """How far the work is."""

    table: str
    done: int
    total: int
    hits: int
    """Rows the ledger already had, which cost nothing tonight."""
    tokens: int
    seconds: float

    @property
    def eta_seconds(self) -> float:
        """Seconds left at the speed so far."""
        return self.seconds * (self.total - self.done) / self.done if self.done else float("nan")

    def line(self) -> str:
        """`item_facts: 128/400 rows (32%), hit rate 10%, 912 tokens/s, $0.00, about 40 s left`."""
        hit_rate = self.hits / max(self.hits + self.total, 1)
        left = f"about {self.eta_seconds:.0f} s left" if self.done else "waiting for the first batch"
        speed = self.tokens / self.seconds if self.seconds else 0.0
        share = self.done / max(self.total, 1)
        return (
            f"{self.table}: {self.done:,}/{self.total:,} rows ({share:.0%}), hit rate {hit_rate:.0%}, {speed:,.0f} tokens/s, $0.00, {left}"
        )


class Heartbeat:
    """Calls `emit` every few seconds while the block runs, and once at its end."""

    def __init__(
        self, ledger: Ledger, table: str, run_id: str, total: int, hits: int, emit: Callable[[Beat], None], every: float = EVERY_SECONDS
    ) -> None:
        self._ledger, self._table, self._run_id = ledger, table, run_id
        self._total, self._hits, self._emit, self._every = total, hits, emit, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{table}", daemon=True)
        self._started, self._before = time.monotonic(), (0, 0)

    def __enter__(self) -> Self:
        self._started, self._before = time.monotonic(), self._counted()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._emit(self.beat())

    def beat(self) -> Beat:
        """How far the work of this block is now."""
        (done, tokens), (done_before, tokens_before) = self._counted(), self._before
        seconds = time.monotonic() - self._started
        return Beat(self._table, done - done_before, self._total, self._hits, tokens - tokens_before, seconds)

    def _counted(self) -> tuple[int, int]:
        """Rows and computed tokens (reused ones left out) of this run and table in the ledger."""
        mine = (pl.col("run_id") == self._run_id) & (pl.col("table") == self._table)
        numbers = (pl.len(), (pl.col("prompt_tokens") - pl.col("cached_tokens") + pl.col("new_tokens")).sum())
        done, tokens = self._ledger.query(lambda rows: rows.filter(mine).select(*numbers)).row(0)
        return done, int(tokens or 0)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._emit(self.beat())
