"""Group `sources`: the user's own catalogue and events, cleaned and checked."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.declare import Events, manifests, publish, table_asset
from assets.night_comparisons import ROWS_KEPT, kept
from assets.resources import Nightshift
from nightshift.night.checks import Checked, freshness, no_times, not_empty, nothing_from_the_future
from nightshift.night.night import Night
from nightshift.sources import read_interactions, read_items, source_digest
from nightshift.sources.languages import languages_in_words
from nightshift.storage.store import SOURCE_DIGEST
from nightshift.tables import INTERACTIONS, ITEMS

NOT_EMPTY = "There is at least one row."


@table_asset(
    ITEMS, group="sources", kinds={"polars"}, checks={"not_empty": NOT_EMPTY, "rows_kept": ROWS_KEPT}
)
def items(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Read through the column mapping of nightshift.yaml. Bad rows are counted and kept beside the table."""
    night = nightshift.night(context)
    source, root = night.settings.sources.items, night.settings.root
    read = read_items(source, root)
    yield from publish(
        night,
        ITEMS,
        read.frame,
        [not_empty(read.frame), kept(night, ITEMS, read.frame)],
        rejects=read.rejects,
        numbers={
            SOURCE_DIGEST: source_digest(source, root),
            "source rows": read.rows,
            "capped texts": read.capped,
            "languages": languages_in_words(read.frame),
            "without title": read.untitled,
        }
        | _dropped(read.dropped),
    )


@table_asset(
    INTERACTIONS,
    group="sources",
    kinds={"polars"},
    deps=[ITEMS],
    checks={
        "not_empty": NOT_EMPTY,
        "nothing_from_the_future": "Every event lies strictly before the night.",
        "rows_kept": ROWS_KEPT,
        "warn:freshness": "The newest event is at most `checks.max_event_age_hours` older than the night.",
    },
)
def interactions(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Every event strictly before the night. Later events wait for later nights; events of unknown items
    are counted."""
    night = nightshift.night(context)
    source, root = night.settings.sources.interactions, night.settings.root
    read = read_interactions(
        source, root, night.store.read(ITEMS, night.as_of), before=night.moment, now=datetime.now(UTC)
    )
    span = {
        "first event": str(read.frame["timestamp"].min()),
        "newest event": str(read.frame["timestamp"].max()),
    }
    yield from publish(
        night,
        INTERACTIONS,
        read.frame,
        [
            not_empty(read.frame, read.way_out(night.as_of)),
            nothing_from_the_future(read.frame, "timestamp", night.moment),
            kept(night, INTERACTIONS, read.frame),
            _fresh(night, read.frame),
        ],
        inputs=manifests(night, ITEMS),
        rejects=read.rejects,
        numbers={
            SOURCE_DIGEST: source_digest(source, root),
            "source rows": read.rows,
            "later events": read.later,
            "duplicates": read.duplicates,
            "contradictions": read.contradictions,
        }
        | span
        | {
            "users": read.frame["user_id"].n_unique(),
            "positive share": round(read.frame.select(pl.col("label").mean()).item() or 0.0, 4),
        }
        | _dropped(read.dropped),
    )


def _fresh(night: Night, events: pl.DataFrame) -> Checked:
    if night.settings.sources.interactions.timestamp_unit == "order":
        return no_times()
    return freshness(
        events.select(pl.col("timestamp").max()).item(),
        night.moment,
        night.settings.checks.max_event_age_hours,
    )


def _dropped(reasons: dict[str, int]) -> dict[str, int]:
    return {f"dropped: {reason}": count for reason, count in reasons.items() if count}
