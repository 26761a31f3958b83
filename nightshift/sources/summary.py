"""What was understood of the sources, for a person to confirm before anything is paid for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from nightshift.sources.findings import Finding, dropped_rows, remarks
from nightshift.sources.lists import odd_lists
from nightshift.sources.oddities import odd_rows
from nightshift.sources.reads import EventsRead, ItemsRead
from nightshift.sources.settings import Feedback, SourcesSettings

QUANTILES = {"min": 0.0, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
SPANS = 24
"""Equal spans of time in which events are counted."""
MANY_KINDS = 8
"""Kinds of events that are listed, the most frequent first."""


@dataclass(frozen=True)
class Description:
    """A catalogue and its events in numbers."""

    feedback: Feedback
    """The feedback kind that was configured."""
    items: int
    """Items in the catalogue."""
    items_with_events: int
    """Items with at least one event; the rest are cold."""
    events: int
    """Accepted events."""
    users: int
    """Users with at least one event."""
    first: datetime | None
    """Moment of the oldest event, UTC."""
    last: datetime | None
    """Moment of the newest event, UTC."""
    positives: float
    """Share of positive events, 0 to 1."""
    text_chars: dict[str, int]
    """Length of the text in characters by quantile, over items that have one; empty when none has."""
    items_without_text: int
    """Items with a title only."""
    attributes_per_item: float
    """Mean number of attributes; items without any count as 0."""
    capped_texts: int
    """Texts cut at max_text_chars."""
    untitled: int
    """Items that carry their id as title."""
    dropped: dict[str, int]
    """Rows dropped, by table and reason."""
    duplicates: int
    """Repeated events of which one was kept."""
    later: int
    """Events left for later nights."""
    ordered: bool = False
    """The source has an order and no times: its moments are days counted back from each user's last event."""
    time: str = ""
    """How the source writes moments, in words."""
    unknown_items: float = 0.0
    """Share of the events whose item is not in the catalogue, 0 to 1."""
    other_kinds: int = 0
    """Events of kinds that `positive_kinds` leaves out."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Accepted events by kind, the most frequent eight."""
    events_per_user: dict[str, int] = field(default_factory=dict)
    """Events of a user by quantile."""
    different_attributes: int = 0
    """Different attributes in the catalogue."""
    activity: tuple[int, ...] = ()
    """Events in 24 equal spans from the oldest to the newest; empty without times."""
    languages: dict[str, float] = field(default_factory=dict)
    """Share of the items, 0 to 1, by language of title and text; empty where nobody counted."""
    findings: tuple[Finding, ...] = ()
    """What to look at, the rows that were dropped first."""

    def lines(self) -> list[str]:
        """The description in words, one fact a line."""
        span = (
            f"from {self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"
            if self.first and self.last
            else "no time span"
        )
        quantiles = (
            ", ".join(f"{name} {value:,}" for name, value in self.text_chars.items()) or "no item has text"
        )
        lines = [
            f"items: {self.items:,}, {self.items_with_events:,} of them with events",
            f"events: {self.events:,} ({self.feedback} feedback) by {self.users:,} users, {span}",
            f"positive: {self.positives:.1%} of the events",
            f"text length in characters: {quantiles}; {self.items_without_text:,} items have a title only",
            f"attributes: {self.attributes_per_item:.1f} per item",
        ]
        return lines + self._remarks()

    def _remarks(self) -> list[str]:
        said = {
            f"{self.later:,} events are left for later nights": self.later,
            f"{self.other_kinds:,} events are of kinds that positive_kinds does not name": self.other_kinds,
            "times are only an order, counted back in days from each user's last event": self.ordered,
        }
        dropped_for = {reason.split(": ", maxsplit=1)[1] for reason in self.dropped}
        told = [one for one in self.findings if one.what not in dropped_for]
        found = [f"{one.rows:,} {one.what}" if one.rows else one.what for one in told]
        dropped = [f"dropped: {count:,} rows of {reason}" for reason, count in self.dropped.items()]
        return [remark for remark, count in said.items() if count] + found + dropped


def describe(
    sources: SourcesSettings,
    items: ItemsRead,
    events: EventsRead,
    languages: Mapping[str, float] | None = None,
) -> Description:
    """What `nightshift check` tells about sources that were read; `languages` is the share of items by
    language, where it was counted."""
    lengths = items.frame["text"].str.len_chars().drop_nulls()
    span = events.frame.select(first=pl.col("timestamp").min(), last=pl.col("timestamp").max()).row(0)
    return Description(
        feedback=sources.interactions.feedback,
        items=items.frame.height,
        items_with_events=events.frame["item_id"].n_unique(),
        events=events.frame.height,
        users=events.frame["user_id"].n_unique(),
        first=span[0],
        last=span[1],
        positives=_mean(events.frame["label"]),
        text_chars=_quantiles(lengths),
        items_without_text=items.frame["text"].null_count(),
        attributes_per_item=_mean(items.frame["attributes"].list.len().fill_null(0)),
        capped_texts=items.capped,
        untitled=items.untitled,
        dropped=_dropped("items", items.dropped) | _dropped("interactions", events.dropped),
        duplicates=events.duplicates,
        later=events.later,
        ordered=sources.interactions.timestamp_unit == "order",
        time=_time(sources),
        unknown_items=events.unknown_items / max(events.rows, 1),
        other_kinds=events.other_kinds,
        kinds=_often(events.frame["kind"].drop_nulls()),
        events_per_user=_quantiles(events.frame.group_by("user_id").len()["len"]),
        different_attributes=items.frame["attributes"].explode().drop_nulls().n_unique(),
        activity=_activity(events.frame["timestamp"]),
        languages=dict(languages or {}),
        findings=(
            *dropped_rows(sources, items, events),
            *odd_rows(sources.interactions, events),
            *odd_lists(sources.interactions, events.frame),
            *remarks(sources, items, events),
        ),
    )


def _often(kinds: pl.Series) -> dict[str, int]:
    counts = sorted(kinds.value_counts().iter_rows(), key=lambda pair: (-pair[1], pair[0]))
    return dict(counts[:MANY_KINDS])


def _time(sources: SourcesSettings) -> str:
    unit = sources.interactions.timestamp_unit
    if unit == "order":
        return "an order, no times"
    return f"{unit} since 1970" if unit else "dates, or ISO 8601 text; UTC where no offset is given"


def _activity(times: pl.Series) -> tuple[int, ...]:
    """Events in equal spans of time; nothing where all are of one moment."""
    physical = times.to_physical().cast(pl.Float64)
    low, high = physical.min(), physical.max()
    if not isinstance(low, float) or not isinstance(high, float) or low == high:
        return ()
    span = ((physical - low) / (high - low) * SPANS).cast(pl.Int64).clip(0, SPANS - 1)
    counted = dict(span.value_counts().iter_rows())
    return tuple(int(counted.get(number, 0)) for number in range(SPANS))


def _quantiles(values: pl.Series) -> dict[str, int]:
    return (
        {name: int(values.quantile(q, "nearest") or 0) for name, q in QUANTILES.items()}
        if values.len()
        else {}
    )


def _mean(values: pl.Series) -> float:
    mean = values.cast(pl.Float64).mean()
    return mean if isinstance(mean, float) else 0.0


def _dropped(table: str, dropped: dict[str, int]) -> dict[str, int]:
    return {f"{table}: {reason}": count for reason, count in dropped.items()}
