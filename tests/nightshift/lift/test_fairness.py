"""Gaps between groups of users: the metric of a group, the gap, what chance explains of it, and whether an
arm widens it."""

import numpy as np
import polars as pl
import pytest

from nightshift.lift.arms import BETWEEN_FAMILIES
from nightshift.lift.beyond_accuracy import gap, gap_by_chance
from nightshift.lift.descriptions import Beside
from nightshift.lift.fairness import (
    LEAST_USERS,
    Groups,
    by_chance,
    gap_rows,
    group_values,
    groups_of,
    observed_gap,
)
from nightshift.lift.inference import Concordance, Draws
from nightshift.lift.metrics import Sums, auc
from nightshift.lift.paired import Form
from nightshift.lift.settings import METRICS
from nightshift.lift.slices import masks_of
from nightshift.lift.suite import compare, corrected
from nightshift.lift.verdict import GAP
from nightshift.tables import LIFT

DRAWS = Draws(0, 200)


def rows_of(users: int, each: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores that know them a little, users."""
    random = np.random.default_rng(seed)
    label = (random.random(users * each) < 0.5).astype(float)
    return label, label + random.normal(0, 2, users * each), np.repeat(np.arange(users), each)


def halves(users: int) -> Groups:
    code = np.arange(users) % 2
    return Groups("half", code, 2, np.full(users, 12))


def form_of(label: np.ndarray, scores: np.ndarray, user: np.ndarray) -> Form:
    return Form.of_auc(Concordance(label, scores, user, int(user.max()) + 1))


def test_auc_of_a_group_is_that_of_its_own_rows() -> None:
    label, score, user = rows_of(60)
    found = group_values(form_of(label, score[None], user), 2, halves(60).code, np.ones((1, 60)))[0]
    assert found == pytest.approx([auc(label[user % 2 == half], score[user % 2 == half]) for half in (0, 1)])


def test_above_the_largest_matrix_a_gap_has_a_value_and_nothing_else() -> None:
    label, score, user = rows_of(3001, 4)
    form, groups = form_of(label, score[None], user), Groups("half", np.arange(3001) % 2, 2, np.full(3001, 4))
    values = [auc(label[user % 2 == half], score[user % 2 == half]) for half in (0, 1)]
    assert observed_gap(form, groups) == pytest.approx(abs(values[0] - values[1]))
    assert np.isnan(by_chance(form, groups))
    compared = gap_rows({"llm": form, "base": form}, [groups], DRAWS, {"ranker": "r", "metric": "auc"})[-1]
    assert compared["difference"] == 0.0
    assert "ci_low" not in compared


def test_a_ratio_metrics_gap_is_that_of_the_plain_functions_and_so_is_its_chance() -> None:
    random = np.random.default_rng(3)
    sums = Sums(random.random(80), np.ones(80))
    form, groups = Form.of_sums([sums]), halves(80)
    assert observed_gap(form, groups) == pytest.approx(gap(sums, groups.code))
    assert by_chance(form, groups) == pytest.approx(gap_by_chance(sums, groups.code, 500), abs=0.08)


def test_a_gap_that_was_planted_is_no_chance_and_the_arm_that_plants_it_widens_it() -> None:
    label, score, user = rows_of(120)
    unfair = np.where(user % 2 == 0, score + 3 * label, score)
    fair, planted, groups = form_of(label, score[None], user), form_of(label, unfair[None], user), halves(120)
    assert by_chance(fair, groups) > 0.05
    assert by_chance(planted, groups) < 0.01
    rows = gap_rows({"base": fair, "llm": planted}, [groups], DRAWS, {"ranker": "r", "metric": "auc"})
    widened = next(row for row in rows if (row["arm"], row["against"]) == ("llm", "base"))
    assert widened["slice"] == f"{GAP}half"
    assert widened["ci_low"] > 0
    assert widened["difference"] == pytest.approx(observed_gap(planted, groups) - observed_gap(fair, groups))
    assert {("llm", "base")} <= set(BETWEEN_FAMILIES)


def test_small_groups_and_unknown_users_do_not_count_in_a_gap() -> None:
    sizes = {"a": LEAST_USERS, "b": LEAST_USERS, "c": LEAST_USERS - 1, None: 5}
    kinds = [kind for kind, size in sizes.items() for _ in range(size)]
    users = pl.DataFrame(
        {"user_id": [f"u{n:03}" for n in range(len(kinds))], "kind": kinds, "same": ["x"] * len(kinds)}
    )
    test = users.select("user_id").vstack(pl.DataFrame({"user_id": ["z", "z", "u000"]}))
    (groups,) = groups_of(users, test)
    assert (groups.column, groups.count, groups.users) == ("kind", 2, 2 * LEAST_USERS)
    assert groups.rows.tolist() == [2, *[1] * (len(kinds) - 1), 2]
    assert groups_of(None, test) == []


def test_gaps_are_told_once_though_another_slice_holds_every_row_too() -> None:
    label, score, user = rows_of(60, 6)
    test = pl.DataFrame(
        {"user_id": [f"u{n:03}" for n in user], "split": ["test"] * len(user), "label": label}
    )
    users = (
        test.select("user_id")
        .unique()
        .sort("user_id")
        .with_columns(half=pl.Series([str(n % 2) for n in range(60)]))
    )
    every = np.ones(len(user), np.bool_)
    rows = compare(
        test,
        {"all": every, "everybody": every},
        {"base": score[None], "llm": label[None]},
        DRAWS,
        lambda _: None,
        users=users,
    )
    told = [(row["arm"], row["against"], row["metric"]) for row in rows if row["slice"] == f"{GAP}half"]
    assert len(told) == len(set(told)) == 3 * len(METRICS)


def examples() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": ["a", "b", "c", "a"],
            "item_id": ["i"] * 4,
            "split": ["test", "test", "test", "train"],
            "base__item_events": [1.0] * 4,
        }
    ).with_columns(timestamp=pl.int_range(4))


def test_every_known_group_is_a_slice_and_an_unknown_user_is_in_none() -> None:
    users = pl.DataFrame({"user_id": ["a", "b"], "gender": ["F", "M"]})
    masks = masks_of(examples(), Beside(users=users))
    assert {name: mask.tolist() for name, mask in masks.items() if name.startswith("group ")} == {
        "group gender=F": [True, False, False],
        "group gender=M": [False, True, False],
    }


def test_groups_are_corrected_among_themselves() -> None:
    common = {
        "arm": "llm",
        "against": "base",
        "ranker": "lightgbm",
        "metric": "auc",
        "value": 0.7,
        "n_users": 9,
        "n_rows": 9,
    }
    slices = {
        "all": 0.04,
        "cold items (under 5 events)": 0.02,
        "group gender=F": 0.01,
        "group gender=M": 0.02,
    }
    rows = [common | {"slice": name, "p_value": p} for name, p in slices.items()]
    found = corrected(pl.DataFrame(rows, schema=LIFT.schema))
    assert found["p_holm"].to_list() == pytest.approx([0.04, 0.02, 0.02, 0.02])
