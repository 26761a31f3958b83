"""Our list metrics against trec_eval (through pytrec-eval-terrier) and ir_measures."""

from collections.abc import Callable
from itertools import pairwise, permutations

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.lift.metrics import (
    Sums,
    average_precision,
    hit_rate_at,
    ndcg,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)  # fmt: skip
from nightshift.lift.ranks import Ranked

CUTS = (1, 3, 10, 40)
List = list[tuple[int, int]]
"""(label, score) of the rows of one user."""

OURS: dict[str, Callable[[Ranked], Sums]] = {
    "recip_rank": reciprocal_rank,
    "map": average_precision,
    **{f"ndcg_cut_{cut}": lambda ranked, cut=cut: ndcg_at(ranked, cut) for cut in CUTS},
    **{f"recall_{cut}": lambda ranked, cut=cut: recall_at(ranked, cut) for cut in CUTS},
    **{f"success_{cut}": lambda ranked, cut=cut: hit_rate_at(ranked, cut) for cut in CUTS},
    **{f"P_{cut}": lambda ranked, cut=cut: precision_at(ranked, cut) for cut in CUTS},
    **{f"map_cut_{cut}": lambda ranked, cut=cut: average_precision(ranked, cut) for cut in CUTS},
}
MEASURES = {"recip_rank", "map"} | {
    f"{name}.{','.join(map(str, CUTS))}" for name in ("ndcg_cut", "recall", "success", "P", "map_cut")
}


def ranked(lists: list[List], missed: list[int] | None = None) -> Ranked:
    rows = [(label, score, user) for user, rows in enumerate(lists) for label, score in rows]
    label, score, user = (np.array([row[column] for row in rows]) for column in range(3))
    lost = None if missed is None else np.array(missed)
    return Ranked.of_rows(label.astype(float), score.astype(float), user.astype(np.int64), len(lists), lost)


def of_trec(rows: List, missed: int = 0) -> dict[str, float]:
    judged = {f"d{number:03d}": label for number, (label, _) in enumerate(rows)} | {
        f"m{number}": 1 for number in range(missed)
    }
    scores = {f"d{number:03d}": float(score) for number, (_, score) in enumerate(rows)}
    return pytrec_eval.RelevanceEvaluator({"q": judged}, MEASURES).evaluate({"q": scores})["q"]


def distinct(lists: list[list[int]]) -> list[List]:
    """Labels become rows with scores that nobody shares, in an order of their own."""
    random = np.random.default_rng(len(lists))
    return [list(zip(labels, random.permutation(len(labels)).tolist(), strict=True)) for labels in lists]


LABELS = st.lists(st.integers(0, 1), min_size=1, max_size=30).filter(any)


