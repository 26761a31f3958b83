"""When a night starts by itself: schedules and their time zone, and the sensor on the source files."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import pytest

from jobs.after_run import RANGE_END, RANGE_START
from jobs.graph import build
from jobs.nights import between, newest_night
from jobs.running import run_job
from jobs.sensors import has_read
from nightshift.errors import ConfigError
from nightshift.night.config import load_settings
from nightshift.night.schedule import NightsSettings
from nightshift.tables import ITEMS
from tests.shop import Shop


def nights_of(shop: Shop, **more: Any) -> dict[str, Any]:
    first, *_, last = shop.nights()
    return {"first": first.isoformat(), "last": last.isoformat()} | more


def settle(shop: Shop) -> None:
    """Source files were written an hour ago."""
    for path in (shop.folder / "sources").iterdir():
        old = time.time() - 3600
        os.utime(path, (old, old))


def tick(shop: Shop, cursor: str | None, instance: dg.DagsterInstance) -> Any:
    graph = build(shop.config)
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=graph.get_repository_def()
    )
    return graph.resolve_sensor_def("new_sources").evaluate_tick(context)


def fire(shop: Shop, schedule: str, moment: datetime) -> Any:
    graph = build(shop.config)
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=graph.get_repository_def()
    )
    return graph.resolve_schedule_def(schedule).evaluate_tick(context)


def test_a_changed_file_starts_the_night_once_and_a_touched_one_starts_nothing(shop: Shop) -> None:
    settle(shop)
    night = shop.nights()[-1].isoformat()
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(shop, None, instance)
        assert [request.partition_key for request in first.run_requests] == [night]
        assert (
            tick(shop, first.cursor, instance).skip_message
            == "no source file was touched since the last look"
        )
        os.utime(shop.folder / "sources" / "items.parquet", (time.time() - 1800, time.time() - 1800))
        touched = tick(shop, first.cursor, instance)
        assert (touched.run_requests, touched.skip_message) == (
            [],
            "source files were touched, their contents are the same",
        )
        assert (
            tick(shop, touched.cursor, instance).skip_message
            == "no source file was touched since the last look"
        )
        shop.write_items(shop.items().with_columns(title=pl.lit("All new")))
        assert "written in the last" in tick(shop, touched.cursor, instance).skip_message
        settle(shop)
        changed = tick(shop, touched.cursor, instance)
        assert [request.partition_key for request in changed.run_requests] == [night]
        assert changed.run_requests[0].tags["nightshift/changed"] == "items: sources/items.parquet"
        assert changed.run_requests[0].run_key != first.run_requests[0].run_key
        assert (
            tick(shop, touched.cursor, instance).run_requests[0].run_key == changed.run_requests[0].run_key
        ), "the same data, one run"


def test_an_older_file_that_is_put_back_starts_the_night_again(shop: Shop) -> None:
    """Dagster drops a request whose key it has seen: yesterday's file, put back after a bad one, must not
    have yesterday's key."""
    settle(shop)
    items = shop.folder / "sources" / "items.parquet"
    good = items.read_bytes()
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(shop, None, instance)
        shop.write_items(shop.items().head(30))
        settle(shop)
        other = tick(shop, first.cursor, instance)
        items.write_bytes(good)
        settle(shop)
        back = tick(shop, other.cursor, instance)
    assert len({result.run_requests[0].run_key for result in (first, other, back)}) == 3


def test_a_night_that_has_read_the_files_is_not_started_again(shop: Shop) -> None:
    settle(shop)
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[-1])
    with dg.DagsterInstance.ephemeral() as instance:
        seen = tick(shop, None, instance)
        assert seen.run_requests == []
        assert "has been published from these files" in seen.skip_message
        shop.write_items(shop.items().head(30))
        settle(shop)
        assert len(tick(shop, seen.cursor, instance).run_requests) == 1


def test_a_night_that_was_run_again_on_a_repaired_file_is_not_started_once_more(shop: Shop) -> None:
    """The repaired catalogue has the rows of the old one, and is another file."""
    settle(shop)
    settings, good = load_settings(shop.config), shop.items()
    run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[-1])
    with dg.DagsterInstance.ephemeral() as instance:
        shop.write_items(pl.concat([good, good[:1]]))
        settle(shop)
        bad = tick(shop, None, instance)
        assert len(bad.run_requests) == 1
        shop.write_items(good)
        settle(shop)
        assert len(tick(shop, bad.cursor, instance).run_requests) == 1, "nobody has run the night again yet"
        run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[-1])
        assert "has been published from these files" in tick(shop, bad.cursor, instance).skip_message


def test_a_night_that_stopped_half_way_has_not_read_the_files(shop: Shop) -> None:
    settle(shop)
    settings, night = load_settings(shop.config), shop.night(-1)
    run_job(shop.config, None, settings, "nightly_enrichment", night.as_of)
    assert has_read(settings, night.as_of)
    fewer = night.store.read(ITEMS, night.as_of).head(30)
    night.store.publish(ITEMS, night.as_of, fewer, metadata=night.store.manifest(ITEMS, night.as_of).metadata)
    assert not has_read(settings, night.as_of), "its features are of other items"


