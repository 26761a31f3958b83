from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.enrichments.base import midnight
from nightshift.enrichments.priority import worth
from nightshift.storage.ledger import ANSWERS, Ledgers

NIGHT = date(2024, 3, 1)


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path)


def events(**days_ago: list[int]) -> pl.DataFrame:
    rows = [
        (item, midnight(NIGHT) - timedelta(days=days))
        for item, all_days in days_ago.items()
        for days in all_days
    ]
    return pl.DataFrame(
        rows, schema={"item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}, orient="row"
    )


def wrote(ledgers: Ledgers, item: str, night: date, table: str = "item_facts") -> None:
    row: dict[str, Any] = dict.fromkeys(ANSWERS) | {
        "content_key": f"{item} {night}",
        "row_id": item,
        "table": table,
        "as_of": night,
    }
    ledgers.answers.append([row | {"created_at": datetime(2024, 1, 1)}], "r")


def order(ledgers: Ledgers, seen: pl.DataFrame, *items: str) -> list[str]:
    rows = pl.DataFrame({"item_id": sorted(items, reverse=True)})
    ranks = worth(rows, seen, "item_id", "item_facts", ledgers, NIGHT, midnight(NIGHT))
    ordered: list[str] = (
        rows.with_columns(worth=ranks).sort("worth", "item_id", descending=[True, False])["item_id"].to_list()
    )
    return ordered


def test_traffic_of_the_last_thirty_days_comes_first(ledgers: Ledgers) -> None:
    seen = events(busy=[1, 2, 3, 30], quiet=[5], once=[31] * 50)
    assert order(ledgers, seen, "busy", "quiet", "once", "unseen") == ["busy", "quiet", "unseen", "once"]


def test_a_few_events_more_do_not_decide_the_next_power_of_two_does(ledgers: Ledgers) -> None:
    wrote(ledgers, "b", date(2024, 2, 28))
    wrote(ledgers, "a", date(2024, 2, 29))
    assert order(ledgers, events(a=[1] * 6, b=[1] * 3), "a", "b") == ["b", "a"], (
        "equally busy, but b was written about before a"
    )
    assert order(ledgers, events(a=[1] * 7, b=[1] * 3), "a", "b") == ["a", "b"]


def test_what_no_model_ever_wrote_about_is_the_stalest(ledgers: Ledgers) -> None:
    wrote(ledgers, "old", date(2014, 1, 1))
    wrote(ledgers, "fresh", date(2024, 2, 29))
    wrote(ledgers, "old", date(2014, 1, 2))
    wrote(ledgers, "never", date(2024, 2, 29), table="item_tag_scores")
    assert order(ledgers, events(), "old", "fresh", "never") == ["never", "old", "fresh"]


def test_of_equally_busy_and_stale_rows_the_colder_comes_first_and_then_the_id(ledgers: Ledgers) -> None:
    seen = events(warm=[1, 50, 60], cold=[2], kalt=[3])
    assert order(ledgers, seen, "warm", "cold", "kalt") == ["cold", "kalt", "warm"]


def test_no_number_of_events_or_nights_spills_into_what_counts_more(ledgers: Ledgers) -> None:
    wrote(ledgers, "a", date(1970, 1, 1))
    wrote(ledgers, "b", date(2024, 2, 29))
    rows = pl.DataFrame({"item_id": ["a", "b"]})
    many = pl.concat([events(b=[40])] * 1_100_000)
    one, other = worth(rows, many, "item_id", "item_facts", ledgers, NIGHT, midnight(NIGHT))
    assert one > other
    assert one < 1e11
