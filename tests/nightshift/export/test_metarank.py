"""Events and configuration against Metarank's documented format (docs.metarank.ai: event-schema, overview,
feature-extractors)."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import pytest
import yaml
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter

from nightshift.export import export
from nightshift.features.asof import join_features
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEM_FACTS, ITEM_FEATURES, ITEMS, USER_FEATURES
from tests.served import NIGHTS, Served


class Strict(BaseModel, extra="forbid"):
    """Unknown members are errors."""


class OneField(Strict):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]+$")]
    value: StrictBool | StrictStr | StrictFloat | StrictInt | list[StrictStr] | list[StrictFloat]


class ItemEvent(Strict):
    event: Literal["item"]
    id: str
    timestamp: Annotated[str, Field(pattern=r"^\d{13}$")]
    item: str
    fields: list[OneField]


class UserEvent(Strict):
    event: Literal["user"]
    id: str
    timestamp: Annotated[str, Field(pattern=r"^\d{13}$")]
    user: str
    fields: list[OneField]


class Shown(Strict):
    id: str


class RankingEvent(Strict):
    event: Literal["ranking"]
    id: str
    timestamp: Annotated[str, Field(pattern=r"^\d{13}$")]
    user: str
    items: Annotated[list[Shown], Field(min_length=1)]


class InteractionEvent(Strict):
    event: Literal["interaction"]
    id: str
    timestamp: Annotated[str, Field(pattern=r"^\d{13}$")]
    user: str
    type: str
    item: str
    ranking: str | None = None


EVENT: TypeAdapter[Any] = TypeAdapter(
    Annotated[ItemEvent | UserEvent | RankingEvent | InteractionEvent, Field(discriminator="event")]
)


class NumberFeature(Strict):
    name: str
    type: Literal["number"]
    scope: Literal["item", "user"]
    source: Annotated[str, Field(pattern=r"^(item|user)\.[a-zA-Z0-9_]+$")]
    ttl: Annotated[str, Field(pattern=r"^\d+[smhd]$")]


class StringFeature(Strict):
    name: str
    type: Literal["string"]
    scope: Literal["item"]
    source: Literal["item.tags"]
    encode: Literal["onehot"]
    values: Annotated[list[str], Field(min_length=1)]


class Backend(Strict):
    type: Literal["lightgbm"]
    iterations: int
    seed: int


class Model(Strict):
    type: Literal["lambdamart"]
    backend: Backend
    weights: dict[str, float]
    features: list[str]


class Configuration(Strict):
    state: dict[str, str]
    features: list[Annotated[NumberFeature | StringFeature, Field(discriminator="type")]]
    models: dict[str, Model]


@pytest.fixture(scope="session")
def exported(home: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(home.store, "metarank", tmp_path_factory.mktemp("metarank") / "out").out


@pytest.fixture(scope="session")
def events(exported: Path) -> list[Any]:
    return [EVENT.validate_json(line) for line in (exported / "events.jsonl").read_text().splitlines()]


def test_every_line_is_an_event_of_the_schema_in_order_of_time(home: Served, events: list[Any]) -> None:
    times = [int(event.timestamp) for event in events]
    assert times == sorted(times)
    assert len({(event.event, event.id) for event in events}) == len(events)
    log = home.store.read(INTERACTIONS, NIGHTS[-1])
    assert Counter(event.event for event in events) == {
        "item": 3 * home.world.items.height,
        "user": sum(home.store.read(USER_FEATURES, night).height for night in NIGHTS),
        "ranking": log.select("user_id", "request_id").n_unique(),
        "interaction": log.filter(pl.col("label") > 0).height,
    }


def test_an_interaction_is_with_an_item_of_a_ranking_before_it(events: list[Any]) -> None:
    shown: dict[str, set[str]] = {}
    for event in events:
        if event.event == "ranking":
            shown[event.id] = {item.id for item in event.items}
        elif event.event == "interaction":
            assert event.item in shown[event.ranking]


def test_a_replayed_ranking_sees_the_features_of_the_newest_night_before_it(
    home: Served, events: list[Any]
) -> None:
    known: dict[str, dict[str, Any]] = {}
    seen, asked = [], []
    for event in events:
        if event.event == "item":
            known[event.item] = {field.name: field.value for field in event.fields}
        elif event.event == "ranking":
            item, at = event.items[0].id, datetime.fromtimestamp(int(event.timestamp) / 1000, UTC)
            asked.append({"item_id": item, "timestamp": at})
            seen.append(known.get(item, {}))
    frame = pl.DataFrame(asked, schema={"item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")})
    ours = join_features(
        frame, {night: home.store.scan(ITEM_FEATURES, night) for night in NIGHTS}, on="item_id"
    )
    assert 0 < ours["as_of"].null_count() < ours.height
    for name in ("base__events", "base__rate", "llm__facts_00", "llm__tag_topic_crime"):
        theirs = np.array([fields.get(name, np.nan) for fields in seen], np.float32)
        assert np.array_equal(theirs, ours[name].to_numpy(), equal_nan=True), name


def test_the_configuration_declares_every_field_and_names_only_what_it_declares(
    home: Served, exported: Path, events: list[Any]
) -> None:
    told = Configuration.model_validate(yaml.safe_load((exported / "config.yml").read_text()))
    [model] = told.models.values()
    assert model.features == [feature.name for feature in told.features]
    assert len(set(model.features)) == len(model.features)
    assert model.weights == {"positive": 1}
    sent = {
        f"{event.event}.{field.name}"
        for event in events
        if event.event in ("item", "user")
        for field in event.fields
    }
    declared = {feature.source for feature in told.features}
    assert sent - {"item.title"} <= declared
    tags = home.store.read(ITEM_FACTS, NIGHTS[-1])["tags"].explode().drop_nulls().unique().sort().to_list()
    assert [feature.values for feature in told.features if feature.type == "string"] == [tags]


def test_without_request_ids_the_readme_says_that_there_is_nothing_to_train_on(
    home: Served, tmp_path: Path
) -> None:
    store = Store(tmp_path / "home")
    log = home.store.read(INTERACTIONS, NIGHTS[-1]).with_columns(
        request_id=pl.lit(None, pl.String), kind=pl.lit("rating")
    )
    items = home.world.items.with_columns(title=pl.lit('A "quoted"\nline\\'))
    for table, frame in ((ITEMS, items), (INTERACTIONS, log)):
        store.publish(table, NIGHTS[-1], frame)
    for table in (ITEM_FEATURES, USER_FEATURES):
        store.publish(table, NIGHTS[-1], home.store.read(table, NIGHTS[-1]))
    out = export(store, "metarank", tmp_path / "out").out
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    kinds = Counter(line["type"] for line in lines if line["event"] == "interaction")
    assert kinds == {
        "rating": log.filter(pl.col("label") > 0).height,
        "negative": log.filter(pl.col("label") <= 0).height,
    }
    assert "no request ids" in (out / "README.md").read_text()
    titles = {
        field["value"]
        for line in lines
        if line["event"] == "item"
        for field in line["fields"]
        if field["name"] == "title"
    }
    assert titles == {'A "quoted"\nline\\'}
