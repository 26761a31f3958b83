"""A group that a model was asked about is asked again when its items changed, never for traffic alone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.answering import planned
from nightshift.enrichments.group_facts.enrichment import _asked_before
from nightshift.night.config import Settings
from nightshift.night.night import Night
from pipelines.answer_prompts import answer_prompts

FIRST = date(2024, 1, 10)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
ITEMS = pl.DataFrame(
    [(f"{n:02}", f"Film {n}", None, ["Drama"] if n % 2 else ["War"]) for n in range(40)],
    schema={"item_id": pl.String, "title": pl.String, "text": pl.String, "attributes": pl.List(pl.String)},
    orient="row",
)


def events(growth: dict[int, int]) -> pl.DataFrame:
    """Events on the days after FIRST minus one: item n gets `n * count` of them, the order of fame turning
    every day."""
    rows = [
        ("u", f"{(n * (day + 1)) % 40:02}", datetime(2024, 1, 9, 12, tzinfo=UTC) + timedelta(days=day))
        for day, count in growth.items()
        for n in range(40)
        for _ in range(n * count)
    ]
    schema: dict[str, Any] = {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


TURNING = events({0: 1, 1: 8, 2: 60})


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., Night]:
    def make(day: int = 0, reply: str = "A story of {first}.") -> Night:
        raw: dict[str, Any] = {
            "sources": SOURCES,
            "nights": {"first": FIRST},
            "home": tmp_path,
            "encoder": {"backend": "hashing"},
        }
        llm = {"backend": "echo", "reply": reply}
        return Night(Settings.model_validate(raw | {"llm": llm}), FIRST + timedelta(days=day), f"run{day}")

    return make


def shown(tonight: Night, known: pl.DataFrame) -> pl.DataFrame:
    return tonight.given(ITEMS, known).step("group_facts").rows


def pending(tonight: Night, items: pl.DataFrame = ITEMS) -> pl.DataFrame:
    known = TURNING.filter(pl.col("timestamp") < tonight.moment)
    return planned(tonight, tonight.given(items, known).step("group_facts")).pending


def work(tonight: Night, items: pl.DataFrame = ITEMS) -> int:
    rows = pending(tonight, items)
    answer_prompts(tonight.settings, "group_facts", tonight.as_of, tonight.run_id, rows)
    return rows.height


def test_traffic_alone_asks_no_group_again(night: Callable[..., Night]) -> None:
    fresh = night(1)
    known = [TURNING.filter(pl.col("timestamp") < night(day).moment) for day in (0, 1)]
    titles = [shown(fresh, rows)["titles"].to_list() for rows in known]
    assert titles[0] != titles[1], "without an answer the best known stand for a group"
    assert [work(night(day)) for day in (0, 1, 2)] == [2, 0, 0]


def test_a_changed_title_asks_its_group_and_no_other(night: Callable[..., Night]) -> None:
    assert work(night(0)) == 2
    first = shown(night(0), TURNING.filter(pl.col("timestamp") < night(0).moment))
    title = first.filter(pl.col("group") == "War")["titles"].item()[0]
    renamed = ITEMS.with_columns(
        title=pl.when(pl.col("title") == title).then(pl.lit("Renamed")).otherwise("title")
    )
    assert pending(night(1), renamed)["row_id"].to_list() == ["War"]


def test_an_item_that_is_new_and_unknown_asks_no_group_again(night: Callable[..., Night]) -> None:
    assert work(night(0)) == 2
    new = ITEMS.head(1).with_columns(item_id=pl.lit("99"), title=pl.lit("New"))
    assert pending(night(1), pl.concat([ITEMS, new])).is_empty()


def test_a_new_group_is_asked_and_the_others_are_kept(night: Callable[..., Night]) -> None:
    assert work(night(0)) == 2
    news = pl.concat(
        ITEMS.head(1).with_columns(item_id=pl.lit(f"9{n}"), title=pl.lit(f"N{n}"), attributes=pl.lit(["New"]))
        for n in range(6)
    )
    assert work(night(1), pl.concat([ITEMS, news])) == 1
    assert work(night(2), pl.concat([ITEMS, news])) == 0, "groups of two nights keep their own titles"


def test_a_home_whose_titles_stand_in_the_ledger_keeps_its_keys(night: Callable[..., Night]) -> None:
    work(night(2))  # asked late, about the fame of by then
    assert pending(night(2)).is_empty()
    assert pending(night(0)).height == 2, "an earlier night knows nothing of a later one"
    work(night(0))
    assert pending(night(2)).is_empty()


def test_a_group_whose_answer_was_refused_is_shown_as_it_is_tonight(night: Callable[..., Night]) -> None:
    refusing = "I'm sorry, but as an AI language model I cannot"
    assert work(night(0, refusing)) == 2
    tonight = night(1, refusing)
    known = TURNING.filter(pl.col("timestamp") < tonight.moment)
    assert _asked_before(tonight.context("group_facts")).is_empty()
    assert shown(tonight, known)["titles"].to_list() != shown(night(0), TURNING.head(0))["titles"].to_list()
