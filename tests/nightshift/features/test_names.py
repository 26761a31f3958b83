"""A column's name says the same in every night, whatever script its attribute is written in."""

import re
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from nightshift.features.content import Snapshot, night_content
from nightshift.features.history import Past
from nightshift.features.names import column_labels, facet_labels
from nightshift.features.night import item_features, user_features
from nightshift.features.settings import SimilaritySettings
from nightshift.features.tags import tag_columns
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

NIGHT = date(2026, 11, 1)


def label(name: str, *others: str) -> str:
    return column_labels([(name,), *[(other,) for other in others]])[0]


@pytest.mark.parametrize(
    "name",
    [
        "Sci-Fi",
        "Children's",
        "toys & games",
        "Shelf 1",
        "film_noir",
        "18+",
        "C++",
        "Food (organic)",
        " R&B ",
        "a, b: [c] {d}",
        '"x"',
    ],
)
def test_a_name_in_ascii_that_nothing_reads_like_is_as_it_always_was(name: str) -> None:
    assert label(name, "something else") == re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("玩具", "玩具"), ("おもちゃ", "おもちゃ"), ("장난감", "장난감"), ("Книги", "книги"), ("ΒΙΒΛΊΑ", "βιβλία"), ("ألعاب", "ألعاب"),
        ("צעצועים", "צעצועים"), ("हिन्दी", "हिन्दी"), ("ของเล่น", "ของเล่น"), ("Bücher & Co", "bücher_co"), ("Straße", "strasse"),
        ("Cafe\u0301", "café"),
    ],
)  # fmt: skip
def test_letters_of_every_script_are_kept(name: str, expected: str) -> None:
    assert label(name) == expected


@pytest.mark.parametrize("name", ["🎁", "Toys™", "+++", "玩具→花园", "★★★", "", "a\u200db"])
def test_what_cleaning_loses_a_hash_makes_up_for(name: str) -> None:
    assert re.fullmatch(r"(.+_)?[0-9a-f]{6}", label(name))


ALIKE = [
    ("c", "C++"),
    ("Film Noir", "film-noir"),
    ("Книги", "книги"),
    ("🎁", "🎈"),
    ("玩具 花园", "玩具-花园"),
    ("STRASSE", "Straße"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_read_alike_get_a_hash_each_that_no_order_moves(one: str, other: str) -> None:
    labels = column_labels([(one,), (other,), ("x",)])
    assert len(set(labels)) == 3
    assert labels[:2] == column_labels([("x",), (other,), ("y",), (one,)])[:0:-2]
    assert labels[2] == "x"


def test_facet_and_tag_are_two_parts_of_a_name() -> None:
    labels = column_labels([("a_b", "c"), ("a", "b_c"), ("a", "d")])
    assert len(set(labels)) == 3
    assert labels[2] == "a_d"


def test_facets_keep_their_names_unless_a_tool_could_not_read_them() -> None:
    assert facet_labels(["mood", "room type", "色", "Setting"]) == ["mood", "room type", "色", "Setting"]
    odd = facet_labels(["color, size", "Mood", "mood", 'a"b', "a\tb", " "])
    assert len({name.casefold() for name in odd}) == 6
    assert all(re.fullmatch(r"\w+", name) for name in odd)


def shop(garden: int, names: tuple[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items of two categories, and a user who liked two of the first and none of the second."""
    categories = [names[0]] * 4 + [names[1]] * garden
    items = pl.DataFrame(
        {
            "item_id": [f"i{k:02d}" for k in range(len(categories))],
            "attributes": [[name] for name in categories],
        }
    )
    days = [datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2, 3)]
    events = pl.DataFrame(
        {"user_id": "u", "item_id": ["i00", "i01", "i05"], "timestamp": days, "label": [1.0, 1.0, 0.0]}
    )
    nothing = pl.lit(None, pl.String)
    items = items.with_columns(title=pl.col("item_id"), text=nothing, created_at=pl.lit(None, MOMENT))
    events = events.with_columns(pl.col("label").cast(pl.Float32), kind=nothing, request_id=nothing)
    return ITEMS.conform(items), INTERACTIONS.conform(events)


@pytest.mark.parametrize(
    "names", [("玩具", "花园"), ("film noir", "film-noir"), ("🎁", "🌱"), ("toys", "garden")]
)
def test_a_liking_stays_in_its_column_when_another_category_becomes_the_largest(
    names: tuple[str, str],
) -> None:
    nights = []
    for garden in (3, 9):
        row = user_features(*shop(garden, names), Snapshot(), NIGHT).row(0, named=True)
        nights.append({name: value for name, value in row.items() if name.startswith("base__liking_")})
    assert nights[0] == nights[1]
    assert len(set(nights[0].values())) == 2


def tags(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    rows = [(f"i{k:02d}", *pair, k * (n + 1.0) % 5) for n, pair in enumerate(pairs) for k in range(7)]
    return pl.DataFrame(rows, schema=["item_id", "facet", "tag", "score"], orient="row")


def test_a_tag_stays_in_its_column_when_the_vocabulary_grows() -> None:
    pairs = [("kind", "红"), ("kind", "蓝"), ("kind", "x-y"), ("kind", "x y")]
    items, events = shop(3, ("a", "b"))
    small = item_features(items, events, Snapshot(item_tag_scores=tags(pairs)), NIGHT)
    large = item_features(
        items, events, Snapshot(item_tag_scores=tags([*pairs, ("kind", "一"), ("aaa", "z")])), NIGHT
    )
    mine = [name for name in small.columns if name.startswith("llm__tag_")]
    assert len(mine) == 4
    assert small.select(mine).equals(large.select(mine))


def test_a_facet_with_a_comma_makes_columns_that_a_ranker_takes() -> None:
    snapshot = Snapshot(item_tag_scores=tags([("a, b", "x"), ("a, b", "y")]))
    content = night_content(NIGHT, snapshot, pl.Series([f"i{k:02d}" for k in range(7)]), SimilaritySettings())
    past = Past(
        np.array([[1, 2]]),
        np.ones((1, 2), np.float32),
        np.ones((1, 2), np.float32),
        np.ones((1, 2), np.bool_),
    )
    columns = tag_columns(content.tags, np.array([0]), past, facets=True)
    assert len(columns) == 4
    assert all(re.fullmatch(r"\w+", name) for name in columns)


def test_the_worlds_own_names_have_not_moved() -> None:
    world = make_world(SyntheticSettings(n_users=10, n_items=30, days=3))
    names = world.items["attributes"].explode().drop_nulls().unique().sort().to_list()
    assert column_labels([(name,) for name in names]) == [name.lower().replace(" ", "_") for name in names]
