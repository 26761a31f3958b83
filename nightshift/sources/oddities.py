"""Rows that were read and look like a mistake, as findings: what they are, where the first stands, what to
do."""

from collections.abc import Iterator

from nightshift.sources.findings import Finding
from nightshift.sources.reads import CONTRADICTED, NEGATIVE, RESPELT, ZERO, EventsRead
from nightshift.sources.settings import InteractionsSource

NOT_RATED = "if it means 'not rated', as in many data sets, leave these rows out of the file"


def odd_rows(source: InteractionsSource, events: EventsRead) -> Iterator[Finding]:
    """A finding for each kind of oddity, with the first row of it."""
    for kind, odd in events.odd.items():
        what, column, fix = _said(source, kind)
        yield Finding(what, odd.rows, odd.rows / max(events.rows, 1), odd.where, column, odd.value, fix)


def _said(source: InteractionsSource, kind: str) -> tuple[str, str | None, str]:
    """What is odd, in which column, and the way out."""
    cut = (
        f"counts as "
        f"{'liked' if source.positive_from is not None and source.positive_from <= 0 else 'a dislike'}"
    )
    label, item = source.label, source.item_id
    if kind == CONTRADICTED and source.feedback == "impressions":
        same, kept = (
            "user, item, moment and list",
            "The click is kept, which is right where a log writes a row for the look and one for the click.",
        )
    else:
        same, kept = (
            "user, item and moment",
            "The first in the files is kept. Keep the newest rating of each, or map a time that tells "
            "them apart.",
        )
    said: dict[str, tuple[str, str | None, str]] = {
        CONTRADICTED: (f"events contradict another of the same {same}", label, kept),
        RESPELT: (
            "events spell an item id as a float (12.0 for 12), or the catalogue does; they were read",
            item,
            _text(item),
        ),
        NEGATIVE: ("ratings are below 0", label, f"A negative rating {cut}; {NOT_RATED}."),
        ZERO: ("ratings are 0, and all others 1 or more", label, f"A rating of 0 {cut}; {NOT_RATED}."),
    }
    return said[kind]


def _text(column: str) -> str:
    fix = f"Write column {column!r} as text or whole numbers on both sides (pandas: dtype='Int64')"
    return f"{fix}; a column with an empty cell becomes floats."
