"""Implicit feedback through the real jobs: nights publish candidates, training learns from them, the
verdict reads them."""

from pathlib import Path

import polars as pl
import pytest

from jobs.running import run_job
from jobs.show import show_lift
from nightshift.lift.verdict import verdict
from nightshift.night.config import load_settings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import CANDIDATES, LIFT, RANKING_EXAMPLES, RANKING_SCORES
from tests.shop import Shop, open_shop

CANDIDATE_SETTINGS = {
    "per_source": 20,
    "negatives": 8,
    "train_lists": 400,
    "valid_lists": 100,
    "test_lists": 100,
}


def only_choices(shop: Shop) -> Shop:
    """The shop's events without what was shown and not clicked."""
    sources = shop.world.mapping.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    sources["items"]["path"] = "sources/items.parquet"
    sources["interactions"] = {
        "path": "sources/interactions.parquet", "user_id": "user_id", "item_id": "item_id", "timestamp": "shown_at", "timestamp_unit": "ms",
    }  # fmt: skip
    path = shop.folder / "sources" / "interactions.parquet"
    pl.read_parquet(path).filter(pl.col("clicked") == 1).drop("clicked", "request_id").write_parquet(path)
    shop.write(
        sources=sources, lift={"seeds": 1, "resamples": 100}, examples={"candidates": CANDIDATE_SETTINGS}
    )
    return shop


def run(shop: Shop, job: str, *nights: int) -> None:
    for number in nights:
        run_job(shop.config, None, load_settings(shop.config), job, shop.nights()[number])


@pytest.fixture
def implicit(tmp_path: Path) -> Shop:
    return only_choices(
        open_shop(tmp_path, make_world(SyntheticSettings(seed=7, n_users=90, n_items=80, days=30)))
    )


@pytest.mark.slow
def test_nights_and_training_of_implicit_feedback(implicit: Shop) -> None:
    run(implicit, "nightly_enrichment", 0, 1)
    store, nights = implicit.night().store, implicit.nights()
    candidates = store.read(CANDIDATES, nights[1])
    assert {"popular", "item_knn", "ease", "raw", "facts"} <= set(candidates["source"])
    numbers = store.manifest(CANDIDATES, nights[1]).metadata
    recalls = {name: value for name, value in numbers.items() if name.startswith(f"recall since {nights[0]}")}
    assert recalls[f"recall since {nights[0]}: union"] >= max(recalls.values()) > 0
    run(implicit, "nightly_enrichment", 2)
    run(implicit, "weekly_training", 2)
    examples, scores = store.read(RANKING_EXAMPLES, nights[2]), store.read(RANKING_SCORES, nights[2])
    assert examples["retrieved"].null_count() == 0
    assert 0 < store.manifest(RANKING_EXAMPLES, nights[2]).metadata["candidates: recall on test lists"] <= 1
    assert scores["retrieved"].null_count() == 0
    lift = store.read(LIFT, nights[2])
    assert {
        "popular",
        "item_knn",
        "ease",
        "candidates",
        "base",
        "llm",
        "permuted",
        "text",
        "template",
    } == set(lift["arm"])
    assert any("was among the candidates" in line for line in verdict(lift))
    show_lift(lift)


def test_explicit_feedback_and_impressions_need_no_candidates(shop: Shop) -> None:
    run(shop, "nightly_enrichment", 0)
    assert shop.night().store.read(CANDIDATES, shop.nights()[0]).is_empty()
