import numpy as np
import pytest
from scipy.stats import binomtest

from nightshift.lift.calibration import bias, reliability, smooth_ece


def drawn(seed: int, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from their predictions: perfectly calibrated."""
    random = np.random.default_rng(seed)
    chance = random.beta(2, 5, size)
    return (random.random(size) < chance).astype(float), chance


def by_definition(label: np.ndarray, chance: np.ndarray) -> float:
    """Smooth ECE with the reflected kernel summed row by row, no cells and no transform."""
    grid = (np.arange(1000) + 0.5) / 1000
    copies = np.concatenate([sign * chance + shift for shift in (-4, -2, 0, 2, 4) for sign in (1, -1)])
    residual = np.tile(label - chance, 10) / len(label)
    low, high = 1e-6, 1.0
    for _ in range(14):
        width = (low + high) / 2
        kernel = np.exp(-0.5 * ((grid[:, None] - copies) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        low, high = (width, high) if np.abs(kernel @ residual).mean() > width else (low, width)
    return high


@pytest.mark.parametrize("stretch", [0.0, 0.1, 0.3])
def test_smooth_ece_is_that_of_its_definition(stretch: float) -> None:
    label, chance = drawn(1, 400)
    chance = np.clip(chance + stretch * np.sin(5 * chance), 0, 1)
    assert smooth_ece(label, chance) == pytest.approx(by_definition(label, chance), abs=2e-3)


def test_a_constant_shift_is_its_own_error() -> None:
    label, _ = drawn(2)
    chance = np.full(len(label), label.mean())
    assert smooth_ece(label, chance) < 0.001
    assert smooth_ece(label, chance + 0.2) == pytest.approx(0.2, abs=0.005)


def test_calibrated_predictions_come_close_to_zero_and_overconfident_ones_do_not() -> None:
    label, chance = drawn(3)
    assert smooth_ece(label, chance) < 0.015
    sharp = np.clip(0.5 + 3 * (chance - 0.5), 0, 1)
    assert smooth_ece(label, sharp) > 0.1


def test_the_order_of_rows_does_not_matter_and_both_ends_are_allowed() -> None:
    label, chance = drawn(4, 500)
    order = np.random.default_rng(0).permutation(500)
    assert smooth_ece(label, chance) == smooth_ece(label[order], chance[order])
    assert smooth_ece(np.array([0.0, 1.0]), np.array([0.0, 1.0])) < 0.001
    assert smooth_ece(np.array([0.0, 1.0]), np.array([1.0, 0.0])) > 0.3


def test_what_is_no_probability_is_refused_and_no_rows_give_no_number() -> None:
    with pytest.raises(ValueError, match=r"between -0.5 and 1.5"):
        smooth_ece(np.ones(2), np.array([-0.5, 1.5]))
    assert np.isnan(smooth_ece(np.zeros(0), np.zeros(0)))


def test_reliability_bins_hold_all_rows_and_intervals_are_exact() -> None:
    label, chance = drawn(5, 1003)
    found = reliability(label, chance)
    assert found.rows.sum() == 1003
    assert found.rows.max() - found.rows.min() <= 1
    assert (np.diff(found.predicted) > 0).all()
    assert (found.rows * found.observed).sum() == pytest.approx(label.sum())
    exact = binomtest(round(found.observed[3] * found.rows[3]), int(found.rows[3])).proportion_ci(
        0.95, "exact"
    )
    assert (found.low[3], found.high[3]) == pytest.approx((exact.low, exact.high))


def test_bins_without_a_positive_or_a_negative_have_whole_intervals() -> None:
    found = reliability(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 0.9]), bins=2)
    assert found.low[0] == 0.0
    assert found.high[1] == 1.0
    assert found.observed.tolist() == [0.0, 1.0]


def test_bias_is_promise_by_outcome() -> None:
    assert bias(np.array([1.0, 0.0]), np.array([0.9, 0.3])) == pytest.approx(1.2)
    assert np.isnan(bias(np.zeros(3), np.ones(3)))
