"""What models were ever asked and what they said, by content key. Append-only; the reason nothing is paid
twice.

    <home>/ledger/answers/<time>-<run>-<digest>.parquet     one row an answer: text, or scores of a closed
    vocabulary <home>/ledger/vectors/...                               one row a vector
    <home>/ledger/rejects/...                               one row an answer that was not accepted, with
    its reason <home>/ledger/*/torn/                                   parts whose bytes are not what their
    name promises

How parts are written, checked and merged is in `parts.py`; here is what their rows mean. Everything is
plain Parquet: `pl.read_parquet(".nightshift/ledger/answers/*.parquet")`.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nightshift.errors import TableError
from nightshift.storage.parts import Parts
from nightshift.tables import MOMENT, STRINGS, VECTOR

_COMMON: dict[str, Any] = {
    "content_key": pl.String,
    "table": pl.String,
    "as_of": pl.Date,
    "run_id": pl.String,
    "model_id": pl.String,
    "created_at": MOMENT,
}
_SPENT: dict[str, Any] = {
    "prompt_tokens": pl.Int64,
    "cached_tokens": pl.Int64,
    "new_tokens": pl.Int64,
    "seconds": pl.Float64,
    "cost_usd": pl.Float64,
}
ANSWERS: dict[str, Any] = _COMMON | {
    "prompt_id": pl.String,
    "row_id": pl.String,
    "text_key": pl.String,
    "text": pl.String,
    "finish_reason": pl.String,
    "scores": VECTOR,
    "choices": STRINGS,
} | _SPENT  # fmt: skip
"""Columns of an answer. `as_of` is the night that paid for it; `row_id` the row it was first asked for,
`text_key` the key of that row's own text: together they tell why a row is asked again."""
REJECTED: dict[str, Any] = _COMMON | {
    "prompt_id": pl.String,
    "row_id": pl.String,
    "text_key": pl.String,
    "attempt": pl.Int32,
    "reason": pl.String,
    "text": pl.String,
    "finish_reason": pl.String,
} | _SPENT  # fmt: skip
"""Columns of an answer that was not accepted; it is never used as an answer, but a better parser may read
it again."""
SEPARATOR = "\x1f"
"""Between the parts of a row id of several columns: a control character, which no cleaned id holds."""
RETRIED, SERVER = "retried", "server"
"""Reasons in the rejects ledger that are no word of a model: a person asked for further attempts, which paid
nothing; a server failed."""
REPEATED = "repeated"
"""Reason of an answer that is good by itself, and that other rows had already."""
CALL = tuple(name for name in ANSWERS if name in REJECTED)
"""Columns that accepted and rejected answers share."""
STATE = "hidden"
"""View of a model's own states in `vectors`, whatever the view of a table that shows them is called."""
VECTORS: dict[str, Any] = {
    "content_key": pl.String,
    "encoder_id": pl.String,
    "view": pl.String,
    "run_id": pl.String,
    "vector": VECTOR,
}
"""Columns of a vector."""

MANY_PARTS = 64
"""Compact when a ledger has more parts than this that a merge could still take."""


