import numpy as np
import pytest
from sklearn.metrics import log_loss, ndcg_score, roc_auc_score

from nightshift.lift.metrics import auc, gauc, logloss, ndcg

USERS = 9


def rows(seed: int, size: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with many ties, users."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, size).astype(float)
    return label, np.round(random.random(size) * 0.6 + label * 0.2, 1), random.integers(0, USERS, size)


@pytest.mark.parametrize("seed", range(5))
def test_auc_with_ties_is_that_of_scikit_learn(seed: int) -> None:
    label, score, _ = rows(seed)
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_gauc_weighs_users_by_rows_and_leaves_out_one_kind_of_label(seed: int) -> None:
    label, score, user = rows(seed)
    label[user == 0] = 1.0
    parts = [(np.sum(user == u), roc_auc_score(label[user == u], score[user == u])) for u in range(1, USERS)]
    expected = sum(size * value for size, value in parts) / sum(size for size, _ in parts)
    assert gauc(label, score, user, USERS).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_ndcg_with_ties_is_that_of_scikit_learn(seed: int) -> None:
    label, score, user = rows(seed)
    label[user == 3] = 0.0
    users = [u for u in range(USERS) if u != 3]
    expected = np.mean([ndcg_score([label[user == u]], [score[user == u]], k=10) for u in users])
    assert ndcg(label, score, user, USERS).value == pytest.approx(expected, abs=1e-12)


def test_logloss_is_that_of_scikit_learn() -> None:
    label, score, user = rows(1)
    assert logloss(label, score, user, USERS).value == pytest.approx(
        log_loss(label, np.clip(score, 1e-7, 1 - 1e-7)), abs=1e-9
    )


def test_a_metric_without_support_is_not_a_number() -> None:
    ones, user = np.ones(4), np.array([0, 0, 1, 1])
    assert np.isnan(auc(ones, np.arange(4.0)))
    assert np.isnan(gauc(ones, np.arange(4.0), user, 2).value)
    assert np.isnan(ndcg(ones * 0, np.arange(4.0), user, 2).value)


def test_a_perfect_and_a_constant_score_are_one_and_a_half() -> None:
    label, user = np.array([1.0, 0, 1, 0]), np.array([0, 0, 1, 1])
    assert auc(label, label) == gauc(label, label, user, 2).value == ndcg(label, label, user, 2).value == 1.0
    assert auc(label, np.zeros(4)) == gauc(label, np.zeros(4), user, 2).value == 0.5
