"""Nights through the real Dagster jobs: what they publish, what they pay, how they fail."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from jobs.after_run import deferred
from jobs.planning import plan_night
from jobs.running import run_job
from nightshift.enrichments.registry import asked, by_default, tables_of
from nightshift.errors import NightFailed, SourceError
from nightshift.features.proofs import shuffled_future
from nightshift.night.config import load_settings
from nightshift.tables import (
    GROUP_FACTS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    LIFT,
    MOMENT,
    RANKING_SCORES,
    REJECTS,
    USER_PREFERENCES,
)

PROMPTED = asked(by_default())
TABLES = tables_of(by_default())

NIGHTLY = set(TABLES) - {"ranking_examples", "ranking_scores", "lift"}


def run(shop, night: int = 0, job: str = "nightly_enrichment") -> None:  # type: ignore[no-untyped-def]
    run_job(shop.config, None, load_settings(shop.config), job, shop.nights()[night])


def calls(shop) -> int:  # type: ignore[no-untyped-def]
    ledgers = shop.night().ledgers
    return ledgers.answers.scan().collect().height + ledgers.rejects.scan().collect().height


def asked(shop) -> dict[str, int]:  # type: ignore[no-untyped-def]
    return dict(shop.night().ledgers.answers.query(lambda rows: rows.group_by("table").len()).iter_rows())


def contents(home: Path, as_of: date) -> dict[str, bytes]:
    folders = (home / "tables").glob(f"*/as_of={as_of}")
    return {
        f"{p.parent.parent.name}/{p.name}": p.read_bytes()
        for folder in folders
        for p in folder.glob("*.parquet")
    }


def test_a_night_publishes_every_nightly_table_and_asks_nothing_the_second_time(shop) -> None:
    run(shop)
    assert set(shop.night().store.published()) == NIGHTLY
    before, paid = contents(shop.folder / ".nightshift", shop.nights()[0]), calls(shop)
    assert paid > 100
    run(shop)
    assert calls(shop) == paid
    assert contents(shop.folder / ".nightshift", shop.nights()[0]) == before


def test_the_plan_says_what_a_run_then_asks_and_zero_afterwards(shop) -> None:
    planned = plan_night(shop.night())
    run(shop)
    answers = shop.night().ledgers.answers.scan().collect()
    asked = dict(answers.group_by("table").len().iter_rows())
    before = {table.table: table.pending.height for table in planned.tables}
    assert before["item_tag_scores"] == asked["item_tag_scores"]
    assert before["item_facts"] == asked["item_facts"]
    assert {
        table.table: table.prompt_tokens for table in planned.tables if table.table != "user_preferences"
    } == {
        table: sum(rows["prompt_tokens"])
        for (table,), rows in answers.group_by("table")
        if table != "user_preferences"
    }, "prompt tokens are exact"
    assert plan_night(shop.night()).pending == 0


def test_a_changed_item_is_asked_again_and_no_other(shop) -> None:
    run(shop)
    items = shop.items()
    changed = items.with_columns(
        pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("A new title")).otherwise("title").alias("title")
    )
    shop.write_items(
        changed.with_columns(
            title=pl.col("title")
            + pl.when(pl.int_range(pl.len()) == 1).then(pl.lit("!")).otherwise(pl.lit(""))
        )
    )
    pending = {table.table: table.pending["row_id"].to_list() for table in plan_night(shop.night()).tables}
    assert sorted(pending["item_facts"]) == sorted(items["item_id"].head(2).cast(pl.String))
    before = asked(shop)
    run(shop, 0)
    now = asked(shop)
    assert {table: now[table] - before[table] for table in now} == {
        table: len(rows) for table, rows in pending.items()
    }
    histories = pl.read_parquet(shop.folder / "sources" / "interactions.parquet")
    met = histories.filter(pl.col("item_id").is_in(items["item_id"].head(2).implode()))["user_id"].cast(
        pl.String
    )
    assert set(pending["user_preferences"]) <= set(met)


def test_an_item_that_joins_the_catalogue_moves_no_other_items_scores(shop) -> None:
    run(shop)
    before = shop.night().store.read(ITEM_TAG_SCORES, shop.nights()[0])
    items = shop.items()
    shop.write_items(
        pl.concat(
            [
                items,
                items.head(1).with_columns(
                    pl.lit("brand-new").cast(items.schema["item_id"]).alias("item_id")
                ),
            ]
        )
    )
    run(shop, 1)
    after = shop.night(1).store.read(ITEM_TAG_SCORES, shop.nights()[1])
    assert after.filter(pl.col("item_id") == "brand-new").height > 0
    assert after.filter(pl.col("item_id") != "brand-new").equals(before)


def test_a_column_that_no_prompt_reads_asks_nothing(shop) -> None:
    run(shop)
    shop.write_items(shop.items().with_columns(price=pl.lit(3.5)))
    assert plan_night(shop.night()).pending == 0


def test_a_budget_publishes_with_marked_fallbacks_and_the_next_night_goes_on(shop) -> None:
    shop.write(budget={"tables": {"item_facts": 900}})
    run(shop)
    first = shop.night().store.read(ITEM_FACTS, shop.nights()[0])
    written = first.filter(pl.col("origin") == "llm").height
    assert 0 < written < first.height
    assert set(first["origin"]) == {"llm", "group", "template"}, "an item without attributes has no group"
    assert deferred(shop.night()) == first.height - written
    spent = shop.night().ledgers.answers.scan().filter(pl.col("table") == "item_facts").collect()
    assert (spent["prompt_tokens"] + spent["new_tokens"]).sum() <= 900
    run(shop, 1)
    second = shop.night(1).store.read(ITEM_FACTS, shop.nights()[1])
    assert second.filter(pl.col("origin") == "llm").height > written
    manifest = shop.night().store.manifest(ITEM_FACTS, shop.nights()[0])
    assert sum(manifest.fallbacks.values()) == first.height - written
    assert manifest.fallbacks["group"] > manifest.fallbacks["template"]


def test_too_many_rejects_fail_the_night_name_rows_and_publish_nothing(shop) -> None:
    shop.write(llm={"backend": "echo", "reply": "I'm sorry, but as an AI language model I cannot"})
    with pytest.raises(NightFailed, match=r"reject_share.*refusal"):
        run(shop)
    assert not shop.night().store.has(ITEM_FACTS, shop.nights()[0])
    assert shop.night().store.has(ITEM_TAG_SCORES, shop.nights()[0])
    assert shop.night().ledgers.answers.scan().filter(pl.col("table") == "item_facts").collect().is_empty()


def test_a_tolerated_reject_is_in_the_rejects_table_and_its_row_has_a_template(shop) -> None:
    shop.write(
        llm={"backend": "echo", "reply": "I'm sorry, I can't help with {first}"},
        checks={"max_reject_share": 1.0},
    )
    run(shop)
    rejects = shop.night().store.read(REJECTS, shop.nights()[0])
    assert set(rejects["reason"]) == {"refusal"}
    assert set(shop.night().store.read(ITEM_FACTS, shop.nights()[0])["origin"]) == {"template"}
    assert set(shop.night().store.read(GROUP_FACTS, shop.nights()[0])["origin"]) == {"template"}
    assert plan_night(shop.night()).pending == 0


def test_a_bad_source_fails_with_file_row_and_fix(shop) -> None:
    shop.write_items(pl.concat([shop.items(), shop.items().head(1)]))
    with pytest.raises(SourceError, match=r"items\.parquet.*row"):
        run(shop)


def test_permuting_events_after_the_night_changes_nothing_it_publishes(shop) -> None:
    run(shop)
    published = contents(shop.folder / ".nightshift", shop.nights()[0])
    path, mapping = shop.folder / "sources" / "interactions.parquet", shop.world.mapping.interactions
    source = pl.read_parquet(path)
    names = {mapping.timestamp: "timestamp", mapping.label: "label"}
    moments = pl.from_epoch("timestamp", mapping.timestamp_unit or "us").cast(MOMENT)
    dealt = shuffled_future(
        source.rename(names).with_columns(moments, pl.col("label").cast(pl.Float32)), shop.night().moment
    )
    dealt = dealt.with_columns(pl.col("timestamp").dt.epoch(mapping.timestamp_unit or "us"))
    moved = (
        dealt.rename({ours: theirs for theirs, ours in names.items()})
        .cast(dict(source.schema))
        .select(source.columns)
    )
    assert not moved.sort(moved.columns).equals(source.sort(source.columns))
    moved.write_parquet(path)
    run(shop)
    assert contents(shop.folder / ".nightshift", shop.nights()[0]) == published


def test_three_nights_and_a_training_end_in_scores_and_lift(shop) -> None:
    for night in range(3):
        run(shop, night)
    run(shop, 2, "weekly_training")
    store, last = shop.night(2).store, shop.nights()[2]
    arms = set(store.read(RANKING_SCORES, last)["arm"])
    assert arms == {"base", "text", "llm", "permuted", "permuted2", "template"}, (
        "two seeds took turns with the placebo's dealings"
    )
    lift = store.read(LIFT, last)
    assert {("llm", "base"), ("llm", "permuted"), ("llm", "text")} <= set(
        lift.select("arm", "against").iter_rows()
    )
    assert len(store.nights(USER_PREFERENCES)) == 3
    assert (shop.folder / ".nightshift" / "models" / "lightgbm-llm" / f"as_of={last}").is_dir()


def test_a_plan_says_why_it_would_ask_again(shop) -> None:
    run(shop)

    def why() -> dict[str, dict[str, int]]:
        return {table.table: table.why for table in plan_night(shop.night()).tables if table.why}

    assert why() == {}
    items = shop.items()
    shop.write_items(
        items.with_columns(
            title=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("A new title")).otherwise("title")
        )
    )
    assert why()["item_facts"] == why()["item_tag_scores"] == {"text_changed": 1}
    shop.write_items(items)
    assert why() == {}
    shop.write(llm={"backend": "echo", "reply": "Another {first}"})
    assert set(why()) == set(PROMPTED)
    assert {
        why()[table].keys() == {"model_changed"} for table in ("group_facts", "item_tag_scores", "item_facts")
    } == {True}
    shop.write(facts={"max_new_tokens": 40})
    assert set(why()) == {"group_facts", "item_facts"}
    assert why()["item_facts"] == {"prompt_changed": items.height}
    shop.write(facts={"max_summary_words": 20})
    assert why() == {}, "what is accepted is read anew, not asked anew"
