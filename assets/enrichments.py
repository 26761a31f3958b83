"""The asset of every enrichment, from its declaration: ask, put together, check, publish, show."""

import dataclasses
from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl

from assets.answering import MODEL_POOL, ask
from assets.declare import Events, TableAsset, manifests, publish
from assets.night_comparisons import COST, FALLBACK_SHARE, OPENINGS, REPEATED, fallen_back, spending
from assets.pictures import frequencies
from assets.resources import Nightshift
from assets.samples import each_origin
from nightshift.enrichments.base import Asked, Check, Computed, Enrichment, Fitted, Held, Recorded
from nightshift.enrichments.engine import Assembled, Step, settled
from nightshift.enrichments.fallbacks import counts, fallbacks
from nightshift.enrichments.registry import Registry, tables_of
from nightshift.night.checks import (
    coverage,
    not_scored,
    nothing_from_the_future,
    one_row_each,
    reject_share,
    repeated_answers,
    similar_openings,
)
from nightshift.night.night import Night
from nightshift.storage.store import Manifest
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT, Checked, Table

REJECT_SHARE = "The share of answers that were not accepted is below `checks.max_reject_share`."
COVERAGE = "The model has read nearly every {} (`checks.min_tag_coverage`)."
BIRTHDAY = "What was learnt comes out the same when everything from `fitted_until` on is dealt anew."
KINDS = {
    Asked: frozenset({"ai", "beam"}),
    Computed: frozenset({"polars"}),
    Fitted: frozenset({"numpy", "polars"}),
    Recorded: frozenset({"ai", "polars"}),
}
"""What an asset is made with, by its maker."""
FUTURE = "No {}'s {} is at or after the night."


def assets_of(registry: Registry) -> list[TableAsset]:
    """One asset an enrichment."""
    return [_asset(each, registry) for each in registry.values()]


