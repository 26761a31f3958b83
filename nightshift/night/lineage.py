"""From which columns of which tables every column comes.

A column is listed with the columns whose values it is made of; columns that only match rows, or only
decide what is asked first, are left out. Columns that a night makes itself (origin, model_id, a fold's
name) come from nowhere.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from nightshift.enrichments.base import StateView, TextView
from nightshift.enrichments.entities import ITEM, USER, Entity
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import Registry
from nightshift.features.content_spec import ContentSpec
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
LABEL, WHEN, VECTORS = "interactions.label", "interactions.timestamp", "item_embeddings.vector"
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
    ITEM_CODES.name: {
        "item_id": ("items.item_id",),
        "view": ("item_embeddings.view",),
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
)
"""Names of feature columns that no enrichment makes, as patterns of which the first that fits counts, and
where they come from (docs/features.md)."""


def patterns_of(spec: ContentSpec) -> list[tuple[str, Sources]]:
    """Names of all feature columns in the same way: those read off a table by itself, the longest name
    first; those that no enrichment makes; those of tags, of what users' rows say, and of views."""
    own = sorted(spec.read_off, key=lambda one: -len(one.stem))
    read_off = [(rf"\w+?__{re.escape(one.stem)}", one.spec.reads(one.table)) for one in own]
    views = _any(spec.embedded)
    return [
        *read_off,
        *FEATURES,
        *_of_preferences(spec),
        *_of_tags(spec),
        (rf"\w+?__{views}_(\d\d$|missing)", (VECTORS,)),
        (rf"\w+?__{views}_", (VECTORS, LABEL)),
    ]


def _of_preferences(spec: ContentSpec) -> list[tuple[str, Sources]]:
    if spec.preference is None:
        return []
    stem, lists = re.escape(spec.preference.stem), spec.preference.spec.reads(spec.preference.table)
    return [
        (rf"\w+?__{stem}summary", ("user_embeddings.vector", VECTORS)),
        (rf"\w+?__{stem}|\w+?__preferences_|\w+?__prefers_", (*lists, *_scores(spec))),
    ]


def _of_tags(spec: ContentSpec) -> list[tuple[str, Sources]]:
    if spec.affinity is None:
        return []
    stem, views, scores = re.escape(spec.affinity.stem), _any(spec.scores), _scores(spec)
    return [
        (rf"\w+?__({stem}(?!liking|overlap)|{views}_(\d\d$|missing))", scores),
        (rf"\w+?__({stem}|{views}_|liking_)", (*scores, LABEL)),
    ]


def _scores(spec: ContentSpec) -> Sources:
    return tuple(f"{table}.score" for table in spec.scores.values())


def _any(names: Iterable[str]) -> str:
    """A pattern of any of the names."""
    return f"({'|'.join(map(re.escape, names))})"


def _embedded(registry: Registry, entity: Entity) -> Sources:
    """What the vectors of an entity are made of: columns that texts are put together from, then answers
    that states belong to."""
    mine = [(each, view) for each in registry.values() if each.entity is entity for view in each.views]
    texts = [
        f"{each.name}.{column}"
        for each, view in mine
        if isinstance(view, TextView)
        for column in view.text.meta.root_names()
    ]
    states = [f"{each.name}.content_key" for each, view in mine if isinstance(view, StateView)]
    return tuple(dict.fromkeys((*texts, *states)))


def named_of(registry: Registry) -> dict[str, dict[str, Sources]]:
    """Table -> column -> where it comes from, of all but the enrichments' own tables."""
    items, users = _embedded(registry, ITEM), _embedded(registry, USER)
    tables = dict.fromkeys(source.partition(".")[0] for source in users)
    scores = _scores(content_spec(registry))
    return NAMED | {
        ITEM_EMBEDDINGS.name: {"item_id": ("items.item_id",), "vector": (*TEXT, *items)},
        USER_EMBEDDINGS.name: {"user_id": tuple(f"{table}.user_id" for table in tables), "vector": users},
        ITEM_CODES.name: NAMED[ITEM_CODES.name] | {"codes": (VECTORS, *scores)},
    }


def derives_from(table: Table, columns: Iterable[str], registry: Registry) -> dict[str, Sources]:
    """Column -> the columns it comes from, as `table.column`; columns that come from nowhere are left out."""
    named = _named(table, registry)
    patterns = patterns_of(content_spec(registry)) if table.open else []
    found = {
        name: named.get(name) or (_feature(name, patterns) if name not in table.columns else ())
        for name in columns
    }
    return {name: sources for name, sources in found.items() if sources}


def _named(table: Table, registry: Registry) -> Mapping[str, Sources]:
    each = registry.get(table.name)
    if each is not None:
        keys = {name: (f"{KEYS[name]}.{name}",) for name in each.entity.key_columns if name in KEYS}
        return keys | {name: tuple(sources) for name, sources in each.sources.items()}
    return named_of(registry).get(table.name, {})


def _feature(name: str, patterns: Sequence[tuple[str, Sources]]) -> Sources:
    return next((sources for pattern, sources in patterns if re.match(pattern, name)), ())
