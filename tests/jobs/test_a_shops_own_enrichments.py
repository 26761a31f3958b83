"""Three enrichments of a shop's own, a file each: planned, run, shown, trained on, and taken away again."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.graph import build
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.serving import Ranker
from nightshift.tables import ITEM_EMBEDDINGS, LIFT, RANKING_EXAMPLES
from tests.declared import OCCASION, OWN, REASON
from tests.shop import Shop


def said(shop: Shop, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--config", str(shop.config)])
    assert done.exit_code == 0, f"{words}: {done.output}{done.exception!r}"
    return done.output


def declare(shop: Shop) -> None:
    folder = shop.folder / "enrichments"
    folder.mkdir()
    for name, text in OWN.items():
        (folder / f"{name}.yaml").write_text(text)
    assert all(len(text.splitlines()) <= 20 for text in OWN.values())
    shop.write(
        enrichments={"folder": "enrichments"},
        lift={
            "seeds": 1,
            "resamples": 100,
            "report": False,
            "arms": ["base", "llm", *(f"llm_without_{name}" for name in OWN)],
        },
    )


def nights_of(shop: Shop) -> list[str]:
    return [day.isoformat() for day in shop.nights()]


@pytest.mark.slow
def is_told_everywhere(shop: Shop, at: Night) -> None:
    """What was declared is shown, exported, counted and served like what is ours."""
    item, user = (at.published.read(name).row(0)[0] for name in ("occasion", "shopper"))
    about = said(shop, "show", "item", item)
    assert "occasion" in about
    assert "probability" in about
    assert "reason" in about
    assert "shopper" in said(shop, "show", "user", user)
    said(shop, "export", "--to", "duckdb", "--out", str(shop.folder / "out"))
    assert "CREATE OR REPLACE VIEW occasion" in (shop.folder / "out" / "nightshift.sql").read_text()
    costs = json.loads(said(shop, "costs", "--by-table", "--json"))
    assert set(OWN) <= {row["table"] for row in costs["nights"]}
    items = at.published.read("items")["item_id"].to_list()
    ranked = Ranker.load(at.settings.home_folder, arm="llm").rank(user, items)
    assert sorted(ranked.items) == sorted(items)


def test_three_files_become_tables_features_and_arms_and_go_again(shop: Shop) -> None:
    declare(shop)
    plan = json.loads(said(shop, "plan", "--as-of", nights_of(shop)[0], "--json"))
    planned = {table["table"]: table["pending"] for table in plan["tables"]}
    assert set(planned) >= set(OWN)
    for night in nights_of(shop)[::2]:
        said(shop, "run", "--as-of", night)
    at = Night(load_settings(shop.config), shop.nights()[-1], "later")
    for name in OWN:
        frame = at.published.read(name)
        assert set(frame["origin"]) == {"llm"}, name
        assert not frame.is_empty()
    calls = at.ledgers.calls(lambda rows: rows.group_by("table", "as_of").len())
    first = calls.filter(pl.col("as_of") == shop.nights()[0])
    assert {name: count for name, _, count in first.iter_rows() if name in OWN} == {
        n: planned[n] for n in OWN
    }
    views = at.published.read(ITEM_EMBEDDINGS.name)["view"].unique()
    assert "reason" in views
    said(shop, "train", "--as-of", nights_of(shop)[-1])
    columns = at.store.read(RANKING_EXAMPLES, at.as_of).columns
    for begin in (
        "llm__occasion_choice_home",
        "llm__occasion_probability",
        "llm__reason_",
        "llm__shopper_choice_collector",
    ):
        assert any(name.startswith(begin) for name in columns), begin
    arms = set(at.store.read(LIFT, at.as_of)["arm"])
    assert {f"llm_without_{name}" for name in OWN} <= arms
    is_told_everywhere(shop, at)
    for name in OWN:
        (shop.folder / "enrichments" / f"{name}.yaml").unlink()
    assert said(shop, "run", "--as-of", nights_of(shop)[-1])
    assert not set(OWN) & set(Night(load_settings(shop.config), shop.nights()[-1], "last").registry)


def test_an_asset_of_a_file_has_its_place_checks_and_columns(shop: Shop) -> None:
    declare(shop)
    graph = build(shop.config).resolve_asset_graph()
    by_name = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    for name, checks in (
        ("occasion", {"schema", "unique_key", "coverage", "cost"}),
        ("reason", {"one_row_each", "reject_share", "fallback_share"}),
    ):
        asset = by_name[name]
        assert checks <= {key.name for key in asset.check_keys}
        assert f"enrichments/{name}.yaml" in (asset.description or "")
        assert asset.group_name == "items"
    assert {"item_embeddings", "item_features"} <= {
        key.to_user_string() for key in by_name["reason"].child_keys
    }


def test_a_folder_of_twenty_files_is_read_in_a_third_of_a_second(shop: Shop, tmp_path: Path) -> None:
    import time

    from nightshift.enrichments.registry import built_in, registry_with

    built_in()
    folder = tmp_path / "twenty"
    folder.mkdir()
    for number in range(20):
        (folder / f"mine_{number}.yaml").write_text(OCCASION if number % 2 else REASON)
    spent = []
    for attempt in range(3):
        (folder / "mine_0.yaml").write_text(f"{REASON}# {attempt}\n")
        started = time.process_time()
        registry_with(folder)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.3
