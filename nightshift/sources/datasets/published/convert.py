"""Writing a published data set as `items.parquet`, `interactions.parquet` and a commented nightshift.yaml.

Frames are written as they are read, so that memory holds one block of a file (16 MiB of text) whatever the
data set's size, and the ids of the items that events name.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from nightshift.errors import SourceError
from nightshift.sources.datasets.published.base import EVENTS_FILE, ITEMS_FILE, Format
from nightshift.sources.datasets.published.config import config_text
from nightshift.sources.datasets.published.original import Original
from nightshift.sources.settings import SourcesSettings

ORDERED = (date(2000, 12, 30), date(2000, 12, 31))
"""First and last night of a data set without times, whose last events are laid on the last day of 2000."""
EARLY = 0.1
"""Share of the events that lie before the first night that is proposed."""


@dataclass(frozen=True)
class Converted:
    """What was written."""

    out: Path
    """The folder."""
    items: int
    """Rows of items.parquet."""
    events: int
    """Rows of interactions.parquet."""
    seen: int
    """Different items among the events; some may not be in the catalogue."""
    mapping: SourcesSettings
    """How the two files are read back."""
    nights: tuple[date, date]
    """The first and the last night that nightshift.yaml proposes."""
    config_kept: bool
    """There was another nightshift.yaml, which was left as it is."""


class _Seen:
    """What events tell in passing: which items, and how many a day."""

    def __init__(self) -> None:
        self.ids = pl.DataFrame(schema={"item_id": pl.String})
        self.days: Counter[date] = Counter()

    def watch(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for frame in frames:
            self.ids = pl.concat([self.ids, frame.select("item_id")]).unique()
            if "timestamp" in frame.columns:
                days = frame.select(pl.col("timestamp").dt.date().drop_nulls().value_counts()).unnest(
                    "timestamp"
                )
                self.days.update(dict(days.iter_rows()))
            yield frame

    def nights(self) -> tuple[date, date]:
        """The days after a tenth of the events, and after the newest."""
        if not self.days:
            return ORDERED
        return self._after(EARLY), self._after(1.0)

    def _after(self, share: float) -> date:
        days = sorted(self.days)
        before = list(accumulate(self.days[day] for day in days))
        return days[bisect_left(before, share * before[-1])] + timedelta(days=1)


def convert(
    format: Format, path: Path, out: Path, *, only_seen: bool = False, say: Callable[[str], None] = print
) -> Converted:
    """Read the data set at `path` and write it to `out`; `say` hears of progress.

    With `only_seen`, items without an event are left out. Files of an earlier conversion are replaced; a
    nightshift.yaml that differs is left alone. Raises SourceError naming the file, line and value that
    cannot be read.
    """
    original = Original(path, format.files, format.home)
    tables, seen = format.read(original), _Seen()
    out.mkdir(parents=True, exist_ok=True)
    events = _write(out / EVENTS_FILE, seen.watch(tables.events), say)
    items = _write(out / ITEMS_FILE, (_only(frame, seen.ids, only_seen) for frame in tables.items), say)
    kept = _write_config(out / "nightshift.yaml", config_text(format, tables.mapping, *seen.nights()))
    return Converted(out, items, events, seen.ids.height, tables.mapping, seen.nights(), kept)


def _only(frame: pl.DataFrame, ids: pl.DataFrame, only_seen: bool) -> pl.DataFrame:
    return frame.join(ids, on="item_id", how="semi", maintain_order="left") if only_seen else frame


def _write(path: Path, frames: Iterable[pl.DataFrame], say: Callable[[str], None]) -> int:
    """Append the frames to one Parquet file; the number of rows. The file has its name only once it is
    whole."""
    partial, rows, writer = path.with_name(f"{path.name}.partial"), 0, None
    try:
        for frame in frames:
            table = frame.to_arrow()
            writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            rows += frame.height
            say(f"{path.name}: {rows:,} rows")
    finally:
        if writer:
            writer.close()
    if not rows:
        raise SourceError(f"no row was found for {path}: the files are empty")
    partial.replace(path)
    return rows


def _write_config(path: Path, text: str) -> bool:
    """Write the configuration; True where another one is there and stays."""
    if path.exists() and path.read_text("utf-8") != text:
        return True
    path.write_text(text, "utf-8")
    return False
