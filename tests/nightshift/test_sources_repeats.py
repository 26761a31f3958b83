"""Rows of one event: what makes them one, which is kept, and which contradict each other."""

from pathlib import Path

import polars as pl
import pytest

from nightshift.features.examples import asked_rows
from nightshift.sources.findings import Finding
from nightshift.tables import RANKING_EXAMPLES, RANKING_SCORES
from tests.written_sources import findings, mapping, one, read, write

SHOWN = {"feedback": "impressions", "label": "click", "group": "req"}
RATED = {"feedback": "explicit", "label": "stars", "positive_from": 4}
TWO_LISTS = """\
user,sku,at,req,click
u0,i1,2026-10-01,r1,0
u0,i2,2026-10-01,r1,0
u0,i1,2026-10-01,r2,1
u0,i3,2026-10-01,r2,0
"""


def test_an_item_shown_in_two_lists_at_one_moment_is_an_impression_in_each(tmp_path: Path) -> None:
    write(tmp_path, TWO_LISTS)
    found = read(tmp_path, mapping(**SHOWN))
    assert (found.frame.height, found.duplicates, found.contradictions) == (4, 0, 0)
    assert found.frame.filter(request_id="r2", item_id="i1")["label"].to_list() == [1.0]
    assert not any("repeat" in what for what in findings(tmp_path, mapping(**SHOWN)))


def test_each_list_has_its_own_training_rows(tmp_path: Path) -> None:
    write(tmp_path, TWO_LISTS)
    rows = asked_rows(read(tmp_path, mapping(**SHOWN)).frame)
    clicked = rows.filter(item_id="i1").select("group_id", "label").rows()
    assert (rows.height, clicked) == (4, [("r1", 0.0), ("r2", 1.0)])


@pytest.mark.parametrize("table", [RANKING_EXAMPLES, RANKING_SCORES])
def test_rows_of_two_lists_have_two_keys(table) -> None:
    assert table.key[-4:] == ("user_id", "item_id", "timestamp", "group_id")


@pytest.mark.parametrize("labels", [(0, 1), (1, 0), (0, 1, 0)])
@pytest.mark.parametrize("shown_in", ["r1", ""])
def test_of_equal_impressions_the_click_is_kept_wherever_it_stands(
    tmp_path: Path, labels: tuple[int, ...], shown_in: str
) -> None:
    write(
        tmp_path,
        pl.DataFrame(
            [
                {"user": "u", "sku": "i1", "at": "2026-10-01", "req": shown_in, "click": label}
                for label in labels
            ]
        ),
    )
    found = read(tmp_path, mapping(**SHOWN))
    assert (found.frame["label"].to_list(), found.duplicates) == ([1.0], len(labels) - 1)


def told(tmp_path: Path, rows: str, **how: object) -> tuple[Finding | None, Finding | None]:
    """What is said of harmless repeats, and of contradictions."""
    write(tmp_path, rows)
    found = findings(tmp_path, mapping(**how))
    starts = ("events repeat another", "events contradict another")
    harmless, against = (
        next((one for what, one in found.items() if what.startswith(start)), None) for start in starts
    )
    return harmless, against


def test_rows_that_agree_are_told_as_harmless(tmp_path: Path) -> None:
    rows = "user,sku,at,req,click\nu,i1,2026-10-01,r,1\nu,i1,2026-10-01,r,1\nu,i2,2026-10-01,r,0\n"
    harmless, against = told(tmp_path, rows, **SHOWN)
    assert (harmless.what, harmless.rows, against) == (
        "events repeat another in user, item, moment and list",
        1,
        None,
    )


def test_a_look_and_a_click_in_two_rows_are_told_apart_from_repeats(tmp_path: Path) -> None:
    rows = "user,sku,at,req,click\nu,i2,2026-10-01,r,0\nu,i1,2026-10-01,r,0\nu,i1,2026-10-01,r,1\n"
    harmless, against = told(tmp_path, rows, **SHOWN)
    assert harmless is None
    assert (against.rows, against.where, against.column, against.value) == (
        1,
        "events.csv row 2",
        "click",
        "0",
    )
    assert against.fix.startswith("The click is kept")


@pytest.mark.parametrize(
    ("first", "second", "contradicts"), [(5, 1, True), (1, 5, True), (5, 4, False), (1, 3, False)]
)
def test_ratings_on_both_sides_of_the_cut_contradict_each_other(
    tmp_path: Path, first: int, second: int, contradicts: bool
) -> None:
    rows = f"user,sku,at,stars\nu,i1,2026-10-01,{first}\nu,i1,2026-10-01,{second}\nu,i2,2026-10-01,2\n"
    harmless, against = told(tmp_path, rows, **RATED)
    assert (harmless is None, against is not None) == (contradicts, contradicts)
    if against:
        assert (against.rows, against.where, against.value) == (1, "events.csv row 2", str(second))
        assert "first in the files" in against.fix


def test_implicit_events_cannot_contradict(tmp_path: Path) -> None:
    harmless, against = told(tmp_path, "user,sku,at\nu,i1,2026-10-01\nu,i1,2026-10-01\n")
    assert (harmless.what, harmless.rows, against) == (
        "events repeat another in user, item and moment",
        1,
        None,
    )


def test_a_list_of_everybody_is_no_list(tmp_path: Path) -> None:
    rows = [
        {"user": f"u{k % 4}", "sku": "i1", "at": f"2026-10-0{1 + k % 9}", "req": "all", "click": k % 2}
        for k in range(36)
    ]
    write(tmp_path, pl.DataFrame(rows))
    odd = one(findings(tmp_path, mapping(**SHOWN)), "rows are in lists of several users")
    assert odd.what.endswith("list 'all' has 36 rows of 4 users on 9 days")
    assert (odd.rows, odd.share, odd.column) == (36, 1.0, "req")
    assert odd.fix.startswith("group names no list. Map the id of one request")


def test_a_list_of_one_user_and_many_days_is_no_list(tmp_path: Path) -> None:
    rows = [
        {"user": "u", "sku": "i1", "at": f"2026-10-0{1 + k}", "req": "page", "click": k % 2} for k in range(3)
    ]
    write(tmp_path, pl.DataFrame(rows))
    assert one(findings(tmp_path, mapping(**SHOWN)), "rows are in lists of several days").rows == 3


@pytest.mark.parametrize("feedback", [SHOWN, RATED | {"group": "req"}])
def test_a_list_longer_than_a_ranker_takes_is_told(tmp_path: Path, feedback: dict[str, object]) -> None:
    many = pl.int_range(10_001, eager=True)
    items = pl.DataFrame({"sku": pl.select(pl.format("i{}", many)).to_series(), "name": "x"})
    events = items.select(
        "sku", user=pl.lit("u"), at=pl.lit("2026-10-01"), req=pl.lit("r"), click=many % 2, stars=many % 5
    )
    write(tmp_path, events, items)
    odd = one(findings(tmp_path, mapping(**feedback)), "rows are in lists of more than 10,000")
    assert (odd.rows, "lift.lightgbm.objective: binary" in odd.fix) == (10_001, True)


def test_lists_in_order_are_not_told(tmp_path: Path) -> None:
    late = (
        "user,sku,at,req,click\nu,i1,2026-10-01T23:59:00,r,0\nu,i2,2026-10-02T00:01:00,r,1\nv,i1,"
        "2026-10-01,s,0\nv,i3,2026-10-01,s,1\n"
    )
    write(tmp_path, late)
    assert not any("lists" in what for what in findings(tmp_path, mapping(**SHOWN)))
