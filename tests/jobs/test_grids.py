"""No number is cut or wrapped, however narrow the terminal."""

import io
import itertools
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jobs.console import console
from jobs.costs import show_costs
from jobs.show import show_lift
from jobs.terminal_tables import blocks_of, bullets, stacked
from jobs.watch import screen
from nightshift.lift.slices import MAIN_SLICES
from nightshift.tables import LIFT

WIDTHS = (60, 80, 100, 110, 140, 200)
PAIRS = [
    ("llm", "base"),
    ("text", "base"),
    ("permuted", "base"),
    ("llm", "permuted"),
    ("llm", "text"),
    ("llm", "template"),
]
PAIRS += [("base", "popular"), ("base", "item_knn"), ("base", "ease")]


def told(shown: object, width: int) -> str:
    written = io.StringIO()
    Console(file=written, width=width, highlight=False, color_system=None).print(shown)
    return written.getvalue()


def judged(ranker: str, start: int) -> pl.DataFrame:
    """A lift table in which every number is another one."""
    numbers = itertools.count(start)
    rows = [
        {
            "arm": arm, "against": against, "ranker": ranker, "metric": "ndcg@10", "slice": part, "value": 0.1, "n_users": 12_000,
            "n_rows": 1_234_567, "difference": next(numbers) / 1000, "ci_low": -next(numbers) / 1000, "ci_high": next(numbers) / 1000,
        }
        for part in MAIN_SLICES
        for arm, against in PAIRS
    ]  # fmt: skip
    missing = {name: None for name in LIFT.columns if name not in rows[0]}
    return LIFT.conform(pl.DataFrame([row | missing for row in rows]))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_difference_and_interval_of_every_ranker_is_whole(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lift = pl.concat([judged("lightgbm", 100), judged("din", 500)])
    before = console.width
    console.width = width
    show_lift(lift)
    console.width = before
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    assert "…" not in printed
    for row in lift.to_dicts():
        assert f"{1000 * row['difference']:+.1f}" in printed
        assert f"{1000 * row['ci_low']:+.1f} {1000 * row['ci_high']:+.1f}" in printed


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("by_table", [False, True])
def test_costs_are_whole_in_any_terminal(
    width: int, by_table: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    night = {
        "as_of": "2026-11-22",
        "calls": 12_345_678,
        "prompt_tokens": 9_876_543_210,
        "new_tokens": 0,
        "cost_usd": 12_345.67,
    }
    night |= {
        "seconds": 600_006.0,
        "avoided_calls": 87_654_321,
        "avoided_tokens": 23_456_789_012,
        "avoided_usd": 98_765.43,
        "hit_rate": 0.987,
    }
    named = (
        {"table": "user_preferences", "models": "a-model-with-a-long-name@0123456789abcdef"}
        if by_table
        else {}
    )
    before = console.width
    console.width = width
    show_costs({"nights": [night | named], "total": night})
    console.width = before
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    for number in (
        "12,345,678",
        "9,876,543,210",
        "12,345.67",
        "10000.1",
        "87,654,321",
        "23,456,789,012",
        "98,765.43",
        "98.7%",
    ):
        assert len(re.findall(rf"(?<![\d,.]){re.escape(number)}(?![\d,.])", printed)) == 2


@given(st.lists(st.integers(1, 40), min_size=2, max_size=12), st.integers(20, 200), st.integers(1, 2))
def test_every_column_stands_in_one_table_beside_the_names_of_its_rows(
    widths: list[int], width: int, keys: int
) -> None:
    keys = min(keys, len(widths) - 1)
    blocks = list(blocks_of(widths, width, keys))
    assert [place for block in blocks for place in block[keys:]] == list(range(keys, len(widths)))
    assert all(block[:keys] == list(range(keys)) for block in blocks)
    for block in blocks:
        assert len(block) == keys + 1 or sum(widths[place] + 2 for place in block) + 1 <= width


def test_columns_stand_below_each_other_only_where_they_have_no_room() -> None:
    rows = [["items", "1,000,000", "2,000,000"]]
    beside, below = (
        told(stacked(("table", "rows", "tokens"), rows, width, "Night"), width) for width in (30, 29)
    )
    assert [line.split() for line in beside.splitlines() if "1,000,000" in line] == [
        ["items", "1,000,000", "2,000,000"]
    ]
    assert [line.split() for line in below.splitlines() if "items" in line] == [
        ["items", "1,000,000"],
        ["items", "2,000,000"],
    ]
    assert below.count("Night") == 1


def test_further_lines_of_a_bullet_stand_under_its_first() -> None:
    assert [line.rstrip() for line in told(bullets(["one two three [four]"]), 12).splitlines()] == [
        "• one two",
        "  three",
        "  [four]",
    ]


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_a_watched_night_goes_without_columns_rather_than_without_digits(width: int) -> None:
    asked = {
        "what": "rows",
        "done": 12_345_678,
        "total": 98_765_432,
        "hit_rate": 0.5,
        "tokens": 1,
        "per_second": 98_765.4,
        "usd": 12_345.67,
    }
    table = {
        "table": "user_preferences",
        "state": "running",
        "rows": 98_765_432,
        "seconds": 9e4,
        "message": None,
        "eta_seconds": 5e4,
    }
    totals = {
        "job": "nightly_enrichment",
        "as_of": "2026-11-23",
        "run_id": "0123abcd",
        "host": "vm",
        "seconds": 9e4,
    }
    told_now = totals | {"state": "running", "calls": 1, "tokens": 1, "usd": 1.0, "tables": [table | asked]}
    printed = told(screen(told_now, width), width)
    assert "12,345,678/98,765,432" in printed
    assert "left" in printed
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= width
    assert ("98,765 tok/s" in printed) is (width >= 100)
