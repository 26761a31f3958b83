import numpy as np
import pytest

from nightshift.report.pictures.plane import MOST, chart, layout
from tests.nightshift.report.pictures.test_bars import SVG, drawn, words

RNG = np.random.default_rng(5)
LARGEST = 60_000
"""Characters of the largest picture."""


def cloud(rows: int, width: int = 64) -> np.ndarray:
    """Rows with falling variance by direction, turned at random."""
    turn = np.linalg.qr(RNG.standard_normal((width, width)))[0]
    return (RNG.standard_normal((rows, width)) * 0.8 ** np.arange(width) @ turn).astype(np.float32)


def test_the_plane_is_that_of_the_two_leading_principal_components() -> None:
    vectors = cloud(500)
    places, held = layout(vectors)
    centred = vectors - vectors.mean(0)
    left, values, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    assert held == pytest.approx((values[:2] ** 2).sum() / (values**2).sum(), abs=1e-4)
    inside = np.abs(places).max(1) < 1  # far points are drawn at the edge
    for axis in (0, 1):
        assert abs(np.corrcoef(places[inside, axis], left[inside, axis])[0, 1]) > 0.999


def test_the_same_vectors_give_the_same_map() -> None:
    vectors = cloud(300)
    assert np.array_equal(layout(vectors)[0], layout(vectors.copy())[0])


@pytest.mark.parametrize("vectors", [np.zeros((5, 8), np.float32), np.ones((4, 1), np.float32), cloud(3, 2)])
def test_vectors_that_span_no_plane_are_laid_out_all_the_same(vectors: np.ndarray) -> None:
    places, held = layout(vectors)
    assert places.shape == (len(vectors), 2)
    assert np.isfinite(places).all()
    assert 0 <= held <= 1.0001


def test_a_large_catalogue_is_drawn_small() -> None:
    vectors, group = cloud(5000), np.arange(5000) % 5 - 1
    said = chart(
        [("raw", vectors, group), ("facts", vectors, group), ("hidden", vectors, group)],
        ["a", "b", "c", "d"],
        "Items",
    )
    root = drawn(said)
    assert len(said) < LARGEST
    points = sum((path.get("d") or "").count("M") for path in root.iter(f"{SVG}path"))
    assert 3 * MOST / 2 < points <= 3 * MOST
    assert words(root)[:5] == ["a", "b", "c", "d", "other"]


def test_rows_that_are_no_numbers_are_left_out() -> None:
    vectors = cloud(50)
    vectors[7] = np.nan
    root = drawn(chart([("raw", vectors, np.zeros(50, np.int64))], ["a"], "Items"))
    assert sum((path.get("d") or "").count("M") for path in root.iter(f"{SVG}path")) == 49


def test_a_view_of_hardly_any_vectors_says_so() -> None:
    assert "facts: under 3 vectors" in words(
        drawn(chart([("facts", cloud(2), np.zeros(2, np.int64))], [], "Items"))
    )