class Ledger:
    """One append-only set of rows with a content key."""

    def __init__(self, folder: Path, schema: dict[str, Any]) -> None:
        self.folder = folder
        self.schema = schema
        self._parts = Parts(folder)
        self._twice: tuple[list[Path], pl.Series] = ([], pl.Series(dtype=pl.String))

    def append(self, rows: pl.DataFrame | Iterable[dict[str, Any]], run_id: str) -> Path:
        """Add rows as one part, whole or not at all, and for good. Returns the part."""
        return self._parts.write(self._frame(rows), f"{time.time_ns():020d}-{run_id or uuid.uuid4().hex[:8]}")

    def _frame(self, rows: pl.DataFrame | Iterable[dict[str, Any]]) -> pl.DataFrame:
        frame = (
            rows
            if isinstance(rows, pl.DataFrame)
            else pl.DataFrame(list(rows), schema=self.schema, orient="row")
        )
        if frame["content_key"].null_count():
            raise TableError(f"a ledger row in {self.folder} has no content key")
        return frame.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())

    def parts(self) -> list[Path]:
        """Whole parts, oldest first. A torn part is set aside and named in the log."""
        return self._parts.whole()

    def scan(self) -> pl.LazyFrame:
        """All rows, lazily; a key answered twice (two runs at once, a killed compaction) appears once, the
        oldest row.

        Prefer `query` where another run may compact between the scan and its collection.
        """
        parts = self.parts()
        return self._once(self._every_row(parts), self._doubled(parts), self._identity())

    def query(self, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """What `ask` makes of the rows, in memory; asked anew when another run compacted their parts away
        meanwhile."""
        return self._collected(lambda: ask(self.scan()))

    def payments(self, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """The same of every row that was paid for: a key that two runs at once paid for stands twice, as
        it does on the bill."""

        return self._collected(lambda: ask(self.bill()))

    def bill(self) -> pl.LazyFrame:
        """Every row that was paid for, lazily. Prefer `payments` where another run may compact meanwhile."""
        parts = self.parts()
        return self._once(self._every_row(parts), self._doubled(parts), self._payment())

    def _collected(self, make: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        return self._parts.undisturbed(lambda: make().collect())

    def _every_row(self, parts: Sequence[Path]) -> pl.LazyFrame:
        """The rows of these parts; a column that a part of an earlier version lacks is null."""
        return (
            pl.scan_parquet(
                list(parts), schema=self.schema, missing_columns="insert", extra_columns="ignore", glob=False
            )
            if parts
            else pl.LazyFrame(schema=self.schema)
        )

    def _doubled(self, parts: list[Path]) -> pl.Series:
        """Content keys that stand more than once. There are next to none, and whoever knows them need not
        compare a million rows for every question: a filter then reaches the files."""
        if parts != self._twice[0]:
            hashes = self._every_row(parts).select(_hash(self._identity()).alias("hash"))
            alike = (
                hashes.group_by("hash").len().filter(pl.col("len") > 1).collect(engine="streaming")["hash"]
            )
            self._twice = parts, self._keys_of(parts, alike) if alike.len() else pl.Series(dtype=pl.String)
        return self._twice[1]

    def _keys_of(self, parts: list[Path], hashes: pl.Series) -> pl.Series:
        rows = self._every_row(parts).filter(_hash(self._identity()).is_in(hashes.implode()))
        return rows.select(pl.col("content_key").unique()).collect()["content_key"]

    def _once(self, rows: pl.LazyFrame, doubled: pl.Series, identity: list[str]) -> pl.LazyFrame:
        if doubled.is_empty():
            return rows
        is_doubled = pl.col("content_key").is_in(doubled.implode())
        once = rows.filter(is_doubled).unique(identity, keep="first", maintain_order=True)
        return pl.concat([rows.filter(~is_doubled), once])

    def _identity(self) -> list[str]:
        """An attempt counts once a run: a run that the server failed and a later one that asks again are
        two rows."""
        names = ("content_key", "attempt", "run_id") if "attempt" in self.schema else ("content_key", "view")
        return [name for name in names if name in self.schema]

    def _payment(self) -> list[str]:
        """What tells two payments from one row that a killed compaction left twice. A vector costs
        nothing."""
        paid = ("run_id", "created_at") if "cost_usd" in self.schema else ()
        return list(dict.fromkeys([*self._identity(), *paid]))

    def keys(self) -> pl.Series:
        """Every content key with a row."""
        return self._collected(lambda: self._every_row(self.parts()).select(pl.col("content_key").unique()))[
            "content_key"
        ]

    def lookup(self, keys: pl.Series | Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of these keys, in no particular order; keys without a row are simply not there."""
        wanted = pl.LazyFrame({"content_key": pl.Series("content_key", keys, dtype=pl.String)}).unique()
        chosen = list(columns or self.schema)
        return self.query(lambda rows: rows.join(wanted, on="content_key", how="semi").select(chosen))

    def compact(self, many: int = MANY_PARTS) -> bool:
        """Merge small neighbours when there are many. Safe to be killed anywhere: rows may then stand
        twice, and are read once.

        Holds at most BIG_BYTES of parts in memory and never rewrites a part of half of that, whatever the
        ledger weighs.
        """
        self._parts.finish()
        groups = self._parts.groups() if self._parts.unsettled() > many else []
        return sum(self._merge(group) for group in groups) > 0

    def _merge(self, group: list[Path]) -> bool:
        try:
            rows = self._every_row(group).collect()
        except FileNotFoundError:
            return False  # another run merges them
        self._parts.replace(group, rows.unique(self._payment(), keep="first", maintain_order=True))
        return True


class Ledgers:
    """The three ledgers of a home folder."""

    def __init__(self, home: Path) -> None:
        self.answers = Ledger(home / "ledger" / "answers", ANSWERS)
        self.vectors = Ledger(home / "ledger" / "vectors", VECTORS)
        self.rejects = Ledger(home / "ledger" / "rejects", REJECTED)

    def calls(self, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """What `ask` makes of every call that was ever paid, in memory: the columns `CALL`, and whether
        the answer was `accepted`.

        Accepted and rejected answers both cost, and so does a call that a server failed. Rows that only
        grant further attempts (`RETRIED`) are no calls.
        """
        heard = pl.col("reason").ne_missing(RETRIED)

        def both(answers: pl.LazyFrame) -> pl.LazyFrame:
            accepted = answers.select(*CALL, accepted=pl.lit(value=True))
            rejected = self.rejects.bill().filter(heard).select(*CALL, accepted=pl.lit(value=False))
            return ask(pl.concat([accepted, rejected]))

        return self.answers.payments(
            both
        )  # asked anew as well when another run compacted the rejects meanwhile

    def compact(self) -> None:
        """Keep the part counts bounded."""
        for ledger in (self.answers, self.vectors, self.rejects):
            ledger.compact()


def _hash(names: Sequence[str]) -> pl.Expr:
    return pl.struct(names).hash() if len(names) > 1 else pl.col(names[0]).hash()
