"""Checks that hold a night against the nights before it: when they warn, and that they do not cry wolf."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nightshift.night.checks import (
    CheckSettings,
    clouds,
    cost,
    fallback_share,
    lift_kept,
    paid_by_night,
    rows_kept,
    vector_drift,
)
from nightshift.storage.ledger import ANSWERS, RETRIED, Ledgers
from nightshift.tables import LIFT

FIRST = date(2024, 1, 1)
NIGHTS = [FIRST + timedelta(days=n) for n in range(12)]
LIMITS = CheckSettings()


# rows_kept


def test_a_catalogue_that_lost_two_fifths_is_stopped_and_says_what_is_gone() -> None:
    checked = rows_kept(60, 100, FIRST, 0.3, gone=pl.Series([f"i{n}" for n in range(40)]))
    assert (checked.passed, checked.blocking) == (False, True)
    assert checked.numbers["drop"] == pytest.approx(0.4)
    for said in (
        "60 rows, 100 on 2024-01-01 (-40.0%)",
        "['i0', 'i1', 'i10']",
        "NIGHTSHIFT_CHECKS__MAX_ROW_DROP=1",
    ):
        assert said in checked.message


@pytest.mark.parametrize(("rows", "last"), [(70, 100), (100, 100), (500, 100), (5, None), (0, 0)])
def test_growth_a_little_loss_and_a_first_night_pass(rows: int, last: int | None) -> None:
    assert rows_kept(rows, last, FIRST, 0.3).passed


# fallback_share


def rows(**origins: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"item_id": list(origins), "origin": list(origins.values())},
        schema={"item_id": pl.String, "origin": pl.String},
    )


def fallbacks(now: pl.DataFrame, last: pl.DataFrame, deferred: int = 0, most: float = 1.0) -> Any:
    return fallback_share(now, last, "item_id", deferred, FIRST, most, 0.1)


def test_rows_that_lost_their_answer_warn_and_are_named() -> None:
    checked = fallbacks(rows(a="template", b="carried", c="llm"), rows(a="llm", b="llm", c="llm"))
    assert (checked.passed, checked.blocking) == (False, False)
    assert checked.numbers["rise"] == pytest.approx(2 / 3)
    assert "lost, for example: ['a', 'b']" in checked.message
    assert "nightshift rejects" in checked.message


def test_what_the_budget_deferred_and_rows_that_are_new_are_no_rise() -> None:
    lost, whole = rows(a="template", b="carried", c="llm"), rows(a="llm", b="llm", c="llm")
    assert fallbacks(lost, whole, deferred=2).passed
    assert fallbacks(rows(a="llm", **dict.fromkeys("xyz", "template")), rows(a="llm")).passed
    assert fallbacks(lost, rows()).passed, "a first night"
    assert fallbacks(rows(a="template", b="llm"), rows(a="llm", b="group")).passed, "one lost, one gained"
    assert fallbacks(rows(), rows()).passed


def test_a_limit_on_all_fallbacks_counts_the_budgets_as_well() -> None:
    checked = fallbacks(rows(a="template", b="llm"), rows(), deferred=1, most=0.4)
    assert not checked.passed
    assert "50.0% of 2 rows" in checked.message
    assert "checks.max_fallback_share" in checked.message


def test_a_row_with_many_lines_counts_once() -> None:
    lines = pl.concat([rows(a="llm"), rows(a="llm"), rows(b="carried")])
    assert fallbacks(lines, rows()).numbers["share"] == pytest.approx(0.5)


# cost


def paid(*tokens: int, usd: tuple[float | None, ...] | None = None) -> pl.DataFrame:
    schema = {"as_of": pl.Date, "tokens": pl.Int64, "usd": pl.Float64}
    return pl.DataFrame(
        {"as_of": NIGHTS[: len(tokens)], "tokens": tokens, "usd": usd or [0.0] * len(tokens)}, schema=schema
    )


def spent(*tokens: int, usd: tuple[float | None, ...] | None = None) -> Any:
    last = len(tokens) - 1
    return cost(paid(*tokens, usd=usd), NIGHTS[last], NIGHTS[:last], LIMITS)


def test_a_first_night_reads_everything_passes_and_says_so() -> None:
    checked = spent(50_000_000)
    assert checked.passed
    assert "the first night" in checked.message


def test_a_night_of_four_medians_warns_and_says_what_is_usual() -> None:
    checked = spent(9_000_000, 200_000, 210_000, 190_000, 800_000)
    assert (checked.passed, checked.blocking) == (False, False)
    assert checked.numbers["median_tokens"] == 200_000
    for said in ("800,000 tokens", "median of the last 3 nights is 200,000", "nightshift plan", "budget"):
        assert said in checked.message


def test_small_sums_a_weekly_feed_and_a_first_night_long_ago_do_not_warn() -> None:
    assert spent(9_000, 10, 10, 99_000).passed, "below the least tokens"
    assert spent(9_000_000, 200_000, 900_000, 200_000, 200_000, 200_000, 850_000).passed, (
        "such a night was there this week"
    )
    assert not spent(900_000, 200_000, 200_000, 850_000).passed, "but the first night is none of the usual"


def test_money_is_held_against_money_and_an_unknown_price_against_nothing() -> None:
    checked = spent(10, 100, 100, 100, usd=(9.0, 1.0, 1.1, 4.0))
    assert not checked.passed
    assert "times as much in usd" in checked.message
    assert spent(10, 100, 100, 100, usd=(None, None, None, None)).passed
    assert "usd" not in spent(10, 100, usd=(1.0, None)).numbers


def test_a_hundred_nights_of_chance_never_warn() -> None:
    dice = np.random.default_rng(0)
    nights = [FIRST + timedelta(days=n) for n in range(101)]
    tokens = [20_000_000, *(int(200 * dice.poisson(600) * (2.5 if n % 7 == 0 else 1)) for n in range(100))]
    frame = pl.DataFrame({"as_of": nights, "tokens": tokens, "usd": [0.0] * 101})
    alarms = [night for n, night in enumerate(nights) if not cost(frame, night, nights[:n], LIMITS).passed]
    assert alarms == []


def test_what_a_night_paid_is_read_from_answers_and_rejects_of_every_run(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    plain = dict.fromkeys(ANSWERS) | {
        "table": "item_facts",
        "as_of": FIRST,
        "prompt_tokens": 10,
        "new_tokens": 2,
        "cost_usd": 0.5,
    }
    ledgers.answers.append(
        [plain | {"content_key": "a"}, plain | {"content_key": "b", "table": "group_facts"}], "one"
    )
    ledgers.answers.append([plain | {"content_key": "c", "as_of": NIGHTS[1], "cost_usd": None}], "two")
    refused = {name: plain.get(name) for name in ledgers.rejects.schema} | {
        "content_key": "d",
        "attempt": 1,
        "run_id": "two",
    }
    ledgers.rejects.append(
        [refused, refused | {"reason": RETRIED, "run_id": "by hand", "cost_usd": 0.0}], "two"
    )
    assert paid_by_night(ledgers, "item_facts").rows() == [(FIRST, 2, 24, 1.0), (NIGHTS[1], 1, 12, None)]


# vector_drift


def view(vectors: np.ndarray[Any, Any], encoder: str = "e") -> pl.DataFrame:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"i{n}" for n in range(len(unit))]
    return pl.DataFrame(
        {"item_id": ids, "view": "raw", "encoder_id": encoder, "vector": unit.astype(np.float32).tolist()}
    ).cast({"vector": pl.List(pl.Float32)})


def around(middle: float, rows: int, seed: int) -> np.ndarray[Any, Any]:
    """Vectors whose directions scatter about one, R2 near 0.4 as MiniLM's of film titles."""
    return np.random.default_rng(seed).normal(size=(rows, 64)) / 8 + np.eye(64)[0] * middle