def test_a_missing_source_and_a_running_night_are_reasons_to_wait(shop: Shop) -> None:
    settle(shop)
    night = shop.nights()[-1].isoformat()
    with dg.DagsterInstance.ephemeral() as instance:
        job = build(shop.config).resolve_job_def("nightly_enrichment")
        instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": night}
        )
        assert tick(shop, None, instance).skip_message.startswith(f"night {night} is running")
    with dg.DagsterInstance.ephemeral() as instance:
        several = dict(zip((RANGE_START, RANGE_END), (shop.nights()[0].isoformat(), night), strict=True))
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=several)
        assert tick(shop, None, instance).skip_message.startswith(f"night {night} is running"), (
            "a backfill has it among its nights"
        )
    (shop.folder / "sources" / "items.parquet").unlink()
    with dg.DagsterInstance.ephemeral() as instance:
        assert (
            "no file matches 'sources/items.parquet'"
            in tick(shop, "of another version", instance).skip_message
        )


@pytest.mark.parametrize(
    ("zone", "clock", "night"),
    [
        ("Europe/Berlin", "2026-11-23T02:00", "2026-11-23"),
        ("Europe/Berlin", "2026-07-01T01:30", "2026-06-30"),
        ("America/New_York", "2026-11-22T20:00", "2026-11-23"),
        ("UTC", "2026-11-23T00:00", "2026-11-23"),
    ],
)
def test_a_schedule_runs_for_the_day_that_has_begun_in_utc(
    shop: Shop, zone: str, clock: str, night: str
) -> None:
    shop.write(nights={"first": "2020-01-01", "timezone": zone, "schedule": "0 2 * * *"})
    assert build(shop.config).resolve_schedule_def("every_night").execution_timezone == zone
    requests = fire(
        shop, "every_night", datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(zone))
    ).run_requests
    assert [(request.partition_key, request.run_key) for request in requests] == [
        (night, f"every_night-{night}")
    ]


def test_a_schedule_before_the_first_night_says_so_and_a_replay_runs_its_last(shop: Shop) -> None:
    shop.write(nights={"first": "2030-01-01"})
    now = datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert (
        fire(shop, "every_night", now).skip_message
        == "night 2026-11-23 is before the first, 2030-01-01 (nights.first)"
    )
    shop.write()
    requests = fire(shop, "every_week", now).run_requests
    assert [request.partition_key for request in requests] == [shop.nights()[-1].isoformat()]


def test_schedules_and_sensor_are_off_unless_the_settings_turn_them_on(shop: Shop) -> None:
    graph = build(shop.config)
    assert graph.resolve_schedule_def("every_night").default_status == dg.DefaultScheduleStatus.STOPPED
    assert graph.resolve_sensor_def("new_sources").default_status == dg.DefaultSensorStatus.STOPPED
    shop.write(
        nights=nights_of(
            shop,
            default_status="running",
            sensor={"default_status": "running", "minimum_interval_seconds": 60},
        )
    )
    graph = build(shop.config)
    assert graph.resolve_schedule_def("every_week").default_status == dg.DefaultScheduleStatus.RUNNING
    sensor = graph.resolve_sensor_def("new_sources")
    assert (sensor.default_status, sensor.minimum_interval_seconds) == (dg.DefaultSensorStatus.RUNNING, 60)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"schedule": "nightly"}, "five fields"),
        ({"schedule": "0 99 * * *"}, "hour '99' is not 0 to 23"),
        ({"sensor": {"minimum_interval_seconds": 1}}, "greater than or equal to 30"),
        ({"overdue_after": 3}, "did you mean 'overdue_after_hours'"),
    ],
)
def test_a_wrong_schedule_is_refused_with_the_way_out(shop: Shop, wrong: dict[str, Any], said: str) -> None:
    def load() -> None:
        shop.write(nights=nights_of(shop, **wrong))
        build(shop.config)

    with pytest.raises(ConfigError, match=said):
        load()


def test_nightly_tables_turn_overdue_where_nights_go_on(shop: Shop) -> None:
    shop.write(nights={"first": shop.nights()[0].isoformat(), "overdue_after_hours": 26})
    specs = {spec.key.to_user_string(): spec for spec in build(shop.config).resolve_all_asset_specs()}
    assert specs["item_facts"].freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=26)
    )
    assert specs["lift"].freshness_policy is None, "training is weekly"
    shop.write()
    assert all(spec.freshness_policy is None for spec in build(shop.config).resolve_all_asset_specs()), (
        "a replay ends"
    )


def test_nights_between_two_days_stay_within_the_nights_there_are(tmp_path: Path) -> None:
    nights, now = NightsSettings(first=datetime(2026, 11, 1).date()), datetime(2026, 11, 23, 12, tzinfo=UTC)
    first, last = nights.first, newest_night(nights, now)
    assert len(between(nights, first, last, now)) == 23
    for wrong in ((last, first), (first - timedelta(days=1), last), (first, last + timedelta(days=1))):
        with pytest.raises(ConfigError, match="--from"):
            between(nights, *wrong, now)
