"""What was understood of the sources, for a person to confirm before anything is paid for."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from nightshift.sources.reads import EventsRead, ItemsRead
from nightshift.sources.settings import Feedback, SourcesSettings

QUANTILES = {"min": 0.0, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}


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

    def lines(self) -> list[str]:
        """The description in words, one fact a line."""
        span = f"from {self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC" if self.first and self.last else "no time span"
        quantiles = ", ".join(f"{name} {value:,}" for name, value in self.text_chars.items()) or "no item has text"
        lines = [
            f"items: {self.items:,}, {self.items_with_events:,} of them with events",
            f"events: {self.events:,} ({self.feedback} feedback) by {self.users:,} users, {span}",
            f"positive: {self.positives:.1%} of the events",
            f"text length in characters: {quantiles}; {self.items_without_text:,} items have a title only",
            f"attributes: {self.attributes_per_item:.1f} per item",
        ]
        return lines + self._remarks()

    def _remarks(self) -> list[str]:
        remarks = {
            f"{self.capped_texts:,} texts were cut at max_text_chars": self.capped_texts,
            f"{self.untitled:,} items have no title and carry their id": self.untitled,
            f"{self.duplicates:,} repeated events were left out": self.duplicates,
            "every event has the same label: is the label, or positive_from, right?": self._one_label(),
            f"{self.later:,} events are left for later nights": self.later,
            "times are only an order, counted back in days from each user's last event": self.ordered,
        }
        remarks |= {f"dropped: {count:,} rows of {reason}": count for reason, count in self.dropped.items()}
        return [remark for remark, count in remarks.items() if count]

    def _one_label(self) -> bool:
        return self.feedback != "implicit" and self.events > 0 and self.positives in (0, 1)


def describe(sources: SourcesSettings, items: ItemsRead, events: EventsRead) -> Description:
    """What `nightshift check` prints about sources that were read."""
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
        text_chars={name: int(lengths.quantile(q, "nearest") or 0) for name, q in QUANTILES.items()} if lengths.len() else {},
        items_without_text=items.frame["text"].null_count(),
        attributes_per_item=_mean(items.frame["attributes"].list.len().fill_null(0)),
        capped_texts=items.capped,
        untitled=items.untitled,
        dropped=_dropped("items", items.dropped) | _dropped("interactions", events.dropped),
        duplicates=events.duplicates,
        later=events.later,
        ordered=sources.interactions.timestamp_unit == "order",
    )


def _mean(values: pl.Series) -> float:
    mean = values.cast(pl.Float64).mean()
    return mean if isinstance(mean, float) else 0.0


def _dropped(table: str, dropped: dict[str, int]) -> dict[str, int]:
    return {f"{table}: {reason}": count for reason, count in dropped.items()}
