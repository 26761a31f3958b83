"""What the nights so far came to, from manifests and the ledger: rows by origin, tokens, money."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from nightshift.night.reasons import RETRIED
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Manifest, Store
from nightshift.tables import ORIGINS, Table

NEWEST = 30
"""Nights looked at, tonight's among them."""
SPENT = ("prompt_tokens", "cached_tokens", "new_tokens", "cost_usd")


def origins(store: Store, table: Table, as_of: date) -> dict[date, dict[str, int]]:
    """Night -> rows by origin, oldest first, for a table with an origin column; every origin is there, at
    0 where it has no row."""
    nights = [night for night in store.nights(table) if night <= as_of][-NEWEST:]
    return {night: origins_of(store.manifest(table, night)) for night in nights}


def origins_of(manifest: Manifest) -> dict[str, int]:
    """Rows by origin, as a manifest tells them: those that are no fallback were written by the model
    tonight."""
    others = {origin: manifest.fallbacks.get(origin, 0) for origin in ORIGINS if origin != "llm"}
    return {"llm": manifest.rows - sum(others.values()), **others}


def spent(ledgers: Ledgers, table: str, as_of: date) -> pl.DataFrame:
    """`as_of, calls, prompt_tokens, cached_tokens, new_tokens, cost_usd, unpriced` of the nights that paid
    for calls, oldest first."""
    columns = ["as_of", *SPENT]
    bought = (pl.col("table") == table) & (pl.col("as_of") <= as_of)
    answers = ledgers.answers.payments(lambda rows: rows.filter(bought).select(columns))
    rejects = ledgers.rejects.payments(
        lambda rows: rows.filter(bought, pl.col("reason").ne_missing(RETRIED)).select(columns)
    )
    grouped = (
        pl.concat([answers, rejects])
        .group_by("as_of")
        .agg(pl.col(SPENT).sum(), calls=pl.len(), unpriced=pl.col("cost_usd").null_count())
    )
    return grouped.sort("as_of").tail(NEWEST)


def on_nights(nights: list[date], rows: pl.DataFrame) -> Mapping[str, list[float]]:
    """The columns of `spent` as a value for each of the nights, 0 for a night that asked nothing."""
    every = (
        pl.DataFrame({"as_of": nights}, schema={"as_of": pl.Date})
        .join(rows, on="as_of", how="left", maintain_order="left")
        .fill_null(0)
    )
    return {name: [float(value) for value in every[name]] for name in every.columns if name != "as_of"}
