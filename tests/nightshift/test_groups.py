"""Which attribute makes an item's group, and which titles stand for it, night after night."""

from datetime import UTC, datetime

import polars as pl

from nightshift.enrichments.groups import TITLES, group_rows, membership

ITEMS = pl.DataFrame(
    [
        (
            f"{n:02}",
            f"Film {n}",
            ["Drama", "War"] if n < 3 else ["Drama"] if n < 9 else ["Rare"] if n == 9 else None,
        )
        for n in range(12)
    ],
    schema={"item_id": pl.String, "title": pl.String, "attributes": pl.List(pl.String)},
    orient="row",
)


def events(**seen: int) -> pl.DataFrame:
    rows = [
        (name.removeprefix("i"), datetime(2024, 1, 1, tzinfo=UTC))
        for name, count in seen.items()
        for _ in range(count)
    ]
    return pl.DataFrame(
        rows, schema={"item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}, orient="row"
    )


def groups(least: int = 3, most: int = 64) -> dict[str, str]:
    return dict(membership(ITEMS, least, most).iter_rows())


def titles(seen: pl.DataFrame, group: str = "Drama") -> list[str]:
    rows = group_rows(ITEMS, seen, membership(ITEMS, 5, 64))
    found: list[str] = rows.filter(pl.col("group") == group)["titles"].item().to_list()
    return found


def test_an_items_group_is_its_rarest_attribute_that_enough_items_have() -> None:
    assert groups() == {"00": "War", "01": "War", "02": "War"} | {f"{n:02}": "Drama" for n in range(3, 9)}
    assert set(groups(least=4).values()) == {"Drama"}
    assert groups(least=1)["09"] == "Rare"
    assert groups(least=100) == {}


def test_the_largest_groups_are_kept() -> None:
    assert set(groups(most=1).values()) == {"Drama"}
    assert groups(most=0) == {}


def test_a_group_counts_its_own_items_and_shows_its_best_known_in_the_order_of_their_ids() -> None:
    rows = group_rows(ITEMS, events(i08=20, i04=5), membership(ITEMS, 3, 64))
    assert rows.select("group", "items").rows() == [("Drama", 6), ("War", 3)]
    assert titles(events(i08=20, i04=5)) == ["Film 0", "Film 1", "Film 2", "Film 4", "Film 8"]
    assert len(titles(events())) == TITLES


def test_a_little_more_traffic_changes_no_groups_text() -> None:
    before = events(i08=20, i07=20, i06=20, i05=20, i04=20, i03=4)
    after = events(i08=33, i07=21, i06=20, i05=60, i04=20, i03=14)
    assert titles(before) == titles(after) == ["Film 4", "Film 5", "Film 6", "Film 7", "Film 8"]
    assert "Film 3" in titles(events(i08=20, i07=20, i06=20, i05=20, i04=20, i03=80)), (
        "four times as many events do"
    )
