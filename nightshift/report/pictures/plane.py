"""A map of vectors: every view laid out on the two directions in which it varies most (principal
components, Pearson 1901).

Near points are near in the whole space more often than not; how much of the variance the plane holds
stands above it. The map is for eyes: no feature is made of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nightshift.report.pictures.svg import COLOURS, FAINT, frame, markdown, strokes, text

SIDE, GAP, TOP = 230, 20, 36
"""Pixels of a map, between two maps, and above them."""
MOST = 1200
"""Points drawn of a view, spread evenly over its rows."""

SPARE, ROUNDS = 8, 10
"""Directions carried along beside the two that are wanted, and how often they are turned towards the
largest variance."""

Floats = NDArray[np.float32]


def layout(vectors: Floats) -> tuple[Floats, float]:
    """(n, d) vectors -> (n, 2) coordinates from -1 to 1, and the share of the variance that they hold.

    The same for the same rows: of the two signs of a direction, its largest weight is positive.
    """
    centred = (vectors - vectors.mean(0)).astype(np.float32)
    plane = _directions(centred)
    plane = plane * np.where(plane[np.abs(plane).argmax(0), [0, 1]] < 0, -1, 1)
    places = centred @ plane
    reach = np.quantile(np.abs(places), 0.995, axis=0)  # a few far points must not press the others together
    every = float(np.square(centred).sum())
    held = float(np.square(places).sum()) / every if every > 0 else 1.0
    return np.clip(places / np.where(reach > 0, reach, 1), -1, 1).astype(np.float32), held


def _directions(centred: Floats) -> Floats:
    """(d, 2) leading directions by subspace iteration (Halko, Martinsson and Tropp, 2011): milliseconds,
    where all d take a second."""
    wide = min(2 + SPARE, *centred.shape)
    basis = np.random.default_rng(0).standard_normal((centred.shape[1], wide)).astype(np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    turned = np.linalg.svd(centred @ basis, full_matrices=False)[2]
    leading = (basis @ turned.T)[:, :2]
    return np.pad(leading, ((0, 0), (0, 2 - leading.shape[1]))).astype(np.float32)


def chart(views: Sequence[tuple[str, Floats, NDArray[np.int64]]], groups: Sequence[str], about: str) -> str:
    """Maps side by side as Markdown: of each view its name, vectors (n, d) and the number of each row's
    group (n,), -1 for none."""
    parts = [part for number, view in enumerate(views) for part in _map(number * (SIDE + GAP), *view)]
    width = len(views) * (SIDE + GAP) - GAP
    return markdown(frame(SIDE + TOP, [*_legend(groups), *parts], max(width, SIDE)), about)


def _map(left: float, name: str, vectors: Floats, group: NDArray[np.int64]) -> list[str]:
    sound = np.isfinite(vectors).all(1)
    chosen = np.flatnonzero(sound)[:: max(1, -(-int(sound.sum()) // MOST))]
    if len(chosen) < 3:
        return [text(left, TOP - 6, f"{name}: under 3 vectors")]
    places, held = layout(vectors[chosen])
    pixels = np.round((places + 1) * (SIDE - 8) / 2 + 4).astype(int)
    points = [
        (group[chosen] == number, COLOURS[number] if number >= 0 else FAINT)
        for number in range(-1, len(COLOURS) - 1)
    ]
    dots = [
        strokes(_dots(pixels[own], left), colour, 4, " stroke-linecap='round' stroke-opacity='.7'")
        for own, colour in points
    ]
    return [text(left, TOP - 6, f"{name}: {held:.0%} of the variance"), *dots]


def _dots(pixels: NDArray[np.int_], left: float) -> str:
    """Lines of no length, which round ends make dots."""
    return "".join(f"M{x + left:g} {y + TOP}h0" for x, y in pixels)


def _legend(groups: Sequence[str]) -> list[str]:
    said, x = [], 0.0
    for colour, name in zip(COLOURS[:-1], groups, strict=False):
        said.append(text(x, 10, name, colour))
        x += 7 * len(name) + 10
    return [*said, text(x, 10, "other", FAINT)] if groups else []
