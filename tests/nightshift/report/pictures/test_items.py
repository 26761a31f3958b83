from collections import Counter

import numpy as np
import polars as pl

from nightshift.report.pictures.items import map_of_items
from nightshift.tables import ITEM_EMBEDDINGS, ITEMS
from tests.nightshift.report.pictures.test_bars import SVG, drawn, words


def catalogue(attributes: list[list[str] | None]) -> pl.DataFrame:
    ids = [f"i{n:03d}" for n in range(len(attributes))]
    rows = pl.DataFrame(
        {"item_id": ids, "title": ids, "attributes": pl.Series(attributes, dtype=pl.List(pl.String))}
    )
    return ITEMS.conform(
        rows.with_columns(
            text=pl.lit(None, pl.String), created_at=pl.lit(None, ITEMS.columns["created_at"].dtype)
        )
    )


def vectors(items: pl.DataFrame, *views: str) -> pl.DataFrame:
    drawn_at_random = np.random.default_rng(3).standard_normal((items.height, 16)).astype(np.float32)
    frames = [
        items.select(
            "item_id", view=pl.lit(view), encoder_id=pl.lit("e"), vector=pl.Series(drawn_at_random.tolist())
        )
        for view in views
    ]
    return ITEM_EMBEDDINGS.conform(pl.concat(frames))


def colours(said: str) -> Counter[str]:
    """Points of every colour."""
    points: Counter[str] = Counter()
    for path in drawn(said).iter(f"{SVG}path"):
        points[str(path.get("stroke"))] += str(path.get("d")).count("M")
    return points


def test_items_take_the_colour_of_their_first_attribute_where_it_is_common() -> None:
    items = catalogue(
        [["comedy", "old"]] * 30
        + [["drama"]] * 20
        + [["war"]] * 10
        + [["crime"]] * 9
        + [["rare"]] * 2
        + [None, []]
    )
    said = map_of_items(vectors(items, "raw"), items)
    assert words(drawn(said))[:5] == ["comedy", "drama", "war", "crime", "other"]
    assert sorted(colours(said).values()) == [4, 9, 10, 20, 30]


def test_a_catalogue_without_attributes_has_a_map_of_one_colour() -> None:
    items = catalogue([None] * 12)
    said = map_of_items(vectors(items, "raw", "facts"), items)
    assert list(colours(said).values()) == [24]
    assert [word.split(":")[0] for word in words(drawn(said))] == ["raw", "facts"]


def test_a_night_without_vectors_has_an_empty_map() -> None:
    assert colours(map_of_items(ITEM_EMBEDDINGS.empty(), catalogue([["a"]] * 3))) == {}
