"""A run of several nights, such as a backfill from the UI: every asset works off the nights in order, in
one process.

The model is loaded once and each night costs what it lacks. Should a night fail, its asset fails with the
night's message; the nights before it are first brought to their end, so that they are published whole, and
the nights after it wait.
"""

import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg

from nightshift.errors import NightFailed, NightshiftError

Event = Any
"""What a body yields: `AssetCheckResult`s and one `MaterializeResult`, in which Dagster's class is
generic."""
Body = Callable[..., Iterator[Event]]
BODIES: dict[str, Body] = {}
"""What builds a night of each table, by the table's name."""


class OneNight:
    """A run's context that knows of one of the run's nights only; everything else is the context's own."""

    def __init__(self, context: dg.AssetExecutionContext, night: str) -> None:
        self._context, self.partition_key = context, night

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@dataclass
class Built:
    """What the body of one table gave for one night."""

    checks: list[dg.AssetCheckResult] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None


def over_nights(table: str, body: Body) -> Body:
    """The body of an asset that works for one night, made to work for every night of its run."""
    BODIES[table] = body

    @functools.wraps(body)
    def each_night(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Event]:
        if context.has_partition_key:
            yield from body(context, *args, **kwargs)
        else:
            yield from _in_order(context, table, *args, **kwargs)

    return each_night


def _in_order(context: dg.AssetExecutionContext, table: str, *args: Any, **kwargs: Any) -> Iterator[Event]:
    nights, built = list(context.partition_keys), dict[str, Built]()
    for night in nights:
        context.log.info(f"{table}: night {night}, {len(built) + 1} of {len(nights)}")
        built[night] = _build(context, night, table, *args, **kwargs)
        if built[night].error is not None:
            yield from _stopped(context, table, nights, built, *args, **kwargs)
    for night, one in built.items():
        context.add_asset_metadata(one.metadata, partition_key=night)
    yield dg.MaterializeResult(check_results=_together(built))


def _build(context: dg.AssetExecutionContext, night: str, table: str, *args: Any, **kwargs: Any) -> Built:
    built = Built()
    try:
        for event in BODIES[table](cast(dg.AssetExecutionContext, OneNight(context, night)), *args, **kwargs):
            if isinstance(event, dg.AssetCheckResult):
                built.checks.append(event)
            else:
                built.checks.extend(event.check_results)
                built.metadata |= event.metadata or {}
    except Exception as error:  # whatever it is, the nights before this one must be finished first
        built.error = error
    return built


def _together(built: dict[str, Built]) -> list[dg.AssetCheckResult]:
    """One result a check: passed where every night passed, else in the words of the first nights that did
    not."""
    named: dict[str, list[tuple[str, dg.AssetCheckResult]]] = {}
    for night, one in built.items():
        for check in one.checks:
            named.setdefault(str(check.check_name), []).append((night, check))
    return [_worst(results) for results in named.values()]


def _worst(results: Sequence[tuple[str, dg.AssetCheckResult]]) -> dg.AssetCheckResult:
    newest = results[-1][1]
    said = [f"{night}: {check.description}" for night, check in results if not check.passed]
    words = "; ".join(said[:3]) if said else f"{len(results)} nights passed; the newest: {newest.description}"
    return dg.AssetCheckResult(
        passed=not said,
        asset_key=newest.asset_key,
        check_name=newest.check_name,
        severity=newest.severity,
        metadata=newest.metadata,
        description=words,
    )


def _stopped(
    context: dg.AssetExecutionContext,
    table: str,
    nights: list[str],
    built: dict[str, Built],
    *args: Any,
    **kwargs: Any,
) -> Iterator[Event]:
    """Tell what there is of the nights before the failed one, finish them, and fail with the failed
    night's message."""
    *good, failed = built
    error = built[failed].error
    assert error is not None
    yield from _together({failed: built[failed]})
    if not good:
        raise error
    yield from (_materialized(table, night, built[night]) for night in good)
    whole = yield from _finished(context, table, good, *args, **kwargs)
    waiting = nights[len(built) :]
    words = [f"night {failed}: {error}", f"Published whole before it: {', '.join(whole) or 'none'}"]
    words += [f"Not begun: {', '.join(waiting)}"] if waiting else []
    raise (type(error) if isinstance(error, NightshiftError) else NightFailed)(
        ". ".join(words) + ". Run the failed nights again."
    ) from error


def _finished(
    context: dg.AssetExecutionContext, table: str, nights: list[str], *args: Any, **kwargs: Any
) -> Generator[Event, None, list[str]]:
    """Build what the run still owes these nights. Returns those that are whole; a night that fails here
    ends it."""
    whole: list[str] = []
    for night in nights:
        for owed in _owed(context, table, night):
            context.log.info(f"{owed}: night {night}, because a later night failed in {table}")
            one = _build(context, night, owed, *args, **kwargs)
            if one.error is not None:
                context.log.error(f"{owed} of {night} failed as well: {one.error}")
                return whole
            yield _materialized(owed, night, one)
        whole.append(night)
    return whole


def _owed(context: dg.AssetExecutionContext, table: str, night: str) -> list[str]:
    """Tables of this run that were not yet materialized for the night, inputs first."""
    layer = context.op_execution_context.job_def.asset_layer
    done = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ).records
    keys = {(record.asset_key, record.partition_key) for record in done}
    wanted = context.run.asset_selection or layer.executable_asset_keys
    ordered = [
        key for key in layer.asset_graph.toposorted_asset_keys if key in wanted and (key, night) not in keys
    ]
    return [key.to_user_string() for key in ordered if key.to_user_string() != table]


def _materialized(table: str, night: str, built: Built) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(table, partition=night, metadata=built.metadata)
