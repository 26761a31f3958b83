"""The nightly `candidates` table, and what last night's candidates were worth once users had gone on."""

from datetime import date

import numpy as np
import polars as pl

from nightshift.features.candidates.asked import Asked, asked_at
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.candidates.stage import Found, Stage
from nightshift.features.content import Snapshot, night_content
from nightshift.features.content_spec import ContentSpec
from nightshift.features.history import EventLog, midnight
from nightshift.features.settings import SimilaritySettings
from nightshift.tables import CANDIDATES


def candidates(
    items: pl.DataFrame,
    interactions: pl.DataFrame,
    snapshot: Snapshot,
    as_of: date,
    settings: CandidateSettings | None = None,
    similarity: SimilaritySettings | None = None,
    spec: ContentSpec | None = None,
) -> pl.DataFrame:
    """The `candidates` table: every source's best items for every user with an event before the night."""
    settings = settings or CandidateSettings()
    log = EventLog.of(interactions, items["item_id"]).before(midnight(as_of))
    content = night_content(as_of, snapshot, items["item_id"], similarity or SimilaritySettings(), spec)
    known = pl.Series(np.bincount(log.user, minlength=log.users.len()) > 0, dtype=pl.Boolean)
    users = log.users.filter(known)
    asked = asked_at(log, users, np.full(users.len(), midnight(as_of)))
    return CANDIDATES.conform(table(asked, Stage(settings).find(asked, content), settings))


def table(asked: Asked, found: Found, settings: CandidateSettings) -> pl.DataFrame:
    """What was found, with names: user_id, item_id, source, rank (1 is the best), score."""
    return pl.DataFrame(
        {
            "user_id": asked.user_ids.gather(found.asked),
            "item_id": asked.log.items.gather(found.item),
            "source": pl.Series(settings.sources, dtype=pl.String).gather(found.source),
            "rank": found.rank + 1,
            "score": found.score,
        }
    )


def recalls(found: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float]:
    """Share of what users chose (user_id, item_id) that each source, and their union, had among its
    candidates.

    Only users with candidates count. Empty when there is nothing to look for.
    """
    wanted = (
        chosen.select("user_id", "item_id")
        .unique()
        .join(found.select("user_id").unique(), on="user_id", how="semi")
    )
    if not wanted.height:
        return {}
    hits = found.join(wanted, on=["user_id", "item_id"], how="semi")
    by_source = dict(hits.group_by("source").len().iter_rows())
    union = hits.select("user_id", "item_id").n_unique()
    sources = found["source"].unique().sort().to_list()
    return {source: by_source.get(source, 0) / wanted.height for source in sources} | {
        "union": union / wanted.height
    }


def chosen_since(interactions: pl.DataFrame, night: date, repeats: bool) -> pl.DataFrame:
    """What users chose from a night on: positive events (user_id, item_id), without what they had met
    before unless repeats count."""
    opened = pl.col("timestamp").dt.timestamp("us") >= midnight(night)
    later = interactions.filter(opened & (pl.col("label") > 0.5)).select("user_id", "item_id").unique()
    return (
        later if repeats else later.join(interactions.filter(~opened), on=["user_id", "item_id"], how="anti")
    )
