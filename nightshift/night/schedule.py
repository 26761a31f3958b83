"""Which nights there are, when they start by themselves, when they are overdue and how many of them are
kept."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator, model_validator

from nightshift.cron import checked_cron
from nightshift.days import Day

Status = Literal["running", "stopped"]
"""Dagster's words for a schedule or sensor that is on or off."""
UNKNOWN_ZONE = "no time zone of that name; use an IANA name such as UTC, Europe/Berlin or America/New_York"


class SensorSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """The sensor `new_sources`, which starts a night when the source files hold something new. Changes no
    answer and no table."""

    default_status: Status = "stopped"
    """Whether it is on before anyone has switched it in the UI. A switch in the UI wins."""
    minimum_interval_seconds: int = Field(300, ge=30)
    """Seconds between two looks at the files. Names, sizes and times are looked at first; contents are
    read only when those moved."""


class NightsSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which nights there are, when they start by themselves and how long they are kept. None of it is part
    of a content key."""

    first: Day
    """The first night: the first partition of every asset."""
    last: Day | None = None
    """The last night, for replays of old data. None: nights go on for ever."""
    schedule: str = "0 1 * * *"
    """When the schedule `every_night` starts a night, in cron's five fields, read in `timezone`. The night
    it starts is the day that has begun in UTC by then: it knows events strictly before 00:00 UTC. Where
    the clock change moves the hour across 00:00 UTC, a tick in autumn starts two nights and one in spring
    none: no night is lost."""
    training_schedule: str = "0 4 * * 1"
    """When `every_week` trains and reports, in cron's five fields, read in `timezone`."""
    timezone: str = "UTC"
    """IANA time zone of both schedules, `Europe/Berlin`. Moves the hour of the start, never what a night
    knows: nights are UTC days."""
    default_status: Status = "stopped"
    """Whether both schedules are on before anyone has switched them in the UI. A switch in the UI wins."""
    sensor: SensorSettings = SensorSettings()
    """The sensor that starts a night when the source files change."""
    overdue_after_hours: float | None = Field(30.0, ge=1)
    """Hours after which a nightly table that was not published again is overdue: its freshness in the UI
    turns to failed. Nothing stops. None: never overdue. Replays (with `last`) are never overdue."""
    keep_nights: int | None = Field(None, ge=1)
    """Nights whose tables are kept; older ones are removed at the end of a night, save what newer ones
    still need (docs/scheduling.md). The ledger and the models are never touched. Training reads only kept
    nights. None: every night is kept."""

    @field_validator("schedule", "training_schedule")
    @classmethod
    def _cron(cls, cron: str) -> str:
        return checked_cron(cron)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(UNKNOWN_ZONE) from error
        return zone

    @model_validator(mode="after")
    def _in_order(self) -> "NightsSettings":
        if self.last is not None and self.last < self.first:
            raise ValueError(
                f"last {self.last} is before first {self.first}, so there is no night; exchange them"
            )
        return self


def steadier_schedule(nights: NightsSettings, day: date) -> str | None:
    """The next hour of the day that stays on one side of 00:00 UTC in the year after `day`, where the
    schedule's own hour does not.

    None where it does, and for schedules of more than one plain hour and minute, which start every night
    at one of them.
    """
    minute, hour, *rest = nights.schedule.split()
    if not (minute.isdigit() and hour.isdigit()) or not _crosses(
        int(hour), int(minute), nights.timezone, day
    ):
        return None
    hours = (h % 24 for h in range(int(hour) + 1, int(hour) + 24))
    steady = next((h for h in hours if not _crosses(h, int(minute), nights.timezone, day)), None)
    return None if steady is None else " ".join((minute, str(steady), *rest))


def _crosses(hour: int, minute: int, zone: str, day: date) -> bool:
    """Whether a time of the clock lies on another day in UTC after the clock has changed."""
    days = (day + timedelta(days=number) for number in range(366))
    clocks = (datetime.combine(each, time(hour, minute), ZoneInfo(zone)) for each in days)
    return len({clock.astimezone(UTC).date() - clock.date() for clock in clocks}) > 1
