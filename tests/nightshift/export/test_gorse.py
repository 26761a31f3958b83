"""Users, items and feedback against Gorse's documented format (gorse.io/docs/concepts/data-source.html)."""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import polars as pl
import pytest
from pydantic import AfterValidator, BaseModel

from nightshift.errors import InputError
from nightshift.export import export
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEM_EMBEDDINGS, ITEM_FACTS, ITEMS
from tests.served import NIGHTS, Served


def without_slash(text: str) -> str:
    assert text
    assert "/" not in text
    return text


def a_moment(text: str) -> str:
    assert datetime.fromisoformat(text).utcoffset() == timedelta(0)
    return text


Id = Annotated[str, AfterValidator(without_slash)]
Rfc3339 = Annotated[str, AfterValidator(a_moment)]
M = TypeVar("M", bound=BaseModel)


class UserLabels(BaseModel, extra="forbid"):
    likes: list[str]
    dislikes: list[str]
    facts: list[float]


class User(BaseModel, extra="forbid"):
    UserId: Id
    Labels: UserLabels
    Comment: str


class ItemLabels(BaseModel, extra="forbid"):
    tags: list[str]
    attributes: list[str]
    facts: list[float]
    raw: list[float]


class Item(BaseModel, extra="forbid"):
    ItemId: Id
    IsHidden: bool
    Categories: list[Id]
    Timestamp: Rfc3339
    Labels: ItemLabels
    Comment: str


class Feedback(BaseModel, extra="forbid"):
    FeedbackType: Id
    UserId: Id
    ItemId: Id
    Value: float
    Timestamp: Rfc3339


def read(path: Path, model: type[M]) -> list[M]:
    return [model.model_validate_json(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def exported(home: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(home.store, "gorse", tmp_path_factory.mktemp("gorse") / "out").out


def test_items_carry_tags_attributes_and_the_vectors_of_text_encoders(home: Served, exported: Path) -> None:
    items = read(exported / "items.jsonl", Item)
    assert [item.ItemId for item in items] == home.world.items["item_id"].sort().to_list()
    facts = home.store.read(ITEM_FACTS, NIGHTS[-1])
    tags = dict(zip(facts["item_id"], facts["tags"].to_list(), strict=True))
    assert all(item.Labels.tags == tags[item.ItemId] for item in items)
    rows = home.store.read(ITEM_EMBEDDINGS, NIGHTS[-1]).filter(view="facts")
    vectors = dict(zip(rows["item_id"], rows["vector"].to_list(), strict=True))
    assert all(item.Labels.facts == pytest.approx(vectors.get(item.ItemId, [])) for item in items)
    assert any(not item.Labels.facts for item in items)


def test_feedback_is_unique_by_user_item_and_type_and_counts_its_events(home: Served, exported: Path) -> None:
    feedback = read(exported / "feedback.jsonl", Feedback)
    log = home.store.read(INTERACTIONS, NIGHTS[-1])
    assert len({(row.UserId, row.ItemId, row.FeedbackType) for row in feedback}) == len(feedback)
    assert sum(row.Value for row in feedback) == log.height
    positive = sum(row.Value for row in feedback if row.FeedbackType == "positive")
    assert positive == log.filter(pl.col("label") > 0).height
    users = {user.UserId for user in read(exported / "users.jsonl", User)}
    assert users == set(log["user_id"])
    assert any(user.Labels.likes for user in read(exported / "users.jsonl", User))


def test_the_configuration_names_feedback_types_and_labels_that_exist(exported: Path) -> None:
    recommend = tomllib.loads((exported / "config.toml").read_text())["recommend"]
    types = {row.FeedbackType for row in read(exported / "feedback.jsonl", Feedback)}
    assert (
        set(
            recommend["data_source"]["positive_feedback_types"]
            + recommend["data_source"]["read_feedback_types"]
        )
        == types
    )
    columns = [one["column"].removeprefix("item.Labels.") for one in recommend["item-to-item"]]
    assert set(columns) <= set(ItemLabels.model_fields)


def test_slashes_are_refused_in_ids_and_replaced_in_categories(home: Served, tmp_path: Path) -> None:
    items = home.world.items.with_columns(attributes=pl.lit(["Home/Kitchen"]))
    log = home.store.read(INTERACTIONS, NIGHTS[-1])
    store = Store(tmp_path / "home")
    store.publish(ITEMS, NIGHTS[0], items)
    store.publish(INTERACTIONS, NIGHTS[0], log)
    lines = (export(store, "gorse", tmp_path / "out").out / "items.jsonl").read_text().splitlines()
    assert all(
        '"Categories":["Home|Kitchen"]' in line and '"attributes":["Home/Kitchen"]' in line for line in lines
    )
    store.publish(ITEMS, NIGHTS[1], items.with_columns(item_id=pl.format("a/{}", "item_id")))
    store.publish(INTERACTIONS, NIGHTS[1], log)
    with pytest.raises(InputError, match=r"no item id with a slash, and 120 have one, such as 'a/i00000'"):
        export(store, "gorse", tmp_path / "out")
