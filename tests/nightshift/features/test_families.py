from datetime import date

import numpy as np
import polars as pl
import pytest

from nightshift.errors import VectorMismatch
from nightshift.features.affinity import signed
from nightshift.features.collaborative import Refits, fit
from nightshift.features.content import LARGEST_SQUARE, Snapshot, View, night_content
from nightshift.features.examples import ExampleInputs
from nightshift.features.history import EventLog, Past
from nightshift.features.night import item_features, user_features
from nightshift.features.permutation import permutation
from nightshift.features.settings import CollaborativeSettings, SimilaritySettings
from nightshift.features.similarity import history_columns
from nightshift.features.whitening import fit_whitening
from nightshift.tables import ITEM_FEATURES, USER_FEATURES

ALL = SimilaritySettings(
    columns=(
        "liked",
        "disliked",
        "difference",
        "highest",
        "top3",
        "last",
        "recent",
        "labels",
        "evidence",
        "nearest_labels",
    )
)


def past_of(items: list[int], labels: list[float], length: int = 6) -> Past:
    padded = np.zeros((1, length), np.int64)
    padded[0, : len(items)] = items
    marks = np.zeros((1, length), np.float32)
    marks[0, : len(items)] = labels
    return Past(padded, marks, marks * 0, np.arange(length)[None] < len(items))


def view_of(vectors: np.ndarray) -> View:
    present = vectors.any(1)
    return View("v", vectors, present, 2, fit_whitening(vectors, 2), vectors)


def test_similarities_are_the_cosines_one_would_compute_by_hand() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32)
    found = history_columns(view_of(vectors), np.array([0]), past_of([1, 2, 3], [1, 1, 0]), ALL)
    mean = (vectors[1] + vectors[2]) / 2
    assert found["liked"][0] == pytest.approx(mean[0] / np.linalg.norm(mean))
    assert found["disliked"][0] == pytest.approx(-1.0)
    assert found["highest"][0] == pytest.approx(0.6)
    assert found["top3"][0] == pytest.approx(0.3)
    assert found["last"][0] == pytest.approx(0.0, abs=1e-6)


def test_no_history_is_nan_not_zero() -> None:
    found = history_columns(view_of(np.eye(2, dtype=np.float32)), np.array([0]), past_of([], []), ALL)
    assert np.isnan(
        [found[name][0] for name in ("liked", "disliked", "highest", "top3", "last", "recent")]
    ).all()
    assert found["missing"][0] == 0.0


def test_signed_labels_of_one_who_likes_everything_say_little() -> None:
    everything, mixed = (
        signed(past_of([1, 2, 3, 4], [1, 1, 1, 1])),
        signed(past_of([1, 2, 3, 4], [1, 0, 0, 0])),
    )
    assert everything[0, 0] < mixed[0, 0]
    assert everything[0, 4:].tolist() == [0.0, 0.0]


def test_whitening_gives_unit_variance_without_correlation_and_repeats() -> None:
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(300, 20)) @ random.normal(size=(20, 20))).astype(np.float32)
    white = fit_whitening(vectors, 8)(vectors)
    assert np.cov(white.T) == pytest.approx(np.eye(8), abs=1e-3)
    assert np.array_equal(white, fit_whitening(vectors.copy(), 8)(vectors))


def test_whitening_of_more_dimensions_than_items_agrees_with_the_other_way() -> None:
    vectors = np.random.default_rng(1).normal(size=(30, 50)).astype(np.float32)
    wide, tall = fit_whitening(vectors, 4), fit_whitening(np.concatenate([vectors, vectors]), 4)
    assert np.abs(wide(vectors)) == pytest.approx(np.abs(tall(vectors)) * np.sqrt(58 / 59), rel=0.01)


def test_neighbours_are_the_nearest_others_with_a_vector(inputs: ExampleInputs) -> None:
    content = night_content(
        date(2024, 1, 5), inputs.snapshots[date(2024, 1, 5)], inputs.items["item_id"], SimilaritySettings()
    )
    view = content.views["hidden"]
    cosines = view.vectors @ view.vectors.T
    np.fill_diagonal(cosines, -2.0)
    cosines[:, ~view.present] = -2.0
    best = np.sort(cosines[0])[::-1][:10]
    assert np.sort(cosines[0, view.neighbours[0]])[::-1] == pytest.approx(best)
    assert (view.neighbours[~view.present] == -1).all()


def test_large_catalogues_get_the_same_cosines_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)
    view, pairs = view_of(vectors), (np.arange(5), np.arange(20).reshape(5, 4))
    square = view.cosines(*pairs)
    monkeypatch.setattr("nightshift.features.content.LARGEST_SQUARE", 10)
    assert view_of(vectors).cosines(*pairs) == pytest.approx(square, abs=1e-5)