def drift(now: pl.DataFrame, last: pl.DataFrame) -> Any:
    return vector_drift(now, clouds(last), LIMITS.max_vector_drift, LIMITS.max_spread_change)


def test_a_view_that_points_elsewhere_or_collapses_warns() -> None:
    last = view(around(0.8, 200, 1))
    turned = drift(view(np.roll(around(0.8, 200, 2), 1, axis=1)), last)
    assert (turned.passed, turned.blocking) == (False, False)
    assert turned.numbers["drift raw"] > 0.5
    assert "View raw moved" in turned.message
    collapsed = drift(view(around(8.0, 200, 3)), last)
    assert not collapsed.passed
    assert collapsed.numbers["spread raw"] < 0.1


@pytest.mark.parametrize("size", [20, 60, 300])
def test_two_samples_of_one_catalogue_do_not_warn_however_small(size: int) -> None:
    alarms = sum(
        not drift(view(around(0.8, size, seed)), view(around(0.8, size, seed + 1000))).passed
        for seed in range(40)
    )
    assert alarms == 0


def test_another_encoder_a_first_night_and_a_new_view_are_not_compared() -> None:
    assert "same encoder" in drift(view(around(0.8, 9, 1)), view(around(0.8, 9, 2), "f")).message
    assert drift(view(around(0.8, 9, 1)), view(around(0.8, 9, 2)).clear()).passed
    assert drift(view(around(0.8, 9, 1)).clear(), view(around(0.8, 9, 2))).passed


