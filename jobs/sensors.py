"""Sensors: a night starts when the sources changed; killed runs are found; somebody is told of failed
ones; old nights go when one ends."""

import json
import time
from datetime import UTC, date, datetime

import dagster as dg
from pydantic import ValidationError

from jobs.after_run import nights_of, tell_failure, tell_over_budget, tidy
from jobs.nights import newest_night, nightly_enrichment
from jobs.run_locks import LOCK, bury_the_dead
from nightshift.errors import NightshiftError, SourceError
from nightshift.night.config import Settings
from nightshift.sources import source_digest
from nightshift.sources.seen import Seen, look
from nightshift.storage.store import SOURCE_DIGEST, Store
from nightshift.tables import INTERACTIONS, ITEMS

SETTLED_SECONDS = 30.0
"""A file touched more recently may still be being written; the sensor looks again later."""
KILLED_SECONDS = 60
"""Seconds between two looks for runs that were killed."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """`new_sources`, `killed_night`, and those of `failed_night` and `finished_night` that the settings
    give something to do."""
    alerts = settings.alerts
    wanted = [_new_sources(settings), _killed_night(settings)]
    if alerts.webhook is not None and "failure" in alerts.events:
        wanted.append(_failed_night(settings))
    if settings.nights.keep_nights is not None or (
        alerts.webhook is not None and "over_budget" in alerts.events
    ):
        wanted.append(_finished_night(settings))
    return wanted


def _new_sources(settings: Settings) -> dg.SensorDefinition:
    sensor = settings.nights.sensor

    @dg.sensor(
        name="new_sources",
        job=nightly_enrichment,
        minimum_interval_seconds=sensor.minimum_interval_seconds,
        default_status=dg.DefaultSensorStatus[sensor.default_status.upper()],
        description="Starts tonight's night when a source file holds something new. A touched file with "
        "the same "
        "contents starts nothing.",
    )
    def new_sources(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        night = newest_night(settings.nights, datetime.now(UTC))
        if night < settings.nights.first:
            return dg.SkipReason(f"night {night} is before the first, {settings.nights.first} (nights.first)")
        if _is_running(context.instance, night):
            return dg.SkipReason(f"night {night} is running; the files are looked at when it has ended")
        return looked(settings, night, context.cursor)

    return new_sources


def looked(settings: Settings, night: date, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    """What the files say to somebody who saw them last as the cursor tells: start the night, or why not."""
    before = _seen(cursor)
    try:
        now = look(settings.sources, settings.root, before)
    except (SourceError, OSError) as error:
        return dg.SkipReason(f"the sources cannot be read: {error}")
    if before == now:
        return dg.SkipReason("no source file was touched since the last look")
    if time.time() - max(file.modified_ns for file in now.files.values()) / 1e9 < SETTLED_SECONDS:
        return dg.SkipReason(
            f"a source file was written in the last {SETTLED_SECONDS:.0f} seconds; it is read when it "
            f"has settled"
        )
    changed = now.changed_since(before or Seen(files={}))
    if not changed:
        return dg.SensorResult(
            skip_reason="source files were touched, their contents are the same", cursor=now.model_dump_json()
        )
    if has_read(settings, night):
        return dg.SensorResult(
            skip_reason=f"night {night} has been published from these files", cursor=now.model_dump_json()
        )
    tags = {"nightshift/changed": ", ".join(changed)[:200]}
    request = dg.RunRequest(run_key=f"{night}-{now.digest[:16]}", partition_key=night.isoformat(), tags=tags)
    return dg.SensorResult(run_requests=[request], cursor=now.model_dump_json())


def has_read(settings: Settings, night: date) -> bool:
    """Whether the night was published, whole to its last features, from the source files as they lie there
    now."""
    from nightshift.serving.complete_night import whole_night  # it brings SciPy and LightGBM

    try:
        tables = whole_night(Store(settings.home_folder), night).tables
    except NightshiftError:
        return False
    pairs = ((ITEMS, settings.sources.items), (INTERACTIONS, settings.sources.interactions))
    return all(
        tables[table.name].metadata.get(SOURCE_DIGEST) == source_digest(source, settings.root)
        for table, source in pairs
    )


def _seen(cursor: str | None) -> Seen | None:
    """What the cursor tells; None for a first look, or when another version wrote it."""
    try:
        return Seen.model_validate(json.loads(cursor)) if cursor else None
    except (ValidationError, json.JSONDecodeError):
        return None


def _is_running(instance: dg.DagsterInstance, night: date) -> bool:
    """Whether a run works on the night, be it the night's own or a backfill that has it among its nights."""
    return any(night in nights_of(run.tags) for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))


def _killed_night(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="killed_night",
        minimum_interval_seconds=KILLED_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs that a restart of the machine or a kill ended as failed, and frees their "
        "places "
        "in the pools.",
    )
    def killed_night(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        buried = bury_the_dead(context.instance, settings.home_folder / "dagster")
        return dg.SkipReason(
            f"marked as failed: {', '.join(run.run_id for run, _ in buried)}"
            if buried
            else "no run was killed"
        )

    return killed_night


def _failed_night(settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="failed_night",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts a failed run to alerts.webhook. Runs of the command line post for themselves.",
    )
    def failed_night(context: dg.RunFailureSensorContext) -> None:
        tell_failure(
            settings,
            context.instance,
            context.dagster_run,
            [*context.get_step_failure_events(), context.failure_event],
        )

    return failed_night


def _finished_night(settings: Settings) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="finished_night",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Removes nights beyond nights.keep_nights and posts nights cut short by their "
        "budget, as the "
        "settings say.",
    )
    def finished_night(context: dg.RunStatusSensorContext) -> None:
        if LOCK in context.dagster_run.tags or not nights_of(context.dagster_run.tags):
            return  # the command line has done it already
        tell_over_budget(settings, context.dagster_run)
        said = tidy(settings, context.dagster_run)
        if said:
            context.log.info(said)

    return finished_night
