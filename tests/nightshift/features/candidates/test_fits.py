import resource
import tracemalloc
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.errors import NightFailed
from nightshift.features.candidates.fits import Fits, fit_ease, fit_neighbours
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.history import DAY, EventLog, midnight
from nightshift.sources.datasets.synthetic import World


def consumed(seed: int, users: int, items: int, share: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(seed).random((users, items)) < share).astype(np.float32)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(2, 40), st.sampled_from([1.0, 30.0, 500.0]))
@settings(deadline=None, max_examples=30)
def test_ease_is_the_closed_form_of_its_paper(seed: int, users: int, items: int, l2: float) -> None:
    matrix = consumed(seed, users, items).astype(np.float64)
    inverse = np.linalg.inv(matrix.T @ matrix + l2 * np.eye(items))
    expected = inverse / -np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    found = fit_ease(sp.csr_array(matrix.astype(np.float32)), np.arange(items), l2)
    assert found.weights == pytest.approx(expected, abs=2e-4)


def test_ease_minimises_its_own_loss_among_weights_without_self_similarity() -> None:
    matrix, l2 = consumed(3, 80, 15).astype(np.float64), 5.0
    weights = fit_ease(sp.csr_array(matrix.astype(np.float32)), np.arange(15), l2).weights.astype(np.float64)

    def loss(of: np.ndarray) -> float:
        return float(((matrix - matrix @ of) ** 2).sum() + l2 * (of**2).sum())

    random = np.random.default_rng(0)
    for _ in range(20):
        nudge = random.normal(scale=0.01, size=weights.shape)
        np.fill_diagonal(nudge, 0.0)
        assert loss(weights + nudge) > loss(weights)


def test_ease_spans_blocks_and_holds_little_more_than_one_square() -> None:
    matrix = sp.csr_array(consumed(1, 400, 1500, 0.01))
    tracemalloc.start()
    found = fit_ease(matrix, np.arange(1500), 50.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    dense = matrix.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 50.0 * np.eye(1500))
    assert found.weights[1200, 3] == pytest.approx(-inverse[1200, 3] / inverse[3, 3], abs=1e-5)
    assert found.weights.flags.c_contiguous
    assert peak < 3.2 * 1500 * 1500 * 4  # a square, and two blocks of 1,024 columns while pairs are counted


def test_ease_that_cannot_be_inverted_says_what_to_raise() -> None:
    with pytest.raises(NightFailed, match=r"raise examples\.candidates\.l2"):
        fit_ease(sp.csr_array(np.ones((3, 4), np.float32)), np.arange(4), -5.0)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(2, 30), st.integers(1, 10))
@settings(deadline=None, max_examples=30)
def test_neighbours_are_the_strongest_shrunk_cosines(seed: int, users: int, items: int, most: int) -> None:
    matrix = consumed(seed, users, items, 0.2)
    shared = matrix.T @ matrix
    length = np.sqrt(np.diag(shared))
    cosine = shared / (length[:, None] * length + 2.0)
    np.fill_diagonal(cosine, 0.0)
    found = fit_neighbours(sp.csr_array(matrix), most, 2.0).toarray()
    for item in range(items):
        strongest = np.sort(cosine[:, item][cosine[:, item] > 0])[::-1][:most]
        assert np.sort(found[:, item][found[:, item] > 0])[::-1] == pytest.approx(strongest, abs=1e-5)


def test_popularity_counts_a_window_before_the_night(world: World, clicks: pl.DataFrame) -> None:
    night = date(2024, 1, 12)
    log = EventLog.of(clicks, world.items["item_id"])
    found = Fits(CandidateSettings(window_days=3)).of(log, night).popular
    day = pl.col("timestamp").dt.date()
    counts = dict(
        clicks.filter((day >= date(2024, 1, 9)) & (day < night)).group_by("item_id").len().iter_rows()
    )
    expected = np.log1p([counts.get(item, 0) for item in world.items["item_id"]])
    assert found == pytest.approx(expected / expected.max(), abs=1e-6)