# lift_kept


def report(difference: float, error: float = 0.001, against: str = "base", **values: Any) -> pl.DataFrame:
    row = dict.fromkeys(LIFT.columns) | {
        "arm": "llm",
        "against": against,
        "ranker": "lightgbm",
        "metric": "auc",
        "slice": "all",
    }
    row |= {
        "value": 0.7,
        "difference": difference,
        "ci_low": difference - 1.96 * error,
        "ci_high": difference + 1.96 * error,
    }
    return LIFT.conform(pl.DataFrame([row | {"n_users": 100, "n_rows": 1000} | values], schema=LIFT.schema))


def kept(now: pl.DataFrame, last: pl.DataFrame) -> Any:
    return lift_kept(now, last, FIRST, "auc")


def test_a_fall_beyond_both_intervals_warns_with_both_numbers() -> None:
    checked = kept(report(0.001), report(0.006))
    assert (checked.passed, checked.blocking) == (False, False)
    assert checked.numbers == {"z lightgbm llm base": pytest.approx(-3.536, abs=1e-3)}
    for said in (
        "AUC since 2024-01-01",
        "llm - base +0.0010 [-0.0010, +0.0030], before +0.0060",
        "nightshift report",
    ):
        assert said in checked.message


def test_a_new_interval_below_an_uncertain_old_value_is_no_fall_yet() -> None:
    assert kept(report(0.0035), report(0.006)).passed, (
        "the old value lies above the new interval, but was an estimate too"
    )
    assert kept(report(0.009), report(0.006)).passed
    assert kept(report(0.004, error=0.0), report(0.004, error=0.0)).passed


def test_the_content_lift_is_watched_and_other_slices_are_not() -> None:
    assert not kept(report(0.0, against="permuted"), report(0.01, against="permuted")).passed
    assert kept(report(0.0, slice="cold"), report(0.01, slice="cold")).passed
    assert kept(report(0.0, metric="gauc"), report(0.01, metric="gauc")).passed
    assert "no report before" in kept(report(0.0), LIFT.empty()).message
    assert kept(report(0.0, ci_low=None), report(0.01)).passed


def test_reports_of_an_unchanged_lift_warn_in_about_one_of_forty() -> None:
    dice = np.random.default_rng(1)
    values = dice.normal(0.004, 0.001, size=(1500, 2))
    alarms = sum(not kept(report(now), report(before)).passed for now, before in values)
    assert 0.015 < alarms / 1500 < 0.035
