"""Ids that are quotes, code, paths or blanks somewhere: a night, `show` and the exports take them as they
are."""

import json
from pathlib import Path

import polars as pl

from jobs.running import run_job
from jobs.show import show_item
from nightshift.export import export
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS, ITEM_FEATURES
from tests.shop import Shop

HOSTILE = (
    *('"', "'", "''; DROP TABLE items; --", "a,b", "a;b", "a\\b", "\\N", "a|b", "{}", "[x]", "[bold]x", "*", "%s", "%20", "{0}"),
    *("..", "a b", "$HOME", "`id`", "<b>&amp;", "null", "NaN", "None", "0", "007", "1e5", "日本", "é", "🎬"),
)  # fmt: skip
EXPORTS = ("duckdb", "feast", "gorse", "metarank", "rectools")


def test_hostile_ids_go_through_a_night_show_and_exports_as_they_are(shop: Shop, tmp_path: Path) -> None:
    assert len(set(HOSTILE)) == 29
    renamed = dict(zip(shop.items()["item_id"].to_list(), HOSTILE, strict=False))
    shop.write_items(shop.items().with_columns(pl.col("item_id").replace(renamed)))
    events = shop.folder / "sources" / "interactions.parquet"
    pl.read_parquet(events).with_columns(pl.col("item_id").replace(renamed)).write_parquet(events)
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])
    night = shop.night()
    for table in (ITEM_FACTS, ITEM_FEATURES):
        assert set(HOSTILE) < set(night.store.read(table, night.as_of)["item_id"])
    for item in HOSTILE:
        show_item(night, item)
    for to in EXPORTS:
        export(night.store, to, tmp_path / "exports" / to)
    items = [
        json.loads(line)["ItemId"]
        for line in (tmp_path / "exports" / "gorse" / "items.jsonl").read_text("utf-8").splitlines()
    ]
    assert set(HOSTILE) < set(items)
    flat = pl.read_parquet(tmp_path / "exports" / "rectools" / "item_features_flat.parquet")
    assert set(HOSTILE) < set(flat[flat.columns[0]].cast(pl.String))
