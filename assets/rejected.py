"""Group `rejected`: everything the night could not use, in one table, with reasons."""

import dagster as dg
import polars as pl

from assets.declare import Events, manifests, publish, table_asset
from assets.resources import Nightshift
from nightshift.tables import GROUP_FACTS, INTERACTIONS, ITEM_FACTS, ITEMS, REJECTS, USER_PREFERENCES

SOURCES = (ITEMS, INTERACTIONS, GROUP_FACTS, ITEM_FACTS, USER_PREFERENCES)


@table_asset(REJECTS, group="rejected", kinds={"polars"}, deps=SOURCES)
def rejects(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Source rows that were dropped and answers that were not accepted: table, key, reason, and what was
    said."""
    night = nightshift.night(context)
    frame = pl.concat([night.store.rejects(table, night.as_of) for table in SOURCES])
    reasons = frame.group_by("table", "reason").len().sort("table", "reason")
    numbers = {f"{table}: {reason}": count for table, reason, count in reasons.iter_rows()}
    yield from publish(night, REJECTS, frame, inputs=manifests(night, *SOURCES), numbers=numbers)
