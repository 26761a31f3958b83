"""When things happen: the nightly and the weekly job, their schedules, and the partitions they share."""

from datetime import date, timedelta
from typing import Any

import dagster as dg

from nightshift.config import NightsSettings


def partitions(nights: NightsSettings) -> dg.DailyPartitionsDefinition:
    """One partition a night. A night `as_of` D knows events before D 00:00 UTC, so D exists as soon as D has begun."""
    end = nights.last + timedelta(days=1) if nights.last else None
    return dg.DailyPartitionsDefinition(
        start_date=nights.first.isoformat(), end_date=end.isoformat() if end else None, end_offset=0 if end else 1
    )


NIGHTLY = dg.AssetSelection.groups("sources", "items", "users", "rejected") | dg.AssetSelection.assets(
    "item_codes", "candidates", "item_features", "user_features"
)
WEEKLY = dg.AssetSelection.assets("ranking_examples", "ranking_scores", "lift")

nightly_enrichment = dg.define_asset_job(
    "nightly_enrichment",
    NIGHTLY,
    description="One night: read the sources, ask the models what is missing, publish every table and feature.",
    executor_def=dg.in_process_executor,
)
weekly_training = dg.define_asset_job(
    "weekly_training",
    WEEKLY,
    description="Build training rows from all nights so far, train every arm, and report what the features are worth.",
    executor_def=dg.in_process_executor,
)


def newest_night(nights: NightsSettings, today: date) -> str:
    """The night a schedule starts: today, or the last night of a replay."""
    return min(today, nights.last or today).isoformat()


def schedules(nights: NightsSettings) -> list[dg.ScheduleDefinition]:
    """`every_night` at 01:00 UTC, `every_week` on Mondays at 04:00 UTC; both off until switched on in the UI."""
    return [
        _schedule("every_night", nightly_enrichment, "0 1 * * *", nights, "Tonight's enrichment."),
        _schedule("every_week", weekly_training, "0 4 * * 1", nights, "This week's training and lift report."),
    ]


def _schedule(name: str, job: Any, cron: str, nights: NightsSettings, about: str) -> dg.ScheduleDefinition:
    def start(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = newest_night(nights, context.scheduled_execution_time.date())
        return dg.RunRequest(run_key=f"{name}-{night}", partition_key=night)

    return dg.ScheduleDefinition(name=name, job=job, cron_schedule=cron, execution_timezone="UTC", description=about, execution_fn=start)
