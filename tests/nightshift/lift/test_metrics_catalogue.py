import tracemalloc

import numpy as np
import pytest
import pytrec_eval
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.lift.full_catalogue import Truth, rank_catalogue
from nightshift.lift.metrics import (
    average_precision,
    hit_rate_at,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from nightshift.lift.ranks import Ranked

METRICS = {
    "ndcg_cut_10": lambda ranked: ndcg_at(ranked, 10),
    "recall_10": lambda ranked: recall_at(ranked, 10),
    "success_10": lambda ranked: hit_rate_at(ranked, 10),
    "P_10": lambda ranked: precision_at(ranked, 10),
    "recip_rank": reciprocal_rank,
    "map": average_precision,
}


def made(seed: int, users: int, items: int, levels: int | None) -> tuple[np.ndarray, Truth]:
    """Scores (users, items), distinct or of few levels, positives and seen items."""
    random = np.random.default_rng(seed)
    scores = (
        random.permuted(np.tile(np.arange(items), (users, 1)), axis=1)
        if levels is None
        else random.integers(0, levels, (users, items))
    )
    seen, wanted = random.random((users, items)) < 0.1, random.random((users, items)) < 0.05
    return scores.astype(np.float32), Truth(sp.csr_array(wanted & ~seen), sp.csr_array(seen))


@given(
    st.integers(0, 10_000),
    st.integers(1, 30),
    st.integers(1, 60),
    st.sampled_from([None, 2, 8]),
    st.integers(1, 40),
)
@settings(deadline=None, max_examples=60)
def test_a_whole_catalogue_gives_what_its_rows_give_whatever_the_batch(
    seed: int, users: int, items: int, levels: int | None, batch: int
) -> None:
    scores, truth = made(seed, users, items, levels)
    shown = ~truth.seen.toarray().astype(bool)
    row, column = np.nonzero(shown)
    label = truth.positives.toarray()[row, column].astype(float)
    expected = Ranked.of_rows(label, scores[row, column].astype(float), row.astype(np.int64), users)
    found = rank_catalogue(lambda who: scores[who], truth, batch)
    for metric in METRICS.values():
        assert metric(found).numerator == pytest.approx(metric(expected).numerator, abs=1e-12)
        assert metric(found).denominator.tolist() == metric(expected).denominator.tolist()


def test_without_ties_a_whole_catalogue_is_ranked_as_trec_eval_ranks_it() -> None:
    scores, truth = made(1, 20, 200, None)
    wanted, seen = truth.positives.toarray(), truth.seen.toarray()
    judged = {f"u{u}": {f"i{i}": 1 for i in np.flatnonzero(wanted[u])} for u in range(20) if wanted[u].any()}
    run = {f"u{u}": {f"i{i}": float(scores[u, i]) for i in np.flatnonzero(~seen[u])} for u in range(20)}
    expected = pytrec_eval.RelevanceEvaluator(judged, set(METRICS)).evaluate(run)
    found = rank_catalogue(lambda who: scores[who], truth)
    for name, metric in METRICS.items():
        assert metric(found).value == pytest.approx(
            np.mean([values[name] for values in expected.values()]), abs=1e-9
        ), name


def test_a_positive_that_is_never_shown_is_missed_but_counts() -> None:
    scores = np.array([[3.0, 2.0, -np.inf, 1.0]])
    positives = sp.csr_array(np.array([[0, 1, 1, 0]]))
    found = rank_catalogue(lambda who: scores[who], Truth(positives))
    assert recall_at(found, 10).value == 0.5
    assert reciprocal_rank(found).value == 0.5
    hidden = rank_catalogue(lambda who: scores[who], Truth(positives, sp.csr_array(np.array([[0, 1, 0, 0]]))))
    assert recall_at(hidden, 10).value == 0.0
    assert recall_at(hidden, 10).denominator.tolist() == [1.0]


def test_scores_are_left_as_they_were_and_nan_is_refused() -> None:
    scores, truth = made(2, 5, 30, None)
    before = scores.copy()
    rank_catalogue(lambda who: scores[who], truth)
    assert np.array_equal(scores, before)
    with pytest.raises(ValueError, match="minus infinity"):
        rank_catalogue(lambda who: np.full((len(who), 30), np.nan), truth)


def test_memory_is_that_of_a_batch_and_not_of_all_users() -> None:
    users, items = 3000, 2000
    positives = sp.csr_array(
        (np.ones(users), (np.arange(users), np.arange(users) % items)), shape=(users, items)
    )
    random = np.random.default_rng(0)
    tracemalloc.start()
    rank_catalogue(
        lambda who: random.random((len(who), items), dtype=np.float32), Truth(positives), batch=100
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < users * items * 4 / 4  # all scores would be 24 MB
