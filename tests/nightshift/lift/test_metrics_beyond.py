import numpy as np
import pytest

from nightshift.lift.beyond_accuracy import (
    by_group,
    coverage,
    diversity,
    exposure,
    gap,
    gap_by_chance,
    gini,
    long_tail_share,
    novelty,
    popularity_gap,
    popularity_lift,
)  # fmt: skip
from nightshift.lift.metrics import Sums

LISTS = np.array([[0, 1], [0, 2], [0, -1]])
"""Three users, five items; the last list is short."""


def test_exposure_and_coverage_count_what_is_shown() -> None:
    assert exposure(LISTS, 5).tolist() == [3, 1, 1, 0, 0]
    assert coverage(LISTS, 5) == 0.6


def test_gini_is_zero_for_equal_exposure_and_by_hand_otherwise() -> None:
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0.0
    assert gini(np.array([[0], [0]]), 4) == 0.75  # one of four takes all: 1 - 1/4
    sizes = [0, 0, 1, 1, 3]
    mean_gap = np.mean([abs(a - b) for a in sizes for b in sizes])
    assert gini(LISTS, 5) == pytest.approx(mean_gap / (2 * np.mean(sizes)))


def test_the_long_tail_is_all_but_the_most_popular_fifth() -> None:
    popularity = np.array([9, 5, 5, 1, 0])
    assert long_tail_share(LISTS, popularity) == 2 / 5
    assert (
        long_tail_share(LISTS, popularity, head=0.4) == 1 / 5
    )  # of items 1 and 2, equally popular, the first belongs to the head


def test_novelty_is_the_surprise_in_bits() -> None:
    popularity = np.array([8, 2, 0, 4, 1])
    assert novelty(LISTS, popularity, total=16) == pytest.approx([(1 + 3) / 2, (1 + 4) / 2, 1])
    assert np.isnan(novelty(np.array([[-1, -1]]), popularity, 16)).all()


def test_popularity_is_held_against_the_users_own() -> None:
    popularity = np.array([10, 5, 5, 20, 1])
    past = np.array([[3, -1], [1, 2], [-1, -1]])
    assert popularity_lift(LISTS, past, popularity) == pytest.approx(
        [7.5 / 20 - 1, 7.5 / 5 - 1, np.nan], nan_ok=True
    )


def test_the_gap_of_a_group_is_of_means_over_users_so_that_one_obscure_past_does_not_decide() -> None:
    popularity = np.array([10.0, 5, 5, 20, 1])
    assert popularity_gap(LISTS, np.array([15.0, 1.0, np.nan]), popularity) == pytest.approx(
        (7.5 + 7.5) / (15 + 1) - 1
    )
    assert popularity_gap(np.array([[0, 4], [-1, -1]]), np.array([5.5, 3.0]), popularity) == 0.0
    assert np.isnan(popularity_gap(LISTS, np.full(3, np.nan), popularity))


def test_diversity_is_the_mean_distance_of_all_pairs() -> None:
    vectors = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0], [0.0, 0.0]])
    half = 1 - np.sqrt(0.5)
    assert diversity(np.array([[0, 1, 2]]), vectors) == pytest.approx([(1 + 2 * half) / 3])
    assert diversity(np.array([[0, 0], [0, -1], [0, 3]]), vectors) == pytest.approx(
        [0.0, np.nan, np.nan], nan_ok=True
    )


def test_diversity_of_many_lists_is_that_of_each() -> None:
    random = np.random.default_rng(0)
    vectors, lists = random.normal(size=(50, 7)), random.integers(-1, 50, (40, 6))
    whole = diversity(lists, vectors, batch=7)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for row, found in zip(lists, whole, strict=True):
        items = [item for item in row if item >= 0]
        pairs = [1 - unit[a] @ unit[b] for place, a in enumerate(items) for b in items[place + 1 :]]
        assert found == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)


def test_groups_have_the_metric_of_their_users_and_the_gap_is_best_minus_worst() -> None:
    sums = Sums(np.array([1.0, 0.0, 1.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    group = np.array(["a", "a", "b", "b", "c"])
    assert by_group(sums, group) == pytest.approx({"a": 0.5, "b": 1.0, "c": np.nan}, nan_ok=True)
    assert gap(sums, group) == 0.5
    assert np.isnan(gap(sums, np.full(5, "a")))


def test_a_gap_between_random_groups_is_chance_and_a_planted_one_is_not() -> None:
    random = np.random.default_rng(1)
    served = (random.random(300) < 0.5).astype(float)
    group = np.repeat(["a", "b"], 150)
    assert gap_by_chance(Sums(served, np.ones(300)), random.permutation(group), 200) > 0.05
    served[group == "b"] = random.random(150) < 0.1
    assert gap_by_chance(Sums(served, np.ones(300)), group, 200) < 0.01


def test_nothing_shown_gives_no_number() -> None:
    none = np.full((2, 3), -1)
    assert np.isnan(gini(none, 4))
    assert np.isnan(long_tail_share(none, np.ones(4, np.int64)))
    assert coverage(none, 4) == 0.0
