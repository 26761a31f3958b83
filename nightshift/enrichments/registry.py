"""Every enrichment there is, by name, in the order in which a night works: inputs first, then their turn."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nightshift.enrichments
from nightshift.enrichments.base import Enrichment, TextView
from nightshift.enrichments.entities import NOT_MAPPED
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.files import Stamp, from_file, installed, stamp, stamps
from nightshift.errors import ConfigError, meant_of_all
from nightshift.features.specs import refuse_unused
from nightshift.tables import TABLES, Table

Registry = Mapping[str, Enrichment[Any]]
NOT_ENRICHMENTS = ("declared",)
"""Packages here that hold none."""
SOURCE_VIEWS = ("raw", "template")
"""Views of items that are there without any enrichment."""


@cache
def built_in() -> Registry:
    """Ours: the packages of `nightshift.enrichments` that hold an `enrichment` module."""
    found = [
        importlib.import_module(f"nightshift.enrichments.{module.name}.enrichment").ENRICHMENT
        for module in pkgutil.iter_modules(nightshift.enrichments.__path__)
        if module.ispkg and module.name not in NOT_ENRICHMENTS
    ]
    return registry_of(found)


@cache
def by_default() -> Registry:
    """Ours, those that are on where nothing is set."""
    return enabled(built_in(), lambda each: each.settings())


def registry_with(folder: Path | None, files: Sequence[Path] = ()) -> Registry:
    """Ours, those of installed packages, and those of a user's folder and files, read again when one changes.

    Raises ConfigError that names the file.
    """
    return _registry((*(stamps(folder) if folder else ()), *map(stamp, files)))


@lru_cache(maxsize=16)
def _registry(stamped: tuple[Stamp, ...]) -> Registry:
    """Ours where nothing else is there: then the very same object."""
    more = [*installed(), *(from_file(Path(path)) for path, *_ in stamped)]
    return registry_of([*built_in().values(), *more]) if more else built_in()


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
    _check_views(named)
    _check_inputs(named)
    whole = MappingProxyType({each.name: each for each in _ordered(named)})
    content_spec(whole)
    return whole


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


def _check_views(named: Mapping[str, Enrichment[Any]]) -> None:
    taken: dict[tuple[str, str], str] = {("item", view): "the sources" for view in SOURCE_VIEWS}
    for each in named.values():
        for view in each.views:
            owner = taken.setdefault((each.entity.name, view.name), each.name)
            if owner != each.name:
                raise ConfigError(
                    f"{each.place or each.name}: a view {view.name!r} of {each.entity.name}s is there "
                    f"already, by {owner}; take another name"
                )


def _check_inputs(named: Mapping[str, Enrichment[Any]]) -> None:
    known = {*named, *_base_tables()}
    for each in named.values():
        if each.entity.unmapped and each.entity.unmapped not in known:
            of = NOT_MAPPED.format(source=each.entity.unmapped)
            raise ConfigError(f"{each.place or each.name}: entity {each.entity.name}: {of}")
        for table in each.inputs:
            if table not in known:
                there = sorted({*named, "items", "interactions"})
                raise ConfigError(
                    f"{each.place or each.name}: reads {table!r}, which is no table; "
                    f"{meant_of_all(table, there)}"
                )


def _ordered(named: Mapping[str, Enrichment[Any]]) -> list[Enrichment[Any]]:
    """Inputs before what reads them; among those that are ready, by turn and name."""
    left, done = dict(named), list[Enrichment[Any]]()
    while left:
        ready = [each for each in left.values() if not set(each.inputs) & set(left)]
        if not ready:
            circle = " reads ".join(_circle(left))
            places = sorted({each.place for each in left.values() if each.place})
            where = f"{', '.join(places)}: " if places else ""
            raise ConfigError(
                f"{where}enrichments read each other in a circle: {circle}; take one of the `reads` out"
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