def _asset(each: Enrichment[Any], registry: Registry) -> TableAsset:
    tables = tables_of(registry)

    def body(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
        yield from _night(context, nightshift.night(context), each.name)

    return TableAsset(
        table=each.table,
        body=body,
        group=each.entity.group,
        kinds=KINDS[type(each.maker)],
        deps=[tables[name] for name in each.waits_for],
        checks=_checks(each),
        pool=MODEL_POOL if each.is_asked else None,
        about=each.details,
        code=_code(each),
    )


def _code(each: Enrichment[Any]) -> Callable[..., Any]:
    maker = each.maker
    return maker.prompt if isinstance(maker, Asked) and hasattr(maker.prompt, "__code__") else _night


def _checks(each: Enrichment[Any]) -> dict[str, str]:
    """What holds of a table of its kind, and what the declaration adds."""
    every: dict[str, str] = {}
    if each.complete:
        every["one_row_each"] = f"Every {each.entity.every} has exactly one row."
    for name in _moments(each.table):
        every["nothing_from_the_future"] = FUTURE.format(each.entity.name, name.replace("_", " "))
    if each.complete:
        every[_named("reject_share", not each.entity.few)] = REJECT_SHARE
        every |= {} if each.entity.few else {"warn:fallback_share": FALLBACK_SHARE}
    if each.written_text:
        every |= {"warn:repeated_answers": REPEATED, "warn:similar_openings": OPENINGS}
    if each.is_asked and not each.complete:
        every["coverage"] = COVERAGE.format(each.entity.name)
    every |= {"future_shuffle": BIRTHDAY} if each.is_fitted else {}
    every |= {_named(check.name, check.blocking): check.says for check in each.checks}
    return every | ({"warn:cost": COST} if each.is_asked else {})


def _manifested(each: Enrichment[Any]) -> tuple[str, ...]:
    return each.waits_for if each.is_fitted else each.inputs


def _named(name: str, blocking: bool) -> str:
    return name if blocking else f"warn:{name}"


def _moments(table: Table) -> list[str]:
    return [
        name for name, column in table.columns.items() if column.dtype == MOMENT and name not in table.key
    ]


def _night(context: dg.AssetExecutionContext, night: Night, name: str) -> Events:
    """One night of an enrichment."""
    step = night.step(name)
    numbers = ask(context, night, step) if step.each.is_asked else {}
    made = settled(step)
    yield from publish(
        night,
        step.each.table,
        made.frame,
        _held(night, step, made, numbers.get("deferred", 0)),
        inputs=manifests(
            night, *(night.tables[table] for table in _manifested(step.each) if table in night.tables)
        ),
        known=_known(night, step, made),
        rejects=made.rejects if step.each.is_written and not step.chooses else None,
        fallbacks=_fallbacks(step, made, numbers),
        numbers=numbers | _numbers(step, made),
        draw=lambda: _drawn(night, step.each, made.frame),
        sample=_sample(night, step.each, made.frame),
    )


def _held(night: Night, step: Step, made: Assembled, deferred: int) -> list[Checked]:
    """The checks' outcomes."""
    each, frame, limits = step.each, made.frame, night.settings.checks
    found = [nothing_from_the_future(frame, name, night.moment) for name in _moments(each.table)]
    if each.complete:
        refused = reject_share(made.rejects, made.answered, limits.max_reject_share)
        rows, key = (frame, step.rows), each.entity.key_columns[0]
        if len(each.entity.key) > 1:
            rows, key = (each.entity.with_row_id(frame), each.entity.with_row_id(step.rows)), "row_id"
        found += [one_row_each(*rows, key)]
        found += [dataclasses.replace(refused, blocking=not each.entity.few)]
        found += [] if each.entity.few else [fallen_back(night, each.table, frame, deferred)]
    if each.written_text:
        found += [look(frame, limits, each.written_text) for look in (repeated_answers, similar_openings)]
    if each.is_asked and not each.complete:
        found += [_covered(night, step, frame, deferred)]
    found += [_birthday(made)] if each.is_fitted else []
    found += [_own(step, check, frame, limits) for check in each.checks]
    return found + ([spending(night, each.name)] if each.is_asked else [])


def _birthday(made: Assembled) -> Checked:
    """A new fit is proved before it is kept; one that is kept was."""
    if made.fit is None:
        return Checked("future_shuffle", True, "no fit yet: too few nights or events lie before the first")
    took, until = made.fit.differences, f"{made.fit.fitted_until:%Y-%m-%d}"
    found = "; ".join(map(str, took[:3])) or f"fitted until {until}; it depends on nothing that came later"
    return Checked("future_shuffle", not took, found, numbers={"differences": len(took)})


def _known(night: Night, step: Step, made: Assembled) -> dict[str, Manifest]:
    """Manifests of the earlier nights that a fit has read: they are kept as long as it is."""
    if made.fit is None:
        return {}
    tables = [night.tables[name] for name in step.each.inputs if name != INTERACTIONS.name]
    day = made.fit.fitted_until.date()
    known = {table.name: night.store.newest(table, day) for table in tables}
    return {name: night.store.manifest(name, found) for name, found in known.items() if found is not None}


def _covered(night: Night, step: Step, frame: pl.DataFrame, deferred: int) -> Checked:
    if step.chooses and not night.settings.llm.can_score:
        return not_scored(night.settings.llm.backend)
    of = f"{step.each.entity.name}s read by the model or deferred by the budget"
    read = frame.select(step.each.entity.key_columns).n_unique()
    wanted = step.rows.height
    if night.settings.llm.is_recorded:  # what nobody recorded is not missing
        wanted = night.askable(step.each.name, step.requests).height
    return coverage(read + deferred, wanted, night.settings.checks.min_tag_coverage, of)


def _own(step: Step, check: Check, frame: pl.DataFrame, limits: Any) -> Checked:
    limit = float(getattr(limits, check.limit)) if check.limit else 0.0
    return dataclasses.replace(check.run(Held(step.context, frame, limit)), blocking=check.blocking)


def _fallbacks(step: Step, made: Assembled, numbers: dict[str, Any]) -> dict[str, int]:
    if not step.each.is_written:
        return {}
    return fallbacks(made.frame) | ({} if step.each.complete else {"deferred": numbers.get("deferred", 0)})


def _numbers(step: Step, made: Assembled) -> dict[str, Any]:
    """Rows by origin, or how many rows the model has read."""
    each = step.each
    if each.complete:
        return {f"origin: {origin}": n for origin, n in counts(made.frame).items()}
    if made.fit is not None:
        return {"fitted until": str(made.fit.fitted_until.date()), "fit": made.fit.digest[:8]}
    if not each.is_written:
        return {}
    read = made.frame.select(each.entity.key_columns).n_unique()
    return {f"{each.entity.name}s read": read, "coverage": round(read / max(step.rows.height, 1), 4)}


def _drawn(night: Night, each: Enrichment[Any], frame: pl.DataFrame) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column, title in each.pictures.items():
        shown |= frequencies(night, each.table, column, frame, title)
    return shown


def _sample(night: Night, each: Enrichment[Any], frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that stand for the table, items with their titles."""
    shown = each.sample or (each_origin if each.is_written else pl.DataFrame.head)
    rows = shown(frame)
    return _titled(rows, night.store.read(ITEMS, night.as_of)) if "item_id" in each.entity.key else rows


def _titled(sample: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The sample with each item's title after its id."""
    titles = items.select("item_id", "title")
    titled = sample.select("item_id").join(titles, on="item_id", how="left", maintain_order="left")
    return titled.hstack(sample.drop("item_id"))
