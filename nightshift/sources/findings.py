"""What is odd about sources that were read: how many rows, the first of them with its place, column and
value, and the way out."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from nightshift.sources.quoting import Span
from nightshift.sources.reads import (
    FUTURE,
    HINTS,
    NO_ITEM,
    NO_LABEL,
    NO_TIME,
    NO_USER,
    SWALLOWED,
    TOO_EARLY,
    TWICE,
    UNDATED,
    UNKNOWN,
    UNLISTED,
    EventsRead,
    ItemsRead,
    Read,
)
from nightshift.sources.settings import InteractionsSource, ItemsSource, SourcesSettings
from nightshift.sources.spelling import twice_spelt
from nightshift.sources.wording import shown

FIXES = {
    NO_USER: "Map another `user_id` column, or repair the rows.",
    NO_ITEM: "Map another `item_id` column, or repair the rows.",
    NO_TIME: f"{HINTS[NO_TIME]}.",
    TOO_EARLY: f"{HINTS[TOO_EARLY]}.",
    FUTURE: f"{HINTS[FUTURE]}.",
    NO_LABEL: f"{HINTS[NO_LABEL]}.",
    UNKNOWN: "Complete the catalogue, or set `sources.interactions.unknown_item: refuse` to stop instead.",
    TWICE: "Remove the repeated rows; `sources.items.duplicate_item: refuse` stops instead.",
    UNLISTED: 'Write the names as a JSON list, ["Toys", "Home"], or as text with bars between '
    "them; objects in "
    "lists are not read.",
    SWALLOWED: f"{HINTS[SWALLOWED]}.",
    UNDATED: "Set `sources.items.created_at_unit` for numbers, or repair the values.",
}
"""Why a source row is dropped -> the way out."""


@dataclass(frozen=True)
class Finding:
    """Something to look at; none of them stops a night."""

    what: str
    """What was found, in words."""
    rows: int | None = None
    """Rows concerned; None where it is not about rows."""
    share: float | None = None
    """Of all rows of their source, 0 to 1."""
    where: str | None = None
    """The first of them: `events.parquet row 17`."""
    column: str | None = None
    """The column of the file."""
    value: str | None = None
    """What it holds there."""
    fix: str | None = None
    """The way out."""


def dropped_rows(sources: SourcesSettings, items: ItemsRead, events: EventsRead) -> list[Finding]:
    """One finding for each reason for which rows were dropped, the most frequent first."""
    found = [*_of(sources.items, items), *_of(sources.interactions, events)]
    return sorted(found, key=lambda one: -(one.rows or 0))


def _of(source: ItemsSource | InteractionsSource, read: Read) -> Iterator[Finding]:
    yield from _of_spans(read)
    for reason, count in read.dropped.items():
        if reason == SWALLOWED:
            continue
        first = read.rejects.filter(pl.col("reason") == reason).row(0, named=True)
        value = None if first["answer"] is None else shown(first["answer"])
        share = count / max(read.rows, 1)
        yield Finding(reason, count, share, first["key"], _column(source, reason), value, FIXES[reason])


def _of_spans(read: Read) -> Iterator[Finding]:
    """Rows that a quote swallowed; and rows of several lines, which may be what they should be."""
    for as_rows, fix in (
        (True, FIXES[SWALLOWED]),
        (False, "None needed where texts have several lines; else close the quote."),
    ):
        found = [span for span in read.spans if span.as_rows == as_rows]
        if found:
            count = sum(len(span.lines) for span in found) if as_rows else len(found)
            share = count / max(read.rows, 1)
            yield Finding(
                _spanning(found),
                count,
                share,
                f"{found[0].place} line {found[0].line}",
                value=found[0].said,
                fix=fix,
            )


def _spanning(found: list[Span]) -> str:
    if found[0].as_rows:
        return SWALLOWED
    return "rows have quoted fields that run over several lines: the file has fewer rows than lines"


def _column(source: ItemsSource | InteractionsSource, reason: str) -> str:
    """The user's column behind a reason: reasons begin with the setting's name, save that of unknown
    items."""
    return str(getattr(source, "item_id" if reason == UNKNOWN else reason.split(" ", maxsplit=1)[0]))


def remarks(sources: SourcesSettings, items: ItemsRead, events: EventsRead) -> Iterator[Finding]:
    """What is not about single rows that were dropped."""
    cap = sources.items.max_text_chars
    if items.capped:
        fix = (
            f"Raise sources.items.max_text_chars (now {cap:,}) to keep more; the longer items are then "
            f"asked again."
        )
        yield _counted(
            f"texts are longer than {cap:,} characters and are cut", items.capped, items.frame.height, fix
        )
    if items.untitled:
        yield _counted(
            "items have no title and carry their id",
            items.untitled,
            items.frame.height,
            "Map title, or fill the column.",
        )
    if repeats := events.duplicates - events.contradictions:
        same = (
            "user, item, moment and list"
            if sources.interactions.feedback == "impressions"
            else "user, item and moment"
        )
        fix = "None needed: one of each is kept. Times of whole days make equal events of repeated ones."
        yield _counted(f"events repeat another in {same}", repeats, events.rows, fix)
    yield from _of_ids(sources, items.frame, events.frame)
    yield from _of_labels(sources.interactions, events.frame)
    yield from _of_times(sources.interactions, events.frame)


def _of_ids(sources: SourcesSettings, items: pl.DataFrame, events: pl.DataFrame) -> Iterator[Finding]:
    """Ids that stand there in two spellings, as whole numbers and as floats."""
    yield from _twice("items", sources.items.item_id, items["item_id"])
    yield from _twice("users", sources.interactions.user_id, events["user_id"])


def _twice(what: str, column: str, ids: pl.Series) -> Iterator[Finding]:
    pointed = twice_spelt(ids)
    if not pointed:
        return
    plain = pointed[0].split(".")[0]
    fix = f"Numbers became floats in some rows: write column {column!r} as text or whole numbers throughout."
    yield Finding(
        f"{what} stand there twice, as {plain!r} and as {pointed[0]!r}", len(pointed), column=column, fix=fix
    )


def _counted(what: str, rows: int, of: int, fix: str) -> Finding:
    return Finding(what, rows, rows / max(of, 1), fix=fix)


def _of_labels(source: InteractionsSource, frame: pl.DataFrame) -> Iterator[Finding]:
    if source.feedback == "implicit" or frame.is_empty() or frame["label"].n_unique() > 1:
        return
    value = "positive" if frame["label"][0] > 0.5 else "negative"
    fix = "Map another label, or another positive_from: a ranker cannot learn from one value."
    yield Finding(f"every event is {value}", column=source.label, fix=fix)


def _of_times(source: InteractionsSource, frame: pl.DataFrame) -> Iterator[Finding]:
    if source.timestamp_unit == "order" or frame.is_empty():
        return
    if (frame["timestamp"].dt.time().to_physical() == 0).all():
        fix = "Map a column with the time of day if there is one; a night still knows whole days only."
        yield Finding(
            "times are whole days: what came first inside a day is unknown", column=source.timestamp, fix=fix
        )
    single = frame.group_by("user_id").len().select((pl.col("len") == 1).mean()).item()
    if single is not None and single > 0.5:
        fix = "Preferences are written for users with a history; the others are ranked by items alone."
        yield Finding(f"{single:.0%} of the users have one event", column=source.user_id, fix=fix)