def test_equal_events_share_a_fit_and_the_future_is_not_in_it(world: World, clicks: pl.DataFrame) -> None:
    night = date(2024, 1, 12)
    fits = Fits(CandidateSettings())
    whole, past = (
        EventLog.of(frame, world.items["item_id"])
        for frame in (clicks, clicks.filter(pl.col("timestamp").dt.date() < night))
    )
    assert fits.of(whole, night).learnt is fits.of(past, night).learnt
    assert fits.of(whole, night).learnt.past.time.max() < midnight(night)
    assert fits.of(whole, date(2024, 1, 13)).learnt is not fits.of(whole, night).learnt


def test_fits_on_a_grid_are_shared_by_the_nights_between_and_never_newer_than_them(
    world: World, clicks: pl.DataFrame
) -> None:
    log, fits = EventLog.of(clicks, world.items["item_id"]), Fits(CandidateSettings(refit_days=4), keep=20)
    nights = [date(2024, 1, day) for day in range(5, 17)]
    found = [fits.of(log, night) for night in nights]
    assert len({id(fit.learnt) for fit in found}) in (3, 4)
    for night, fit in zip(nights, found, strict=True):
        assert midnight(night) - 3 * DAY <= fit.moment <= midnight(night)
        assert fit.learnt.past.time.max() < fit.moment


def test_each_night_is_fitted_once_and_reads_the_same_from_disk(world: World, clicks: pl.DataFrame) -> None:
    log, fits = EventLog.of(clicks, world.items["item_id"]), Fits(CandidateSettings())
    nights = [date(2024, 1, day) for day in (8, 10, 12, 14)]
    fresh = {night: Fits(CandidateSettings()).of(log, night) for night in nights}
    first = {
        night: (fits.of(log, night).learnt, fits.of(log, night).ease, fits.of(log, night).neighbours)[0]
        for night in nights
    }
    assert [isinstance(first[night].ease.weights, np.memmap) for night in nights] == [
        True,
        True,
        False,
        False,
    ]
    for night, alone in fresh.items():
        found = fits.of(log, night)
        assert found.learnt is first[night]
        assert {"ease", "neighbours"} <= set(vars(found.learnt))  # fitted already
        assert found.ease.weights.tobytes() == alone.ease.weights.tobytes()
        assert found.neighbours.indices.tobytes() == alone.neighbours.indices.tobytes()
        assert found.neighbours.data.tobytes() == alone.neighbours.data.tobytes()
        assert (found.neighbours @ found.neighbours != alone.neighbours @ alone.neighbours).nnz == 0


def test_without_room_on_disk_only_the_newest_fits_are_kept(world: World, clicks: pl.DataFrame) -> None:
    log, fits = EventLog.of(clicks, world.items["item_id"]), Fits(CandidateSettings(), disk=0.0)
    for day in (8, 10, 12):
        assert fits.of(log, date(2024, 1, day)).ease.weights.size
    assert len(fits._learnt) == 2


def test_nights_with_equal_events_share_what_was_learnt_but_count_popularity_in_their_own_window(
    world: World, clicks: pl.DataFrame
) -> None:
    log, fits = EventLog.of(clicks, world.items["item_id"]), Fits(CandidateSettings(window_days=3))
    last = clicks["timestamp"].dt.date().max()
    assert isinstance(last, date)
    newest, later = fits.of(log, last + timedelta(days=1)), fits.of(log, last + timedelta(days=30))
    assert newest.learnt is later.learnt
    assert newest.popular.max() == 1.0
    assert later.popular.max() == 0.0


def test_a_disk_that_takes_no_more_costs_a_fit_and_no_night(
    world: World, clicks: pl.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    log, fits = EventLog.of(clicks, world.items["item_id"]), Fits(CandidateSettings())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for day in (8, 10):
        assert fits.of(log, date(2024, 1, day)).ease.weights.size
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        third = fits.of(log, date(2024, 1, 12))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert third.ease.weights.size
    assert len(fits._learnt) == 2
    assert "will be made again" in caplog.text
