"""When things happen: the nightly and the weekly job, their schedules, and the partitions they share."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator

from nightshift.errors import ConfigError
from nightshift.night.schedule import NightsSettings

DAILY = timedelta(hours=36)
"""Longest time between two ticks of a schedule that means every night: a day is 23 to 26 hours long where
clocks change. A schedule that leaves out days (weekdays, once a week) means the night of its tick and no
other."""


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


def begun_by(cron: str, zone: str, tick: datetime) -> list[date]:
    """The nights that a tick starts: those that have begun in UTC since the tick before, as if nights went
    on for ever.

    One, save where the clock change moves the schedule's hour across 00:00 UTC: in Berlin 01:00 is 23:00
    UTC of the day before in summer and 00:00 UTC in winter, so the first tick of winter starts two nights
    and the first of summer none. A moment between two ticks starts the night it lies in.
    """
    newest = tick.astimezone(UTC).date()
    before = _tick_before(cron, zone, tick)
    if before is None or before.astimezone(ZoneInfo(zone)).date() == tick.astimezone(ZoneInfo(zone)).date():
        return [newest]
    first = before.astimezone(UTC).date() + timedelta(days=1)
    return [first + timedelta(days=day) for day in range((newest - first).days + 1)]


def _tick_before(cron: str, zone: str, tick: datetime) -> datetime | None:
    """When a daily schedule ticked before this tick; None for a moment that is no tick, or where days are
    left out."""
    found = []
    for time in schedule_execution_time_iterator(
        (tick - DAILY).timestamp(), cron, zone
    ):  # as the daemon goes, upwards
        found.append(time.timestamp())
        if found[-1] >= tick.timestamp():
            break
    return (
        datetime.fromtimestamp(found[-2], UTC) if len(found) > 1 and found[-1] == tick.timestamp() else None
    )


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
        tick = context.scheduled_execution_time
        night, begun = newest_night(nights, tick), begun_by(cron, nights.timezone, tick)
        due = sorted({min(day, nights.last or day) for day in begun if day >= nights.first})
        if not begun:
            yield dg.SkipReason(
                f"night {night} was started by the tick before this one: the clock has changed since"
            )
        elif not due:
            yield dg.SkipReason(f"night {night} is before the first, {nights.first} (nights.first)")
        for day in due:
            yield dg.RunRequest(run_key=f"{name}-{day}", partition_key=day.isoformat())

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=nights.timezone,
        description=f"{about} It runs for every day that has begun in UTC since the last tick, once.",
        execution_fn=start,
        default_status=dg.DefaultScheduleStatus[nights.default_status.upper()],
    )
