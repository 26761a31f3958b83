"""What rankers read of the registered enrichments, as one plain value (`ContentSpec`)."""

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from nightshift.enrichments.base import Enrichment, ScoreView, StateView, TextView
from nightshift.enrichments.entities import ITEM
from nightshift.errors import ConfigError
from nightshift.features.content_spec import ContentSpec, Feature, ItemView
from nightshift.features.specs import (
    Family,
    Number,
    OneHot,
    Overlap,
    PairScore,
    PreferenceMatch,
    Similarity,
    TagAffinity,
)

ORDER = (Similarity, TagAffinity, PreferenceMatch, Number, OneHot, Overlap, PairScore)
"""Kinds in the order of their columns; among equal ones the order of the registry."""
KINDS: dict[type, Literal["text", "state", "scores"]] = {
    TextView: "text",
    StateView: "state",
    ScoreView: "scores",
}
"""Views in the order of a night's content."""


def content_spec(registry: Mapping[str, Enrichment[Any]]) -> ContentSpec:
    """Views and features of all enrichments. Raises ConfigError for a name that two of them make, a view
    nobody makes, a column that is not there."""
    views = [
        ItemView(view.name, kind, each.name, family_of(each, registry))
        for made, kind in KINDS.items()
        for each in registry.values()
        for view in each.views
        if each.entity is ITEM and isinstance(view, made)
    ]
    features = [
        Feature(each.name, each.entity.name, spec, family_of(each, registry))
        for each in registry.values()
        for spec in each.features
    ]
    for one in features:
        _refuse_misplaced(one, registry)
    features.sort(key=lambda one: ORDER.index(type(one.spec)))
    return ContentSpec(tuple(views), tuple(features))


def family_of(each: Enrichment[Any], registry: Mapping[str, Enrichment[Any]]) -> Family:
    """`llm` where a language model answered for its rows, or for what they are computed from or fitted
    on."""
    if each.is_written:
        return "llm"
    read = [registry[name] for name in each.inputs if name in registry]
    return "llm" if any(family_of(one, registry) == "llm" for one in read) else "text"


def _refuse_misplaced(one: Feature, registry: Mapping[str, Enrichment[Any]]) -> None:
    spec = one.spec
    if one.entity not in spec.on:
        raise ConfigError(
            f"enrichment {one.table}: features of kind {spec.kind} are read of {' and '.join(spec.on)} "
            f"tables, not of {one.entity} tables"
        )
    for name in spec.reads(one.table):
        table, _, column = name.partition(".")
        if table not in registry:
            raise ConfigError(
                f"enrichment {one.table}: feature {spec.kind} reads {name!r}; write `table.column` of an "
                f"enrichment, one of {', '.join(registry)}"
            )
        known = registry[table].columns
        if column not in known:
            raise ConfigError(
                f"enrichment {one.table}: feature {spec.kind} reads column {column!r} of {table}, which has "
                f"{', '.join(known)}"
            )
    _refuse_type(one, registry)
    if isinstance(spec, Overlap):
        sides = {one.entity, registry[spec.other_table].entity.name}
        if sides != {"item", "user"}:
            raise ConfigError(
                f"enrichment {one.table}: an overlap compares a user's list with an item's; "
                f"{spec.other!r} is of the same side"
            )


def _refuse_type(one: Feature, registry: Mapping[str, Enrichment[Any]]) -> None:
    """Raise ConfigError for a column of a type that the kind cannot read."""
    spec = one.spec
    for name in spec.reads(one.table):
        table, _, column = name.partition(".")
        dtype = registry[table].columns[column].dtype
        if isinstance(spec, Number | PairScore):
            fits, wanted = dtype.is_numeric() or dtype == pl.Boolean, "a number"
        elif isinstance(spec, OneHot):
            fits, wanted = dtype == pl.String, "a choice, a String"
        else:
            fits, wanted = dtype == pl.List(pl.String), "a list of words, List(String)"
        if not fits:
            raise ConfigError(
                f"enrichment {one.table}: feature {spec.kind} reads {name}, which holds {dtype}; it takes "
                f"{wanted}"
            )
