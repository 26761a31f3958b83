"""Small sources for tests: files written into a folder, read with a mapping, and what `check` finds about
them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from nightshift.sources import EventsRead, SourcesSettings, describe, read_interactions, read_items
from nightshift.sources.findings import Finding

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def mapping(**events: Any) -> SourcesSettings:
    """The least mapping of items.csv and events.csv."""
    return SourcesSettings.model_validate(
        {
            "items": {"path": "items.csv", "item_id": "sku", "title": "name"},
            "interactions": {"path": "events.csv", "user_id": "user", "item_id": "sku", "timestamp": "at"}
            | events,
        }
    )


def write(
    folder: Path, events: str | pl.DataFrame, items: str | pl.DataFrame = "sku,name\ni1,a\ni2,b\ni3,c\n"
) -> None:
    """Events and catalogue as CSV."""
    for name, content in (("events.csv", events), ("items.csv", items)):
        text = content.write_csv() if isinstance(content, pl.DataFrame) else content
        (folder / name).write_text(text, "utf-8")


def read(folder: Path, sources: SourcesSettings) -> EventsRead:
    """The events, however late."""
    items = read_items(sources.items, folder).frame
    return read_interactions(sources.interactions, folder, items, before=None, now=NOW)


def findings(folder: Path, sources: SourcesSettings) -> dict[str, Finding]:
    """What is odd, by its words."""
    return {
        one.what: one
        for one in describe(sources, read_items(sources.items, folder), read(folder, sources)).findings
    }


def one(found: dict[str, Finding], words: str) -> Finding:
    """The only finding that begins so."""
    (only,) = (finding for what, finding in found.items() if what.startswith(words))
    return only