def test_vectors_of_two_encoders_in_one_view_are_refused(inputs: ExampleInputs) -> None:
    frame = inputs.snapshots[date(2024, 1, 5)]["item_embeddings"].filter(pl.col("view") == "raw")
    mixed = frame.with_columns(
        encoder_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("other@2")).otherwise("encoder_id")
    )
    with pytest.raises(VectorMismatch, match="other@2"):
        night_content(None, Snapshot(item_embeddings=mixed), inputs.items["item_id"], SimilaritySettings())


def test_the_placebo_keeps_answers_within_popularity_and_moves_them(inputs: ExampleInputs) -> None:
    ids = inputs.items["item_id"]
    nights = [
        night_content(day, snapshot, ids, SimilaritySettings())
        for day, snapshot in sorted(inputs.snapshots.items())
    ]
    log = EventLog.of(inputs.interactions, ids)
    mapping = permutation(log, nights, seed=0)
    assert sorted(mapping) == list(range(len(ids)))
    assert np.mean(mapping == np.arange(len(ids))) < 0.25
    events = np.bincount(log.before(1704412800000000).item, minlength=len(ids))  # 2024-01-05 00:00 UTC
    assert np.corrcoef(events, events[mapping])[0, 1] > 0.8
    assert np.array_equal(mapping, permutation(log, nights, seed=0))
    assert not np.array_equal(mapping, permutation(log, nights, seed=1))
    assert nights[0].tags.present[mapping][: len(ids)].sum() == nights[0].tags.present.sum()


def test_the_collaborative_odds_follow_shared_taste() -> None:
    user, item = np.repeat(np.arange(40), 3), np.tile([0, 1, 2], 40)
    fan = np.repeat(np.arange(40) % 2, 3)
    label = np.where(item == 2, 1 - fan, fan).astype(
        np.float32
    )  # 0 and 1 are liked together, 2 by the others
    fitted = fit(user, item, label, 3, CollaborativeSettings())
    assert fitted.odds_liked[0, 1] > 0 > fitted.odds_liked[0, 2]
    assert fitted.odds_disliked[0, 2] > 0 > fitted.odds_disliked[0, 1]
    assert fitted.cosine[0, 1] > 0 > fitted.cosine[0, 2]


def test_refits_look_back_only_and_are_reused_for_equal_events(inputs: ExampleInputs) -> None:
    log = EventLog.of(inputs.interactions, inputs.items["item_id"])
    refits = Refits(CollaborativeSettings(refit_days=2))
    moments = refits.moments(log)
    assert len(moments) > 3
    half = log.before(int(moments[3]))
    assert set(refits.moments(half)) <= set(moments)
    assert refits.at(half, int(moments[2])) is refits.at(log, int(moments[2]))


def test_nightly_tables_conform_and_hold_every_family(inputs: ExampleInputs) -> None:
    night = date(2024, 1, 12)
    item = item_features(inputs.items, inputs.interactions, inputs.snapshots[night], night)
    user = user_features(inputs.items, inputs.interactions, inputs.snapshots[night], night)
    assert ITEM_FEATURES.conform(item).height == inputs.items.height
    assert USER_FEATURES.conform(user).height <= 60
    assert {
        "base__events",
        "text__raw_neighbour_rate",
        "llm__tag_topic_space",
        "llm__hidden_00",
        "llm__hidden_missing",
    } <= set(item.columns)
    assert {"base__rate", "base__liking_shelf_1", "llm__liking_topic_space", "llm__hidden_liked_00"} <= set(
        user.columns
    )
    assert {"llm__prefers_topic_space", "llm__preferences_missing"} <= set(user.columns)
    unwritten = item.filter(pl.col("item_id") == inputs.items["item_id"][-1])
    assert unwritten["llm__hidden_missing"].item() == 1.0
    assert np.isnan(unwritten["llm__hidden_00"].item())


def test_lists_that_share_a_history_get_the_cosines_of_rows_with_their_own() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(LARGEST_SQUARE + 1, 160)).astype(np.float32)
    view = View.of("raw", vectors, np.ones(len(vectors), np.bool_), SimilaritySettings())
    assert view.vectors.shape[1] == 128, "a large catalogue is told apart in more dimensions"
    history, candidate = (
        np.repeat(rng.integers(0, len(vectors), (3, 5)), 40, axis=0),
        rng.integers(0, len(vectors), 120),
    )
    order = rng.permutation(120)
    np.testing.assert_array_equal(
        view.cosines(candidate, history)[order], view.cosines(candidate[order], history[order])
    )
    assert view.cosines(candidate[:0], history[:0]).shape == (0, 5)
