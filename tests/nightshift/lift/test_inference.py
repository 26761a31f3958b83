import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nightshift.lift.inference import (
    LARGEST,
    Concordance,
    Draws,
    _drawn,
    holm,
    judge_auc,
    judge_ratio,
    linearized,
    smallest_detectable,
    swapped_shares,
)
from nightshift.lift.metrics import Sums, gauc

USERS = 40


def arms(seed: int, gain: float, users: int = USERS, size: int = 1500) -> tuple[Concordance, Concordance]:
    """Two arms of two seeds on the same rows; the first knows `gain` more about the label. Ties are
    frequent."""
    random = np.random.default_rng(seed)
    user = random.integers(0, users, size)
    label = (random.random(size) < 0.3 + 0.4 * random.random(users)[user]).astype(float)
    common = random.normal(size=size) + label
    scores = [
        np.round(np.stack([common + extra * label + random.normal(size=size) for _ in range(2)]), 1)
        for extra in (gain, 0.0)
    ]
    return Concordance(label, scores[0], user, users), Concordance(label, scores[1], user, users)


def test_the_difference_is_that_of_seed_averaged_aucs() -> None:
    arm, against = arms(0, 0.3)
    expected = np.mean([roc_auc_score(arm.label, s) for s in arm.scores]) - np.mean(
        [roc_auc_score(arm.label, s) for s in against.scores]
    )
    assert judge_auc(arm, against, Draws(0, 200)).difference == pytest.approx(expected, abs=1e-12)


def test_the_interval_is_that_of_a_plain_bootstrap_over_users() -> None:
    arm, against = arms(1, 0.2)
    draws = Draws(0, 300)
    plain = []
    for weight in draws.weights(USERS):
        rows = weight[arm.user]
        values = [
            np.mean([roc_auc_score(side.label, s, sample_weight=rows) for s in side.scores])
            for side in (arm, against)
        ]
        plain.append(values[0] - values[1])
    found = judge_auc(arm, against, draws)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=1e-9)


def test_the_linearized_interval_agrees_with_the_exact_one() -> None:
    arm, against = arms(2, 0.1, users=400, size=8000)
    draws = Draws(0, 2000)
    exact = judge_auc(arm, against, draws)
    quick = np.quantile(linearized(arm, against, draws), [0.025, 0.975])
    assert quick == pytest.approx([exact.low, exact.high], abs=4e-4)


def test_a_clear_gain_is_found_and_equal_arms_are_not_told_apart() -> None:
    gain, none = judge_auc(*arms(3, 1.0), Draws(0, 500)), judge_auc(*[arms(3, 0.0)[0]] * 2, Draws(0, 500))
    assert gain.low > 0
    assert gain.p_value < 0.01
    assert (none.difference, none.low, none.high, none.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_intervals_hold_the_truth_about_as_often_as_they_promise() -> None:
    random = np.random.default_rng(5)
    held, found = 0, 0
    for trial in range(200):
        truth = random.normal(0.05, 0.3, 80)  # users' differences, mean 0.05
        ones = np.ones(80)
        judged = judge_ratio(Sums(truth, ones), Sums(ones * 0, ones), Draws(trial, 400))
        held += judged.low <= 0.05 <= judged.high
        null = judge_ratio(Sums(truth - 0.05, ones), Sums(ones * 0, ones), Draws(trial, 400))
        found += null.p_value < 0.05
    assert 0.89 <= held / 200 <= 0.985
    assert found / 200 <= 0.10


def test_users_shares_add_up_and_chance_is_seldom_called_a_finding() -> None:
    found = 0
    for trial in range(100):
        random = np.random.default_rng(trial)
        user, label = random.integers(0, USERS, 800), random.integers(0, 2, 800).astype(float)
        common = random.normal(size=800) + label
        sides = [
            common + 0.3 * random.normal(size=USERS)[user] + 0.3 * random.normal(size=800) for _ in range(2)
        ]
        arm, against = (Concordance(label, side[None], user, USERS) for side in sides)
        judged = judge_auc(arm, against, Draws(trial, 200))
        assert swapped_shares(arm, against).sum() == pytest.approx(
            (arm.shares - against.shares).sum() / arm.total
        )
        found += judged.p_value < 0.05
    assert found <= 12


def test_a_swap_of_arms_mirrors_the_verdict() -> None:
    arm, against = arms(6, 0.2)
    one, other = judge_auc(arm, against, Draws(0, 400)), judge_auc(against, arm, Draws(0, 400))
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.p_value == other.p_value


def test_a_slice_without_support_has_no_numbers() -> None:
    alone = Concordance(np.ones(3), np.arange(3.0)[None], np.array([0, 0, 1]), 2)
    assert np.isnan(judge_auc(alone, alone, Draws(0, 200)).low)
    none = gauc(np.ones(3), np.arange(3.0), np.array([0, 0, 1]), 2)
    assert np.isnan(judge_ratio(none, none, Draws(0, 200)).difference)


def test_many_users_are_resampled_in_batches_that_are_the_whole() -> None:
    draws, users = Draws(3, 250), LARGEST + 1
    whole = np.random.default_rng([3, users]).multinomial(users, np.full(users, 1.0 / users), 250)
    parts = list(draws.batches(users))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(next(draws.batches(9)), draws.weights(9))


def test_draws_repeat_and_depend_on_the_seed() -> None:
    assert np.array_equal(Draws(1, 100).weights(9), Draws(1, 100).weights(9))
    assert not np.array_equal(Draws(1, 100).weights(9), Draws(2, 100).weights(9))
    assert (Draws(1, 100).weights(9).sum(1) == 9).all()


def test_the_smallest_detectable_difference_is_some_seven_tenths_of_the_interval() -> None:
    assert smallest_detectable(-0.0196, 0.0196) == pytest.approx(0.028)


def test_holm_is_that_of_its_definition_and_leaves_out_what_has_no_p() -> None:
    found = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.5]))
    assert found == pytest.approx([0.04, 0.09, np.nan, 0.09, 0.5], nan_ok=True)
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_dealings_of_the_placebo_widen_the_interval_and_alike_ones_do_not() -> None:
    arm, against = arms(7, 0.0)
    draws = Draws(0, 2000, dealings=3)
    none, some = draws.luck(np.full(5, 0.01)), draws.luck(np.array([0.03, 0.0, -0.03, 0.03, 0.0]))
    assert not none.any()
    narrow, wide = (judge_auc(arm, against, draws, luck) for luck in (none, some))
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)
    assert wide.p_value > narrow.p_value
    assert wide.error > narrow.error


def test_the_luck_of_dealings_has_the_spread_of_their_mean() -> None:
    random = np.random.default_rng(0)
    each = random.normal(0, 1, 200)
    found = Draws(0, 5000, dealings=200).luck(each)
    assert found.std() == pytest.approx(each.std(ddof=1) / np.sqrt(200), rel=0.05)
    assert abs(found.mean()) < 0.01


def test_draws_that_are_kept_are_those_that_are_drawn_anew() -> None:
    users = LARGEST + 1
    few = Draws(3, 150)
    first, again = (np.concatenate(list(few.batches(users))) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, np.concatenate(list(_drawn(3, users, 150))))
    assert first.sum(1).tolist() == [users] * 150
