"""Ids and tags that are quotes, code, JSON, paths or blanks somewhere: a night, `show` and the exports take
them as they are."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import polars as pl
import yaml

from jobs.running import run_job
from jobs.show import show_item
from nightshift.export import export
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS, ITEM_FEATURES
from tests.shop import VOCABULARY, Shop

HOSTILE = (
    *('"', "'", "''; DROP TABLE items; --", "a,b", "a;b", "a\\b", "\\N", "a|b", "{}", "[x]", "[bold]x", "*", "%s", "%20", "{0}"),
    *("..", "a b", "$HOME", "`id`", "<b>&amp;", "null", "NaN", "None", "0", "007", "1e5", "日本", "é", "🎬"),
)  # fmt: skip
KINDS = ['"', "\\", '{"a": [1]}', "[x]", "a: b", "a, b", "a/b"]
USES = ["null", "'", "{0}", "日本"]
EXPORTS = ("duckdb", "feast", "gorse", "metarank", "rectools")


def with_hostile_ids(shop: Shop) -> None:
    renamed = dict(zip(shop.items()["item_id"].to_list(), HOSTILE, strict=False))
    shop.write_items(shop.items().with_columns(pl.col("item_id").replace(renamed)))
    events = shop.folder / "sources" / "interactions.parquet"
    pl.read_parquet(events).with_columns(pl.col("item_id").replace(renamed)).write_parquet(events)


def with_hostile_tags(shop: Shop) -> None:
    facets = [{"name": "kind", "tags": KINDS}, {"name": "use", "tags": USES}]
    examples = [
        example | {"tags": {"kind": kind, "use": use}}
        for example, kind, use in zip(VOCABULARY["examples"], KINDS, USES, strict=False)
    ]
    told = yaml.safe_dump(VOCABULARY | {"facets": facets, "examples": examples})
    (shop.folder / "shop.yaml").write_text(told)


def told_apart(lists: Iterable[Iterable[str]]) -> set[str]:
    return set(chain.from_iterable(lists))


def test_hostile_ids_and_tags_go_through_a_night_show_and_exports_as_they_are(
    shop: Shop, tmp_path: Path
) -> None:
    assert len(set(HOSTILE)) == 29
    with_hostile_ids(shop)
    with_hostile_tags(shop)
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])
    night = shop.night()
    for table in (ITEM_FACTS, ITEM_FEATURES):
        assert set(HOSTILE) < set(night.store.read(table, night.as_of)["item_id"])
    tags = told_apart(night.store.read(ITEM_FACTS, night.as_of)["tags"])
    assert tags == {*KINDS, *USES}
    for item in HOSTILE:
        show_item(night, item)
    exports = tmp_path / "exports"
    for to in EXPORTS:
        export(night.store, to, exports / to)
    gorse = [json.loads(line) for line in (exports / "gorse" / "items.jsonl").read_text("utf-8").splitlines()]
    assert set(HOSTILE) < {item["ItemId"] for item in gorse}
    assert told_apart(item["Labels"]["tags"] for item in gorse) == tags
    flat = pl.read_parquet(exports / "rectools" / "item_features_flat.parquet")
    assert set(HOSTILE) < set(flat["id"])
    assert set(flat.filter(feature="tag")["value"]) == tags
    events = (exports / "metarank" / "events.jsonl").read_text("utf-8").splitlines()
    fields = chain.from_iterable(
        event["fields"] for event in map(json.loads, events) if event["event"] == "item"
    )
    assert told_apart(field["value"] for field in fields if field["name"] == "tags") == tags
    config = yaml.safe_load((exports / "metarank" / "config.yml").read_text("utf-8"))
    known = next(feature["values"] for feature in config["features"] if feature["name"] == "tags")
    assert set(known) == tags
