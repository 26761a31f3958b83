"""How much a model made itself is said beside the headline, and what it did not make is not credited to it."""

import polars as pl
import pytest

from jobs.running import run_job
from nightshift.report.coverage import Covered, coverage, told_headline
from nightshift.tables import LIFT
from tests.shop import Shop


def gain() -> pl.DataFrame:
    """A `lift` in which the arm `llm` gains over base and placebo."""
    row = {"ranker": "lightgbm", "metric": "auc", "slice": "all", "arm": "llm", "value": 0.7}
    row |= {"difference": 0.004, "ci_low": 0.002, "ci_high": 0.006, "p_value": 0.01, "p_holm": 0.02}
    row |= {"seed_sd": 0.001, "n_users": 300, "n_rows": 20_000, "detectable": 0.002}
    rows = [row | {"against": against} for against in ("base", "permuted")]
    return LIFT.conform(pl.DataFrame(rows, schema=LIFT.schema))


@pytest.mark.parametrize(
    ("tables", "own"),
    [
        ({}, {"item_tag_scores": 60, "item_facts": 60, "user_preferences": 40}),
        ({"item_tag_scores": 0, "item_facts": 0, "user_preferences": 0}, {}),
    ],
    ids=["all rows", "no row"],
)
def test_a_gain_is_credited_to_a_model_that_made_rows_and_to_no_other(
    shop: Shop, tables: dict[str, int], own: dict[str, int]
) -> None:
    settings = shop.write(budget={"tables": tables})
    run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[0])
    night = shop.night()
    found = {each.table: each.own for each in coverage(night)}
    assert {name: count for name, count in found.items() if count} == own
    assert Covered("item_facts", "item", own.get("item_facts", 0), 60) in coverage(night)
    said = told_headline(night, gain())
    assert f"item_facts {own.get('item_facts', 0)} of 60 items" in said
    assert ("gain +0.0040" in said) == bool(own)
    assert ("No gain is credited to a language model" in said) != bool(own)
