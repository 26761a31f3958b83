"""Nights that start and fail by themselves, on a living daemon: a changed file, a bad row, the alert, the
repair, a backfill that goes on.

Asked over Dagster's GraphQL interface, as its pages do; no browser. The tests are one story, in this
order. Dagster looks at backfills and at failed runs every 30 s, so the backfill is launched first and
waited for last.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.running import run_job
from nightshift.sources.datasets.synthetic import make_world
from nightshift.tables import INTERACTIONS, ITEM_FACTS, USER_FEATURES
from tests.browser.daemon import Daemon, until
from tests.browser.serving import served
from tests.browser.world import WORLD, answers, drop_the_repeated, events, items, repeat_an_item, settle
from tests.shop import Shop, open_shop
from tests.webhook import Webhook, listening

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.xdist_group("browser")]

GRAPH = json.loads((Path(__file__).parents[1] / "assets" / "graph.json").read_text("utf-8"))["assets"]
NIGHTLY = [name for name in GRAPH if name not in ("ranking_examples", "ranking_scores", "lift")]
NEW_EVENTS = 25


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with listening() as hook:
        yield hook


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, webhook: Webhook) -> Shop:
    """A shop whose newest night has been published, and in which the disk refuses one night of the
    backfill."""
    shop = open_shop(tmp_path_factory.mktemp("daemon"), make_world(WORLD))
    first, *_, last = shop.nights()
    nights = {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "sensor": {"minimum_interval_seconds": 30},
    }
    settings = shop.write(nights=nights, alerts={"webhook": webhook.url})
    settle(items(shop))
    settle(events(shop))
    run_job(shop.config, None, settings, "nightly_enrichment", last)
    in_the_way(shop).write_text("not a folder")
    return shop


def in_the_way(shop: Shop) -> Path:
    """Where the sentences of the backfill's second night belong."""
    return shop.night().store.folder(ITEM_FACTS, shop.nights()[0] + timedelta(days=1))


@pytest.fixture(scope="module")
def daemon(shop: Shop) -> Iterator[Daemon]:
    with served(shop.config) as url:
        yield Daemon(url)


@pytest.fixture(scope="module")
def backfill(shop: Shop, daemon: Daemon) -> str:
    """The first three nights, launched as Dagster's dialog launches them."""
    first = shop.nights()[0]
    return daemon.backfill(NIGHTLY, [(first + timedelta(days=day)).isoformat() for day in range(3)])


def published(shop: Shop) -> str:
    """Why the sensor starts nothing."""
    return f"night {shop.nights()[-1]} has been published from these files"


def started_by_sensor(daemon: Daemon) -> list[dict[str, Any]]:
    return daemon.runs(tags=[{"key": "dagster/sensor_name", "value": "new_sources"}])


def told_of(webhook: Webhook, run_id: str) -> dict[str, Any]:
    """What the webhook was told of a run, once it was."""
    return until(
        lambda: next((told for told in webhook.posted if told["run_id"] == run_id), None),
        lambda: webhook.posted,
    )


def test_an_unchanged_shop_starts_nothing_and_costs_nothing(
    daemon: Daemon, shop: Shop, backfill: str
) -> None:
    daemon.switch_on("new_sources")
    tick = daemon.tick("new_sources", lambda _: True)
    assert (tick["status"], tick["skipReason"]) == ("SKIPPED", published(shop))
    assert started_by_sensor(daemon) == []


def test_new_events_start_the_night_by_themselves(daemon: Daemon, shop: Shop) -> None:
    night = shop.nights()[-1]
    before = shop.night(-1).store.manifest(INTERACTIONS, night).rows
    path, all_events = events(shop), pl.read_parquet(events(shop))
    newest = all_events.sort("shown_at").tail(NEW_EVENTS).with_columns(pl.col("shown_at") + 1000)
    pl.concat([all_events, newest]).write_parquet(path)
    settle(path)
    tick = daemon.tick("new_sources", lambda tick: tick["status"] == "SUCCESS")
    run = daemon.finished(tick["runIds"][0])
    assert (run["status"], run["jobName"], run["tags"]["dagster/partition"]) == (
        "SUCCESS",
        "nightly_enrichment",
        night.isoformat(),
    )
    assert run["tags"]["nightshift/changed"] == "interactions: sources/interactions.parquet"
    assert shop.night(-1).store.manifest(INTERACTIONS, night).rows == before + NEW_EVENTS
    assert answers(shop)["item_facts"] == WORLD.n_items


