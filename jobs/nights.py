"""When things happen: the nightly and the weekly job, their schedules, and the partitions they share."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from nightshift.errors import ConfigError
from nightshift.night.schedule import NightsSettings


def partitions(nights: NightsSettings) -> dg.DailyPartitionsDefinition:
    """One partition a night. A night `as_of` D knows events before D 00:00 UTC, so D exists as soon as D
    has begun."""
    end = nights.last + timedelta(days=1) if nights.last else None
    return dg.DailyPartitionsDefinition(
        start_date=nights.first.isoformat(),
        end_date=end.isoformat() if end else None,
        end_offset=0 if end else 1,
    )


NIGHTLY = dg.AssetSelection.groups("sources", "items", "users", "rejected") | dg.AssetSelection.assets(
    "item_codes", "candidates", "item_features", "user_features"
)
WEEKLY_TABLES = ("ranking_examples", "ranking_scores", "lift")
WEEKLY = dg.AssetSelection.assets(*WEEKLY_TABLES)

nightly_enrichment = dg.define_asset_job(
    "nightly_enrichment",
    NIGHTLY,
    description="One night: read the sources, ask the models what is missing, publish every table "
    "and feature.",
    executor_def=dg.in_process_executor,
)
weekly_training = dg.define_asset_job(
    "weekly_training",
    WEEKLY,
    description="Build training rows from all nights so far, train every arm, and report what the "
    "features are "
    "worth.",
    executor_def=dg.in_process_executor,
)


def newest_night(nights: NightsSettings, now: datetime) -> date:
    """The night that has begun: the day of a moment in UTC, wherever its clock stands, or the last night
    of a replay.

    02:00 in Berlin in winter is 01:00 UTC of the same day; 01:30 there in summer is 23:30 UTC, still the
    day before.
    """
    today = now.astimezone(UTC).date()
    return min(today, nights.last or today)


def between(nights: NightsSettings, first: date, last: date, now: datetime) -> list[date]:
    """Every night from one to another, both included. Raises ConfigError unless they are nights, and in
    order."""
    newest = newest_night(nights, now)
    if last < first:
        raise ConfigError(f"--to {last} is before --from {first}; name the earlier night first")
    if first < nights.first or last > newest:
        raise ConfigError(
            f"--from {first} --to {last} leaves the nights there are: {nights.first} (nights.first) "
            f"to {newest}"
        )
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def schedules(nights: NightsSettings) -> list[dg.ScheduleDefinition]:
    """`every_night` and `every_week`, when and where nightshift.yaml says. Raises ConfigError for a time
    no clock shows."""
    try:
        return [
            _schedule("every_night", nightly_enrichment, nights.schedule, nights, "Tonight's enrichment."),
            _schedule(
                "every_week",
                weekly_training,
                nights.training_schedule,
                nights,
                "This week's training and lift report.",
            ),
        ]
    except dg.DagsterInvalidDefinitionError as error:
        raise ConfigError(
            f"nights.schedule {nights.schedule!r} or nights.training_schedule "
            f"{nights.training_schedule!r} is not a time that cron knows; "
            "write minute hour day-of-month month day-of-week, such as '0 1 * * *'"
        ) from error


def _schedule(name: str, job: Any, cron: str, nights: NightsSettings, about: str) -> dg.ScheduleDefinition:
    def start(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        night = newest_night(nights, context.scheduled_execution_time)
        if night < nights.first:
            yield dg.SkipReason(f"night {night} is before the first, {nights.first} (nights.first)")
        else:
            yield dg.RunRequest(run_key=f"{name}-{night}", partition_key=night.isoformat())

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=nights.timezone,
        description=f"{about} It runs for the day that has begun in UTC, once.",
        execution_fn=start,
        default_status=dg.DefaultScheduleStatus[nights.default_status.upper()],
    )
