"""Several nights in one Dagster run, as a backfill from the UI starts them, and from the command line."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.graph import build
from jobs.running import dagster_home, open_instance, run_job
from nightshift.enrichments.registry import by_default, tables_of
from nightshift.errors import NightFailed
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS, ITEM_FEATURES
from pipelines.workers import loaded_llm
from tests.shop import Shop, open_shop

TABLES = tables_of(by_default())

NIGHTLY = set(TABLES) - {"ranking_examples", "ranking_scores", "lift"}
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def nights(shop: Shop, count: int = 3) -> list[date]:
    return [shop.nights()[0] + timedelta(days=day) for day in range(count)]


def backfill(shop: Shop, instance: dg.DagsterInstance, count: int = 3) -> Any:
    """The one run that the UI's backfill dialog starts for these nights."""
    days = nights(shop, count)
    job = build(shop.config).resolve_job_def("nightly_enrichment")
    tags = dict(zip(RANGE, (days[0].isoformat(), days[-1].isoformat()), strict=True))
    return job.execute_in_process(tags=tags, instance=instance, raise_on_error=False)


def materialized(result: Any) -> set[tuple[str, str]]:
    events = result.all_events
    return {
        (event.asset_key.to_user_string(), event.partition)
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    }


def in_the_way(shop: Shop, table: str, day: date) -> None:
    """A file lies where a night's folder should go, so that the disk refuses this night of this table."""
    place = shop.night().store.folder(table, day)
    place.parent.mkdir(parents=True)
    place.write_text("not a folder")


def digests(shop: Shop, day: date) -> dict[str, str]:
    store = shop.night().store
    return {name: store.manifest(name, day).digest for name in NIGHTLY}


@pytest.mark.slow
def test_a_backfill_is_one_run_that_loads_the_model_once_and_publishes_what_single_nights_would(
    shop, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    loaded_llm.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        result = backfill(shop, instance)
        assert result.success
        assert instance.get_runs_count() == 1
        page = instance.get_latest_materialization_event(dg.AssetKey("item_facts"))
    assert loaded_llm.cache_info().misses == 1
    days = nights(shop)
    assert materialized(result) == {(name, day.isoformat()) for name in NIGHTLY for day in days}
    assert page is not None
    assert page.asset_materialization is not None
    assert page.asset_materialization.partition == days[-1].isoformat()
    assert page.asset_materialization.metadata["requests"].value == shop.items().height
    alone = open_shop(tmp_path / "alone", shop.world)
    for day in days:
        run_job(alone.config, None, load_settings(alone.config), "nightly_enrichment", day)
        assert digests(alone, day) == digests(shop, day)


def test_a_night_that_fails_leaves_those_before_it_whole_and_those_after_it_unbegun(shop: Shop) -> None:
    days = nights(shop)
    in_the_way(shop, ITEM_FACTS.name, days[1])
    with dg.DagsterInstance.ephemeral() as instance:
        result = backfill(shop, instance)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    said = str(failure.step_failure_data.error.cause or failure.step_failure_data.error)
    assert failure.step_key == "item_facts"
    assert f"night {days[1]}" in said
    assert f"Published whole before it: {days[0]}." in said
    assert f"Not begun: {days[2]}" in said
    store = shop.night().store
    assert {name for name in NIGHTLY if store.has(name, days[0])} == NIGHTLY
    assert store.nights(ITEM_FEATURES) == [days[0]]
    after = {"item_facts", "user_preferences", "item_features", "rejects"}
    assert {night for name, night in materialized(result) if name in after} == {days[0].isoformat()}
    assert {name for name, night in materialized(result) if night == days[0].isoformat()} == NIGHTLY


@pytest.mark.slow
def test_nights_from_the_command_line_end_whole_or_say_where_to_go_on(shop: Shop) -> None:
    days = nights(shop)
    in_the_way(shop, ITEM_FACTS.name, days[1])
    runner, span = CliRunner(), ["--from", str(days[0]), "--to", str(days[2])]
    failed = runner.invoke(app, ["run", "--config", str(shop.config), *span])
    assert isinstance(failed.exception, NightFailed)
    assert (
        f"Published before it: {days[0]}. Not begun: {days[2]}. Go on with --from {days[1]} --to {days[2]}."
        in str(failed.exception)
    )
    assert shop.night().store.nights(ITEM_FEATURES) == [days[0]]
    shop.night().store.folder(ITEM_FACTS, days[1]).unlink()
    assert (
        runner.invoke(
            app, ["run", "--config", str(shop.config), "--from", str(days[1]), "--to", str(days[2])]
        ).exit_code
        == 0
    )
    assert shop.night().store.nights(ITEM_FEATURES) == days
    listed = runner.invoke(app, ["clean", "--config", str(shop.config), "--keep", "1", "--dry-run"])
    assert listed.exit_code == 0
    assert shop.night().store.nights(ITEM_FEATURES) == days
    assert runner.invoke(app, ["clean", "--config", str(shop.config), "--keep", "1"]).exit_code == 0
    assert shop.night().store.nights(ITEM_FEATURES) == days[2:]
    assert shop.night().store.nights(ITEM_FACTS) == days[1:], "the kept night carries from it"
    nobody_said = runner.invoke(app, ["clean", "--config", str(shop.config)])
    assert "nights.keep_nights" in str(nobody_said.exception)
    with open_instance(dagster_home(shop.night().settings)) as instance:
        tags = instance.get_runs(limit=1)[0].tags
    assert int(tags["nightshift/tokens"]) >= 0
    assert tags["nightshift/nights"] == "1"
