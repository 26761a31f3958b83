"""Pictures on an asset's page: what the nights came to, what was written most, how the vectors lie. Drawn
when a night is published."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from nightshift.enrichments.fallbacks import FROM_A_MODEL
from nightshift.enrichments.registry import asked
from nightshift.features.content_spec import ContentSpec
from nightshift.night.night import Night
from nightshift.report.pictures import bars, nights
from nightshift.storage.store import Manifest
from nightshift.tables import ORIGINS, Table

Shown = dict[str, dg.MetadataValue]


def of_nights(night: Night, table: Table) -> Shown:
    """Rows by origin, tokens and dollars of the nights up to this one, for tables that a model writes."""
    shown: Shown = {}
    if _by_origin(table, night):
        found = nights.origins(night.store, table, night.as_of)
        rows = {origin: [float(row[origin]) for row in found.values()] for origin in ORIGINS}
        shown["rows by night"] = dg.MetadataValue.md(bars.by_night("Rows by origin", list(found), rows))
    return shown | (_spending(night, table.name) if table.name in asked(night.registry) else {})


def _by_origin(table: Table, night: Night) -> bool:
    """Whether every row says where it comes from; where a missing row stays missing, shares of origins say
    little."""
    each = night.registry.get(table.name)
    return each is not None and each.complete


def _spending(night: Night, table: str) -> Shown:
    days = [day for day in night.store.nights(table) if day <= night.as_of][-nights.NEWEST :]
    paid = nights.on_nights(days, nights.spent(night.ledgers, table, night.as_of))
    read = [
        prompt - cached for prompt, cached in zip(paid["prompt_tokens"], paid["cached_tokens"], strict=True)
    ]
    tokens = {"read": read, "reused": paid["cached_tokens"], "written": paid["new_tokens"]}
    shown: Shown = {"tokens by night": dg.MetadataValue.md(bars.by_night("Tokens", days, tokens))}
    if any(paid["cost_usd"]):
        shown["dollars by night"] = dg.MetadataValue.md(
            bars.by_night("Dollars", days, {"USD": paid["cost_usd"]})
        )
    return shown


def by_origin(night: Night, table: Table, manifest: Manifest) -> dict[str, int | float]:
    """Rows by origin, 0 included so that a plot has every night, and the share that a model wrote, tonight
    or before."""
    if not _by_origin(table, night):
        return {}
    rows = nights.origins_of(manifest)
    covered = sum(rows[origin] for origin in FROM_A_MODEL) / max(manifest.rows, 1)
    return {f"origin: {origin}": count for origin, count in rows.items()} | {"coverage": round(covered, 4)}


def frequencies(night: Night, table: Table, column: str, frame: pl.DataFrame, title: str) -> Shown:
    """The most frequent values of a column of words or lists; a tick marks what each was the night before."""
    before = night.store.read_or_empty(table, night.store.before(table, night.as_of))
    counts = _counts(frame[column])
    return {title: dg.MetadataValue.md(bars.ranked(title, counts, _counts(before[column])))} if counts else {}


def _counts(values: pl.Series) -> Mapping[str, float]:
    words = values.explode() if values.dtype == pl.List else values
    return dict(words.drop_nulls().value_counts().iter_rows())


def item_map(items: pl.DataFrame, embeddings: pl.DataFrame, spec: ContentSpec) -> Shown:
    """Every view of the items on a plane, coloured by the most common first attributes of the catalogue."""
    from nightshift.report.pictures.items import map_of_items  # NumPy loads where it is drawn

    return {"map": dg.MetadataValue.md(map_of_items(embeddings, items, spec))}


def gains_by_night(night: Night) -> Shown:
    """The lift and the content lift of every training so far, with their intervals."""
    from nightshift.report.pictures.gains import found, over_nights

    shown: Shown = {}
    for name, against in (("lift by night", "base"), ("content lift by night", "permuted")):
        gains = found(night.store, night.as_of, "llm", against)
        if gains:
            shown[name] = dg.MetadataValue.md(over_nights(f"llm - {against}", gains))
    return shown
