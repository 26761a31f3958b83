"""From which columns of which tables every column comes.

A column is listed with the columns whose values it is made of; columns that only match rows, or only
decide what is asked first, are left out. Columns that a night makes itself (origin, model_id, a fold's
name) come from nowhere.
"""

import re
from collections.abc import Iterable, Mapping

from nightshift.enrichments.registry import Registry
from nightshift.tables import (
    CANDIDATES,
    INTERACTIONS,
    ITEM_CODES,
    ITEM_EMBEDDINGS,
    ITEM_FEATURES,
    LIFT,
    RANKING_EXAMPLES,
    RANKING_SCORES,
    USER_EMBEDDINGS,
    USER_FEATURES,
    Table,
)

Sources = tuple[str, ...]
"""Columns as `table.column`."""

TEXT: Sources = ("items.title", "items.text", "items.attributes")
"""What prompts and the encoder read of an item."""
LABEL, WHEN, SCORES, VECTORS = (
    "interactions.label",
    "interactions.timestamp",
    "item_tag_scores.score",
    "item_embeddings.vector",
)
JUDGED: Sources = ("ranking_scores.score", "ranking_scores.label")
ABOUT: Sources = (
    "ranking_examples.split",
    "ranking_examples.timestamp",
    "items.title",
    "items.text",
    "items.created_at",
    "item_facts.summary",
)
"""What the slices are cut by."""
_EXAMPLE = {
    name: (f"ranking_examples.{name}",)
    for name in ("user_id", "item_id", "timestamp", "label", "group_id", "split", "retrieved")
}

NAMED: dict[str, dict[str, Sources]] = {
    INTERACTIONS.name: {"item_id": ("items.item_id",)},
    ITEM_EMBEDDINGS.name: {
        "item_id": ("items.item_id",),
        "vector": (*TEXT, "item_facts.summary", "item_facts.tags", "item_tag_scores.content_key"),
    },
    USER_EMBEDDINGS.name: {"user_id": ("user_preferences.user_id",), "vector": ("user_preferences.summary",)},
    ITEM_CODES.name: {
        "item_id": ("items.item_id",),
        "view": ("item_embeddings.view",),
        "codes": (VECTORS, SCORES),
    },
    CANDIDATES.name: {
        "user_id": ("interactions.user_id",),
        "item_id": ("items.item_id",),
        "rank": (LABEL, WHEN, VECTORS, "user_embeddings.vector"),
        "score": (LABEL, WHEN, VECTORS, "user_embeddings.vector"),
    },
    ITEM_FEATURES.name: {"item_id": ("items.item_id",)},
    USER_FEATURES.name: {"user_id": ("interactions.user_id",)},
    RANKING_EXAMPLES.name: {
        "user_id": ("interactions.user_id",),
        "item_id": ("interactions.item_id",),
        "timestamp": (WHEN,),
        "label": (LABEL,),
        "group_id": ("interactions.request_id", "interactions.user_id", WHEN),
        "split": (WHEN,),
        "retrieved": (LABEL, WHEN, VECTORS, "user_embeddings.vector"),
    },
    RANKING_SCORES.name: {**_EXAMPLE, "score": ("ranking_examples.label",)},
    LIFT.name: {
        "arm": ("ranking_scores.arm",),
        "against": ("ranking_scores.arm",),
        "ranker": ("ranking_scores.ranker",),
        "slice": ABOUT,
        **dict.fromkeys(
            ("value", "difference", "ci_low", "ci_high", "p_value", "p_holm", "detectable", "seed_sd"), JUDGED
        ),
        "n_users": ("ranking_scores.user_id",),
        "n_rows": ("ranking_scores.user_id",),
    },
}
"""Table -> column -> where it comes from. `items` and `rejects` are not here: sources and what was refused
have no table before them."""

KEYS = {"item_id": "items", "user_id": "interactions"}
"""Tables in which the keys of rows begin."""

FEATURES: tuple[tuple[str, Sources], ...] = (
    (r"base__.*(liking_|attributes_)", ("items.attributes", LABEL)),
    (r"base__list_size", ("interactions.request_id",)),
    (r"base__.*(events|_days)", (WHEN,)),
    (r"base__", (LABEL, WHEN)),
    (r"\w+?__(\w+_)?code(s_|\d)", ("item_codes.codes", LABEL)),
    (r"\w+?__preference_summary", ("user_embeddings.vector", VECTORS)),
    (
        r"\w+?__preference(s_|_)|\w+?__prefers_",
        ("user_preferences.likes", "user_preferences.dislikes", SCORES),
    ),
    (r"\w+?__(tag_(?!liking|overlap)|tags_(\d\d$|missing))", (SCORES,)),
    (r"\w+?__(tag_|tags_|liking_)", (SCORES, LABEL)),
    (r"\w+?__(raw|facts|hidden|template)_(\d\d$|missing)", (VECTORS,)),
    (r"\w+?__(raw|facts|hidden|template)_", (VECTORS, LABEL)),
)
"""Names of feature columns, as patterns of which the first that fits counts, and where they come from
(docs/features.md)."""


def derives_from(table: Table, columns: Iterable[str], registry: Registry) -> dict[str, Sources]:
    """Column -> the columns it comes from, as `table.column`; columns that come from nowhere are left out."""
    named = _named(table, registry)
    found = {
        name: named.get(name) or (_feature(name) if table.open and name not in table.columns else ())
        for name in columns
    }
    return {name: sources for name, sources in found.items() if sources}


def _named(table: Table, registry: Registry) -> Mapping[str, Sources]:
    each = registry.get(table.name)
    if each is not None:
        keys = {name: (f"{KEYS[name]}.{name}",) for name in each.entity.key_columns if name in KEYS}
        return keys | {name: tuple(sources) for name, sources in each.sources.items()}
    return NAMED.get(table.name, {})


def _feature(name: str) -> Sources:
    return next((sources for pattern, sources in FEATURES if re.match(pattern, name)), ())
