"""What models were ever asked and what they said, by content key. Append-only; the reason nothing is paid twice.

    <home>/ledger/answers/<time>-<run>-<digest>.parquet     one row an answer: text, or scores of a closed vocabulary
    <home>/ledger/vectors/...                               one row a vector
    <home>/ledger/rejects/...                               one row an answer that was not accepted, with its reason
    <home>/ledger/*/torn/                                   parts whose bytes are not what their name promises

A part is written under a hidden name, synced and renamed, and its file name carries the SHA-256 of its bytes. A part
that fails that check is moved to `torn/`, named in the log, and its rows are simply asked again. Everything is plain
Parquet: `pl.read_parquet(".nightshift/ledger/answers/*.parquet")`.
"""

import hashlib
import io
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nightshift.errors import NightshiftError, TableError
from nightshift.leftovers import sweep
from nightshift.tables import MOMENT, STRINGS, VECTOR

log = logging.getLogger(__name__)

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
"""Columns of an answer. `as_of` is the night that paid for it; `row_id` the row it was first asked for, `text_key` the key of that
row's own text: together they tell why a row is asked again."""
REJECTED: dict[str, Any] = _COMMON | {
    "prompt_id": pl.String,
    "row_id": pl.String,
    "text_key": pl.String,
    "attempt": pl.Int32,
    "reason": pl.String,
    "text": pl.String,
    "finish_reason": pl.String,
} | _SPENT  # fmt: skip
"""Columns of an answer that was not accepted; it is never used as an answer, but a better parser may read it again."""
VECTORS: dict[str, Any] = {"content_key": pl.String, "encoder_id": pl.String, "view": pl.String, "run_id": pl.String, "vector": VECTOR}
"""Columns of a vector."""

MANY_PARTS = 64
"""Compact when a ledger has more parts than this."""
READS = 10
"""How often a read starts over because another run compacted its parts away; once is already rare."""


class Ledger:
    """One append-only set of rows with a content key."""

    def __init__(self, folder: Path, schema: dict[str, Any]) -> None:
        self.folder = folder
        self.schema = schema
        self._good: set[str] = set()

    def append(self, rows: pl.DataFrame | Iterable[dict[str, Any]], run_id: str) -> Path:
        """Add rows as one part, whole or not at all. Returns the part."""
        frame = self._frame(rows)
        return self._write(frame, f"{time.time_ns():020d}-{run_id or uuid.uuid4().hex[:8]}")

    def _frame(self, rows: pl.DataFrame | Iterable[dict[str, Any]]) -> pl.DataFrame:
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows), schema=self.schema, orient="row")
        if frame["content_key"].null_count():
            raise TableError(f"a ledger row in {self.folder} has no content key")
        return frame.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())

    def _write(self, frame: pl.DataFrame, stem: str) -> Path:
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        raw = buffer.getbuffer()
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{stem}-{_digest(raw)}.parquet"
        hidden = part.with_name(f".{part.name}.{uuid.uuid4().hex[:8]}")
        try:
            with hidden.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            hidden.rename(part)
        finally:
            hidden.unlink(missing_ok=True)
        self._good.add(part.name)
        return part

    def parts(self) -> list[Path]:
        """Whole parts, oldest first. A torn part is set aside and named in the log."""
        return [part for part in sorted(self.folder.glob("*.parquet")) if self._whole(part)]

    def _whole(self, part: Path) -> bool:
        if part.name in self._good:
            return True
        try:
            whole = _digest(part.read_bytes()) == part.stem.rsplit("-", 1)[-1]
        except FileNotFoundError:
            return False  # compacted away by another run between the listing and the read
        if whole:
            self._good.add(part.name)
        else:
            self._set_aside(part)
        return whole

    def _set_aside(self, part: Path) -> None:
        torn = self.folder / "torn" / part.name
        torn.parent.mkdir(exist_ok=True)
        try:
            part.replace(torn)
        except FileNotFoundError:
            return  # another run has set it aside
        log.warning("%s is torn: its bytes are not what its name promises. Moved to %s; its rows will be asked again.", part, torn.parent)

    def scan(self) -> pl.LazyFrame:
        """All rows, lazily; a key answered twice (two runs at once, a killed compaction) appears once, the oldest row.

        Prefer `query` where another run may compact between the scan and its collection.
        """
        return self._once(self._every_row())

    def query(self, ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """What `ask` makes of the rows, in memory; asked anew when another run compacted their parts away meanwhile."""
        return self._collected(lambda: ask(self.scan()))

    def _collected(self, make: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        for _ in range(READS):
            try:
                return make().collect()
            except FileNotFoundError:
                continue
        raise NightshiftError(f"the parts of {self.folder} vanished {READS} times while they were read; is something deleting them?")

    def _every_row(self) -> pl.LazyFrame:
        parts = self.parts()
        return (
            pl.scan_parquet(parts, schema=self.schema, missing_columns="insert", extra_columns="ignore")
            if parts
            else pl.LazyFrame(schema=self.schema)
        )

    def _once(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.unique(self._identity(), keep="first", maintain_order=True)

    def _identity(self) -> list[str]:
        """An attempt counts once a run: a run that the server failed and a later one that asks again are two rows."""
        names = ("content_key", "attempt", "run_id") if "attempt" in self.schema else ("content_key", "view")
        return [name for name in names if name in self.schema]

    def keys(self) -> pl.Series:
        """Every content key with a row."""
        return self._collected(lambda: self._every_row().select("content_key").unique())["content_key"]

    def lookup(self, keys: pl.Series | Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of these keys, in no particular order; keys without a row are simply not there."""
        wanted = pl.LazyFrame({"content_key": pl.Series("content_key", keys, dtype=pl.String)}).unique()
        chosen = list(columns or self.schema)
        return self._collected(lambda: self._once(self._every_row().join(wanted, on="content_key", how="semi")).select(chosen))

    def remove(self, keys: pl.Series | Sequence[str]) -> int:
        """Forget the rows of these keys (a retry of rejects). Returns how many rows went."""
        parts = self.parts()
        rows = self.query(lambda every: every)
        kept = rows.filter(~pl.col("content_key").is_in(pl.Series(keys, dtype=pl.String).implode()))
        if kept.height < rows.height:
            self._replace(parts, kept)
        return rows.height - kept.height

    def compact(self, many: int = MANY_PARTS) -> bool:
        """Rewrite many parts as one. Safe to be killed anywhere: rows may then stand twice, and are read once."""
        sweep(self.folder.glob(".*.parquet.*"))
        parts = self.parts()
        if len(parts) <= many:
            return False
        self._replace(parts, self.query(lambda every: every))
        return True

    def _replace(self, parts: list[Path], rows: pl.DataFrame) -> None:
        """Write the rows as one part, then drop the others. After a killed compaction the new part may be one of the old ones."""
        written = self._write(rows, f"{parts[0].name.split('-')[0]}-compacted") if rows.height else None
        for part in parts:
            if part != written:
                part.unlink(missing_ok=True)


class Ledgers:
    """The three ledgers of a home folder."""

    def __init__(self, home: Path) -> None:
        self.answers = Ledger(home / "ledger" / "answers", ANSWERS)
        self.vectors = Ledger(home / "ledger" / "vectors", VECTORS)
        self.rejects = Ledger(home / "ledger" / "rejects", REJECTED)

    def compact(self) -> None:
        """Keep the part counts bounded."""
        for ledger in (self.answers, self.vectors, self.rejects):
            ledger.compact()


def _digest(raw: bytes | memoryview) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]
