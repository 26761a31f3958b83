"""Vectors of items and users: the sources' text, what models wrote, and the model's own states."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.answering import MODEL_POOL
from assets.declare import Events, manifests, publish, table_asset
from assets.embedding import embed
from assets.night_comparisons import DISTINCT, VECTOR_DRIFT, drifted
from assets.pictures import item_map
from assets.resources import Nightshift
from nightshift.enrichments import views
from nightshift.enrichments.base import Context
from nightshift.enrichments.entities import ITEM, USER, Entity
from nightshift.enrichments.registry import Registry
from nightshift.night.checks import coverage, distinct_vectors, vectors_are_sound
from nightshift.night.night import Night
from nightshift.tables import ITEM_EMBEDDINGS, ITEMS, USER_EMBEDDINGS, Table

Written = list[tuple[Context[Any], pl.DataFrame]]


def seen_of(entity: Entity, registry: Registry) -> Sequence[Table]:
    """Tables of an entity's enrichments that have a view."""
    return [each.table for each in views.seen(entity, registry)]


def _written(night: Night, entity: Entity) -> Written:
    """Every such enrichment with tonight's rows."""
    found = views.seen(entity, night.registry)
    return [(night.context(each.name), night.published.read(each.name)) for each in found]


def _declared(written: Written) -> list[tuple[Any, pl.DataFrame]]:
    return [(context.each, frame) for context, frame in written]


@table_asset(
    ITEM_EMBEDDINGS,
    group="items",
    kinds={"ai", "beam"},
    deps=[ITEMS, lambda registry: seen_of(ITEM, registry)],
    pool=MODEL_POOL,
    checks={
        "vectors_are_sound": "Vectors are finite, encoder views have unit length, no view mixes encoders or "
        "widths.",
        "coverage": "Every item has a vector of its source text.",
        "distinct_vectors": DISTINCT,
        "warn:vector_drift": VECTOR_DRIFT,
    },
)
def item_embeddings(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Views of every item: its source text, what the model wrote, and the model's own state while it
    chose tags."""
    night = nightshift.night(context)
    items, written = night.store.read(ITEMS, night.as_of), _written(night, ITEM)
    texts = views.item_texts(night.encoder_id, items, _declared(written), ITEM)
    numbers = embed(context, night, texts)
    frame = views.embeddings(written, texts, ITEM_EMBEDDINGS, night.ledgers)
    raw = frame.filter(frame["view"] == "raw").height
    yield from publish(
        night,
        ITEM_EMBEDDINGS,
        frame,
        [
            vectors_are_sound(frame, night.content_spec),
            coverage(raw, items.height, 1.0, "items with a vector of their source text"),
            distinct_vectors(frame, texts, night.settings.checks.max_equal_vectors),
            drifted(night, ITEM_EMBEDDINGS, frame),
        ],
        inputs=manifests(night, ITEMS, *seen_of(ITEM, night.registry)),
        numbers=numbers,
        draw=lambda: item_map(items, frame, night.content_spec),
    )


@table_asset(
    USER_EMBEDDINGS,
    group="users",
    kinds={"ai", "beam"},
    deps=[lambda registry: seen_of(USER, registry)],
    pool=MODEL_POOL,
    checks={
        "vectors_are_sound": "Vectors are finite and of unit length, from one encoder.",
        "distinct_vectors": DISTINCT,
        "warn:vector_drift": VECTOR_DRIFT,
    },
)
def user_embeddings(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """A vector of what the model wrote about each user, in the space of the items' view of the same name."""
    night = nightshift.night(context)
    written = _written(night, USER)
    texts = views.user_texts(night.encoder_id, _declared(written), USER)
    numbers = embed(context, night, texts)
    frame = views.embeddings(written, texts, USER_EMBEDDINGS, night.ledgers)
    different = distinct_vectors(frame, texts, night.settings.checks.max_equal_vectors)
    checks = [vectors_are_sound(frame, night.content_spec), different, drifted(night, USER_EMBEDDINGS, frame)]
    inputs = manifests(night, *seen_of(USER, night.registry))
    yield from publish(night, USER_EMBEDDINGS, frame, checks, inputs=inputs, numbers=numbers)
