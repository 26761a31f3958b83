"""No night is lost, and none is started twice, where clocks change: every zone of the year, every hour of
the day."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from jobs.check import checked
from jobs.graph import build
from jobs.nights import begun_by
from nightshift.night.config import load_settings
from nightshift.night.schedule import NightsSettings, steadier_schedule
from tests.shop import Shop

DAY = timedelta(days=1)


@cache
def clocks() -> list[tuple[str, tuple[date, ...]]]:
    """A zone for every different calendar of clock changes in 2026, with the days of its changes."""
    days = [datetime(2026, 1, 1, tzinfo=UTC) + n * DAY for n in range(366)]
    found: dict[tuple[Any, ...], str] = {}
    for zone in sorted(available_timezones()):
        found.setdefault(tuple(day.astimezone(ZoneInfo(zone)).utcoffset() for day in days), zone)
    return [
        (zone, tuple(days[n].date() for n in range(1, 366) if offsets[n] != offsets[n - 1]))
        for offsets, zone in found.items()
    ]


def ticks(cron: str, zone: str, begin: date, end: date) -> list[datetime]:
    start = datetime(begin.year, begin.month, begin.day, tzinfo=UTC).timestamp()
    found = []
    for tick in schedule_execution_time_iterator(start, cron, zone, ascending=True):
        if tick.astimezone(UTC).date() > end:
            return found
        found.append(tick)
    return found


def started(cron: str, zone: str, begin: date, end: date) -> Counter[date]:
    return Counter(night for tick in ticks(cron, zone, begin, end) for night in begun_by(cron, zone, tick))


def test_a_daily_hour_starts_every_night_once_around_every_clock_change_of_every_zone() -> None:
    changing = [(zone, day) for zone, changes in clocks() for day in changes]
    assert len(changing) > 20
    for zone, change in changing:
        for hour in range(24):
            begin, end = change - 3 * DAY, change + 3 * DAY
            found = started(f"30 {hour} * * *", zone, begin, end)
            inner = [begin + n * DAY for n in range(2, 6)]
            assert all(found[night] == 1 for night in inner), (zone, hour, found)


@pytest.mark.parametrize("cron", ["0 1 * * *", "0 0 * * *", "30 2 * * *", "0 2 * * *", "59 1 * * *"])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "America/New_York"]
)
def test_a_year_has_every_night_once(cron: str, zone: str) -> None:
    found = started(cron, zone, date(2026, 1, 1), date(2026, 12, 31))
    inner = [date(2026, 1, 3) + n * DAY for n in range(360)]
    assert {night: found[night] for night in inner if found[night] != 1} == {}


@pytest.mark.parametrize("cron", ["0 * * * *", "0 1,13 * * *", "*/20 0-3 * * *"])
def test_ticks_within_a_day_lose_no_night(cron: str) -> None:
    found = started(cron, "Europe/Berlin", date(2026, 10, 1), date(2026, 11, 5))
    assert all(found[date(2026, 10, 3) + n * DAY] >= 1 for n in range(30))


@pytest.mark.parametrize("cron", ["0 1 * * 1", "0 1 * * 1-5", "0 1 1 * *"])
def test_days_that_a_schedule_leaves_out_are_not_made_up_for(cron: str) -> None:
    for tick in ticks(cron, "Europe/Berlin", date(2026, 1, 10), date(2026, 12, 20)):
        assert len(begun_by(cron, "Europe/Berlin", tick)) == 1


def fire(shop: Shop, schedule: str, moment: datetime) -> Any:
    graph = build(shop.config)
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=graph.get_repository_def()
    )
    return graph.resolve_schedule_def(schedule).evaluate_tick(context)


def berlin(shop: Shop, **more: Any) -> None:
    shop.write(
        nights={
            "first": "2020-01-01",
            "timezone": "Europe/Berlin",
            "schedule": "0 1 * * *",
            "training_schedule": "0 1 * * *",
        }
        | more
    )


@pytest.mark.parametrize("schedule", ["every_night", "every_week"])
def test_the_schedules_ask_for_two_nights_in_autumn_and_skip_with_words_in_spring(
    shop: Shop, schedule: str
) -> None:
    berlin(shop)
    autumn = fire(shop, schedule, datetime(2026, 10, 26, 0, tzinfo=UTC)).run_requests
    assert [request.partition_key for request in autumn] == ["2026-10-25", "2026-10-26"]
    assert len({request.run_key for request in autumn}) == 2
    spring = fire(shop, schedule, datetime(2026, 3, 29, 23, tzinfo=UTC))
    assert (spring.run_requests, spring.skip_message) == (
        [],
        "night 2026-03-29 was started by the tick before this one: the clock has changed since",
    )


def test_nights_that_are_not_there_are_not_made_up_for(shop: Shop) -> None:
    berlin(shop, first="2026-10-26")
    tick = datetime(2026, 10, 26, 0, tzinfo=UTC)
    assert [request.partition_key for request in fire(shop, "every_night", tick).run_requests] == [
        "2026-10-26"
    ]
    berlin(shop, last="2026-10-25")
    assert [request.partition_key for request in fire(shop, "every_night", tick).run_requests] == [
        "2026-10-25"
    ]


@pytest.mark.parametrize(
    ("zone", "schedule", "steady"),
    [
        ("Europe/Berlin", "0 1 * * *", "0 2 * * *"),
        ("Europe/Berlin", "0 2 * * *", None),
        ("Europe/Berlin", "0 1,13 * * *", None),
        ("America/New_York", "15 19 * * *", "15 20 * * *"),
        ("Europe/London", "30 0 * * 1-5", "30 1 * * 1-5"),
        ("Asia/Tokyo", "0 9 * * *", None),
        ("UTC", "0 0 * * *", None),
    ],
)
def test_a_schedule_near_midnight_in_utc_is_told_a_steadier_hour(
    zone: str, schedule: str, steady: str | None
) -> None:
    nights = NightsSettings(first=date(2026, 1, 1), timezone=zone, schedule=schedule)
    assert steadier_schedule(nights, date(2026, 5, 5)) == steady


def test_check_names_the_steadier_hour(shop: Shop) -> None:
    berlin(shop)
    told = [
        finding
        for finding in checked(load_settings(shop.config)).findings
        if "nights.schedule" in finding.what
    ]
    assert [finding.fix for finding in told] == [
        "Set nights.schedule to '0 2 * * *': the whole year on one side."
    ]
