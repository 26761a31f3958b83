"""Group `rejected`: everything the night could not use, in one table, with reasons."""

import dagster as dg
import polars as pl

from assets.declare import Events, manifests, publish, table_asset
from assets.resources import Nightshift
from nightshift.enrichments.registry import Registry
from nightshift.tables import INTERACTIONS, ITEMS, REJECTS, Table


def sources(registry: Registry) -> list[Table]:
    """Tables that have rejects: the sources, and what is written by a model."""
    return [ITEMS, INTERACTIONS, *(each.table for each in registry.values() if each.complete)]


@table_asset(REJECTS, group="rejected", kinds={"polars"}, deps=[sources])
def rejects(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Source rows that were dropped and answers that were not accepted: table, key, reason, and what was
    said."""
    night = nightshift.night(context)
    found = sources(night.registry)
    frame = pl.concat([night.store.rejects(table, night.as_of) for table in found])
    reasons = frame.group_by("table", "reason").len().sort("table", "reason")
    numbers = {f"{table}: {reason}": count for table, reason, count in reasons.iter_rows()}
    yield from publish(night, REJECTS, frame, inputs=manifests(night, *found), numbers=numbers)
