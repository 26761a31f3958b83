"""What follows a run, however it was started: somebody is told, old nights go."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import dagster as dg

from jobs.signals import NAMES
from nightshift.enrichments.registry import asked, carried
from nightshift.night.alerts import Alert, post
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.storage.retention import removable, remove
from nightshift.storage.store import Store

TOLD = "nightshift/told"
"""Tag of a failed run that somebody was told of, so that nobody is told twice."""
PARTITION, RANGE_START, RANGE_END = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
"""Tags in which Dagster keeps a run's night, or its first and last."""
BACKFILL = "dagster/backfill"
"""Tag in which Dagster keeps the backfill that a run belongs to."""


def nights_of(tags: Mapping[str, str]) -> list[date]:
    """The nights a run was for, by its tags; none for a run without partitions."""
    if PARTITION in tags:
        return [date.fromisoformat(tags[PARTITION])]
    if RANGE_START not in tags:
        return []
    first, last = date.fromisoformat(tags[RANGE_START]), date.fromisoformat(tags[RANGE_END])
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def spelled(nights: list[date]) -> str:
    """A night, or the first and last of several."""
    return (
        " to ".join(dict.fromkeys([nights[0].isoformat(), nights[-1].isoformat()])) if nights else "no night"
    )


def named(run: dg.DagsterRun) -> str:
    """What a person would call the run: its job; for assets without one, which Dagster runs as
    `__ASSET_JOB`, their backfill."""
    if not run.job_name.startswith("__"):
        return run.job_name
    return f"backfill {run.tags[BACKFILL]}" if BACKFILL in run.tags else "materialization"


def first_failure(events: Iterable[dg.DagsterEvent]) -> tuple[str | None, str, str]:
    """Step, class and message of the error that ended a run; where no step failed, what Dagster says of
    the run."""
    said = "no step failed; see the run in the Dagster UI"
    for event in events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            if cause and cause.cls_name in NAMES:
                return (
                    event.step_key,
                    cause.cls_name or "",
                    "stopped by Ctrl-C or a signal; run the night again, and it goes on",
                )
            return (
                event.step_key,
                (cause.cls_name or "") if cause else "",
                cause.message.strip() if cause else "no message",
            )
        if event.event_type == dg.DagsterEventType.RUN_FAILURE:
            said = event.message or said
    return None, "", said


def tell_failure(
    settings: Settings, instance: dg.DagsterInstance, run: dg.DagsterRun, events: Iterable[dg.DagsterEvent]
) -> bool:
    """Tell of a failed run, once. Returns whether it was told and delivered now."""
    known = instance.get_run_by_id(run.run_id) or run
    if TOLD in known.tags:
        return False
    if settings.alerts.webhook is not None and "failure" in settings.alerts.events:
        instance.add_run_tags(run.run_id, {TOLD: "failure"})
    step, _, message = first_failure(events)
    return post(
        settings.alerts, Alert("failure", spelled(nights_of(run.tags)), named(run), step, message, run.run_id)
    )


def tell_over_budget(settings: Settings, run: dg.DagsterRun) -> bool:
    """Tell of nights whose budget did not afford every row. Returns whether it was delivered."""
    left = {night: count for night in nights_of(run.tags) if (count := deferred(Night(settings, night)))}
    if not left:
        return False
    message = "; ".join(
        f"{night}: {count:,} rows carry fallbacks and are first in line tomorrow"
        for night, count in left.items()
    )
    return post(
        settings.alerts, Alert("over_budget", spelled(list(left)), named(run), None, message, run.run_id)
    )


def deferred(night: Night) -> int:
    """Rows that tonight's budget did not afford, as the manifests record them."""
    tables = [name for name in asked(night.registry) if night.store.has(name, night.as_of)]
    return sum(int(night.store.manifest(table, night.as_of).metadata.get("deferred", 0)) for table in tables)


def tidy(settings: Settings, run: dg.DagsterRun) -> str | None:
    """Remove nights beyond `nights.keep_nights`; says what went, or nothing where nothing did."""
    if settings.nights.keep_nights is None:
        return None
    found = removable(
        Store(settings.home_folder),
        settings.nights.keep_nights,
        carried(settings.registry),
        nights_of(run.tags),
    )
    freed = remove(found)
    nights = len({one.as_of for one in found})
    return (
        f"kept {settings.nights.keep_nights} nights: removed {len(found)} tables of {nights} older "
        f"ones, {freed:,} bytes"
        if found
        else None
    )
