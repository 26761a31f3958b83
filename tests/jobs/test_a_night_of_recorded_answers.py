"""Whole nights whose sentences were written elsewhere."""

from typing import Any

import polars as pl

from jobs.planning import plan_night
from jobs.running import run_job
from nightshift.night.config import load_settings
from nightshift.night.plan import TablePlan
from nightshift.tables import ITEM_EMBEDDINGS, ITEM_FACTS, ITEM_TAG_SCORES, REJECTS, USER_PREFERENCES

REFUSED = "I'm sorry, but as an AI language model I do not know this item."


def record(shop: Any, rows: int = 40) -> pl.DataFrame:
    """Sentences for the first rows of the catalogue; the first is a refusal."""
    ids = shop.items()["item_id"].cast(pl.String).sort().head(rows)
    said = [REFUSED, *(f"A recorded sentence about number {n}." for n in range(1, rows))]
    frame = pl.DataFrame({"asin": ids, "said": said})
    frame.write_parquet(shop.folder / "said.parquet")
    files = {"item_facts": {"path": "said.parquet", "key": "asin", "answer": "said"}}
    shop.write(llm={"backend": "recorded", "model": "big@elsewhere", "recorded": files}, budget={"tokens": 0})
    return frame


def run(shop: Any, number: int = 0) -> None:
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[number])


def read(shop: Any, table: Any, number: int = 0) -> pl.DataFrame:
    frame: pl.DataFrame = shop.night().store.read(table, shop.nights()[number])
    return frame


def plans(shop: Any, number: int = 0) -> dict[str, TablePlan]:
    return {plan.table: plan for plan in plan_night(shop.night(number)).tables}


def test_a_night_takes_recorded_answers_by_row_id_for_nothing_and_falls_back_for_the_rest(shop: Any) -> None:
    recorded = record(shop)
    planned = plans(shop)
    assert {name: plan.pending.height for name, plan in planned.items()} == {
        "group_facts": 0, "item_tag_scores": 0, "item_facts": 40, "user_preferences": 0,
    }  # fmt: skip
    facts_plan = planned["item_facts"]
    assert (
        facts_plan.tokens,
        facts_plan.new_tokens,
        facts_plan.cost_usd,
        facts_plan.seconds,
        facts_plan.deferred,
    ) == (0, 0, 0.0, 0.0, 0)
    run(shop)
    facts = read(shop, ITEM_FACTS)
    written = facts.filter(pl.col("origin") == "llm")
    expected = dict(recorded.filter(pl.col("said") != REFUSED).iter_rows())
    assert dict(written.select("item_id", "summary").iter_rows()) == expected
    assert set(written["model_id"]) == {"big@elsewhere"}
    assert set(facts.filter(pl.col("origin") != "llm")["origin"]) == {"template"}
    rejects = read(shop, REJECTS).filter(pl.col("table") == "item_facts")
    assert rejects.select("key", "reason").rows() == [(recorded["asin"][0], "refusal")]
    assert set(read(shop, USER_PREFERENCES)["origin"]) == {"template"}
    assert read(shop, ITEM_TAG_SCORES).is_empty()
    assert read(shop, ITEM_EMBEDDINGS).filter(pl.col("view") == "facts").height == 39
    metadata = shop.night().store.manifest(ITEM_FACTS, shop.nights()[0]).metadata
    assert (metadata["calls"], metadata["not recorded"], metadata["cost (USD)"]) == (
        40,
        facts.height - 40,
        0.0,
    )
    assert shop.night().ledgers.rejects.scan().collect().height == 1, "a recorded refusal is not asked again"


def test_a_second_night_looks_nothing_up_and_a_corrected_answer_is_taken(shop: Any) -> None:
    recorded = record(shop)
    run(shop)
    assert {plan.pending.height for plan in plans(shop, 1).values()} == {0}
    corrected = recorded.with_columns(
        said=pl.when(pl.col("said") == REFUSED).then(pl.lit("A lamp.")).otherwise("said")
    )
    corrected.write_parquet(shop.folder / "said.parquet")
    assert plans(shop, 1)["item_facts"].pending.height == 1
    run(shop, 1)
    facts = read(shop, ITEM_FACTS, 1)
    assert facts.filter(pl.col("item_id") == recorded["asin"][0])["summary"].to_list() == ["A lamp."]


def test_what_is_no_longer_recorded_is_carried(shop: Any) -> None:
    record(shop)
    run(shop)
    record(shop, 20)
    run(shop, 1)
    facts = read(shop, ITEM_FACTS, 1)
    origins = dict(facts.group_by("origin").len().iter_rows())
    assert (origins["llm"], origins["carried"]) == (19, 20)
