"""Dagster's "re-execute from failure": what is done is not done again, what was paid is not paid again."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from jobs.graph import build
from jobs.running import dagster_home, open_instance
from nightshift.enrichments.registry import by_default, tables_of
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS
from tests.shop import Shop

TABLES = tables_of(by_default())

NIGHTLY = set(TABLES) - {"ranking_examples", "ranking_scores", "lift"}


def nightly(config: str) -> dg.JobDefinition:
    """The job, as another process would find it again."""
    return build(Path(config)).resolve_job_def("nightly_enrichment")


def execute(shop: Shop, instance: dg.DagsterInstance, failed: str | None = None) -> Any:
    """The first night; or what a failed run of it left to do."""
    job = dg.build_reconstructable_job("tests.jobs.test_reexecution", "nightly", (str(shop.config),))
    options = dg.ReexecutionOptions.from_failure(failed, instance) if failed else None
    return dg.execute_job(
        job, instance, tags={"dagster/partition": shop.nights()[0].isoformat()}, reexecution_options=options
    )


def failed_at(result: Any) -> list[str]:
    return [event.step_key for event in result.all_events if event.is_step_failure]


def started(result: Any) -> set[str]:
    return {event.step_key for event in result.all_events if event.is_step_start}


def calls(shop: Shop) -> pl.DataFrame:
    """Every call that was paid, as table and content key."""
    ledgers = shop.night().ledgers
    rows = [
        ledger.scan().select("table", "content_key").collect()
        for ledger in (ledgers.answers, ledgers.rejects)
    ]
    return pl.concat(rows)


def test_from_failure_goes_on_where_the_run_stopped_and_pays_for_nothing_twice(shop: Shop) -> None:
    """First a column of the events is unreadable; then, with every sentence paid, the disk refuses the
    night of `item_facts`."""
    events, day = shop.folder / "sources" / "interactions.parquet", shop.nights()[0]
    good = events.read_bytes()
    pl.read_parquet(events).with_columns(
        pl.lit(None, pl.String).alias(shop.world.mapping.interactions.user_id)
    ).write_parquet(events)
    in_the_way = shop.night().store.folder(ITEM_FACTS, day)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("not a folder")
    with open_instance(dagster_home(load_settings(shop.config))) as instance:
        first = execute(shop, instance)
        assert failed_at(first) == ["interactions"]
        assert calls(shop).is_empty()
        events.write_bytes(good)
        second = execute(shop, instance, first.run_id)
        assert failed_at(second) == ["item_facts"]
        assert "items" not in started(second), "it had been read"
        paid = calls(shop)
        assert set(paid["table"]) == {"group_facts", "item_tag_scores", "item_facts"}
        in_the_way.unlink()
        third = execute(shop, instance, second.run_id)
    assert third.success
    assert not started(third) & {"items", "interactions", "group_facts", "item_tag_scores"}
    assert {name for name in NIGHTLY if shop.night().store.has(TABLES[name], day)} == NIGHTLY
    after = calls(shop)
    assert after.filter(pl.col("table") != "user_preferences").sort(pl.all()).equals(paid.sort(pl.all()))
    assert after.is_unique().all(), "each row was asked once"