def test_of_a_backfill_that_failed_the_webhook_is_told(
    daemon: Daemon, shop: Shop, webhook: Webhook, backfill: str
) -> None:
    run = daemon.finished(
        until(lambda: next(iter(daemon.runs(tags=[{"key": "dagster/backfill", "value": backfill}])), None))[
            "runId"
        ]
    )
    first = shop.nights()[0]
    told = told_of(webhook, run["runId"])
    assert (run["status"], told["step"]) == ("FAILURE", "item_facts")
    assert told["night"] == f"{first} to {first + timedelta(days=2)}"
    assert f"Published whole before it: {first}. Not begun: {first + timedelta(days=2)}" in told["message"]
    assert told["job"] == f"backfill {backfill}"


def test_a_repeated_item_fails_the_night_and_the_webhook_is_told_file_and_row(
    daemon: Daemon, shop: Shop, webhook: Webhook
) -> None:
    rows = repeat_an_item(shop)
    settle(items(shop))
    known = {run["runId"] for run in started_by_sensor(daemon)}
    run = until(lambda: next((run for run in started_by_sensor(daemon) if run["runId"] not in known), None))
    failed = daemon.finished(run["runId"])
    assert (failed["status"], failed["steps"]["items"]) == ("FAILURE", "FAILURE")
    told = told_of(webhook, run["runId"])
    assert rows in told["text"]
    assert (told["event"], told["step"], told["night"]) == ("failure", "items", shop.nights()[-1].isoformat())


def test_after_the_repair_the_failed_night_is_run_again_and_nothing_is_asked_twice(
    daemon: Daemon, shop: Shop
) -> None:
    asked, [failed, *_] = answers(shop), started_by_sensor(daemon)
    drop_the_repeated(shop)  # just written, so that the sensor lets it settle and leaves the first move to us
    again = daemon.finished(daemon.reexecute(failed["runId"]))
    assert (again["status"], again["parentRunId"]) == ("SUCCESS", failed["runId"])
    assert shop.night(-1).store.has(USER_FEATURES, shop.nights()[-1])
    assert answers(shop) == asked


def test_a_backfill_that_failed_goes_on_where_it_stopped(daemon: Daemon, shop: Shop, backfill: str) -> None:
    assert daemon.backfilled(backfill)["status"] == "COMPLETED_FAILED"
    in_the_way(shop).unlink()
    asked = answers(shop)
    again = daemon.backfilled(daemon.backfill_again(backfill))
    assert again["status"] == "COMPLETED_SUCCESS"
    first = shop.nights()[0]
    assert shop.night().store.nights(USER_FEATURES) == [
        *(first + timedelta(days=day) for day in range(3)),
        shop.nights()[-1],
    ]
    after = answers(shop)
    assert after["item_facts"] == asked["item_facts"] == WORLD.n_items


def test_in_the_end_nothing_more_was_started_and_nobody_was_told_twice(
    daemon: Daemon, shop: Shop, webhook: Webhook
) -> None:
    repaired = items(shop).stat().st_mtime
    daemon.tick(
        "new_sources", lambda tick: tick["skipReason"] == published(shop) and tick["timestamp"] > repaired
    )
    assert len([run for run in started_by_sensor(daemon) if run["parentRunId"] is None]) == 2, (
        "for new events, and for the bad catalogue"
    )
    told = [one["run_id"] for one in webhook.posted]
    assert sorted(told) == sorted(run["runId"] for run in daemon.runs(statuses=["FAILURE"]))
