"""Rows of several columns: their keys in the ledger, their order, what a prompt about them may see."""

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from nightshift.enrichments.entities import ENTITIES, EVENT, ITEM, PAIR, QUERY, REVIEW, SEPARATOR, Entity
from nightshift.enrichments.registry import built_in, registry_of
from nightshift.errors import ConfigError
from nightshift.night.night import Night
from nightshift.storage.ledger import ANSWERS
from nightshift.storage.store import Store
from nightshift.tables import MOMENT
from tests.nightshift.enrichments.examples import EVENTS, PAIRED, asked
from tests.own import run, with_own
from tests.shop import Shop

SOURCES = ("items", "interactions")
KEYS = {
    "item": {"item_id": ["i 1", "i,2"]},
    "pair": {"user_id": ["u", "u"], "item_id": ["a b", "ü"]},
    "event": {
        "user_id": ["u", "v"],
        "item_id": ["a", "a"],
        "timestamp": [datetime(2024, 1, 1, 12, 0, 0, 123456), datetime(1969, 12, 31)],
    },
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_comes_back_from_the_ledger_as_it_went(name: str) -> None:
    entity = ENTITIES[name]
    rows = pl.DataFrame(KEYS[name])
    if "timestamp" in rows.columns:
        rows = rows.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC").cast(MOMENT))
    named = entity.with_row_id(rows)
    assert named["row_id"].n_unique() == rows.height
    assert entity.without_row_id(named.select("row_id", said=pl.lit(1))).drop("said").equals(rows)


@pytest.mark.parametrize("each", [PAIRED, EVENTS], ids=lambda each: each.entity.name)
def test_a_row_of_several_columns_is_asked_answered_and_published(each: Any, shop: Shop) -> None:
    own = with_own(shop.write(budget={"tables": {}}), each)
    first, second, _ = shop.nights()
    run(own, first, *SOURCES, each.name)
    night = Night(own, first)
    table = Store(own.home_folder).read(night.tables[each.name], first)
    events = Store(own.home_folder).read(night.tables["interactions"], first)
    wanted = events.select(each.entity.key_columns).unique()
    assert table.height == wanted.height
    assert table.join(wanted, on=each.entity.key_columns, how="semi").height == wanted.height
    assert table["origin"].unique().to_list() == ["llm"]
    assert table.schema["user_id"] == pl.String
    ledger = night.ledgers.answers.scan().collect()
    assert ledger["row_id"].str.contains(SEPARATOR, literal=True).all()
    paid = ledger.height
    run(own, first, each.name)
    assert night.ledgers.answers.scan().collect().height == paid, "nothing is paid twice"
    again = Night(own, second).given(Store(own.home_folder).read(night.tables["items"], first), events)
    assert set(again.step(each.name).requests["content_key"]) <= set(ledger["content_key"])


def test_pairs_are_asked_by_traffic_of_the_user_and_by_the_pairs_own_last_answer(shop: Shop) -> None:
    night = Night(with_own(shop.write(), PAIRED), shop.nights()[1])
    before = night.foreseen().step("pair_lines").requests
    assert before["worth"].is_sorted(descending=True)
    first = before.row(0, named=True)
    row: dict[str, Any] = dict.fromkeys(ANSWERS) | {
        "content_key": "x",
        "row_id": first["row_id"],
        "table": "pair_lines",
        "as_of": shop.nights()[0],
    }
    night.ledgers.answers.append([row | {"created_at": datetime(2024, 1, 1)}], "r")
    after = Night(night.settings, night.as_of).foreseen().step("pair_lines").requests
    worth = after.filter(pl.col("row_id") == first["row_id"])["worth"].item()
    assert worth < first["worth"], "it was heard of; its neighbours of the same user were not"
    user = first["row_id"].split(SEPARATOR)[0]
    others = after.filter(pl.col("row_id").str.starts_with(user + SEPARATOR))["worth"]
    assert others.max() == first["worth"]


@pytest.mark.parametrize(
    ("entity", "field"),
    [
        (ITEM, "item_id"),
        (PAIR, "user_id"),
        (EVENT, "timestamp"),
        (EVENT, "label"),
        (ENTITIES["user"], "title"),
    ],
)
def test_a_prompt_sees_nothing_that_its_entity_does_not_allow(shop: Shop, entity: Entity, field: str) -> None:
    night = Night(with_own(shop.write(), asked("nosy", entity, field)), shop.nights()[0])
    with pytest.raises(ConfigError, match=f"nosy: a prompt about .* cannot read '{field}'; it may read"):
        night.foreseen().step("nosy")


@pytest.mark.parametrize(("entity", "source"), [(QUERY, "queries"), (REVIEW, "reviews")])
def test_an_entity_whose_source_is_not_mapped_is_refused(entity: Entity, source: str) -> None:
    each = asked("searches", entity, *entity.fields)
    with pytest.raises(
        ConfigError, match=f"searches: entity {entity.name}: .*sources.{source}.*cannot map yet"
    ):
        registry_of([*built_in().values(), each])
    with pytest.raises(ConfigError, match=f"sources.{source}"):
        entity.rows(None)  # type: ignore[arg-type]


def test_every_entity_promises_no_personal_column() -> None:
    personal = {"user_id", "email", "request_id", "timestamp"}
    assert all(not personal & set(entity.fields) for entity in ENTITIES.values())