@given(st.lists(st.tuples(LABELS, st.integers(0, 3)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_without_ties_each_metric_is_that_of_trec_eval_and_missed_positives_rank_last(
    drawn: list[tuple[list[int], int]],
) -> None:
    lists, missed = distinct([labels for labels, _ in drawn]), [lost for _, lost in drawn]
    expected = [of_trec(rows, lost) for rows, lost in zip(lists, missed, strict=True)]
    found = ranked(lists, missed)
    for name, metric in OURS.items():
        sums = metric(found)
        assert sums.numerator == pytest.approx([values[name] for values in expected], abs=1e-9), name
        assert sums.value == pytest.approx(np.mean([values[name] for values in expected]), abs=1e-9), name


def tie_orders(rows: List) -> list[List]:
    """Every order of the rows that respects their scores, as rows with distinct scores."""
    found = []
    for order in permutations(rows):
        if all(before[1] >= after[1] for before, after in pairwise(order)):
            found.append([(label, len(order) - place) for place, (label, _) in enumerate(order)])
    return found


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=6).filter(
        lambda rows: any(y for y, _ in rows)
    )
)
@settings(deadline=None, max_examples=60)
def test_with_ties_every_metric_is_the_mean_of_trec_eval_over_all_tie_orders(rows: List) -> None:
    orders = [of_trec(order) for order in tie_orders(rows)]
    found = ranked([rows])
    for name, metric in OURS.items():
        assert metric(found).value == pytest.approx(np.mean([values[name] for values in orders]), abs=1e-9), (
            name
        )


@given(st.lists(LABELS, min_size=2, max_size=5))
@settings(deadline=None, max_examples=40)
def test_means_over_users_are_those_of_ir_measures(labels: list[list[int]]) -> None:
    lists = distinct(labels)
    wanted = {
        ir_measures.nDCG @ 10: ndcg_at(ranked(lists), 10),
        ir_measures.R @ 3: recall_at(ranked(lists), 3),
        ir_measures.P @ 10: precision_at(ranked(lists), 10),
        ir_measures.Success @ 3: hit_rate_at(ranked(lists), 3),
        ir_measures.RR: reciprocal_rank(ranked(lists)),
        ir_measures.AP: average_precision(ranked(lists)),
    }
    named = [
        (f"q{user}", f"d{row}", *pair) for user, rows in enumerate(lists) for row, pair in enumerate(rows)
    ]
    judged = [ir_measures.Qrel(query, document, label) for query, document, label, _ in named]
    run = [ir_measures.ScoredDoc(query, document, float(score)) for query, document, _, score in named]
    values = ir_measures.calc_aggregate(list(wanted), judged, run)
    for measure, sums in wanted.items():
        assert sums.value == pytest.approx(values[measure], abs=1e-9), str(measure)


def test_trec_eval_breaks_ties_by_document_and_we_do_not() -> None:
    last_wins = [(0, 1), (1, 1)]  # d001 comes before d000 in trec_eval
    assert of_trec(last_wins)["recip_rank"] == 1.0
    assert of_trec(last_wins[::-1])["recip_rank"] == 0.5
    assert (
        reciprocal_rank(ranked([last_wins])).value == reciprocal_rank(ranked([last_wins[::-1]])).value == 0.75
    )


def test_the_metric_of_rows_and_of_lists_is_one_and_the_same() -> None:
    random = np.random.default_rng(4)
    label, score, user = (
        random.integers(0, 2, 300).astype(float),
        random.integers(0, 9, 300).astype(float),
        random.integers(0, 12, 300),
    )
    found = ndcg_at(Ranked.of_rows(label, score, user, 12), 10)
    assert found.numerator == pytest.approx(ndcg(label, score, user, 12).numerator, abs=1e-12)


def test_users_without_a_positive_do_not_count_and_users_without_a_list_count_as_zero() -> None:
    label, score, user = np.array([0.0, 0.0, 1.0]), np.array([1.0, 2.0, 1.0]), np.array([0, 0, 1])
    found = recall_at(Ranked.of_rows(label, score, user, 3, np.array([0, 0, 1])), 10)
    assert found.numerator.tolist() == [0.0, 1.0, 0.0]
    assert found.denominator.tolist() == [0.0, 1.0, 1.0]


def test_no_rows_and_no_positives_give_no_number() -> None:
    none = np.zeros(0)
    empty = Ranked.of_rows(none, none, none.astype(np.int64), 2)
    for metric in OURS.values():
        assert np.isnan(metric(empty).value)


def test_a_cut_beyond_the_list_changes_only_precision() -> None:
    found = ranked([[(1, 3), (0, 2), (1, 1)]])
    assert recall_at(found, 3).value == recall_at(found, 1000).value == 1.0
    assert precision_at(found, 1000).value == 2 / 1000
    assert average_precision(found, 1000).value == average_precision(found).value


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        Ranked.of_rows(np.ones(2), np.array([0.5, np.nan]), np.zeros(2, np.int64), 1)


def test_long_tied_lists_keep_their_precision() -> None:
    size = 50_000
    label = np.zeros(size)
    label[:7] = 1.0
    found = Ranked.of_rows(label, np.zeros(size), np.zeros(size, np.int64), 1)
    chance = 1.0 - np.prod([(size - 7 - step) / (size - step) for step in range(10)])
    assert hit_rate_at(found, 10).value == pytest.approx(chance, abs=1e-9)
    assert reciprocal_rank(found, 1).value == pytest.approx(7 / size, abs=1e-12)
