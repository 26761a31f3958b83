"""What reading a source gives: the table, the rows that were dropped with their reasons, and the counts."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.files import FILE, ROW, SourceFile, place_of
from nightshift.sources.quoting import Span
from nightshift.sources.settings import InteractionsSource, ItemsSource
from nightshift.sources.wording import MAX_VALUE_CHARS, shown
from nightshift.tables import REJECTS

REASON = "_reason"
"""Column with the reason for which a row is dropped; null for accepted rows."""
VALUE = "_value"
"""Column with the value that was dropped, as text."""
REJECTS_A_REASON = 1000
"""Rows listed in `rejects` for each reason; the counts in `dropped` are always complete."""

NO_USER = "user_id is missing"
NO_ITEM = "item_id is missing"
NO_TIME = "timestamp is missing or unreadable"
TOO_EARLY = "timestamp is before 1980 among later ones: many tools write this for no time"
FUTURE = "timestamp is later than the wall clock: check timestamp_unit and time zone"
NO_LABEL = "label is missing or unreadable"
UNKNOWN = "item is not in the catalogue"
TWICE = "item_id appears twice: the first row was kept"
UNDATED = "created_at is unreadable: the item is kept without it"
UNLISTED = "attributes are a list that cannot be read: the item is kept without them"
SWALLOWED = "row was swallowed by a quote that an earlier line leaves open"

HARMLESS = (UNKNOWN, TWICE, UNDATED, UNLISTED)
"""Reasons that do not count towards `max_rejected_share`: a setting of their own decides about them."""
HINTS = {
    NO_TIME: "Datetimes and ISO 8601 text are read as they are, numbers need timestamp_unit (s, "
    "ms, us or ns)",
    TOO_EARLY: "0, 1970-01-01 and 0001-01-01 stand for no time: write the moment into the rows, or omit them",
    FUTURE: "Check timestamp_unit and the time zone",
    SWALLOWED: "Close the quote on the line where it begins; a quote that is a letter is written "
    'twice ("") in a '
    "quoted field",
    NO_LABEL: "Ratings are numbers; clicks are 0/1 or true/false",
}
"""What usually helps, by reason."""


CONTRADICTED = "contradicted"
"""Rows whose label is not that of the equal event that was kept."""
RESPELT = "respelt"
"""Events whose item the catalogue spells with, or without, the `.0` of a float."""
NEGATIVE = "negative"
"""Ratings below zero."""
ZERO = "zero"
"""Ratings of zero where all others are 1 or more."""


@dataclass(frozen=True)
class Oddity:
    """Rows that were read, or stand behind one that was, and look like a mistake."""

    rows: int
    """How many."""
    where: str
    """Place of the first: `events.csv row 3`."""
    value: str | None
    """What it holds there."""

    @classmethod
    def of(cls, rows: pl.DataFrame, value: str, files: list[SourceFile]) -> "Oddity":
        """All of `rows` (at least one); the first in the files is the example, `value` the column shown."""
        first = rows.bottom_k(1, by=[FILE, ROW])
        told = first[value][0]
        said = None if told is None else f"{told:g}" if isinstance(told, float) else shown(told)
        return cls(rows.height, str(first.select(place_of(files)).item()), said)


@dataclass(frozen=True)
class Read:
    """A source that was read."""

    frame: pl.DataFrame
    """The accepted rows, conforming to their table."""
    rejects: pl.DataFrame
    """Dropped rows with place, reason and value; conforms to `REJECTS`, at most 1,000 rows a reason."""
    rows: int
    """Rows in the files, without those of other kinds."""
    dropped: dict[str, int]
    """How many rows were dropped, by reason; complete."""
    spans: tuple[Span, ...] = field(default=(), kw_only=True)
    """Rows whose quoted fields run over several lines of their file."""


@dataclass(frozen=True)
class ItemsRead(Read):
    """The catalogue that was read."""

    capped: int
    """Items whose text was longer than max_text_chars and was cut."""
    untitled: int
    """Items without a title, which carry their id instead."""


@dataclass(frozen=True)
class EventsRead(Read):
    """The events that were read."""

    later: int
    """Events at or after `before`: not wrong, left for later nights."""
    duplicates: int
    """Events equal to another in user, item, timestamp (impressions: and list); one of each was kept."""
    other_kinds: int = 0
    """Events of a kind that `positive_kinds` does not name: left out before anything else is asked of
    them."""
    next_moment: datetime | None = None
    """The oldest event left for later nights; None where there is none."""
    odd: dict[str, Oddity] = field(default_factory=dict)
    """What looks like a mistake, by its kind (`CONTRADICTED`, `RESPELT`, ...)."""

    @property
    def contradictions(self) -> int:
        """Those of the duplicates whose label is another than that of the event kept."""
        return self.odd[CONTRADICTED].rows if CONTRADICTED in self.odd else 0

    def way_out(self, as_of: date) -> str:
        """What to do where a night knows no event: the first one that knows one."""
        if self.next_moment is None:
            return "No event before this night can be used; `nightshift check` says why"
        first = self.next_moment.date() + timedelta(days=1)
        known = f"and night {as_of} knows events strictly before it"
        oldest = f"The oldest event is of {self.next_moment:%Y-%m-%d}, {known}"
        return f"{oldest}: run --as-of {first} or a later night, and set nights.first to {first}"

    @property
    def unknown_items(self) -> int:
        """Events dropped because their item is not in the catalogue."""
        return self.dropped.get(UNKNOWN, 0)

    @property
    def null_ids(self) -> int:
        """Events dropped because they name no user or no item."""
        return self.dropped.get(NO_USER, 0) + self.dropped.get(NO_ITEM, 0)

    @property
    def bad_timestamps(self) -> int:
        """Events dropped because their timestamp is missing, cannot be read or stands for no time."""
        return self.dropped.get(NO_TIME, 0) + self.dropped.get(TOO_EARLY, 0)

    @property
    def future(self) -> int:
        """Events dropped because they claim to be later than the wall clock."""
        return self.dropped.get(FUTURE, 0)

    @property
    def bad_labels(self) -> int:
        """Events dropped because their label is missing or cannot be read."""
        return self.dropped.get(NO_LABEL, 0)


def counts(frame: pl.DataFrame) -> dict[str, int]:
    """Rows by reason, most frequent first; rows without a reason are not counted."""
    grouped = (
        frame.lazy()
        .filter(pl.col(REASON).is_not_null())
        .group_by(REASON)
        .len()
        .sort("len", REASON, descending=[True, False])
        .collect()
    )
    return dict(zip(grouped[REASON].to_list(), grouped["len"].to_list(), strict=True))


def rejects(table: str, frame: pl.DataFrame, files: list[SourceFile]) -> pl.DataFrame:
    """The rows with a reason, as `REJECTS`: key is their place, answer the value (at most 120 characters)."""
    bad = frame.filter(pl.col(REASON).is_not_null()).select(FILE, ROW, REASON, VALUE)
    sample = bad.group_by(REASON, maintain_order=True).head(REJECTS_A_REASON)
    none = [pl.lit(None, pl.String).alias(name) for name in ("prompt_id", "model_id", "content_key")]
    value = pl.col(VALUE).str.head(MAX_VALUE_CHARS).alias("answer")
    return REJECTS.conform(
        sample.select(
            pl.lit(table).alias("table"),
            place_of(files).alias("key"),
            pl.col(REASON).alias("reason"),
            value,
            *none,
        )
    )


def check_share(
    source: ItemsSource | InteractionsSource, rows: int, dropped: dict[str, int], listed: pl.DataFrame
) -> None:
    """Raise SourceError, naming the first row of the most frequent reason, when more than
    `max_rejected_share` of the rows are bad."""
    bad = {reason: count for reason, count in dropped.items() if reason not in HARMLESS}
    if sum(bad.values()) <= source.max_rejected_share * rows:
        return
    reason = next(iter(bad))
    first = listed.filter(pl.col("reason") == reason).row(0, named=True)
    value = "" if first["answer"] is None else f" holds {shown(first['answer'])}"
    limit = f"sources.{source.block}.max_rejected_share {source.max_rejected_share:g}"
    share = (
        f"{sum(bad.values()):,} of {rows:,} rows of {source.path} cannot be used, more than {limit} allows"
    )
    column = "" if reason == SWALLOWED else f", column {_column(source, reason)!r}"
    where = f"first in {first['key']}{column}{value}"
    raise SourceError(
        f"{share}. Most often: {reason}, {where}. "
        f"{HINTS.get(reason, 'Repair the rows, or map another column')}"
    )


def _column(source: ItemsSource | InteractionsSource, reason: str) -> str:
    """The user's column behind a reason: reasons begin with the setting's name."""
    return str(getattr(source, reason.split(" ", maxsplit=1)[0]))
