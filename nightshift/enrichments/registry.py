"""Every enrichment there is, by name, in the order in which a night works: inputs first, then their turn."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nightshift.enrichments
from nightshift.enrichments.base import Enrichment, TextView
from nightshift.enrichments.entities import NOT_MAPPED
from nightshift.errors import ConfigError
from nightshift.features.specs import refuse_unused
from nightshift.tables import TABLES, Table

Registry = Mapping[str, Enrichment[Any]]


@cache
def built_in() -> Registry:
    """Ours: the packages of `nightshift.enrichments` that hold an `enrichment` module."""
    found = [
        importlib.import_module(f"nightshift.enrichments.{module.name}.enrichment").ENRICHMENT
        for module in pkgutil.iter_modules(nightshift.enrichments.__path__)
        if module.ispkg
    ]
    return registry_of(found)


@cache
def by_default() -> Registry:
    """Ours, those that are on where nothing is set."""
    return enabled(built_in(), lambda each: each.settings())


def registry_with(folder: Path | None) -> Registry:
    """Ours and those of a user's folder."""
    return built_in()


def registry_of(found: Iterable[Enrichment[Any]]) -> Registry:
    """The enrichments in order. Raises ConfigError for a name twice, an unknown table, a cycle, a feature
    nobody reads."""
    named: dict[str, Enrichment[Any]] = {}
    for each in found:
        if each.name in named or each.name in _base_tables():
            taken = named[each.name].place or "nightshift" if each.name in named else "a table of every night"
            raise ConfigError(
                f"{each.place or each.name}: the name {each.name!r} is taken by {taken}; take another"
            )
        refuse_unused(each.name, each.features)
        named[each.name] = each
    _check_inputs(named)
    return MappingProxyType({each.name: each for each in _ordered(named)})


def enabled(registry: Registry, settings: Callable[[Enrichment[Any]], Any]) -> Registry:
    """Those that are on. Raises ConfigError for one that reads a table that is off."""
    on = {name: each for name, each in registry.items() if each.enabled(settings(each))}
    for each in on.values():
        off = [table for table in each.inputs if table in registry and table not in on]
        if off:
            raise ConfigError(
                f"{each.place or each.name}: reads {off[0]!r}, which is off; switch it on, or this one off"
            )
    return MappingProxyType(on) if len(on) < len(registry) else registry


@cache
def _base_tables() -> Mapping[str, Table]:
    return TABLES


def _check_inputs(named: Mapping[str, Enrichment[Any]]) -> None:
    known = {*named, *_base_tables()}
    for each in named.values():
        if each.entity.unmapped and each.entity.unmapped not in known:
            of = NOT_MAPPED.format(source=each.entity.unmapped)
            raise ConfigError(f"{each.place or each.name}: entity {each.entity.name}: {of}")
        for table in each.inputs:
            if table not in known:
                listed = ", ".join(sorted({*named, "items", "interactions"}))
                raise ConfigError(
                    f"{each.place or each.name}: reads {table!r}, which is no table; there are {listed}"
                )


def _ordered(named: Mapping[str, Enrichment[Any]]) -> list[Enrichment[Any]]:
    """Inputs before what reads them; among those that are ready, by turn and name."""
    left, done = dict(named), list[Enrichment[Any]]()
    while left:
        ready = [each for each in left.values() if not set(each.inputs) & set(left)]
        if not ready:
            circle = " reads ".join(_circle(left))
            raise ConfigError(
                f"enrichments read each other in a circle: {circle}; take one of the `reads` out"
            )
        first = min(ready, key=lambda each: (each.turn, each.name))
        done.append(left.pop(first.name))
    return done


def _circle(left: Mapping[str, Enrichment[Any]]) -> list[str]:
    walked = [next(iter(left))]
    while walked.count(walked[-1]) < 2:
        walked.append(next(table for table in left[walked[-1]].inputs if table in left))
    return walked[walked.index(walked[-1]) :]


def asked(registry: Registry) -> tuple[str, ...]:
    """Tables that a language model works for, in the order in which they draw on the budget."""
    return tuple(each.name for each in registry.values() if each.is_asked)


def fitted(registry: Registry) -> tuple[str, ...]:
    """Tables whose rows come from a fit."""
    return tuple(each.name for each in registry.values() if each.is_fitted)


def tables_of(registry: Registry) -> dict[str, Table]:
    """Every table of a night: sources, enrichments, and what is made of them."""
    first = ("items", "interactions")
    made = {each.name: each.table for each in registry.values()}
    base = _base_tables()
    rest = {name: table for name, table in base.items() if name not in first and name not in made}
    return {name: base[name] for name in first} | made | rest


def carried(registry: Registry) -> tuple[str, ...]:
    """Tables whose next night reads the one before."""
    return tuple(each.name for each in registry.values() if each.is_written and each.fallback.carried)


def text_views(registry: Registry) -> tuple[str, ...]:
    """Names of the views that an encoder makes of what was written."""
    names = [view.name for each in registry.values() for view in each.views if isinstance(view, TextView)]
    return tuple(dict.fromkeys(names))
